#include "policy.h"

#include <string.h>

#include "options.h"

void gs_policy_init(struct gs_policy *policy)
{
	*policy = (struct gs_policy){
		.rules = 1u << GS_RULE_HELD_BLOCKED,
		.min_blocked_ns = GS_POLICY_MIN_BLOCKED_NS,
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

/* The worst call need not be one that blocked; but none blocked for longer than all together. */
uint64_t gs_policy_worst_blocked(const struct gs_view_site *site)
{
	return site->worst_ns < site->blocked_ns ? site->worst_ns : site->blocked_ns;
}

enum gs_verdict gs_policy_judge(
	const struct gs_policy *policy, const struct gs_view_site *site, enum gs_change change)
{
	enum gs_rule rule = gs_view_rule(site);

	if (rule == GS_RULE_NONE)
		return GS_VERDICT_NO_RULE;
	if (site->suppressed_by)
		return GS_VERDICT_SUPPRESSED;
	if (!(policy->rules & 1u << rule))
		return GS_VERDICT_OTHER_RULE;
	if (site->key.origin != GS_ORIGIN_EXTENSION && !policy->all_origins)
		return GS_VERDICT_OTHER_ORIGIN;
	if (rule == GS_RULE_HELD_BLOCKED && gs_policy_worst_blocked(site) < policy->min_blocked_ns)
		return GS_VERDICT_SHORT;
	if (change != GS_CHANGE_NEW && change != GS_CHANGE_WORSE)
		return GS_VERDICT_KNOWN;
	return GS_VERDICT_FAILS;
}

const char *gs_policy_words(enum gs_verdict verdict)
{
	static const char *const words[GS_VERDICTS] = {
		[GS_VERDICT_FAILS] = "fails",
		[GS_VERDICT_NO_RULE] = "breaks no rule",
		[GS_VERDICT_SUPPRESSED] = "suppressed",
		[GS_VERDICT_OTHER_RULE] = "passes: the rule is not in --fail-on",
		[GS_VERDICT_OTHER_ORIGIN] = "passes: in CPython itself, --origin=all would fail",
		[GS_VERDICT_SHORT] = "passes: no call blocked for as long as --min-blocked",
		[GS_VERDICT_KNOWN] = "passes: not worse than in the baseline",
	};

	return words[verdict];
}
