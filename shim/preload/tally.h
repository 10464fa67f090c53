/* tally.h: what a judged call adds to the totals of its function and to its site. Lock-free. */
#ifndef GS_TALLY_H
#define GS_TALLY_H

#include "compiler.h"
#include "gil.h"
#include "record.h"
#include "site.h"
#include "store.h"

/* A held call that could not wait. */
static inline void gs_tally_harmless(void)
{
	gs_gil_add(&gs_store.header->harmless, 1);
}

/* A held call begins: its site has one call more; GS_NONE: there was no room for it, and one call
 * more is lost. */
GS_HIDDEN void gs_tally_call(uint32_t site);

/* A held call has ended. */
GS_HIDDEN void gs_tally_function(
	struct gs_function *function, uint64_t elapsed, enum gs_evidence evidence);

/* A call that was not held, with timing=all. */
static inline void gs_tally_timed(struct gs_function *function, uint64_t elapsed)
{
	atomic_fetch_add_explicit(&function->released_ns, elapsed, memory_order_relaxed);
	gs_store_raise64(&function->released_worst_ns, elapsed);
}

#endif
