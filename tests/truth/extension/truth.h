/* truth.h: calls whose GIL state is known by construction, counted where they are made.
 *
 * Each state has libc functions of its own that CPython does not use by itself, so the counts that
 * a report gives for these functions can be compared one by one with the counts kept here. Nothing
 * in these files asks Python whether the GIL is held: the callers hold or release it on purpose. */
#ifndef TRUTH_H
#define TRUTH_H

enum truth_state {
	TRUTH_HELD,     /* readv, ppoll */
	TRUTH_RELEASED, /* writev, pselect */
	TRUTH_NONE,     /* pread: in threads that never hold a GIL */
	TRUTH_UNHELD,   /* pwrite: not held; whether it is counted, and as what, is left open */
	TRUTH_STATES
};

/* Makes `n` calls of the functions of `state`. The caller guarantees the state. Async-signal-safe,
 * thread-safe, never blocks, errno is not kept. */
void truth_make(enum truth_state state, long n);

/* How many calls of `state` this process has made since it began (or was forked). */
long truth_made(enum truth_state state);

/* Appends the counts as one line of JSON to the file named by TRUTH_FILE and starts again from
 * nothing. Without that variable it does nothing. */
void truth_dump(void);

#endif
