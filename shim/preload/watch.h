/* watch.h: the judgement of each call: the hot path.
 *
 * Nothing here takes a lock, allocates, uses stdio or changes errno. The thread's `busy` flag
 * brackets our own bookkeeping, never the real call; a signal handler that finds it set only
 * forwards. */
#ifndef GS_WATCH_H
#define GS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "calls.h"
#include "compiler.h"
#include "gil.h"
#include "thread.h"

/* What a wrapper has to jump to. */
enum gs_half {
	GS_HALF_NONE,  /* the real function */
	GS_HALF_HELD,  /* its cold half: the GIL is held, or all calls are logged */
	GS_HALF_TIMED, /* a released call, which is timed and no more */
};

/* One byte a call: is it watched now, or has its entry to be marked whoever asks for it; is a count
 * all that decides about it for a thread without the GIL; two bits, the half of a released call;
 * and is each call of interest, for its time or for a log. On a page that a forked child finds
 * zeroed, so that a child is disarmed by the kernel before it runs its first instruction. */
#define GS_ARMED_WATCHED 1
#define GS_ARMED_MARK 2
#define GS_ARMED_COUNTS 4
#define GS_ARMED_RELEASED_SHIFT 3
#define GS_ARMED_EACH 32
#define GS_ARMED_TIMES                                        \
	(GS_ARMED_WATCHED | GS_ARMED_COUNTS | GS_ARMED_EACH | \
		GS_HALF_TIMED << GS_ARMED_RELEASED_SHIFT)
#define GS_ARMED_SIZE 4096
extern GS_HIDDEN unsigned char gs_armed[GS_ARMED_SIZE];

/* Behind the calls on the same page: which life of the record this is; 0 after a fork. */
#define GS_ARMED_EPOCH (GS_ARMED_SIZE - 4)
static inline uint32_t gs_epoch(void)
{
	return *(volatile uint32_t *) (void *) &gs_armed[GS_ARMED_EPOCH];
}

/* A call and the exported name that was bound, in one word. */
#define GS_KEY(call, name) ((uint32_t) (call) << 16 | (uint32_t) (name))
#define GS_KEY_CALL(key) ((key) >> 16)
#define GS_KEY_NAME(key) ((key) % 0x10000)

/* Counts a call of a thread that is known to be without the GIL; false, of any other. */
static inline bool gs_watch_counts(unsigned call)
{
	struct gs_thread *thread = &gs_thread;

	if (GS_UNLIKELY(thread->quick != GS_QUICK_COUNTS))
		return false;
	gs_thread_count(thread, call);
	return true;
}

/* What most calls are: not asked for, or made by a thread that is known to be without the GIL,
 * which is counted and no more. False: nothing was done; ask gs_watch(). */
static inline bool gs_watch_passes(unsigned call)
{
	unsigned char armed = gs_armed[call];

	return armed == (GS_ARMED_WATCHED | GS_ARMED_COUNTS) ? gs_watch_counts(call) : !armed;
}

/* The same for the call that locks a mutex: to lock those of the first GIL is a part of taking and
 * dropping it. */
static inline bool gs_watch_passes_mutex(unsigned call, const void *mutex)
{
	struct gs_thread *thread = &gs_thread;
	unsigned char armed = gs_armed[call];

	if (armed != (GS_ARMED_WATCHED | GS_ARMED_COUNTS))
		return !armed;
	if (thread->quick != GS_QUICK_COUNTS &&
		(!(thread->plain | thread->follows) || !gs_gil_locks_by(mutex)))
		return false;
	gs_thread_count(thread, call);
	return true;
}

/* Whether a count is all (GS_ARMED_COUNTS) follows from the GILs there are, and a released call's
 * half from the options. From the thread that makes a GIL. */
GS_HIDDEN void gs_watch_arm(void);

/* Judges and counts one call. */
GS_HIDDEN enum gs_half gs_watch(uint32_t key);

/* Of a call that does not pass: is it counted, and timed, and no more? */
static inline bool gs_watch_times(unsigned call)
{
	return gs_armed[call] == GS_ARMED_TIMES && gs_watch_counts(call);
}

/* Of a name that does not pass. */
static inline enum gs_half gs_watch_half(unsigned call, unsigned name)
{
	if (gs_watch_times(call))
		return GS_HALF_TIMED;
	return gs_armed[call] ? gs_watch(GS_KEY(call, name)) : GS_HALF_NONE;
}

/* Is the thread on an alternate signal stack with no room for more than a count? */
GS_HIDDEN bool gs_watch_is_cramped(void);

/* gs_watch() for entry stubs, with the call's first three arguments: notes the time where the call
 * is of interest; the stub then jumps. */
GS_HIDDEN void gs_watch_entry(
	uint32_t key, void *caller, uintptr_t first, uintptr_t second, uintptr_t third);

/* Around our own bookkeeping. Not plain while busy: calls of a signal handler, or of the unwinder,
 * take the odd path and are only forwarded. */
GS_HIDDEN void gs_enter(struct gs_thread *thread);
GS_HIDDEN void gs_leave(struct gs_thread *thread);

/* Makes sure that the thread has a block in this life of the record. */
static inline void gs_thread_here(struct gs_thread *thread)
{
	if (!thread->counts || thread->epoch != gs_epoch())
		gs_thread_claim(thread);
}

/* Notes that the thread holds, or held, a GIL; in its block too, unless that is its parent's. */
static inline void gs_thread_had_gil(struct gs_thread *thread)
{
	thread->had_gil = true;
	if (thread->entry && thread->epoch == gs_epoch())
		__atomic_store_n((uint32_t *) &thread->entry->had_gil, 1, __ATOMIC_RELAXED);
}

/* gs_enter(), gs_thread_here() and gs_leave() for what changes nothing but which GIL the thread
 * waits for, or left: whether all else is usual is looked at again only where it was not. */
static inline bool gs_enter_waits(struct gs_thread *thread)
{
	bool usual = thread->plain | thread->follows;

	gs_thread_busy(thread, NULL);
	thread->plain = thread->follows = false;
	if (GS_UNLIKELY(!usual))
		gs_thread_here(thread);
	return usual;
}

static inline void gs_leave_waits(struct gs_thread *thread, bool usual)
{
	bool follows = thread->wait_ns || thread->release_ns;

	if (GS_UNLIKELY(!usual)) {
		gs_leave(thread);
		return;
	}
	thread->busy = false;
	thread->plain = !follows;
	thread->follows = follows;
}

/* Takes back what the record says the thread is in: that call has ended without returning to us. */
GS_HIDDEN void gs_clear_progress(struct gs_thread *thread);

/* Clears what a call left behind that never returned to us, and closes one seen at entry only. */
GS_HIDDEN void gs_settle(struct gs_thread *thread);

#endif
