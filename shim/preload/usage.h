/* usage.h: clocks, and what the kernel says of a thread. */
#ifndef GS_USAGE_H
#define GS_USAGE_H

#include <stdint.h>

#include "compiler.h"

struct gs_usage {
	uint64_t voluntary; /* context switches */
	uint64_t involuntary;
	uint64_t cpu_ns; /* may be a tick old */
};

/* Of the calling thread. One system call, about 170 ns. */
GS_HIDDEN void gs_usage_read(struct gs_usage *usage);

/* CLOCK_MONOTONIC in ns. */
GS_HIDDEN uint64_t gs_now(void);

/* The thread's CPU time in ns, exact to now; costs as much as gs_usage_read(). */
GS_HIDDEN uint64_t gs_cpu_now(void);

#endif
