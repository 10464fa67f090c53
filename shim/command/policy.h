/* policy.h: which findings `gilshim check` fails on. Pure. */
#ifndef GS_POLICY_H
#define GS_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "baseline.h"
#include "view.h"

/* Exit statuses of `check` and `diff` beside those of every command. */
enum gs_policy_exit {
	GS_POLICY_FINDINGS = 1,
	GS_POLICY_NOTHING = 3, /* nothing was judged: never a pass */
};

#define GS_POLICY_MIN_BLOCKED_NS 1000000u

struct gs_policy {
	unsigned rules;   /* a bit for each enum gs_rule */
	bool all_origins; /* CPython's own sites too */
	uint64_t min_blocked_ns;
	uint64_t max_stalled_ns; /* UINT64_MAX: no limit */
};

enum gs_verdict {
	GS_VERDICT_FAILS,
	GS_VERDICT_STALLS,       /* fails: more than --max-stalled */
	GS_VERDICT_NO_RULE,      /* no finding */
	GS_VERDICT_SUPPRESSED,   /* no finding */
	GS_VERDICT_OTHER_RULE,   /* not in --fail-on */
	GS_VERDICT_OTHER_ORIGIN, /* CPython itself */
	GS_VERDICT_SHORT,        /* less than --min-blocked */
	GS_VERDICT_KNOWN,        /* as in the baseline */
	GS_VERDICTS,
};

/* The default policy. */
void gs_policy_init(struct gs_policy *policy);

/* Each takes an option's value. False if it is none; the policy is as before then. */
bool gs_policy_set_rules(struct gs_policy *policy, const char *text);
bool gs_policy_set_origin(struct gs_policy *policy, const char *text);
bool gs_policy_set_min_blocked(struct gs_policy *policy, const char *text);
bool gs_policy_set_max_stalled(struct gs_policy *policy, const char *text);

/* The longest that one call of the site may have blocked. */
uint64_t gs_policy_worst_blocked(const struct gs_view_site *site);

/* A site as it was in the baseline; without one everything is new. */
struct gs_policy_past {
	enum gs_change change;
	uint64_t stalled_ns;
};

/* --max-stalled is asked of every finding, whatever its rule and however short its waits. */
enum gs_verdict gs_policy_judge(const struct gs_policy *policy, const struct gs_view_site *site,
	const struct gs_policy_past *past);

bool gs_policy_fails(enum gs_verdict verdict);

/* Did calls that have no site block for long enough to fail? A call that slept did; of one that
 * took long and did not, a busy machine may have taken the CPU away, so that it takes longer. */
#define GS_POLICY_LONG_NS 100000000u
bool gs_policy_misses(const struct gs_policy *policy, const struct gs_view_function *function);

/* Why a finding fails or does not, in words. */
const char *gs_policy_words(enum gs_verdict verdict);

#endif
