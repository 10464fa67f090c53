#include "line.h"

#include <string.h>

#include "unit.h"

static char buffer[GS_LINE_MAX];

static const char *head(const struct gs_summary_totals *totals)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_head(&text, totals);
	CU_ASSERT_FALSE(text.cut);
	return buffer;
}

static const char *tail(const struct gs_summary_totals *totals)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_tail(&text, totals);
	CU_ASSERT_FALSE(text.cut);
	return buffer;
}

static struct gs_summary_totals clean(void)
{
	return (struct gs_summary_totals){
		.program = "/srv/me/app.py",
		.pid = 1234567,
		.implementation = "cpython",
		.python_version = "3.11.2",
		.held = 52,
		.released = 1515,
		.origin[GS_ORIGIN_STARTUP] = {30, 0, 0},
		.origin[GS_ORIGIN_INTERPRETER] = {12, 0, 0},
	};
}

static struct gs_summary_totals dirty(void)
{
	struct gs_summary_totals totals = clean();

	totals.findings = 3;
	totals.origin[GS_ORIGIN_EXTENSION] = (struct gs_summary_count){10, 9, 950000000, 0};
	totals.origin[GS_ORIGIN_INTERPRETER] = (struct gs_summary_count){12, 1, 280000000, 0};
	return totals;
}

static void test_a_clean_run_is_one_line(void)
{
	struct gs_summary_totals totals = clean();

	CU_ASSERT_STRING_EQUAL(head(&totals), "gilshim: app.py[1234567]: 1,567 calls clean: "
					      "52 held, 1,515 released; 0 unknown\n");
	CU_ASSERT(unit_widest(buffer) <= 80);
	CU_ASSERT_STRING_EQUAL(tail(&totals), "");
}

static void test_calls_outside_python_are_counted_too(void)
{
	struct gs_summary_totals totals = clean();

	totals.none = 3;
	totals.unknown = 7;
	CU_ASSERT(unit_has(head(&totals),
		"1,570 calls clean: 52 held, 1,515 released, 3 outside Python; 7 unknown\n"));
}

static void test_a_clean_run_still_says_where_python_itself_blocked(void)
{
	struct gs_summary_totals totals = clean();

	totals.origin[GS_ORIGIN_STARTUP] = (struct gs_summary_count){30, 2, 5000000, 0};
	CU_ASSERT_STRING_EQUAL(tail(&totals),
		"  startup: 30 held calls, 2 blocked, 5.00 ms, while Python came up\n");
}

static void test_findings_are_explained(void)
{
	struct gs_summary_totals totals = dirty();

	CU_ASSERT_STRING_EQUAL(head(&totals),
		"gilshim: app.py[1234567]: 3 findings: 10 calls waited 1.23 s with the GIL held\n"
		"  While such a call waits, no other Python thread can run. Most harmful first:\n");
	CU_ASSERT(unit_widest(buffer) <= 80);
	tail(&totals);
	CU_ASSERT(unit_widest(buffer) <= 80);
	CU_ASSERT(unit_has(
		buffer, "  interpreter: 12 held calls, 1 blocked, 280 ms, in CPython itself\n"));
	CU_ASSERT(
		unit_has(buffer, "  startup: 30 held calls, none blocked, while Python came up\n"));
	CU_ASSERT_FALSE(unit_has(buffer, "shutdown"));
	CU_ASSERT(unit_has(buffer, "  judged: 52 held, 1,515 released; 0 unknown\n"));
	CU_ASSERT(unit_has(buffer, "Py_BEGIN_ALLOW_THREADS"));
}

static void test_findings_of_calls_that_only_could_wait(void)
{
	struct gs_summary_totals totals = clean();

	totals.findings = 1;
	CU_ASSERT(
		unit_has(head(&totals), ": 1 finding: calls that could wait with the GIL held\n"));
}

static void test_who_stood_still_is_said_in_the_head(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits_measured = true;
	totals.origin[GS_ORIGIN_EXTENSION].stalled_ns = 400000000;
	totals.origin[GS_ORIGIN_INTERPRETER].stalled_ns = 20000000;
	totals.origin[GS_ORIGIN_STARTUP].stalled_ns = 77000000; /* is no finding */
	CU_ASSERT(
		unit_has(head(&totals), ": 3 findings: 10 calls waited 1.23 s with the GIL held;\n"
					"  other threads stood still for 420 ms\n"
					"  While such a call waits, no other Python thread"));
	CU_ASSERT(unit_widest(buffer) <= 80);
	totals.free_threaded = true;
	CU_ASSERT(unit_has(
		head(&totals), "while attached;\n  other threads stood still for 420 ms\n"));
}

static void test_nobody_stood_still(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits_measured = true;
	CU_ASSERT(unit_has(head(&totals), "held;\n  no other thread wanted the GIL meanwhile: "
					  "harmless this time\n  While"));
	CU_ASSERT(unit_widest(buffer) <= 80);
	CU_ASSERT_FALSE(gs_line_names_stalled(&totals));
	totals.free_threaded = true;
	CU_ASSERT(unit_has(head(&totals),
		"attached;\n  no stop-the-world waited meanwhile: harmless this "
		"time\n  While"));
	totals.compute = (struct gs_summary_compute){1, 4, 1200000000, 2300000000};
	CU_ASSERT_FALSE(unit_has(head(&totals), "harmless"));
	CU_ASSERT_TRUE(gs_line_names_stalled(&totals));
	totals.waits_measured = false;
	CU_ASSERT_FALSE(gs_line_names_stalled(&totals));
	/* Where nothing blocked there was no meanwhile. */
	totals = clean();
	totals.findings = 1;
	totals.waits_measured = true;
	CU_ASSERT_FALSE(unit_has(head(&totals), "harmless"));
	/* Nor is anything said of what was not measured. */
	totals = dirty();
	CU_ASSERT_FALSE(unit_has(head(&totals), "harmless"));
}

static void test_findings_of_computing_threads(void)
{
	struct gs_summary_totals totals = clean();

	totals.waits_measured = true;
	totals.findings = 1;
	totals.compute = (struct gs_summary_compute){1, 4, 1200000000, 2300000000};
	CU_ASSERT_STRING_EQUAL(head(&totals),
		"gilshim: app.py[1234567]: 1 finding: computing threads kept the GIL for 1.20 s;\n"
		"  other threads stood still for 2.30 s\n"
		"  While one does, no other Python thread can run. Most harmful first:\n");
	CU_ASSERT(unit_has(tail(&totals), "release the GIL while it computes (C:\n"));
	CU_ASSERT(unit_widest(buffer) <= 80);
	totals.findings = 2;
	CU_ASSERT(unit_has(head(&totals),
		": 2 findings: calls that could wait with the GIL held,\n"
		"  computing threads kept the GIL for 1.20 s;\n  other threads stood "
		"still for 2.30 s\n"));
	CU_ASSERT(unit_has(tail(&totals), "release the GIL around the call (C:\n"));
	totals.free_threaded = true;
	CU_ASSERT_FALSE(unit_has(head(&totals), "GIL"));
}

static void test_what_was_waited_is_told_with_its_causes(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits =
		(struct gs_summary_waits){2310, 12300000000, 8100000000, 4000000000, 200000000, 0};
	CU_ASSERT(unit_has(tail(&totals),
		"  waited for the GIL: 2,310 times, 12.3 s; of it 8.10 s behind held calls,\n"
		"    4.00 s behind computing threads, 200 ms while it was handed over\n"));
	totals.waits = (struct gs_summary_waits){1, 1000000, 0, 700000, 0, 0};
	CU_ASSERT(unit_has(tail(&totals),
		"  waited for the GIL: 1 time, 1.00 ms; of it 700 us behind "
		"computing threads\n"));
	totals.waits.computed_ns = 0;
	CU_ASSERT(unit_has(tail(&totals), "  waited for the GIL: 1 time, 1.00 ms\n"));
	totals.free_threaded = true; /* a GIL that was turned on later */
	CU_ASSERT(unit_has(tail(&totals), "  waited for the GIL: 1 time, 1.00 ms\n"));
	totals.waits = (struct gs_summary_waits){2, 1000000, 600000, 0, 0, 2};
	CU_ASSERT(unit_has(tail(&totals),
		"  waited for a stop-the-world: 2 times, 1.00 ms; of it 600 us "
		"behind attached\n    calls\n"));
	totals.waits.waits = 5;
	CU_ASSERT(unit_has(
		tail(&totals), "  waited for the GIL or a stop-the-world: 5 times, 1.00 ms; "));
}

static void test_waits_that_are_not_worth_a_line(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits = (struct gs_summary_waits){9, 999999, 0, 0, 0, 0};
	CU_ASSERT_FALSE(unit_has(tail(&totals), "waited for"));
	/* Handing the GIL over is what threads do: it is no news where there are no findings. */
	totals = clean();
	totals.waits = (struct gs_summary_waits){9, 5000000, 0, 0, 0, 0};
	CU_ASSERT_STRING_EQUAL(tail(&totals), "");
	totals.delays = 1;
	CU_ASSERT_STRING_EQUAL(tail(&totals), "  waited for the GIL: 9 times, 5.00 ms\n");
}

static void test_sites_left_out_are_counted(void)
{
	struct gs_summary_totals totals = dirty();

	CU_ASSERT_FALSE(unit_has(tail(&totals), "more site"));
	totals.not_shown = 2;
	CU_ASSERT(unit_has(tail(&totals), "  2 more sites: set GILSHIM_OPTIONS=record=DIR, "
					  "then gilshim report DIR\n"));
	CU_ASSERT(unit_widest(buffer) <= 80);
}

static void test_what_was_lost_is_said(void)
{
	struct gs_summary_totals totals = clean();

	totals.lost_threads = 1;
	totals.lost_strings = 2;
	totals.lost_modules = 3;
	CU_ASSERT(unit_has(head(&totals), " clean: "));
	CU_ASSERT_EQUAL(unit_lines(tail(&totals)), 3);
	CU_ASSERT(unit_has(buffer, "lost: 1 thread beyond"));
	CU_ASSERT(unit_has(buffer, "lost: 2 names"));
	CU_ASSERT(unit_has(buffer, "lost: 3 libraries"));
}

static void test_a_run_that_lost_sites_is_not_called_clean(void)
{
	struct gs_summary_totals totals = clean();

	totals.lost_sites = 12;
	CU_ASSERT_FALSE(unit_has(head(&totals), "clean"));
	CU_ASSERT(unit_has(buffer, "52 held, 1,515 released; 0 unknown\n"));
	CU_ASSERT(unit_has(tail(&totals), "lost: 12 held calls found the table of sites full"));
}

static void test_an_unknown_interpreter_is_no_verdict(void)
{
	struct gs_summary_totals totals = {.program = "x.py",
		.pid = 12,
		.unjudged = true,
		.unknown = 1234,
		.implementation = "pypy",
		.python_version = "7.3"};

	CU_ASSERT(unit_has(head(&totals),
		"gilshim: x.py[12]: nothing judged: 1,234 calls unknown in pypy 7.3\n"));
	CU_ASSERT_FALSE(unit_has(buffer, "clean"));
	CU_ASSERT_STRING_EQUAL(tail(&totals), "");
}

static void test_free_threaded_words(void)
{
	struct gs_summary_totals totals = dirty();

	totals.free_threaded = true;
	CU_ASSERT(unit_has(head(&totals), "waited 1.23 s while attached\n"));
	CU_ASSERT_FALSE(unit_has(buffer, "GIL held"));
	CU_ASSERT(unit_has(tail(&totals), "52 attached, 1,515 detached"));
	CU_ASSERT(unit_has(buffer, "12 attached calls"));
}

static void test_several_processes(void)
{
	struct gs_summary_totals totals = clean();

	totals.more_processes = 3;
	CU_ASSERT(unit_has(head(&totals), "gilshim: app.py[1234567] and 3 more: "));
	totals.program = NULL;
	totals.pid = 0;
	totals.more_processes = 0;
	CU_ASSERT(unit_has(head(&totals), "gilshim: process: "));
}

/* Every name and number as large as a hostile record can make it. */
static void test_the_longest_names_fit_the_stated_buffer(void)
{
	static char name[8192];
	struct gs_summary_totals totals = dirty();

	memset(name, 'n', sizeof(name) - 1);
	totals.program = name;
	totals.lost_sites = totals.lost_threads = totals.lost_strings = UINT64_MAX;
	totals.lost_modules = totals.not_shown = totals.findings = UINT64_MAX;
	memset(totals.origin, 0xff, sizeof(totals.origin));
	memset(&totals.waits, 0xff, sizeof(totals.waits));
	memset(&totals.compute, 0xff, sizeof(totals.compute));
	totals.compute.sites = 1;
	totals.free_threaded = true;
	head(&totals);
	CU_ASSERT(unit_has(tail(&totals), "handed over\n"));
}

static void test_names_cannot_speak_to_the_terminal(void)
{
	struct gs_summary_totals totals = clean();

	totals.program = "f\x1bg";
	CU_ASSERT_FALSE(unit_has(head(&totals), "\x1b"));
}

static const char *program(const char *argv)
{
	return gs_line_program(buffer, 64, argv);
}

static void test_the_program_is_what_the_user_started(void)
{
	CU_ASSERT_STRING_EQUAL(program("/usr/bin/python3\n/srv/app.py\n-x\n"), "app.py");
	CU_ASSERT_STRING_EQUAL(program("python3.11\n-u\n-W\nerror\n-Xdev\napp.py\n"), "app.py");
	CU_ASSERT_STRING_EQUAL(program("python3\n-Im\nhttp.server\n80\n"), "http.server");
	CU_ASSERT_STRING_EQUAL(program("python3\n-mpytest\n-q\n"), "pytest");
	CU_ASSERT_STRING_EQUAL(program("python3\n-c\nprint()\nx\n"), "python3");
	CU_ASSERT_STRING_EQUAL(program("/usr/bin/python3\n"), "python3");
	CU_ASSERT_STRING_EQUAL(program("python3\n-\n"), "python3");
	CU_ASSERT_STRING_EQUAL(program("python3\n--check-hash-based-pycs\nnever\na.py\n"), "a.py");
	CU_ASSERT_STRING_EQUAL(program("/usr/sbin/uwsgi\n--ini\nx\n"), "uwsgi");
	CU_ASSERT_PTR_NULL(program(""));
	CU_ASSERT_PTR_NULL(program("\n"));
	CU_ASSERT_PTR_NULL(program(NULL));
	CU_ASSERT_STRING_EQUAL(gs_line_program(buffer, 4, "abcdef"), "abc");
}

CU_TestInfo gs_tests_line[] = {
	{"a clean run is one line", test_a_clean_run_is_one_line},
	{"calls outside Python are counted too", test_calls_outside_python_are_counted_too},
	{"a clean run still says where Python itself blocked",
		test_a_clean_run_still_says_where_python_itself_blocked},
	{"findings are explained", test_findings_are_explained},
	{"findings of calls that only could wait", test_findings_of_calls_that_only_could_wait},
	{"who stood still is said in the head", test_who_stood_still_is_said_in_the_head},
	{"nobody stood still", test_nobody_stood_still},
	{"findings of computing threads", test_findings_of_computing_threads},
	{"what was waited is told with its causes", test_what_was_waited_is_told_with_its_causes},
	{"waits that are not worth a line", test_waits_that_are_not_worth_a_line},
	{"sites left out are counted", test_sites_left_out_are_counted},
	{"what was lost is said", test_what_was_lost_is_said},
	{"a run that lost sites is not called clean",
		test_a_run_that_lost_sites_is_not_called_clean},
	{"an unknown interpreter is no verdict", test_an_unknown_interpreter_is_no_verdict},
	{"free-threaded words", test_free_threaded_words},
	{"several processes", test_several_processes},
	{"the longest names fit the stated buffer", test_the_longest_names_fit_the_stated_buffer},
	{"names cannot speak to the terminal", test_names_cannot_speak_to_the_terminal},
	{"the program is what the user started", test_the_program_is_what_the_user_started},
	CU_TEST_INFO_NULL,
};
