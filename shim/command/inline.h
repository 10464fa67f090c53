/* inline.h: system calls that an object's code makes itself, past libc. */
#ifndef GS_INLINE_H
#define GS_INLINE_H

#include <stdbool.h>

#include "objfile.h"

struct gs_inline {
	long number;          /* of the system call; -1: it is computed */
	long second;          /* its second argument; -1: not a constant */
	const char *function; /* that makes it; NULL: not known */
};

/* Shows every system call instruction in the code of the file. False if code for this machine
 * cannot be looked into. */
bool gs_inline_each(const struct gs_objfile *file,
	void (*see)(void *context, const struct gs_inline *found), void *context);

/* The name of the system call, if it can wait for others or for a disk; else NULL. */
const char *gs_inline_name(const struct gs_inline *found);

#endif
