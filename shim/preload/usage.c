#include "usage.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "sys.h"

GS_HOT uint64_t gs_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

void gs_usage_read(struct gs_usage *usage)
{
	struct rusage now = {0};

	if (gs_sys2(SYS_getrusage, RUSAGE_THREAD, (long) &now) != 0) {
		*usage = (struct gs_usage){0};
		return;
	}
	usage->voluntary = (uint64_t) now.ru_nvcsw;
	usage->involuntary = (uint64_t) now.ru_nivcsw;
	usage->cpu_ns = (uint64_t) (now.ru_utime.tv_sec + now.ru_stime.tv_sec) * 1000000000u +
			(uint64_t) (now.ru_utime.tv_usec + now.ru_stime.tv_usec) * 1000u;
}

static uint64_t cpu_clock(long clock)
{
	struct timespec now = {0};

	gs_sys2(SYS_clock_gettime, clock, (long) &now);
	return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

uint64_t gs_cpu_now(void)
{
	return cpu_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* A CPU clock's number says whose it is, to the kernel as to the C library: the complement of the
 * thread's number, then three bits: of a thread (4), as scheduled (2). Linux, posix-timers.h. */
#define CLOCK_OF_THREAD 6
#define CLOCK_SHIFT 3

uint64_t gs_cpu_of(uint32_t tid)
{
	return cpu_clock((int) (~tid << CLOCK_SHIFT | CLOCK_OF_THREAD));
}

GS_HOT uint32_t gs_tid_now(void)
{
	clockid_t clock;

	if (pthread_getcpuclockid(pthread_self(), &clock) != 0)
		return (uint32_t) gs_sys0(SYS_gettid);
	return ~(uint32_t) (clock >> CLOCK_SHIFT);
}
