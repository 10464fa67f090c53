/* records.c: makes the records whose reports are kept in tests/golden/. Each row of scenarios[] is a
 * directory of records, made by hand with this tree's format, so that a format that grows needs no
 * new files. Usage: records DIRECTORY; or records DIRECTORY COUNT SITES: so many records of a busy
 * program, for measuring. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "synthetic.h"

#define ENDED_AT 1700000002 /* s: what is known of a killed process is when it last wrote */

static void fail(const char *what)
{
	fprintf(stderr, "records: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		fail(path);
}

/* What was never written is not written here either: the file is as sparse as a real one. */
static void copy_data(int from, int to, const char *bytes, off_t size)
{
	off_t data = 0, hole;

	while ((data = lseek(from, data, SEEK_DATA)) >= 0) {
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || pwrite(to, bytes + data, (size_t)(hole - data), data) != hole - data)
			fail("write");
		data = hole;
	}
	if (ftruncate(to, size) < 0)
		fail("ftruncate");
}

static void save(struct synthetic *record, const char *directory)
{
	const struct timespec times[2] = {{.tv_sec = ENDED_AT}, {.tv_sec = ENDED_AT}};
	const struct gs_record_header *header = record->header;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%u.%llx.gilshim", directory, header->pid,
		(unsigned long long)header->start_realtime_ns);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		fail(path);
	copy_data(record->fd, fd, (const char *)header, (off_t)header->file_size);
	if (futimens(fd, times) < 0 || close(fd) < 0)
		fail(path);
	synthetic_free(record);
}

/* ---- the scenarios ---- */

static void make_full(const char *directory)
{
	struct synthetic record;

	synthetic_make(&record, 16);
	synthetic_fill(&record);
	save(&record, directory);
}

static void make_clean(const char *directory)
{
	struct synthetic record;

	synthetic_make(&record, 16);
	synthetic_function(&record, 0, "recv")->retired[1] = 4321;
	synthetic_function(&record, 1, "poll")->retired[0] = 5;
	save(&record, directory);
}

static void make_free(const char *directory)
{
	struct synthetic record;

	synthetic_make(&record, 16);
	synthetic_fill(&record);
	record.header->free_threaded = 1;
	record.header->python_version = synthetic_string(&record, "3.13.0");
	save(&record, directory);
}

static void make_nothing(const char *directory)
{
	struct synthetic record;

	synthetic_make(&record, 16);
	save(&record, directory);
}

/* PyPy: nobody can tell. */
static void make_unknown(const char *directory)
{
	struct synthetic record;

	synthetic_make(&record, 16);
	synthetic_function(&record, 0, "recv")->retired[0] = 77;
	record.header->unknown = 1;
	record.header->python_version = synthetic_string(&record, "3.9.16");
	record.header->implementation = synthetic_string(&record, "pypy");
	record.header->interpreters = 0;
	save(&record, directory);
}

/* Names that mean something to XML, JSON, URIs, workflow commands and terminals. */
static void make_hostile(const char *directory)
{
	static const char name[] = "/srv/<a>&\"b\"]]>,%:\x01\x1b\n\xef\xbf\xbf\xff\xc3\xa9.py";
	struct synthetic record;
	struct gs_site *site;

	synthetic_make(&record, 16);
	synthetic_fill(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 0);
	site->python.file = site->python.function = synthetic_string(&record, name);
	site = synthetic_entry(&record, GS_SECTION_SITES, 1);
	site->python.file = synthetic_string(&record, "<string>");
	record.header->argv = synthetic_string(&record, name);
	save(&record, directory);
}

/* Tables that were full, times of calls that no frame may stand in, released calls timed. */
static void make_limits(const char *directory)
{
	struct synthetic record;
	struct gs_site *site;

	synthetic_make(&record, 16);
	synthetic_fill(&record);
	site = synthetic_entry(&record, GS_SECTION_SITES, 0);
	site->at_most = 1;
	site->preempted = 2;
	record.header->timing_all = 1;
	record.header->lost.sites = 11;
	synthetic_function(&record, 3, "select")->held = 11;
	record.header->lost.threads = 3;
	record.header->lost.strings = 1;
	record.header->lost.modules = 1;
	synthetic_function(&record, 4, "write")->retired[1] = 9;
	((struct gs_function *)synthetic_entry(&record, GS_SECTION_FUNCTIONS, 4))->released_ns = 900;
	save(&record, directory);
}

/* A tree: the first process was replaced by exec, a child was killed in a call, another is free of
 * the GIL and has the same site. */
static void make_tree(const char *directory)
{
	struct synthetic record;
	struct gs_thread_entry *thread;

	synthetic_make(&record, 16);
	synthetic_fill(&record);
	record.header->ended = GS_ENDED_EXEC;
	save(&record, directory);

	synthetic_make(&record, 16);
	synthetic_fill(&record);
	record.header->ended = GS_ENDED_ALIVE; /* but nobody has that pid and start */
	record.header->ppid = 4711;
	record.header->pid = 4712;
	record.header->start_realtime_ns += 1000000000;
	record.header->start_ns += 1000000000;
	thread = synthetic_thread(&record, 4713, 1);
	thread->site = 0;
	thread->call = 0;
	thread->begin_ns = record.header->start_ns + 250000000;
	save(&record, directory);

	synthetic_make(&record, 16);
	synthetic_fill(&record);
	record.header->pid = 4714;
	record.header->ppid = 4711;
	record.header->start_realtime_ns += 1500000000;
	record.header->free_threaded = 1;
	record.header->python_version = synthetic_string(&record, "3.13.0");
	record.header->ended = GS_ENDED_UEXIT;
	save(&record, directory);
}

static const struct scenario {
	const char *name;
	void (*make)(const char *directory);
} scenarios[] = {
	{"full", make_full},
	{"clean", make_clean},
	{"free", make_free},
	{"nothing", make_nothing},
	{"unknown", make_unknown},
	{"hostile", make_hostile},
	{"limits", make_limits},
	{"tree", make_tree},
};

/* ---- many ---- */

/* The processes of a busy server: all have the same objects and most of their sites. */
static void make_many(const char *directory, unsigned count, unsigned sites)
{
	for (unsigned i = 0; i < count; i++) {
		struct synthetic record;

		synthetic_make(&record, 16);
		synthetic_fill(&record);
		record.header->pid = 10000 + i;
		record.header->start_realtime_ns += i;
		for (unsigned j = 0; j < sites; j++) {
			/* One line in eight is this process's own. */
			uint32_t line = j % 8 ? 100 + j : 100000 + i * sites + j;

			synthetic_site(&record, j % 2, 3, j % 3, line)->class = GS_CLASS_WAIT;
		}
		save(&record, directory);
	}
}

int main(int argc, char **argv)
{
	char path[4096];

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "Usage: records DIRECTORY [COUNT SITES]\n");
		return 2;
	}
	make_directory(argv[1]);
	if (argc == 4) {
		make_many(argv[1], (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
		return 0;
	}
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], scenarios[i].name);
		make_directory(path);
		scenarios[i].make(path);
	}
	return 0;
}
