/* thread.h: what a thread carries, and the blocks of the record that it counts in. */
#ifndef GS_THREAD_H
#define GS_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "record.h"
#include "usage.h"

/* A call seen at entry only (vfork, dlopen): closed by the thread's next event. */
struct gs_pending {
	uint32_t key;
	uint32_t site;
	uint32_t pid; /* of the process that waits for a child; 0: vfork and its kind alone do */
	uint64_t begin_ns;
	uint64_t voluntary, cpu_ns;
	void *caller;
	uint8_t state; /* enum gs_state; others than held only where they are timed; none: a mark */
	bool past;     /* objects came in that may be bound past us */
};

struct gs_thread {
	uint64_t *counts; /* calls not held, by call id; in the record */
	union {
		struct {
			bool plain;    /* nothing unusual: gs_watch() may take its short path */
			uint8_t holds; /* 0: it took no GIL that it did not drop (gil.h) */
		};
		uint16_t quick; /* both at once */
	};
	bool follows; /* nothing unusual but that it waits for a GIL, or left one that others want
		       */
	bool busy;    /* in our own bookkeeping */
	bool ended;   /* its block was handed back: what follows is added to the totals */
	bool is_pending;
	bool was_late;   /* waited when it took the GIL last */
	bool exec_tried; /* the process stands to be replaced: if it calls again, it was not */
	union {
		struct {
			bool had_gil; /* held one at some time */
			/* to be looked at when it takes or drops a GIL: mark, pending, release_ns
			 */
			bool loose;
			uint16_t zero; /* no padding, which may be anything */
			uint32_t gil;  /* the one taken last */
		};
		uint64_t switches; /* all at once */
	};
	uint32_t epoch; /* the life of the record that `counts` and `entry` belong to */
	uint32_t tid;
	struct gs_thread_entry *entry;
	char *home;       /* an address on the thread's own stack */
	char *busy_at;    /* the frame that made it busy, where a longjmp may leave that; NULL */
	void *mark;       /* the frame of the held call in progress */
	void *composite;  /* of the composite call in progress: calls below it are its own */
	void *first_cond; /* gil.c: the first of the two conditions of a GIL being made */
	/* waits.h */
	uint32_t wait_gil;    /* the one it waits for */
	uint32_t charge_site; /* of the held call in progress, as index + 1; 0: it computes */
	uint16_t released;    /* the call made since the GIL was dropped, as id + 1; 0: none */
	uint64_t wait_ns;     /* since when it waits for a GIL; 0: it does not */
	uint64_t release_ns;  /* when it dropped a GIL that others want, or that it waited for; 0 */
	uint64_t call_ns;     /* how long it was without the GIL before it wanted it back */
	uint64_t nested_ns;   /* of held calls that ended within the one in progress */
	struct gs_pending pending;
	struct gs_reading reading;
};

/* Of `quick`: plain, and not holding. */
#define GS_QUICK_COUNTS ((uint16_t) 1)

/* Of `switches`: it had the first GIL, and nothing is to be looked at. */
#define GS_SWITCHES_FIRST ((uint64_t) 1)

extern GS_HIDDEN GS_TLS struct gs_thread gs_thread __attribute__((aligned(64)));
_Static_assert(sizeof(struct gs_thread) <= 256, "thread-local storage of a guest is scarce");

/* Makes the key whose destructor hands blocks back. Once, from the constructor. */
GS_HIDDEN void gs_thread_setup(void);

/* Claims a block for the calling thread; the overflow block if none is free. Lock-free. */
GS_HIDDEN void gs_thread_claim(struct gs_thread *thread);

/* Notes the calling thread's name in its block, if it is not there yet. A system call. */
GS_HIDDEN void gs_thread_name(struct gs_thread_entry *entry);

/* Our own bookkeeping begins, in this frame if it may be left by a longjmp. */
static inline void gs_thread_busy(struct gs_thread *thread, char *at)
{
	thread->busy_at = at;
	thread->busy = true;
}

/* Adds one to a call's count. One instruction where the architecture has it, so that a signal
 * handler on this thread cannot lose one. */
static inline void gs_thread_count(struct gs_thread *thread, unsigned call)
{
#ifdef __x86_64__
	__asm__ volatile("incq %0" : "+m"(thread->counts[call]) : : "cc");
#else
	__atomic_fetch_add(&thread->counts[call], 1, __ATOMIC_RELAXED);
#endif
}

#endif
