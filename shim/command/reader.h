/* reader.h: one record file as a private copy that has been checked.
 *
 * A record may be written while it is read, and may come from anywhere. So what is used of it is
 * copied first (the full parts of its tables only), and every index in the copy is checked; nobody
 * can change it afterwards. The copy is itself a record whose tables are exactly full: its sites
 * are numbered anew, and a thread's call in progress names the new number. */
#ifndef GS_READER_H
#define GS_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "record.h"

struct gs_snapshot {
	struct gs_record_header *header; /* the copy */
	struct stat file;
};

/* Reads a record. False if it cannot be read, with the reason in words; nothing is kept then. */
bool gs_snapshot_read(const char *path, struct gs_snapshot *snapshot, const char **reason);
void gs_snapshot_free(struct gs_snapshot *snapshot);

static inline uint32_t gs_snapshot_count(const struct gs_snapshot *snapshot, unsigned section)
{
	return snapshot->header->section[section].count;
}

static inline void *gs_snapshot_entry(
	const struct gs_snapshot *snapshot, unsigned section, uint32_t index)
{
	const struct gs_section *table = &snapshot->header->section[section];

	return (char *) snapshot->header + table->offset + (uint64_t) index * table->size;
}

/* NULL where the writer did not know, or its table of texts was full. */
const char *gs_snapshot_text(const struct gs_snapshot *snapshot, uint32_t offset);

#endif
