/* binding.h: do an object's calls of libc reach us?
 *
 * Asked of what the loader made of its relocations, not of how it was opened. So it holds for every
 * way past us, and for just those objects that go it: RTLD_DEEPBIND concerns the objects that
 * dlopen() brought in, not those that were there before. */
#ifndef GS_BINDING_H
#define GS_BINDING_H

#include <stdint.h>

#include "compiler.h"
#include "modules.h"

/* GS_MODULE_DEEP, GS_MODULE_APART or 0: is a name that the options ask for bound to libc itself, or
 * to a libc that another namespace has? A slot that is bound at its first call and was not yet
 * bound is none: nothing was called through it. An object that is unloaded meanwhile gives 0. Not
 * async-signal-safe, and for one thread at a time: the end of a process. */
GS_HIDDEN uint32_t gs_binding_past_us(const struct gs_object *object);

#endif
