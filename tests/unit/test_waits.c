/* Who waited for which GIL, as a view takes it over; also from a process that still runs or was
 * killed. */
#include <string.h>

#include "unit.h"

#define MS 1000000u

static struct gs_view view;

static void test_waits_of_one_process(void)
{
	struct synthetic record;
	struct gs_waits waits;

	unit_make_stalls(&record);
	synthetic_waiter(&record, 4715, "idle"); /* never waited */
	unit_add(&view, &record);
	CU_ASSERT_EQUAL_FATAL(view.gil_count, 1);
	CU_ASSERT_EQUAL(view.gils[0].pid, 4711);
	CU_ASSERT_EQUAL(view.gils[0].histogram[21], 310);
	waits = gs_view_waits(&view);
	CU_ASSERT_EQUAL(waits.waits, 2310);
	CU_ASSERT_EQUAL(waits.waited_ns, 6500000000);
	CU_ASSERT_EQUAL(gs_view_uncharged(&waits), 400000000);
	CU_ASSERT_EQUAL_FATAL(view.waiter_count, 3);
	CU_ASSERT_STRING_EQUAL(view.waiters[1].name, "pool-1");
	CU_ASSERT_EQUAL(view.waiters[1].waited_ns, 1500000000);
	CU_ASSERT_EQUAL(view.waiters[2].computed_ns, 2300000000);
	CU_ASSERT_EQUAL(view.waiters[0].waiting_since_ns, 0);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_gils_of_several_processes_stay_apart(void)
{
	struct synthetic first, second;
	struct gs_gil_entry *gil;

	unit_make_stalls(&first);
	unit_make_stalls(&second);
	second.header->pid = 4800;
	second.header->interpreters = 3;
	gil = synthetic_entry(&second, GS_SECTION_GILS, 2);
	gil->waits = 1;
	gil->waited_ns = gil->worst_ns = 7000 * (uint64_t) MS;
	unit_add(&view, &first);
	unit_add(&view, &second);
	CU_ASSERT_EQUAL_FATAL(view.gil_count, 3); /* the second's GIL 1 was never waited for */
	CU_ASSERT_EQUAL(view.gils[2].pid, 4800);
	CU_ASSERT_EQUAL(view.gils[2].index, 2);
	CU_ASSERT_EQUAL(gs_view_waits(&view).waits, 4621);
	CU_ASSERT_EQUAL(gs_view_waits(&view).worst_ns, 7000000000);
	CU_ASSERT_EQUAL(view.waiter_count, 6);
	gs_view_free(&view);
	synthetic_free(&first);
	synthetic_free(&second);
}

static void test_stops_of_the_world_are_waited_for_too(void)
{
	struct synthetic record;
	struct gs_gil_entry *world;

	unit_make_stalls(&record);
	world = synthetic_entry(&record, GS_SECTION_GILS, GS_WORLD);
	world->waits = 4;
	world->waited_ns = 500 * (uint64_t)MS;
	world->held_ns = 450 * (uint64_t)MS;
	unit_add(&view, &record);
	/* a build that has none says nothing of it */
	CU_ASSERT_EQUAL(gs_view_waits(&view).stops, 0);
	CU_ASSERT_EQUAL(gs_view_waits(&view).waits, 2310);
	gs_view_free(&view);
	record.header->world = 1;
	unit_add(&view, &record);
	CU_ASSERT_EQUAL_FATAL(view.gil_count, 2);
	CU_ASSERT_EQUAL(view.gils[1].index, GS_WORLD);
	CU_ASSERT_EQUAL(gs_view_waits(&view).stops, 4);
	CU_ASSERT_EQUAL(gs_view_waits(&view).waits, 2314);
	CU_ASSERT_EQUAL(gs_view_waits(&view).held_ns, 3850 * (uint64_t)MS);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_what_is_charged_twice_leaves_nothing(void)
{
	const struct gs_waits more = {1, 100, 100, 60, 60, 0, 0};
	const struct gs_waits most = {1, 100, 100, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};
	const struct gs_waits less = {1, 100, 100, 30, 20, 10, 0};

	CU_ASSERT_EQUAL(gs_view_uncharged(&more), 0);
	CU_ASSERT_EQUAL(gs_view_uncharged(&most), 0);
	CU_ASSERT_EQUAL(gs_view_uncharged(&less), 40);
}

static void test_are_waits_measured(void)
{
	struct synthetic record, other;

	unit_make_stalls(&record);
	unit_make_stalls(&other);
	unit_add(&view, &record);
	CU_ASSERT_TRUE(gs_view_waits_measured(&view));
	other.header->unknown = 1;
	unit_add(&view, &other);
	CU_ASSERT_FALSE(gs_view_waits_measured(&view));
	gs_view_free(&view);
	CU_ASSERT_FALSE(gs_view_waits_measured(&view));
	record.header->interpreters = 0;
	unit_add(&view, &record);
	CU_ASSERT_FALSE(gs_view_waits_measured(&view));
	gs_view_free(&view);
	record.header->interpreters = 1;
	record.header->free_threaded = GS_THREADING_FREE;
	unit_add(&view, &record);
	CU_ASSERT_FALSE(gs_view_waits_measured(&view));
	CU_ASSERT_TRUE(gs_view_free_threaded(&view));
	gs_view_free(&view);
	record.header->world = 1;
	unit_add(&view, &record);
	CU_ASSERT_TRUE(gs_view_waits_measured(&view));
	gs_view_free(&view);
	record.header->free_threaded = GS_THREADING_FREE_GIL;
	unit_add(&view, &record);
	CU_ASSERT_TRUE(gs_view_waits_measured(&view));
	CU_ASSERT_FALSE(gs_view_free_threaded(&view));
	gs_view_free(&view);
	synthetic_free(&record);
	synthetic_free(&other);
}

/* ---- delays ---- */

static void test_delays_of_several_processes_are_one(void)
{
	struct synthetic first, second;

	unit_make_stalls(&first);
	unit_make_stalls(&second);
	second.header->pid = 4800;
	synthetic_delay(&second, 0, 10, 20000, 9 * MS);
	synthetic_delay(&second, 1, 3, 100, MS);
	unit_add(&view, &first);
	unit_add(&view, &second);
	CU_ASSERT_EQUAL_FATAL(view.delay_count, 2);
	CU_ASSERT_STRING_EQUAL(view.delays[0].call, "recv");
	CU_ASSERT_EQUAL(view.delays[0].calls, 1510);
	CU_ASSERT_EQUAL(view.delays[0].delayed, 1210);
	CU_ASSERT_EQUAL(view.delays[0].wait_ns, 6000000000 + 10 * 9 * MS);
	CU_ASSERT_EQUAL(view.delays[0].wait_worst_ns, 9 * MS);
	CU_ASSERT_EQUAL(view.delays[0].call_worst_ns, 20000);
	CU_ASSERT_EQUAL(view.delays[0].pids.count, 2);
	CU_ASSERT_EQUAL(view.delays[1].pids.count, 1);
	gs_view_free(&view);
	synthetic_free(&first);
	synthetic_free(&second);
}

static void test_the_longest_delays_come_first(void)
{
	struct synthetic record;
	uint32_t order[3];

	unit_make_stalls(&record);
	synthetic_delay(&record, 1, 10, 100, MS);
	synthetic_delay(&record, 2, 9, 100, 50 * MS); /* too few to be listed */
	synthetic_function(&record, 3, "poll");
	synthetic_delay(&record, 3, 1000, 100, 7 * MS);
	synthetic_function(&record, 4, "read");
	synthetic_delay(&record, 4, 1000, 100, 100); /* too short */
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.delay_count, 5);
	CU_ASSERT_EQUAL_FATAL(gs_view_delays(&view, order, 3), 3);
	CU_ASSERT_STRING_EQUAL(view.delays[order[0]].call, "poll");
	CU_ASSERT_STRING_EQUAL(view.delays[order[1]].call, "recv");
	CU_ASSERT_STRING_EQUAL(view.delays[order[2]].call, "nanosleep");
	CU_ASSERT_EQUAL(gs_view_delays(&view, order, 1), 1);
	CU_ASSERT_EQUAL(gs_view_delays(&view, order, 0), 0);
	gs_view_free(&view);
	synthetic_free(&record);
}

/* ---- waits that have not ended ---- */

/* A killed process: thread 0 has been in call 1 of site 1 for 1.5 s, and two threads wait. */
static void make_stuck(struct synthetic *record)
{
	struct gs_thread_entry *thread;

	unit_make_stalls(record);
	record->header->ended = GS_ENDED_SIGNAL;
	thread = synthetic_entry(record, GS_SECTION_THREADS, 0);
	thread->site = thread->call = 1;
	thread->begin_ns = record->header->start_ns + 500 * MS;
	thread = synthetic_thread(record, 4713, 1);
	thread->waiter = 0;
	thread->waiting_ns = record->header->start_ns + 1500 * MS;
	thread = synthetic_thread(record, 4799, 1);
	thread->waiter = GS_NONE;
	thread->waiting_ns = record->header->start_ns + 400 * MS;
}

static void test_who_waits_for_a_call_in_progress(void)
{
	struct synthetic record;
	struct gs_waits waits;

	make_stuck(&record);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL_FATAL(view.waiter_count, 4);
	CU_ASSERT_EQUAL(view.waiters[0].waiting_ns, 500 * MS);
	CU_ASSERT_EQUAL(view.waiters[0].waits, 2001);
	CU_ASSERT_EQUAL(view.waiters[0].waited_ns, 5500000000);
	CU_ASSERT_EQUAL(view.waiters[0].worst_ns, 500 * MS);
	CU_ASSERT_EQUAL(view.waiters[3].tid, 4799);
	CU_ASSERT_STRING_EQUAL(view.waiters[3].name, "worker-3");
	CU_ASSERT_EQUAL(view.waiters[3].waiting_ns, 1600 * MS);
	waits = gs_view_waits(&view);
	CU_ASSERT_EQUAL(waits.waits, 2312);
	CU_ASSERT_EQUAL(waits.waited_ns, 6500000000 + 2100 * MS);
	/* The call is charged with what was waited since it began. */
	CU_ASSERT_EQUAL(view.sites[1].stalled_ns, 2000 * (uint64_t) MS);
	CU_ASSERT_EQUAL(waits.held_ns, 3400000000 + 2000 * MS);
	CU_ASSERT_EQUAL(view.sites[1].stalled_threads, 2);
	CU_ASSERT_STRING_EQUAL(view.sites[1].victims[0], "ticker");
	CU_ASSERT_STRING_EQUAL(view.sites[1].victims[1], "worker-3");
	gs_view_free(&view);
	synthetic_free(&record);
}

/* Each of these is no wait in progress, or nobody's fault. */
static void closed(struct synthetic *record, struct gs_thread_entry *thread)
{
	(void) thread;
	record->header->ended = GS_ENDED_EXIT;
}
static void over(struct synthetic *record, struct gs_thread_entry *thread)
{
	(void) record;
	thread->waiting_ns = 0;
}
static void before_the_start(struct synthetic *record, struct gs_thread_entry *thread)
{
	thread->waiting_ns = record->header->start_ns - 1;
}
static void no_thread(struct synthetic *record, struct gs_thread_entry *thread)
{
	(void) record;
	thread->tid = 0;
}

static void test_what_is_no_wait_in_progress(void)
{
	static void (*const change[])(struct synthetic *, struct gs_thread_entry *) = {
		closed, over, before_the_start, no_thread};

	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		struct synthetic record;

		make_stuck(&record);
		for (uint32_t j = 2; j < 4; j++)
			change[i](&record, synthetic_entry(&record, GS_SECTION_THREADS, j));
		unit_add(&view, &record);
		CU_ASSERT_EQUAL(view.waiter_count, 3);
		CU_ASSERT_EQUAL(view.waiters[0].waiting_since_ns, 0);
		CU_ASSERT_EQUAL(view.sites[1].stalled_ns, 0);
		CU_ASSERT_EQUAL(gs_view_waits(&view).waits, 2310);
		gs_view_free(&view);
		synthetic_free(&record);
	}
}

static void test_waits_for_another_gil_are_not_charged(void)
{
	struct synthetic record;
	struct gs_thread_entry *thread;

	make_stuck(&record);
	record.header->interpreters = 2;
	thread = synthetic_entry(&record, GS_SECTION_THREADS, 2);
	thread->gil = 1;
	thread = synthetic_entry(&record, GS_SECTION_THREADS, 3);
	thread->gil = GS_NONE; /* or one that the record does not have */
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.sites[1].stalled_ns, 0);
	CU_ASSERT_EQUAL(view.sites[1].stalled_threads, 0);
	CU_ASSERT_EQUAL_FATAL(view.gil_count, 2);
	CU_ASSERT_EQUAL(view.gils[1].index, 1);
	CU_ASSERT_EQUAL(view.gils[1].waits.waited_ns, 500 * MS);
	CU_ASSERT_EQUAL(view.gils[0].waits.waits, 2310);
	CU_ASSERT_EQUAL(view.waiters[3].waiting_ns, 1600 * MS);
	gs_view_free(&view);
	synthetic_free(&record);
}

/* Killed with no sign of life since: that the wait had begun is all that is known. */
static void test_a_wait_of_unknown_length(void)
{
	struct synthetic record;
	struct gs_thread_entry *thread;

	make_stuck(&record);
	thread = synthetic_entry(&record, GS_SECTION_THREADS, 2);
	thread->waiting_ns = record.header->last_ns;
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.waiters[0].waiting_since_ns, record.header->last_ns);
	CU_ASSERT_FALSE(view.waiters[0].waiting_known);
	CU_ASSERT_EQUAL(view.waiters[0].waits, 2000);
	gs_view_free(&view);
	synthetic_free(&record);
}

/* The same pid twice, after an exec: what one image's threads wait for is not the other's. */
static void test_images_of_one_process_stay_apart(void)
{
	struct synthetic first, second;

	unit_make_stalls(&first);
	first.header->ended = GS_ENDED_EXEC;
	make_stuck(&second);
	unit_add(&view, &first);
	unit_add(&view, &second);
	CU_ASSERT_EQUAL(view.gil_count, 2);
	CU_ASSERT_EQUAL(view.gils[0].waits.waits, 2310);
	CU_ASSERT_EQUAL(view.gils[1].waits.waits, 2312);
	CU_ASSERT_EQUAL(view.waiter_count, 7);
	CU_ASSERT_EQUAL(view.waiters[0].waiting_ns, 0);
	CU_ASSERT_EQUAL(view.waiters[3].waiting_ns, 500 * MS);
	gs_view_free(&view);
	synthetic_free(&first);
	synthetic_free(&second);
}

CU_TestInfo gs_tests_waits[] = {
	{"waits of one process", test_waits_of_one_process},
	{"GILs of several processes stay apart", test_gils_of_several_processes_stay_apart},
	{"what is charged twice leaves nothing", test_what_is_charged_twice_leaves_nothing},
	{"stops of the world are waited for too", test_stops_of_the_world_are_waited_for_too},
	{"are waits measured?", test_are_waits_measured},
	{"delays of several processes are one", test_delays_of_several_processes_are_one},
	{"the longest delays come first", test_the_longest_delays_come_first},
	{"who waits for a call in progress", test_who_waits_for_a_call_in_progress},
	{"what is no wait in progress", test_what_is_no_wait_in_progress},
	{"waits for another GIL are not charged", test_waits_for_another_gil_are_not_charged},
	{"a wait of unknown length", test_a_wait_of_unknown_length},
	{"images of one process stay apart", test_images_of_one_process_stay_apart},
	CU_TEST_INFO_NULL,
};
