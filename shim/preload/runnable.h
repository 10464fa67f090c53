/* runnable.h: will exec of this path start a program? A summary before an exec is one too many if
 * the exec fails and the program goes on. */
#ifndef GS_RUNNABLE_H
#define GS_RUNNABLE_H

#include <stdbool.h>

#include "compiler.h"

/* True if `path` (NULL: not known, true), or the first of that name in PATH where it has no slash,
 * is a regular file that may be executed. System calls only; nothing is opened. */
GS_HIDDEN bool gs_runnable(const char *path);

#endif
