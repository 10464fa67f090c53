#include "baseline.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler.h"
#include "err.h"
#include "shown.h"

#define SCHEMA "gilshim-report/1"
#define TEXT_LIMIT 4096
#define COMPUTING "computing" /* no call is named so */

/* ---- both sources ---- */

static struct gs_compared *find(struct gs_baseline *baseline, const struct gs_compared_key *from)
{
	struct gs_compared entry;
	uint32_t index;

	memset(&entry, 0, sizeof(entry));
	entry.key.call = gs_pool_text(&baseline->pool, from->call ? from->call : "?", TEXT_LIMIT);
	entry.key.object = gs_pool_text(
		&baseline->pool, gs_shown_object(&baseline->pool, from->object), TEXT_LIMIT);
	/* Reports name no symbol without its object. */
	if (from->object)
		entry.key.symbol = gs_pool_text(&baseline->pool, from->symbol, TEXT_LIMIT);
	entry.key.file = gs_pool_text(&baseline->pool, from->file, TEXT_LIMIT);
	entry.key.function = gs_pool_text(&baseline->pool, from->function, TEXT_LIMIT);
	index = gs_map_find(&baseline->map, baseline->entries, sizeof(entry), &entry.key,
		sizeof(entry.key), (uint32_t) baseline->count);
	if (index == baseline->count) {
		baseline->entries = gs_grow(
			baseline->entries, &baseline->capacity, baseline->count + 1, sizeof(entry));
		baseline->entries[baseline->count++] = entry;
	}
	return &baseline->entries[index];
}

static unsigned severity(enum gs_rule rule)
{
	switch (rule) {
	case GS_RULE_HELD_BLOCKED:
		return 2;
	case GS_RULE_HELD_COULD_BLOCK:
	case GS_RULE_HELD_COMPUTE:
		return 1;
	case GS_RULE_REACQUIRE_DELAY:
	case GS_RULE_NONE:
	default:
		return 0;
	}
}

static void add_to(struct gs_measure *sum, const struct gs_measure *more)
{
	if (severity(sum->rule) < severity(more->rule))
		sum->rule = more->rule;
	if (sum->worst_ns < more->worst_ns)
		sum->worst_ns = more->worst_ns;
	sum->waits |= more->waits;
	gs_sum(&sum->calls, more->calls);
	gs_sum(&sum->blocked_ns, more->blocked_ns);
	gs_sum(&sum->stalled_ns, more->stalled_ns);
}

/* ---- records ---- */

static struct gs_compared *find_site(
	struct gs_baseline *baseline, struct gs_view *view, const struct gs_view_site *site)
{
	struct gs_place extension = gs_view_extension(view, site);
	struct gs_compared_key key = {
		.call = site->key.call,
		.object = extension.object,
		.symbol = extension.symbol,
	};

	if (site->key.kind == GS_KIND_COMPUTE)
		key = (struct gs_compared_key){.call = COMPUTING};
	/* As in the JSON: the innermost line of the stack. */
	if (site->depth_python) {
		key.file = site->python[0].file;
		key.function = site->python[0].function;
	}
	return find(baseline, &key);
}

static bool is_compared(uint32_t origin)
{
	return origin == GS_ORIGIN_EXTENSION || origin == GS_ORIGIN_INTERPRETER;
}

uint64_t gs_baseline_judged(const struct gs_view *view)
{
	uint64_t judged = 0;

	for (size_t i = 0; i < view->function_count; i++) {
		gs_sum(&judged, view->functions[i].held);
		gs_sum(&judged, view->functions[i].released);
	}
	return judged;
}

void gs_baseline_add(struct gs_baseline *baseline, enum gs_side side, struct gs_view *view)
{
	gs_sum(&baseline->judged[side], gs_baseline_judged(view));
	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[i];
		struct gs_measure measure = {
			.rule = gs_view_rule(site),
			.waits = site->class == GS_CLASS_WAIT,
			.calls = site->calls,
			.blocked_ns = site->key.kind == GS_KIND_COMPUTE ? site->elapsed_ns
									: site->blocked_ns,
			.worst_ns = site->worst_ns,
			.stalled_ns = site->stalled_ns,
		};

		if (!is_compared(site->key.origin) ||
			(site->suppressed_by && !baseline->with_suppressed))
			continue;
		add_to(&find_site(baseline, view, site)->side[side], &measure);
	}
}

const struct gs_compared *gs_baseline_find(
	struct gs_baseline *baseline, struct gs_view *view, const struct gs_view_site *site)
{
	return find_site(baseline, view, site);
}

/* ---- JSON ---- */

/* Where in a report we are, for complaints. */
struct place {
	const char *path;
	const char *list; /* "sites", "stalls", "totals" */
	size_t index;
	bool good;
};

static void wrong(struct place *place, const char *member, const char *expected)
{
	/* The first thing wrong says enough. */
	if (!place->good)
		return;
	place->good = false;
	if (strcmp(place->list, "totals") != 0)
		gs_warn("%s: %s[%zu].%s: expected %s", place->path, place->list, place->index,
			member, expected);
	else
		gs_warn("%s: %s.%s: expected %s", place->path, place->list, member, expected);
}

static uint64_t take_number(struct place *place, const json_t *from, const char *member)
{
	const json_t *value = json_object_get(from, member);

	if (json_is_integer(value) && json_integer_value(value) >= 0)
		return (uint64_t) json_integer_value(value);
	wrong(place, member, "a whole number, not negative");
	return 0;
}

/* NULL: absent. */
static const char *take_text(struct place *place, const json_t *from, const char *member)
{
	const json_t *value = json_object_get(from, member);

	if (value && !json_is_string(value))
		wrong(place, member, "a text, or nothing");
	return json_string_value(value);
}

static enum gs_rule take_rule(struct place *place, const json_t *site)
{
	static const enum gs_rule rules[] = {GS_RULE_HELD_BLOCKED, GS_RULE_HELD_COULD_BLOCK};
	const char *name = take_text(place, site, "rule");

	if (!name)
		return GS_RULE_NONE;
	for (size_t i = 0; i < GS_ARRAY_SIZE(rules); i++) {
		if (strcmp(name, gs_rank_rule_name(rules[i])) == 0)
			return rules[i];
	}
	wrong(place, "rule", "GIL001, GIL002 or nothing");
	return GS_RULE_NONE;
}

static void take_line(struct place *place, const json_t *site, struct gs_compared_key *key)
{
	const json_t *python = json_object_get(site, "python");
	const json_t *line = json_array_get(python, 0);

	if (python && !json_is_array(python))
		wrong(place, "python", "a list, or nothing");
	if (line && !json_is_object(line))
		wrong(place, "python[0]", "an object");
	key->file = take_text(place, line, "file");
	key->function = take_text(place, line, "function");
}

static struct gs_compared_key take_key(struct place *place, const json_t *site)
{
	const json_t *extension = json_object_get(site, "extension");
	struct gs_compared_key key = {.call = take_text(place, site, "call")};

	if (!key.call)
		wrong(place, "call", "a text");
	if (extension && !json_is_object(extension))
		wrong(place, "extension", "an object, or nothing");
	key.object = take_text(place, extension, "object");
	key.symbol = take_text(place, extension, "symbol");
	take_line(place, site, &key);
	return key;
}

/* Takes what a site or a place that computes measures, if such are compared. */
static void take_measure(struct gs_baseline *baseline, enum gs_side side, struct place *place,
	const json_t *from, const struct gs_compared_key *key, struct gs_measure *measure)
{
	const char *origin = take_text(place, from, "origin");
	const char *suppressed_by = take_text(place, from, "suppressed_by");

	if (json_object_get(from, "stalled_ns"))
		measure->stalled_ns = take_number(place, from, "stalled_ns");
	if (!origin)
		wrong(place, "origin", "a text");
	if (!place->good || strcmp(origin, "startup") == 0 || strcmp(origin, "shutdown") == 0 ||
		(suppressed_by && !baseline->with_suppressed))
		return;
	add_to(&find(baseline, key)->side[side], measure);
}

static void take_site(
	struct gs_baseline *baseline, enum gs_side side, struct place *place, const json_t *site)
{
	const struct gs_compared_key key = take_key(place, site);
	const char *class = take_text(place, site, "class");
	struct gs_measure measure = {
		.rule = take_rule(place, site),
		.waits = class && strcmp(class, "wait") == 0,
		.calls = take_number(place, site, "calls"),
		.blocked_ns = take_number(place, site, "blocked_ns"),
		.worst_ns = take_number(place, site, "worst_ns"),
	};

	take_measure(baseline, side, place, site, &key, &measure);
}

/* Places that computed; what calls cost until the GIL was back is not compared. */
static void take_stall(
	struct gs_baseline *baseline, enum gs_side side, struct place *place, const json_t *stall)
{
	const char *rule = take_text(place, stall, "rule");
	struct gs_compared_key key = {.call = COMPUTING};
	struct gs_measure measure = {.rule = GS_RULE_HELD_COMPUTE};

	if (!json_is_object(stall))
		wrong(place, "rule", "an object that has one, or not");
	if (!rule || strcmp(rule, gs_rank_rule_name(GS_RULE_HELD_COMPUTE)) != 0)
		return;
	take_line(place, stall, &key);
	measure.calls = take_number(place, stall, "calls");
	measure.blocked_ns = take_number(place, stall, "elapsed_ns");
	measure.worst_ns = take_number(place, stall, "worst_ns");
	take_measure(baseline, side, place, stall, &key, &measure);
}

static bool take_report(
	struct gs_baseline *baseline, enum gs_side side, const char *path, const json_t *report)
{
	const char *schema = json_string_value(json_object_get(report, "schema"));
	const json_t *totals = json_object_get(report, "totals");
	const json_t *sites = json_object_get(report, "sites");
	const json_t *stalls = json_object_get(report, "stalls");
	struct place place = {.path = path, .list = "totals", .good = true};

	if (!schema || strcmp(schema, SCHEMA) != 0) {
		gs_warn("%s: expected a report of schema \"" SCHEMA "\", found %s%s%s", path,
			schema ? "\"" : "", schema ? schema : "none", schema ? "\"" : "");
		return false;
	}
	if (!json_is_array(sites)) {
		gs_warn("%s: sites: expected a list", path);
		return false;
	}
	if (stalls && !json_is_array(stalls)) {
		gs_warn("%s: stalls: expected a list, or nothing", path);
		return false;
	}
	gs_sum(&baseline->judged[side],
		take_number(&place, json_object_get(totals, "held"), "calls"));
	gs_sum(&baseline->judged[side],
		take_number(&place, json_object_get(totals, "released"), "calls"));
	place.list = "sites";
	for (; place.index < json_array_size(sites) && place.good; place.index++)
		take_site(baseline, side, &place, json_array_get(sites, place.index));
	place.list = "stalls";
	for (place.index = 0; place.index < json_array_size(stalls) && place.good; place.index++)
		take_stall(baseline, side, &place, json_array_get(stalls, place.index));
	return place.good;
}

bool gs_baseline_read(struct gs_baseline *baseline, enum gs_side side, const char *path)
{
	FILE *stream = fopen(path, "re");
	struct stat file;
	json_error_t error;
	json_t *report;
	bool good;

	if (!stream || fstat(fileno(stream), &file) < 0 || S_ISDIR(file.st_mode)) {
		gs_warn("%s: %s; expected a report in JSON", path,
			stream ? "is a directory" : strerror(errno));
		if (stream)
			fclose(stream);
		return false;
	}
	report = json_loadf(stream, JSON_REJECT_DUPLICATES, &error);
	fclose(stream);
	if (!report) {
		gs_warn("%s:%d:%d: %s; expected a report in JSON", path, error.line, error.column,
			error.text);
		return false;
	}
	good = take_report(baseline, side, path, report);
	json_decref(report);
	return good;
}

/* ---- comparing ---- */

static double blocked_each(const struct gs_measure *measure)
{
	return measure->calls ? (double) measure->blocked_ns / (double) measure->calls : 0;
}

/* As in policy.h: the worst call need not be one that blocked. */
uint64_t gs_measure_worst(const struct gs_measure *measure)
{
	return measure->worst_ns < measure->blocked_ns ? measure->worst_ns : measure->blocked_ns;
}

/* More than twice as long, and at least `least` longer. */
static bool is_longer(double before, double after, uint64_t least)
{
	return after > 2 * before && after - before >= (double) least;
}

/* That a call can wait for others does not depend on time. Whether one that can not (of a disk) did
 * so this time does: what blocked for a moment may do so in any run. */
static bool breaks_more(
	const struct gs_measure *than, const struct gs_measure *now, uint64_t min_ns)
{
	if (severity(now->rule) <= severity(than->rule))
		return false;
	if (than->rule == GS_RULE_NONE && (now->waits || now->rule == GS_RULE_HELD_COULD_BLOCK))
		return true;
	return is_longer(0, (double) gs_measure_worst(now), min_ns);
}

static bool is_worse(const struct gs_measure *than, const struct gs_measure *now, uint64_t min_ns)
{
	uint64_t worst_min_ns = min_ns > GS_WORST_LONGER_NS ? min_ns : GS_WORST_LONGER_NS;

	return breaks_more(than, now, min_ns) ||
	       is_longer(blocked_each(than), blocked_each(now), min_ns) ||
	       is_longer((double) gs_measure_worst(than), (double) gs_measure_worst(now),
		       worst_min_ns);
}

enum gs_change gs_baseline_change(const struct gs_compared *entry, uint64_t min_ns)
{
	const struct gs_measure *before = &entry->side[GS_OLD], *after = &entry->side[GS_NEW];

	if (before->rule == GS_RULE_NONE && after->rule == GS_RULE_NONE)
		return GS_CHANGE_NONE;
	/* A site without a call was not there. */
	if (before->calls == 0)
		return GS_CHANGE_NEW;
	if (after->calls == 0)
		return GS_CHANGE_GONE;
	if (is_worse(before, after, min_ns))
		return GS_CHANGE_WORSE;
	return is_worse(after, before, min_ns) ? GS_CHANGE_BETTER : GS_CHANGE_NONE;
}

void gs_baseline_free(struct gs_baseline *baseline)
{
	free(baseline->entries);
	gs_map_free(&baseline->map);
	gs_pool_free(&baseline->pool);
}
