#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "unit.h"

static struct gs_view view;

/* The report of what was added, parsed. */
static json_t *report(void)
{
	char *text = synthetic_report(&view, gs_out_json);
	json_error_t error;
	json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	CU_ASSERT_PTR_NOT_NULL_FATAL(parsed);
	free(text);
	gs_view_free(&view);
	return parsed;
}

static json_t *report_of_full(void)
{
	struct synthetic record;

	unit_make_full(&record);
	unit_add(&view, &record);
	synthetic_free(&record);
	return report();
}

/* What lies at "a.b.c"; "0" is the first of a list. NULL if there is nothing. */
static const json_t *at(const json_t *value, const char *path)
{
	char step[64];

	while (value && *path) {
		size_t length = strcspn(path, ".");

		snprintf(step, sizeof(step), "%.*s", (int) length, path);
		value = json_is_array(value) ? json_array_get(value, strtoul(step, NULL, 10))
					     : json_object_get(value, step);
		path += length + (path[length] == '.');
	}
	return value;
}

static json_int_t number(const json_t *value, const char *path)
{
	const json_t *found = at(value, path);

	CU_ASSERT_TRUE(json_is_integer(found));
	return json_integer_value(found);
}

static const char *text(const json_t *value, const char *path)
{
	const json_t *found = at(value, path);

	CU_ASSERT_TRUE(json_is_string(found));
	return found ? json_string_value(found) : "";
}

static json_int_t sum(const json_t *list, const char *path)
{
	json_int_t total = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		total += number(json_array_get(list, i), path);
	return total;
}

static void check_sums(const json_t *all)
{
	json_int_t held = number(all, "totals.held.calls");

	CU_ASSERT_EQUAL(sum(at(all, "functions"), "held.calls"), held);
	CU_ASSERT_EQUAL(sum(at(all, "sites"), "calls") + number(all, "totals.held.harmless") +
				number(all, "totals.lost.sites"),
		held);
	CU_ASSERT_EQUAL(sum(at(all, "functions"), "held.ns"), number(all, "totals.held.ns"));
	CU_ASSERT_EQUAL(
		sum(at(all, "functions"), "released.calls"), number(all, "totals.released.calls"));
	CU_ASSERT_EQUAL(
		sum(at(all, "functions"), "unknown.calls"), number(all, "totals.unknown.calls"));
	CU_ASSERT_EQUAL(sum(at(all, "functions"), "none.calls"), number(all, "totals.none.calls"));
	CU_ASSERT_EQUAL(
		sum(at(all, "sites"), "blocked_calls"), number(all, "totals.held.blocked_calls"));
	CU_ASSERT_EQUAL(sum(at(all, "sites"), "blocked_ns"), number(all, "totals.held.blocked_ns"));
	CU_ASSERT_EQUAL(sum(at(all, "sites"), "stalled_ns"), number(all, "totals.held.stalled_ns"));
}

static void test_the_top_of_the_document(void)
{
	json_t *all = report_of_full();

	CU_ASSERT_STRING_EQUAL(text(all, "schema"), "gilshim-report/1");
	CU_ASSERT_STRING_EQUAL(text(all, "command.0"), "/usr/bin/python3");
	CU_ASSERT_STRING_EQUAL(text(all, "command.3"), "/srv/app.py");
	CU_ASSERT_EQUAL(json_array_size(at(all, "command")), 6);
	CU_ASSERT_EQUAL(number(all, "wall_ns"), 2000000000);
	CU_ASSERT_EQUAL(json_array_size(at(all, "stalls")), 0);
	CU_ASSERT_EQUAL(json_array_size(at(all, "suppressions")), 0);
	CU_ASSERT_EQUAL(json_array_size(at(all, "escapes")), 0);
	CU_ASSERT_EQUAL(json_object_size(all), 12);
	json_decref(all);
}

static void test_a_process(void)
{
	json_t *all = report_of_full();
	const json_t *process = at(all, "processes.0");

	CU_ASSERT_EQUAL(number(process, "pid"), 4711);
	CU_ASSERT_EQUAL(number(process, "ppid"), 4700);
	CU_ASSERT_STRING_EQUAL(text(process, "argv.5"), "80");
	CU_ASSERT_STRING_EQUAL(text(process, "python.version"), "3.11.2");
	CU_ASSERT_STRING_EQUAL(text(process, "python.implementation"), "cpython");
	CU_ASSERT_TRUE(json_is_false(at(process, "python.free_threaded")));
	CU_ASSERT_EQUAL(number(process, "python.interpreters"), 1);
	CU_ASSERT_EQUAL(number(process, "threads"), 2);
	CU_ASSERT_EQUAL(number(process, "wall_ns"), 2000000000);
	CU_ASSERT_STRING_EQUAL(text(process, "ended"), "exit");
	json_decref(all);
}

static void test_the_sums_hold(void)
{
	json_t *all = report_of_full();

	check_sums(all);
	CU_ASSERT_EQUAL(number(all, "totals.held.calls"), 56);
	CU_ASSERT_EQUAL(number(all, "totals.held.harmless"), 5);
	CU_ASSERT_EQUAL(number(all, "totals.held.worst_ns"), 456000000);
	CU_ASSERT_EQUAL(number(all, "totals.released.calls"), 1100);
	CU_ASSERT_EQUAL(number(all, "totals.none.calls"), 36);
	json_decref(all);
}

static void test_functions(void)
{
	json_t *all = report_of_full();

	CU_ASSERT_EQUAL(json_array_size(at(all, "functions")), 3);
	CU_ASSERT_STRING_EQUAL(text(all, "functions.0.call"), "getpid"); /* sorted */
	CU_ASSERT_STRING_EQUAL(text(all, "functions.2.call"), "recv");
	CU_ASSERT_STRING_EQUAL(text(all, "functions.2.group"), "group");
	CU_ASSERT_EQUAL(number(all, "functions.2.held.calls"), 41);
	CU_ASSERT_EQUAL(number(all, "functions.2.held.slept"), 12);
	CU_ASSERT_PTR_NULL(at(all, "functions.2.released.ns"));
	json_decref(all);
}

static void test_released_times_are_there_with_timing_all(void)
{
	struct synthetic record;
	struct gs_function *function;
	json_t *all;

	unit_make_full(&record);
	record.header->timing_all = 1;
	function = synthetic_entry(&record, GS_SECTION_FUNCTIONS, 0);
	function->released_ns = 777;
	function->released_worst_ns = 77;
	unit_add(&view, &record);
	synthetic_free(&record);
	all = report();
	CU_ASSERT_EQUAL(number(all, "functions.2.released.ns"), 777);
	CU_ASSERT_EQUAL(number(all, "functions.2.released.worst_ns"), 77);
	json_decref(all);
}

static void test_a_site(void)
{
	json_t *all = report_of_full();
	const json_t *site = at(all, "sites.0");

	CU_ASSERT_EQUAL(strlen(text(site, "id")), 16);
	CU_ASSERT_STRING_EQUAL(text(site, "rule"), "GIL001");
	CU_ASSERT_STRING_EQUAL(text(site, "call"), "recv");
	CU_ASSERT_STRING_EQUAL(text(site, "bound"), "recv");
	CU_ASSERT_STRING_EQUAL(text(site, "origin"), "extension");
	CU_ASSERT_STRING_EQUAL(text(site, "class"), "wait");
	CU_ASSERT_TRUE(json_is_false(at(site, "at_most")));
	CU_ASSERT_EQUAL(number(site, "calls"), 40);
	CU_ASSERT_EQUAL(number(site, "slept"), 12);
	CU_ASSERT_EQUAL(number(site, "elapsed_ns"), 1300000000);
	CU_ASSERT_EQUAL(number(site, "worst_ns"), 456000000);
	CU_ASSERT_EQUAL(number(site, "blocked_calls"), 12);
	CU_ASSERT_EQUAL(number(site, "stalled_ns"), 3400000000);
	CU_ASSERT_EQUAL(json_array_size(at(site, "histogram")), GS_HIST_BUCKETS);
	CU_ASSERT_EQUAL(number(site, "histogram.0"), 40);
	CU_ASSERT_STRING_EQUAL(text(site, "object"), "libwait.so.1");
	CU_ASSERT_STRING_EQUAL(
		text(site, "extension.object"), "_ext.cpython-311-x86_64-linux-gnu.so");
	CU_ASSERT_EQUAL(json_array_size(at(site, "native")), 2);
	CU_ASSERT_EQUAL(number(site, "native.0.offset"), 0x100 + 31);
	CU_ASSERT_EQUAL(number(site, "native.1.offset"), 0x200);
	CU_ASSERT_EQUAL(strlen(text(site, "native.0.build_id")), 40);
	CU_ASSERT_STRING_EQUAL(text(site, "python.0.file"), "/srv/app.py");
	CU_ASSERT_EQUAL(number(site, "python.0.line"), 31);
	CU_ASSERT_STRING_EQUAL(text(site, "python.0.function"), "fetch");
	CU_ASSERT_EQUAL(number(site, "pids.0"), 4711);
	json_decref(all);
}

/* Names that cannot be known (the objects of these records are nowhere) have no members. */
static void test_what_is_not_known_is_absent(void)
{
	struct synthetic record;
	json_t *all = report_of_full();

	CU_ASSERT_PTR_NULL(at(all, "sites.0.symbol"));
	CU_ASSERT_PTR_NULL(at(all, "sites.0.native.0.symbol"));
	CU_ASSERT_PTR_NULL(at(all, "sites.0.native.0.file"));
	CU_ASSERT_PTR_NULL(at(all, "sites.0.in_progress"));
	CU_ASSERT_PTR_NULL(at(all, "sites.0.suppressed_by"));
	CU_ASSERT_PTR_NULL(at(all, "sites.3.rule")); /* startup breaks none */
	json_decref(all);

	synthetic_make(&record, 16);
	record.header->argv = GS_NONE;
	record.header->python_version = GS_NONE;
	record.header->interpreters = 0;
	record.header->last_ns = 0;
	unit_add(&view, &record);
	synthetic_free(&record);
	all = report();
	CU_ASSERT_PTR_NULL(at(all, "command"));
	CU_ASSERT_PTR_NULL(at(all, "wall_ns"));
	CU_ASSERT_PTR_NULL(at(all, "processes.0.argv"));
	CU_ASSERT_PTR_NULL(at(all, "processes.0.python.version"));
	CU_ASSERT_PTR_NULL(at(all, "processes.0.python.interpreters"));
	CU_ASSERT_PTR_NULL(at(all, "processes.0.wall_ns"));
	json_decref(all);
}

static void test_sites_of_every_origin_are_there_in_order(void)
{
	json_t *all = report_of_full();

	CU_ASSERT_EQUAL(json_array_size(at(all, "sites")), 4);
	CU_ASSERT_STRING_EQUAL(text(all, "sites.0.rule"), "GIL001");
	CU_ASSERT_STRING_EQUAL(text(all, "sites.1.origin"), "interpreter");
	CU_ASSERT_STRING_EQUAL(text(all, "sites.1.class"), "disk");
	CU_ASSERT_STRING_EQUAL(text(all, "sites.2.rule"), "GIL002");
	CU_ASSERT_STRING_EQUAL(text(all, "sites.3.origin"), "startup");
	json_decref(all);
}

/* The id survives moved lines, other processes and another build, and nothing else. */
static void test_ids_are_stable(void)
{
	struct synthetic record;
	struct gs_site *site;
	struct gs_module *module;
	json_t *before = report_of_full();
	json_t *after;

	unit_make_full(&record);
	record.header->pid = 99;
	module = synthetic_entry(&record, GS_SECTION_MODULES, 1);
	module->build_id[0] ^= 1;
	site = synthetic_entry(&record, GS_SECTION_SITES, 0);
	site->python.line = 1234;
	site = synthetic_entry(&record, GS_SECTION_SITES, 1);
	site->python.function = synthetic_string(&record, "other");
	unit_add(&view, &record);
	synthetic_free(&record);
	after = report();
	CU_ASSERT_STRING_EQUAL(text(before, "sites.0.id"), text(after, "sites.0.id"));
	CU_ASSERT_STRING_NOT_EQUAL(text(before, "sites.2.id"), text(after, "sites.2.id"));
	CU_ASSERT_STRING_NOT_EQUAL(text(before, "sites.0.id"), text(before, "sites.2.id"));
	json_decref(before);
	json_decref(after);
}

static void test_a_call_in_progress(void)
{
	struct synthetic record;
	struct gs_thread_entry *thread;
	json_t *all;

	unit_make_full(&record);
	thread = synthetic_entry(&record, GS_SECTION_THREADS, 1);
	thread->site = thread->call = 1;
	thread->begin_ns = record.header->last_ns - 300000000;
	unit_add(&view, &record);
	synthetic_free(&record);
	all = report();
	check_sums(all);
	CU_ASSERT_STRING_EQUAL(text(all, "sites.1.call"), "nanosleep");
	CU_ASSERT_STRING_EQUAL(text(all, "sites.1.rule"), "GIL001");
	CU_ASSERT_EQUAL(number(all, "sites.1.in_progress.0.tid"), 4712);
	CU_ASSERT_STRING_EQUAL(text(all, "sites.1.in_progress.0.thread"), "worker-1");
	CU_ASSERT_EQUAL(number(all, "sites.1.in_progress.0.since_ns"), 2700000000);
	CU_ASSERT_EQUAL(number(all, "sites.1.in_progress.0.elapsed_ns"), 300000000);
	CU_ASSERT_EQUAL(number(all, "sites.1.blocked_ns"), 300000000);
	json_decref(all);
}

static void test_several_records(void)
{
	struct synthetic first, second;
	json_t *all;

	unit_make_full(&first);
	unit_make_full(&second);
	first.header->pid = 5000;
	first.header->start_realtime_ns += 1000000000;
	first.header->argv = synthetic_string(&first, "child\n");
	unit_add(&view, &first);
	unit_add(&view, &second);
	synthetic_free(&first);
	synthetic_free(&second);
	all = report();
	check_sums(all);
	CU_ASSERT_EQUAL(json_array_size(at(all, "processes")), 2);
	CU_ASSERT_STRING_EQUAL(text(all, "command.0"), "/usr/bin/python3"); /* the earlier */
	CU_ASSERT_EQUAL(number(all, "wall_ns"), 3000000000);
	CU_ASSERT_EQUAL(number(all, "totals.held.calls"), 112);
	CU_ASSERT_EQUAL(json_array_size(at(all, "sites")), 4);
	CU_ASSERT_EQUAL(number(all, "sites.0.pids.0"), 4711);
	CU_ASSERT_EQUAL(number(all, "sites.0.pids.1"), 5000);
	json_decref(all);
}

static void test_names_from_outside_are_valid_json(void)
{
	struct synthetic record;
	struct gs_site *site;
	json_t *all;

	unit_make_full(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 0);
	site->python.file = synthetic_string(&record, "/tmp/\"caf\xe9\"\n\x01\\.py");
	*(struct gs_pyline *) synthetic_entry(&record, GS_SECTION_PYTHON, 0) = site->python;
	unit_add(&view, &record);
	synthetic_free(&record);
	all = report();
	CU_ASSERT_STRING_EQUAL(
		text(all, "sites.0.python.0.file"), "/tmp/\"caf\xef\xbf\xbd\"\n\x01\\.py");
	json_decref(all);
}

static void test_numbers_too_large_for_json_are_the_largest(void)
{
	struct synthetic record;
	struct gs_site *site;
	json_t *all;

	unit_make_full(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 0);
	site->elapsed_ns = UINT64_MAX;
	unit_add(&view, &record);
	unit_add(&view, &record);
	synthetic_free(&record);
	all = report();
	CU_ASSERT_EQUAL(number(all, "sites.0.elapsed_ns"), INT64_MAX);
	json_decref(all);
}

CU_TestInfo gs_tests_out_json[] = {
	{"the top of the document", test_the_top_of_the_document},
	{"a process", test_a_process},
	{"the sums hold", test_the_sums_hold},
	{"functions", test_functions},
	{"released times are there with timing=all", test_released_times_are_there_with_timing_all},
	{"a site", test_a_site},
	{"what is not known is absent", test_what_is_not_known_is_absent},
	{"sites of every origin are there, in order",
		test_sites_of_every_origin_are_there_in_order},
	{"ids are stable", test_ids_are_stable},
	{"a call in progress", test_a_call_in_progress},
	{"several records", test_several_records},
	{"names from outside are valid JSON", test_names_from_outside_are_valid_json},
	{"numbers too large for JSON are the largest",
		test_numbers_too_large_for_json_are_the_largest},
	CU_TEST_INFO_NULL,
};
