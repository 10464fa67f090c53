/* The lines of a site and of a function's delays. */
#include "line.h"

#include <string.h>

#include "unit.h"

static char buffer[GS_LINE_MAX];

static const char *line(unsigned rank, const struct gs_summary_site *site)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_site(&text, rank, site);
	CU_ASSERT_FALSE(text.cut);
	return buffer;
}

static const char *delay_line(const struct gs_summary_delay *delay)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_delay(&text, delay);
	CU_ASSERT_FALSE(text.cut);
	return buffer;
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
		"    waited longer than they took: median 5.10 ms against 12.3 us (worst 15.0 "
		"ms)\n");
	CU_ASSERT(unit_widest(buffer) <= 80);
	delay.free_threaded = true;
	CU_ASSERT(unit_has(delay_line(&delay), "calls that had to wait to attach again"));
	delay.call = "\x1b\n";
	CU_ASSERT_FALSE(unit_has(delay_line(&delay), "\x1b"));
}

static void test_a_blocked_site(void)
{
	struct gs_summary_site blocked = site();

	CU_ASSERT_STRING_EQUAL(line(1, &blocked),
		"  1. GIL001 12 of 40 calls blocked, 1.23 s (worst 456 ms)\n"
		"     recv < libpq.so.5!pqsecure_raw_read < _psycopg.so!psyco_exec < app.py:31 in "
		"fetch\n");
	blocked.stalled_ns = 3400000000;
	CU_ASSERT(unit_has(line(1, &blocked), "(worst 456 ms), others waited 3.40 s\n"));
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
	CU_ASSERT(unit_has(line(1, &stalling),
		"  1. GIL001 12 of 40 calls blocked, 1.23 s (worst 456 ms),\n"
		"     others waited 420 ms (5 threads: ticker, pool-1, ...)\n"
		"     recv < "));
	stalling.blocked_calls = 1; /* no worst: there is room */
	stalling.blocked_ns = 20000000;
	stalling.stalled_threads = 2;
	CU_ASSERT(unit_has(line(1, &stalling),
		"  1. GIL001 1 of 40 calls blocked, 20.0 ms,\n"
		"     others waited 420 ms (2 threads: ticker, pool-1)\n"));
	stalling.stalled_threads = 1; /* one at once, but not always the same */
	CU_ASSERT(unit_has(line(1, &stalling), "420 ms (2 threads: ticker, pool-1)\n"));
	stalling.victims[1] = NULL;
	CU_ASSERT(unit_has(line(1, &stalling),
		"1 of 40 calls blocked, 20.0 ms, others waited 420 ms (thread ticker)\n"));
	stalling.stalled_threads = 2;
	CU_ASSERT(unit_has(line(1, &stalling), "420 ms (2 threads: ticker, ...)\n"));
	stalling.victims[0] = stalling.victims[2] = NULL;
	CU_ASSERT(unit_has(line(1, &stalling), "420 ms (2 threads)\n"));
	stalling.free_threaded = true;
	CU_ASSERT(unit_has(line(1, &stalling), "others waited 420 ms (2 threads)\n"));
}

static void test_a_site_for_which_nobody_waited(void)
{
	struct gs_summary_site alone = site();

	alone.nobody_waited = true;
	CU_ASSERT(unit_has(
		line(1, &alone), "(worst 456 ms),\n     no other thread wanted the GIL\n"));
	alone.free_threaded = true;
	CU_ASSERT(unit_has(line(1, &alone), "(worst 456 ms),\n     no stop-the-world waited\n"));
	alone.rule = GS_RULE_HELD_COULD_BLOCK; /* there was nothing to wait for */
	CU_ASSERT_FALSE(unit_has(line(1, &alone), "nobody"));
	alone = site();
	CU_ASSERT(unit_has(line(1, &alone), "(worst 456 ms)\n"));
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
	CU_ASSERT(unit_has(
		line(2, &place), " a thread stayed attached 1.20 s, others waited 2.30 s\n"));
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
	CU_ASSERT(unit_has(line(123, &once), "123. GIL001 1 of 1 call blocked, at most 1.23 s, "
					     "1 not returned, in CPython\n"));
}

static void test_a_site_that_could_block(void)
{
	struct gs_summary_site could = site();

	could.rule = GS_RULE_HELD_COULD_BLOCK;
	could.blocked_calls = could.blocked_ns = 0;
	could.worst_ns = 1500;
	CU_ASSERT(unit_has(line(20, &could),
		" 20. GIL002 40 calls could block, none did this time (worst 1.50 us)\n"));
	could.unfinished = 1; /* of which nobody knows whether it would have returned at once */
	CU_ASSERT(unit_has(line(20, &could),
		" 20. GIL002 40 calls could block (worst 1.50 us), 1 not returned\n"));
}

static void test_a_chain_names_each_object_once(void)
{
	struct gs_summary_site direct = site();

	direct.object = direct.extension_object = "_ext.abi3.so";
	direct.symbol = direct.extension_symbol = "read_all";
	CU_ASSERT(
		unit_has(line(1, &direct), "     recv < _ext.so!read_all < app.py:31 in fetch\n"));
	direct.symbol = "inner";
	CU_ASSERT(unit_has(line(1, &direct), " < _ext.so!inner < _ext.so!read_all < "));
}

static void test_a_chain_of_which_little_is_known(void)
{
	struct gs_summary_site bare = site();

	bare.symbol = bare.extension_symbol = NULL;
	CU_ASSERT(
		unit_has(line(1, &bare), "recv < libpq.so.5 < _psycopg.so < app.py:31 in fetch\n"));
	bare.object = bare.extension_object = bare.python_file = bare.python_function = NULL;
	CU_ASSERT(unit_has(line(1, &bare), "     recv < no Python line known\n"));
	bare.call = NULL;
	bare.python_file = "app.py";
	bare.python_line = 0;
	CU_ASSERT(unit_has(line(1, &bare), "     ? < app.py\n"));
}

static void test_paths_are_shortened_to_fit(void)
{
	struct gs_summary_site deep = site();

	deep.extension_object = NULL;
	deep.extension_symbol = NULL;
	deep.python_file = "/srv/lib/python3/site-packages/shop/database/app.py";
	line(1, &deep);
	CU_ASSERT(unit_has(buffer, " < .../shop/database/app.py:31 in fetch\n"));
	CU_ASSERT_EQUAL(unit_widest(buffer) <= 80, true);
	deep.symbol = "a_function_with_a_name_that_alone_takes_all_of_the_room_that_there_is";
	CU_ASSERT(unit_has(line(1, &deep), " < app.py:31 in fetch\n"));
	deep.symbol = "read";
	deep.python_file = "/srv/app.py";
	CU_ASSERT(unit_has(line(1, &deep), " < /srv/app.py:31 in fetch\n"));
}

/* Every name as long as a hostile record can make it: the lines still come out whole. */
static void test_the_longest_names_fit_the_stated_buffer(void)
{
	static char name[8192];
	struct gs_summary_site huge = site();
	struct gs_summary_delay delay;

	memset(name, 'n', sizeof(name) - 1);
	memset(&huge.calls, 0xff, sizeof(huge.calls));
	huge.call = huge.object = huge.symbol = huge.python_file = huge.python_function = name;
	huge.extension_object = huge.extension_symbol = name + 1;
	huge.python_line = UINT32_MAX;
	huge.blocked_calls = huge.blocked_ns = huge.worst_ns = huge.stalled_ns = UINT64_MAX;
	huge.unfinished = huge.stalled_threads = huge.elapsed_ns = UINT64_MAX;
	CU_ASSERT_EQUAL(unit_lines(line(4294967295u, &huge)), 3);
	huge.victims[0] = huge.thread = name;
	huge.victims[1] = name + 1;
	huge.victims[2] = name + 2;
	CU_ASSERT(unit_has(line(4294967295u, &huge), ", ...)\n"));
	CU_ASSERT_EQUAL(buffer[strlen(buffer) - 1], '\n');
	huge.rule = GS_RULE_HELD_COMPUTE;
	CU_ASSERT(unit_has(line(4294967295u, &huge), ", ...)\n"));
	memset(&delay, 0xff, sizeof(delay));
	delay.call = name;
	delay.free_threaded = false;
	CU_ASSERT(unit_has(delay_line(&delay), " s)\n"));
}

static void test_names_cannot_speak_to_the_terminal(void)
{
	struct gs_summary_site evil = site();

	evil.python_file = "/a\x1b]0;x\x07/b.py";
	evil.symbol = "c\nd";
	evil.extension_object = "e\x1b.cpython-311.so";
	evil.stalled_ns = 1;
	evil.victims[0] = "f\x1b\ng";
	CU_ASSERT_EQUAL(unit_lines(line(1, &evil)), 3);
	CU_ASSERT_FALSE(unit_has(buffer, "\x1b"));
}

CU_TestInfo gs_tests_line_site[] = {
	{"a delay", test_a_delay},
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
	CU_TEST_INFO_NULL,
};
