#include "policy.h"

#include <string.h>

#include "unit.h"

static struct gs_policy policy;

/* A site that blocked once, for 5 ms, in an extension. */
static struct gs_view_site make_site(void)
{
	struct gs_view_site site;

	memset(&site, 0, sizeof(site));
	site.key.origin = GS_ORIGIN_EXTENSION;
	site.class = GS_CLASS_WAIT;
	site.calls = 10;
	site.blocked_calls = 1;
	site.blocked_ns = site.worst_ns = 5000000;
	return site;
}

static enum gs_verdict judge_past(
	const struct gs_view_site *site, enum gs_change change, uint64_t stalled_ns)
{
	const struct gs_policy_past past = {change, stalled_ns};

	return gs_policy_judge(&policy, site, &past);
}

static enum gs_verdict judge(const struct gs_view_site *site)
{
	return judge_past(site, GS_CHANGE_NEW, 0);
}

static void test_the_default(void)
{
	struct gs_view_site site = make_site();

	gs_policy_init(&policy);
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_FAILS);
	site.suppressed_by = "rules:1";
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_SUPPRESSED);
	site.suppressed_by = NULL;
	site.key.origin = GS_ORIGIN_INTERPRETER;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_ORIGIN);
	site.key.origin = GS_ORIGIN_STARTUP;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_NO_RULE);
	site = make_site();
	site.blocked_calls = site.blocked_ns = 0;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_RULE);
	site.class = GS_CLASS_DISK;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_NO_RULE);
}

static void test_rules(void)
{
	static const char *const bad[] = {
		"", ",", "GIL001,", ",GIL001", "GIL004", "gil001", "GIL0011", "GIL00", "GIL001 "};
	struct gs_view_site blocked = make_site(), could = make_site();

	could.blocked_calls = could.blocked_ns = 0;
	gs_policy_init(&policy);
	CU_ASSERT_TRUE(gs_policy_set_rules(&policy, "GIL002"));
	CU_ASSERT_EQUAL(judge(&blocked), GS_VERDICT_OTHER_RULE);
	/* Nothing blocked: there is no time to compare. */
	CU_ASSERT_EQUAL(judge(&could), GS_VERDICT_FAILS);
	CU_ASSERT_TRUE(gs_policy_set_rules(&policy, "GIL001,GIL002"));
	CU_ASSERT_EQUAL(judge(&blocked), GS_VERDICT_FAILS);
	CU_ASSERT_EQUAL(judge(&could), GS_VERDICT_FAILS);
	CU_ASSERT_TRUE(gs_policy_set_rules(&policy, "GIL002,GIL002"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_FALSE(gs_policy_set_rules(&policy, bad[i]));
		CU_ASSERT_EQUAL(policy.rules, 1u << GS_RULE_HELD_COULD_BLOCK);
	}
}

/* A place that computes has no call that could block; how long it must be is the option `stall`. */
static void test_computing(void)
{
	struct gs_view_site site = make_site();

	site.key.kind = GS_KIND_COMPUTE;
	site.blocked_calls = site.blocked_ns = 0;
	gs_policy_init(&policy);
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_RULE);
	CU_ASSERT_TRUE(gs_policy_set_rules(&policy, "GIL001,GIL003"));
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_FAILS);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_NONE, 0), GS_VERDICT_KNOWN);
	site.key.origin = GS_ORIGIN_INTERPRETER;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_ORIGIN);
	site.key.origin = GS_ORIGIN_SHUTDOWN;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_NO_RULE);
	site = make_site();
	CU_ASSERT_TRUE(gs_policy_set_rules(&policy, "GIL003"));
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_RULE);
}

static void test_origin(void)
{
	struct gs_view_site site = make_site();

	gs_policy_init(&policy);
	CU_ASSERT_FALSE(gs_policy_set_origin(&policy, "startup"));
	CU_ASSERT_FALSE(gs_policy_set_origin(&policy, ""));
	CU_ASSERT_TRUE(gs_policy_set_origin(&policy, "all"));
	CU_ASSERT_FALSE(gs_policy_set_origin(&policy, "none"));
	site.key.origin = GS_ORIGIN_INTERPRETER;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_FAILS);
	site.key.origin = GS_ORIGIN_SHUTDOWN;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_NO_RULE);
	CU_ASSERT_TRUE(gs_policy_set_origin(&policy, "extension"));
	site.key.origin = GS_ORIGIN_INTERPRETER;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_ORIGIN);
}

static void test_min_blocked(void)
{
	struct gs_view_site site = make_site();

	gs_policy_init(&policy);
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&policy, "5ms"));
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_FAILS);
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&policy, "5000001ns"));
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_SHORT);
	/* A long call that was only preempted is no blocked one. */
	site.worst_ns = 9000000;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_SHORT);
	CU_ASSERT_EQUAL(gs_policy_worst_blocked(&site), 5000000);
	CU_ASSERT_FALSE(gs_policy_set_min_blocked(&policy, "5"));
	CU_ASSERT_FALSE(gs_policy_set_min_blocked(&policy, ""));
	CU_ASSERT_FALSE(gs_policy_set_min_blocked(&policy, "-5ms"));
	CU_ASSERT_EQUAL(policy.min_blocked_ns, 5000001);
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&policy, "0ms"));
}

static void test_changes(void)
{
	struct gs_view_site site = make_site();

	gs_policy_init(&policy);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_WORSE, 0), GS_VERDICT_FAILS);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_NONE, 0), GS_VERDICT_KNOWN);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_BETTER, 0), GS_VERDICT_KNOWN);
}

/* A site that no other part of the policy fails on. */
static void test_max_stalled(void)
{
	struct gs_view_site site = make_site();

	site.blocked_calls = site.blocked_ns = 0;
	site.stalled_ns = 2000000000;
	gs_policy_init(&policy);
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_RULE);
	CU_ASSERT_FALSE(gs_policy_set_max_stalled(&policy, "2"));
	CU_ASSERT_FALSE(gs_policy_set_max_stalled(&policy, ""));
	CU_ASSERT_FALSE(gs_policy_set_max_stalled(&policy, "-1s"));
	CU_ASSERT_TRUE(gs_policy_set_max_stalled(&policy, "2s"));
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_RULE);
	site.stalled_ns++;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_STALLS);
	CU_ASSERT_TRUE(gs_policy_fails(GS_VERDICT_STALLS));
	site.suppressed_by = "rules:1";
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_SUPPRESSED);
	site.suppressed_by = NULL;
	site.class = GS_CLASS_DISK;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_NO_RULE);
	site = make_site();
	site.stalled_ns = 2000000001;
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&policy, "1s"));
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_STALLS);
	site.key.origin = GS_ORIGIN_INTERPRETER;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_OTHER_ORIGIN);
	CU_ASSERT_TRUE(gs_policy_set_origin(&policy, "all"));
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_STALLS);
	CU_ASSERT_TRUE(gs_policy_set_max_stalled(&policy, "0s"));
	site.stalled_ns = 0;
	CU_ASSERT_EQUAL(judge(&site), GS_VERDICT_SHORT);
}

static void test_max_stalled_and_a_baseline(void)
{
	struct gs_view_site site = make_site();

	site.stalled_ns = 5000000000;
	gs_policy_init(&policy);
	CU_ASSERT_TRUE(gs_policy_set_max_stalled(&policy, "2s"));
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_NONE, 1000000000), GS_VERDICT_STALLS);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_NONE, 2000000000), GS_VERDICT_STALLS);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_NONE, 2100000000), GS_VERDICT_STALLS);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_NONE, 2500000000), GS_VERDICT_KNOWN);
	CU_ASSERT_EQUAL(judge_past(&site, GS_CHANGE_WORSE, 4000000000), GS_VERDICT_FAILS);
}

static bool misses(uint64_t slept, uint64_t at_most, uint64_t worst_ns)
{
	const struct gs_view_function function = {
		.unlisted = {.slept = slept, .at_most = at_most, .worst_ns = worst_ns}};

	return gs_policy_misses(&policy, &function);
}

static void test_calls_without_a_site(void)
{
	gs_policy_init(&policy);
	CU_ASSERT_FALSE(misses(0, 0, 0));
	CU_ASSERT_TRUE(misses(1, 1000000, 0));
	CU_ASSERT_FALSE(misses(1, 999999, 0));
	/* Long, and it did not sleep: preempted, unless it is longer than that can be. */
	CU_ASSERT_FALSE(misses(0, 0, 99999999));
	CU_ASSERT_TRUE(misses(0, 0, 100000000));
	CU_ASSERT_TRUE(gs_policy_set_min_blocked(&policy, "1s"));
	CU_ASSERT_FALSE(misses(1, 999999999, 999999999));
	CU_ASSERT_TRUE(misses(1, 1000000000, 0));
	CU_ASSERT_TRUE(misses(0, 0, 1000000000));
	CU_ASSERT_TRUE(gs_policy_set_rules(&policy, "GIL002,GIL003"));
	CU_ASSERT_FALSE(misses(1, 1000000000, 1000000000));
}

static void test_every_verdict_has_words(void)
{
	for (unsigned i = 0; i < GS_VERDICTS; i++)
		CU_ASSERT_PTR_NOT_NULL(gs_policy_words((enum gs_verdict) i));
}

CU_TestInfo gs_tests_policy[] = {
	{"the default", test_the_default},
	{"--fail-on", test_rules},
	{"--fail-on GIL003", test_computing},
	{"--origin", test_origin},
	{"--min-blocked", test_min_blocked},
	{"changes", test_changes},
	{"--max-stalled", test_max_stalled},
	{"--max-stalled and a baseline", test_max_stalled_and_a_baseline},
	{"calls without a site", test_calls_without_a_site},
	{"every verdict has words", test_every_verdict_has_words},
	CU_TEST_INFO_NULL,
};
