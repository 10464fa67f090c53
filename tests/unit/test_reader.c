#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "out.h"
#include "unit.h"

static const char *reason_for(const char *path)
{
	struct gs_snapshot snapshot;
	const char *reason;

	if (!gs_snapshot_read(path, &snapshot, &reason))
		return reason;
	gs_snapshot_free(&snapshot);
	return NULL;
}

static void expect_reason(const char *path, const char *begins)
{
	const char *reason = reason_for(path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reason);
	CU_ASSERT_EQUAL(strncmp(reason, begins, strlen(begins)), 0);
}

static void test_a_copy_holds_what_is_used(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const struct gs_site *site;
	const char *reason;

	unit_make_full(&record);
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	CU_ASSERT_PTR_NULL(reason);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_SITES), 4);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_THREADS), 2);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_MODULES), 3);
	CU_ASSERT_PTR_NULL(gs_record_check(snapshot.header, snapshot.header->file_size));
	CU_ASSERT(snapshot.header->file_size < record.header->file_size / 10);
	site = gs_snapshot_entry(&snapshot, GS_SECTION_SITES, 0);
	CU_ASSERT_EQUAL(site->calls, 40);
	CU_ASSERT_STRING_EQUAL(gs_snapshot_text(&snapshot, site->call_name), "recv");
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

/* A writer's table is hashed: the copy has the sites without the slots between. */
static void test_sites_may_lie_anywhere(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	struct gs_thread_entry *thread;
	struct gs_site *from, *to;
	const struct gs_pyline *line;
	const char *reason;

	unit_make_full(&record);
	from = synthetic_entry(&record, GS_SECTION_SITES, 0);
	to = synthetic_entry(&record, GS_SECTION_SITES, GS_MAX_SITES - 1);
	memcpy(to, from, sizeof(*to));
	memset(from, 0, sizeof(*from));
	*(struct gs_pyline *) synthetic_entry(&record, GS_SECTION_PYTHON, GS_MAX_SITES - 1) =
		(struct gs_pyline){.line = 4321};
	thread = synthetic_entry(&record, GS_SECTION_THREADS, 0);
	thread->site = GS_MAX_SITES - 1;
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	CU_ASSERT_EQUAL_FATAL(gs_snapshot_count(&snapshot, GS_SECTION_SITES), 4);
	to = gs_snapshot_entry(&snapshot, GS_SECTION_SITES, 3);
	CU_ASSERT_EQUAL(to->calls, 40);
	line = gs_snapshot_entry(&snapshot, GS_SECTION_PYTHON, 3);
	CU_ASSERT_EQUAL(line->line, 4321);
	thread = gs_snapshot_entry(&snapshot, GS_SECTION_THREADS, 0);
	CU_ASSERT_EQUAL(thread->site, 3);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

static void test_a_site_without_a_call_is_none(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	struct gs_site *site;
	const char *reason;

	unit_make_full(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 1);
	site->calls = 0; /* all of them turned out to be harmless */
	record.header->harmless += 7;
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_SITES), 3);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

static void test_a_writer_cannot_change_the_copy(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const struct gs_site *site;
	const char *reason;

	unit_make_full(&record);
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	memset(record.header, 0xff, record.header->file_size);
	site = gs_snapshot_entry(&snapshot, GS_SECTION_SITES, 0);
	CU_ASSERT_EQUAL(site->module, 0);
	CU_ASSERT_STRING_EQUAL(gs_snapshot_text(&snapshot, site->python.function), "fetch");
	gs_snapshot_free(&snapshot);
	munmap(record.header, snapshot.file.st_size);
	close(record.fd);
}

static void test_texts_that_are_not_known(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const char *reason;

	synthetic_make(&record, 16);
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	CU_ASSERT_PTR_NULL(gs_snapshot_text(&snapshot, GS_NONE));
	CU_ASSERT_PTR_NULL(gs_snapshot_text(&snapshot, GS_STRINGS_SIZE - 1));
	CU_ASSERT_PTR_NULL(gs_snapshot_text(&snapshot, GS_STRINGS_SIZE + 100));
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

static void test_what_is_no_file_is_said(void)
{
	char path[] = "/tmp/gilshim-unit-XXXXXX";
	char fifo[sizeof(path) + 8];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
	expect_reason("/nonexistent/x.gilshim", strerror(ENOENT));
	expect_reason(path, "not a regular file");
	expect_reason("/dev/zero", "not a regular file");
	strcat(strcpy(fifo, path), "/fifo");
	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	expect_reason(fifo, "not a regular file"); /* and does not wait for a writer */
	unlink(fifo);
	rmdir(path);
}

static void test_empty_and_short_files(void)
{
	struct synthetic record;
	off_t size;

	unit_make_full(&record);
	size = (off_t) record.header->file_size;
	for (off_t length = size - 1; length > 0; length = length * 9 / 10) {
		CU_ASSERT_EQUAL_FATAL(ftruncate(record.fd, length), 0);
		expect_reason(record.path, length < 20 ? "too short" : "truncated");
	}
	CU_ASSERT_EQUAL_FATAL(ftruncate(record.fd, 0), 0);
	expect_reason(record.path, "empty");
	CU_ASSERT_EQUAL_FATAL(ftruncate(record.fd, size), 0); /* all zeros now: a torn file */
	expect_reason(record.path, "not a gilshim record");
	CU_ASSERT_EQUAL_FATAL(ftruncate(record.fd, (off_t) 1 << 40), 0);
	expect_reason(record.path, "larger than any record");
	munmap(record.header, (size_t) size);
	close(record.fd);
}

/* Each spoils one index in a good record. */
static void spoil_call(struct gs_site *site)
{
	site->call = GS_MAX_CALLS;
}
static void spoil_class(struct gs_site *site)
{
	site->class = GS_CLASSES;
}
static void spoil_origin(struct gs_site *site)
{
	site->origin = GS_ORIGINS;
}
static void spoil_native(struct gs_site *site)
{
	site->depth_native = 17;
}
static void spoil_python(struct gs_site *site)
{
	site->depth_python = 255;
}
static void spoil_module(struct gs_site *site)
{
	site->module = 3;
}
static void spoil_extension(struct gs_site *site)
{
	site->extension = GS_NONE - 1;
}
static void spoil_kind(struct gs_site *site)
{
	site->kind = GS_KINDS;
}
static void spoil_victim(struct gs_site *site)
{
	site->victims[GS_VICTIMS - 1] = 1; /* there is no waiter at all */
}

static void test_every_index_of_a_site_is_checked(void)
{
	static void (*const spoil[])(struct gs_site *) = {spoil_call, spoil_class, spoil_origin,
		spoil_native, spoil_python, spoil_module, spoil_extension, spoil_kind,
		spoil_victim};

	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		struct synthetic record;
		struct gs_site *site;

		unit_make_full(&record);
		site = synthetic_entry(&record, GS_SECTION_SITES, 3);
		CU_ASSERT_PTR_NULL(reason_for(record.path));
		spoil[i](site);
		expect_reason(record.path, "damaged: ");
		site->key = 1; /* being filled: nobody looks at it */
		CU_ASSERT_PTR_NULL(reason_for(record.path));
		synthetic_free(&record);
	}
}

/* What means something in a place that computes; the rest may be anything, and is. */
static void test_every_index_of_a_place_that_computes_is_checked(void)
{
	struct synthetic record;
	struct gs_site *site;

	unit_make_stalls(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 4);
	CU_ASSERT_PTR_NULL(reason_for(record.path));
	site->waiter = 4;
	expect_reason(record.path, "damaged: a site of a thread that there is not");
	site->waiter = 3;
	site->victims[0] = 4;
	expect_reason(record.path, "damaged: a site that stalled a thread that there is not");
	site->victims[0] = 0;
	site->depth_python = 17;
	expect_reason(record.path, "damaged: a stack deeper than there is room for");
	site->depth_python = 1;
	site->extension = 3;
	CU_ASSERT_PTR_NULL(reason_for(record.path));
	site->depth_native = 1;
	expect_reason(record.path, "damaged: a site in a module that there is not");
	site->extension = 2;
	site->origin = GS_ORIGINS;
	expect_reason(record.path, "damaged: a site of no known class, origin or kind");
	synthetic_free(&record);
}

static void test_other_impossible_entries(void)
{
	struct synthetic record;
	struct gs_module *module;

	unit_make_full(&record);
	record.header->ended = GS_ENDEDS;
	expect_reason(record.path, "damaged: no such way to end");
	record.header->ended = GS_ENDED_EXIT;
	module = synthetic_entry(&record, GS_SECTION_MODULES, 2);
	module->build_id_size = 33;
	expect_reason(record.path, "damaged: an impossible build-id");
	synthetic_free(&record);
}

static void test_counts_beyond_the_capacity_are_the_capacity(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const char *reason;

	unit_make_full(&record);
	record.header->sites = UINT32_MAX;
	record.header->threads = UINT32_MAX;
	record.header->modules = UINT32_MAX;
	record.header->strings = UINT64_MAX;
	record.header->interpreters = UINT32_MAX;
	record.header->waiters = UINT32_MAX;
	record.header->delays = UINT32_MAX;
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_SITES), 4);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_THREADS), GS_MAX_THREADS + 1);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_MODULES), GS_MAX_MODULES);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_GILS), GS_WORLD + 1);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_WAITERS), GS_MAX_WAITERS);
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_DELAYS), GS_MAX_CALLS);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

/* ---- sums ---- */

static uint64_t held_of(const struct gs_snapshot *snapshot, uint32_t call)
{
	const struct gs_function *function =
		gs_snapshot_entry(snapshot, GS_SECTION_FUNCTIONS, call);

	return function->held;
}

static void check_sums(const struct gs_snapshot *snapshot)
{
	const struct gs_record_header *header = snapshot->header;
	uint64_t held = 0, listed = header->harmless + header->lost.sites;

	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS); i++)
		held += held_of(snapshot, i);
	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_SITES); i++) {
		const struct gs_site *site = gs_snapshot_entry(snapshot, GS_SECTION_SITES, i);

		if (site->kind == GS_KIND_CALL)
			listed += site->calls;
	}
	CU_ASSERT_EQUAL(held, listed);
}

/* A process killed between two additions leaves one book ahead of the other. */
static void test_the_sums_of_a_killed_process_hold(void)
{
	for (int ahead = 0; ahead < 4; ahead++) {
		struct synthetic record;
		struct gs_snapshot snapshot;
		struct gs_function *function;
		struct gs_site *site;
		const char *reason;

		unit_make_full(&record);
		record.header->ended = GS_ENDED_ALIVE;
		function = synthetic_entry(&record, GS_SECTION_FUNCTIONS, 0);
		site = synthetic_entry(&record, GS_SECTION_SITES, 0);
		if (ahead == 0)
			function->held++;
		else if (ahead == 1)
			site->calls++;
		else if (ahead == 2)
			record.header->harmless++;
		else
			record.header->lost.sites++;
		CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
		check_sums(&snapshot);
		CU_ASSERT_EQUAL(held_of(&snapshot, 0), ahead < 2 ? 42 : 41);
		CU_ASSERT_EQUAL(held_of(&snapshot, 2), 5);
		gs_snapshot_free(&snapshot);
		synthetic_free(&record);
	}
}

/* Of a process killed while it moved the count of a thread to the totals. */
static void test_a_count_on_its_way_is_counted_once(void)
{
	/* what is on its way, the total, what is left: not arrived; arrived; nothing; another
	 * thread's; no such cell */
	static const uint64_t cases[][3] = {{1, 100, 1000}, {1, 1100, 0}, {0, 1100, 1000},
		{GS_MAX_CALLS + 1, 1100, 1000}, {UINT64_MAX, 1100, 1000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct synthetic record;
		struct gs_snapshot snapshot;
		const uint64_t *counts;
		const char *reason;

		unit_make_full(&record);
		record.header->ended = GS_ENDED_ALIVE;
		record.header->moving = cases[i][0];
		record.header->moving_to = 1100;
		synthetic_function(&record, 0, "recv")->retired[1] = cases[i][1];
		CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
		counts = gs_snapshot_entry(&snapshot, GS_SECTION_COUNTS, 0);
		CU_ASSERT_EQUAL(counts[0], cases[i][2]);
		gs_snapshot_free(&snapshot);
		synthetic_free(&record);
	}
}

static void test_stretches_are_no_calls(void)
{
	struct synthetic record;
	struct gs_snapshot snapshot;
	const char *reason;

	unit_make_stalls(&record);
	record.header->ended = GS_ENDED_ALIVE;
	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
	CU_ASSERT_EQUAL(gs_snapshot_count(&snapshot, GS_SECTION_SITES), 5);
	check_sums(&snapshot);
	CU_ASSERT_EQUAL(held_of(&snapshot, 0), 41);
	CU_ASSERT_EQUAL(snapshot.header->harmless, 5);
	CU_ASSERT_EQUAL(snapshot.header->lost.sites, 0);
	gs_snapshot_free(&snapshot);
	synthetic_free(&record);
}

/* An error of the writer's must not be hidden: with one thread any difference is one, with two
 * threads more than two are. */
static void test_the_sums_of_a_process_that_ended_are_left_alone(void)
{
	static const struct {
		uint32_t threads, ahead;
		bool mended;
	} cases[] = {{1, 1, false}, {2, 2, true}, {2, 3, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct synthetic record;
		struct gs_snapshot snapshot;
		struct gs_function *function;
		const char *reason;

		unit_make_full(&record);
		record.header->threads = cases[i].threads;
		function = synthetic_entry(&record, GS_SECTION_FUNCTIONS, 0);
		function->held += cases[i].ahead;
		CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record.path, &snapshot, &reason));
		CU_ASSERT_EQUAL(held_of(&snapshot, 0), 41 + cases[i].ahead);
		CU_ASSERT_EQUAL(
			snapshot.header->harmless, 5 + (cases[i].mended ? cases[i].ahead : 0));
		gs_snapshot_free(&snapshot);
		synthetic_free(&record);
	}
}

/* ---- hostile records ---- */

/* Reads and reports the record, whatever it is: it must be an error or a report, not a crash. */
static void survive(const struct synthetic *record)
{
	struct gs_snapshot snapshot;
	struct gs_view view;
	const char *reason;

	if (!gs_snapshot_read(record->path, &snapshot, &reason)) {
		CU_ASSERT_PTR_NOT_NULL(reason);
		return;
	}
	memset(&view, 0, sizeof(view));
	gs_view_add(&view, &snapshot);
	gs_snapshot_free(&snapshot);
	free(synthetic_report(&view, gs_out_json));
	free(synthetic_report(&view, gs_out_text));
	gs_view_free(&view);
}

static void flip_all(struct synthetic *record, void *from, size_t size)
{
	static const unsigned char flips[] = {0x01, 0x80, 0xff};
	unsigned char *bytes = from;

	for (size_t i = 0; i < size; i++) {
		for (size_t flip = 0; flip < sizeof(flips); flip++) {
			bytes[i] ^= flips[flip];
			survive(record);
			bytes[i] ^= flips[flip];
		}
	}
}

static void test_any_byte_of_the_header_may_be_wrong(void)
{
	struct synthetic record;

	synthetic_make(&record, 4);
	synthetic_fill(&record);
	synthetic_stalls(&record);
	flip_all(&record, record.header, sizeof(*record.header));
	record.header->ended = GS_ENDED_ALIVE;
	flip_all(&record, record.header, sizeof(*record.header));
	CU_ASSERT_PTR_NULL(reason_for(record.path));
	synthetic_free(&record);
}

static void test_any_byte_of_an_entry_may_be_wrong(void)
{
	static const struct {
		unsigned section, index;
		size_t size;
	} entries[] = {
		{GS_SECTION_MODULES, 0, sizeof(struct gs_module)},
		{GS_SECTION_FUNCTIONS, 0, sizeof(struct gs_function)},
		{GS_SECTION_THREADS, 0, sizeof(struct gs_thread_entry)},
		{GS_SECTION_THREADS, 1, sizeof(struct gs_thread_entry)},
		{GS_SECTION_SITES, 0, sizeof(struct gs_site)},
		{GS_SECTION_SITES, 4, sizeof(struct gs_site)},
		{GS_SECTION_NATIVE, 0, 4 * sizeof(uint64_t)},
		{GS_SECTION_PYTHON, 0, 4 * sizeof(struct gs_pyline)},
		{GS_SECTION_GILS, 0, sizeof(struct gs_gil_entry)},
		{GS_SECTION_WAITERS, 0, sizeof(struct gs_waiter)},
		{GS_SECTION_DELAYS, 0, sizeof(struct gs_delay)},
	};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct synthetic record;
		struct gs_thread_entry *thread;

		synthetic_make(&record, 4);
		synthetic_fill(&record);
		synthetic_stalls(&record);
		record.header->ended = GS_ENDED_ALIVE;
		thread = synthetic_entry(&record, GS_SECTION_THREADS, 0);
		thread->site = 0;
		thread->begin_ns = record.header->start_ns + 1000;
		thread = synthetic_entry(&record, GS_SECTION_THREADS, 1);
		thread->waiting_ns = record.header->start_ns + 2000;
		flip_all(&record, synthetic_entry(&record, entries[i].section, entries[i].index),
			entries[i].size);
		synthetic_free(&record);
	}
}

/* Many bytes at once; the same ones in every run. */
static void test_noise_anywhere_is_survived(void)
{
	uint32_t seed = 12345;

	for (int round = 0; round < 300; round++) {
		struct synthetic record;

		synthetic_make(&record, 4);
		synthetic_fill(&record);
		if (round % 2)
			synthetic_stalls(&record);
		for (int i = 0; i < 1 + round % 40; i++) {
			unsigned section;
			unsigned char *bytes;

			seed = seed * 1664525 + 1013904223;
			section = (seed >> 8) % GS_SECTIONS;
			bytes = synthetic_entry(&record, section, 0);
			bytes[(seed >> 12) % 1024] = (unsigned char) (seed >> 24);
		}
		survive(&record);
		synthetic_free(&record);
	}
}

static void test_a_layout_that_overlaps_itself_is_survived(void)
{
	for (unsigned from = 0; from < GS_SECTIONS; from++) {
		for (unsigned to = 0; to < GS_SECTIONS; to++) {
			struct synthetic record;

			synthetic_make(&record, 4);
			synthetic_fill(&record);
			synthetic_stalls(&record);
			record.header->section[to].offset = record.header->section[from].offset;
			survive(&record);
			synthetic_free(&record);
		}
	}
}

CU_TestInfo gs_tests_reader[] = {
	{"a copy holds what is used", test_a_copy_holds_what_is_used},
	{"sites may lie anywhere", test_sites_may_lie_anywhere},
	{"a site without a call is none", test_a_site_without_a_call_is_none},
	{"a writer cannot change the copy", test_a_writer_cannot_change_the_copy},
	{"texts that are not known", test_texts_that_are_not_known},
	{"what is no file is said", test_what_is_no_file_is_said},
	{"empty and short files", test_empty_and_short_files},
	{"every index of a site is checked", test_every_index_of_a_site_is_checked},
	{"every index of a place that computes is checked",
		test_every_index_of_a_place_that_computes_is_checked},
	{"other impossible entries", test_other_impossible_entries},
	{"counts beyond the capacity are the capacity",
		test_counts_beyond_the_capacity_are_the_capacity},
	{"the sums of a killed process hold", test_the_sums_of_a_killed_process_hold},
	{"a count on its way is counted once", test_a_count_on_its_way_is_counted_once},
	{"stretches are no calls", test_stretches_are_no_calls},
	{"the sums of a process that ended are left alone",
		test_the_sums_of_a_process_that_ended_are_left_alone},
	{"any byte of the header may be wrong", test_any_byte_of_the_header_may_be_wrong},
	{"any byte of an entry may be wrong", test_any_byte_of_an_entry_may_be_wrong},
	{"noise anywhere is survived", test_noise_anywhere_is_survived},
	{"a layout that overlaps itself is survived",
		test_a_layout_that_overlaps_itself_is_survived},
	CU_TEST_INFO_NULL,
};
