/* diff.c: `gilshim diff`, two runs side by side. */
#include <argp.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "arguments.h"
#include "baseline.h"
#include "command.h"
#include "compiler.h"
#include "err.h"
#include "out_file.h"
#include "paths.h"
#include "policy.h"
#include "text.h"

#define LINE_MAX_BYTES 8192

/* In the order in which they are printed. */
static const struct {
	enum gs_change change;
	const char *name;
} kinds[] = {
	{GS_CHANGE_NEW, "new"},
	{GS_CHANGE_WORSE, "worse"},
	{GS_CHANGE_BETTER, "better"},
	{GS_CHANGE_GONE, "gone"},
};

struct diff {
	struct gs_arguments_list paths; /* GS_SIDES */
	struct gs_baseline compared;
	size_t changes[GS_CHANGES];
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	static const char question[] = "expected two runs, OLD and NEW";
	struct diff *diff = state->input;

	if (key == ARGP_KEY_END && diff->paths.count != GS_SIDES)
		gs_arguments_error(state, "%s", question);
	return gs_arguments_take(&diff->paths, key, argument, state, question);
}

const struct argp gs_diff_argp = {
	.parser = parse,
	.args_doc = "OLD NEW",
	.doc = "Says what is new, worse, better or gone in NEW. Each is a record file, a directory "
	       "of them, or a report in JSON."
	       "\v"
	       "Worse is more than twice the blocked time a call and at least 1 ms more of it; or "
	       "of the worst call, and at least 100 ms more; or a more severe rule by a call that "
	       "blocked for at least 1 ms, or by any that can wait for others where there was "
	       "none. Better is the same the other way round. Sites are the same if call, "
	       "extension, its function, Python "
	       "file and function are; places that compute (GIL003), if Python file and function "
	       "are. Exit status: 0 same or better, 1 something is new or worse, "
	       "2 something could not be read, or nothing was judged in it.\n\n"
	       "Examples:\n\n"
	       "  gilshim run -o before -- python3 app.py\n"
	       "  gilshim run -o after -- python3 app.py\n"
	       "  gilshim diff before after",
};

/* ---- reading ---- */

/* A report begins with a brace, a record never does. */
static bool is_json(const char *path)
{
	size_t length = strlen(path);
	struct stat file;
	FILE *stream;
	int c;

	if (stat(path, &file) < 0 || !S_ISREG(file.st_mode))
		return false;
	if (length > 5 && strcmp(path + length - 5, ".json") == 0)
		return true;
	stream = fopen(path, "re");
	if (!stream)
		return false;
	do
		c = getc(stream);
	while (isspace(c));
	fclose(stream);
	return c == '{';
}

static bool read_records(struct diff *diff, enum gs_side side)
{
	struct gs_paths read;
	bool good;

	memset(&read, 0, sizeof(read));
	gs_paths_add(&read, diff->paths.items[side]);
	gs_view_look_up(&read.view, GS_LOOKUP_NAMES);
	gs_baseline_add(&diff->compared, side, &read.view);
	good = !read.unreadable && !read.empty;
	gs_paths_free(&read);
	return good;
}

static bool read_side(struct diff *diff, enum gs_side side)
{
	const char *path = diff->paths.items[side];

	if (is_json(path)) {
		if (!gs_baseline_read(&diff->compared, side, path))
			return false;
	} else if (!read_records(diff, side)) {
		return false;
	}
	if (diff->compared.judged[side] > 0)
		return true;
	gs_warn("%s: nothing was judged in this run", path);
	return false;
}

/* ---- writing ---- */

static void put_measure(struct gs_text *text, const struct gs_measure *measure)
{
	const char *rule = gs_rank_rule_name(measure->rule);

	gs_text_put(text, rule ? rule : "no rule");
	gs_text_put(text, ", ");
	if (measure->rule == GS_RULE_HELD_COMPUTE)
		gs_text_count(text, measure->calls, "stretch, ", "stretches, ");
	else
		gs_text_count(text, measure->calls, "call, ", "calls, ");
	gs_text_duration(text, measure->calls ? measure->blocked_ns / measure->calls : 0);
	gs_text_put(text, measure->rule == GS_RULE_HELD_COMPUTE ? " each" : " blocked each");
	if (measure->calls > 1 && gs_measure_worst(measure)) {
		gs_text_put(text, " (worst ");
		gs_text_duration(text, gs_measure_worst(measure));
		gs_text_char(text, ')');
	}
}

static void put_names(struct gs_text *text, const struct gs_compared_key *key)
{
	gs_text_name(text, key->call, 256);
	if (key->object) {
		gs_text_put(text, " < ");
		gs_text_name(text, key->object, 256);
	}
	if (key->symbol) {
		gs_text_char(text, '!');
		gs_text_name(text, key->symbol, 1024);
	}
	if (key->file || key->function) {
		gs_text_put(text, " < ");
		gs_text_name(text, key->file ? key->file : "?", 4096);
	}
	if (key->function) {
		gs_text_put(text, " in ");
		gs_text_name(text, key->function, 1024);
	}
}

static void write_entry(FILE *stream, const char *kind, const struct gs_compared *entry)
{
	char buffer[LINE_MAX_BYTES];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	put_names(&text, &entry->key);
	fprintf(stream, "%-6s %s\n       ", kind, buffer);
	gs_text_init(&text, buffer, sizeof(buffer));
	if (entry->side[GS_OLD].calls) {
		gs_text_put(&text, "was ");
		put_measure(&text, &entry->side[GS_OLD]);
	}
	if (entry->side[GS_OLD].calls && entry->side[GS_NEW].calls)
		gs_text_put(&text, "; ");
	if (entry->side[GS_NEW].calls) {
		gs_text_put(&text, "is ");
		put_measure(&text, &entry->side[GS_NEW]);
	}
	fprintf(stream, "%s\n", buffer);
}

static void write_diff(FILE *stream, void *context)
{
	struct diff *diff = context;

	for (size_t kind = 0; kind < GS_ARRAY_SIZE(kinds); kind++) {
		for (size_t i = 0; i < diff->compared.count; i++) {
			const struct gs_compared *entry = &diff->compared.entries[i];

			if (gs_baseline_change(entry, GS_POLICY_MIN_BLOCKED_NS) !=
				kinds[kind].change)
				continue;
			diff->changes[kinds[kind].change]++;
			write_entry(stream, kinds[kind].name, entry);
		}
	}
	fprintf(stream, "%zu new, %zu worse, %zu better, %zu gone\n", diff->changes[GS_CHANGE_NEW],
		diff->changes[GS_CHANGE_WORSE], diff->changes[GS_CHANGE_BETTER],
		diff->changes[GS_CHANGE_GONE]);
}

static int run(struct diff *diff)
{
	bool good;

	diff->compared.with_suppressed = true;
	good = read_side(diff, GS_OLD);
	good &= read_side(diff, GS_NEW);
	if (!good || !gs_out_file(NULL, write_diff, diff))
		return GS_EXIT_TROUBLE;
	return diff->changes[GS_CHANGE_NEW] || diff->changes[GS_CHANGE_WORSE] ? GS_POLICY_FINDINGS
									      : GS_EXIT_OK;
}

int gs_command_diff(int argc, char **argv)
{
	struct diff diff;
	int status = GS_EXIT_TROUBLE;

	memset(&diff, 0, sizeof(diff));
	if (argp_parse(&gs_diff_argp, argc, argv, 0, NULL, &diff) == 0)
		status = run(&diff);
	gs_baseline_free(&diff.compared);
	gs_arguments_free(&diff.paths);
	return status;
}
