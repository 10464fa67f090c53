/* pyframe.h: which Python line is this thread on? By reading the interpreter's frames in place: no
 * reference taken, nothing allocated, no Python code run. Only while the GIL is held (or the thread
 * attached), for the calling thread. */
#ifndef GS_PYFRAME_H
#define GS_PYFRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "modules.h"
#include "record.h"

/* Frames that gs_pyframe_stack_key() looks at. */
#define GS_STACK_KEY_FRAMES 24

/* The innermost Python frame, before any text is made of it. */
struct gs_pykey {
	uintptr_t code;
	uint64_t instruction;
	uint64_t content; /* of file name, function name and first line: addresses get reused */
};

/* Takes the layout of this interpreter's frames. Without one lines are not available. */
GS_HIDDEN void gs_pyframe_setup(const struct gs_object *object);

GS_HIDDEN bool gs_pyframe_available(void);

/* False if the thread runs no Python code (or its frames cannot be read). About 20 ns. */
GS_HIDDEN bool gs_pyframe_key(struct gs_pykey *key);

/* A number for the whole stack of code objects and instructions, for calls whose own line is
 * nobody's: every import of an extension module is one line of importlib. */
GS_HIDDEN uint64_t gs_pyframe_stack_key(void);

/* File, function and line of the innermost `limit` frames into `lines`, as strings of the record.
 * Returns how many. About 0.2 us a frame. */
GS_HIDDEN uint32_t gs_pyframe_stack(struct gs_pyline *lines, uint32_t limit);

#endif
