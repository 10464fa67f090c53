/* pyfar.h: which Python line is another thread on? Without its help, and without its GIL: its
 * frames are copied by process_vm_readv(2), which refuses instead of failing where an address leads
 * nowhere, and nothing of the interpreter is called. What is read is believed only if the thread's
 * innermost frame stood on the same instruction before and after: then every code object on its
 * stack was alive in between. */
#ifndef GS_PYFAR_H
#define GS_PYFAR_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "record.h"

enum gs_pyfar {
	GS_PYFAR_READ,
	GS_PYFAR_MOVED,   /* the thread went on meanwhile */
	GS_PYFAR_UNKNOWN, /* no frames there, or they cannot be read */
};

/* Where a thread stands. */
struct gs_pyfar_stand {
	uintptr_t frame, code, instruction;
};

/* The innermost `limit` frames of the thread with this state into `lines`, as strings of the
 * record. About 20 us a frame. Any thread; nothing is allocated. */
GS_HIDDEN enum gs_pyfar gs_pyfar_stack(uintptr_t state, struct gs_pyline *lines, uint32_t limit,
	uint32_t *depth, struct gs_pyfar_stand *stand);

/* Does the thread with this state stand there now? */
GS_HIDDEN bool gs_pyfar_stands(uintptr_t state, const struct gs_pyfar_stand *stand);

/* The function that the thread was made to run: its outermost frame outside of threading.py, as a
 * string of the record; GS_NONE if there is none. */
GS_HIDDEN uint32_t gs_pyfar_outermost(uintptr_t state);

#endif
