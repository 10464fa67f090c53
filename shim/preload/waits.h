/* waits.h: who waits for a GIL, since when, and what its holder does meanwhile.
 *
 * A thread that finds a GIL taken waits for it in pthread_cond_timedwait(), called from the CPython
 * image, which nothing else there does; its wait ends where it takes that GIL (gil.h), or gives up.
 * Each GIL has the integral of its waiters over time, in thread-ns. The integral changes while
 * CPython holds the GIL's own mutex (ceval_gil.h, 3.6 to 3.13: take_gil() and drop_gil() wait and
 * signal inside it), so it needs no lock of ours; whoever holds the GIL charges its growth to what
 * he is doing: to the site of a held call, else to his own computing; what grew before he had it,
 * to nobody. So nothing is charged twice, and nothing that was not waited.
 *
 * No frame of ours stands in a wait. While nobody waits for a GIL, taking and dropping it costs the
 * look at one flag. Nothing here allocates or takes a lock. */
#ifndef GS_WAITS_H
#define GS_WAITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "pyfar.h"
#include "record.h"
#include "thread.h"

struct gs_waits {
	/* 0: nobody waits and nothing is uncharged. Set by waiters, cleared by takers, under the
	 * GIL's mutex. Left set where the program began without its GIL, see world.h */
	_Atomic uint32_t active;
	/* where the holder computes, once he does so too long; GS_NONE. Published after stall_stand
	 */
	_Atomic uint32_t stall_site;

	/* under the GIL's mutex; read by its holder at any time */
	_Atomic uint32_t sequence; /* odd while the three below change */
	_Atomic uint32_t waiting;  /* threads */
	_Atomic uint64_t since_ns; /* of the last change */
	_Atomic uint64_t integral; /* thread-ns, up to then */

	/* threads that gave up outside of the mutex: the next change takes them off */
	_Atomic uint32_t gone;

	struct gs_thread_entry *holder; /* his block; NULL: he has none of his own */
	uint64_t charged;               /* of the integral; by the holder alone */

	/* the present stretch: since somebody waits for this holder; under the mutex */
	uint64_t stretch_ns;             /* 0: nobody does */
	uint64_t stretch_held;           /* the holder's held_ns then */
	_Atomic uint64_t stretch_stalls; /* charged to his computing since */
	struct gs_pyfar_stand stall_stand;

	/* By the holder: its CPU time, plus 1, when it entered a call that is seen at its entry
	 * only and that it may be in yet; 0: it is in none. */
	_Atomic uint64_t entry_cpu;
} __attribute__((aligned(64)));

extern GS_HIDDEN struct gs_waits gs_waits[GS_MAX_GILS];

/* One wait for a GIL, or GS_WORLD, of the thread with this block has ended. */
GS_HIDDEN void gs_waits_count(uint32_t gil, struct gs_thread_entry *entry, uint64_t waited);

/* Charges so much of what is waited for a GIL, or GS_WORLD, to a site; those who wait now are told
 * as its victims. */
GS_HIDDEN void gs_waits_charge_site(uint32_t gil, uint32_t site, uint64_t ns);

/* A GIL was made: nobody waits for it. */
GS_HIDDEN void gs_waits_reset(uint32_t gil);

/* pthread_cond_timedwait(cond) is about to be called; returns at once unless it is a wait for a
 * GIL. */
GS_HIDDEN void gs_waits_begin(void *cond, void *caller);

static inline bool gs_waits_active(const struct gs_waits *waits)
{
	return atomic_load_explicit(&waits->active, memory_order_relaxed);
}

/* Is there more to taking or dropping this GIL than that? */
static inline bool gs_waits_concern(const struct gs_waits *waits, const struct gs_thread *thread)
{
	return gs_waits_active(waits) | thread->loose;
}

/* The thread takes, or drops, the GIL that `thread->gil` names, and there is more to it. That
 * proves that no call is in progress that kept the GIL. `caller` is the return address of the
 * signal that says so. */
GS_HIDDEN void gs_waits_taken(struct gs_thread *thread);
GS_HIDDEN void gs_waits_dropped(struct gs_thread *thread, void *caller);

/* The holder begins a held call. */
GS_HIDDEN void gs_waits_call_slowly(struct gs_thread *thread, uint64_t now, void *caller);

/* The thread's wait has ended without the GIL: it ends, or does something else. */
GS_HIDDEN void gs_waits_abandon(struct gs_thread *thread);

/* The thread, with so much CPU time, enters a call that is seen at its entry only; or is known to
 * have left it. Meanwhile it computes no more than its CPU time grows. */
static inline void gs_waits_enter(const struct gs_thread *thread, uint64_t cpu_ns)
{
	if (thread->holds)
		atomic_store_explicit(
			&gs_waits[thread->gil].entry_cpu, cpu_ns + 1, memory_order_relaxed);
}

static inline void gs_waits_left(const struct gs_thread *thread)
{
	if (thread->holds)
		atomic_store_explicit(&gs_waits[thread->gil].entry_cpu, 0, memory_order_relaxed);
}

/* Charges what was waited until `now` since the thread entered a call that was seen at its entry
 * only: to that site in so far as the thread, of `elapsed` ns, did not run for `idle`; the rest to
 * its computing. */
GS_HIDDEN void gs_waits_split(
	struct gs_thread *thread, uint64_t now, uint32_t site, uint64_t idle, uint64_t elapsed);

/* Charges what was waited until `now` to what the thread is doing (thread->charge_site). To be
 * called by the holder before that changes. */
GS_HIDDEN void gs_waits_charge_slowly(struct gs_thread *thread, uint64_t now);

static inline void gs_waits_charge(struct gs_thread *thread, uint64_t now)
{
	if (GS_UNLIKELY(gs_waits_active(&gs_waits[thread->gil])))
		gs_waits_charge_slowly(thread, now);
}

static inline void gs_waits_call(struct gs_thread *thread, uint64_t now, void *caller)
{
	if (GS_UNLIKELY(gs_waits_active(&gs_waits[thread->gil])))
		gs_waits_call_slowly(thread, now, caller);
}

#endif
