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

static const char *line(unsigned rank, const struct gs_summary_site *site)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_site(&text, rank, site);
	CU_ASSERT_FALSE(text.cut);
	return buffer;
}

static size_t widest(const char *text)
{
	size_t widest = 0;

	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length > widest)
			widest = length;
		text += length + (text[length] == '\n');
	}
	return widest;
}

static unsigned count_lines(const char *text)
{
	unsigned lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static bool has(const char *text, const char *words)
{
	return strstr(text, words) != NULL;
}

static const char *delay_line(const struct gs_summary_delay *delay)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_delay(&text, delay);
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

static struct gs_summary_site site(void)
{
	return (struct gs_summary_site){
		.rule = GS_RULE_HELD_BLOCKED,
		.calls = 40,
		.blocked_calls = 12,
		.blocked_ns = 1230000000,
		.worst_ns = 456000000,
		.call = "recv",
		.object = "libpq.so.5",
		.symbol = "pqsecure_raw_read",
		.extension_object = "_psycopg.cpython-311-x86_64-linux-gnu.so",
		.extension_symbol = "psyco_exec",
		.python_file = "app.py",
		.python_function = "fetch",
		.python_line = 31,
	};
}

static void test_a_clean_run_is_one_line(void)
{
	struct gs_summary_totals totals = clean();

	CU_ASSERT_STRING_EQUAL(head(&totals), "gilshim: app.py[1234567]: 1,567 calls clean: "
					      "52 held, 1,515 released; 0 unknown\n");
	CU_ASSERT(widest(buffer) <= 80);
	CU_ASSERT_STRING_EQUAL(tail(&totals), "");
}

static void test_calls_outside_python_are_counted_too(void)
{
	struct gs_summary_totals totals = clean();

	totals.none = 3;
	totals.unknown = 7;
	CU_ASSERT(has(head(&totals),
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
	CU_ASSERT(widest(buffer) <= 80);
	tail(&totals);
	CU_ASSERT(widest(buffer) <= 80);
	CU_ASSERT(has(
		buffer, "  interpreter: 12 held calls, 1 blocked, 280 ms, in CPython itself\n"));
	CU_ASSERT(has(buffer, "  startup: 30 held calls, none blocked, while Python came up\n"));
	CU_ASSERT_FALSE(has(buffer, "shutdown"));
	CU_ASSERT(has(buffer, "  judged: 52 held, 1,515 released; 0 unknown\n"));
	CU_ASSERT(has(buffer, "Py_BEGIN_ALLOW_THREADS"));
}

static void test_findings_of_calls_that_only_could_wait(void)
{
	struct gs_summary_totals totals = clean();

	totals.findings = 1;
	CU_ASSERT(has(head(&totals), ": 1 finding: calls that could wait with the GIL held\n"));
}

static void test_who_stood_still_is_said_in_the_head(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits_measured = true;
	totals.origin[GS_ORIGIN_EXTENSION].stalled_ns = 400000000;
	totals.origin[GS_ORIGIN_INTERPRETER].stalled_ns = 20000000;
	totals.origin[GS_ORIGIN_STARTUP].stalled_ns = 77000000; /* is no finding */
	CU_ASSERT(has(head(&totals), ": 3 findings: 10 calls waited 1.23 s with the GIL held;\n"
				     "  other threads stood still for 420 ms\n"
				     "  While such a call waits, no other Python thread"));
	CU_ASSERT(widest(buffer) <= 80);
	totals.free_threaded = true;
	CU_ASSERT(has(head(&totals), "while attached;\n  others waited 420 ms to stop the world\n"));
}

static void test_nobody_stood_still(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits_measured = true;
	CU_ASSERT(has(head(&totals), "held;\n  no other thread wanted the GIL meanwhile: "
				     "harmless this time\n  While"));
	CU_ASSERT(widest(buffer) <= 80);
	totals.free_threaded = true;
	CU_ASSERT(has(head(&totals), "harmless this time"));
	CU_ASSERT_FALSE(has(buffer, "GIL"));
	totals.free_threaded = false;
	totals.compute = (struct gs_summary_compute){1, 4, 1200000000, 2300000000};
	CU_ASSERT_FALSE(has(head(&totals), "harmless"));
	/* Where nothing blocked there was no meanwhile. */
	totals = clean();
	totals.findings = 1;
	totals.waits_measured = true;
	CU_ASSERT_FALSE(has(head(&totals), "harmless"));
	/* Nor is anything said of what was not measured. */
	totals = dirty();
	CU_ASSERT_FALSE(has(head(&totals), "harmless"));
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
	CU_ASSERT(has(tail(&totals), "release the GIL while it computes (C:\n"));
	CU_ASSERT(widest(buffer) <= 80);
	totals.findings = 2;
	CU_ASSERT(has(head(&totals), ": 2 findings: calls that could wait with the GIL held,\n"
				     "  computing threads kept the GIL for 1.20 s; other threads stood "
				     "still for\n  2.30 s\n"));
	CU_ASSERT(has(tail(&totals), "release the GIL around the call (C:\n"));
	totals.free_threaded = true;
	CU_ASSERT_FALSE(has(head(&totals), "GIL"));
}

static void test_what_was_waited_is_told_with_its_causes(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits = (struct gs_summary_waits){
		2310, 12300000000, 8100000000, 4000000000, 200000000};
	CU_ASSERT(has(tail(&totals),
		"  waited for the GIL: 2,310 times, 12.3 s; of it 8.10 s behind held calls,\n"
		"    4.00 s behind computing threads, 200 ms while it was handed over\n"));
	totals.waits = (struct gs_summary_waits){1, 1000000, 0, 700000, 0};
	CU_ASSERT(has(tail(&totals), "  waited for the GIL: 1 time, 1.00 ms; of it 700 us behind "
				     "computing threads\n"));
	totals.waits.computed_ns = 0;
	CU_ASSERT(has(tail(&totals), "  waited for the GIL: 1 time, 1.00 ms\n"));
	totals.free_threaded = true;
	CU_ASSERT(has(tail(&totals), "  waited to attach: 1 time, 1.00 ms\n"));
}

static void test_waits_that_are_not_worth_a_line(void)
{
	struct gs_summary_totals totals = dirty();

	totals.waits = (struct gs_summary_waits){9, 999999, 0, 0, 0};
	CU_ASSERT_FALSE(has(tail(&totals), "waited for"));
	/* Handing the GIL over is what threads do: it is no news where there are no findings. */
	totals = clean();
	totals.waits = (struct gs_summary_waits){9, 5000000, 0, 0, 0};
	CU_ASSERT_STRING_EQUAL(tail(&totals), "");
	totals.delays = 1;
	CU_ASSERT_STRING_EQUAL(tail(&totals), "  waited for the GIL: 9 times, 5.00 ms\n");
}

static void test_a_delay(void)
{
	struct gs_summary_delay delay = {.call = "recv",
		.calls = 1500,
		.delayed = 1200,
		.call_median_ns = 12300,
		.wait_median_ns = 5100000,
		.wait_worst_ns = 15000000};

	CU_ASSERT_STRING_EQUAL(delay_line(&delay),
		"  GIL004 recv: 1,200 of the 1,500 calls that had to wait for the GIL afterwards\n"
		"    waited longer than they took: median 5.10 ms against 12.3 us (worst 15.0 ms)\n");
	CU_ASSERT(widest(buffer) <= 80);
	delay.free_threaded = true;
	CU_ASSERT(has(delay_line(&delay), "calls that had to wait to attach again"));
	delay.call = "\x1b\n";
	CU_ASSERT_FALSE(has(delay_line(&delay), "\x1b"));
}

static void test_sites_left_out_are_counted(void)
{
	struct gs_summary_totals totals = dirty();

	CU_ASSERT_FALSE(has(tail(&totals), "more site"));
	totals.not_shown = 2;
	CU_ASSERT(has(tail(&totals), "  2 more sites: set GILSHIM_OPTIONS=record=DIR, "
				     "then gilshim report DIR\n"));
	CU_ASSERT(widest(buffer) <= 80);
}

static void test_what_was_lost_is_said(void)
{
	struct gs_summary_totals totals = clean();

	totals.lost_threads = 1;
	totals.lost_strings = 2;
	totals.lost_modules = 3;
	CU_ASSERT(has(head(&totals), " clean: "));
	CU_ASSERT_EQUAL(count_lines(tail(&totals)), 3);
	CU_ASSERT(has(buffer, "lost: 1 thread beyond"));
	CU_ASSERT(has(buffer, "lost: 2 names"));
	CU_ASSERT(has(buffer, "lost: 3 libraries"));
}

static void test_a_run_that_lost_sites_is_not_called_clean(void)
{
	struct gs_summary_totals totals = clean();

	totals.lost_sites = 12;
	CU_ASSERT_FALSE(has(head(&totals), "clean"));
	CU_ASSERT(has(buffer, "52 held, 1,515 released; 0 unknown\n"));
	CU_ASSERT(has(tail(&totals), "lost: 12 held calls found the table of sites full"));
}

static void test_an_unknown_interpreter_is_no_verdict(void)
{
	struct gs_summary_totals totals = {.program = "x.py",
		.pid = 12,
		.unjudged = true,
		.unknown = 1234,
		.implementation = "pypy",
		.python_version = "7.3"};

	CU_ASSERT(has(head(&totals),
		"gilshim: x.py[12]: nothing judged: 1,234 calls unknown in pypy 7.3\n"));
	CU_ASSERT_FALSE(has(buffer, "clean"));
	CU_ASSERT_STRING_EQUAL(tail(&totals), "");
}

static void test_free_threaded_words(void)
{
	struct gs_summary_totals totals = dirty();

	totals.free_threaded = true;
	CU_ASSERT(has(head(&totals), "waited 1.23 s while attached\n"));
	CU_ASSERT_FALSE(has(buffer, "GIL held"));
	CU_ASSERT(has(tail(&totals), "52 attached, 1,515 detached"));
	CU_ASSERT(has(buffer, "12 attached calls"));
}

static void test_several_processes(void)
{
	struct gs_summary_totals totals = clean();

	totals.more_processes = 3;
	CU_ASSERT(has(head(&totals), "gilshim: app.py[1234567] and 3 more: "));
	totals.program = NULL;
	totals.pid = 0;
	totals.more_processes = 0;
	CU_ASSERT(has(head(&totals), "gilshim: process: "));
}

static void test_a_blocked_site(void)
{
	struct gs_summary_site blocked = site();

	CU_ASSERT_STRING_EQUAL(line(1, &blocked),
		"  1. GIL001 12 of 40 calls blocked, 1.23 s (worst 456 ms)\n"
		"     recv < libpq.so.5!pqsecure_raw_read < _psycopg.so!psyco_exec < app.py:31 in "
		"fetch\n");
	blocked.stalled_ns = 3400000000;
	CU_ASSERT(has(line(1, &blocked), "(worst 456 ms), others waited 3.40 s\n"));
	CU_ASSERT(strcspn(buffer, "\n") <= 80);
}

static void test_who_waited_for_a_site(void)
{
	struct gs_summary_site stalling = site();

	stalling.stalled_ns = 420000000;
	stalling.stalled_threads = 5;
	stalling.victims[0] = "ticker";
	stalling.victims[1] = "pool-1";
	stalling.victims[2] = "ticker";
	CU_ASSERT(has(line(1, &stalling),
		"  1. GIL001 12 of 40 calls blocked, 1.23 s (worst 456 ms),\n"
		"     others waited 420 ms (5 threads: ticker, pool-1, ...)\n"
		"     recv < "));
	stalling.blocked_calls = 1; /* no worst: there is room */
	stalling.blocked_ns = 20000000;
	stalling.stalled_threads = 2;
	CU_ASSERT(has(line(1, &stalling),
		"  1. GIL001 1 of 40 calls blocked, 20.0 ms,\n"
		"     others waited 420 ms (2 threads: ticker, pool-1)\n"));
	stalling.stalled_threads = 1; /* one at once, but not always the same */
	CU_ASSERT(has(line(1, &stalling), "420 ms (2 threads: ticker, pool-1)\n"));
	stalling.victims[1] = NULL;
	CU_ASSERT(has(line(1, &stalling),
		"1 of 40 calls blocked, 20.0 ms, others waited 420 ms (thread ticker)\n"));
	stalling.stalled_threads = 2;
	CU_ASSERT(has(line(1, &stalling), "420 ms (2 threads: ticker, ...)\n"));
	stalling.victims[0] = stalling.victims[2] = NULL;
	CU_ASSERT(has(line(1, &stalling), "420 ms (2 threads)\n"));
	stalling.free_threaded = true;
	CU_ASSERT(has(line(1, &stalling), "     others waited 420 ms to stop the world (2 threads)\n"));
}

static void test_a_site_for_which_nobody_waited(void)
{
	struct gs_summary_site alone = site();

	alone.waits_measured = true;
	CU_ASSERT(has(line(1, &alone), "(worst 456 ms),\n     no other thread wanted the GIL\n"));
	alone.free_threaded = true;
	CU_ASSERT(has(line(1, &alone), "(worst 456 ms),\n     nobody stopped the world\n"));
	alone.rule = GS_RULE_HELD_COULD_BLOCK; /* there was nothing to wait for */
	CU_ASSERT_FALSE(has(line(1, &alone), "nobody"));
	alone = site();
	CU_ASSERT(has(line(1, &alone), "(worst 456 ms)\n"));
}

static void test_a_place_that_computes(void)
{
	struct gs_summary_site place = {
		.rule = GS_RULE_HELD_COMPUTE,
		.calls = 4,
		.elapsed_ns = 1200000000,
		.worst_ns = 400000000,
		.stalled_ns = 2300000000,
		.thread = "worker",
		.python_file = "app.py",
		.python_function = "crunch",
		.python_line = 12,
	};

	CU_ASSERT_STRING_EQUAL(line(2, &place),
		"  2. GIL003 thread worker kept the GIL 1.20 s in 4 stretches (worst 400 ms),\n"
		"     others waited 2.30 s\n"
		"     computing < app.py:12 in crunch\n");
	place.calls = 1;
	place.thread = NULL;
	place.object = place.extension_object = "_sum.cpython-311-x86_64-linux-gnu.so";
	place.symbol = place.extension_symbol = "sum_up";
	CU_ASSERT_STRING_EQUAL(line(2, &place),
		"  2. GIL003 a thread kept the GIL 1.20 s, others waited 2.30 s\n"
		"     computing < _sum.so!sum_up < app.py:12 in crunch\n");
	place.free_threaded = true;
	CU_ASSERT(has(line(2, &place), " a thread stayed attached 1.20 s,\n     others waited 2.30 s "
				    "to stop the world\n"));
}

static void test_the_parts_of_a_line(void)
{
	struct gs_summary_site parts = site();
	struct gs_text text;

	parts.stalled_ns = 420000000;
	parts.victims[0] = "a thread with a name that goes on and on";
	parts.python_file = "/srv/lib/python3/site-packages/shop/database/app.py";
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_numbers(&text, &parts);
	CU_ASSERT_STRING_EQUAL(buffer,
		"12 of 40 calls blocked, 1.23 s (worst 456 ms), others waited 420 ms (thread a "
		"thread with a name that goe...)");
	parts.stalled_ns = 0;
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_numbers(&text, &parts);
	CU_ASSERT_STRING_EQUAL(buffer, "12 of 40 calls blocked, 1.23 s (worst 456 ms)");
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_chain(&text, &parts);
	CU_ASSERT_STRING_EQUAL(buffer,
		"recv < libpq.so.5!pqsecure_raw_read < _psycopg.so!psyco_exec < "
		"/srv/lib/python3/site-packages/shop/database/app.py:31 in fetch");
}

static void test_a_site_that_blocked_once(void)
{
	struct gs_summary_site once = site();

	once.calls = once.blocked_calls = once.unfinished = 1;
	once.at_most = true;
	once.origin = GS_ORIGIN_INTERPRETER;
	CU_ASSERT(has(line(123, &once), "123. GIL001 1 of 1 call blocked, at most 1.23 s, "
					"1 not returned, in CPython\n"));
}

static void test_a_site_that_could_block(void)
{
	struct gs_summary_site could = site();

	could.rule = GS_RULE_HELD_COULD_BLOCK;
	could.blocked_calls = could.blocked_ns = 0;
	could.worst_ns = 1500;
	CU_ASSERT(has(line(20, &could),
		" 20. GIL002 40 calls could block, none did this time (worst 1.50 us)\n"));
	could.unfinished = 1; /* of which nobody knows whether it would have returned at once */
	CU_ASSERT(has(line(20, &could),
		" 20. GIL002 40 calls could block (worst 1.50 us), 1 not returned\n"));
}

static void test_a_chain_names_each_object_once(void)
{
	struct gs_summary_site direct = site();

	direct.object = direct.extension_object = "_ext.abi3.so";
	direct.symbol = direct.extension_symbol = "read_all";
	CU_ASSERT(has(line(1, &direct), "     recv < _ext.so!read_all < app.py:31 in fetch\n"));
	direct.symbol = "inner";
	CU_ASSERT(has(line(1, &direct), " < _ext.so!inner < _ext.so!read_all < "));
}

static void test_a_chain_of_which_little_is_known(void)
{
	struct gs_summary_site bare = site();

	bare.symbol = bare.extension_symbol = NULL;
	CU_ASSERT(has(line(1, &bare), "recv < libpq.so.5 < _psycopg.so < app.py:31 in fetch\n"));
	bare.object = bare.extension_object = bare.python_file = bare.python_function = NULL;
	CU_ASSERT(has(line(1, &bare), "     recv < no Python line known\n"));
	bare.call = NULL;
	bare.python_file = "app.py";
	bare.python_line = 0;
	CU_ASSERT(has(line(1, &bare), "     ? < app.py\n"));
}

static void test_paths_are_shortened_to_fit(void)
{
	struct gs_summary_site deep = site();

	deep.extension_object = NULL;
	deep.extension_symbol = NULL;
	deep.python_file = "/srv/lib/python3/site-packages/shop/database/app.py";
	line(1, &deep);
	CU_ASSERT(has(buffer, " < .../shop/database/app.py:31 in fetch\n"));
	CU_ASSERT_EQUAL(widest(buffer) <= 80, true);
	deep.symbol = "a_function_with_a_name_that_alone_takes_all_of_the_room_that_there_is";
	CU_ASSERT(has(line(1, &deep), " < app.py:31 in fetch\n"));
	deep.symbol = "read";
	deep.python_file = "/srv/app.py";
	CU_ASSERT(has(line(1, &deep), " < /srv/app.py:31 in fetch\n"));
}

/* Every name as long as a hostile record can make it: both lines still come out whole. */
static void test_the_longest_names_fit_the_stated_buffer(void)
{
	static char name[8192];
	struct gs_summary_totals totals = dirty();
	struct gs_summary_site huge = site();
	struct gs_summary_delay delay;

	memset(name, 'n', sizeof(name) - 1);
	memset(&huge.calls, 0xff, sizeof(huge.calls));
	huge.call = huge.object = huge.symbol = huge.python_file = huge.python_function = name;
	huge.extension_object = huge.extension_symbol = name + 1;
	huge.python_line = UINT32_MAX;
	huge.blocked_calls = huge.blocked_ns = huge.worst_ns = huge.stalled_ns = UINT64_MAX;
	huge.unfinished = UINT64_MAX;
	huge.stalled_threads = huge.elapsed_ns = UINT64_MAX;
	huge.victims[0] = huge.thread = name;
	huge.victims[1] = name + 1;
	huge.victims[2] = name + 2;
	CU_ASSERT(has(line(4294967295u, &huge), ", ...)\n"));
	CU_ASSERT_EQUAL(buffer[strlen(buffer) - 1], '\n');
	huge.rule = GS_RULE_HELD_COMPUTE;
	CU_ASSERT(has(line(4294967295u, &huge), ", ...)\n"));
	memset(&delay, 0xff, sizeof(delay));
	delay.call = name;
	delay.free_threaded = false;
	CU_ASSERT(has(delay_line(&delay), " s)\n"));
	totals.program = name;
	totals.lost_sites = totals.lost_threads = totals.lost_strings = UINT64_MAX;
	totals.lost_modules = totals.not_shown = totals.findings = UINT64_MAX;
	for (int i = 0; i < GS_ORIGINS; i++)
		totals.origin[i] = (struct gs_summary_count){
			UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	memset(&totals.waits, 0xff, sizeof(totals.waits));
	memset(&totals.compute, 0xff, sizeof(totals.compute));
	totals.compute.sites = 1;
	totals.free_threaded = true;
	head(&totals);
	CU_ASSERT(has(tail(&totals), "handed over\n"));
}

static void test_names_cannot_speak_to_the_terminal(void)
{
	struct gs_summary_totals totals = clean();
	struct gs_summary_site evil = site();

	evil.python_file = "/a\x1b]0;x\x07/b.py";
	evil.symbol = "c\nd";
	evil.extension_object = "e\x1b.cpython-311.so";
	CU_ASSERT_EQUAL(count_lines(line(1, &evil)), 2);
	CU_ASSERT_FALSE(has(buffer, "\x1b"));
	totals.program = "f\x1bg";
	CU_ASSERT_FALSE(has(head(&totals), "\x1b"));
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
	{"a delay", test_a_delay},
	{"sites left out are counted", test_sites_left_out_are_counted},
	{"what was lost is said", test_what_was_lost_is_said},
	{"a run that lost sites is not called clean",
		test_a_run_that_lost_sites_is_not_called_clean},
	{"an unknown interpreter is no verdict", test_an_unknown_interpreter_is_no_verdict},
	{"free-threaded words", test_free_threaded_words},
	{"several processes", test_several_processes},
	{"a blocked site", test_a_blocked_site},
	{"who waited for a site", test_who_waited_for_a_site},
	{"a site for which nobody waited", test_a_site_for_which_nobody_waited},
	{"a place that computes", test_a_place_that_computes},
	{"the parts of a line", test_the_parts_of_a_line},
	{"a site that blocked once", test_a_site_that_blocked_once},
	{"a site that could block", test_a_site_that_could_block},
	{"a chain names each object once", test_a_chain_names_each_object_once},
	{"a chain of which little is known", test_a_chain_of_which_little_is_known},
	{"paths are shortened to fit", test_paths_are_shortened_to_fit},
	{"the longest names fit the stated buffer", test_the_longest_names_fit_the_stated_buffer},
	{"names cannot speak to the terminal", test_names_cannot_speak_to_the_terminal},
	{"the program is what the user started", test_the_program_is_what_the_user_started},
	CU_TEST_INFO_NULL,
};
