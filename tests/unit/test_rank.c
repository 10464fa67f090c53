#include "rank.h"

#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "unit.h"

static void test_a_blocked_call_is_gil001_whatever_its_class(void)
{
	for (int class = 0; class < GS_CLASSES; class ++) {
		CU_ASSERT_EQUAL(gs_rank_rule(GS_ORIGIN_EXTENSION, (enum gs_class) class, 1),
			GS_RULE_HELD_BLOCKED);
		CU_ASSERT_EQUAL(gs_rank_rule(GS_ORIGIN_INTERPRETER, (enum gs_class) class, 1),
			GS_RULE_HELD_BLOCKED);
	}
}

static void test_a_call_that_could_wait_is_gil002(void)
{
	CU_ASSERT_EQUAL(
		gs_rank_rule(GS_ORIGIN_EXTENSION, GS_CLASS_WAIT, 0), GS_RULE_HELD_COULD_BLOCK);
	CU_ASSERT_EQUAL(
		gs_rank_rule(GS_ORIGIN_INTERPRETER, GS_CLASS_WAIT, 0), GS_RULE_HELD_COULD_BLOCK);
}

static void test_a_disk_call_that_came_back_breaks_no_rule(void)
{
	CU_ASSERT_EQUAL(gs_rank_rule(GS_ORIGIN_EXTENSION, GS_CLASS_DISK, 0), GS_RULE_NONE);
	CU_ASSERT_EQUAL(gs_rank_rule(GS_ORIGIN_EXTENSION, GS_CLASS_NEVER, 0), GS_RULE_NONE);
}

static void test_startup_and_shutdown_break_no_rule(void)
{
	CU_ASSERT_EQUAL(gs_rank_rule(GS_ORIGIN_STARTUP, GS_CLASS_WAIT, 9), GS_RULE_NONE);
	CU_ASSERT_EQUAL(gs_rank_rule(GS_ORIGIN_SHUTDOWN, GS_CLASS_WAIT, 9), GS_RULE_NONE);
}

static void test_keeping_the_gil_is_gil003_while_the_program_runs(void)
{
	CU_ASSERT_EQUAL(gs_rank_compute_rule(GS_ORIGIN_EXTENSION), GS_RULE_HELD_COMPUTE);
	CU_ASSERT_EQUAL(gs_rank_compute_rule(GS_ORIGIN_INTERPRETER), GS_RULE_HELD_COMPUTE);
	CU_ASSERT_EQUAL(gs_rank_compute_rule(GS_ORIGIN_STARTUP), GS_RULE_NONE);
	CU_ASSERT_EQUAL(gs_rank_compute_rule(GS_ORIGIN_SHUTDOWN), GS_RULE_NONE);
}

static void test_a_few_delays_are_no_convoy(void)
{
	CU_ASSERT_TRUE(gs_rank_delay_listed(10, 10000000));
	CU_ASSERT_FALSE(gs_rank_delay_listed(9, 10000000));
	CU_ASSERT_FALSE(gs_rank_delay_listed(10, 9999999));
	CU_ASSERT_FALSE(gs_rank_delay_listed(0, 0));
}

static void test_names_of_rules(void)
{
	CU_ASSERT_STRING_EQUAL(gs_rank_rule_name(GS_RULE_HELD_COMPUTE), "GIL003");
	CU_ASSERT_STRING_EQUAL(gs_rank_rule_name(GS_RULE_REACQUIRE_DELAY), "GIL004");
	CU_ASSERT_STRING_EQUAL(gs_rank_rule_name(GS_RULE_HELD_BLOCKED), "GIL001");
	CU_ASSERT_STRING_EQUAL(gs_rank_rule_name(GS_RULE_HELD_COULD_BLOCK), "GIL002");
	CU_ASSERT_PTR_NULL(gs_rank_rule_name(GS_RULE_NONE));
}

static bool listed(enum gs_origin origin, enum gs_rule rule, uint64_t blocked, uint64_t stalled)
{
	const struct gs_rank rank = {
		.stalled_ns = stalled, .blocked_ns = blocked, .rule = rule, .origin = origin};

	return gs_rank_listed(&rank);
}

static void test_what_is_listed(void)
{
	CU_ASSERT_TRUE(listed(GS_ORIGIN_EXTENSION, GS_RULE_HELD_BLOCKED, 1, 0));
	CU_ASSERT_TRUE(listed(GS_ORIGIN_EXTENSION, GS_RULE_HELD_COULD_BLOCK, 0, 0));
	CU_ASSERT_FALSE(listed(GS_ORIGIN_EXTENSION, GS_RULE_NONE, 0, 0));
	CU_ASSERT_TRUE(listed(GS_ORIGIN_INTERPRETER, GS_RULE_HELD_BLOCKED, 1000000, 0));
	CU_ASSERT_TRUE(listed(GS_ORIGIN_INTERPRETER, GS_RULE_HELD_BLOCKED, 1000, 1));
	CU_ASSERT_FALSE(listed(GS_ORIGIN_INTERPRETER, GS_RULE_HELD_BLOCKED, 999999, 0));
	CU_ASSERT_FALSE(listed(GS_ORIGIN_INTERPRETER, GS_RULE_HELD_COULD_BLOCK, 0, 0));
	CU_ASSERT_FALSE(listed(GS_ORIGIN_STARTUP, GS_RULE_NONE, 1000000, 1));
	CU_ASSERT_TRUE(listed(GS_ORIGIN_EXTENSION, GS_RULE_HELD_COMPUTE, 0, 0));
	CU_ASSERT_TRUE(listed(GS_ORIGIN_INTERPRETER, GS_RULE_HELD_COMPUTE, 0, 0));
}

/* In the order in which they must come. */
static const struct gs_rank ordered[] = {
	{999, 999, 999, GS_RULE_HELD_BLOCKED, GS_ORIGIN_INTERPRETER, 0},
	{300, 0, 1, GS_RULE_HELD_COMPUTE, GS_ORIGIN_EXTENSION, 12},
	{200, 0, 1, GS_RULE_HELD_COULD_BLOCK, GS_ORIGIN_EXTENSION, 7},
	{150, 0, 1, GS_RULE_HELD_COMPUTE, GS_ORIGIN_EXTENSION, 11},
	{100, 5, 1, GS_RULE_HELD_BLOCKED, GS_ORIGIN_EXTENSION, 6},
	{100, 4, 9, GS_RULE_HELD_BLOCKED, GS_ORIGIN_EXTENSION, 5},
	{0, 901, 1, GS_RULE_HELD_BLOCKED, GS_ORIGIN_INTERPRETER, 13},
	{0, 900, 1, GS_RULE_HELD_BLOCKED, GS_ORIGIN_EXTENSION, 4},
	{0, 900, 7, GS_RULE_HELD_BLOCKED, GS_ORIGIN_INTERPRETER, 14},
	{0, 0, 1, GS_RULE_HELD_BLOCKED, GS_ORIGIN_EXTENSION, 3},
	{0, 0, 50, GS_RULE_HELD_COULD_BLOCK, GS_ORIGIN_EXTENSION, 2},
	{0, 0, 40, GS_RULE_HELD_COULD_BLOCK, GS_ORIGIN_EXTENSION, 1},
	{0, 0, 40, GS_RULE_HELD_COULD_BLOCK, GS_ORIGIN_EXTENSION, 8},
	{0, 0, 90, GS_RULE_HELD_COULD_BLOCK, GS_ORIGIN_INTERPRETER, 15},
	{5, 0, 1, GS_RULE_NONE, GS_ORIGIN_INTERPRETER, 16},
	{0, 0, 99, GS_RULE_NONE, GS_ORIGIN_EXTENSION, 9},
	{0, 0, 100, GS_RULE_NONE, GS_ORIGIN_INTERPRETER, 17},
	{999, 999, 999, GS_RULE_NONE, GS_ORIGIN_STARTUP, 10},
	{9999, 999, 999, GS_RULE_NONE, GS_ORIGIN_SHUTDOWN, 18},
};
#define COUNT GS_ARRAY_SIZE(ordered)

static void test_the_most_harmful_comes_first(void)
{
	for (size_t a = 0; a < COUNT; a++) {
		for (size_t b = 0; b < COUNT; b++) {
			int order = gs_rank_compare(&ordered[a], &ordered[b]);

			CU_ASSERT_EQUAL((order > 0) - (order < 0), (a > b) - (a < b));
		}
	}
}

/* The nth of several orders to insert in; 7 and 19 have no common factor. */
static const struct gs_rank *nth(size_t start, size_t i)
{
	return &ordered[(start + i * 7) % COUNT];
}

static void test_inserting_keeps_the_best_in_order(void)
{
	struct gs_rank best[COUNT + 1];

	for (size_t start = 0; start < COUNT; start++) {
		for (size_t capacity = 0; capacity <= COUNT + 1; capacity++) {
			size_t expected = capacity < COUNT ? capacity : COUNT;
			size_t count = 0;

			for (size_t i = 0; i < COUNT; i++)
				count = gs_rank_insert(best, count, capacity, nth(start, i));
			CU_ASSERT_EQUAL_FATAL(count, expected);
			for (size_t i = 0; i < count; i++)
				CU_ASSERT_EQUAL(best[i].index, ordered[i].index);
		}
	}
}

CU_TestInfo gs_tests_rank[] = {
	{"a blocked call is GIL001 whatever its class",
		test_a_blocked_call_is_gil001_whatever_its_class},
	{"a call that could wait is GIL002", test_a_call_that_could_wait_is_gil002},
	{"a disk call that came back breaks no rule",
		test_a_disk_call_that_came_back_breaks_no_rule},
	{"startup and shutdown break no rule", test_startup_and_shutdown_break_no_rule},
	{"keeping the GIL is GIL003 while the program runs",
		test_keeping_the_gil_is_gil003_while_the_program_runs},
	{"a few delays are no convoy", test_a_few_delays_are_no_convoy},
	{"names of rules", test_names_of_rules},
	{"what is listed", test_what_is_listed},
	{"the most harmful comes first", test_the_most_harmful_comes_first},
	{"inserting keeps the best in order", test_inserting_keeps_the_best_in_order},
	CU_TEST_INFO_NULL,
};
