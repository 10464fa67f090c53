/* gil.h: does this thread hold a GIL? This file and pyframe.h alone know CPython.
 *
 * The procedure, with its proof in the tests: 3.12 and newer keep the current thread state in a
 * thread-local variable, so the function that returns it answers for this thread, sub-interpreters
 * with their own GIL and free-threaded builds ("attached") included; in the latter a thread that
 * waits to be attached again has its state there too, but the state says so. Up to 3.11 that
 * variable is one for the process; there we follow the two conditions of every GIL: take_gil() ends
 * with a signal of switch_cond, drop_gil() with a signal of cond, and the CPython image signals
 * nothing else. A thread state is wanted besides, but for one that was swapped out. */
#ifndef GS_GIL_H
#define GS_GIL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calls.h"
#include "compiler.h"
#include "thread.h"

enum gs_oracle {
	GS_ORACLE_NONE,    /* no Python here: nothing is judged */
	GS_ORACLE_THREAD,  /* 3.12+: a thread-local thread state */
	GS_ORACLE_FLAG,    /* up to 3.11: the two conditions */
	GS_ORACLE_STATE,   /* free-threaded builds: the same, and it says that it is attached */
	GS_ORACLE_CHECK,   /* gil=check: PyGILState_Check to the letter */
	GS_ORACLE_UNKNOWN, /* an interpreter that says nothing usable: PyPy */
};

struct gs_gil {
	/* one cache line: what taking and dropping the first GIL looks at */
	enum gs_oracle oracle;
	/* THREAD, FLAG or STATE, whatever the user asked for; UNKNOWN, NONE */
	enum gs_oracle exact;
	uintptr_t start, end; /* the CPython image */
	void *(*unchecked)(void);
	bool flagged;  /* there is one GIL: no thread has it that has not `holds` set */
	bool attached; /* its GIL is off: "held" means "attached thread state" */
	/* `holds` of who took the GIL. Another one since it was made anew: those who held the old
	 * one when it went hold nothing. Not 0. */
	uint8_t round;
	_Atomic uint32_t made; /* GILs whose two conditions were seen being made */
	/* Of the first GIL, where they lie in the image, as the main interpreter's do: no other
	 * condition can ever come to be at their place. Else NULL. So is its mutex, but in 3.6. */
	struct {
		void *cond, *switch_cond;
		void *mutex; /* and switch_mutex lies behind switch_cond */
	} lasting;
	/* Of each GIL, in the order of creation; the oldest gives way. Only one exists up to 3.11,
	 * where the verdict stands on this. */
	struct {
		void *cond;        /* signalled by drop_gil() */
		void *switch_cond; /* signalled by take_gil() */
	} gils[GS_MAX_GILS];

	uintptr_t base; /* the image's load bias */
	void *(*this_thread)(void);
	void *(*first_interpreter)(void);
	void *(*next_interpreter)(void *);
	int (*check)(void);
	int (*initialized)(void);
	int (*finalizing)(void);
	void **finalizing_36; /* 3.6 has a variable instead */
	uint32_t hex;         /* 0x030b02f0 */
	bool free_threaded;   /* built so */
	bool came_later;      /* loaded by the program: it may unload it */
	uint16_t state;       /* in thread states: attached? With GS_ORACLE_STATE */
	_Atomic bool was_initialized;
	char version[32];
	char path[256]; /* of the image, as the loader knows it */
} __attribute__((aligned(64)));

extern GS_HIDDEN struct gs_gil gs_gil;

/* Looks for an interpreter among the loaded objects: in the global scope, or (address not NULL) in
 * the object that `address` lies in. True if one is known now. Not in the hot path. */
GS_HIDDEN bool gs_gil_find(const void *address, bool check_to_the_letter);

/* An object is about to be closed. It may be that of an interpreter that has gone down, so nothing
 * in there is asked any more; one that comes up again is found again. */
GS_HIDDEN void gs_gil_closing(void);

/* Of a free-threaded build: is this thread's state attached? Does the thread wait to be attached
 * again, because all threads were stopped? */
GS_HIDDEN bool gs_gil_attached(void);
GS_HIDDEN bool gs_gil_suspended(void);

/* Is there one interpreter only? False where that is not known. Any thread. */
GS_HIDDEN bool gs_gil_alone(void);

/* Seen to have dropped the one GIL, or never to have taken it: no more needs to be asked. */
static inline bool gs_gil_surely_not(const struct gs_thread *thread)
{
	return gs_gil.flagged && !thread->holds;
}

/* By the exact procedure. Nothing that allocates or takes a reference.
 * 3.6 makes its GIL with its first thread; before that, whoever runs holds it. */
static inline bool gs_gil_exactly_held(const struct gs_thread *thread)
{
	void *state;

	if (gs_gil_surely_not(thread))
		return false;
	if (gs_gil.exact == GS_ORACLE_THREAD)
		return gs_gil.unchecked() != NULL;
	if (gs_gil.exact != GS_ORACLE_FLAG)
		return gs_gil.exact == GS_ORACLE_STATE && gs_gil_attached();
	if (GS_LIKELY(gs_gil.made))
		return thread->holds == gs_gil.round && gs_gil.unchecked() != NULL;
	state = gs_gil.unchecked();
	return state && state == gs_gil.this_thread();
}

/* Of a thread that took a GIL, did not drop it, and has no thread state: does it keep the GIL? Up
 * to 3.11 so does PyThreadState_Swap(NULL) (pystate.c), and Py_EndInterpreter(). */
GS_HIDDEN bool gs_gil_kept(void);

/* Is this one of the two mutexes of the first GIL? ceval_gil.h, 3.7 to 3.15: between them lies a
 * condition. The holder locks `mutex` when its thread state is gone already, to drop the GIL. */
static inline bool gs_gil_locks_by(const void *mutex)
{
	return (uintptr_t) mutex - (uintptr_t) gs_gil.lasting.mutex <=
	       sizeof(pthread_mutex_t) + sizeof(pthread_cond_t);
}

/* Is this thread holding a GIL, or attached, at this call? By the procedure that the user asked
 * for. drop_gil() locks the GIL's mutex when the thread state is gone already: a part of dropping
 * it, as is therefore each such call without a thread state. */
static inline bool gs_gil_held(const struct gs_thread *thread, unsigned call)
{
	if (GS_UNLIKELY(gs_gil.oracle == GS_ORACLE_CHECK))
		return gs_gil.check() != 0;
	if (gs_gil_exactly_held(thread))
		return true;
	return call != GS_CALL_MUTEX_LOCK && GS_UNLIKELY(thread->holds == gs_gil.round) &&
	       gs_gil_kept();
}

/* What a call of this thread is now: held, released or unknown. */
static inline enum gs_state gs_state_now(const struct gs_thread *thread, unsigned call)
{
	if (gs_gil_held(thread, call))
		return GS_STATE_HELD;
	return gs_gil.oracle == GS_ORACLE_UNKNOWN ? GS_STATE_UNKNOWN : GS_STATE_RELEASED;
}

/* This thread's own state while it holds the GIL, its first one if that is swapped out; else NULL.
 * PyGILState_Check is not asked: where it is wrong, the state is another thread's. */
static inline void *gs_gil_thread_state(void)
{
	if (gs_gil_exactly_held(&gs_thread))
		return gs_gil.unchecked();
	return gs_thread.holds == gs_gil.round && gs_gil_kept() ? gs_gil.this_thread() : NULL;
}

/* Coming up, going down, or neither? */
GS_HIDDEN bool gs_gil_starting(void);
GS_HIDDEN bool gs_gil_finalizing(void);

static inline bool gs_gil_in_image(const void *address)
{
	return (uintptr_t) address - gs_gil.start < gs_gil.end - gs_gil.start;
}

/* Which GIL a thread that waits on this condition waits for: its number, < GS_MAX_GILS; -1: none.
 */
GS_HIDDEN int gs_gil_of_waiter(const void *cond);

/* The thread state that holds the GIL of that number, or held it last; NULL if not known. Under the
 * GIL's mutex, or by its holder. */
GS_HIDDEN void *gs_gil_holder(uint32_t gil);

/* Adds to a sum that only the holder of a GIL changes, or who just takes one, under its mutex: with
 * one GIL no other thread does, and one instruction is safe from a signal handler. The one other is
 * the thread that ends the process, which may close its own call seen at entry only: at worst one
 * of two additions in the same instant is lost. */
#ifdef __x86_64__
#define GS_ADDS_UNLOCKED(instruction, type)                                                        \
	if (GS_LIKELY(gs_gil.flagged)) {                                                           \
		__asm__ volatile(instruction " %1, %0" : "+m"(*(type *) sum) : "er"(more) : "cc"); \
		return;                                                                            \
	}
#else
#define GS_ADDS_UNLOCKED(instruction, type)
#endif
#define GS_ADDS(name, type, instruction)                                    \
	static inline void name(_Atomic type *sum, type more)               \
	{                                                                   \
		GS_ADDS_UNLOCKED(instruction, type)                         \
		atomic_fetch_add_explicit(sum, more, memory_order_relaxed); \
	}
GS_ADDS(gs_gil_add, uint64_t, "addq")
GS_ADDS(gs_gil_add32, uint32_t, "addl")
#undef GS_ADDS
#undef GS_ADDS_UNLOCKED

/* Hooks, called by the exported pthread_cond_init, pthread_cond_signal, sem_init and sem_destroy
 * before they jump to the real ones; `caller` is the return address. */
GS_HIDDEN void gs_gil_cond_init(void *cond, void *caller);
GS_HIDDEN void gs_gil_signalled(void *cond, void *caller);
static inline void gs_gil_cond_signal(void *cond, void *caller)
{
	if (gs_gil_in_image(caller))
		gs_gil_signalled(cond, caller);
}
GS_HIDDEN void gs_gil_sem_init(void *caller);
GS_HIDDEN void gs_gil_sem_destroy(void *caller);

#endif
