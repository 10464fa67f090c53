#include "view.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static struct gs_view view;

static const struct gs_view_function *function(const char *call)
{
	for (size_t i = 0; i < view.function_count; i++) {
		if (strcmp(view.functions[i].call, call) == 0)
			return &view.functions[i];
	}
	CU_FAIL_FATAL("no such function");
	return NULL;
}

static void test_counts_go_by_what_the_thread_ever_held(void)
{
	struct synthetic record;

	unit_make_full(&record);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.function_count, 3);
	CU_ASSERT_EQUAL(function("recv")->held, 41);
	CU_ASSERT_EQUAL(function("recv")->released, 1100);
	CU_ASSERT_EQUAL(function("recv")->none, 32);
	CU_ASSERT_EQUAL(function("recv")->unknown, 0);
	CU_ASSERT_EQUAL(function("getpid")->none, 4);
	gs_view_free(&view);

	record.header->unknown = 1;
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(function("recv")->unknown, 1132);
	CU_ASSERT_EQUAL(function("recv")->released, 0);
	CU_ASSERT_EQUAL(function("recv")->none, 0);
	gs_view_free(&view);
	synthetic_free(&record);
}

/* Calls of recv that no site has: one slept, longer than any of the sites. */
static void lose_calls(struct synthetic *record, uint64_t ns)
{
	struct gs_function *recv = synthetic_entry(record, GS_SECTION_FUNCTIONS, 0);

	recv->held += 3;
	recv->held_ns = ns;
	for (uint32_t i = 0; i < 4; i++) {
		const struct gs_site *site = synthetic_entry(record, GS_SECTION_SITES, i);

		if (site->call == 0)
			recv->held_ns += site->elapsed_ns;
	}
	record->header->lost.sites = 3;
}

static void test_what_calls_without_a_site_did(void)
{
	struct synthetic first, second;
	struct gs_function *recv;

	unit_make_full(&first);
	lose_calls(&first, 70000000);
	unit_add(&view, &first);
	/* Nothing that the sites do not explain. */
	CU_ASSERT_EQUAL(function("recv")->unlisted.slept, 0);
	CU_ASSERT_EQUAL(function("recv")->unlisted.at_most, 0);
	CU_ASSERT_EQUAL(function("recv")->unlisted.worst_ns, 0);
	gs_view_free(&view);

	recv = synthetic_entry(&first, GS_SECTION_FUNCTIONS, 0);
	recv->slept += 2;
	unit_add(&view, &first);
	CU_ASSERT_EQUAL(function("recv")->unlisted.slept, 2);
	CU_ASSERT_EQUAL(function("recv")->unlisted.at_most, 70000000);
	CU_ASSERT_EQUAL(function("recv")->unlisted.worst_ns, 0);
	CU_ASSERT_EQUAL(function("getpid")->unlisted.slept, 0);
	gs_view_free(&view);

	/* Another process: its sites explain nothing of the first's. */
	unit_make_full(&second);
	second.header->pid = 4712;
	((struct gs_site *) synthetic_entry(&second, GS_SECTION_SITES, 0))->worst_ns = 1u << 31;
	recv->worst_ns = 456000001;
	unit_add(&view, &second);
	unit_add(&view, &first);
	CU_ASSERT_EQUAL(function("recv")->unlisted.slept, 2);
	CU_ASSERT_EQUAL(function("recv")->unlisted.worst_ns, 456000001);
	gs_view_free(&view);

	/* Where no call was lost there is a site for each. */
	first.header->lost.sites = 0;
	first.header->harmless += 3;
	unit_add(&view, &first);
	CU_ASSERT_EQUAL(function("recv")->unlisted.slept, 0);
	CU_ASSERT_EQUAL(function("recv")->unlisted.worst_ns, 0);
	gs_view_free(&view);
	synthetic_free(&first);
	synthetic_free(&second);
}

/* The second process has loaded its objects elsewhere and numbers its tables otherwise. */
static void test_the_same_site_of_two_processes_is_one(void)
{
	struct synthetic first, second;
	struct gs_module *module;
	struct gs_site *site;

	unit_make_full(&first);
	unit_make_full(&second);
	second.header->pid = 4712;
	module = synthetic_entry(&second, GS_SECTION_MODULES, 0);
	module->base += 0x1000000;
	module->start += 0x1000000;
	module->end += 0x1000000;
	site = synthetic_entry(&second, GS_SECTION_SITES, 0);
	site->caller += 0x1000000;
	site->worst_ns *= 2;
	*(uint64_t *) synthetic_entry(&second, GS_SECTION_NATIVE, 0) += 0x1000000;
	unit_add(&view, &first);
	unit_add(&view, &second);
	CU_ASSERT_EQUAL(view.process_count, 2);
	CU_ASSERT_EQUAL(view.module_count, 3);
	CU_ASSERT_EQUAL_FATAL(view.site_count, 4);
	CU_ASSERT_EQUAL(view.sites[0].calls, 80);
	CU_ASSERT_EQUAL(view.sites[0].worst_ns, 912000000);
	CU_ASSERT_EQUAL(view.sites[0].blocked_ns, 2460000000);
	CU_ASSERT_EQUAL(view.sites[0].histogram[0], 80);
	CU_ASSERT_EQUAL(view.sites[0].pids.count, 2);
	CU_ASSERT_EQUAL(view.sites[0].depth_native, 2);
	CU_ASSERT_EQUAL(view.sites[0].native[0].address, 0x100 + 31);
	CU_ASSERT_EQUAL(function("recv")->held, 82);
	gs_view_free(&view);
	synthetic_free(&first);
	synthetic_free(&second);
}

/* Each of these makes another site. */
static void other_line(struct synthetic *record, struct gs_site *site)
{
	(void) record;
	site->python.line++;
}
static void other_function(struct synthetic *record, struct gs_site *site)
{
	site->python.function = synthetic_string(record, "other");
}
static void other_caller(struct synthetic *record, struct gs_site *site)
{
	(void) record;
	site->caller++;
}
static void other_origin(struct synthetic *record, struct gs_site *site)
{
	(void) record;
	site->origin = GS_ORIGIN_SHUTDOWN;
}
static void other_build(struct synthetic *record, struct gs_site *site)
{
	struct gs_module *module = synthetic_entry(record, GS_SECTION_MODULES, site->module);

	module->build_id[3]++;
}

static void test_sites_that_differ_stay_apart(void)
{
	static void (*const change[])(struct synthetic *, struct gs_site *) = {
		other_line, other_function, other_caller, other_origin, other_build};

	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		struct synthetic first, second;

		unit_make_full(&first);
		unit_make_full(&second);
		change[i](&second, synthetic_entry(&second, GS_SECTION_SITES, 0));
		unit_add(&view, &first);
		unit_add(&view, &second);
		CU_ASSERT_EQUAL(view.site_count, 5);
		CU_ASSERT_EQUAL(view.sites[0].calls, 40);
		gs_view_free(&view);
		synthetic_free(&first);
		synthetic_free(&second);
	}
}

/* Two slots that two threads claimed for the same site at the same time. */
static void test_twins_in_one_record_are_one_site(void)
{
	struct synthetic record;

	unit_make_full(&record);
	synthetic_site(&record, 1, 5, 1, 40);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL_FATAL(view.site_count, 4);
	CU_ASSERT_EQUAL(view.sites[1].calls, 12);
	CU_ASSERT_EQUAL(view.sites[1].pids.count, 1);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_a_half_filled_slot_is_no_site(void)
{
	struct synthetic record;
	struct gs_site *site;

	unit_make_full(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 1);
	site->key = 1;
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.site_count, 3);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_stacks_may_be_off(void)
{
	struct synthetic record;

	synthetic_make(&record, 0);
	synthetic_module(&record, "libwait.so.1", 0x10000);
	synthetic_function(&record, 0, "recv");
	synthetic_site(&record, 0, 1, 0, 10);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL_FATAL(view.site_count, 1);
	CU_ASSERT_EQUAL(view.sites[0].depth_native, 1);
	CU_ASSERT_EQUAL(view.sites[0].native[0].address, 0x100 + 10);
	CU_ASSERT_EQUAL(view.sites[0].depth_python, 1);
	CU_ASSERT_STRING_EQUAL(view.sites[0].python[0].function, "fetch");
	CU_ASSERT_STRING_EQUAL(gs_view_extension(&view, &view.sites[0]).object, "libwait.so.1");
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_a_caller_in_no_object(void)
{
	struct synthetic record;
	struct gs_site *site;

	unit_make_full(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 0);
	site->module = site->extension = site->extension_frame = GS_NONE;
	unit_add(&view, &record);
	CU_ASSERT_PTR_NULL(gs_view_innermost(&view, &view.sites[0]).object);
	CU_ASSERT_PTR_NULL(gs_view_extension(&view, &view.sites[0]).object);
	CU_ASSERT_EQUAL(view.sites[0].native[0].module, GS_NONE);
	gs_view_free(&view);
	synthetic_free(&record);
}

/* ---- how a process ended ---- */

static uint64_t ticks_of_self(void)
{
	unsigned long long ticks = 0;
	FILE *stat = fopen("/proc/self/stat", "re");

	CU_ASSERT_PTR_NOT_NULL_FATAL(stat);
	/* The name of the test program has no space. */
	CU_ASSERT_EQUAL(fscanf(stat,
				"%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				"%*s %*s %*s %*s %*s %*s %llu",
				&ticks),
		1);
	fclose(stat);
	return ticks;
}

static void test_words_for_ends(void)
{
	static const struct {
		uint32_t ended;
		const char *word;
	} ends[] = {{GS_ENDED_EXIT, "exit"}, {GS_ENDED_UEXIT, "_exit"}, {GS_ENDED_EXEC, "exec"},
		{GS_ENDED_SIGNAL, "signal"}};
	struct synthetic record;

	synthetic_make(&record, 16);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		record.header->ended = ends[i].ended;
		unit_add(&view, &record);
		CU_ASSERT_STRING_EQUAL(view.processes[0].ended, ends[i].word);
		CU_ASSERT_EQUAL(view.processes[0].wall_ns, 2000000000);
		gs_view_free(&view);
	}
	synthetic_free(&record);
}

static void test_alive_is_the_same_process_not_the_same_pid(void)
{
	struct synthetic record;

	synthetic_make(&record, 16);
	record.header->ended = GS_ENDED_ALIVE;
	record.header->pid = (uint32_t) getpid();
	record.header->start_ticks = ticks_of_self();
	unit_add(&view, &record);
	CU_ASSERT_STRING_EQUAL(view.processes[0].ended, "alive");
	gs_view_free(&view);
	record.header->start_ticks++;
	unit_add(&view, &record);
	CU_ASSERT_STRING_EQUAL(view.processes[0].ended, "lost");
	gs_view_free(&view);
	synthetic_free(&record);
}

/* ---- calls in progress ---- */

static struct gs_thread_entry *put_in_progress(struct synthetic *record, uint64_t after_ns)
{
	struct gs_thread_entry *thread = synthetic_entry(record, GS_SECTION_THREADS, 0);

	thread->site = 1;
	thread->call = 1;
	thread->begin_ns = record->header->start_ns + after_ns;
	return thread;
}

static void test_a_call_that_never_returned_is_blocked(void)
{
	struct synthetic record;
	const struct gs_view_site *site;

	unit_make_full(&record);
	put_in_progress(&record, 500000000);
	unit_add(&view, &record);
	site = &view.sites[1];
	CU_ASSERT_EQUAL(gs_view_rule(site), GS_RULE_HELD_BLOCKED);
	CU_ASSERT_EQUAL(site->calls, 7); /* it was counted when it began */
	CU_ASSERT_EQUAL(site->blocked_calls, 1);
	CU_ASSERT_EQUAL(site->blocked_ns, 1500000000);
	CU_ASSERT_EQUAL(site->elapsed_ns, 1500007000);
	CU_ASSERT_EQUAL(site->worst_ns, 1500000000);
	CU_ASSERT_EQUAL_FATAL(site->progress_count, 1);
	CU_ASSERT_EQUAL(site->progress[0].tid, 4711);
	CU_ASSERT_EQUAL(site->progress[0].elapsed_ns, 1500000000);
	CU_ASSERT_STRING_EQUAL(site->progress[0].thread, "worker-0");
	CU_ASSERT_EQUAL(function("nanosleep")->held_ns, 1500007000);
	CU_ASSERT_EQUAL(function("nanosleep")->worst_ns, 1500000000);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_a_call_in_progress_for_a_moment_is_not_blocked(void)
{
	struct synthetic record;

	unit_make_full(&record);
	put_in_progress(&record, 2000000000 - 999999);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(gs_view_rule(&view.sites[1]), GS_RULE_HELD_COULD_BLOCK);
	CU_ASSERT_EQUAL(view.sites[1].blocked_calls, 0);
	CU_ASSERT_EQUAL(view.sites[1].progress_count, 1);
	CU_ASSERT_EQUAL(view.sites[1].elapsed_ns, 1006999);
	gs_view_free(&view);
	synthetic_free(&record);
}

static void test_notes_of_calls_that_cannot_be_are_ignored(void)
{
	for (int kind = 0; kind < 5; kind++) {
		struct synthetic record;
		struct gs_thread_entry *thread;

		unit_make_full(&record);
		thread = put_in_progress(&record, 500000000);
		if (kind == 0)
			thread->begin_ns = 0;
		else if (kind == 1)
			thread->begin_ns = record.header->start_ns - 1;
		else if (kind == 2)
			thread->site = 77;
		else if (kind == 3)
			thread->call = 0; /* not the site's */
		else
			thread->tid = 0;
		unit_add(&view, &record);
		CU_ASSERT_EQUAL(view.sites[1].progress_count, 0);
		CU_ASSERT_EQUAL(view.sites[1].elapsed_ns, 7000);
		gs_view_free(&view);
		synthetic_free(&record);
	}
}

/* A killed process wrote its file last when it was written last. */
static void test_the_files_time_is_the_last_sign_of_a_killed_process(void)
{
	struct synthetic record;
	uint64_t written;
	struct timespec times[2];

	unit_make_full(&record);
	record.header->ended = GS_ENDED_ALIVE;
	record.header->pid = 0;
	put_in_progress(&record, 500000000);
	written = record.header->start_realtime_ns + 60500000000;
	times[0] = times[1] =
		(struct timespec){(time_t) (written / 1000000000), (long) (written % 1000000000)};
	CU_ASSERT_EQUAL_FATAL(futimens(record.fd, times), 0);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.sites[1].blocked_ns, 60000000000);
	gs_view_free(&view);

	times[0] = times[1] = (struct timespec){1, 0};
	CU_ASSERT_EQUAL_FATAL(futimens(record.fd, times), 0);
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.sites[1].blocked_ns, 1500000000); /* up to last_ns */
	gs_view_free(&view);

	record.header->last_ns = record.header->start_ns + 1;
	unit_add(&view, &record);
	CU_ASSERT_EQUAL(view.sites[1].blocked_calls, 0);
	CU_ASSERT_FALSE(view.sites[1].progress[0].known);
	gs_view_free(&view);
	synthetic_free(&record);
}

CU_TestInfo gs_tests_view[] = {
	{"counts go by what the thread ever held", test_counts_go_by_what_the_thread_ever_held},
	{"what calls without a site did", test_what_calls_without_a_site_did},
	{"the same site of two processes is one", test_the_same_site_of_two_processes_is_one},
	{"sites that differ stay apart", test_sites_that_differ_stay_apart},
	{"twins in one record are one site", test_twins_in_one_record_are_one_site},
	{"a half-filled slot is no site", test_a_half_filled_slot_is_no_site},
	{"stacks may be off", test_stacks_may_be_off},
	{"a caller in no object", test_a_caller_in_no_object},
	{"words for ends", test_words_for_ends},
	{"alive is the same process, not the same pid",
		test_alive_is_the_same_process_not_the_same_pid},
	{"a call that never returned is blocked", test_a_call_that_never_returned_is_blocked},
	{"a call in progress for a moment is not blocked",
		test_a_call_in_progress_for_a_moment_is_not_blocked},
	{"notes of calls that cannot be are ignored",
		test_notes_of_calls_that_cannot_be_are_ignored},
	{"the file's time is the last sign of a killed process",
		test_the_files_time_is_the_last_sign_of_a_killed_process},
	CU_TEST_INFO_NULL,
};
