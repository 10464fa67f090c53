/* Waits for a GIL: what is waited is charged once, to what its holder did. A GIL as CPython keeps
 * it, with our hooks where its image calls libc; times are the machine's own, sums are exact. */
#include "waits.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "calls.h"
#include "core.h"
#include "gil.h"
#include "life.h"
#include "probe.h"
#include "store.h"
#include "usage.h"
#include "watch.h"

#define READ_KEY GS_KEY(GS_CALL_READ, GS_NAME_read)
#define IMAGE ((void *) 4096) /* a return address in the image */

/* ceval_gil.h: what the library looks at lies before the condition. */
struct gil {
	int enabled; /* of free-threaded builds */
	uint64_t interval;
	void *last_holder;
	uint64_t locked, switches;
	pthread_cond_t cond;
	pthread_mutex_t mutex;
	pthread_cond_t switch_cond;
	pthread_mutex_t switch_mutex;
	_Atomic bool is_locked;
};
_Static_assert(offsetof(struct gil, cond) - offsetof(struct gil, last_holder) == 24, "as CPython");
_Static_assert(offsetof(struct gil, cond) - offsetof(struct gil, enabled) == 40, "as CPython");

static struct gil gils[2];
static _Thread_local bool holds;

static void *thread_state(void)
{
	return holds ? &holds : NULL;
}

static void make(struct gil *gil)
{
	memset(gil, 0, sizeof(*gil));
	pthread_cond_init(&gil->cond, NULL);
	pthread_cond_init(&gil->switch_cond, NULL);
	pthread_mutex_init(&gil->mutex, NULL);
	gs_gil_cond_init(&gil->cond, IMAGE);
	gs_gil_cond_init(&gil->switch_cond, IMAGE);
}

static void begin_with_one(void)
{
	core_begin_threads();
	gs_gil.oracle = gs_gil.exact = GS_ORACLE_THREAD;
	gs_gil.start = 1;
	gs_gil.end = 1 << 20;
	gs_gil.hex = 0x030c0000;
	gs_gil.unchecked = gs_gil.this_thread = thread_state;
	gs_gil.was_initialized = true;
	make(&gils[0]);
}

static void begin(void)
{
	begin_with_one();
	make(&gils[1]);
}

static void take(struct gil *gil)
{
	struct timespec deadline;

	pthread_mutex_lock(&gil->mutex);
	while (gil->is_locked) {
		clock_gettime(CLOCK_REALTIME, &deadline);
		deadline.tv_nsec += 1000000;
		if (deadline.tv_nsec >= 1000000000) {
			deadline.tv_nsec -= 1000000000;
			deadline.tv_sec++;
		}
		gs_waits_begin(&gil->cond, IMAGE);
		pthread_cond_timedwait(&gil->cond, &gil->mutex, &deadline);
	}
	gil->is_locked = true;
	gs_gil_cond_signal(&gil->switch_cond, IMAGE);
	pthread_mutex_unlock(&gil->mutex);
	holds = true;
}

static void drop(struct gil *gil)
{
	holds = false;
	pthread_mutex_lock(&gil->mutex);
	gil->is_locked = false;
	gs_gil_cond_signal(&gil->cond, IMAGE);
	pthread_cond_signal(&gil->cond);
	pthread_mutex_unlock(&gil->mutex);
}

static void pass(uint64_t ns)
{
	for (uint64_t end = gs_now() + ns; gs_now() < end;)
		;
}

/* A held call of so long from the call site with this number. */
static uint32_t call(unsigned number, uint64_t ns)
{
	struct gs_probe probe;

	CU_ASSERT(gs_watch(READ_KEY));
	gs_probe_enter(&probe, GS_KEY_CALL(READ_KEY));
	gs_probe_begin(&probe, READ_KEY, GS_WAITS, (void *) (uintptr_t) (4096 + 16 * number),
		__builtin_frame_address(0));
	pass(ns);
	gs_probe_returned(&probe);
	gs_probe_end(&probe, GS_WAITS);
	return probe.site;
}

static uint64_t stalled(enum gs_kind kind)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < GS_MAX_SITES; i++)
		if (gs_store.sites[i].key > 1 && gs_store.sites[i].kind == kind)
			sum += gs_store.sites[i].stalled_ns;
	return sum;
}

/* Everybody is gone: nothing may be left over, and nothing invented. */
static void expect_balance(unsigned gil)
{
	const struct gs_gil_entry *sums = &gs_store.gils[gil];

	CU_ASSERT_EQUAL(sums->waited_ns, sums->held_ns + sums->computed_ns + sums->free_ns);
	CU_ASSERT_EQUAL(gs_waits[gil].waiting, 0);
	CU_ASSERT_EQUAL(gs_waits[gil].active, 0);
}

static uint64_t waited_by_threads(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < GS_MAX_WAITERS; i++)
		sum += gs_store.waiters[i].waited_ns;
	return sum;
}

/* ---- threads that do anything ---- */

static void restless(unsigned number)
{
	unsigned dice = number * 7919 + 1;

	/* Threads that run one after another do not meet. */
	for (int i = 0; i < 300 || (gs_store.gils[0].waits < 100 && i < 100000); i++) {
		dice = dice * 1103515245 + 12345;
		take(&gils[0]);
		if (dice & 0x10000)
			pass(dice >> 20 & 31 ? 2000 : 20000);
		if (dice & 0x20000)
			call(number, 3000);
		drop(&gils[0]);
		if (dice & 0x40000)
			pass(5000);
	}
}

static void test_what_is_waited_is_charged_once(void)
{
	begin();
	core_threads(6, restless);
	/* What the last waiter's holder did is charged as he lets go: somebody always has. */
	CU_ASSERT(gs_store.gils[0].waits > 0);
	CU_ASSERT(gs_store.gils[0].held_ns > 0);
	CU_ASSERT(gs_store.gils[0].computed_ns > 0);
	expect_balance(0);
	CU_ASSERT_EQUAL(gs_store.gils[0].held_ns, stalled(GS_KIND_CALL));
	CU_ASSERT_EQUAL(gs_store.gils[0].waited_ns, waited_by_threads());
}

static void apart(unsigned number)
{
	struct gil *gil = &gils[number % 2];

	for (int i = 0; i < 100 || (gs_store.gils[number % 2].waits < 20 && i < 100000); i++) {
		take(gil);
		if (number % 2)
			call(1, 20000);
		else
			pass(20000);
		drop(gil);
	}
}

static void test_nobody_is_blamed_for_another_gil(void)
{
	begin();
	core_threads(6, apart);
	expect_balance(0);
	expect_balance(1);
	CU_ASSERT(gs_store.gils[0].waits > 0 && gs_store.gils[1].waits > 0);
	CU_ASSERT_EQUAL(gs_store.gils[0].held_ns, 0);
	CU_ASSERT_EQUAL(gs_store.gils[1].held_ns, stalled(GS_KIND_CALL));
}

/* ---- one holder, waiters that are known to wait ---- */

static _Atomic bool go;

static void wait_until_waiting(unsigned count)
{
	while (gs_waits[0].waiting < count)
		pass(100000);
}

static void holder_and_waiters(unsigned number, void (*hold)(void))
{
	if (number) {
		while (!go)
			pass(100000);
		take(&gils[0]);
		drop(&gils[0]);
		return;
	}
	take(&gils[0]);
	go = true;
	wait_until_waiting(3);
	hold();
	drop(&gils[0]);
}

static uint32_t the_site;

static void hold_calls(void)
{
	the_site = call(1, 20000000);
}

static void calls(unsigned number)
{
	holder_and_waiters(number, hold_calls);
}

static void test_a_held_call_is_charged_with_all_who_waited(void)
{
	const struct gs_site *site;

	begin();
	go = false;
	core_threads(4, calls);
	site = &gs_store.sites[the_site];
	CU_ASSERT(site->stalled_ns >= 3 * UINT64_C(20000000));
	CU_ASSERT_EQUAL(site->stalled_threads, 3);
	CU_ASSERT(site->victims[0] && site->victims[1] && site->victims[2]);
	CU_ASSERT_EQUAL(stalled(GS_KIND_COMPUTE), 0);
	expect_balance(0);
}

static void hold_computes(void)
{
	pass(60000000);
}

static void computes(unsigned number)
{
	holder_and_waiters(number, hold_computes);
}

static const struct gs_site *compute_site(void)
{
	const struct gs_site *found = NULL;

	for (unsigned i = 0; i < GS_MAX_SITES; i++)
		if (gs_store.sites[i].key > 1 && gs_store.sites[i].kind == GS_KIND_COMPUTE)
			found = &gs_store.sites[i];
	return found;
}

static void test_computing_is_a_site_of_its_own(void)
{
	const struct gs_site *site;

	begin();
	gs_life.options.stall = 10000000;
	go = false;
	core_threads(4, computes);
	site = compute_site();
	CU_ASSERT_PTR_NOT_NULL_FATAL(site);
	CU_ASSERT_EQUAL(site->calls, 1);
	CU_ASSERT(site->elapsed_ns >= 60000000);
	CU_ASSERT(site->stalled_ns >= 3 * UINT64_C(60000000));
	CU_ASSERT(site->waiter > 0);
	CU_ASSERT_EQUAL(site->depth_python, 0); /* no layout is known here */
	CU_ASSERT_EQUAL(stalled(GS_KIND_CALL), 0);
	expect_balance(0);
}

static void hold_quickly(void)
{
	/* Together longer than `stall`; what is computed in between is not. */
	for (int i = 0; i < 6; i++) {
		call(1, 80000000);
		pass(100000);
	}
}

static void calls_and_computes(unsigned number)
{
	holder_and_waiters(number, hold_quickly);
}

static void test_calls_are_not_computing(void)
{
	begin();
	gs_life.options.stall = 300000000;
	go = false;
	core_threads(4, calls_and_computes);
	CU_ASSERT_PTR_NULL(compute_site());
	CU_ASSERT(stalled(GS_KIND_CALL) > 0);
	expect_balance(0);
}

/* ---- those who give up ---- */

static void gives_up(unsigned number)
{
	if (number == 0) {
		take(&gils[0]);
		go = true;
		while (gs_waits[0].gone == 0)
			pass(100000);
		pass(20000000);
		drop(&gils[0]);
		return;
	}
	while (!go)
		pass(100000);
	pthread_mutex_lock(&gils[0].mutex);
	gs_waits_begin(&gils[0].cond, IMAGE);
	pthread_mutex_unlock(&gils[0].mutex);
	/* ends without the GIL: as a thread of a Python that finalizes */
}

static void test_who_gives_up_waits_no_longer(void)
{
	begin();
	go = false;
	core_threads(2, gives_up);
	CU_ASSERT_EQUAL(gs_store.gils[0].waits, 0);
	CU_ASSERT(gs_store.gils[0].computed_ns < 20000000);
	take(&gils[0]);
	drop(&gils[0]);
	CU_ASSERT_EQUAL(gs_waits[0].waiting, gs_waits[0].gone);
	CU_ASSERT_EQUAL(gs_waits[0].active, 0);
}

/* Libraries that are linked into the image have conditions too. */
static void test_other_conditions_are_no_gil(void)
{
	static pthread_cond_t other[3];
	static struct gil third;

	begin();
	CU_ASSERT_FALSE(gs_gil.flagged); /* there are two */
	gs_gil_cond_init(&other[0], IMAGE);
	gs_gil_cond_init(&other[1], IMAGE);
	gs_gil_cond_init(&other[2], IMAGE);
	CU_ASSERT_EQUAL(gs_gil.made, 2);
	make(&third);
	CU_ASSERT_EQUAL(gs_gil.made, 3);
	CU_ASSERT_EQUAL(gs_gil_of_waiter(&third.cond), 2);
	CU_ASSERT_EQUAL(gs_gil_of_waiter(&third.switch_cond), -1);
	CU_ASSERT_EQUAL(gs_gil_of_waiter(&other[1]), -1);
	gs_gil.made = 0;
}

static void test_a_gil_made_anew_has_no_waiters(void)
{
	begin();
	gs_waits[0].waiting = 3;
	gs_waits[0].charged = 5;
	gs_gil_cond_init(&gils[0].cond, IMAGE);
	gs_gil_cond_init(&gils[0].switch_cond, IMAGE);
	CU_ASSERT_EQUAL(gs_waits[0].waiting, 0);
	CU_ASSERT_EQUAL(gs_waits[0].charged, 0);
	CU_ASSERT_EQUAL(gs_gil.made, 2);
}

/* ---- free-threaded builds ---- */

static void make_free(int enabled)
{
	begin();
	gs_gil.free_threaded = gs_gil.attached = true;
	gs_gil.made = 0;
	gils[0].enabled = enabled;
	gs_gil_cond_init(&gils[0].cond, IMAGE);
	gs_gil_cond_init(&gils[0].switch_cond, IMAGE);
}

static void test_a_gil_that_is_on_for_good(void)
{
	make_free(INT_MAX);
	CU_ASSERT_FALSE(gs_gil.attached);
	make_free(0);
	CU_ASSERT_TRUE(gs_gil.attached);
	make_free(1); /* while a module is imported */
	CU_ASSERT_TRUE(gs_gil.attached);
}

static int attached;

static void *thread_state_with_a_word(void)
{
	return &attached;
}

static void test_a_thread_that_waits_to_be_attached_is_not(void)
{
	begin();
	gs_gil.exact = GS_ORACLE_STATE;
	gs_gil.unchecked = thread_state_with_a_word;
	for (attached = 0; attached <= 2; attached++)
		CU_ASSERT_EQUAL(gs_gil_exactly_held(&gs_thread), attached == 1);
	gs_gil.unchecked = thread_state;
	CU_ASSERT_FALSE(gs_gil_exactly_held(&gs_thread));
}

/* ---- delays ---- */

static void releases(unsigned number)
{
	if (number) {
		while (!go)
			pass(100000);
		take(&gils[0]);
		wait_until_waiting(1);
		pass(10000000);
		drop(&gils[0]);
		return;
	}
	take(&gils[0]);
	go = true;
	wait_until_waiting(1);
	drop(&gils[0]);
	CU_ASSERT_FALSE(gs_watch(READ_KEY)); /* a released call */
	while (!gils[0].is_locked)
		pass(10000);
	take(&gils[0]);
	drop(&gils[0]);
}

static void test_a_wait_after_a_call_is_a_delay(void)
{
	const struct gs_delay *delay;

	begin();
	go = false;
	core_threads(2, releases);
	delay = &gs_store.delays[GS_CALL_READ];
	CU_ASSERT_EQUAL(delay->calls, 1);
	CU_ASSERT(gs_store.header->delays == GS_CALL_READ + 1);
	CU_ASSERT_EQUAL(delay->wait_ns, delay->wait_worst_ns);
	expect_balance(0);
}

static void calls_alone(unsigned number)
{
	(void) number;
	for (int i = 0; i < 100; i++) {
		take(&gils[0]);
		drop(&gils[0]);
		CU_ASSERT_FALSE(gs_watch(READ_KEY));
	}
}

static void test_nobody_waits_alone(void)
{
	begin();
	core_threads(1, calls_alone);
	CU_ASSERT_EQUAL(gs_store.gils[0].waits, 0);
	CU_ASSERT_EQUAL(gs_store.header->delays, 0);
	CU_ASSERT_EQUAL(gs_store.header->waiters, 0);
}

/* ---- one GIL ---- */

static void expect_passes(bool passes)
{
	uint64_t before = gs_thread.counts[GS_CALL_READ];

	CU_ASSERT_EQUAL(gs_watch_passes(GS_CALL_READ), passes);
	CU_ASSERT_EQUAL(gs_thread.counts[GS_CALL_READ], before + passes);
}

static void test_with_one_gil_most_calls_are_counted_and_pass(void)
{
	begin_with_one();
	gs_armed[GS_CALL_READ] = GS_ARMED_WATCHED;
	gs_armed[GS_CALL_VFORK] = GS_ARMED_MARK;
	gs_watch_arm();
	CU_ASSERT_EQUAL(gs_armed[GS_CALL_VFORK], GS_ARMED_MARK);
	CU_ASSERT(gs_watch_passes(GS_CALL_WRITE)); /* not asked for */
	gs_thread.plain = false;
	CU_ASSERT_FALSE(gs_watch_passes(GS_CALL_READ)); /* as at a thread's first call */
	CU_ASSERT_FALSE(gs_watch(READ_KEY));
	expect_passes(true);
	take(&gils[0]);
	expect_passes(false);
	drop(&gils[0]);
	expect_passes(true);
	gs_enter(&gs_thread);
	expect_passes(false);
	gs_leave(&gs_thread);
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
	make(&gils[1]);
	gs_watch_arm();
	expect_passes(false);
	memset(gs_armed, 0, GS_CALLS);
	gs_watch_arm();
	CU_ASSERT_EQUAL(gs_armed[GS_CALL_READ], 0);
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
	begin_with_one();
	gs_gil.end = UINTPTR_MAX; /* all there is */
	gs_gil.hex = hex;
	make(&gils[0]);
	gs_gil.made = 1;
	gs_gil.flagged = true;
	lock_at_first();
}

static void test_the_mutexes_of_the_first_gil_pass(void)
{
	pthread_mutex_t other;

	begin_in_image(0x030c0000);
	expect_locks(&other, true); /* by who does not hold */
	take(&gils[0]);
	expect_locks(&gils[0].mutex, true);
	expect_locks(&gils[0].switch_mutex, true);
	expect_locks(&gils[1].mutex, false);
	expect_locks(&other, false);
	expect_locks(NULL, false);
	gs_enter(&gs_thread);
	expect_locks(&gils[0].mutex, false);
	gs_leave(&gs_thread);
	drop(&gils[0]);
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
	take(&gils[0]);
	expect_locks(&gils[0].mutex, false);
	drop(&gils[0]);
	begin_with_one(); /* a GIL on the heap: another may lie there later */
	lock_at_first();
	take(&gils[0]);
	expect_locks(&gils[0].mutex, false);
	drop(&gils[0]);
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

CU_TestInfo gs_tests_waits[] = {
	{"what is waited is charged once", test_what_is_waited_is_charged_once},
	{"nobody is blamed for another GIL", test_nobody_is_blamed_for_another_gil},
	{"a held call is charged with all who waited",
		test_a_held_call_is_charged_with_all_who_waited},
	{"computing is a site of its own", test_computing_is_a_site_of_its_own},
	{"calls are not computing", test_calls_are_not_computing},
	{"who gives up waits no longer", test_who_gives_up_waits_no_longer},
	{"other conditions are no GIL", test_other_conditions_are_no_gil},
	{"a GIL made anew has no waiters", test_a_gil_made_anew_has_no_waiters},
	{"a GIL that is on for good", test_a_gil_that_is_on_for_good},
	{"who waits to be attached is not", test_a_thread_that_waits_to_be_attached_is_not},
	{"a wait after a call is a delay", test_a_wait_after_a_call_is_a_delay},
	{"nobody waits alone", test_nobody_waits_alone},
	{"with one GIL most calls are counted and pass",
		test_with_one_gil_most_calls_are_counted_and_pass},
	{"the mutexes of the first GIL pass", test_the_mutexes_of_the_first_gil_pass},
	{"other mutexes do not", test_other_mutexes_do_not},
	{"sums add up with and without a lock", test_sums_add_up_with_and_without_a_lock},
	CU_TEST_INFO_NULL,
};
