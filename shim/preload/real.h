/* real.h: the next definition of every exported name (libc's, or another preload's).
 *
 * A slot is NULL until its first use, so that a call that arrives before our constructor, or even
 * before our relocation, finds its way. */
#ifndef GS_REAL_H
#define GS_REAL_H

#include "calls.h"
#include "compiler.h"

extern GS_HIDDEN void *gs_real[GS_NAMES];

/* Looks up one name and fills its slot; a name that libc lacks gets a function that fails with
 * ENOSYS. Never NULL. Takes the loader's lock: not async-signal-safe, and another thread may own
 * that lock for ever, which is why the constructor resolves all names at once. Keeps errno. */
GS_HIDDEN void *gs_real_resolve(unsigned name);
GS_HIDDEN void gs_real_resolve_all(void);

static inline void *gs_slot(unsigned name)
{
	void *real = gs_real[name];

	return GS_LIKELY(real) ? real : gs_real_resolve(name);
}

/* Calls the real function of a name of the table: GS_REAL(name, ret, params) args. */
#define GS_REAL(id, ret, params) ((ret(*) params) gs_slot(id))

#endif
