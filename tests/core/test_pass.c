/* What a wrapper lets pass with a count and no more, and the sums that only a holder changes. */
#include <pthread.h>
#include <string.h>

#include "calls.h"
#include "core.h"
#include "gil.h"
#include "gils.h"
#include "life.h"
#include "probe.h"
#include "store.h"
#include "watch.h"

#define READ_KEY GS_KEY(GS_CALL_READ, GS_NAME_read)

static void expect_passes(bool passes)
{
	uint64_t before = gs_thread.counts[GS_CALL_READ];

	CU_ASSERT_EQUAL(gs_watch_passes(GS_CALL_READ), passes);
	CU_ASSERT_EQUAL(gs_thread.counts[GS_CALL_READ], before + passes);
}

/* Not of who holds the GIL, nor within our own bookkeeping. */
static void expect_of_who_does_not_hold(void (*expect)(bool))
{
	expect(true);
	gils_take(&gils[0]);
	expect(false);
	gils_drop(&gils[0]);
	expect(true);
	gs_enter(&gs_thread);
	expect(false);
	gs_leave(&gs_thread);
}

static void test_with_one_gil_most_calls_are_counted_and_pass(void)
{
	gils_begin();
	gs_armed[GS_CALL_READ] = GS_ARMED_WATCHED;
	gs_armed[GS_CALL_VFORK] = GS_ARMED_MARK;
	gs_watch_arm();
	CU_ASSERT_EQUAL(gs_armed[GS_CALL_VFORK], GS_ARMED_MARK);
	CU_ASSERT(gs_watch_passes(GS_CALL_WRITE)); /* not asked for */
	gs_thread.plain = false;
	CU_ASSERT_FALSE(gs_watch_passes(GS_CALL_READ)); /* as at a thread's first call */
	CU_ASSERT_FALSE(gs_watch(READ_KEY));
	expect_of_who_does_not_hold(expect_passes);
	gs_life.timed = true;
	gs_watch_arm();
	expect_passes(false);
	CU_ASSERT_EQUAL(gs_watch(READ_KEY), GS_HALF_TIMED);
	gs_life.options.log = GS_LOG_ALL;
	gs_watch_arm();
	CU_ASSERT_EQUAL(gs_watch(READ_KEY), GS_HALF_HELD);
	gs_life.options.log = GS_LOG_NONE;
	gs_life.timed = false;
	gs_watch_arm();
	expect_passes(true);
	gils_make(&gils[1]);
	gs_watch_arm();
	expect_passes(false);
	memset(gs_armed, 0, GS_CALLS);
	gs_watch_arm();
	CU_ASSERT_EQUAL(gs_armed[GS_CALL_READ], 0);
}

static void expect_plainly(bool plainly)
{
	gs_watch_arm();
	CU_ASSERT_EQUAL(gs_probe_plainly(GS_CALL_READ), plainly);
}

static void test_each_call_is_of_interest_where_it_is_timed_or_logged(void)
{
	gils_begin();
	gs_armed[GS_CALL_READ] = GS_ARMED_WATCHED;
	expect_plainly(true);
	gs_life.options.log = GS_LOG_BLOCKED;
	expect_plainly(true);
	gs_life.options.log = GS_LOG_HELD;
	expect_plainly(false);
	gs_life.options.log = GS_LOG_NONE;
	gs_life.timed = true;
	expect_plainly(false);
	gs_life.timed = false;
	expect_plainly(true);
	memset(gs_armed, 0, GS_CALLS);
	expect_plainly(false);
}

static void expect_times(bool times)
{
	uint64_t before = gs_thread.counts[GS_CALL_READ];

	expect_passes(false);
	CU_ASSERT_EQUAL(gs_watch_times(GS_CALL_READ), times);
	CU_ASSERT_EQUAL(gs_thread.counts[GS_CALL_READ], before + times);
}

static void test_timed_calls_are_counted_and_go_to_their_half(void)
{
	gils_begin();
	gs_armed[GS_CALL_READ] = GS_ARMED_WATCHED;
	gs_watch_arm();
	gs_thread.plain = false;
	CU_ASSERT_FALSE(gs_watch(READ_KEY));
	CU_ASSERT_FALSE(gs_watch_times(GS_CALL_READ)); /* they are not timed */
	gs_life.timed = true;
	gs_watch_arm();
	expect_of_who_does_not_hold(expect_times);
	gs_life.options.log = GS_LOG_ALL; /* that wants to see all of it */
	gs_watch_arm();
	expect_times(false);
	gs_life.options.log = GS_LOG_NONE;
	gils_make(&gils[1]);
	gs_watch_arm();
	expect_times(false);
	CU_ASSERT_EQUAL(gs_watch(READ_KEY), GS_HALF_TIMED);
	gs_life.timed = false;
	memset(gs_armed, 0, GS_CALLS);
	CU_ASSERT_FALSE(gs_watch_times(GS_CALL_READ));
}

static void expect_locks(const void *mutex, bool passes)
{
	uint64_t before = gs_thread.counts[GS_CALL_MUTEX_LOCK];

	CU_ASSERT_EQUAL(gs_watch_passes_mutex(GS_CALL_MUTEX_LOCK, mutex), passes);
	CU_ASSERT_EQUAL(gs_thread.counts[GS_CALL_MUTEX_LOCK], before + passes);
}

/* The one thread that makes all GILs here locks a mutex. */
static void lock_at_first(void)
{
	gs_armed[GS_CALL_MUTEX_LOCK] = GS_ARMED_WATCHED;
	gs_watch_arm();
	gs_thread.plain = gs_thread.follows = false;
	CU_ASSERT_FALSE(gs_watch(GS_KEY(GS_CALL_MUTEX_LOCK, GS_NAME_pthread_mutex_lock)));
}

static void begin_in_image(uint32_t hex)
{
	gils_begin();
	gs_gil.end = UINTPTR_MAX; /* all there is */
	gs_gil.hex = hex;
	gils_make(&gils[0]);
	gs_gil.made = 1;
	gs_gil.flagged = true;
	lock_at_first();
}

static void test_the_mutexes_of_the_first_gil_pass(void)
{
	pthread_mutex_t other;

	begin_in_image(0x030c0000);
	expect_locks(&other, true); /* by who does not hold */
	gils_take(&gils[0]);
	expect_locks(&gils[0].mutex, true);
	expect_locks(&gils[0].switch_mutex, true);
	expect_locks(&gils[1].mutex, false);
	expect_locks(&other, false);
	expect_locks(NULL, false);
	gs_enter(&gs_thread);
	expect_locks(&gils[0].mutex, false);
	gs_leave(&gs_thread);
	gils_drop(&gils[0]);
	gs_thread.release_ns = 1; /* somebody waits for it */
	gs_enter(&gs_thread);
	gs_leave(&gs_thread);
	expect_locks(&gils[0].mutex, true);
	expect_locks(&other, false);
	gs_thread.release_ns = 0;
	memset(gs_armed, 0, GS_CALLS);
	CU_ASSERT(gs_watch_passes_mutex(GS_CALL_MUTEX_LOCK, &other)); /* not asked for */
}

static void test_other_mutexes_do_not(void)
{
	begin_in_image(0x03060000); /* there they may lie anywhere */
	gils_take(&gils[0]);
	expect_locks(&gils[0].mutex, false);
	gils_drop(&gils[0]);
	gils_begin(); /* a GIL on the heap: another may lie there later */
	lock_at_first();
	gils_take(&gils[0]);
	expect_locks(&gils[0].mutex, false);
	gils_drop(&gils[0]);
	memset(gs_armed, 0, GS_CALLS);
}

static void test_sums_add_up_with_and_without_a_lock(void)
{
	_Atomic uint64_t sum = UINT64_C(1) << 40;
	_Atomic uint32_t small = 7;

	for (int one = 0; one < 2; one++) {
		gs_gil.flagged = one;
		gs_gil_add(&sum, UINT64_C(1) << 35);
		gs_gil_add(&sum, -UINT64_C(1));
		gs_gil_add32(&small, 3);
	}
	gs_gil.flagged = false;
	CU_ASSERT_EQUAL(sum, (UINT64_C(1) << 40) + (UINT64_C(1) << 36) - 2);
	CU_ASSERT_EQUAL(small, 13);
}

CU_TestInfo gs_tests_pass[] = {
	{"with one GIL most calls are counted and pass",
		test_with_one_gil_most_calls_are_counted_and_pass},
	{"each call is of interest where it is timed or logged",
		test_each_call_is_of_interest_where_it_is_timed_or_logged},
	{"timed calls are counted and go to their half",
		test_timed_calls_are_counted_and_go_to_their_half},
	{"the mutexes of the first GIL pass", test_the_mutexes_of_the_first_gil_pass},
	{"other mutexes do not", test_other_mutexes_do_not},
	{"sums add up with and without a lock", test_sums_add_up_with_and_without_a_lock},
	CU_TEST_INFO_NULL,
};
