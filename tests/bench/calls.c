/* calls.c: the calls whose cost is measured. Each is a function of its own, so that it is one site.
 */
#include "calls.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int zero = -1, ends[2] = {-1, -1};
static FILE *stream;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void bench_calls_setup(void)
{
	static char buffer[4096];

	if (zero >= 0)
		return;
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	stream = fopen("/dev/null", "we");
	if (zero < 0 || !stream || pipe2(ends, O_CLOEXEC) != 0 ||
		setvbuf(stream, buffer, _IOFBF, sizeof(buffer)) != 0) {
		perror("bench");
		exit(2);
	}
}

static void call_read(void)
{
	char byte;

	if (read(zero, &byte, 1) != 1)
		abort();
}

/* A time-out of zero: nothing to wait for. */
static void call_poll(void)
{
	struct pollfd watched = {.fd = ends[0], .events = POLLIN};

	if (poll(&watched, 1, 0) != 0)
		abort();
}

static void call_mutex(void)
{
	if (pthread_mutex_lock(&mutex) != 0)
		abort();
	pthread_mutex_unlock(&mutex);
}

static void call_fwrite(void)
{
	if (fwrite("12345678", 1, 8, stream) != 8)
		abort();
}

const struct bench_call bench_calls[] = {{"read", call_read}, {"poll", call_poll},
	{"mutex", call_mutex}, {"fwrite", call_fwrite}, {NULL, NULL}};

const struct bench_call *bench_call_find(const char *name)
{
	for (const struct bench_call *call = bench_calls; call->name; call++)
		if (strcmp(call->name, name) == 0)
			return call;
	return NULL;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

struct bench_time bench_both(void)
{
	return (struct bench_time){clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_THREAD_CPUTIME_ID)};
}

struct bench_time bench_time(const struct bench_call *call, long n)
{
	struct bench_time begun = bench_both(), ended;

	for (long i = 0; i < n; i++)
		call->make();
	ended = bench_both();
	return (struct bench_time){ended.wall - begun.wall, ended.cpu - begun.cpu};
}

/* ---- for the tracer ---- */

__attribute__((noinline)) void bench_mark(void)
{
	__asm__ volatile("");
}

/* The tracer finds the mark's address in the first argument's register; NULL ends the counting. */
static void trap(void (*mark)(void))
{
#ifdef __x86_64__
	__asm__ volatile("int3" : : "D"(mark) : "memory");
#else
	(void) mark;
	abort();
#endif
}

void bench_step_begin(void)
{
	trap(bench_mark);
}

void bench_step_end(void)
{
	trap(NULL);
}

void bench_step(const struct bench_call *call, long n)
{
	bench_step_begin();
	for (long i = 0; i < n; i++) {
		bench_mark();
		call->make();
	}
	bench_mark();
	bench_step_end();
}
