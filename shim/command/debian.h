/* debian.h: which Debian package a shared object or a Python came in, from dpkg's own files. */
#ifndef GS_DEBIAN_H
#define GS_DEBIAN_H

#include <stdbool.h>

#include "owner.h"
#include "table.h"

struct gs_debian;

/* Reads the lists below dpkg's directory ("/var/lib/dpkg"). Never NULL; empty where there is no
 * dpkg. */
struct gs_debian *gs_debian_open(const char *directory);
void gs_debian_close(struct gs_debian *debian);

/* False if no package owns the file. The texts go into the pool. */
bool gs_debian_find(
	struct gs_debian *debian, struct gs_pool *pool, const char *path, struct gs_owner *owner);

#endif
