/* fetch.h: debugging information from the servers that DEBUGINFOD_URLS names, through elfutils'
 * libdebuginfod where that is installed (it is loaded when it is needed first). */
#ifndef GS_FETCH_H
#define GS_FETCH_H

#include <stddef.h>
#include <stdint.h>

/* A file descriptor, the caller's; -1 if there is none to be had. `name` is for people. A server
 * that says nothing for DEBUGINFOD_TIMEOUT seconds (else 10) is given up, and so are all after any
 * trouble but "not found": that is said once. */
int gs_fetch_debuginfo(const char *name, const uint8_t *build_id, size_t build_id_size);

#endif
