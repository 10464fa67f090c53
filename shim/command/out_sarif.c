/* out_sarif.c: SARIF 2.1.0, which code hosts and editors show at the line of Python. A site that
 * breaks a rule is a result; the code flow goes from libc outwards. So is a function whose calls
 * were kept waiting for the GIL, which lies in no line. */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "compiler.h"
#include "err.h"
#include "finding.h"
#include "out.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY)
#define SCHEMA                                                                \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/" \
	"sarif-schema-2.1.0.json"
#define ROOT "%SRCROOT%"
#define SECOND_NS 1000000000u

/* ---- building values ---- */

/* json_pack() of texts that are UTF-8 can only fail for want of memory. */
static json_t *pack(const char *format, ...)
{
	va_list list;
	json_t *made;

	va_start(list, format);
	made = json_vpack_ex(NULL, 0, format, list);
	va_end(list);
	if (!made)
		gs_out_of_memory();
	return made;
}

static void push(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		gs_out_of_memory();
}

static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		gs_out_of_memory();
}

static json_int_t number(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (json_int_t) value;
}

/* ---- places ---- */

/* A path as a URI (RFC 3986): absolute, or from the root; the caller frees. */
static char *make_uri(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/";
	const char *scheme = *path == '/' ? "file://" : "";
	char *uri = gs_alloc(strlen(scheme) + 3 * strlen(path) + 1, 1);
	char *to = stpcpy(uri, scheme);

	for (; *path; path++) {
		if (strchr(plain, *path))
			*to++ = *path;
		else
			to += sprintf(to, "%%%02X", (unsigned) (unsigned char) *path);
	}
	return uri;
}

/* NULL if there is no file to show. */
static json_t *physical(const char *file, uint32_t line, const char *root)
{
	const char *path;
	json_t *made;
	char *uri;

	if (!gs_finding_is_file(file))
		return NULL;
	path = gs_finding_relative(file, root);
	uri = make_uri(path);
	made = pack("{s:{s:s,s:s*}}", "artifactLocation", "uri", uri, "uriBaseId",
		*path == '/' ? NULL : ROOT);
	free(uri);
	if (line)
		put(made, "region", pack("{s:I}", "startLine", (json_int_t) line));
	return made;
}

/* `scope`: the object of a function, or NULL. */
static json_t *logical(const char *scope, const char *function)
{
	char *name = NULL;
	json_t *made;

	if (!scope && !function)
		return NULL;
	if (scope && function && asprintf(&name, "%s!%s", scope, function) < 0)
		gs_out_of_memory();
	made = pack("[{s:s,s:s,s:s}]", "name", function ? function : scope, "fullyQualifiedName",
		name ? name : (function ? function : scope), "kind",
		function ? "function" : "module");
	free(name);
	return made;
}

static json_t *python_location(const struct gs_view_line *line, const char *root)
{
	return pack("{s:o*,s:o*}", "physicalLocation", physical(line->file, line->line, root),
		"logicalLocations", logical(NULL, line->function));
}

/* ---- a result ---- */

static void push_step(json_t *steps, json_t *location, const char *said)
{
	put(location, "message", pack("{s:s}", "text", said ? said : "?"));
	push(steps, pack("{s:o}", "location", location));
}

/* `line`: NULL where it is not known. */
static void push_native(
	json_t *steps, struct gs_place place, const struct gs_symbol_line *line, const char *root)
{
	const char *symbol = line && line->inlined ? line->inlined : place.symbol;
	json_t *location = pack("{s:o*,s:o*}", "physicalLocation",
		line ? physical(line->file, line->line, root) : NULL, "logicalLocations",
		logical(place.object, symbol));

	push_step(steps, location, symbol ? symbol : place.object);
}

static void push_frame(
	json_t *steps, struct gs_view *view, const struct gs_view_frame *frame, const char *root)
{
	struct gs_place place = gs_view_place(view, frame);
	const struct gs_symbol_line *lines = NULL;
	size_t count = gs_view_lines(view, frame, &lines);

	for (size_t i = 0; i < count; i++)
		push_native(steps, place, &lines[i], root);
	if (count == 0)
		push_native(steps, place, NULL, root);
}

static json_t *code_flows(struct gs_view *view, const struct gs_view_site *site, const char *root)
{
	const char *call = site->key.call ? site->key.call : "?";
	json_t *steps = pack("[]");

	if (site->key.kind == GS_KIND_CALL)
		push_step(steps, pack("{s:o}", "logicalLocations", logical("libc", call)), call);
	for (unsigned i = 0; i < site->depth_native; i++)
		push_frame(steps, view, &site->native[i], root);
	for (unsigned i = 0; i < site->depth_python; i++)
		push_step(steps, python_location(&site->python[i], root), site->python[i].function);
	return pack("[{s:[{s:o}]}]", "threadFlows", "locations", steps);
}

static json_t *properties(const struct gs_finding *finding)
{
	static const char *const origins[GS_ORIGINS] = {
		"extension", "interpreter", "startup", "shutdown"};
	const struct gs_view_site *site = finding->site;
	json_t *made;

	made = pack("{s:s,s:s,s:s*,s:s*,s:s*,s:I,s:I,s:I,s:I,s:I}", "origin",
		origins[site->key.origin], "call", finding->what, "extension",
		finding->extension.object, "distribution", finding->owner.distribution, "version",
		finding->owner.version, "calls", number(site->calls), "blocked_calls",
		number(site->blocked_calls), "blocked_ns", number(site->blocked_ns), "worst_ns",
		number(site->worst_ns), "stalled_ns", number(site->stalled_ns));
	if (site->key.kind == GS_KIND_COMPUTE) {
		json_object_del(made, "call");
		put(made, "elapsed_ns", pack("I", number(site->elapsed_ns)));
		if (site->thread)
			put(made, "thread", pack("s", site->thread));
	}
	return made;
}

static int rule_index(const struct gs_rule_text *rule)
{
	return (int) (rule - gs_finding_rule(GS_RULE_HELD_BLOCKED));
}

/* Where any result says what suppresses it, all must: an empty list says that nothing does. */
static void put_suppressions(
	json_t *result, const struct gs_view *view, const struct gs_suppression_use *use)
{
	json_t *list;

	if (!view->suppressions)
		return;
	list = pack("[]");
	if (use)
		push(list, pack("{s:s,s:s,s:s,s:{s:s,s:s}}", "kind", "external", "status",
				   "accepted", "justification", use->reason, "properties", "origin",
				   use->origin, "rule", use->rule));
	put(result, "suppressions", list);
}

static json_t *result(struct gs_view *view, const struct gs_finding *finding, const char *root)
{
	const struct gs_view_site *site = finding->site;
	const struct gs_view_line line = {site->key.file, site->key.function, site->key.line};
	char *message;
	json_t *made;

	if (asprintf(&message, "%s: %s", finding->numbers, finding->chain) < 0)
		gs_out_of_memory();
	made = pack("{s:s,s:i,s:s,s:{s:s},s:[o],s:{s:s},s:o,s:o}", "ruleId", finding->rule->id,
		"ruleIndex", rule_index(finding->rule), "level", finding->level, "message", "text",
		message, "locations", python_location(&line, root), "partialFingerprints",
		"gilshimSite/v1", finding->id, "codeFlows", code_flows(view, site, root),
		"properties", properties(finding));
	free(message);
	if (site->calls)
		put(made, "occurrenceCount", json_integer(number(site->calls)));
	put_suppressions(made, view, finding->suppression);
	return made;
}

static json_t *delay_result(const struct gs_view *view, const struct gs_delay_finding *finding)
{
	const struct gs_view_delay *delay = finding->delay;
	json_t *made;

	made = pack("{s:s,s:i,s:s,s:{s:s},s:[{s:o}],s:{s:s},s:{s:s,s:I,s:I,s:I,s:I}}", "ruleId",
		finding->rule->id, "ruleIndex", rule_index(finding->rule), "level",
		finding->rule->level, "message", "text", finding->words, "locations",
		"logicalLocations", logical("libc", finding->call), "partialFingerprints",
		"gilshimSite/v1", finding->id, "properties", "call", finding->call, "calls",
		number(delay->calls), "delayed", number(delay->delayed), "waited_ns",
		number(delay->wait_ns), "waited_worst_ns", number(delay->wait_worst_ns));
	put_suppressions(made, view, NULL);
	return made;
}

/* ---- the run ---- */

static json_t *rule(const struct gs_rule_text *text)
{
	return pack("{s:s,s:s,s:{s:s},s:{s:s},s:{s:s}}", "id", text->id, "name", text->name,
		"shortDescription", "text", text->summary, "help", "text", text->help,
		"defaultConfiguration", "level", text->level);
}

static json_t *rules(void)
{
	json_t *list = pack("[]");

	for (int i = 0; i < GS_FINDING_RULES; i++)
		push(list, rule(gs_finding_rule(GS_RULE_HELD_BLOCKED) + i));
	return list;
}

/* "2023-11-14T22:13:20.123Z" */
static json_t *moment(uint64_t realtime_ns)
{
	time_t seconds = (time_t) (realtime_ns / SECOND_NS);
	char date[32], text[64];
	struct tm tm;

	if (realtime_ns == 0 || !gmtime_r(&seconds, &tm))
		return NULL;
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03uZ", date,
		(unsigned) (realtime_ns % SECOND_NS / 1000000));
	return pack("s", text);
}

static json_t *arguments(const char *argv)
{
	json_t *list = pack("[]");

	while (argv && *argv) {
		size_t length = strcspn(argv, "\n");

		push(list, pack("s%", argv, length));
		argv += length + (argv[length] == '\n');
	}
	return list;
}

/* A process whose end was not seen may have done more than its record says. */
static json_t *invocation(const struct gs_process *process)
{
	const char *ended = process->ended ? process->ended : "lost";
	bool whole = strcmp(ended, "signal") != 0 && strcmp(ended, "lost") != 0;
	uint64_t start = process->start_realtime_ns;
	json_t *list = arguments(process->argv);
	json_t *made = pack("{s:b,s:i,s:o*,s:{s:s,s:s*,s:s*}}", "executionSuccessful", whole,
		"processId", (int) process->pid, "startTimeUtc", moment(start), "properties",
		"ended", ended, "python", process->python_version, "implementation",
		process->implementation);

	if (process->wall_ns && start) {
		gs_sum(&start, process->wall_ns);
		put(made, "endTimeUtc", moment(start));
	}
	if (json_array_size(list) > 0) {
		char *uri = make_uri(json_string_value(json_array_get(list, 0)));

		put(made, "executableLocation", pack("{s:s}", "uri", uri));
		json_array_remove(list, 0);
		free(uri);
	}
	put(made, "arguments", list);
	return made;
}

/* What a reader must know before "no result" means "clean". */
static json_t *notifications(const struct gs_view *view)
{
	const struct gs_totals *totals = &view->totals;
	json_t *list = pack("[]");
	uint64_t unknown = 0;
	char text[160];

	for (size_t i = 0; i < view->function_count; i++)
		gs_sum(&unknown, view->functions[i].unknown);
	if (unknown) {
		snprintf(text, sizeof(text), "%" PRIu64 " calls could not be judged", unknown);
		push(list, pack("{s:s,s:{s:s}}", "level", "warning", "message", "text", text));
	}
	if (totals->lost_sites | totals->lost_threads | totals->lost_strings |
		totals->lost_modules) {
		snprintf(text, sizeof(text),
			"did not fit into the record: sites of %" PRIu64 " calls, %" PRIu64
			" threads, %" PRIu64 " names, %" PRIu64 " objects",
			totals->lost_sites, totals->lost_threads, totals->lost_strings,
			totals->lost_modules);
		push(list, pack("{s:s,s:{s:s}}", "level", "warning", "message", "text", text));
	}
	return list;
}

static json_t *invocations(const struct gs_view *view)
{
	json_t *list = pack("[]");

	for (size_t i = 0; i < view->process_count; i++)
		push(list, invocation(&view->processes[i]));
	if (view->process_count > 0)
		put(json_array_get(list, 0), "toolExecutionNotifications", notifications(view));
	return list;
}

static void write_value(FILE *stream, json_t *value)
{
	/* A write error stays in the stream, where the caller looks for it. */
	if (json_dumpf(value, stream, DUMP_FLAGS) != 0 && !ferror(stream))
		gs_out_of_memory();
	json_decref(value);
}

static void write_head(FILE *stream, const struct gs_view *view, const char *root)
{
	char *uri = root ? make_uri(root) : NULL;

	fprintf(stream, "{\"$schema\":\"%s\",\"version\":\"2.1.0\",\"runs\":[{\n\"tool\":", SCHEMA);
	write_value(stream, pack("{s:{s:s,s:s,s:o}}", "driver", "name", "gilshim", "version",
				    GS_VERSION, "rules", rules()));
	if (uri) {
		fputs(",\n\"originalUriBaseIds\":", stream);
		write_value(stream, pack("{s:{s:s}}", ROOT, "uri", uri));
	}
	fputs(",\n\"columnKind\":\"unicodeCodePoints\",\n\"invocations\":", stream);
	write_value(stream, invocations(view));
	free(uri);
}

void gs_out_sarif(FILE *stream, struct gs_view *view)
{
	uint32_t *order = gs_view_ranked(view);
	char *root = gs_finding_root();
	struct gs_finding finding;
	uint32_t *delays;
	size_t delay_count;
	bool first = true;

	gs_view_look_up(view, GS_LOOKUP_LINES);
	write_head(stream, view, root);
	fputs(",\n\"results\":[", stream);
	for (size_t i = 0; i < view->site_count; i++) {
		if (!gs_finding_make(&finding, view, &view->sites[order[i]]))
			continue;
		fputs(first ? "\n" : ",\n", stream);
		first = false;
		write_value(stream, result(view, &finding, root));
	}
	delays = gs_finding_delays(view, &delay_count);
	for (size_t i = 0; i < delay_count; i++) {
		struct gs_delay_finding delay;

		gs_finding_make_delay(&delay, view, &view->delays[delays[i]]);
		fputs(first ? "\n" : ",\n", stream);
		first = false;
		write_value(stream, delay_result(view, &delay));
	}
	fputs("]\n}]}\n", stream);
	free(delays);
	free(root);
	free(order);
}
