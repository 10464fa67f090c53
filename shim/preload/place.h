/* place.h: who waits, who computes, and where: the names of threads, and the lines of Python that
 * keep a GIL without making a call. */
#ifndef GS_PLACE_H
#define GS_PLACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "pyfar.h"
#include "record.h"
#include "store.h"

/* The waiter's entry of the thread with this block; made at the first question. The shared one
 * where there is no room, and for threads without a block of their own. Never NULL. */
GS_HIDDEN struct gs_waiter *gs_place_new_waiter(struct gs_thread_entry *entry);
static inline struct gs_waiter *gs_place_waiter(struct gs_thread_entry *entry)
{
	uint32_t index =
		entry ? atomic_load_explicit(&entry->waiter, memory_order_relaxed) : GS_NONE;

	return GS_LIKELY(index != GS_NONE) ? &gs_store.waiters[index] : gs_place_new_waiter(entry);
}

/* A name costs some system calls: only who waits for so long gets one. */
#define GS_NAMED_AFTER_NS 20000000

/* Names the calling thread, which is not holding a GIL, if it has no name yet. */
GS_HIDDEN void gs_place_name_self(struct gs_thread_entry *entry);

/* One more thread that a site stalled, by its index among the waiters. */
GS_HIDDEN void gs_place_victim(struct gs_site *site, uint32_t waiter);

/* The site, of kind COMPUTE, where the holder of a GIL is at present. `state` is its thread state,
 * `entry` its block; `is_self` says that the caller is the thread itself. Sets *stand. GS_NONE
 * where that cannot be found out (now), or the table is full. */
GS_HIDDEN uint32_t gs_place_stall(
	void *state, struct gs_thread_entry *entry, bool is_self, struct gs_pyfar_stand *stand);

#endif
