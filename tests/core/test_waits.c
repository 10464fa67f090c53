/* Waits for a GIL: what is waited is charged once, to what its holder did.
 * Times are the machine's own, sums are exact. */
#include "waits.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "calls.h"
#include "core.h"
#include "gil.h"
#include "gils.h"
#include "life.h"
#include "probe.h"
#include "store.h"
#include "usage.h"
#include "watch.h"

#define READ_KEY GS_KEY(GS_CALL_READ, GS_NAME_read)

static void begin(void)
{
	gils_begin();
	gils_make(&gils[1]);
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
		gils_take(&gils[0]);
		if (dice & 0x10000)
			pass(dice >> 20 & 31 ? 2000 : 20000);
		if (dice & 0x20000)
			call(number, 3000);
		gils_drop(&gils[0]);
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
		gils_take(gil);
		if (number % 2)
			call(1, 20000);
		else
			pass(20000);
		gils_drop(gil);
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
		gils_take(&gils[0]);
		gils_drop(&gils[0]);
		return;
	}
	gils_take(&gils[0]);
	go = true;
	wait_until_waiting(3);
	hold();
	gils_drop(&gils[0]);
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
		gils_take(&gils[0]);
		go = true;
		while (gs_waits[0].gone == 0)
			pass(100000);
		pass(20000000);
		gils_drop(&gils[0]);
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
	gils_take(&gils[0]);
	gils_drop(&gils[0]);
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
	gils_make(&third);
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
	gs_gil.unchecked = gils_thread_state;
	CU_ASSERT_FALSE(gs_gil_exactly_held(&gs_thread));
}

/* ---- delays ---- */

static void releases(unsigned number)
{
	if (number) {
		while (!go)
			pass(100000);
		gils_take(&gils[0]);
		wait_until_waiting(1);
		pass(10000000);
		gils_drop(&gils[0]);
		return;
	}
	gils_take(&gils[0]);
	go = true;
	wait_until_waiting(1);
	gils_drop(&gils[0]);
	CU_ASSERT_FALSE(gs_watch(READ_KEY)); /* a released call */
	while (!gils[0].is_locked)
		pass(10000);
	gils_take(&gils[0]);
	gils_drop(&gils[0]);
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
		gils_take(&gils[0]);
		gils_drop(&gils[0]);
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
	CU_TEST_INFO_NULL,
};
