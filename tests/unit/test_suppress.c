#include "suppress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"
#include "owner.h"
#include "unit.h"

#define TODAY 20260115u

static struct gs_suppressions list;
static struct gs_view view;
static bool with_stalls;

/* What is said of the rules stays unseen. */
static bool read_path(const char *path)
{
	int said = dup(STDERR_FILENO);
	bool good;

	fflush(stderr);
	CU_ASSERT_PTR_NOT_NULL_FATAL(freopen("/dev/null", "w", stderr));
	good = gs_suppress_read(&list, path, TODAY);
	fflush(stderr);
	dup2(said, STDERR_FILENO);
	close(said);
	return good;
}

/* Reads rules from a file of `size` bytes. */
static bool read_bytes(const char *text, size_t size)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);
	char path[64];
	bool good;

	CU_ASSERT_EQUAL_FATAL(write(fd, text, size), (ssize_t) size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	good = read_path(path);
	close(fd);
	return good;
}

static bool read_rules(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void forget(void)
{
	gs_suppress_free(&list);
	gs_owner_forget();
	memset(&list, 0, sizeof(list));
}

static void make_view(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const char *reason;

	unit_make_full(&record);
	if (with_stalls)
		synthetic_stalls(&record);
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	gs_view_add(&view, &snapshot);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

/* How many of the view's sites one rule covers. */
static uint64_t covered_by(const char *rule)
{
	uint64_t hits, covered = 0;

	make_view();
	CU_ASSERT_TRUE(read_rules(rule));
	gs_suppress_apply(&list, &view);
	CU_ASSERT_EQUAL_FATAL(view.suppression_count, 1);
	hits = view.suppressions[0].hits;
	for (size_t i = 0; i < view.site_count; i++)
		covered += view.sites[i].suppressed_by != NULL;
	CU_ASSERT_EQUAL(hits, covered);
	gs_view_free(&view);
	forget();
	return hits;
}

static void test_every_key_matches_and_not(void)
{
	CU_ASSERT_EQUAL(covered_by("rule:GIL001 # x"), 2);
	CU_ASSERT_EQUAL(covered_by("rule:GIL003 # x"), 0);
	CU_ASSERT_EQUAL(covered_by("call:recv # x"), 2);
	CU_ASSERT_EQUAL(covered_by("call:rec # x"), 0);
	CU_ASSERT_EQUAL(covered_by("object:libwait.so.? # x"), 1);
	CU_ASSERT_EQUAL(covered_by("object:libwait.so # x"), 0);
	CU_ASSERT_EQUAL(covered_by("extension:_ext.* # x"), 2);
	CU_ASSERT_EQUAL(covered_by("extension:_ext # x"), 0);
	/* As shown, and in full. */
	CU_ASSERT_EQUAL(covered_by("extension:_ext.so # x"), 2);
	CU_ASSERT_EQUAL(covered_by("extension:_ext.cpython-311-*.so # x"), 2);
	CU_ASSERT_EQUAL(covered_by("extension:_ext.cpython-312-*.so # x"), 0);
	CU_ASSERT_EQUAL(covered_by("object:_ext.so # x"), 1);
	CU_ASSERT_EQUAL(covered_by("object:_ext.cpython-311-x86_64-linux-gnu.so # x"), 1);
	CU_ASSERT_EQUAL(covered_by("object:_ext.abi3.so # x"), 0);
	CU_ASSERT_EQUAL(covered_by("python:*/app.py # x"), 3);
	CU_ASSERT_EQUAL(covered_by("python:app.py # x"), 0);
	CU_ASSERT_EQUAL(covered_by("function:f[a-f]tch # x"), 3);
	CU_ASSERT_EQUAL(covered_by("function:Fetch # x"), 0);
}

static void test_places_that_compute(void)
{
	with_stalls = true;
	CU_ASSERT_EQUAL(covered_by("rule:GIL003 # x"), 1);
	CU_ASSERT_EQUAL(covered_by("rule:GIL003 python:*/app.py function:crunch # x"), 1);
	CU_ASSERT_EQUAL(covered_by("python:*/app.py # x"), 4);
	CU_ASSERT_EQUAL(covered_by("function:fetch # x"), 3);
	CU_ASSERT_EQUAL(covered_by("call:* # they make none"), 3);
	CU_ASSERT_EQUAL(covered_by("rule:GIL004 # never a failure"), 0);
	make_view();
	CU_ASSERT_TRUE(read_rules("rule:GIL003 # x"));
	gs_suppress_apply(&list, &view);
	CU_ASSERT_PTR_NOT_NULL(view.sites[4].suppressed_by);
	CU_ASSERT_EQUAL(list.rules[0].sites, 1);
	CU_ASSERT_EQUAL(list.rules[0].calls, 0);
	gs_view_free(&view);
	forget();
	with_stalls = false;
}

static void test_what_is_not_known_matches_nothing(void)
{
	CU_ASSERT_EQUAL(covered_by("symbol:* # x"), 0);
	CU_ASSERT_EQUAL(covered_by("distribution:no-such # x"), 0);
}

static void test_all_pairs_must_match(void)
{
	CU_ASSERT_EQUAL(covered_by("call:recv extension:_ext.* # x"), 1);
	CU_ASSERT_EQUAL(covered_by("call:recv extension:_other.* # x"), 0);
}

static void test_sites_that_break_no_rule_are_left_alone(void)
{
	CU_ASSERT_EQUAL(covered_by("call:* # startup is no finding"), 3);
}

static void test_the_first_rule_is_named_and_all_have_hits(void)
{
	make_view();
	CU_ASSERT_TRUE(read_rules("# head\n\ncall:recv # one\r\ncall:* # two\n"));
	gs_suppress_apply(&list, &view);
	CU_ASSERT_EQUAL(view.suppressions[0].hits, 2);
	CU_ASSERT_EQUAL(view.suppressions[1].hits, 3);
	CU_ASSERT_EQUAL(list.rules[0].sites, 2);
	CU_ASSERT_EQUAL(list.rules[0].calls, 41);
	CU_ASSERT_EQUAL(list.rules[1].sites, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(view.sites[0].suppressed_by, ":3"));
	CU_ASSERT_PTR_NOT_NULL(strstr(view.sites[1].suppressed_by, ":4"));
	CU_ASSERT_STRING_EQUAL(list.rules[0].use.reason, "one");
	CU_ASSERT_STRING_EQUAL(list.rules[0].use.rule, "call:recv # one");
	CU_ASSERT_EQUAL(gs_suppress_complain(&list), 0);
	gs_view_free(&view);
	forget();
}

static void test_a_rule_ends_after_its_last_day(void)
{
	CU_ASSERT_EQUAL(covered_by("call:recv until:2026-01-15 # today"), 2);
	CU_ASSERT_EQUAL(covered_by("call:recv until:2026-01-16 # tomorrow"), 2);
	CU_ASSERT_EQUAL(covered_by("call:recv until:2026-01-14 # yesterday"), 0);
	CU_ASSERT_EQUAL(covered_by("call:recv until:2024-02-29 # a leap day"), 0);
}

static void test_lines_that_are_no_rules(void)
{
	static const char *const bad[] = {"call:a", "call:a #", "call:a #  # ", "# ok\nb # x",
		"a:b # x", ":b # x", "call: # x", "call:a call:b # x", "until:2026-01-01 # x",
		"call:a until: # x", "call:a until:2026-13-01 # x", "call:a until:2026-00-01 # x",
		"call:a until:2025-02-29 # x", "call:a until:2026-04-31 # x",
		"call:a until:0000-01-01 # x", "call:a until:2026-1-1 # x",
		"call:a until:2026-01-01 until:2026-01-01 # x", "call:a until:2026-01-010 # x"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_FALSE(read_rules(bad[i]));
		CU_ASSERT_EQUAL(list.count, 0);
		forget();
	}
}

static void test_a_bad_line_does_not_hide_the_others(void)
{
	CU_ASSERT_FALSE(read_rules("call:a # x\nnonsense\ncall:b # y"));
	CU_ASSERT_EQUAL(list.count, 2);
	forget();
}

static void test_hostile_bytes(void)
{
	static const char seed[] = "call:recv until:2026-01-15 function:f* # why\n# c\n\n";
	char text[sizeof(seed)];

	CU_ASSERT_FALSE(read_bytes("call:a\0b # x\n", 13));
	CU_ASSERT_FALSE(read_bytes("\0", 1));
	forget();
	CU_ASSERT_TRUE(read_rules("call:\xff* # \xfe\n"));
	CU_ASSERT_STRING_EQUAL(list.rules[0].use.reason, "\xef\xbf\xbd");
	forget();
	make_view();
	srandom(4711);
	for (unsigned round = 0; round < 2000; round++) {
		size_t size = (size_t) random() % sizeof(seed);

		memcpy(text, seed, sizeof(seed));
		for (unsigned i = 0; i < 3; i++)
			text[(size_t) random() % sizeof(seed)] = (char) random();
		read_bytes(text, size);
		if (round % 100 == 0) {
			gs_suppress_apply(&list, &view);
			forget();
		}
	}
	gs_view_free(&view);
	forget();
}

static void test_a_file_that_is_none(void)
{
	CU_ASSERT_TRUE(read_rules(""));
	CU_ASSERT_EQUAL(list.count, 0);
	CU_ASSERT_FALSE(read_path("/proc/self/nowhere"));
	CU_ASSERT_FALSE(read_path("/proc/self"));
	forget();
}

static void test_builtin_rules_name_calls_of_the_table(void)
{
	gs_suppress_builtin(&list);
	CU_ASSERT_TRUE(list.count > 20);
	for (size_t i = 0; i < list.count; i++) {
		const char *call = list.rules[i].glob[GS_SUPPRESS_CALL];
		bool found = false;

		CU_ASSERT_PTR_NOT_NULL_FATAL(call);
		for (unsigned j = 0; j < GS_CALLS; j++)
			found |= strcmp(gs_call_info[j].name, call) == 0;
		CU_ASSERT_TRUE(found);
		CU_ASSERT_TRUE(list.rules[i].builtin);
		CU_ASSERT_EQUAL(strncmp(list.rules[i].use.origin, "builtin:", 8), 0);
		CU_ASSERT_PTR_NOT_NULL(strchr(list.rules[i].use.reason, ':'));
	}
	forget();
}

static void test_builtin_rules_cover_cpython_only(void)
{
	make_view();
	gs_suppress_builtin(&list);
	/* As if one of them meant recv: the extension's is not covered. */
	list.rules[0].glob[GS_SUPPRESS_CALL] = "recv";
	gs_suppress_apply(&list, &view);
	for (size_t i = 0; i < view.site_count; i++) {
		const struct gs_view_site *site = &view.sites[i];

		CU_ASSERT_EQUAL(
			site->suppressed_by != NULL, site->key.origin == GS_ORIGIN_INTERPRETER);
	}
	CU_ASSERT_EQUAL(view.suppression_count, 1);
	CU_ASSERT_EQUAL(gs_suppress_complain(&list), 0);
	gs_view_free(&view);
	forget();
}

CU_TestInfo gs_tests_suppress[] = {
	{"every key matches, and not", test_every_key_matches_and_not},
	{"places that compute", test_places_that_compute},
	{"what is not known matches nothing", test_what_is_not_known_matches_nothing},
	{"all pairs must match", test_all_pairs_must_match},
	{"sites that break no rule are left alone", test_sites_that_break_no_rule_are_left_alone},
	{"the first rule is named, all have hits", test_the_first_rule_is_named_and_all_have_hits},
	{"a rule ends after its last day", test_a_rule_ends_after_its_last_day},
	{"lines that are no rules", test_lines_that_are_no_rules},
	{"a bad line does not hide the others", test_a_bad_line_does_not_hide_the_others},
	{"hostile bytes", test_hostile_bytes},
	{"a file that is none", test_a_file_that_is_none},
	{"built-in rules name calls of the table", test_builtin_rules_name_calls_of_the_table},
	{"built-in rules cover CPython only", test_builtin_rules_cover_cpython_only},
	CU_TEST_INFO_NULL,
};
