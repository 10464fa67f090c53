/* Threads and their blocks: claimed at the first call, handed back at the end, no count lost. */
#include "thread.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "core.h"
#include "gil.h"
#include "probe.h"
#include "store.h"

#define READ_KEY GS_KEY(GS_CALL_READ, GS_NAME_read)
#define WRITE_KEY GS_KEY(GS_CALL_WRITE, GS_NAME_write)

#define ALIVE 300
#define ONE_AFTER_ANOTHER 2000

static _Atomic unsigned wrong;

static void *no_thread_state(void)
{
	return NULL;
}

/* A record of a Python whose GIL nobody in these tests holds. */
static void begin(void)
{
	core_begin_threads();
	gs_gil.oracle = GS_ORACLE_THREAD;
	gs_gil.unchecked = no_thread_state;
	wrong = 0;
}

/* Makes `count` calls that are judged not held. */
static void call(uint32_t key, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		wrong += gs_watch(key) != GS_HALF_NONE;
}

static uint64_t counted(unsigned from, unsigned to, unsigned call)
{
	uint64_t sum = 0;

	for (unsigned i = from; i < to; i++)
		sum += gs_store.counts[(size_t) i * GS_MAX_CALLS + call];
	return sum;
}

static unsigned taken(void)
{
	unsigned blocks = 0;

	for (unsigned i = 0; i <= GS_MAX_THREADS; i++)
		blocks += gs_store.threads[i].tid != 0;
	return blocks;
}

static uint64_t retired(unsigned call, unsigned had)
{
	return gs_store.functions[call].retired[had];
}

/* ---- one thread ---- */

static void check_own_block(unsigned number)
{
	struct gs_thread *thread = &gs_thread;

	(void) number;
	prctl(PR_SET_NAME, "core-worker");
	wrong += thread->counts != NULL;
	call(READ_KEY, 1);
	wrong += !thread->entry || !thread->counts || thread->tid != (uint32_t) gettid();
	wrong += thread->entry->tid != (uint32_t) gettid();
	wrong += thread->entry->name[0] != '\0';
	gs_thread_name(thread->entry);
	wrong += strcmp(thread->entry->name, "core-worker") != 0;
	wrong += thread->entry->had_gil != 0 || thread->epoch != gs_epoch();
	wrong += thread->counts[GS_CALL_READ] != 1;
	call(READ_KEY, 9);
	call(WRITE_KEY, 5);
	wrong += thread->counts[GS_CALL_READ] != 10 || thread->counts[GS_CALL_WRITE] != 5;
	wrong += taken() != 1;
}

static void test_a_thread_counts_in_a_block_of_its_own(void)
{
	begin();
	core_threads(1, check_own_block);
	CU_ASSERT_EQUAL(wrong, 0);
}

static void test_a_thread_that_ends_hands_its_block_back(void)
{
	begin();
	core_threads(1, check_own_block);
	CU_ASSERT_EQUAL(taken(), 0);
	CU_ASSERT_EQUAL(gs_store.threads[0].name[0], '\0');
	CU_ASSERT_EQUAL(counted(0, GS_MAX_THREADS + 1, GS_CALL_READ), 0);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0), 10);
	CU_ASSERT_EQUAL(retired(GS_CALL_WRITE, 0), 5);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 1), 0);
	CU_ASSERT_EQUAL(gs_store.header->lost.threads, 0);
	CU_ASSERT_EQUAL(gs_store.header->moving, 0);
	CU_ASSERT(gs_store.header->moving_to == 10 || gs_store.header->moving_to == 5);
}

static void make_no_call(unsigned number)
{
	(void) number;
}

static void test_a_thread_without_calls_takes_no_block(void)
{
	begin();
	core_threads(4, make_no_call);
	CU_ASSERT_EQUAL(gs_store.header->threads, 0);
	CU_ASSERT_EQUAL(taken(), 0);
}

static void hold_a_gil_in_between(unsigned number)
{
	(void) number;
	call(READ_KEY, 3);
	gs_thread_had_gil(&gs_thread);
	wrong += gs_thread.entry->had_gil != 1;
	call(READ_KEY, 4);
}

static void hold_a_gil_before_the_first_call(unsigned number)
{
	(void) number;
	gs_thread_had_gil(&gs_thread);
	call(READ_KEY, 7);
	wrong += gs_thread.entry->had_gil != 1;
}

static void test_threads_that_held_a_gil_retire_apart(void)
{
	begin();
	core_threads(1, hold_a_gil_in_between);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 1), 7);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0), 0);
	core_threads(1, hold_a_gil_before_the_first_call);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 1), 14);
	CU_ASSERT_EQUAL(wrong, 0);
	for (unsigned i = 0; i < GS_MAX_THREADS; i++) /* the next thread starts anew */
		CU_ASSERT_EQUAL(gs_store.threads[i].had_gil, 0);
}

/* A destructor that runs after ours, and calls. */
static pthread_key_t late;

static void call_late(void *value)
{
	if ((uintptr_t) value < 3) {
		pthread_setspecific(late, (char *) value + 1);
		return;
	}
	call(READ_KEY, 2);
	wrong += !gs_thread.ended || gs_thread.entry != &gs_store.threads[GS_MAX_THREADS];
}

static void end_late(unsigned number)
{
	(void) number;
	call(READ_KEY, 5);
	pthread_setspecific(late, (void *) 1);
}

static void test_calls_of_an_ended_thread_go_to_the_totals(void)
{
	begin();
	CU_ASSERT_EQUAL(pthread_key_create(&late, call_late), 0);
	core_threads(1, end_late);
	pthread_key_delete(late);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0), 5 + 2);
	CU_ASSERT_EQUAL(counted(0, GS_MAX_THREADS + 1, GS_CALL_READ), 0);
	CU_ASSERT_EQUAL(gs_store.header->lost.threads, 0);
}

/* ---- lives ---- */

static pthread_barrier_t together;

static void call_in_two_lives(unsigned number)
{
	(void) number;
	call(READ_KEY, 3);
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	gs_thread.plain = false; /* as the forked child's first thread finds itself */
	call(READ_KEY, 4);
	wrong += gs_thread.epoch != gs_epoch();
}

static void *run_two_lives(void *argument)
{
	(void) argument;
	call_in_two_lives(0);
	return NULL;
}

static void test_a_new_life_gets_a_new_block(void)
{
	pthread_t thread;

	begin();
	pthread_barrier_init(&together, NULL, 2);
	CU_ASSERT_FATAL(pthread_create(&thread, NULL, run_two_lives, NULL) == 0);
	pthread_barrier_wait(&together);
	CU_ASSERT_EQUAL(counted(0, GS_MAX_THREADS, GS_CALL_READ), 3);
	begin();
	pthread_barrier_wait(&together);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&together);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0), 4);
}

static void begin_new_life_and_end(unsigned number)
{
	uint32_t epoch = gs_epoch() + 1000;

	(void) number;
	call(READ_KEY, 3);
	memcpy(&gs_armed[GS_ARMED_EPOCH], &epoch, sizeof(epoch));
}

static void test_a_block_of_an_old_life_is_not_touched(void)
{
	begin();
	core_threads(1, begin_new_life_and_end);
	CU_ASSERT_EQUAL(taken(), 1); /* as if these pages were gone */
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0), 0);
}

/* ---- many threads ---- */

static _Atomic unsigned overflowed;

static void call_together(unsigned number)
{
	call(READ_KEY, 1);
	pthread_barrier_wait(&together); /* all have their blocks */
	if (gs_thread.entry == &gs_store.threads[GS_MAX_THREADS])
		overflowed++;
	call(READ_KEY, 99);
	call(WRITE_KEY, number);
	pthread_barrier_wait(&together); /* none has ended */
	pthread_barrier_wait(&together); /* the test has looked */
}

static void *look_while_all_live(void *argument)
{
	uint64_t *seen = argument;

	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	seen[0] = taken();
	seen[1] = counted(0, GS_MAX_THREADS + 1, GS_CALL_READ);
	seen[2] = counted(0, GS_MAX_THREADS + 1, GS_CALL_WRITE) + retired(GS_CALL_WRITE, 0);
	seen[3] = retired(GS_CALL_READ, 0);
	pthread_barrier_wait(&together);
	return NULL;
}

static void test_three_hundred_threads_share_what_there_is(void)
{
	uint64_t seen[4] = {0}, writes = (uint64_t) ALIVE * (ALIVE - 1) / 2;
	pthread_t looker;

	begin();
	overflowed = 0;
	pthread_barrier_init(&together, NULL, ALIVE + 1);
	CU_ASSERT_FATAL(pthread_create(&looker, NULL, look_while_all_live, seen) == 0);
	core_threads(ALIVE, call_together);
	pthread_join(looker, NULL);
	pthread_barrier_destroy(&together);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(overflowed, ALIVE - GS_MAX_THREADS);
	CU_ASSERT_EQUAL(gs_store.header->lost.threads, ALIVE - GS_MAX_THREADS);
	CU_ASSERT_EQUAL(gs_store.header->threads, GS_MAX_THREADS + 1);
	CU_ASSERT_EQUAL(seen[0], GS_MAX_THREADS);
	CU_ASSERT_EQUAL(seen[1], GS_MAX_THREADS * 100);
	CU_ASSERT_EQUAL(seen[2], writes);
	CU_ASSERT_EQUAL(seen[3], (ALIVE - GS_MAX_THREADS) * 100);
	/* and once they have ended */
	CU_ASSERT_EQUAL(taken(), 0);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0), ALIVE * 100);
	CU_ASSERT_EQUAL(retired(GS_CALL_WRITE, 0), writes);
}

static void be_short(unsigned number)
{
	call(READ_KEY, 3);
	if (number % 2)
		gs_thread_had_gil(&gs_thread);
	call(WRITE_KEY, 1);
}

static void *run_short(void *argument)
{
	be_short((unsigned) (uintptr_t) argument);
	return NULL;
}

static void test_threads_one_after_another_need_one_block(void)
{
	uint32_t blocks = 0;

	begin();
	for (uintptr_t i = 0; i < ONE_AFTER_ANOTHER; i++) {
		pthread_t thread;

		CU_ASSERT_FATAL(pthread_create(&thread, NULL, run_short, (void *) i) == 0);
		pthread_join(thread, NULL);
		if (!i)
			blocks = gs_store.header->threads;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(gs_store.header->threads, blocks);
	CU_ASSERT_EQUAL(gs_store.header->lost.threads, 0);
	CU_ASSERT_EQUAL(taken(), 0);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0), 3 * ONE_AFTER_ANOTHER / 2);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 1), 3 * ONE_AFTER_ANOTHER / 2);
	CU_ASSERT_EQUAL(retired(GS_CALL_WRITE, 0), ONE_AFTER_ANOTHER / 2);
	CU_ASSERT_EQUAL(retired(GS_CALL_WRITE, 1), ONE_AFTER_ANOTHER / 2);
	CU_ASSERT_EQUAL(counted(0, GS_MAX_THREADS + 1, GS_CALL_READ), 0);
}

static void come_and_go(unsigned number)
{
	for (uintptr_t i = 0; i < 100; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run_short, (void *) (number + i)) != 0) {
			wrong++;
			return;
		}
		pthread_join(thread, NULL);
	}
}

/* Blocks change hands while others are taken. */
static void test_threads_that_come_and_go_at_once(void)
{
	begin();
	core_threads(8, come_and_go);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(taken(), 0);
	CU_ASSERT_EQUAL(retired(GS_CALL_READ, 0) + retired(GS_CALL_READ, 1), 3 * 800);
	CU_ASSERT_EQUAL(retired(GS_CALL_WRITE, 0), 400);
	CU_ASSERT_EQUAL(retired(GS_CALL_WRITE, 1), 400);
}

CU_TestInfo gs_tests_thread[] = {
	{"a_block_of_its_own", test_a_thread_counts_in_a_block_of_its_own},
	{"an_ended_thread_hands_its_block_back", test_a_thread_that_ends_hands_its_block_back},
	{"without_calls_no_block", test_a_thread_without_calls_takes_no_block},
	{"threads_that_held_a_gil_retire_apart", test_threads_that_held_a_gil_retire_apart},
	{"calls_of_an_ended_thread", test_calls_of_an_ended_thread_go_to_the_totals},
	{"a_new_life_gets_a_new_block", test_a_new_life_gets_a_new_block},
	{"a_block_of_an_old_life", test_a_block_of_an_old_life_is_not_touched},
	{"three_hundred_threads", test_three_hundred_threads_share_what_there_is},
	{"two_thousand_one_after_another", test_threads_one_after_another_need_one_block},
	{"threads_that_come_and_go_at_once", test_threads_that_come_and_go_at_once},
	CU_TEST_INFO_NULL,
};
