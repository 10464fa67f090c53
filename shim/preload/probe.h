/* probe.h: one observed call, from its cold half to its numbers.
 *
 * Nothing here takes a lock, allocates, uses stdio or changes errno. The thread's `busy` flag
 * brackets our own bookkeeping, never the real call; a signal handler that finds it set only
 * forwards. */
#ifndef GS_PROBE_H
#define GS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "claim.h"
#include "compiler.h"
#include "tally.h"
#include "usage.h"
#include "watch.h"

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
	bool dropped;  /* the GIL was dropped within it: by something that it called back */
	int error;     /* errno as the real call left it */
	uint64_t begin_ns, end_ns;
	uint64_t own_ns; /* between, without other held calls that lay within */
	struct gs_reading before;
	struct gs_usage after;
	/* what the thread was in before: a signal handler's call gives it back */
	uint64_t outer_begin_ns, outer_nested_ns;
	uint32_t outer_site, outer_call, outer_charge;
	void *outer_mark, *outer_composite;
};

/* For the cold halves, in this order. */

/* Where nothing is timed or logged, only held calls come to them, and of one that cannot wait
 * nobody wants to know more. False in a process that has just ended its record, too. */
static inline bool gs_probe_plainly(unsigned call)
{
	return (gs_armed[call] & (GS_ARMED_WATCHED | GS_ARMED_EACH)) == GS_ARMED_WATCHED;
}

/* Else it is judged again who holds the GIL: what the wrapper found cannot be handed over past a
 * signal handler's own calls. */
GS_HIDDEN void gs_probe_judge(struct gs_probe *probe, unsigned call);
static inline void gs_probe_enter(struct gs_probe *probe, unsigned call)
{
	probe->state = GS_STATE_HELD;
	if (GS_UNLIKELY(!gs_probe_plainly(call)))
		gs_probe_judge(probe, call);
}

/* True if the call is held and cannot wait: it has been counted, and that is all. */
GS_HIDDEN bool gs_probe_may_skip(const struct gs_probe *probe);
static inline bool gs_probe_skips(const struct gs_probe *probe, unsigned call, gs_claim_t claim)
{
	if (claim != GS_NEVER_WAITS || (!gs_probe_plainly(call) && !gs_probe_may_skip(probe)))
		return false;
	gs_tally_harmless();
	return true;
}

/* A lock: true if it is to be tried first. It has been counted as harmless, before a cancellation
 * may act in it; which is taken back if it turns out to be contended. */
static inline bool gs_probe_tries(const struct gs_probe *probe)
{
	if (probe->state != GS_STATE_HELD)
		return false;
	gs_tally_harmless();
	return true;
}
GS_HIDDEN void gs_probe_contended(void);
GS_HIDDEN void gs_probe_log_uncontended(uint32_t key, void *caller);
static inline void gs_probe_uncontended(uint32_t key, void *caller)
{
	if (GS_UNLIKELY(!gs_probe_plainly(GS_KEY_CALL(key))))
		gs_probe_log_uncontended(key, caller);
}

/* Around the real call: before it; right after it, when errno is its own; and when its result has
 * been looked at. */
GS_HIDDEN void gs_probe_begin(
	struct gs_probe *probe, uint32_t key, gs_claim_t claim, void *caller, void *frame);
GS_HIDDEN void gs_probe_returned(struct gs_probe *probe);
GS_HIDDEN void gs_probe_end(struct gs_probe *probe, gs_claim_t claim);

#endif
