/* paths.h: the records that a command is given as paths, read into one view. */
#ifndef GS_PATHS_H
#define GS_PATHS_H

#include <stddef.h>
#include <sys/types.h>

#include "view.h"

struct gs_paths {
	struct gs_view view;
	/* files read, so that one that is named twice is not counted twice */
	struct gs_file_key {
		dev_t device;
		ino_t inode;
	} * files;
	size_t file_count, file_capacity;
	struct gs_map file_map;
	size_t unreadable; /* paths that could not be read */
	size_t empty;      /* directories without a record */
};

/* Adds a record file, or those of a directory. What is wrong is said and counted. */
void gs_paths_add(struct gs_paths *paths, const char *path);
void gs_paths_free(struct gs_paths *paths);

#endif
