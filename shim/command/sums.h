/* sums.h: the promise of a record: held calls by function = by site, and those that no site has. */
#ifndef GS_SUMS_H
#define GS_SUMS_H

#include <stdbool.h>

#include "reader.h"

/* True if the sums of a copy hold. In a process that was killed, still runs, or ended while other
 * threads ran, a call may be in one book and not in the other; the `last_attempt` at copying such a
 * record makes them agree. */
bool gs_sums_settle(const struct gs_snapshot *snapshot, bool last_attempt);

#endif
