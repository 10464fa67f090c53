/* five.h: the five named calls (read, write, recv, nanosleep, select) and the nearest that have
 * large-file forms (pread, open). */
#ifndef FIVE_H
#define FIVE_H

/* Opens what the calls need. Returns 0, or -1 with errno. */
int five_prepare(void);

/* Makes the call `name` once. A blocked call waits for 10 ms and comes back by a timeout of its
 * own; the others find what they need and come back at once (pread and open never block). Returns 1
 * if the call did what it should, 0 if not, -1 if there is no such call. */
int five_call(const char *name, int blocked);

#endif
