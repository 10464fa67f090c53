/* ticks.h: a clock for durations alone, cheaper than CLOCK_MONOTONIC: the processor's own counter,
 * where the kernel itself trusts it to run at one rate on every core (it is its clock source), else
 * CLOCK_MONOTONIC. A reading is about 9 ns instead of 21. */
#ifndef GS_TICKS_H
#define GS_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"

struct gs_stopwatch {
	uint64_t begin;
	bool counts; /* begin is the counter's, not in ns */
};

/* Learns what the counter is good for. Once, where calls are going to be timed; the counter's rate
 * is measured from then on. */
GS_HIDDEN void gs_ticks_setup(void);

/* The time between the two, in ns. Async-signal-safe; errno is kept. */
GS_HIDDEN void gs_stopwatch_start(struct gs_stopwatch *watch);
GS_HIDDEN uint64_t gs_stopwatch_stop(const struct gs_stopwatch *watch);

#endif
