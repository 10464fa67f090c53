#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "unit.h"

static void test_a_report_is_the_summary(void)
{
	struct synthetic record;
	char *text;

	unit_make_full(&record);
	text = unit_report(&record, gs_out_text);
	CU_ASSERT_STRING_EQUAL(text,
		"gilshim: app.py[4711]: 3 findings: 13 calls waited 1.24 s with the GIL held;\n"
		"  other threads stood still for 3.40 s\n"
		"  While such a call waits, no other Python thread can run. Most harmful first:\n"
		"  1. GIL001 12 of 40 calls blocked, 1.23 s (worst 456 ms), others waited 3.40 s\n"
		"     recv < libwait.so.1 < _ext.so < /srv/app.py:31 in fetch\n"
		"  2. GIL001 1 of 1 call blocked, 5.00 ms, in CPython,\n"
		"     no other thread wanted the GIL\n"
		"     recv < python3.11 < /srv/app.py:50 in fetch\n"
		"  3. GIL002 7 calls could block, none did this time (worst 1.50 us)\n"
		"     nanosleep < _ext.so < /srv/app.py:40 in fetch\n"
		"  interpreter: 1 held call, 1 blocked, 5.00 ms, in CPython itself\n"
		"  startup: 3 held calls, none blocked, while Python came up\n"
		"  judged: 56 held, 1,100 released, 36 outside Python; 0 unknown\n"
		"  What helps: let the extension release the GIL around the call (C:\n"
		"  Py_BEGIN_ALLOW_THREADS, Cython: with nogil, ctypes: CDLL, not PyDLL), or\n"
		"  make it where a wait stops nobody: in another process, before threads run.\n");
	free(text);
	synthetic_free(&record);
}

static void test_a_clean_report_is_one_line(void)
{
	struct synthetic record;
	char *text;

	synthetic_make(&record, 16);
	synthetic_function(&record, 0, "recv")->retired[1] = 12;
	text = unit_report(&record, gs_out_text);
	CU_ASSERT_STRING_EQUAL(
		text, "gilshim: app.py[4711]: 12 calls clean: 0 held, 12 released; 0 unknown\n");
	free(text);
	synthetic_free(&record);
}

static void test_who_is_stuck_is_named(void)
{
	struct synthetic record;
	struct gs_thread_entry *thread;
	char *text;

	unit_make_full(&record);
	thread = synthetic_entry(&record, GS_SECTION_THREADS, 1);
	thread->site = thread->call = 1;
	thread->begin_ns = record.header->last_ns - 300000000;
	text = unit_report(&record, gs_out_text);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "GIL001 1 of 7 calls blocked, 300 ms, 1 not returned,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(
		text, "     not returned: thread 4712 (worker-1) of process 4711, after 300 ms\n"));
	free(text);

	/* Killed: that it had begun is all that is known. */
	record.header->last_ns = thread->begin_ns;
	text = unit_report(&record, gs_out_text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "GIL002 7 calls could block (worst 1.50 us), "
					    "1 not returned\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "     not returned: thread 4712 (worker-1) of process 4711\n"));
	free(text);
	synthetic_free(&record);
}

CU_TestInfo gs_tests_out_text[] = {
	{"a report is the summary", test_a_report_is_the_summary},
	{"a clean report is one line", test_a_clean_report_is_one_line},
	{"who is stuck is named", test_who_is_stuck_is_named},
	CU_TEST_INFO_NULL,
};
