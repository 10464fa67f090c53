/* libc.h: which of the exported names that are watched this machine's libc has. */
#ifndef GS_LIBC_H
#define GS_LIBC_H

#include <stdbool.h>

#include "calls.h"

/* False if there is no libc to ask, after one line. To be called first; more than once is fine. */
bool gs_libc_open(void);

/* Is the name, in its version, in the libc itself, whatever may be preloaded before it? */
bool gs_libc_has(const struct gs_name_info *name);

#endif
