/* check.c: `gilshim check`, the gate: is there a finding that the policy fails on? */
#include <argp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "command.h"
#include "err.h"
#include "out.h"
#include "out_file.h"
#include "out_site.h"
#include "owner.h"
#include "paths.h"
#include "policy.h"
#include "suppress.h"

enum {
	KEY_FAIL_ON = 0x100,
	KEY_ORIGIN,
	KEY_MIN_BLOCKED,
	KEY_SUPPRESSIONS,
	KEY_BASELINE,
	KEY_STRICT,
	KEY_NO_BUILTIN,
};

struct check {
	struct gs_policy policy;
	bool json, strict, no_builtin;
	const char *output;   /* NULL: standard output */
	const char *baseline; /* NULL: none */
	const char **files;   /* of suppressions */
	size_t file_count, file_capacity;
	char **paths;
	int path_count;

	struct gs_paths read;
	struct gs_suppressions suppressions;
	struct gs_baseline compared;
	size_t verdicts[GS_VERDICTS]; /* sites */
	size_t complaints;            /* unused and expired suppressions */
	bool trouble;
};

/* ---- arguments ---- */

static void take_file(struct check *check, const char *path)
{
	check->files = gs_grow(
		check->files, &check->file_capacity, check->file_count + 1, sizeof(*check->files));
	check->files[check->file_count++] = path;
}

static void take_format(struct check *check, const char *argument, struct argp_state *state)
{
	check->json = strcmp(argument, "json") == 0;
	if (!check->json && strcmp(argument, "text") != 0)
		argp_error(state, "%s: no such format; there are text and json", argument);
}

static error_t parse_policy(int key, char *argument, struct argp_state *state)
{
	struct check *check = state->input;

	switch (key) {
	case KEY_FAIL_ON:
		if (!gs_policy_set_rules(&check->policy, argument))
			argp_error(state,
				"--fail-on=%s: expected GIL001, GIL002, GIL003 or several, as "
				"GIL001,GIL002",
				argument);
		return 0;
	case KEY_ORIGIN:
		if (!gs_policy_set_origin(&check->policy, argument))
			argp_error(state, "--origin=%s: expected extension or all", argument);
		return 0;
	case KEY_MIN_BLOCKED:
		if (!gs_policy_set_min_blocked(&check->policy, argument))
			argp_error(state, "--min-blocked=%s: expected a duration such as 5ms",
				argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct check *check = state->input;

	switch (key) {
	case KEY_SUPPRESSIONS:
		take_file(check, argument);
		return 0;
	case KEY_BASELINE:
		check->baseline = argument;
		return 0;
	case KEY_STRICT:
		check->strict = true;
		return 0;
	case KEY_NO_BUILTIN:
		check->no_builtin = true;
		return 0;
	case 'f':
		take_format(check, argument, state);
		return 0;
	case 'o':
		check->output = argument;
		return 0;
	case ARGP_KEY_ARGS:
		check->paths = state->argv + state->next;
		check->path_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which record? Name a file, or the directory given as record=");
		return 0;
	default:
		return parse_policy(key, argument, state);
	}
}

static const struct argp_option options[] = {
	{"fail-on", KEY_FAIL_ON, "RULES", 0,
		"fail on GIL001 (the default), GIL002, GIL003, or several", 0},
	{"origin", KEY_ORIGIN, "WHOSE", 0,
		"fail on calls made by an extension (the default), or all: CPython's own too", 0},
	{"min-blocked", KEY_MIN_BLOCKED, "TIME", 0,
		"report, but do not fail on, sites that never blocked as long (default 1ms)", 0},
	{"suppressions", KEY_SUPPRESSIONS, "FILE", 0, "known sites; may be given again", 0},
	{"strict-suppressions", KEY_STRICT, NULL, 0, "fail on unused or expired suppressions", 0},
	{"no-builtin-suppressions", KEY_NO_BUILTIN, NULL, 0,
		"do not suppress what CPython itself is known to do", 0},
	{"baseline", KEY_BASELINE, "REPORT", 0,
		"fail only on what is new or worse than in this report (JSON)", 0},
	{"format", 'f', "FORMAT", 0, "text (the default) or json", 0},
	{"output", 'o', "FILE", 0, "write to FILE instead of standard output", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

const struct argp gs_check_argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PATH...",
	.doc = "Fails if the programs that kept these records (files, or directories of them) "
	       "waited with the GIL held."
	       "\v"
	       "Exit status: 0 clean; 1 findings; 2 bad usage, or something could not be read or "
	       "written; 3 nothing was judged. The last line on standard error says which, and "
	       "why.\n\n"
	       "A suppression is a line of key:glob pairs that must all match, then # and a "
	       "reason:\n\n"
	       "  call:recv extension:_psycopg* until:2027-01-31 # issue 12\n\n"
	       "Keys: rule, call, object, symbol, extension, python (file), function, "
	       "distribution. Its last day is `until', in UTC. A glob holds no space: use ?. "
	       "What is not known of a site matches no glob.\n\n"
	       "A site is worse than in the baseline if it breaks a more severe rule, or "
	       "blocks more than twice as long a call and --min-blocked longer. Sites "
	       "are the same if call, extension, its function, Python file and function are; "
	       "places that compute (GIL003), if Python file and function are.",
};

/* ---- judging ---- */

static enum gs_verdict judge(struct check *check, const struct gs_view_site *site)
{
	enum gs_change change = GS_CHANGE_NEW;

	if (check->baseline)
		change = gs_baseline_change(
			gs_baseline_find(&check->compared, &check->read.view, site),
			check->policy.min_blocked_ns);
	return gs_policy_judge(&check->policy, site, &(struct gs_policy_past){change, 0});
}

/* What the policy is made of. False if any of it cannot be had: nothing is judged by half of it. */
static bool read_policy(struct check *check)
{
	uint32_t today = gs_suppress_today();
	bool good = true;

	for (size_t i = 0; i < check->file_count; i++) {
		if (!gs_suppress_read(&check->suppressions, check->files[i], today))
			good = false;
	}
	if (!check->no_builtin)
		gs_suppress_builtin(&check->suppressions);
	if (check->baseline && !gs_baseline_read(&check->compared, GS_OLD, check->baseline))
		good = false;
	return good;
}

static void read_records(struct check *check)
{
	struct gs_view *view = &check->read.view;

	for (int i = 0; i < check->path_count; i++)
		gs_paths_add(&check->read, check->paths[i]);
	if (check->read.unreadable)
		check->trouble = true;
	gs_suppress_apply(&check->suppressions, view);
	gs_baseline_add(&check->compared, GS_NEW, view);
	for (size_t i = 0; i < view->site_count; i++)
		check->verdicts[judge(check, &view->sites[i])]++;
}

/* ---- the report ---- */

/* One by one those that fail, and those that the summary lists. Returns their number. */
static unsigned write_sites(
	FILE *stream, struct check *check, const uint32_t *order, bool failing, unsigned rank)
{
	struct gs_view *view = &check->read.view;

	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[order[i]];
		enum gs_verdict verdict = judge(check, site);

		if (verdict == GS_VERDICT_SUPPRESSED || failing != (verdict == GS_VERDICT_FAILS))
			continue;
		if (!failing &&
			!gs_rank_listed((enum gs_origin) site->key.origin, gs_view_rule(site)))
			continue;
		gs_out_site(stream, view, site, ++rank);
		if (!failing)
			fprintf(stream, "     %s\n", gs_policy_words(verdict));
	}
	return rank;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void write_count(FILE *stream, uint64_t sites, uint64_t calls)
{
	fprintf(stream, "suppressed: %" PRIu64 " site%s, %" PRIu64 " call%s", sites, plural(sites),
		calls, plural(calls));
}

static void write_suppressed(FILE *stream, const struct gs_suppressions *list)
{
	uint64_t sites = 0, calls = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct gs_suppression *rule = &list->rules[i];

		if (rule->builtin) {
			sites += rule->sites;
			gs_sum(&calls, rule->calls);
		} else if (rule->sites) {
			write_count(stream, rule->sites, rule->calls);
			fprintf(stream, " by %s (%s)\n", rule->use.origin, rule->use.reason);
		}
	}
	if (sites) {
		write_count(stream, sites, calls);
		fputs(" of CPython itself, by built-in rules\n", stream);
	}
}

static void write_text(FILE *stream, struct check *check)
{
	uint32_t *order = gs_view_ranked(&check->read.view);
	unsigned rank = 0;

	if (check->verdicts[GS_VERDICT_FAILS]) {
		fputs("fails:\n", stream);
		rank = write_sites(stream, check, order, true, rank);
	}
	if (check->read.view.process_count > 0) {
		fputs("reported only:\n", stream);
		if (write_sites(stream, check, order, false, rank) == rank)
			fputs("     nothing\n", stream);
	}
	write_suppressed(stream, &check->suppressions);
	free(order);
}

static void write_report(FILE *stream, void *context)
{
	struct check *check = context;

	if (check->json)
		gs_out_json(stream, &check->read.view);
	else
		write_text(stream, check);
}

/* ---- the verdict ---- */

/* Why nothing was judged; NULL if something was. */
static const char *nothing_judged(const struct check *check)
{
	const struct gs_view *view = &check->read.view;
	uint64_t unknown = 0;

	if (view->process_count == 0)
		return "there is no record";
	if (check->compared.judged[GS_NEW] > 0)
		return NULL;
	for (size_t i = 0; i < view->function_count; i++)
		gs_sum(&unknown, view->functions[i].unknown);
	return unknown ? "the interpreter does not tell whether the GIL is held"
		       : "no call was made with the GIL held or released";
}

static int conclude(const struct check *check)
{
	const char *nothing = nothing_judged(check);
	size_t failing = check->verdicts[GS_VERDICT_FAILS];
	uint64_t judged = check->compared.judged[GS_NEW];

	if (check->trouble) {
		gs_warn("check: status 2, trouble: something could not be read or written, see "
			"above; %zu site%s would fail",
			failing, plural(failing));
		return GS_EXIT_TROUBLE;
	}
	if (failing) {
		gs_warn("check: status 1, findings: %zu site%s%s", failing,
			failing == 1 ? " fails" : "s fail",
			check->baseline ? ", new or worse than in the baseline" : "");
		return GS_POLICY_FINDINGS;
	}
	if (check->strict && check->complaints) {
		gs_warn("check: status 1, findings: %zu suppression%s unused or expired",
			check->complaints, plural(check->complaints));
		return GS_POLICY_FINDINGS;
	}
	if (nothing) {
		gs_warn("check: status 3, nothing was judged: %s", nothing);
		return GS_POLICY_NOTHING;
	}
	gs_warn("check: status 0, clean: %" PRIu64 " call%s judged, no site fails", judged,
		plural(judged));
	return GS_EXIT_OK;
}

static int run(struct check *check)
{
	uint64_t lost;

	if (!read_policy(check)) {
		gs_warn("check: status 2, trouble: the policy could not be read, see above; "
			"nothing was checked");
		return GS_EXIT_TROUBLE;
	}
	read_records(check);
	if (!gs_out_file(check->output, write_report, check))
		check->trouble = true;
	check->complaints = gs_suppress_complain(&check->suppressions);
	lost = check->read.view.totals.lost_sites;
	if (lost)
		gs_warn("check: %" PRIu64 " held call%s found the table of sites full: counted, "
			"not checked",
			lost, plural(lost));
	return conclude(check);
}

int gs_command_check(int argc, char **argv)
{
	struct check check;
	int status = GS_EXIT_TROUBLE;

	memset(&check, 0, sizeof(check));
	gs_policy_init(&check.policy);
	if (argp_parse(&gs_check_argp, argc, argv, 0, NULL, &check) == 0)
		status = run(&check);
	gs_owner_forget();
	gs_paths_free(&check.read);
	gs_suppress_free(&check.suppressions);
	gs_baseline_free(&check.compared);
	free(check.files);
	return status;
}
