/* distribution.h: what Python's installers left beside the modules: *.dist-info, *.egg-info, and
 * the EGG-INFO of an egg. Each function returns whether it found an owner; the texts go into the
 * pool. */
#ifndef GS_DISTRIBUTION_H
#define GS_DISTRIBUTION_H

#include <stdbool.h>
#include <stdio.h>

#include "owner.h"
#include "table.h"

/* The one that lists the file: RECORD or installed-files.txt, in any directory above it. */
bool gs_distribution_listing(struct gs_pool *pool, const char *path, struct gs_owner *owner);

/* An editable install, known in one of `directories`, of a source tree that contains the file. The
 * innermost tree wins. */
bool gs_distribution_editable(struct gs_pool *pool, const char *path,
	const char *const *directories, size_t count, struct gs_owner *owner);

/* One above the file that lists nothing, but whose top-level name is on the way to the file: a
 * source tree, or a package whose lists were removed. */
bool gs_distribution_named(struct gs_pool *pool, const char *path, struct gs_owner *owner);

/* A regular file for reading; NULL otherwise: who opens a FIFO waits. */
FILE *gs_distribution_open(const char *directory, const char *name);

#endif
