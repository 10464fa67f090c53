#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000u
#define ARGV_LIMIT (64 * 1024)
#define WORD_LIMIT 256

/* Is the process of that id the one that began at that tick, and not a zombie? */
static bool is_alive(uint32_t pid, uint64_t start_ticks)
{
	char path[64], line[1024];
	unsigned long long ticks;
	const char *at;
	size_t got;
	FILE *stat;
	char state;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	stat = fopen(path, "re");
	if (!stat)
		return false;
	got = fread(line, 1, sizeof(line) - 1, stat);
	fclose(stat);
	line[got] = '\0';
	/* The name in parentheses may hold anything; field 3 follows the last one. */
	at = strrchr(line, ')');
	if (!at || sscanf(at + 1, " %c", &state) != 1)
		return false;
	at++;
	for (int field = 3; field <= 22; field++) {
		at += strspn(at, " ");
		if (field < 22)
			at += strcspn(at, " ");
	}
	if (sscanf(at, "%llu", &ticks) != 1)
		return false;
	return ticks == start_ticks && state != 'Z' && state != 'X';
}

static uint64_t nanoseconds(struct timespec time)
{
	return (uint64_t) time.tv_sec * SECOND + (uint64_t) time.tv_nsec;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return nanoseconds(time);
}

/* A process that was killed wrote its end nowhere. The file was last written at some time while it
 * lived, so it lived at least until then. */
static uint64_t last_sign(const struct gs_snapshot *snapshot)
{
	const struct gs_record_header *header = snapshot->header;
	uint64_t written = nanoseconds(snapshot->file.st_mtim);
	uint64_t sign = header->last_ns;

	if (snapshot->file.st_mtim.tv_sec >= 0 && written > header->start_realtime_ns) {
		written = header->start_ns + (written - header->start_realtime_ns);
		if (written > sign)
			sign = written;
	}
	return sign;
}

static const char *how_ended(const struct gs_record_header *header)
{
	static const char *const words[GS_ENDEDS] = {
		[GS_ENDED_EXIT] = "exit",
		[GS_ENDED_UEXIT] = "_exit",
		[GS_ENDED_EXEC] = "exec",
		[GS_ENDED_SIGNAL] = "signal",
	};

	if (header->ended != GS_ENDED_ALIVE)
		return words[header->ended];
	return is_alive(header->pid, header->start_ticks) ? "alive" : "lost";
}

static const char *word(struct gs_pool *pool, const struct gs_snapshot *snapshot, uint32_t offset)
{
	return gs_pool_text(pool, gs_snapshot_text(snapshot, offset), WORD_LIMIT);
}

void gs_process_read(
	struct gs_process *process, struct gs_pool *pool, const struct gs_snapshot *snapshot)
{
	const struct gs_record_header *header = snapshot->header;
	uint64_t threads = header->threads;

	memset(process, 0, sizeof(*process));
	process->pid = header->pid;
	process->ppid = header->ppid;
	process->argv = gs_pool_text(pool, gs_snapshot_text(snapshot, header->argv), ARGV_LIMIT);
	process->python_version = word(pool, snapshot, header->python_version);
	process->implementation = word(pool, snapshot, header->implementation);
	process->free_threaded = header->free_threaded == GS_THREADING_FREE;
	process->has_gil = header->free_threaded == GS_THREADING_FREE_GIL;
	process->interpreters = header->interpreters;
	/* A GIL that was seen being made is one whose waiters are seen. */
	process->waits_measured = header->interpreters > 0 && !header->unknown &&
				  (!process->free_threaded || header->world);
	/* The overflow block is no thread; those that share it were counted. */
	if (threads > GS_MAX_THREADS)
		threads = GS_MAX_THREADS;
	gs_sum(&threads, header->lost.threads);
	process->threads = threads;
	process->start_realtime_ns = header->start_realtime_ns;
	process->ended = how_ended(header);
	process->until_ns = header->last_ns;
	if (strcmp(process->ended, "alive") == 0)
		process->until_ns = now();
	else if (strcmp(process->ended, "lost") == 0)
		process->until_ns = last_sign(snapshot);
	if (process->until_ns > header->start_ns)
		process->wall_ns = process->until_ns - header->start_ns;
}
