/* records.h: the directory in which a run keeps its records while the program runs: private, in
 * memory where there is a tmpfs, because a store into a file under write-back can wait for its
 * disk. */
#ifndef GS_RECORDS_H
#define GS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "view.h"

struct gs_records {
	char *directory;
	struct gs_records_file {
		char *name;
		bool alive; /* its process still runs */
	} * files;
	size_t count, capacity;
	size_t unreadable; /* of the files */
};

/* Makes the directory. False if there is nowhere to, after one line. */
bool gs_records_open(struct gs_records *records);

/* Reads all records there are into an empty view. Processes that are about to end, as the helpers
 * of multiprocessing are, get a moment to. */
void gs_records_read(struct gs_records *records, struct gs_view *view);

/* Moves the records to `keep`, or removes them if it is NULL; the directory too, unless something
 * stays in it: the records of processes that still run, and what could not be moved. Says where
 * these are. False if something could not be moved. */
bool gs_records_close(struct gs_records *records, const struct gs_view *view, const char *keep);

#endif
