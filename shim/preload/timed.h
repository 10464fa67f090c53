/* timed.h: a released call that is timed, and that is all (timing=all without log=all). */
#ifndef GS_TIMED_H
#define GS_TIMED_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "life.h"
#include "ticks.h"

struct gs_timed {
	struct gs_stopwatch watch;
	uint32_t epoch;
};

/* True if the call is of that kind: then make it, and end it. */
GS_HIDDEN bool gs_timed_begins(struct gs_timed *timed, unsigned call);
static inline bool gs_timed_begin(struct gs_timed *timed, unsigned call)
{
	return gs_life.timed && gs_timed_begins(timed, call);
}
GS_HIDDEN void gs_timed_end(const struct gs_timed *timed, unsigned call);

#endif
