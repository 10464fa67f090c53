/* hooks.h: what the library stands in front of for its own sake: the conditions of the GIL (gil.h)
 * and the ends of the process (life.h). */
#ifndef GS_HOOKS_H
#define GS_HOOKS_H

#include "compiler.h"

/* Looks up all real functions. From the constructor: later a thread may own the loader's lock that
 * will never give it back. */
GS_HIDDEN void gs_hooks_resolve_all(void);

/* For the stubs: fills one slot; what to do before _exit. errno is kept. */
GS_HIDDEN void *gs_hook_resolve(unsigned hook);
GS_HIDDEN void gs_hook_exit(void);

#endif
