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

struct bench_time {
	int64_t wall, cpu; /* of this thread: what others take from it is no cost of the call */
};

/* Both clocks now, in ns. */
struct bench_time bench_both(void);

/* For n calls, in ns. */
struct bench_time bench_time(const struct bench_call *call, long n);

/* Under step.c: tells it to count from here, passes bench_mark() before each of n calls and after
 * the last, and tells it to stop. Without step.c the process dies of SIGTRAP. */
void bench_step(const struct bench_call *call, long n);
void bench_step_begin(void);
void bench_step_end(void);
void bench_mark(void);

#endif
