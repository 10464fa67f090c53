#include "tally.h"

#include "gil.h"
#include "store.h"

GS_HOT void gs_tally_call(uint32_t index)
{
	if (index == GS_NONE)
		gs_gil_add(&gs_store.header->lost.sites, 1);
	else
		gs_gil_add(&gs_store.sites[index].calls, 1);
}

GS_HOT void gs_tally_function(
	struct gs_function *function, uint64_t elapsed, enum gs_evidence evidence)
{
	gs_gil_add(&function->held_ns, elapsed);
	gs_store_raise64(&function->worst_ns, elapsed);
	if (evidence == GS_SLEPT)
		gs_gil_add(&function->slept, 1);
}
