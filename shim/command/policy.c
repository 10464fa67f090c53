#include "policy.h"

#include <string.h>

#include "options.h"

void gs_policy_init(struct gs_policy *policy)
{
	*policy = (struct gs_policy){
		.rules = 1u << GS_RULE_HELD_BLOCKED,
		.min_blocked_ns = GS_POLICY_MIN_BLOCKED_NS,
		.max_stalled_ns = UINT64_MAX,
	};
}

bool gs_policy_set_rules(struct gs_policy *policy, const char *text)
{
	static const enum gs_rule known[] = {
		GS_RULE_HELD_BLOCKED, GS_RULE_HELD_COULD_BLOCK, GS_RULE_HELD_COMPUTE};
	unsigned rules = 0;

	for (;;) {
		size_t length = strcspn(text, ",");
		unsigned found = 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			const char *name = gs_rank_rule_name(known[i]);

			if (strlen(name) == length && memcmp(name, text, length) == 0)
				found = 1u << known[i];
		}
		if (!found)
			return false;
		rules |= found;
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	policy->rules = rules;
	return true;
}

bool gs_policy_set_origin(struct gs_policy *policy, const char *text)
{
	bool all = strcmp(text, "all") == 0;

	if (!all && strcmp(text, "extension") != 0)
		return false;
	policy->all_origins = all;
	return true;
}

bool gs_policy_set_min_blocked(struct gs_policy *policy, const char *text)
{
	return gs_parse_time(text, strlen(text), &policy->min_blocked_ns);
}

bool gs_policy_set_max_stalled(struct gs_policy *policy, const char *text)
{
	return gs_parse_time(text, strlen(text), &policy->max_stalled_ns);
}

/* The worst call need not be one that blocked; but none blocked for longer than all together. */
uint64_t gs_policy_worst_blocked(const struct gs_view_site *site)
{
	return site->worst_ns < site->blocked_ns ? site->worst_ns : site->blocked_ns;
}

/* Was it within the limit before, or less than half of what it is now? */
static bool stalls(const struct gs_policy *policy, const struct gs_view_site *site,
	const struct gs_policy_past *past)
{
	uint64_t now = site->stalled_ns, before = past->stalled_ns;

	return now > policy->max_stalled_ns &&
	       (before <= policy->max_stalled_ns || now / 2 > before);
}

enum gs_verdict gs_policy_judge(const struct gs_policy *policy, const struct gs_view_site *site,
	const struct gs_policy_past *past)
{
	enum gs_rule rule = gs_view_rule(site);
	bool is_meant = site->key.origin == GS_ORIGIN_EXTENSION || policy->all_origins;

	if (rule == GS_RULE_NONE)
		return GS_VERDICT_NO_RULE;
	if (site->suppressed_by)
		return GS_VERDICT_SUPPRESSED;
	if (is_meant && stalls(policy, site, past))
		return GS_VERDICT_STALLS;
	if (!(policy->rules & 1u << rule))
		return GS_VERDICT_OTHER_RULE;
	if (!is_meant)
		return GS_VERDICT_OTHER_ORIGIN;
	if (rule == GS_RULE_HELD_BLOCKED && gs_policy_worst_blocked(site) < policy->min_blocked_ns)
		return GS_VERDICT_SHORT;
	if (past->change != GS_CHANGE_NEW && past->change != GS_CHANGE_WORSE)
		return GS_VERDICT_KNOWN;
	return GS_VERDICT_FAILS;
}

bool gs_policy_fails(enum gs_verdict verdict)
{
	return verdict == GS_VERDICT_FAILS || verdict == GS_VERDICT_STALLS;
}

bool gs_policy_misses(const struct gs_policy *policy, const struct gs_view_function *function)
{
	const struct gs_unlisted *calls = &function->unlisted;
	uint64_t min_ns = policy->min_blocked_ns;

	if (!(policy->rules & 1u << GS_RULE_HELD_BLOCKED))
		return false;
	if (calls->slept > 0 && calls->at_most >= min_ns)
		return true;
	return calls->worst_ns >= (min_ns > GS_POLICY_LONG_NS ? min_ns : GS_POLICY_LONG_NS);
}

const char *gs_policy_words(enum gs_verdict verdict)
{
	static const char *const words[GS_VERDICTS] = {
		[GS_VERDICT_FAILS] = "fails",
		[GS_VERDICT_STALLS] = "fails: other threads waited longer than --max-stalled",
		[GS_VERDICT_NO_RULE] = "breaks no rule",
		[GS_VERDICT_SUPPRESSED] = "suppressed",
		[GS_VERDICT_OTHER_RULE] = "passes: the rule is not in --fail-on",
		[GS_VERDICT_OTHER_ORIGIN] = "passes: in CPython itself, --origin=all would fail",
		[GS_VERDICT_SHORT] = "passes: no call blocked for as long as --min-blocked",
		[GS_VERDICT_KNOWN] = "passes: not worse than in the baseline",
	};

	return words[verdict];
}
