/* chain.h: the native chain from a libc call to what Python called. */
#ifndef GS_CHAIN_H
#define GS_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "modules.h"
#include "record.h"

struct gs_chain {
	uint64_t *frames; /* room for `limit` return addresses, innermost first */
	uint32_t limit, depth;
	uint32_t extension; /* module of the outermost object that is not CPython; else innermost */
	uint32_t extension_frame; /* its index in frames; GS_NONE if it was cut off */
	enum gs_origin origin;    /* GS_ORIGIN_EXTENSION or GS_ORIGIN_INTERPRETER */
};

/* Learns where the interpreter's own evaluation begins: a chain ends there. */
GS_HIDDEN void gs_chain_setup(const struct gs_object *image);

/* True on an alternate signal stack that the unwinder, and texts, would overflow. One system call.
 */
GS_HIDDEN bool gs_stack_is_small(void);

/* Fills `chain` from the frame that `caller` returns to outwards. No lock, no allocation. About a
 * microsecond a frame. */
GS_HIDDEN void gs_chain_capture(struct gs_chain *chain, const void *caller);

#endif
