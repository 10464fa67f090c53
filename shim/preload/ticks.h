/* ticks.h: a clock for durations alone, cheaper than CLOCK_MONOTONIC: the processor's own counter,
 * where the kernel itself trusts it to run at one rate on every core (it is its clock source), else
 * CLOCK_MONOTONIC. A reading is about 9 ns instead of 21. */
#ifndef GS_TICKS_H
#define GS_TICKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "usage.h"

/* Is it the counter that is read? And its ns a tick, 32 binary places; 0: not known well yet. */
extern GS_HIDDEN bool gs_ticks_usable;
extern GS_HIDDEN _Atomic uint64_t gs_ticks_scale;

/* Learns what the counter is good for. Once, where calls are going to be timed; the counter's rate
 * is measured from then on. */
GS_HIDDEN void gs_ticks_setup(void);

static inline uint64_t gs_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t value;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
	return value;
#else
	return 0;
#endif
}

/* Now; and the time since then, in ns. Async-signal-safe; errno is kept. */
static inline uint64_t gs_ticks_now(void)
{
	return GS_LIKELY(gs_ticks_usable) ? gs_ticks() : gs_now();
}

/* Until the rate is known, and where the counter is not usable. */
GS_HIDDEN uint64_t gs_ticks_since_otherwise(uint64_t begin);
static inline uint64_t gs_ticks_since(uint64_t begin)
{
	uint64_t scale = atomic_load_explicit(&gs_ticks_scale, memory_order_relaxed), ticks;

	if (GS_UNLIKELY(!scale))
		return gs_ticks_since_otherwise(begin);
	ticks = gs_ticks() - begin;
	/* Two cores may be a few ticks apart. */
	if (GS_UNLIKELY(ticks > UINT64_MAX >> 1))
		return 0;
	return (uint64_t) ((__uint128_t) ticks * scale >> 32);
}

#endif
