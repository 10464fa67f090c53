#include "timed.h"

#include "gil.h"
#include "store.h"
#include "tally.h"
#include "watch.h"

bool gs_timed_begins(struct gs_timed *timed, unsigned call)
{
	if (gs_life.options.log == GS_LOG_ALL || gs_gil_held(&gs_thread, call))
		return false;
	timed->epoch = gs_epoch();
	gs_stopwatch_start(&timed->watch);
	return true;
}

void gs_timed_end(const struct gs_timed *timed, unsigned call)
{
	uint64_t elapsed = gs_stopwatch_stop(&timed->watch);

	/* The child of a fork has no record yet. */
	if (timed->epoch == gs_epoch() && timed->epoch)
		gs_tally_timed(&gs_store.functions[call], elapsed);
}
