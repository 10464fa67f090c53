/* seeds.c: records to begin with, in the format of the day: made by hand (tests/unit/synthetic.c),
 * read once, which leaves out what is empty, and cut down to three functions.
 *
 *	seeds DIRECTORY */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "reader.h"
#include "synthetic.h"

/* What synthetic.c asserts, outside of a suite. */
CU_BOOL CU_assertImplementation(CU_BOOL value, unsigned line, const char *condition,
	const char *file, const char *function, CU_BOOL is_fatal)
{
	(void) is_fatal;
	if (!value)
		fprintf(stderr, "%s:%u: %s: %s\n", file, line, function, condition);
	MUST(value);
	return CU_TRUE;
}

static void keep(const char *directory, const char *name, struct synthetic *record)
{
	struct gs_snapshot snapshot;
	const char *reason;
	char path[4096];
	FILE *file;

	record->header->section[GS_SECTION_FUNCTIONS].count = 3;
	MUST(gs_snapshot_read(record->path, &snapshot, &reason));
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	MUST(file && fwrite(snapshot.header, snapshot.header->file_size, 1, file) == 1 &&
		fclose(file) == 0);
	gs_snapshot_free(&snapshot);
}

/* A thread in a call, and one that waits for a GIL. */
static void fill_waits(struct synthetic *record)
{
	struct gs_thread_entry *thread = synthetic_entry(record, GS_SECTION_THREADS, 0);
	struct gs_waiter *waiter = synthetic_entry(record, GS_SECTION_WAITERS, 0);
	struct gs_gil_entry *gil = synthetic_entry(record, GS_SECTION_GILS, 0);
	struct gs_delay *delay = synthetic_entry(record, GS_SECTION_DELAYS, 1);
	struct gs_site *site = synthetic_site(record, 1, 2, 2, 70);

	thread->begin_ns = record->header->start_ns + 5;
	thread->site = 1;
	thread->call = 1;
	waiter->tid = thread->tid;
	waiter->name = synthetic_string(record, "worker");
	waiter->waits = gil->waits = 3;
	waiter->waited_ns = gil->waited_ns = 5000000;
	waiter->worst_ns = gil->worst_ns = 3000000;
	gil->computed_ns = waiter->computed_ns = 2000000;
	delay->calls = delay->delayed = 1;
	delay->call_ns = delay->call_worst_ns = 1000;
	delay->wait_ns = delay->wait_worst_ns = 9000;
	record->header->waiters = 1;
	record->header->delays = 2;
	site->kind = GS_KIND_COMPUTE;
	site->victims[0] = 1;
	site->waiter = 1;
}

int main(int argc, char **argv)
{
	struct synthetic record;

	MUST(argc == 2);
	synthetic_make(&record, 4);
	synthetic_fill(&record);
	keep(argv[1], "filled", &record);
	fill_waits(&record);
	record.header->ended = GS_ENDED_ALIVE;
	keep(argv[1], "waits", &record);
	synthetic_free(&record);
	synthetic_make(&record, 0);
	keep(argv[1], "empty", &record);
	synthetic_free(&record);
	return 0;
}
