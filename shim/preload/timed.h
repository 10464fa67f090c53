/* timed.h: a released call that is timed, and that is all (timing=all without log=all). */
#ifndef GS_TIMED_H
#define GS_TIMED_H

#include <stdint.h>

#include "compiler.h"

/* A call that began then (gs_ticks_now()), in that life of the record (gs_epoch()), has ended. */
GS_HIDDEN void gs_timed_end(uint64_t begin, uint32_t epoch, unsigned call);

#endif
