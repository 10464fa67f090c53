/* sums.h: the promise of a record: held calls by function = by site, and those that no site has. */
#ifndef GS_SUMS_H
#define GS_SUMS_H

#include <stdbool.h>

#include "reader.h"

/* True if the sums of a copy hold. In a process that was killed, still runs, or ended while other
 * threads ran, a call may be in one book and not in the other; the `last_attempt` at copying such a
 * record makes them agree. */
bool gs_sums_settle(const struct gs_snapshot *snapshot, bool last_attempt);

/* What the calls of a function did that found the table of sites full, as far as one can tell: its
 * own sums less those of its sites. Harmless calls have no site either, but hardly a time. */
struct gs_unlisted {
	uint64_t slept;    /* calls that gave up their CPU */
	uint64_t at_most;  /* ns: none of those took longer */
	uint64_t worst_ns; /* of one that took longer than any call of the sites; 0: none did */
};

/* Of each function of the record, all 0 where no call was lost. The caller frees. */
struct gs_unlisted *gs_sums_unlisted(const struct gs_snapshot *snapshot);

#endif
