/* Places that computed with the GIL held, who was stalled, what calls cost until the GIL was back:
 * in the view and in each report. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "out.h"
#include "owner.h"
#include "unit.h"

static struct gs_view view;

static char *report(void (*format)(FILE *, struct gs_view *))
{
	char *text = synthetic_report(&view, format);

	gs_owner_forget();
	gs_view_free(&view);
	return text;
}

static char *report_of_stalls(void (*format)(FILE *, struct gs_view *))
{
	struct synthetic record;

	unit_make_stalls(&record);
	unit_add(&view, &record);
	synthetic_free(&record);
	return report(format);
}

/* The same without a thread that waited. */
static char *report_of_none(void (*format)(FILE *, struct gs_view *))
{
	struct synthetic record;

	unit_make_full(&record);
	unit_add(&view, &record);
	synthetic_free(&record);
	return report(format);
}

/* ---- the view ---- */

static void test_a_place_that_computes_is_no_call(void)
{
	struct synthetic record;
	const struct gs_view_site *site;
	uint32_t *order;

	unit_make_stalls(&record);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL_FATAL(view.site_count, 5);
	site = &view.sites[4];
	CU_ASSERT_EQUAL(gs_view_rule(site), GS_RULE_HELD_COMPUTE);
	CU_ASSERT_EQUAL(site->key.kind, GS_KIND_COMPUTE);
	CU_ASSERT_PTR_NULL(site->key.call);
	CU_ASSERT_PTR_NULL(site->key.bound);
	CU_ASSERT_EQUAL(site->class, 0);
	CU_ASSERT_EQUAL(site->depth_native, 0);
	CU_ASSERT_STRING_EQUAL(site->thread, "worker");
	CU_ASSERT_STRING_EQUAL(site->victims[0], "pool-1");
	CU_ASSERT_EQUAL(site->stalled_threads, 2);
	CU_ASSERT_STRING_EQUAL(view.sites[0].victims[0], "ticker");
	CU_ASSERT_STRING_EQUAL(view.sites[0].victims[1], "pool-1");
	CU_ASSERT_PTR_NULL(view.sites[0].victims[2]);
	CU_ASSERT_PTR_NULL(view.sites[0].thread);
	order = gs_view_ranked(&view);
	CU_ASSERT_EQUAL(order[0], 0); /* 3.4 s stalled */
	CU_ASSERT_EQUAL(order[1], 4); /* 2.3 s */
	free(order);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_while_python_comes_up_computing_breaks_no_rule(void)
{
	struct synthetic record;
	struct gs_site *site;

	unit_make_stalls(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 4);
	site->origin = GS_ORIGIN_STARTUP;
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(gs_view_rule(&view.sites[4]), GS_RULE_NONE);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_the_same_place_of_two_processes_is_one(void)
{
	struct synthetic first, second;
	struct gs_site *site;

	unit_make_stalls(&first);
	unit_make_stalls(&second);
	second.header->pid = 4800;
	site = synthetic_entry(&second, GS_SECTION_SITES, 4);
	site->worst_ns = 900000000;
	site->waiter = 1;
	site->stalled_threads = 1;
	site->victims[0] = 3;
	site->victims[1] = 2;
	unit_add(&view, &first);
	unit_add(&view, &second);
	CU_ASSERT_EQUAL_FATAL(view.site_count, 5);
	CU_ASSERT_EQUAL(view.sites[4].calls, 8);
	CU_ASSERT_EQUAL(view.sites[4].stalled_ns, 4600000000);
	CU_ASSERT_EQUAL(view.sites[4].worst_ns, 900000000);
	CU_ASSERT_EQUAL(view.sites[4].pids.count, 2);
	CU_ASSERT_EQUAL(view.sites[4].stalled_threads, 2);
	CU_ASSERT_STRING_EQUAL(view.sites[4].thread, "ticker"); /* of the worst stretch */
	CU_ASSERT_STRING_EQUAL(view.sites[4].victims[0], "pool-1");
	CU_ASSERT_STRING_EQUAL(view.sites[4].victims[1], "worker");
	CU_ASSERT_PTR_NULL(view.sites[4].victims[2]);
	gs_view_free(&view);
	synthetic_free(&first);
	synthetic_free(&second);
}

/* Gives the place two native frames, `offset` into the extension. */
static void give_frames(struct synthetic *record, uint64_t shift, uint64_t offset)
{
	struct gs_site *site = synthetic_entry(record, GS_SECTION_SITES, 4);
	struct gs_module *module = synthetic_entry(record, GS_SECTION_MODULES, 1);
	uint64_t *native = synthetic_entry(record, GS_SECTION_NATIVE, 4);

	module->base += shift;
	module->start += shift;
	module->end += shift;
	site->depth_native = 2;
	native[0] = module->start + 0x10;
	native[1] = module->start + offset;
	site->extension = 1;
	site->extension_frame = 1;
}

static void test_native_frames_tell_places_apart(void)
{
	static const uint64_t offsets[] = {0x300, 0x308};

	for (size_t i = 0; i < 2; i++) {
		struct synthetic first, second;

		unit_make_stalls(&first);
		unit_make_stalls(&second);
		/* In both processes the call sites lie where they did. */
		((struct gs_site *) synthetic_entry(&second, GS_SECTION_SITES, 1))->caller +=
			0x50000;
		give_frames(&first, 0, 0x300);
		give_frames(&second, 0x50000, offsets[i]);
		unit_add(&view, &first);
		unit_add(&view, &second);
		CU_ASSERT_EQUAL_FATAL(view.site_count, 5 + i);
		CU_ASSERT_STRING_EQUAL(gs_view_extension(&view, &view.sites[4]).object,
			"_ext.cpython-311-x86_64-linux-gnu.so");
		CU_ASSERT_EQUAL(view.sites[4].native[1].address, 0x300);
		CU_ASSERT_EQUAL(view.sites[4].calls, i ? 4 : 8);
		gs_view_free(&view);
		synthetic_free(&first);
		synthetic_free(&second);
	}
}

/* ---- text ---- */

static void test_text(void)
{
	char *text = report_of_stalls(gs_out_text);

	CU_ASSERT_STRING_EQUAL(text,
		"gilshim: app.py[4711]: 4 findings: 13 calls waited 1.24 s with the GIL held,\n"
		"  computing threads kept the GIL for 1.20 s;\n"
		"  other threads stood still for 5.70 s\n"
		"  While such a call waits, no other Python thread can run. Most harmful first:\n"
		"  1. GIL001 12 of 40 calls blocked, 1.23 s (worst 456 ms),\n"
		"     others waited 3.40 s (2 threads: ticker, pool-1)\n"
		"     recv < libwait.so.1 < _ext.so < /srv/app.py:31 in fetch\n"
		"  2. GIL003 thread worker kept the GIL 1.20 s in 4 stretches (worst 400 ms),\n"
		"     others waited 2.30 s (2 threads: pool-1, ...)\n"
		"     computing < /srv/app.py:12 in crunch\n"
		"  3. GIL001 1 of 1 call blocked, 5.00 ms, in CPython,\n"
		"     no other thread wanted the GIL\n"
		"     recv < python3.11 < /srv/app.py:50 in fetch\n"
		"  4. GIL002 7 calls could block, none did this time (worst 1.50 us)\n"
		"     nanosleep < _ext.so < /srv/app.py:40 in fetch\n"
		"  GIL004 recv: 1,200 of the 1,500 calls that had to wait for the GIL afterwards\n"
		"    waited longer than they took: median 4.60 ms against 10.1 us (worst 5.00 ms)\n"
		"  interpreter: 1 held call, 1 blocked, 5.00 ms, in CPython itself\n"
		"  startup: 3 held calls, none blocked, while Python came up\n"
		"  waited for the GIL: 2,310 times, 6.50 s; of it 3.40 s behind held calls,\n"
		"    2.50 s behind computing threads, 200 ms while it was handed over\n"
		"  judged: 56 held, 1,100 released, 36 outside Python; 0 unknown\n"
		"  What helps: let the extension release the GIL around the call (C:\n"
		"  Py_BEGIN_ALLOW_THREADS, Cython: with nogil, ctypes: CDLL, not PyDLL), or\n"
		"  make it where a wait stops nobody: in another process, before threads run.\n");
	free(text);
	text = report_of_none(gs_out_text);
	CU_ASSERT_FALSE(unit_has(text, "GIL003"));
	CU_ASSERT_FALSE(unit_has(text, "GIL004"));
	CU_ASSERT_FALSE(unit_has(text, "waited for the GIL"));
	free(text);
}

/* Calls that were delayed are told also where no call blocked. */
static void test_text_of_a_clean_run(void)
{
	struct synthetic record;
	char *text;

	synthetic_make(&record, 16);
	synthetic_function(&record, 0, "recv")->retired[1] = 2000;
	synthetic_delay(&record, 0, 1200, 12000, 5000000);
	unit_add(&view, &record);
	text = report(gs_out_text);
	CU_ASSERT(unit_has(text, ": 2,000 calls clean: 0 held, 2,000 released; 0 unknown\n"
				 "  GIL004 recv: 1,200 of the 1,200 calls"));
	free(text);
	synthetic_delay(&record, 0, 9, 12000, 5000000);
	unit_add(&view, &record);
	text = report(gs_out_text);
	CU_ASSERT_FALSE(unit_has(text, "GIL004"));
	free(text);
	synthetic_free(&record);
}

/* ---- JSON ---- */

static json_t *parse(char *text)
{
	json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(parsed);
	free(text);
	return parsed;
}

static json_int_t number(const json_t *object, const char *member)
{
	const json_t *found = json_object_get(object, member);

	CU_ASSERT_TRUE(json_is_integer(found));
	return json_integer_value(found);
}

static const char *words(const json_t *object, const char *member)
{
	const char *found = json_string_value(json_object_get(object, member));

	CU_ASSERT_PTR_NOT_NULL(found);
	return found ? found : "";
}

static void test_json_sites(void)
{
	json_t *all = parse(report_of_stalls(gs_out_json));
	json_t *held = json_object_get(json_object_get(all, "totals"), "held");
	json_t *sites = json_object_get(all, "sites");
	json_t *stalled = json_object_get(json_array_get(sites, 0), "stalled");
	json_int_t sum = 0, calls = 0;

	CU_ASSERT_EQUAL(json_array_size(sites), 4);
	for (size_t i = 0; i < json_array_size(sites); i++) {
		sum += number(json_array_get(sites, i), "stalled_ns");
		calls += number(json_array_get(sites, i), "calls");
	}
	CU_ASSERT_EQUAL(sum, number(held, "stalled_ns"));
	CU_ASSERT_EQUAL(sum, 3400000000); /* without what computing stalled */
	CU_ASSERT_EQUAL(calls + number(held, "harmless"), number(held, "calls"));
	CU_ASSERT_EQUAL(number(stalled, "threads"), 2);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_array_get(json_object_get(stalled, "names"), 1)), "pool-1");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(stalled, "names")), 2);
	CU_ASSERT_PTR_NULL(json_object_get(json_array_get(sites, 1), "stalled"));
	json_decref(all);
}

static void test_json_stalls(void)
{
	json_t *all = parse(report_of_stalls(gs_out_json));
	json_t *list = json_object_get(all, "stalls");
	json_t *place = json_array_get(list, 0), *delay = json_array_get(list, 1);
	json_t *line = json_array_get(json_object_get(place, "python"), 0);

	CU_ASSERT_EQUAL_FATAL(json_array_size(list), 2);
	CU_ASSERT_EQUAL(strlen(words(place, "id")), 16);
	CU_ASSERT_STRING_EQUAL(words(place, "rule"), "GIL003");
	CU_ASSERT_STRING_EQUAL(words(place, "origin"), "extension");
	CU_ASSERT_STRING_EQUAL(words(place, "thread"), "worker");
	CU_ASSERT_EQUAL(number(place, "calls"), 4);
	CU_ASSERT_EQUAL(number(place, "elapsed_ns"), 1200000000);
	CU_ASSERT_EQUAL(number(place, "worst_ns"), 400000000);
	CU_ASSERT_EQUAL(number(place, "stalled_ns"), 2300000000);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(place, "histogram")), GS_HIST_BUCKETS);
	CU_ASSERT_STRING_EQUAL(words(line, "function"), "crunch");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(place, "native")), 0);
	CU_ASSERT_PTR_NULL(json_object_get(place, "call"));
	CU_ASSERT_PTR_NULL(json_object_get(place, "class"));
	CU_ASSERT_PTR_NULL(json_object_get(place, "blocked_ns"));

	CU_ASSERT_STRING_NOT_EQUAL(words(delay, "id"), words(place, "id"));
	CU_ASSERT_STRING_EQUAL(words(delay, "rule"), "GIL004");
	CU_ASSERT_STRING_EQUAL(words(delay, "call"), "recv");
	CU_ASSERT_STRING_EQUAL(words(delay, "group"), "group");
	CU_ASSERT_EQUAL(number(delay, "calls"), 1500);
	CU_ASSERT_EQUAL(number(delay, "delayed"), 1200);
	CU_ASSERT_EQUAL(number(delay, "elapsed_ns"), 14400000);
	CU_ASSERT_EQUAL(number(delay, "worst_ns"), 12000);
	CU_ASSERT_EQUAL(number(delay, "median_ns"), 10096);
	CU_ASSERT_EQUAL(number(delay, "waited_ns"), 6000000000);
	CU_ASSERT_EQUAL(number(delay, "waited_worst_ns"), 5000000);
	CU_ASSERT_EQUAL(number(delay, "waited_median_ns"), 4597152);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(delay, "waited_histogram")), 32);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(delay, "pids")), 1);
	json_decref(all);

	all = parse(report_of_none(gs_out_json));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "stalls")), 0);
	json_decref(all);
}

/* Fewer delays than are worth a line are in the data all the same; none at all are not. */
static void test_json_delays(void)
{
	struct synthetic record;
	json_t *all;

	unit_make_full(&record);
	synthetic_delay(&record, 0, 1, 100, 200);
	synthetic_delay(&record, 1, 5, 100, 50)->delayed = 0;
	unit_add(&view, &record);
	synthetic_free(&record);
	all = parse(report(gs_out_json));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "stalls")), 1);
	json_decref(all);
}

static void test_json_waits(void)
{
	json_t *all = parse(report_of_stalls(gs_out_json));
	json_t *waits = json_object_get(all, "waits");
	json_t *gil = json_array_get(json_object_get(waits, "gils"), 0);
	json_t *threads = json_object_get(waits, "threads");
	json_t *thread = json_array_get(threads, 1);

	CU_ASSERT_EQUAL(number(waits, "calls"), 2310);
	CU_ASSERT_EQUAL(number(waits, "ns"), 6500000000);
	CU_ASSERT_EQUAL(number(waits, "worst_ns"), 456000000);
	CU_ASSERT_EQUAL(number(waits, "held_ns"), 3400000000);
	CU_ASSERT_EQUAL(number(waits, "computed_ns"), 2500000000);
	CU_ASSERT_EQUAL(number(waits, "free_ns"), 200000000);
	CU_ASSERT_EQUAL(number(waits, "uncharged_ns"), 400000000);
	CU_ASSERT_EQUAL(number(gil, "pid"), 4711);
	CU_ASSERT_EQUAL(number(gil, "index"), 0);
	CU_ASSERT_EQUAL(number(gil, "uncharged_ns"), 400000000);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(gil, "histogram")), GS_HIST_BUCKETS);
	CU_ASSERT_EQUAL(json_array_size(threads), 3);
	CU_ASSERT_EQUAL(number(thread, "pid"), 4711);
	CU_ASSERT_EQUAL(number(thread, "tid"), 4714);
	CU_ASSERT_STRING_EQUAL(words(thread, "name"), "pool-1");
	CU_ASSERT_EQUAL(number(thread, "waits"), 310);
	CU_ASSERT_EQUAL(number(thread, "ns"), 1500000000);
	CU_ASSERT_EQUAL(number(thread, "worst_ns"), 400000000);
	CU_ASSERT_EQUAL(number(thread, "computed_ns"), 0);
	CU_ASSERT_PTR_NULL(json_object_get(thread, "waiting_ns"));
	CU_ASSERT_PTR_NULL(json_object_get(thread, "waiting_since_ns"));
	json_decref(all);

	all = parse(report_of_none(gs_out_json));
	waits = json_object_get(all, "waits");
	CU_ASSERT_EQUAL(number(waits, "ns"), 0);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(waits, "gils")), 0);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(waits, "threads")), 0);
	json_decref(all);
}

static void test_json_of_a_thread_that_waits(void)
{
	struct synthetic record;
	struct gs_thread_entry *thread;
	json_t *all, *waits, *waiter;

	unit_make_stalls(&record);
	record.header->ended = GS_ENDED_SIGNAL;
	thread = synthetic_thread(&record, 4799, 1);
	thread->waiter = GS_NONE;
	thread->waiting_ns = record.header->last_ns - 300000000;
	unit_add(&view, &record);
	synthetic_free(&record);
	all = parse(report(gs_out_json));
	waits = json_object_get(all, "waits");
	waiter = json_array_get(json_object_get(waits, "threads"), 3);
	CU_ASSERT_EQUAL(number(waiter, "waiting_since_ns"), 2700000000);
	CU_ASSERT_EQUAL(number(waiter, "waiting_ns"), 300000000);
	CU_ASSERT_STRING_EQUAL(words(waiter, "name"), "worker-2");
	CU_ASSERT_EQUAL(number(waits, "calls"), 2311);
	json_decref(all);
}

CU_TestInfo gs_tests_stalls[] = {
	{"a place that computes is no call", test_a_place_that_computes_is_no_call},
	{"while Python comes up computing breaks no rule",
		test_while_python_comes_up_computing_breaks_no_rule},
	{"the same place of two processes is one", test_the_same_place_of_two_processes_is_one},
	{"native frames tell places apart", test_native_frames_tell_places_apart},
	{"text", test_text},
	{"text of a clean run", test_text_of_a_clean_run},
	{"JSON: sites", test_json_sites},
	{"JSON: stalls", test_json_stalls},
	{"JSON: delays", test_json_delays},
	{"JSON: waits", test_json_waits},
	{"JSON: a thread that waits", test_json_of_a_thread_that_waits},
	CU_TEST_INFO_NULL,
};
