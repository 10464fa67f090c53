/* adding.h: a record while it is added to a view; between view.c and waits.c. */
#ifndef GS_ADDING_H
#define GS_ADDING_H

#include <stdbool.h>
#include <stdint.h>

#include "view.h"

struct gs_adding {
	struct gs_view *view;
	const struct gs_snapshot *snapshot;
	struct gs_process *process;
	uint32_t *modules;              /* the view's number of each of the record's */
	uint32_t *sites;                /* likewise */
	size_t first_gil, first_waiter; /* of the record, in the view */
};

/* Takes over who waited for which GIL, and what released calls cost. Calls in progress must have
 * been added. */
void gs_waits_add(struct gs_adding *adding);

/* Is the thread's note of a call in progress whole, and about a call that was counted? */
bool gs_view_is_in_progress(
	const struct gs_snapshot *snapshot, const struct gs_thread_entry *thread);

/* Notes who was stalled; NULL is nobody that has a name. */
void gs_view_add_victim(struct gs_view_site *site, const char *name);

void gs_view_note_pid(struct gs_view_pids *pids, uint32_t pid);

/* The view's copy of a record's text. */
static inline const char *gs_adding_text(
	const struct gs_adding *adding, uint32_t offset, size_t limit)
{
	return gs_pool_text(&adding->view->pool, gs_snapshot_text(adding->snapshot, offset), limit);
}

static inline void gs_raise(uint64_t *worst, uint64_t value)
{
	if (*worst < value)
		*worst = value;
}

#endif
