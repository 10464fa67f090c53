/* calls.h: the calls whose cost is measured, for the extension module (module.c) and for the
 * program that is no Python (plain.c). */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <stdint.h>

struct bench_call {
	const char *name;
	void (*make)(void); /* one call; never waits */
};

extern const struct bench_call bench_calls[];

/* Opens what the calls use. Exits with a message where it cannot. */
void bench_calls_setup(void);

/* By name; NULL if there is none. */
const struct bench_call *bench_call_find(const char *name);

/* Nanoseconds of CLOCK_MONOTONIC, and of the calling thread's CPU. */
int64_t bench_now(void);
int64_t bench_cpu(void);

/* ns for n calls. */
int64_t bench_time(const struct bench_call *call, long n);

/* Under step.c: tells it to count from here, passes bench_mark() before each of n calls and after
 * the last, and tells it to stop. Without step.c the process dies of SIGTRAP. */
void bench_step(const struct bench_call *call, long n);
void bench_step_begin(void);
void bench_step_end(void);
void bench_mark(void);

#endif
