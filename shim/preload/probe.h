/* probe.h: one observed call, from its wrapper to its numbers: the hot path.
 *
 * Nothing here takes a lock, allocates, uses stdio or changes errno. The thread's `busy` flag
 * brackets our own bookkeeping, never the real call; a signal handler that finds it set only
 * forwards. */
#ifndef GS_PROBE_H
#define GS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "calls.h"
#include "claim.h"
#include "compiler.h"
#include "thread.h"

/* One byte a call: is it watched now? On a page that a forked child finds zeroed, so that a child
 * is disarmed by the kernel before it runs its first instruction. */
#define GS_ARMED_SIZE 4096
extern GS_HIDDEN unsigned char gs_armed[GS_ARMED_SIZE];

/* Behind the calls on the same page: which life of the record this is; 0 after a fork. */
#define GS_ARMED_EPOCH (GS_ARMED_SIZE - 4)
static inline uint32_t gs_epoch(void)
{
	return *(volatile uint32_t *) (void *) &gs_armed[GS_ARMED_EPOCH];
}

/* A call and the exported name that was bound, in one word. */
#define GS_KEY(call, name) ((uint32_t) (call) << 16 | (uint32_t) (name))
#define GS_KEY_CALL(key) ((key) >> 16)
#define GS_KEY_NAME(key) ((key) &0xffff)

/* Judges and counts one call. True if its cold half must be taken (the GIL is held, or released
 * calls are timed too); then gs_thread.bound and .state are set. */
GS_HIDDEN bool gs_watch(uint32_t key);

/* The same for entry stubs: notes the time where the call is of interest; the stub then jumps. */
GS_HIDDEN void gs_watch_entry(uint32_t key, void *caller);

/* What the kernel says of this thread. */
struct gs_usage {
	uint64_t voluntary; /* context switches */
	uint64_t involuntary;
	uint64_t cpu_ns;
};

struct gs_probe {
	uint32_t key;
	uint32_t epoch;
	gs_claim_t claim;
	void *caller;
	void *frame;   /* the stack pointer of the caller, just above its return address */
	uint32_t site; /* GS_NONE */
	uint8_t state; /* enum gs_state */
	bool first;    /* its site was not seen before */
	bool harmless; /* counted as such: class never */
	int error;     /* errno as the real call left it */
	uint64_t begin_ns, end_ns;
	struct gs_usage before, after;
	/* what the thread was in before: a signal handler's call gives it back */
	uint64_t outer_begin_ns;
	uint32_t outer_site, outer_call;
	void *outer_mark, *outer_composite;
};

/* For the cold halves, in this order. `skips`: a held call that cannot wait is only counted.
 * `tries`: a lock held while taken is tried first. */
GS_HIDDEN bool gs_probe_skips(gs_claim_t claim);
GS_HIDDEN bool gs_probe_tries(void);
GS_HIDDEN void gs_probe_contended(void);
GS_HIDDEN void gs_probe_uncontended(uint32_t key, void *caller);
GS_HIDDEN void gs_probe_begin(
	struct gs_probe *probe, uint32_t key, gs_claim_t claim, void *caller, void *frame);
GS_HIDDEN void gs_probe_returned(struct gs_probe *probe);
GS_HIDDEN void gs_probe_end(struct gs_probe *probe, gs_claim_t claim);

/* Clears what a call left behind that never returned to us, and closes one seen at entry only. */
GS_HIDDEN void gs_probe_settle(struct gs_thread *thread);

/* CLOCK_MONOTONIC in ns. */
GS_HIDDEN uint64_t gs_now(void);

#endif
