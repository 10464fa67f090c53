#include "hist.h"
#include "unit.h"

static void test_every_floor_opens_its_own_bucket(void)
{
	for (unsigned b = 1; b < GS_HIST_BUCKETS; b++) {
		CU_ASSERT_EQUAL(gs_hist_bucket(gs_hist_floor(b)), b);
		CU_ASSERT_EQUAL(gs_hist_bucket(gs_hist_floor(b) - 1), b - 1);
	}
}

static void test_the_first_bucket_holds_everything_shorter(void)
{
	CU_ASSERT_EQUAL(gs_hist_floor(0), 0);
	CU_ASSERT_EQUAL(gs_hist_bucket(0), 0);
	CU_ASSERT_EQUAL(gs_hist_bucket(1), 0);
	CU_ASSERT_EQUAL(gs_hist_bucket(255), 0);
	CU_ASSERT_EQUAL(gs_hist_bucket(256), 1);
}

static void test_the_last_bucket_holds_everything_longer(void)
{
	CU_ASSERT_EQUAL(gs_hist_bucket(gs_hist_floor(GS_HIST_BUCKETS - 1)), GS_HIST_BUCKETS - 1);
	CU_ASSERT_EQUAL(gs_hist_bucket(UINT64_MAX), GS_HIST_BUCKETS - 1);
}

static void test_a_longer_time_is_never_in_an_earlier_bucket(void)
{
	unsigned last = 0;

	for (uint64_t ns = 1; ns < UINT64_MAX / 3; ns += ns / 2 + 1) {
		CU_ASSERT(gs_hist_bucket(ns) >= last);
		last = gs_hist_bucket(ns);
	}
}

CU_TestInfo gs_tests_hist[] = {
	{"every floor opens its own bucket", test_every_floor_opens_its_own_bucket},
	{"the first bucket holds everything shorter",
		test_the_first_bucket_holds_everything_shorter},
	{"the last bucket holds everything longer", test_the_last_bucket_holds_everything_longer},
	{"a longer time is never in an earlier bucket",
		test_a_longer_time_is_never_in_an_earlier_bucket},
	CU_TEST_INFO_NULL,
};
