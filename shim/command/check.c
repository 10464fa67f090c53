/* check.c: `gilshim check`, the gate: is there a finding that the policy fails on, in records or in
 * a program that it runs? */
#include <argp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "command.h"
#include "err.h"
#include "gate.h"
#include "out_file.h"
#include "owner.h"
#include "paths.h"
#include "run.h"

enum {
	KEY_FAIL_ON = 0x100,
	KEY_ORIGIN,
	KEY_MIN_BLOCKED,
	KEY_MAX_STALLED,
	KEY_SUPPRESSIONS,
	KEY_BASELINE,
	KEY_STRICT,
	KEY_NO_BUILTIN,
	KEY_OUTPUT,
};

struct check {
	struct gs_gate gate;
	bool strict;
	const struct gs_format *format;
	const char *output;             /* of the report; NULL: a standard stream */
	struct gs_arguments_list paths; /* of records, */
	struct gs_run run;              /* or argv of a program */
	char *options;                  /* of the library; NULL: none */

	struct gs_view *view;
	size_t complaints; /* unused and expired suppressions */
	char unknown[128]; /* of how many calls nobody can tell, in words; empty: of none */
	bool trouble;
};

/* ---- arguments ---- */

static error_t parse_policy(int key, char *argument, struct argp_state *state)
{
	static const char duration[] = "a duration such as 5ms";
	static const struct {
		int key;
		const char *name, *expected;
		bool (*set)(struct gs_policy *policy, const char *text);
	} rows[] = {
		{KEY_FAIL_ON, "fail-on", "GIL001, GIL002, GIL003 or several, as GIL001,GIL002",
			gs_policy_set_rules},
		{KEY_ORIGIN, "origin", "extension or all", gs_policy_set_origin},
		{KEY_MIN_BLOCKED, "min-blocked", duration, gs_policy_set_min_blocked},
		{KEY_MAX_STALLED, "max-stalled", duration, gs_policy_set_max_stalled},
	};
	struct check *check = state->input;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].key != key)
			continue;
		if (!rows[i].set(&check->gate.policy, argument))
			gs_arguments_error(state, "--%s=%s: expected %s", rows[i].name, argument,
				rows[i].expected);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* What is behind -- is a program and its arguments, everything else a record. */
static error_t parse_operand(int key, char *argument, struct argp_state *state)
{
	struct check *check = state->input;

	if (key != ARGP_KEY_ARG || !state->quoted)
		return gs_arguments_take(&check->paths, key, argument, state,
			"what is to be checked? Name a record, the directory given as record=, or "
			"-- and a program");
	check->run.argv = state->argv + state->next - 1;
	state->next = state->argc;
	return 0;
}

/* What goes together. */
static void check_arguments(const struct check *check, const struct argp_state *state)
{
	bool runs = check->run.argv != NULL;

	if (runs && check->paths.count > 0)
		gs_arguments_error(state, "%s: expected records, or -- and a program, not both",
			check->paths.items[0]);
	if (!runs && check->run.keep)
		gs_arguments_error(state,
			"-o %s: keeps the records of a program; the report goes to "
			"--output=FILE",
			check->run.keep);
	if (!runs && check->options)
		gs_arguments_error(state,
			"%s: expected -- and a program; records are what they are", check->options);
	/* Standard output is the program's, and standard error is for people and for GitHub. */
	if (runs && !check->output && check->format->write != gs_out_text &&
		check->format->write != gs_out_github)
		gs_arguments_error(state, "--format=%s: expected --output=FILE beside a program",
			check->format->name);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct check *check = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &check->options;
		return 0;
	case ARGP_KEY_END:
		check_arguments(check, state);
		return 0;
	case KEY_SUPPRESSIONS:
		gs_arguments_add(&check->gate.files, argument);
		return 0;
	case KEY_BASELINE:
		check->gate.baseline = argument;
		return 0;
	case KEY_STRICT:
		check->strict = true;
		return 0;
	case KEY_NO_BUILTIN:
		check->gate.no_builtin = true;
		return 0;
	case 'f':
		check->format = gs_arguments_format(argument, state);
		return 0;
	case 'o':
		check->run.keep = argument;
		return 0;
	case KEY_OUTPUT:
		check->output = argument;
		return 0;
	case ARGP_KEY_ARG:
	case ARGP_KEY_NO_ARGS:
		return parse_operand(key, argument, state);
	default:
		return parse_policy(key, argument, state);
	}
}

static const struct argp_option options[] = {
	{"fail-on", KEY_FAIL_ON, "RULES", 0,
		"fail on GIL001 (the default), GIL002, GIL003, or several", 0},
	{"origin", KEY_ORIGIN, "extension|all", 0,
		"fail on calls made by an extension (the default), or all: CPython's own too", 0},
	{"min-blocked", KEY_MIN_BLOCKED, "TIME", 0,
		"report, but do not fail on, sites that never blocked as long (default 1ms)", 0},
	{"max-stalled", KEY_MAX_STALLED, "TIME", 0,
		"fail on any site of a rule at which other threads waited longer, all together", 0},
	{"suppressions", KEY_SUPPRESSIONS, "FILE", 0, "known sites; may be given again", 0},
	{"strict-suppressions", KEY_STRICT, NULL, 0, "fail on unused or expired suppressions", 0},
	{"no-builtin-suppressions", KEY_NO_BUILTIN, NULL, 0,
		"do not suppress what CPython itself is known to do", 0},
	{"baseline", KEY_BASELINE, "FILE", 0,
		"fail only on what is new or worse than in this report (JSON)", 0},
	{"format", 'f', GS_FORMAT_WORDS, 0, "of the report; text is the default", 0},
	{"output", KEY_OUTPUT, "FILE", 0,
		"write the report to FILE instead of standard output, or instead of standard error "
		"where a program is run",
		0},
	{"keep", 'o', "DIR", 0, "keep the records of the program in DIR", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_child children[] = {
	{&gs_arguments_library, 0, "Options of the library, for a program that is run:", 1},
	{NULL, 0, NULL, 0},
};

const struct argp gs_check_argp = {
	.options = options,
	.parser = parse,
	.children = children,
	.args_doc = "PATH...\n-- PROGRAM [ARGUMENT...]",
	.doc = "Fails if a program waited with the GIL held: one that kept these records (files, "
	       "or "
	       "directories of them), or PROGRAM, which is run as by gilshim run."
	       "\v"
	       "Exit status: 2 bad usage, or something could not be read or written, or calls "
	       "blocked that found the table of sites full; else 1 findings; else PROGRAM's own if "
	       "it is not 0; else 3 nothing was judged; else 0 "
	       "clean. 126 and 127: PROGRAM could not be executed, or was not found. The last line "
	       "on standard error says which, and why.\n\n"
	       "A suppression is a line of key:glob pairs that must all match, then # and a "
	       "reason:\n\n"
	       "  call:recv extension:_psycopg* until:2027-01-31 # issue 12\n\n"
	       "Keys: rule, call, object, symbol, extension, python (file), function, "
	       "distribution. Its last day is `until', in UTC. A glob holds no space: use ?. "
	       "What is not known of a site matches no glob. An object or extension is matched "
	       "as it is shown, _ctypes.so, and with its tag for a version of Python. Python files "
	       "have absolute paths: begin with * where another directory may be.\n\n"
	       "A site is worse than in the baseline if it blocks more than twice as long a "
	       "call and --min-blocked longer; or in its worst call, and there at least 100ms "
	       "longer too; or if it breaks a more severe rule by a call that blocked for "
	       "--min-blocked, or by any that can wait for others where it broke none; or if "
	       "others waited longer than --max-stalled, and twice as long as before. Sites "
	       "are the same if call, extension, its function, Python file and function are; "
	       "places that compute (GIL003), if Python file and function are. Files have "
	       "absolute paths: the baseline must be of the same directory.\n\n"
	       "Examples:\n\n"
	       "  gilshim check -- python3 -m unittest\n"
	       "  gilshim check --suppressions known.txt -f github -- python3 app.py\n"
	       "  gilshim check --fail-on=GIL001,GIL002 -o records -- python3 app.py\n"
	       "  gilshim check --min-blocked=5ms records\n"
	       "  gilshim report -f json -o baseline.json records\n"
	       "  gilshim check --baseline baseline.json --max-stalled=1s records",
};

/* ---- the report ---- */

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void write_report(FILE *stream, void *context)
{
	struct check *check = context;

	if (check->format->write == gs_out_text)
		gs_gate_text(stream, &check->gate, check->view);
	else
		check->format->write(stream, check->view);
}

/* Unknown calls are not clean, wherever they are told beside those that are. */
static void note_unknown(struct check *check)
{
	uint64_t calls = 0;
	size_t processes = 0;

	for (size_t i = 0; i < check->view->process_count; i++) {
		processes += check->view->processes[i].unknown > 0;
		gs_sum(&calls, check->view->processes[i].unknown);
	}
	if (calls)
		snprintf(check->unknown, sizeof(check->unknown),
			"; %" PRIu64 " call%s of %zu process%s unknown, not judged", calls,
			plural(calls), processes, processes == 1 ? "" : "es");
}

static void judge_and_report(struct check *check, struct gs_view *view)
{
	uint64_t lost = view->totals.lost_sites;

	check->view = view;
	gs_gate_judge(&check->gate, view);
	if (check->run.argv && !check->output ? !gs_out_error(write_report, check)
					      : !gs_out_file(check->output, write_report, check))
		check->trouble = true;
	check->complaints = gs_suppress_complain(&check->gate.suppressions);
	note_unknown(check);
	if (lost)
		gs_warn("check: %" PRIu64 " held call%s found the table of sites full: counted, "
			"not checked",
			lost, lost == 1 ? "" : "s");
}

/* ---- the verdict ---- */

/* Why nothing was judged; NULL if something was. */
static const char *nothing_judged(const struct check *check)
{
	if (check->view->process_count == 0)
		return check->run.argv ? "no Python ran with the library in it"
				       : "there is no record";
	if (gs_gate_judged(&check->gate) > 0)
		return NULL;
	return *check->unknown ? "the interpreter does not tell whether the GIL is held"
			       : "no call was made with the GIL held or released";
}

static int conclude_findings(const struct check *check, const char *own)
{
	size_t failing = check->gate.failing;

	if (!failing)
		gs_warn("check: status 1, findings: %zu suppression%s unused or expired%s",
			check->complaints, plural(check->complaints), own);
	else
		gs_warn("check: status 1, findings: %zu site%s%s%s", failing,
			failing == 1 ? " fails" : "s fail",
			check->gate.baseline ? ", new or worse than in the baseline" : "", own);
	return GS_POLICY_FINDINGS;
}

/* No site says where they were, nor by whom: neither a pass nor a finding. */
static int conclude_missed(const struct check *check, const char *own)
{
	size_t failing = check->gate.failing, others = check->gate.missed - 1;
	char more[64] = "";

	if (others)
		snprintf(
			more, sizeof(more), " and of %zu other function%s", others, plural(others));
	gs_warn("check: status 2, trouble: calls of %s%s blocked with no site to check, for the "
		"table of sites was full; %zu site%s would fail%s",
		check->gate.missed_call, more, failing, plural(failing), own);
	return GS_EXIT_TROUBLE;
}

static int conclude(const struct check *check, const char *nothing)
{
	const char *own = check->run.status ? "; the program itself failed" : "";
	uint64_t judged = gs_gate_judged(&check->gate);
	size_t failing = check->gate.failing;

	if (check->trouble) {
		gs_warn("check: status 2, trouble: something could not be read or written, see "
			"above; %zu site%s would fail%s",
			failing, plural(failing), own);
		return GS_EXIT_TROUBLE;
	}
	if (check->gate.missed)
		return conclude_missed(check, own);
	if (failing || (check->strict && check->complaints))
		return conclude_findings(check, own);
	if (check->run.status) {
		gs_warn("check: status %d, the program's own; %s%s", check->run.status,
			nothing ? "nothing was judged: " : "no site fails",
			nothing ? nothing : check->unknown);
		return check->run.status;
	}
	if (nothing) {
		gs_warn("check: status 3, nothing was judged: %s", nothing);
		return GS_POLICY_NOTHING;
	}
	gs_warn("check: status 0, clean: %" PRIu64 " call%s judged, no site fails%s", judged,
		plural(judged), check->unknown);
	return GS_EXIT_OK;
}

/* ---- the two ways ---- */

static int check_records(struct check *check)
{
	struct gs_paths read;
	int status;

	memset(&read, 0, sizeof(read));
	for (size_t i = 0; i < check->paths.count; i++)
		gs_paths_add(&read, check->paths.items[i]);
	check->trouble = read.unreadable > 0;
	judge_and_report(check, &read.view);
	status = conclude(check, nothing_judged(check));
	gs_paths_free(&read);
	return status;
}

static int check_program(struct check *check)
{
	struct gs_run *run = &check->run;
	const char *nothing;

	run->options = check->options ? check->options : "";
	if (!gs_run(run)) {
		gs_warn("check: status %d, the program was not run, see above; nothing was checked",
			run->status);
		return run->status;
	}
	check->trouble = run->records.unreadable > 0;
	judge_and_report(check, &run->view);
	nothing = nothing_judged(check);
	if (!gs_run_end(run))
		check->trouble = true;
	return conclude(check, nothing);
}

static int run(struct check *check)
{
	if (!gs_gate_read(&check->gate)) {
		gs_warn("check: status 2, trouble: the policy could not be read, see above; "
			"nothing was %s",
			check->run.argv ? "run" : "checked");
		return GS_EXIT_TROUBLE;
	}
	return check->run.argv ? check_program(check) : check_records(check);
}

int gs_command_check(int argc, char **argv)
{
	struct check check;
	int status = GS_EXIT_TROUBLE;

	memset(&check, 0, sizeof(check));
	check.format = gs_formats;
	gs_policy_init(&check.gate.policy);
	if (argp_parse(&gs_check_argp, argc, argv, ARGP_IN_ORDER, NULL, &check) == 0)
		status = run(&check);
	gs_owner_forget();
	gs_gate_free(&check.gate);
	gs_arguments_free(&check.paths);
	free(check.options);
	return status;
}
