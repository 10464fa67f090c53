#include "gate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "out_site.h"

bool gs_gate_read(struct gs_gate *gate)
{
	uint32_t today = gs_suppress_today();
	bool good = true;

	for (size_t i = 0; i < gate->files.count; i++) {
		if (!gs_suppress_read(&gate->suppressions, gate->files.items[i], today))
			good = false;
	}
	if (!gate->no_builtin)
		gs_suppress_builtin(&gate->suppressions);
	if (gate->baseline && !gs_baseline_read(&gate->compared, GS_OLD, gate->baseline))
		good = false;
	return good;
}

/* ---- judging ---- */

static enum gs_verdict judge(
	struct gs_gate *gate, struct gs_view *view, const struct gs_view_site *site)
{
	struct gs_policy_past past = {GS_CHANGE_NEW, 0};

	if (gate->baseline) {
		const struct gs_compared *entry = gs_baseline_find(&gate->compared, view, site);

		past.change = gs_baseline_change(entry, gate->policy.min_blocked_ns);
		past.stalled_ns = entry->side[GS_OLD].stalled_ns;
	}
	return gs_policy_judge(&gate->policy, site, &past);
}

static bool is_finding(enum gs_verdict verdict)
{
	return verdict != GS_VERDICT_NO_RULE && verdict != GS_VERDICT_SUPPRESSED;
}

static void look_for_missed(struct gs_gate *gate, const struct gs_view *view)
{
	for (size_t i = 0; i < view->function_count; i++) {
		const struct gs_view_function *function = &view->functions[i];

		if (!gs_policy_misses(&gate->policy, function))
			continue;
		if (gate->missed++ > 0)
			continue;
		/* The verdict is said when the view is gone. */
		gate->missed_call = strdup(function->call ? function->call : "?");
		if (!gate->missed_call)
			gs_out_of_memory();
	}
}

void gs_gate_judge(struct gs_gate *gate, struct gs_view *view)
{
	gs_view_look_up(view, GS_LOOKUP_NAMES);
	gs_suppress_apply(&gate->suppressions, view);
	gs_baseline_add(&gate->compared, GS_NEW, view);
	look_for_missed(gate, view);
	gate->verdicts = gs_alloc(view->site_count, sizeof(*gate->verdicts));
	for (size_t i = 0; i < view->site_count; i++) {
		struct gs_view_site *site = &view->sites[i];
		enum gs_verdict verdict = judge(gate, view, site);
		bool fails = gs_policy_fails(verdict);

		gate->verdicts[i] = verdict;
		gate->failing += fails;
		if (is_finding(verdict))
			site->judgement = fails ? GS_FAILS : GS_PASSES;
	}
}

uint64_t gs_gate_judged(const struct gs_gate *gate)
{
	return gate->compared.judged[GS_NEW];
}

/* ---- in words ---- */

/* Is the site one of those that fail, or else of those that the summary lists? */
static bool is_shown(const struct gs_view_site *site, enum gs_verdict verdict, bool failing)
{
	if (verdict == GS_VERDICT_SUPPRESSED || failing != gs_policy_fails(verdict))
		return false;
	return failing || gs_view_listed(site);
}

/* Returns the last rank given. */
static unsigned write_sites(FILE *stream, const struct gs_gate *gate, struct gs_view *view,
	const uint32_t *order, bool failing, unsigned rank)
{
	bool first = true;

	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[order[i]];
		enum gs_verdict verdict = gate->verdicts[order[i]];

		if (!is_shown(site, verdict, failing))
			continue;
		if (first)
			fputs(failing ? "fails:\n" : "reported only:\n", stream);
		first = false;
		gs_out_site(stream, view, site, ++rank);
		if (verdict != GS_VERDICT_FAILS)
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

/* Words from a file, for a terminal. */
static void write_words(FILE *stream, const char *before, const char *from)
{
	char *words = strcpy(gs_alloc(strlen(from) + 1, 1), from);

	gs_clean(words);
	fprintf(stream, "%s%s", before, words);
	free(words);
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
			write_words(stream, " by ", rule->use.origin);
			write_words(stream, " (", rule->use.reason);
			fputs(")\n", stream);
		}
	}
	if (sites) {
		write_count(stream, sites, calls);
		fputs(" of CPython itself, by built-in rules\n", stream);
	}
}

void gs_gate_text(FILE *stream, const struct gs_gate *gate, struct gs_view *view)
{
	uint32_t *order = gs_view_ranked(view);
	unsigned rank = write_sites(stream, gate, view, order, true, 0);

	write_sites(stream, gate, view, order, false, rank);
	write_suppressed(stream, &gate->suppressions);
	free(order);
}

void gs_gate_free(struct gs_gate *gate)
{
	gs_arguments_free(&gate->files);
	gs_suppress_free(&gate->suppressions);
	gs_baseline_free(&gate->compared);
	free(gate->verdicts);
	free(gate->missed_call);
	memset(gate, 0, sizeof(*gate));
}
