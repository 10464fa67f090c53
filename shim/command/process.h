/* process.h: the process that a record is of: who it was, whether it lives, how it ended. */
#ifndef GS_PROCESS_H
#define GS_PROCESS_H

#include "view.h"

void gs_process_read(
	struct gs_process *process, struct gs_pool *pool, const struct gs_snapshot *snapshot);

#endif
