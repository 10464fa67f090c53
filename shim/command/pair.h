/* pair.h: two sleeps of which it is known that one holds the GIL and one does not: does the library
 * judge them so in this interpreter? */
#ifndef GS_PAIR_H
#define GS_PAIR_H

#include <stddef.h>

enum gs_pair {
	GS_PAIR_RIGHT,
	GS_PAIR_WRONG,
	GS_PAIR_UNKNOWN,   /* the interpreter does not tell */
	GS_PAIR_NOT_TRIED, /* it has no ctypes, or does not run */
};

/* Runs `interpreter` with the environment it is given (entries ended by NULs; NULL: our own), the
 * library and GILSHIM_OPTIONS=`options`. *words says what came of it; the caller frees. */
enum gs_pair gs_pair_try(const char *interpreter, const char *environment, size_t environment_size,
	const char *library, const char *options, char **words);

#endif
