/* Call sites: told apart, added up, and lost where the table is full. */
#include "site.h"

#include <dlfcn.h>
#include <string.h>

#include "calls.h"
#include "core.h"
#include "gil.h"
#include "modules.h"
#include "store.h"

#define READ_KEY ((uint32_t) GS_CALL_READ << 16 | GS_NAME_read)
#define WRITE_KEY ((uint32_t) GS_CALL_WRITE << 16 | GS_NAME_write)

#define THREADS 8
#define IDENTITIES 500
#define ADDITIONS 200000

static struct gs_identity native(uint32_t key, uintptr_t caller)
{
	struct gs_identity identity = {.key = key, .caller = caller};

	return identity;
}

static struct gs_identity python(uintptr_t code, uint64_t offset, uint64_t content)
{
	struct gs_identity identity = native(READ_KEY, 0x1000);

	identity.has_python = true;
	identity.code = code;
	identity.instruction = code + offset;
	identity.content = content;
	return identity;
}

static uint32_t claim(const struct gs_identity *identity)
{
	return gs_site_claim(identity, GS_CLASS_DISK);
}

static void test_a_site_is_unknown_until_it_is_claimed(void)
{
	struct gs_identity identity = native(READ_KEY, 0x1000);
	uint32_t index = 77, again = 77;

	core_begin(NULL);
	CU_ASSERT_FALSE(gs_site_known(&identity, &index));
	CU_ASSERT_EQUAL(index, 77);
	index = claim(&identity);
	CU_ASSERT_FATAL(index < GS_MAX_SITES);
	CU_ASSERT_TRUE(gs_site_known(&identity, &again));
	CU_ASSERT_EQUAL(again, index);
	CU_ASSERT_EQUAL(core_sites(), 1);
	CU_ASSERT_EQUAL(gs_store.header->sites, 1);
}

static void test_a_new_site_says_who_calls_what(void)
{
	struct gs_identity identity = native(
		(uint32_t) GS_CALL_READ << 16 | GS_NAME___read_chk, (uintptr_t) &gs_site_claim + 1);
	struct gs_site *site;

	core_begin(NULL);
	identity.deep = true; /* seen at entry only: its times are closed by a later event */
	site = &gs_store.sites[gs_site_claim(&identity, GS_CLASS_WAIT)];
	CU_ASSERT_EQUAL(site->call, GS_CALL_READ);
	CU_ASSERT_EQUAL(site->bound, GS_NAME___read_chk);
	CU_ASSERT_STRING_EQUAL(gs_store_text(site->call_name), "read");
	CU_ASSERT_STRING_EQUAL(gs_store_text(site->bound_name), "__read_chk");
	CU_ASSERT_EQUAL(site->caller, identity.caller);
	CU_ASSERT_EQUAL(site->module, gs_module_at((void *) &gs_site_claim));
	CU_ASSERT_EQUAL(site->class, GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(site->at_most, 1);
	CU_ASSERT_EQUAL(site->python.file, GS_NONE);
	CU_ASSERT_EQUAL(site->calls, 0); /* its caller counts */
}

static void test_call_name_and_caller_make_a_site(void)
{
	struct gs_identity identities[] = {native(READ_KEY, 0x1000), native(READ_KEY, 0x1001),
		native(WRITE_KEY, 0x1000),
		native((uint32_t) GS_CALL_READ << 16 | GS_NAME___read, 0x1000)};
	uint32_t index[4];

	core_begin(NULL);
	for (unsigned i = 0; i < 4; i++) {
		index[i] = claim(&identities[i]);
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT_NOT_EQUAL(index[i], index[j]);
	}
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(claim(&identities[i]), index[i]);
	CU_ASSERT_EQUAL(core_sites(), 4);
}

static void test_the_python_line_makes_a_site(void)
{
	struct gs_identity none = native(READ_KEY, 0x1000), a = python(0x5000, 8, 1),
			   b = python(0x5000, 10, 1);

	core_begin(NULL);
	CU_ASSERT_NOT_EQUAL(claim(&none), claim(&a));
	CU_ASSERT_NOT_EQUAL(claim(&a), claim(&b));
	CU_ASSERT_EQUAL(core_sites(), 3);
}

/* A function that is defined again, or a module that is loaded anew, has new code objects. */
static void test_moved_code_is_the_same_site(void)
{
	struct gs_identity before = python(0x5000, 8, 1), after = python(0x9000, 8, 1);
	uint32_t index, found;

	core_begin(NULL);
	index = claim(&before);
	CU_ASSERT_FALSE(gs_site_known(&after, &found));
	CU_ASSERT_EQUAL(claim(&after), index);
	CU_ASSERT_TRUE(gs_site_known(&after, &found));
	CU_ASSERT_EQUAL(found, index);
	CU_ASSERT_EQUAL(core_sites(), 1);
}

/* An address that another code object got is looked at again. */
static void test_reused_code_is_not_known(void)
{
	struct gs_identity before = python(0x5000, 8, 1), after = python(0x5000, 8, 2);
	uint32_t found;

	core_begin(NULL);
	claim(&before);
	CU_ASSERT_TRUE(gs_site_known(&before, &found));
	CU_ASSERT_FALSE(gs_site_known(&after, &found));
}

/* There every thread may run its own copy of the code. */
static void test_free_threaded_sites_are_lines(void)
{
	struct gs_identity a = python(0x5000, 8, 1), b = python(0x9000, 400, 1);

	core_begin(NULL);
	gs_gil.free_threaded = true;
	CU_ASSERT_EQUAL(claim(&a), claim(&b));
	core_begin(NULL);
	CU_ASSERT_NOT_EQUAL(claim(&a), claim(&b));
}

static void test_identities_are_made_of_key_and_caller(void)
{
	struct gs_identity identity;

	memset(&identity, 0xaa, sizeof(identity));
	core_begin(NULL);
	gs_site_identify(&identity, WRITE_KEY, (void *) 0x1000, false);
	CU_ASSERT_EQUAL(identity.key, WRITE_KEY);
	CU_ASSERT_EQUAL(identity.caller, 0x1000);
	CU_ASSERT_FALSE(identity.has_python || identity.deep);
	gs_site_identify(&identity, WRITE_KEY, (void *) 0x1000, true);
	CU_ASSERT_TRUE(identity.deep);
	CU_ASSERT_EQUAL(gs_store.sites[claim(&identity)].at_most, 1);
}

static void test_forgetting_keeps_the_sites(void)
{
	struct gs_identity identity = native(READ_KEY, 0x1000);
	uint32_t index, found;

	core_begin(NULL);
	index = claim(&identity);
	gs_site_forget();
	CU_ASSERT_FALSE(gs_site_known(&identity, &found));
	CU_ASSERT_EQUAL(claim(&identity), index);
	CU_ASSERT_EQUAL(core_sites(), 1);
}

static void test_a_class_only_rises(void)
{
	struct gs_identity identity = native(READ_KEY, 0x1000);
	uint32_t index;

	core_begin(NULL);
	index = claim(&identity);
	gs_site_class(index, GS_CLASS_NEVER);
	CU_ASSERT_EQUAL(gs_store.sites[index].class, GS_CLASS_DISK);
	gs_site_class(index, GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(gs_store.sites[index].class, GS_CLASS_WAIT);
	gs_site_class(index, GS_CLASS_DISK);
	CU_ASSERT_EQUAL(gs_store.sites[index].class, GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(gs_site_claim(&identity, GS_CLASS_NEVER), index);
	CU_ASSERT_EQUAL(gs_store.sites[index].class, GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(gs_store.sites[index].at_most, 0);
}

static void test_each_evidence_is_counted_in_its_place(void)
{
	struct gs_identity identity = native(READ_KEY, 0x1000);
	struct gs_site *site;
	uint32_t index;

	core_begin(NULL);
	index = claim(&identity);
	site = &gs_store.sites[index];
	gs_site_add(index, 100, GS_QUICK);
	CU_ASSERT_EQUAL(site->blocked_calls, 0);
	gs_site_add(index, 2000, GS_SLEPT);
	CU_ASSERT_TRUE(site->blocked_calls == 1 && site->blocked_ns == 2000 && site->slept == 1);
	gs_site_add(index, 30000, GS_LONG);
	CU_ASSERT_TRUE(site->blocked_calls == 2 && site->blocked_ns == 32000 && site->slept == 1);
	gs_site_add(index, 400000, GS_PREEMPTED);
	CU_ASSERT_TRUE(site->blocked_calls == 2 && site->preempted == 1);
	CU_ASSERT_EQUAL(site->elapsed_ns, 432100);
	CU_ASSERT_EQUAL(site->worst_ns, 400000);
}

static void test_every_call_is_in_the_histogram(void)
{
	struct gs_identity identity = native(READ_KEY, 0x1000);
	struct gs_site *site;
	uint32_t index, sum = 0;

	core_begin(NULL);
	index = claim(&identity);
	site = &gs_store.sites[index];
	gs_site_add(index, 0, GS_QUICK);
	gs_site_add(index, 255, GS_QUICK);
	gs_site_add(index, 256, GS_QUICK);
	gs_site_add(index, UINT64_MAX / 4, GS_QUICK);
	CU_ASSERT_EQUAL(site->histogram[0], 2);
	CU_ASSERT_EQUAL(site->histogram[1], 1);
	CU_ASSERT_EQUAL(site->histogram[GS_HIST_BUCKETS - 1], 1);
	for (unsigned i = 0; i < GS_HIST_BUCKETS; i++)
		sum += site->histogram[i];
	CU_ASSERT_EQUAL(sum, 4);
}

static void test_a_new_worst_is_told(void)
{
	struct gs_identity identity = native(READ_KEY, 0x1000);
	uint32_t index;

	core_begin(NULL);
	index = claim(&identity);
	CU_ASSERT_FALSE(gs_site_add(index, 0, GS_QUICK));
	CU_ASSERT_TRUE(gs_site_add(index, 10, GS_QUICK));
	CU_ASSERT_FALSE(gs_site_add(index, 10, GS_SLEPT));
	CU_ASSERT_FALSE(gs_site_add(index, 9, GS_SLEPT));
	CU_ASSERT_TRUE(gs_site_add(index, 11, GS_PREEMPTED));
}

/* ---- stacks ---- */

static __attribute__((noinline)) uint32_t claim_from_here(uintptr_t *caller)
{
	struct gs_identity identity = native(READ_KEY, (uintptr_t) __builtin_return_address(0));

	*caller = identity.caller;
	return claim(&identity);
}

static void test_the_stack_begins_at_the_caller(void)
{
	struct gs_site *site;
	uintptr_t caller;
	uint32_t index;

	core_begin(NULL);
	index = claim_from_here(&caller);
	site = &gs_store.sites[index];
	CU_ASSERT(site->depth_native >= 2);
	CU_ASSERT_EQUAL(gs_store.native[(size_t) index * gs_store.header->stacks], caller);
	CU_ASSERT_EQUAL(site->depth_python, 0);
	CU_ASSERT_EQUAL(site->origin, GS_ORIGIN_EXTENSION); /* nothing of it is CPython's */
}

static void test_a_caller_that_is_not_on_the_stack_is_all_there_is(void)
{
	struct gs_identity identity =
		native(READ_KEY, (uintptr_t) dlsym(RTLD_DEFAULT, "hsearch") + 4);
	struct gs_site *site;
	uint32_t index;

	core_begin(NULL);
	index = claim(&identity);
	site = &gs_store.sites[index];
	CU_ASSERT_EQUAL(site->depth_native, 1);
	CU_ASSERT_EQUAL(gs_store.native[(size_t) index * gs_store.header->stacks], identity.caller);
	CU_ASSERT_STRING_EQUAL(gs_store_text(gs_store.modules[site->module].name), "libc.so.6");
}

static int starting_or_not(void)
{
	return gs_gil.hex == 1;
}

static void test_startup_and_shutdown_are_origins(void)
{
	struct gs_identity a = native(READ_KEY, 0x1000), b = native(READ_KEY, 0x2000);

	core_begin(NULL);
	gs_gil.initialized = starting_or_not;
	CU_ASSERT_EQUAL(gs_store.sites[claim(&a)].origin, GS_ORIGIN_STARTUP);
	gs_gil.hex = 1;
	gs_gil.finalizing = starting_or_not;
	CU_ASSERT_EQUAL(gs_store.sites[claim(&b)].origin, GS_ORIGIN_SHUTDOWN);
	memset(&gs_gil, 0, sizeof(gs_gil));
}

/* ---- a full table ---- */

static void test_a_full_table_loses_what_is_new_only(void)
{
	struct gs_identity identity = native(READ_KEY, 0);
	unsigned wrong = 0;
	uint32_t index;

	core_begin(NULL);
	for (uintptr_t i = 1; i <= GS_MAX_SITES; i++) {
		identity.caller = 0x1000 + i;
		wrong += claim(&identity) >= GS_MAX_SITES;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(core_sites(), GS_MAX_SITES);
	CU_ASSERT_EQUAL(gs_store.header->sites, GS_MAX_SITES);
	identity.caller = 0x1000;
	CU_ASSERT_EQUAL(claim(&identity), GS_NONE);
	index = 77;
	CU_ASSERT_TRUE(gs_site_known(&identity, &index)); /* that there is no room for it */
	CU_ASSERT_EQUAL(index, GS_NONE);
	for (uintptr_t i = 1; i <= GS_MAX_SITES; i++) {
		identity.caller = 0x1000 + i;
		index = claim(&identity);
		wrong += index >= GS_MAX_SITES || gs_store.sites[index].caller != identity.caller;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(core_sites(), GS_MAX_SITES);
}

/* ---- many writers ---- */

static void add_calls(unsigned number)
{
	struct gs_identity identity = native(READ_KEY, 0);
	uint32_t index;

	for (unsigned i = 0; i < ADDITIONS / THREADS; i++) {
		/* the same order in all threads: they meet at every new site */
		identity.caller = 0x1000 + i % IDENTITIES * 16;
		if (!gs_site_known(&identity, &index))
			index = claim(&identity);
		if (index == GS_NONE)
			continue;
		atomic_fetch_add_explicit(&gs_store.sites[index].calls, 1, memory_order_relaxed);
		gs_site_class(index, i % 3 ? GS_CLASS_DISK : GS_CLASS_WAIT);
		gs_site_add(index, 1000 + number, i % 2 ? GS_SLEPT : GS_QUICK);
	}
}

/* Twins of a site come of threads that claim it at once: at most one each. */
static unsigned most_twins(unsigned *different)
{
	unsigned most = 0;

	*different = 0;
	for (unsigned i = 0; i < GS_MAX_SITES; i++) {
		unsigned twins = 0, before = 0;

		for (unsigned j = 0; gs_store.sites[i].key && j < GS_MAX_SITES; j++) {
			bool same = gs_store.sites[j].key == gs_store.sites[i].key;

			twins += same;
			before += same && j < i;
		}
		*different += twins && !before;
		most = twins > most ? twins : most;
	}
	return most;
}

static void test_many_writers_lose_no_call(void)
{
	uint64_t calls = 0, slept = 0, elapsed = 0, histogram = 0, unfinished = 0, wrong = 0;
	unsigned different;

	core_begin(NULL);
	core_threads(THREADS, add_calls);
	for (unsigned i = 0; i < GS_MAX_SITES; i++) {
		struct gs_site *site = &gs_store.sites[i];

		unfinished += site->key == 1;
		calls += site->calls;
		slept += site->slept;
		elapsed += site->elapsed_ns;
		for (unsigned j = 0; j < GS_HIST_BUCKETS; j++)
			histogram += site->histogram[j];
		wrong += site->key && (site->call != GS_CALL_READ || !site->caller);
	}
	CU_ASSERT_EQUAL(calls, ADDITIONS);
	CU_ASSERT_EQUAL(histogram, ADDITIONS);
	CU_ASSERT_EQUAL(slept, ADDITIONS / 2);
	CU_ASSERT_EQUAL(elapsed, (uint64_t) ADDITIONS * 1000 +
					 ADDITIONS / THREADS * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7));
	CU_ASSERT_EQUAL(unfinished, 0);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(most_twins(&different) <= THREADS);
	CU_ASSERT_EQUAL(different, IDENTITIES);
	CU_ASSERT_EQUAL(core_sites(), gs_store.header->sites);
}

CU_TestInfo gs_tests_site[] = {
	{"unknown_until_claimed", test_a_site_is_unknown_until_it_is_claimed},
	{"a_new_site_says_who_calls_what", test_a_new_site_says_who_calls_what},
	{"call_name_and_caller_make_a_site", test_call_name_and_caller_make_a_site},
	{"the_python_line_makes_a_site", test_the_python_line_makes_a_site},
	{"moved_code_is_the_same_site", test_moved_code_is_the_same_site},
	{"reused_code_is_not_known", test_reused_code_is_not_known},
	{"free_threaded_sites_are_lines", test_free_threaded_sites_are_lines},
	{"identities_are_made_of_key_and_caller", test_identities_are_made_of_key_and_caller},
	{"forgetting_keeps_the_sites", test_forgetting_keeps_the_sites},
	{"a_class_only_rises", test_a_class_only_rises},
	{"each_evidence_is_counted", test_each_evidence_is_counted_in_its_place},
	{"every_call_is_in_the_histogram", test_every_call_is_in_the_histogram},
	{"a_new_worst_is_told", test_a_new_worst_is_told},
	{"the_stack_begins_at_the_caller", test_the_stack_begins_at_the_caller},
	{"a_caller_that_is_not_on_the_stack",
		test_a_caller_that_is_not_on_the_stack_is_all_there_is},
	{"startup_and_shutdown_are_origins", test_startup_and_shutdown_are_origins},
	{"a_full_table_loses_what_is_new", test_a_full_table_loses_what_is_new_only},
	{"many_writers_lose_no_call", test_many_writers_lose_no_call},
	CU_TEST_INFO_NULL,
};
