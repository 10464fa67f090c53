#include "hist.h"

#include <stdlib.h>
#include <string.h>

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

static void test_the_median_of_nothing_is_0(void)
{
	uint64_t counts[GS_HIST_BUCKETS] = {0};

	CU_ASSERT_EQUAL(gs_hist_median(counts, 0), 0);
	CU_ASSERT_EQUAL(gs_hist_median(counts, UINT64_MAX), 0);
}

/* Whatever the durations are, the estimate lies in the bucket of the true median. */
static void test_the_median_is_in_its_bucket(void)
{
	srandom(4711);
	for (unsigned round = 0; round < 200; round++) {
		uint64_t counts[GS_HIST_BUCKETS] = {0};
		uint64_t base = (uint64_t) 1 << (random() % 36), worst = 0, median;
		unsigned bucket = 0, below = 0, count = 1 + (unsigned) (random() % 50) * 2;

		for (unsigned i = 0; i < count; i++) {
			uint64_t ns = base + (uint64_t) random() % base;

			ns <<= random() % 3;
			worst = ns > worst ? ns : worst;
			counts[gs_hist_bucket(ns)]++;
		}
		while (below + counts[bucket] < (count + 1) / 2)
			below += (unsigned) counts[bucket++];
		median = gs_hist_median(counts, worst);
		CU_ASSERT(median >= gs_hist_floor(bucket));
		CU_ASSERT(median <= worst);
		if (bucket + 1 < GS_HIST_BUCKETS)
			CU_ASSERT(median <= gs_hist_floor(bucket + 1));
	}
}

static void test_the_median_is_interpolated(void)
{
	uint64_t counts[GS_HIST_BUCKETS] = {[1] = 4, [3] = 2};

	CU_ASSERT_EQUAL(gs_hist_median(counts, 2000), 256 + 256 * 3 / 4);
	counts[3] = 4;
	CU_ASSERT_EQUAL(gs_hist_median(counts, 2000), 512);
	counts[3] = 12; /* the half lies at a third of these, none longer than the worst */
	CU_ASSERT_EQUAL(gs_hist_median(counts, 1624), 1024 + 200);
}

/* Counters that do not fit each other, from a hostile record. */
static void test_the_median_of_nonsense_is_a_number(void)
{
	uint64_t counts[GS_HIST_BUCKETS];

	memset(counts, 0xff, sizeof(counts));
	CU_ASSERT(gs_hist_median(counts, 0) < gs_hist_floor(GS_HIST_BUCKETS - 1));
	memset(counts, 0, sizeof(counts));
	counts[GS_HIST_BUCKETS - 1] = UINT64_MAX;
	CU_ASSERT_EQUAL(gs_hist_median(counts, 0), gs_hist_floor(GS_HIST_BUCKETS - 1));
}

CU_TestInfo gs_tests_hist[] = {
	{"every floor opens its own bucket", test_every_floor_opens_its_own_bucket},
	{"the first bucket holds everything shorter",
		test_the_first_bucket_holds_everything_shorter},
	{"the last bucket holds everything longer", test_the_last_bucket_holds_everything_longer},
	{"a longer time is never in an earlier bucket",
		test_a_longer_time_is_never_in_an_earlier_bucket},
	{"the median of nothing is 0", test_the_median_of_nothing_is_0},
	{"the median is in its bucket", test_the_median_is_in_its_bucket},
	{"the median is interpolated", test_the_median_is_interpolated},
	{"the median of nonsense is a number", test_the_median_of_nonsense_is_a_number},
	CU_TEST_INFO_NULL,
};
