#include "records.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "compiler.h"
#include "err.h"
#include "line.h"
#include "movefile.h"

/* Write and search for all, but a list of the files for nobody else. */
#define FOR_ALL (S_ISVTX | S_IRWXU | S_IWGRP | S_IXGRP | S_IWOTH | S_IXOTH)

#define ROOM_ENOUGH ((uint64_t) 256 << 20) /* some 70 processes */
#define SETTLE_MS 500
#define SETTLE_STEP_MS 10
#define NAMED_AT_MOST 8

/* ---- where ---- */

/* Servers that root starts go on as other users, whose records belong there as well. */
static bool is_for_all(const char *place)
{
	struct stat file;

	return geteuid() != 0 || (stat(place, &file) == 0 && (file.st_mode & S_IXOTH));
}

/* How good a place is: a tmpfs with room before a disk, more room before less. */
static uint64_t rate(const char *place)
{
	struct statfs system;
	uint64_t room;

	if (!place || *place != '/' || access(place, W_OK | X_OK) < 0 || !is_for_all(place) ||
		statfs(place, &system) < 0)
		return 0;
	room = (uint64_t) system.f_bavail * (uint64_t) system.f_bsize / 2;
	if (system.f_type == TMPFS_MAGIC && room >= ROOM_ENOUGH)
		room += UINT64_MAX / 2;
	return room;
}

/* A new directory there. */
static bool make_directory(char *template)
{
	if (!mkdtemp(template))
		return false;
	return geteuid() != 0 || chmod(template, FOR_ALL) == 0;
}

bool gs_records_open(struct gs_records *records)
{
	const char *places[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm", getenv("TMPDIR"), "/tmp"};
	const char *best = "/tmp";
	uint64_t best_rate = 0;

	memset(records, 0, sizeof(*records));
	for (size_t i = 0; i < GS_ARRAY_SIZE(places); i++) {
		uint64_t place_rate = rate(places[i]);

		if (place_rate > best_rate) {
			best = places[i];
			best_rate = place_rate;
		}
	}
	if (asprintf(&records->directory, "%s/gilshim-XXXXXX", best) < 0)
		gs_out_of_memory();
	if (make_directory(records->directory))
		return true;
	gs_warn("%s: no directory for the records: %s; nothing is run", best, strerror(errno));
	free(records->directory);
	records->directory = NULL;
	return false;
}

/* ---- reading ---- */

static char *path_of(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		gs_out_of_memory();
	return path;
}

static int is_visible(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void forget_files(struct gs_records *records)
{
	while (records->count > 0)
		free(records->files[--records->count].name);
	records->unreadable = 0;
}

static bool is_alive(const struct gs_process *process)
{
	return strcmp(process->ended, "alive") == 0;
}

/* Adds one file to the view, and notes whether its process runs. False if it may be another file in
 * a moment: a process is about to end, or has only begun. */
static bool read_file(struct gs_records *records, struct gs_view *view, char *name, bool last)
{
	char *path = path_of(records->directory, name);
	struct gs_snapshot snapshot;
	struct gs_records_file file = {.name = name};
	const char *reason;
	bool readable = false;

	if (gs_snapshot_read(path, &snapshot, &reason)) {
		gs_view_add(view, &snapshot);
		file.alive = is_alive(&view->processes[view->process_count - 1]);
		gs_snapshot_free(&snapshot);
		readable = true;
	} else if (last) {
		records->unreadable++;
		gs_warn("%s: %s; not in this summary", path, reason);
	}
	free(path);
	records->files = gs_grow(
		records->files, &records->capacity, records->count + 1, sizeof(*records->files));
	records->files[records->count++] = file;
	return readable && !file.alive;
}

static bool read_files(struct gs_records *records, struct gs_view *view, bool last)
{
	struct dirent **entries;
	int count = scandir(records->directory, &entries, is_visible, alphasort);
	bool settled = true;

	for (int i = 0; i < count; i++) {
		char *name = strdup(entries[i]->d_name);

		if (!name)
			gs_out_of_memory();
		settled &= read_file(records, view, name, last);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return settled;
}

void gs_records_read(struct gs_records *records, struct gs_view *view)
{
	const struct timespec step = {.tv_nsec = SETTLE_STEP_MS * 1000000};

	for (int waited = 0; !read_files(records, view, waited >= SETTLE_MS);
		waited += SETTLE_STEP_MS) {
		if (waited >= SETTLE_MS)
			return;
		gs_view_free(view);
		forget_files(records);
		nanosleep(&step, NULL);
	}
}

/* ---- the end ---- */

static void say_alive(const struct gs_records *records, const struct gs_view *view)
{
	char *names = NULL, program[256];
	size_t size, alive = 0;
	FILE *stream = open_memstream(&names, &size);

	if (!stream)
		gs_out_of_memory();
	for (size_t i = 0; i < view->process_count; i++) {
		const struct gs_process *process = &view->processes[i];
		const char *name;

		if (!is_alive(process) || alive++ >= NAMED_AT_MOST)
			continue;
		name = gs_line_program(program, sizeof(program), process->argv);
		fprintf(stream, "%s%s[%u]", alive > 1 ? ", " : "", name ? name : "?", process->pid);
	}
	if (alive > NAMED_AT_MOST)
		fprintf(stream, " and %zu more", alive - NAMED_AT_MOST);
	if (fclose(stream) != 0)
		gs_out_of_memory();
	if (alive > 0)
		gs_warn("still alive: %s; %s in %s", names,
			alive > 1 ? "their records stay" : "its record stays", records->directory);
	free(names);
}

bool gs_records_close(struct gs_records *records, const struct gs_view *view, const char *keep)
{
	bool all_moved = true;

	say_alive(records, view);
	for (size_t i = 0; i < records->count; i++) {
		char *from = path_of(records->directory, records->files[i].name);

		if (records->files[i].alive) {
			free(from);
			continue;
		}
		if (!keep) {
			unlink(from);
		} else {
			char *to = path_of(keep, records->files[i].name);

			if (!gs_move_file(from, to)) {
				gs_warn("%s: %s; the record stays as %s", to, strerror(errno),
					from);
				all_moved = false;
			}
			free(to);
		}
		free(from);
	}
	rmdir(records->directory); /* fails where something stays */
	forget_files(records);
	free(records->files);
	free(records->directory);
	memset(records, 0, sizeof(*records));
	return all_moved;
}
