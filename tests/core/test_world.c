/* Waits for stops of the world: what is waited is charged to the held calls that are in the way. An
 * interpreter's way to stop its threads, with our hooks where its image calls libc; times are the
 * machine's own, sums are exact. */
#include "world.h"

#include <sched.h>
#include <string.h>

#include "calls.h"
#include "core.h"
#include "gil.h"
#include "probe.h"
#include "store.h"
#include "waits.h"
#include "watch.h"

#define READ_KEY GS_KEY(GS_CALL_READ, GS_NAME_read)
#define TURN_KEY GS_KEY(GS_CALL_SEM_CLOCKWAIT, GS_NAME_sem_clockwait)
#define IMAGE ((void *) 4096) /* a return address in the image */
#define OUTSIDE ((void *) ((uintptr_t) 1 << 30))
#define MS 1000000u

/* pystate.c: what a thread state says of itself. */
enum { DETACHED, ATTACHED, SUSPENDED };

static _Thread_local int word;
static _Thread_local bool has_state;
static int interpreters;

static void *thread_state(void)
{
	return has_state ? &word : NULL;
}

static void *first_interpreter(void)
{
	return &interpreters;
}

static void *next_interpreter(void *interpreter)
{
	return interpreters > 1 ? interpreter : NULL;
}

/* ---- stops ---- */

static _Atomic bool stop;
static _Atomic unsigned running; /* threads that are attached */
static _Atomic bool go;

static void begin(void)
{
	core_begin_threads();
	gs_world_reset();
	memset(&gs_waits[0], 0, sizeof(gs_waits[0]));
	gs_waits[0].active = 1;
	gs_gil.oracle = gs_gil.exact = GS_ORACLE_STATE;
	gs_gil.state = 0;
	gs_gil.start = 1;
	gs_gil.end = 1 << 20;
	gs_gil.hex = 0x030d0000;
	gs_gil.free_threaded = gs_gil.attached = true;
	gs_gil.unchecked = gs_gil.this_thread = thread_state;
	gs_gil.first_interpreter = first_interpreter;
	gs_gil.next_interpreter = next_interpreter;
	gs_gil.was_initialized = true;
	interpreters = 1;
	stop = go = false;
	running = 0;
}

static void attach(void)
{
	has_state = true;
	word = ATTACHED;
	running++;
}

static void detach(void)
{
	running--;
	word = DETACHED;
	has_state = false;
}

static void pass(uint64_t ns)
{
	for (uint64_t end = gs_now() + ns; gs_now() < end;)
		sched_yield();
}

/* Not inlined, nor is call(): a call within another lies deeper in the stack. */
static __attribute__((noinline)) void begin_call(struct gs_probe *probe, uint32_t key, void *caller)
{
	CU_ASSERT(gs_watch(key));
	gs_probe_enter(probe, GS_KEY_CALL(key));
	gs_probe_begin(probe, key, GS_WAITS, caller, __builtin_frame_address(0));
}

static void end_call(struct gs_probe *probe)
{
	gs_probe_returned(probe);
	gs_probe_end(probe, GS_WAITS);
}

/* A held call of so long from the call site with this number. */
static __attribute__((noinline)) uint32_t call(unsigned number, uint64_t ns)
{
	struct gs_probe probe;

	begin_call(&probe, READ_KEY, (void *) (uintptr_t) (8192 + 16 * number));
	pass(ns);
	end_call(&probe);
	return probe.site;
}

static void turn(void *caller, uint64_t ns)
{
	struct gs_probe probe;

	begin_call(&probe, TURN_KEY, caller);
	pass(ns);
	end_call(&probe);
}

static void suspend(void)
{
	running--;
	word = SUSPENDED;
	gs_gil_sem_init(IMAGE);
	while (stop)
		pass(20000);
	word = DETACHED;
	gs_gil_sem_destroy(IMAGE);
	word = ATTACHED;
	running++;
}

/* stop_the_world(), by an attached thread. */
static void stop_others(void)
{
	struct gs_probe probe;

	stop = true;
	begin_call(&probe, TURN_KEY, IMAGE);
	while (running > 1)
		pass(20000);
	end_call(&probe);
}

static unsigned waiting(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < GS_MAX_THREADS; i++)
		count += gs_store.threads[i].waiting_ns != 0;
	return count;
}

/* ---- what must be true of every sum ---- */

static uint64_t stalled(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < GS_MAX_SITES; i++)
		if (gs_store.sites[i].key > 1)
			sum += gs_store.sites[i].stalled_ns;
	return sum;
}

static void expect_sums(void)
{
	const struct gs_gil_entry *sums = &gs_store.gils[GS_WORLD];
	uint64_t waited = 0, waits = 0, in_histogram = 0;

	for (unsigned i = 0; i < GS_MAX_WAITERS; i++) {
		waited += gs_store.waiters[i].waited_ns;
		waits += gs_store.waiters[i].waits;
	}
	for (unsigned i = 0; i < GS_HIST_BUCKETS; i++)
		in_histogram += sums->histogram[i];
	CU_ASSERT_EQUAL(sums->waited_ns, waited);
	CU_ASSERT_EQUAL(sums->waits, waits);
	CU_ASSERT_EQUAL(sums->waits, in_histogram);
	CU_ASSERT_EQUAL(sums->held_ns, stalled());
	CU_ASSERT(sums->held_ns <= sums->waited_ns);
	CU_ASSERT_EQUAL(waiting(), 0);
	for (unsigned i = 0; i < GS_MAX_SITES; i++)
		if (gs_store.sites[i].key > 1 && gs_store.sites[i].call == GS_CALL_SEM_CLOCKWAIT)
			CU_ASSERT_EQUAL(gs_store.sites[i].stalled_ns, 0);
}

/* ---- threads that do anything ---- */

static void restless(unsigned number)
{
	unsigned dice = number * 7919 + 1;

	attach();
	for (int i = 0; i < 300 || (gs_store.gils[GS_WORLD].waits < 60 && i < 100000); i++) {
		dice = dice * 1103515245 + 12345;
		if (stop)
			suspend();
		if (dice & 0x10000)
			call(number, dice >> 20 & 31 ? 3000 : 100000);
		if (number == 0 && (dice & 0xe0000) == 0) {
			stop_others();
			call(99, 5000);
			stop = false;
		}
	}
	detach();
}

static void test_what_is_waited_is_charged_once(void)
{
	begin();
	core_threads(6, restless);
	CU_ASSERT(gs_store.gils[GS_WORLD].waits >= 60);
	CU_ASSERT(gs_store.gils[GS_WORLD].held_ns > 0);
	CU_ASSERT_EQUAL(gs_store.gils[0].waits, 0);
	expect_sums();
}

/* ---- one who asks, one who is stopped, and calls ---- */

static unsigned callers;
static _Atomic unsigned calling;
static uint32_t sites[2];

static void asks_or_calls(unsigned number)
{
	struct gs_probe probe;

	attach();
	while (running < callers + 2 && !go)
		pass(20000);
	go = true;
	if (number == 0) {
		while (calling < callers)
			pass(20000);
		stop_others();
		stop = false;
	} else if (number == 1) {
		while (!stop)
			pass(20000);
		suspend();
	} else {
		begin_call(&probe, READ_KEY, (void *) (uintptr_t) (8192 + 16 * number));
		calling++;
		while (waiting() < 2)
			pass(20000);
		pass(60 * MS);
		end_call(&probe);
		sites[number - 2] = probe.site;
		suspend();
	}
	detach();
}

static void run_calls(unsigned count)
{
	callers = count;
	calling = 0;
	core_threads(2 + count, asks_or_calls);
	expect_sums();
}

static void test_a_call_that_is_in_the_way(void)
{
	const struct gs_site *site;

	begin();
	run_calls(1);
	site = &gs_store.sites[sites[0]];
	CU_ASSERT(site->stalled_ns > 100 * MS); /* two waited for 60 ms */
	CU_ASSERT_EQUAL(site->stalled_threads, 2);
	CU_ASSERT(gs_store.gils[GS_WORLD].worst_ns > 50 * MS);
}

static void test_calls_that_are_in_the_way_together(void)
{
	uint64_t first, second;

	begin();
	run_calls(2);
	first = gs_store.sites[sites[0]].stalled_ns;
	second = gs_store.sites[sites[1]].stalled_ns;
	CU_ASSERT(first > 40 * MS && second > 40 * MS);
	CU_ASSERT(first + second <= gs_store.gils[GS_WORLD].waited_ns);
}

static void test_which_of_several_interpreters_stops_is_not_known(void)
{
	begin();
	interpreters = 2;
	run_calls(1);
	CU_ASSERT_EQUAL(stalled(), 0);
	CU_ASSERT(gs_store.gils[GS_WORLD].waited_ns > 100 * MS);
}

/* A thread that is taken off its processor in between begins another wait. */
static void asks_in_turns(unsigned number)
{
	(void) number;
	attach();
	for (int i = 0; i < 40; i++)
		turn(IMAGE, MS + MS / 10);
	detach();
}

static void test_turns_are_one_wait(void)
{
	begin();
	core_threads(1, asks_in_turns);
	expect_sums();
	CU_ASSERT(gs_store.gils[GS_WORLD].waits < 20);
	CU_ASSERT(gs_store.gils[GS_WORLD].worst_ns > 2 * MS);
	CU_ASSERT(gs_store.gils[GS_WORLD].waited_ns > 44 * MS);
}

/* A signal handler's call ends the wait before the turn has ended. */
static void asks_and_is_interrupted(unsigned number)
{
	struct gs_probe probe;

	attach();
	if (number == 0) {
		begin_call(&probe, TURN_KEY, IMAGE);
		call(5, 1000);
		CU_ASSERT_EQUAL(waiting(), 0);
		stop = true;
		while (stop)
			pass(20000);
		end_call(&probe);
	} else if (number == 1) {
		while (!stop)
			pass(20000);
		suspend();
	} else {
		while (!stop || waiting() < 1)
			pass(20000);
		call(1, 20 * MS);
		stop = false;
	}
	detach();
}

static void test_who_asks_is_in_nobodys_way(void)
{
	begin();
	core_threads(3, asks_and_is_interrupted);
	CU_ASSERT(gs_store.gils[GS_WORLD].waited_ns > 20 * MS);
	expect_sums();
}

/* ---- where nobody is known to ask ---- */

static bool calls_first;

/* As while a GIL is turned on: who asks for the stop is not attached. */
static void is_stopped_or_calls(unsigned number)
{
	attach();
	if (number == 0) {
		while (!stop || calls_first != go)
			pass(20000);
		suspend();
	} else if (calls_first) {
		struct gs_probe probe;

		begin_call(&probe, READ_KEY, (void *) (uintptr_t) 8192);
		stop = go = true;
		pass(40 * MS);
		end_call(&probe);
		stop = false;
	} else {
		stop = true;
		while (!waiting())
			pass(20000);
		pass(MS);
		call(1, 40 * MS);
		stop = false;
	}
	detach();
}

static void test_a_call_that_began_before_is_known_to_be_in_the_way(void)
{
	begin();
	calls_first = true;
	core_threads(2, is_stopped_or_calls);
	CU_ASSERT(stalled() > 30 * MS);
	expect_sums();
}

static void test_a_call_that_began_later_is_not(void)
{
	begin();
	calls_first = false;
	core_threads(2, is_stopped_or_calls);
	CU_ASSERT_EQUAL(stalled(), 0);
	CU_ASSERT(gs_store.gils[GS_WORLD].waited_ns > 30 * MS);
	expect_sums();
}

/* ---- what is no stop ---- */

static void waits_for_a_lock(unsigned number)
{
	(void) number;
	attach();
	gs_gil_sem_init(IMAGE); /* a lock is made */
	turn(OUTSIDE, 2 * MS);  /* somebody else's call of that name */
	gs_gil_sem_destroy(IMAGE);
	detach();
	gs_gil_sem_init(IMAGE); /* a lock is waited for, as CPython does: detached */
	pass(2 * MS);
	gs_gil_sem_destroy(IMAGE);
	attach();
	word = SUSPENDED;
	gs_gil_sem_init(OUTSIDE);
	gs_gil_sem_destroy(OUTSIDE);
	word = ATTACHED;
	detach();
}

static void test_locks_are_no_stops(void)
{
	begin();
	core_threads(2, waits_for_a_lock);
	CU_ASSERT_EQUAL(gs_store.gils[GS_WORLD].waits, 0);
	expect_sums();
}

CU_TestInfo gs_tests_world[] = {
	{"what is waited is charged once", test_what_is_waited_is_charged_once},
	{"a call that is in the way", test_a_call_that_is_in_the_way},
	{"calls that are in the way together", test_calls_that_are_in_the_way_together},
	{"turns are one wait", test_turns_are_one_wait},
	{"who asks is in nobody's way", test_who_asks_is_in_nobodys_way},
	{"which of several interpreters stops is not known",
		test_which_of_several_interpreters_stops_is_not_known},
	{"a call that began before is known to be in the way",
		test_a_call_that_began_before_is_known_to_be_in_the_way},
	{"a call that began later is not", test_a_call_that_began_later_is_not},
	{"locks are no stops", test_locks_are_no_stops},
	CU_TEST_INFO_NULL,
};
