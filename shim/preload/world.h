/* world.h: who waits for a stop of the world, in free-threaded builds.
 *
 * Without a GIL a thread that blocks while it is attached is in nobody's way, until somebody must
 * stop all threads (garbage collection, fork, changes of types). Whoever asks for that waits in
 * sem_clockwait(), called from the CPython image, with its own state attached, which nothing else
 * there does: every other timed wait detaches first (pystate.c, lock.c, 3.13). A thread that was
 * stopped waits in sem_wait() until it may attach again, and it alone has a thread state there that
 * is not attached: it makes the semaphore for it and destroys it, which are the two ends of its
 * wait. So an ordinary lock of the interpreter is never taken for a stop.
 *
 * Who is in the way are all held calls in progress: while they last the stop cannot come about, so
 * what is waited meanwhile is divided among them. Each waiter has the time up to which its wait was
 * settled; whoever moves that on (a held call that begins or ends, the next turn of the one who
 * asked) divides what lies between. So nothing is charged twice, and no lock is needed. Charged to
 * nobody is what no held call explains (a thread that computes, the collection itself), what was
 * waited while there was more than one interpreter (a stop may concern one of them), and calls that
 * began after the wait where nobody is known who asks for the stop.
 *
 * Nothing here allocates or takes a lock. */
#ifndef GS_WORLD_H
#define GS_WORLD_H

#include <stdint.h>

#include "compiler.h"
#include "thread.h"

/* In a forked child nobody waits. */
GS_HIDDEN void gs_world_reset(void);

/* The thread is about to wait until it may attach again; it has been woken. The second may come
 * without the first. */
GS_HIDDEN void gs_world_park(void);
GS_HIDDEN void gs_world_unpark(void);

/* The thread begins a held call, which may be the one by which it asks for a stop. */
GS_HIDDEN void gs_world_call(struct gs_thread *thread, uint64_t now, void *caller);

/* The thread's held call ends, with what it was charged until `now`. */
GS_HIDDEN void gs_world_charge(struct gs_thread *thread, uint64_t now);

#endif
