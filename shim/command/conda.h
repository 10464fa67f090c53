/* conda.h: which conda package a file came in, from the lists in its environment's conda-meta. */
#ifndef GS_CONDA_H
#define GS_CONDA_H

#include <stdbool.h>

#include "owner.h"
#include "table.h"

/* False if no environment above the file lists it. The texts go into the pool. */
bool gs_conda_find(struct gs_pool *pool, const char *path, struct gs_owner *owner);

#endif
