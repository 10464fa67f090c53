/* out_json.c: the schema gilshim-report/1. An absent member means "not known".
 *
 * Processes, functions and sites are made and written one by one, each on a line of its own: a
 * report may be larger than the memory one wants to spend, and lines can be searched. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compiler.h"
#include "err.h"
#include "escape.h"
#include "out.h"
#include "out_json_waits.h"
#include "out_site.h"
#include "owner.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY)

/* ---- building values ---- */

static json_t *there(json_t *value)
{
	if (!value)
		gs_out_of_memory();
	return value;
}

static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, there(value)) != 0)
		gs_out_of_memory();
}

static void push(json_t *array, json_t *value)
{
	if (json_array_append_new(array, there(value)) != 0)
		gs_out_of_memory();
}

static json_t *object(void)
{
	return there(json_object());
}

static json_t *array(void)
{
	return there(json_array());
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t) value);
}

static void put_number(json_t *to, const char *key, uint64_t value)
{
	put(to, key, number(value));
}

static void put_known(json_t *to, const char *key, uint64_t value)
{
	if (value)
		put_number(to, key, value);
}

static void put_text(json_t *to, const char *key, const char *text)
{
	if (text)
		put(to, key, json_string(text));
}

/* Texts of the pool are UTF-8, so this cannot fail for want of it. */
static json_t *arguments(const char *argv)
{
	json_t *list = array();

	while (argv && *argv) {
		size_t length = strcspn(argv, "\n");

		push(list, json_stringn(argv, length));
		argv += length + (argv[length] == '\n');
	}
	return list;
}

/* ---- the parts ---- */

static json_t *process_object(const struct gs_process *process)
{
	json_t *made = object();
	json_t *python = object();

	put_number(made, "pid", process->pid);
	put_number(made, "ppid", process->ppid);
	if (process->argv)
		put(made, "argv", arguments(process->argv));
	put_text(python, "version", process->python_version);
	put_text(python, "implementation", process->implementation);
	put(python, "free_threaded", json_boolean(process->free_threaded));
	put_known(python, "interpreters", process->interpreters);
	put(made, "python", python);
	put_number(made, "threads", process->threads);
	put_known(made, "wall_ns", process->wall_ns);
	put_text(made, "ended", process->ended);
	return made;
}

static json_t *calls_object(uint64_t calls)
{
	json_t *made = object();

	put_number(made, "calls", calls);
	return made;
}

static json_t *totals_object(const struct gs_view *view)
{
	uint64_t held = 0, ns = 0, worst = 0, released = 0, unknown = 0, none = 0;
	uint64_t blocked_calls = 0, blocked_ns = 0, stalled_ns = 0;
	json_t *made = object(), *part = object(), *lost = object();
	size_t i;

	for (i = 0; i < view->function_count; i++) {
		const struct gs_view_function *function = &view->functions[i];

		gs_sum(&held, function->held);
		gs_sum(&ns, function->held_ns);
		gs_sum(&released, function->released);
		gs_sum(&unknown, function->unknown);
		gs_sum(&none, function->none);
		if (function->worst_ns > worst)
			worst = function->worst_ns;
	}
	for (i = 0; i < view->site_count; i++) {
		if (view->sites[i].key.kind != GS_KIND_CALL)
			continue;
		gs_sum(&blocked_calls, view->sites[i].blocked_calls);
		gs_sum(&blocked_ns, view->sites[i].blocked_ns);
		gs_sum(&stalled_ns, view->sites[i].stalled_ns);
	}
	put_number(part, "calls", held);
	put_number(part, "harmless", view->totals.harmless);
	put_number(part, "ns", ns);
	put_number(part, "blocked_calls", blocked_calls);
	put_number(part, "blocked_ns", blocked_ns);
	put_number(part, "worst_ns", worst);
	put_number(part, "stalled_ns", stalled_ns);
	put(made, "held", part);
	put(made, "released", calls_object(released));
	put(made, "unknown", calls_object(unknown));
	put(made, "none", calls_object(none));
	put_number(lost, "sites", view->totals.lost_sites);
	put_number(lost, "threads", view->totals.lost_threads);
	put_number(lost, "strings", view->totals.lost_strings);
	put_number(lost, "modules", view->totals.lost_modules);
	put(made, "lost", lost);
	return made;
}

static json_t *function_object(const struct gs_view_function *function, bool timing_all)
{
	json_t *made = object(), *held = object(), *released = object();

	put_text(made, "call", function->call ? function->call : "?");
	put_text(made, "group", function->group);
	put_number(held, "calls", function->held);
	put_number(held, "ns", function->held_ns);
	put_number(held, "worst_ns", function->worst_ns);
	put_number(held, "slept", function->slept);
	put(made, "held", held);
	put_number(released, "calls", function->released);
	if (timing_all) {
		put_number(released, "ns", function->released_ns);
		put_number(released, "worst_ns", function->released_worst_ns);
	}
	put(made, "released", released);
	put(made, "unknown", calls_object(function->unknown));
	put(made, "none", calls_object(function->none));
	return made;
}

static void put_build_id(json_t *to, const struct gs_module_key *module)
{
	char digits[2 * sizeof(module->build_id) + 1];

	if (module->build_id_size == 0)
		return;
	for (size_t i = 0; i < module->build_id_size; i++)
		snprintf(digits + 2 * i, 3, "%02x", module->build_id[i]);
	put_text(to, "build_id", digits);
}

/* `line`: NULL where it is not known. */
static json_t *native_object(const struct gs_view *view, const struct gs_view_frame *frame,
	struct gs_place place, const struct gs_symbol_line *line)
{
	json_t *made = object();

	put_text(made, "object", place.object);
	put_text(made, "symbol", line && line->inlined ? line->inlined : place.symbol);
	put_number(made, "offset", frame->address);
	if (frame->module != GS_NONE)
		put_build_id(made, &view->modules[frame->module].key);
	put_text(made, "file", line ? line->file : NULL);
	put_known(made, "line", line ? line->line : 0);
	if (line && line->inlined)
		put(made, "inlined", json_true());
	return made;
}

static json_t *native_array(struct gs_view *view, const struct gs_view_site *site)
{
	json_t *list = array();

	for (unsigned i = 0; i < site->depth_native; i++) {
		const struct gs_view_frame *frame = &site->native[i];
		struct gs_place place = gs_view_place(view, frame);
		const struct gs_symbol_line *lines = NULL;
		size_t count = gs_view_lines(view, frame, &lines);

		for (size_t j = 0; j < count; j++)
			push(list, native_object(view, frame, place, &lines[j]));
		if (count == 0)
			push(list, native_object(view, frame, place, NULL));
	}
	return list;
}

static json_t *python_array(const struct gs_view_site *site)
{
	json_t *list = array();

	for (unsigned i = 0; i < site->depth_python; i++) {
		json_t *made = object();

		put_text(made, "file", site->python[i].file);
		put_known(made, "line", site->python[i].line);
		put_text(made, "function", site->python[i].function);
		push(list, made);
	}
	return list;
}

static json_t *progress_array(const struct gs_view_site *site)
{
	json_t *list = array();

	for (size_t i = 0; i < site->progress_count; i++) {
		const struct gs_in_progress *progress = &site->progress[i];
		json_t *made = object();

		put_number(made, "pid", progress->pid);
		put_number(made, "tid", progress->tid);
		put_text(made, "thread", progress->thread);
		put_number(made, "since_ns", progress->since_ns);
		if (progress->known)
			put_number(made, "elapsed_ns", progress->elapsed_ns);
		push(list, made);
	}
	return list;
}

static json_t *pids_array(struct gs_view_pids *pids)
{
	json_t *list = array();

	gs_view_sort_pids(pids);
	for (size_t i = 0; i < pids->count; i++)
		push(list, number(pids->list[i]));
	return list;
}

/* Who was stalled; absent where nobody was. */
static void put_stalled(json_t *made, const struct gs_view_site *site)
{
	json_t *stalled = object(), *names = array();

	put_known(stalled, "threads", site->stalled_threads);
	for (unsigned i = 0; i < GS_VICTIMS && site->victims[i]; i++)
		push(names, json_string(site->victims[i]));
	if (json_array_size(names) > 0)
		put(stalled, "names", names);
	else
		json_decref(names);
	if (json_object_size(stalled) > 0)
		put(made, "stalled", stalled);
	else
		json_decref(stalled);
}

static void put_numbers(json_t *made, const struct gs_view_site *site)
{
	bool is_call = site->key.kind == GS_KIND_CALL;
	json_t *histogram = array();

	put_number(made, "calls", site->calls);
	if (is_call)
		put_number(made, "slept", site->slept);
	put_number(made, "elapsed_ns", site->elapsed_ns);
	put_number(made, "worst_ns", site->worst_ns);
	if (is_call) {
		put_number(made, "blocked_calls", site->blocked_calls);
		put_number(made, "blocked_ns", site->blocked_ns);
	}
	put_number(made, "stalled_ns", site->stalled_ns);
	put_stalled(made, site);
	for (unsigned i = 0; i < GS_HIST_BUCKETS; i++)
		push(histogram, number(site->histogram[i]));
	put(made, "histogram", histogram);
}

static void put_owner(json_t *to, struct gs_owner owner)
{
	put_text(to, "distribution", owner.distribution);
	put_text(to, "version", owner.version);
}

static void put_call(json_t *made, const struct gs_view_site *site)
{
	static const char *const classes[GS_CLASSES] = {"never", "disk", "wait"};

	put_text(made, "call", site->key.call ? site->key.call : "?");
	put_text(made, "bound", site->key.bound);
	put_text(made, "class", classes[site->class]);
	put(made, "at_most", json_boolean(site->key.at_most));
}

/* A call site, or a place that computes. */
static json_t *site_object(struct gs_view *view, struct gs_view_site *site)
{
	static const char *const origins[GS_ORIGINS] = {
		"extension", "interpreter", "startup", "shutdown"};
	struct gs_place innermost = gs_view_innermost(view, site);
	struct gs_place extension = gs_view_extension(view, site);
	json_t *made = object(), *part = object();
	char id[GS_SITE_ID];

	gs_site_id(id, view, site);
	put_text(made, "id", id);
	put_text(made, "rule", gs_rank_rule_name(gs_view_rule(site)));
	put_text(made, "origin", origins[site->key.origin]);
	if (site->key.kind == GS_KIND_CALL)
		put_call(made, site);
	else
		put_text(made, "thread", site->thread);
	put_numbers(made, site);
	put_text(made, "object", innermost.object);
	put_text(made, "symbol", innermost.symbol);
	put_text(part, "object", extension.object);
	put_text(part, "symbol", extension.symbol);
	put_owner(part, gs_owner_find(view, site));
	if (extension.object)
		put(made, "extension", part);
	else
		json_decref(part);
	put(made, "native", native_array(view, site));
	put(made, "python", python_array(site));
	if (site->progress_count)
		put(made, "in_progress", progress_array(site));
	put(made, "pids", pids_array(&site->pids));
	put_text(made, "suppressed_by", site->suppressed_by);
	return made;
}

static json_t *suppressions_array(const struct gs_view *view)
{
	json_t *list = array();

	for (size_t i = 0; i < view->suppression_count; i++) {
		const struct gs_suppression_use *use = &view->suppressions[i];
		json_t *made = object();

		put_text(made, "rule", use->rule);
		put_text(made, "origin", use->origin);
		put_number(made, "hits", use->hits);
		put(made, "expired", json_boolean(use->expired));
		push(list, made);
	}
	return list;
}

static json_t *escapes_array(const struct gs_view *view)
{
	struct gs_escapes escapes = {.list = NULL};
	json_t *list;

	gs_escapes_add_view(&escapes, view);
	list = gs_escapes_json(&escapes);
	gs_escapes_free(&escapes);
	return list;
}

/* ---- the document ---- */

static void write_value(FILE *stream, json_t *value)
{
	/* A write error stays in the stream, where the caller looks for it. */
	if (json_dumpf(there(value), stream, DUMP_FLAGS) != 0 && !ferror(stream))
		gs_out_of_memory();
	json_decref(value);
}

static void write_member(FILE *stream, const char *key, json_t *value)
{
	fprintf(stream, ",\n\"%s\": ", key);
	write_value(stream, value);
}

static void begin_list(FILE *stream, const char *key)
{
	fprintf(stream, ",\n\"%s\": [", key);
}

static void write_entry(FILE *stream, size_t index, json_t *value)
{
	fputs(index ? ",\n" : "\n", stream);
	write_value(stream, value);
}

static void end_list(FILE *stream)
{
	fputs("]", stream);
}

/* From the start of the first process to the end of the last. */
static uint64_t wall_ns(const struct gs_view *view)
{
	const struct gs_process *first = gs_view_first_process(view);
	uint64_t wall = 0;

	for (size_t i = 0; i < view->process_count; i++) {
		const struct gs_process *process = &view->processes[i];
		uint64_t end = process->start_realtime_ns - first->start_realtime_ns;

		gs_sum(&end, process->wall_ns);
		if (process->wall_ns && end > wall)
			wall = end;
	}
	return wall;
}

static void write_head(FILE *stream, const struct gs_view *view)
{
	const struct gs_process *first = gs_view_first_process(view);
	uint64_t wall = wall_ns(view);

	fputs("{\n\"schema\": \"gilshim-report/1\"", stream);
	write_member(stream, "gilshim", json_string(GS_VERSION));
	if (first && first->argv)
		write_member(stream, "command", arguments(first->argv));
	if (wall)
		write_member(stream, "wall_ns", number(wall));
}

static int compare_functions(const void *a, const void *b)
{
	const char *left = ((const struct gs_view_function *) a)->call;
	const char *right = ((const struct gs_view_function *) b)->call;

	return strcmp(left ? left : "", right ? right : "");
}

static void write_functions(FILE *stream, const struct gs_view *view)
{
	size_t count = view->function_count;
	struct gs_view_function *sorted = gs_alloc(count, sizeof(*sorted));

	if (count)
		memcpy(sorted, view->functions, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_functions);
	begin_list(stream, "functions");
	for (size_t i = 0; i < count; i++)
		write_entry(stream, i, function_object(&sorted[i], view->totals.timing_all));
	end_list(stream);
	free(sorted);
}

/* Returns how many there are. */
static size_t write_sites(
	FILE *stream, struct gs_view *view, const uint32_t *order, enum gs_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < view->site_count; i++) {
		struct gs_view_site *site = &view->sites[order[i]];

		if (site->key.kind == kind)
			write_entry(stream, count++, site_object(view, site));
	}
	return count;
}

void gs_out_json(FILE *stream, struct gs_view *view)
{
	uint32_t *order = gs_view_ranked(view);
	size_t i;

	gs_view_look_up(view, GS_LOOKUP_ALL);
	write_head(stream, view);
	begin_list(stream, "processes");
	for (i = 0; i < view->process_count; i++)
		write_entry(stream, i, process_object(&view->processes[i]));
	end_list(stream);
	write_member(stream, "totals", totals_object(view));
	write_functions(stream, view);
	begin_list(stream, "sites");
	write_sites(stream, view, order, GS_KIND_CALL);
	end_list(stream);
	begin_list(stream, "stalls");
	gs_out_json_delays(stream, view, write_sites(stream, view, order, GS_KIND_COMPUTE));
	end_list(stream);
	gs_out_json_waits(stream, view);
	write_member(stream, "suppressions", suppressions_array(view));
	write_member(stream, "escapes", escapes_array(view));
	fputs("\n}\n", stream);
	free(order);
}
