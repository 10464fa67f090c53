#include "tally.h"

#include "store.h"

void gs_tally_harmless(void)
{
	atomic_fetch_add_explicit(&gs_store.header->harmless, 1, memory_order_relaxed);
}

void gs_tally_call(uint32_t index)
{
	if (index == GS_NONE)
		atomic_fetch_add_explicit(&gs_store.header->lost.sites, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&gs_store.sites[index].calls, 1, memory_order_relaxed);
}

void gs_tally_function(struct gs_function *function, uint64_t elapsed, enum gs_evidence evidence)
{
	atomic_fetch_add_explicit(&function->held_ns, elapsed, memory_order_relaxed);
	gs_store_raise64(&function->worst_ns, elapsed);
	if (evidence == GS_SLEPT)
		atomic_fetch_add_explicit(&function->slept, 1, memory_order_relaxed);
}

void gs_tally_timed(struct gs_function *function, uint64_t elapsed)
{
	atomic_fetch_add_explicit(&function->released_ns, elapsed, memory_order_relaxed);
	gs_store_raise64(&function->released_worst_ns, elapsed);
}
