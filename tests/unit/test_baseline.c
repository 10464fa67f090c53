#include "baseline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "line.h"
#include "out.h"
#include "shown.h"
#include "unit.h"

#define MS 1000000u
#define TOTALS "\"totals\":{\"held\":{\"calls\":3},\"released\":{\"calls\":4}}"

static struct gs_baseline baseline;

static bool read_bytes(enum gs_side side, const char *text, size_t size)
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	int said = dup(STDERR_FILENO);
	char path[64];
	bool good;

	CU_ASSERT_EQUAL_FATAL(write(fd, text, size), (ssize_t) size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fflush(stderr);
	CU_ASSERT_PTR_NOT_NULL_FATAL(freopen("/dev/null", "w", stderr));
	good = gs_baseline_read(&baseline, side, path);
	fflush(stderr);
	dup2(said, STDERR_FILENO);
	close(said);
	close(fd);
	return good;
}

static void forget(void)
{
	gs_baseline_free(&baseline);
	memset(&baseline, 0, sizeof(baseline));
}

static void make_view(struct gs_view *view)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const char *reason;

	memset(view, 0, sizeof(*view));
	unit_make_full(&record);
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	gs_view_add(view, &snapshot);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

static void test_a_report_is_what_its_records_are(void)
{
	struct gs_view view;
	char *text;

	make_view(&view);
	text = synthetic_report(&view, gs_out_json);
	CU_ASSERT_TRUE(read_bytes(GS_OLD, text, strlen(text)));
	gs_baseline_add(&baseline, GS_NEW, &view);
	CU_ASSERT_EQUAL(baseline.count, 3);
	CU_ASSERT_EQUAL(baseline.judged[GS_OLD], baseline.judged[GS_NEW]);
	for (size_t i = 0; i < baseline.count; i++) {
		const struct gs_compared *entry = &baseline.entries[i];

		CU_ASSERT_EQUAL(entry->side[GS_OLD].rule, entry->side[GS_NEW].rule);
		CU_ASSERT_EQUAL(entry->side[GS_OLD].calls, entry->side[GS_NEW].calls);
		CU_ASSERT_EQUAL(entry->side[GS_OLD].blocked_ns, entry->side[GS_NEW].blocked_ns);
		CU_ASSERT_EQUAL(gs_baseline_change(entry, MS), GS_CHANGE_NONE);
	}
	CU_ASSERT_EQUAL(gs_baseline_find(&baseline, &view, &view.sites[0])->side[GS_OLD].calls, 40);
	free(text);
	gs_view_free(&view);
	forget();
}

/* The place of the synthetic record, in a report or from records, `times` as long and moved. */
static const struct gs_compared *add_stalls(
	enum gs_side side, bool as_report, unsigned times, struct gs_view *view)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	struct gs_site *site;
	const char *reason;

	memset(view, 0, sizeof(*view));
	unit_make_stalls(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 4);
	site->elapsed_ns *= times;
	site->python.line += times;
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	gs_view_add(view, &snapshot);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
	if (as_report) {
		char *text = synthetic_report(view, gs_out_json);

		CU_ASSERT_TRUE(read_bytes(side, text, strlen(text)));
		free(text);
	} else {
		gs_baseline_add(&baseline, side, view);
	}
	return gs_baseline_find(&baseline, view, &view->sites[4]);
}

static void test_places_that_compute(void)
{
	for (int as_report = 0; as_report < 2; as_report++) {
		static const struct {
			unsigned times;
			enum gs_change change;
		} cases[] = {{1, GS_CHANGE_NONE}, {2, GS_CHANGE_NONE}, {3, GS_CHANGE_WORSE}};

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct gs_view old, new;
			const struct gs_compared *entry;

			add_stalls(GS_OLD, as_report, 1, &old);
			entry = add_stalls(GS_NEW, as_report, cases[i].times, &new);
			CU_ASSERT_EQUAL(baseline.count, 4);
			CU_ASSERT_STRING_EQUAL(entry->key.function, "crunch");
			CU_ASSERT_EQUAL(entry->side[GS_OLD].rule, GS_RULE_HELD_COMPUTE);
			CU_ASSERT_EQUAL(entry->side[GS_OLD].calls, 4);
			CU_ASSERT_EQUAL(entry->side[GS_OLD].blocked_ns, 1200000000);
			CU_ASSERT_EQUAL(entry->side[GS_OLD].worst_ns, 400000000);
			CU_ASSERT_EQUAL(gs_baseline_change(entry, MS), cases[i].change);
			gs_view_free(&old);
			gs_view_free(&new);
			forget();
		}
	}
}

static void test_a_place_that_computes_is_new_or_gone(void)
{
	for (int side = 0; side < GS_SIDES; side++) {
		struct gs_view view, other;
		const struct gs_compared *entry;

		make_view(&other);
		gs_baseline_add(&baseline, side == GS_OLD ? GS_NEW : GS_OLD, &other);
		entry = add_stalls((enum gs_side) side, false, 1, &view);
		CU_ASSERT_EQUAL(gs_baseline_change(entry, MS),
			side == GS_OLD ? GS_CHANGE_GONE : GS_CHANGE_NEW);
		gs_view_free(&view);
		gs_view_free(&other);
		forget();
	}
}

/* Reports of before there were any, and lists that are none. */
static void test_stalls_in_reports(void)
{
#define HEAD "{\"schema\":\"gilshim-report/1\"," TOTALS ",\"sites\":[],\"stalls\":"
	static const struct {
		const char *stalls;
		bool good;
		size_t count;
	} cases[] = {
		{"[]", true, 0},
		{"{}", false, 0},
		{"7", false, 0},
		{"[7]", false, 0},
		{"[{}]", true, 0}, /* while Python came up */
		{"[{\"rule\":7}]", false, 0},
		{"[{\"rule\":\"GIL004\",\"call\":\"recv\"}]", true, 0},
		{"[{\"rule\":\"GIL003\"}]", false, 0},
		{"[{\"rule\":\"GIL003\",\"origin\":\"extension\",\"calls\":1,\"elapsed_ns\":2,"
		 "\"worst_ns\":2,\"python\":[{\"file\":\"a.py\",\"function\":\"f\"}]}]",
			true, 1},
		{"[{\"rule\":\"GIL003\",\"origin\":\"extension\",\"calls\":1,\"elapsed_ns\":-2,"
		 "\"worst_ns\":2}]",
			false, 0},
		{"[{\"rule\":\"GIL003\",\"origin\":\"extension\",\"calls\":1,\"elapsed_ns\":2,"
		 "\"worst_ns\":2,\"python\":7}]",
			false, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text;

		CU_ASSERT_FATAL(asprintf(&text, HEAD "%s}", cases[i].stalls) >= 0);
		CU_ASSERT_EQUAL(read_bytes(GS_OLD, text, strlen(text)), cases[i].good);
		CU_ASSERT_EQUAL(baseline.count, cases[i].count);
		free(text);
		forget();
	}
#undef HEAD
}

static void test_suppressed_sites_are_not_compared_unless_told(void)
{
	struct gs_view view;
	char *text;

	make_view(&view);
	view.sites[0].suppressed_by = "rules:1";
	text = synthetic_report(&view, gs_out_json);
	CU_ASSERT_TRUE(read_bytes(GS_OLD, text, strlen(text)));
	gs_baseline_add(&baseline, GS_NEW, &view);
	CU_ASSERT_EQUAL(baseline.count, 2);
	forget();
	baseline.with_suppressed = true;
	CU_ASSERT_TRUE(read_bytes(GS_OLD, text, strlen(text)));
	gs_baseline_add(&baseline, GS_NEW, &view);
	CU_ASSERT_EQUAL(baseline.count, 3);
	free(text);
	gs_view_free(&view);
	forget();
}

static enum gs_change change(enum gs_rule was, uint64_t calls, uint64_t ns, enum gs_rule is,
	uint64_t calls_now, uint64_t ns_now)
{
	struct gs_compared entry = {
		.side = {{.rule = was, .calls = calls, .blocked_ns = ns},
			{.rule = is, .calls = calls_now, .blocked_ns = ns_now}}};

	/* All calls alike. */
	for (int side = 0; side < GS_SIDES; side++)
		entry.side[side].worst_ns = entry.side[side].calls ? entry.side[side].blocked_ns /
									     entry.side[side].calls
								   : 0;

	return gs_baseline_change(&entry, MS);
}

static void test_changes(void)
{
	const enum gs_rule blocked = GS_RULE_HELD_BLOCKED, could = GS_RULE_HELD_COULD_BLOCK;

	CU_ASSERT_EQUAL(change(0, 0, 0, blocked, 1, MS), GS_CHANGE_NEW);
	CU_ASSERT_EQUAL(change(0, 0, 0, could, 1, 0), GS_CHANGE_NEW);
	CU_ASSERT_EQUAL(change(0, 0, 0, 0, 1, 0), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(change(blocked, 1, MS, 0, 0, 0), GS_CHANGE_GONE);
	CU_ASSERT_EQUAL(change(0, 1, 0, could, 1, 0), GS_CHANGE_WORSE);
	/* A moment may be of any run; a rule that only time breaks asks for more. */
	CU_ASSERT_EQUAL(change(could, 1, 0, blocked, 1, MS - 1), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(change(could, 1, 0, blocked, 1, MS), GS_CHANGE_WORSE);
	CU_ASSERT_EQUAL(change(0, 1, 0, blocked, 1, MS - 1), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(change(0, 1, 0, blocked, 1, MS), GS_CHANGE_WORSE);
	CU_ASSERT_EQUAL(change(blocked, 1, MS - 1, 0, 1, 0), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(change(blocked, 1, MS, could, 1, 0), GS_CHANGE_BETTER);
	CU_ASSERT_EQUAL(change(could, 1, 0, 0, 1, 0), GS_CHANGE_BETTER);
	/* a call, not in all */
	CU_ASSERT_EQUAL(change(blocked, 1, 5 * MS, blocked, 9, 45 * MS), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(change(blocked, 1, 5 * MS, blocked, 1, 10 * MS), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(change(blocked, 1, 5 * MS, blocked, 1, 10 * MS + 1), GS_CHANGE_WORSE);
	CU_ASSERT_EQUAL(change(blocked, 1, 10 * MS + 1, blocked, 1, 5 * MS), GS_CHANGE_BETTER);
	/* four times as long, and still too little to matter */
	CU_ASSERT_EQUAL(change(blocked, 1, MS / 4, blocked, 1, MS), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(change(blocked, 1, MS / 4, blocked, 1, MS + MS / 4), GS_CHANGE_WORSE);
	CU_ASSERT_EQUAL(change(blocked, 1, 0, blocked, UINT64_MAX, UINT64_MAX), GS_CHANGE_NONE);
}

/* A disk's site that can wait for others now, however short its waits are. */
static void test_a_site_that_waits_now_is_worse(void)
{
	struct gs_compared entry = {.side = {{.calls = 9}, {.rule = GS_RULE_HELD_BLOCKED,
								   .waits = true,
								   .calls = 9,
								   .blocked_ns = 5,
								   .worst_ns = 5}}};

	CU_ASSERT_EQUAL(gs_baseline_change(&entry, MS), GS_CHANGE_WORSE);
	entry.side[GS_NEW].waits = false;
	CU_ASSERT_EQUAL(gs_baseline_change(&entry, MS), GS_CHANGE_NONE);
	entry.side[GS_NEW].waits = true;
	entry.side[GS_OLD].rule = GS_RULE_HELD_COULD_BLOCK;
	CU_ASSERT_EQUAL(gs_baseline_change(&entry, MS), GS_CHANGE_NONE);
	/* One of nine. */
	entry.side[GS_NEW].blocked_ns = entry.side[GS_NEW].worst_ns = MS;
	CU_ASSERT_EQUAL(gs_baseline_change(&entry, MS), GS_CHANGE_WORSE);
}

static enum gs_change worst(uint64_t before, uint64_t after, uint64_t min_ns)
{
	const struct gs_compared entry = {.side = {{.rule = GS_RULE_HELD_BLOCKED,
							   .calls = 10000,
							   .blocked_ns = 5000 * (uint64_t) MS,
							   .worst_ns = before},
						  {.rule = GS_RULE_HELD_BLOCKED,
							  .calls = 10000,
							  .blocked_ns = 5000 * (uint64_t) MS,
							  .worst_ns = after}}};

	return gs_baseline_change(&entry, min_ns);
}

static void test_one_call_among_many(void)
{
	CU_ASSERT_EQUAL(worst(3 * MS, 4000 * (uint64_t) MS, MS), GS_CHANGE_WORSE);
	CU_ASSERT_EQUAL(worst(4000 * (uint64_t) MS, 3 * MS, MS), GS_CHANGE_BETTER);
	/* what a busy machine does */
	CU_ASSERT_EQUAL(worst(3 * MS, 20 * MS, MS), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(worst(3 * MS, 103 * MS - 1, MS), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(worst(3 * MS, 103 * MS, MS), GS_CHANGE_WORSE);
	CU_ASSERT_EQUAL(worst(200 * MS, 400 * MS, MS), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(worst(200 * MS, 400 * MS + 1, MS), GS_CHANGE_WORSE);
	CU_ASSERT_EQUAL(worst(3 * MS, 503 * MS - 1, 500 * MS), GS_CHANGE_NONE);
	CU_ASSERT_EQUAL(worst(3 * MS, 503 * MS, 500 * MS), GS_CHANGE_WORSE);
}

#define SITE                                                                                   \
	"{\"rule\":\"GIL001\",\"call\":\"recv\",\"origin\":\"extension\",\"calls\":2,"         \
	"\"blocked_ns\":7,\"worst_ns\":5,\"stalled_ns\":3,\"extension\":{\"object\":\"e.so\"," \
	"\"symbol\":\"s\"},"                                                                   \
	"\"python\":[{\"file\":\"a.py\",\"line\":1,\"function\":\"f\"}]}"
#define REPORT "{\"schema\":\"gilshim-report/1\"," TOTALS ",\"sites\":[" SITE "," SITE "]}"

static void test_sites_of_one_key_are_taken_together(void)
{
	CU_ASSERT_TRUE(read_bytes(GS_OLD, REPORT, strlen(REPORT)));
	CU_ASSERT_EQUAL_FATAL(baseline.count, 1);
	CU_ASSERT_EQUAL(baseline.entries[0].side[GS_OLD].calls, 4);
	CU_ASSERT_EQUAL(baseline.entries[0].side[GS_OLD].blocked_ns, 14);
	CU_ASSERT_EQUAL(baseline.entries[0].side[GS_OLD].worst_ns, 5);
	CU_ASSERT_EQUAL(baseline.entries[0].side[GS_OLD].stalled_ns, 6);
	CU_ASSERT_EQUAL(baseline.judged[GS_OLD], 7);
	CU_ASSERT_STRING_EQUAL(baseline.entries[0].key.symbol, "s");
	forget();
}

#define OF(object)                                                              \
	"{\"schema\":\"gilshim-report/1\"," TOTALS                              \
	",\"sites\":[{\"rule\":\"GIL001\",\"call\":\"recv\","                   \
	"\"origin\":\"extension\",\"calls\":2,\"blocked_ns\":7,\"worst_ns\":5," \
	"\"extension\":{\"object\":\"" object "\"}}]}"

/* An extension is the same for another version of Python, and no other for that. */
static void test_objects_go_by_their_names_without_tags(void)
{
	static const struct {
		const char *report;
		size_t count;
	} cases[] = {
		{OF("_e.cpython-312-x86_64-linux-gnu.so"), 1},
		{OF("_e.abi3.so"), 1},
		{OF("_e.so"), 1},
		{OF("_e"), 2},
		{OF("_f.cpython-311-x86_64-linux-gnu.so"), 2},
		{OF("_e.cpython"), 2},
	};
	static const char old[] = OF("_e.cpython-311-x86_64-linux-gnu.so");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_TRUE(read_bytes(GS_OLD, old, strlen(old)));
		CU_ASSERT_TRUE(read_bytes(GS_NEW, cases[i].report, strlen(cases[i].report)));
		CU_ASSERT_EQUAL(baseline.count, cases[i].count);
		CU_ASSERT_STRING_EQUAL(baseline.entries[0].key.object, "_e.so");
		forget();
	}
}

/* The names are those of the report. */
static void test_names_are_as_shown(void)
{
	static const char *const names[] = {"_e.cpython-311-x86_64-linux-gnu.so", "_e.abi3.so",
		"libpq.so.5", ".cpython-311.so", ".abi3.so", "python3.11", "a.cpython-b.abi3.so"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct gs_summary_site site = {.call = "recv", .object = names[i]};
		const char *shown = gs_shown_object(&baseline.pool, names[i]);
		char chain[256], expected[256];
		struct gs_text text;

		gs_text_init(&text, chain, sizeof(chain));
		gs_line_chain(&text, &site);
		snprintf(expected, sizeof(expected), "recv < %s", shown);
		CU_ASSERT_EQUAL(strncmp(chain, expected, strlen(expected)), 0);
		CU_ASSERT(strchr("\n <", chain[strlen(expected)]) != NULL);
	}
	CU_ASSERT_PTR_NULL(gs_shown_object(&baseline.pool, NULL));
	forget();
}

static void test_every_truncation_is_trouble(void)
{
	for (size_t size = 0; size < strlen(REPORT); size++) {
		CU_ASSERT_FALSE(read_bytes(GS_OLD, REPORT, size));
		CU_ASSERT_EQUAL(baseline.count, 0);
	}
	forget();
}

/* Any value in the place of any other: it is read or refused, and never more. */
static void test_hostile_values(void)
{
	static const char *const values[] = {"1", "-1", "1e300", "null", "true", "[]", "{}", "\"\"",
		"[[]]", "[{\"file\":[]}]", "9223372036854775807", "\"\\u0001\"", "[null,1]"};

	for (const char *at = REPORT; (at = strchr(at, ':')) != NULL; at++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			size_t plain = strcspn(at + 1, ",}]");
			char *text;

			CU_ASSERT_FATAL(asprintf(&text, "%.*s%s%s", (int) (at + 1 - REPORT), REPORT,
						values[i], at + 1 + plain) >= 0);
			read_bytes(GS_NEW, text, strlen(text));
			free(text);
		}
	}
	forget();
}

static void test_hostile_bytes(void)
{
	char text[sizeof(REPORT)];

	srandom(4711);
	for (unsigned round = 0; round < 3000; round++) {
		memcpy(text, REPORT, sizeof(text));
		for (unsigned i = 0; i < 1 + round % 3; i++)
			text[(size_t) random() % (sizeof(text) - 1)] = (char) random();
		read_bytes(GS_NEW, text, sizeof(text) - 1);
	}
	forget();
}

CU_TestInfo gs_tests_baseline[] = {
	{"a report is what its records are", test_a_report_is_what_its_records_are},
	{"places that compute", test_places_that_compute},
	{"a place that computes is new, or gone", test_a_place_that_computes_is_new_or_gone},
	{"stalls in reports", test_stalls_in_reports},
	{"suppressed sites are not compared unless told",
		test_suppressed_sites_are_not_compared_unless_told},
	{"changes", test_changes},
	{"a site that waits now is worse", test_a_site_that_waits_now_is_worse},
	{"one call among many", test_one_call_among_many},
	{"sites of one key are taken together", test_sites_of_one_key_are_taken_together},
	{"objects go by their names without tags", test_objects_go_by_their_names_without_tags},
	{"names are as shown", test_names_are_as_shown},
	{"every truncation is trouble", test_every_truncation_is_trouble},
	{"hostile values", test_hostile_values},
	{"hostile bytes", test_hostile_bytes},
	CU_TEST_INFO_NULL,
};
