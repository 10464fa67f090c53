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

/* A thread that gives up its CPU and gets it back is switched twice. What took less than this, in
 * ns, did not: two switches alone take longer. */
#define GS_SWITCHES_TAKE 1000

/* A thread's last reading, so that calls in quick succession need none of their own. One that is
 * older than this, in ns, does not count. */
#define GS_READING_KEEPS 5000

struct gs_reading {
	struct gs_usage usage;
	uint64_t at_ns; /* 0: never */
};

/* CLOCK_MONOTONIC in ns. */
GS_HIDDEN uint64_t gs_now(void);

/* The thread's CPU time in ns, exact to now; costs as much as gs_usage_read(). */
GS_HIDDEN uint64_t gs_cpu_now(void);

/* The same of another thread of this process; 0 if there is none of that number. */
GS_HIDDEN uint64_t gs_cpu_of(uint32_t tid);

/* The calling thread's number, without a system call where the C library knows it: where few calls
 * are watched, threads of Python ask when they have just taken the GIL, inside of its mutex. */
GS_HIDDEN uint32_t gs_tid_now(void);

#endif
