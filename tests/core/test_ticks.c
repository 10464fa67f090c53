/* The clock for durations: between two readings of it there lies what CLOCK_MONOTONIC says, too,
 * before its rate is known, afterwards, and where it is not used. */
#include "ticks.h"

#include "core.h"
#include "usage.h"

static void pass(uint64_t ns)
{
	for (uint64_t end = gs_now() + ns; gs_now() < end;)
		;
}

/* The clock's own readings lie within its duration, and it within two others: by a hundredth, as
 * the rate was measured for a short time only. */
static void expect_right(uint64_t ns)
{
	uint64_t before = gs_now(), begin = gs_ticks_now(), first = gs_now(), inner, elapsed, outer;

	pass(ns);
	inner = gs_now() - first;
	elapsed = gs_ticks_since(begin);
	outer = gs_now() - before;
	CU_ASSERT(elapsed + elapsed / 100 >= inner);
	CU_ASSERT(elapsed <= outer + outer / 100);
}

static void test_before_its_rate_is_known(void)
{
	gs_ticks_setup();
	CU_ASSERT_EQUAL(gs_ticks_scale, 0);
	pass(1000000);
	expect_right(1000000);
}

static void test_when_its_rate_is_known(void)
{
	uint64_t begin;

	gs_ticks_setup();
	begin = gs_ticks_now();
	pass(25000000);
	CU_ASSERT(gs_ticks_since(begin) >= 24000000);
	CU_ASSERT_EQUAL(gs_ticks_scale != 0, gs_ticks_usable);
	expect_right(1000000);
}

static void test_a_clock_that_is_not_usable(void)
{
	bool usable;

	gs_ticks_setup();
	usable = gs_ticks_usable;
	gs_ticks_usable = false;
	expect_right(1000000);
	CU_ASSERT_EQUAL(gs_ticks_scale, 0);
	gs_ticks_usable = usable;
}

static void test_a_reading_of_the_future_is_no_time(void)
{
	gs_ticks_setup();
	if (!gs_ticks_usable)
		return;
	CU_ASSERT_EQUAL(gs_ticks_since(gs_ticks_now() + (UINT64_C(1) << 40)), 0);
	pass(25000000);
	(void) gs_ticks_since(gs_ticks_now());
	CU_ASSERT_NOT_EQUAL(gs_ticks_scale, 0);
	CU_ASSERT_EQUAL(gs_ticks_since(gs_ticks_now() + (UINT64_C(1) << 40)), 0);
}

CU_TestInfo gs_tests_ticks[] = {
	{"before its rate is known", test_before_its_rate_is_known},
	{"when its rate is known", test_when_its_rate_is_known},
	{"a clock that is not usable", test_a_clock_that_is_not_usable},
	{"a reading of the future is no time", test_a_reading_of_the_future_is_no_time},
	CU_TEST_INFO_NULL,
};
