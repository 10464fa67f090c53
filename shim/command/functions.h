/* functions.h: which function of an object's file does an address lie in? From its symbol tables,
 * and where they were stripped from its unwind table. What is in no function is data, as far as one
 * can tell. */
#ifndef GS_FUNCTIONS_H
#define GS_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "objfile.h"

struct gs_range {
	uint64_t start, end; /* as addresses are in the file */
	const char *name;    /* NULL: not known */
};

struct gs_functions {
	const struct gs_objfile *file;
	struct gs_range *symbols; /* ascending */
	size_t count, capacity;
	/* the sorted table of .eh_frame_hdr: pairs of offsets from `header` */
	const unsigned char *table;
	size_t entries;
	uint64_t header;
};

/* The file must stay open as long. */
void gs_functions_read(struct gs_functions *functions, const struct gs_objfile *file);
void gs_functions_free(struct gs_functions *functions);

/* Is nothing known of any function? */
bool gs_functions_none(const struct gs_functions *functions);

bool gs_functions_at(
	const struct gs_functions *functions, uint64_t address, struct gs_range *range);

#endif
