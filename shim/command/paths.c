#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "err.h"
#include "progress.h"

#define SUFFIX ".gilshim"

static void complain(struct gs_paths *paths, const char *path, const char *reason)
{
	gs_warn("%s: %s; not in this report", path, reason);
	paths->unreadable++;
}

static bool is_new_file(struct gs_paths *paths, const struct stat *file)
{
	struct gs_file_key key;
	uint32_t index;

	memset(&key, 0, sizeof(key));
	key.device = file->st_dev;
	key.inode = file->st_ino;
	index = gs_map_find(&paths->file_map, paths->files, sizeof(key), &key, sizeof(key),
		(uint32_t) paths->file_count);
	if (index < paths->file_count)
		return false;
	paths->files =
		gs_grow(paths->files, &paths->file_capacity, paths->file_count + 1, sizeof(key));
	paths->files[paths->file_count++] = key;
	return true;
}

static void add_file(struct gs_paths *paths, const char *path)
{
	struct gs_snapshot snapshot;
	const char *reason;

	if (!gs_snapshot_read(path, &snapshot, &reason)) {
		complain(paths, path, reason);
		return;
	}
	if (is_new_file(paths, &snapshot.file))
		gs_view_add(&paths->view, &snapshot);
	gs_snapshot_free(&snapshot);
}

static int is_record(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > strlen(SUFFIX) &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static void add_directory(struct gs_paths *paths, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_record, alphasort);

	if (count < 0) {
		complain(paths, path, strerror(errno));
		return;
	}
	if (count == 0) {
		gs_warn("%s: no record files (*" SUFFIX ") in it; nothing to report from there",
			path);
		paths->empty++;
	}
	for (int i = 0; i < count; i++) {
		char *file;

		if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0)
			gs_out_of_memory();
		gs_progress("reading records", (size_t) i, (size_t) count);
		add_file(paths, file);
		free(file);
		free(entries[i]);
	}
	free(entries);
}

void gs_paths_add(struct gs_paths *paths, const char *path)
{
	struct stat file;

	if (stat(path, &file) < 0)
		complain(paths, path, strerror(errno));
	else if (S_ISDIR(file.st_mode))
		add_directory(paths, path);
	else
		add_file(paths, path);
}

void gs_paths_free(struct gs_paths *paths)
{
	gs_view_free(&paths->view);
	gs_map_free(&paths->file_map);
	free(paths->files);
}
