/* progress.h: one line on standard error that says what takes so long, where a terminal watches and
 * it takes more than a second. It is erased before anything else is said. Not for threads. */
#ifndef GS_PROGRESS_H
#define GS_PROGRESS_H

#include <stddef.h>

/* "reading records: 120 of 1,000"; `total` 0: not known. Time counts from the first call. Costs a
 * clock's reading; writes at most ten times a second. */
void gs_progress(const char *doing, size_t done, size_t total);

/* Erases the line. What follows is timed anew. */
void gs_progress_end(void);

/* Erases the line, and no more: before a message. */
void gs_progress_clear(void);

#endif
