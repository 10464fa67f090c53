#include "timed.h"

#include "store.h"
#include "tally.h"
#include "ticks.h"
#include "watch.h"

GS_HOT void gs_timed_end(uint64_t begin, uint32_t epoch, unsigned call)
{
	uint64_t elapsed = gs_ticks_since(begin);

	/* The child of a fork has no record yet. */
	if (epoch == gs_epoch() && epoch)
		gs_tally_timed(&gs_store.functions[call], elapsed);
}
