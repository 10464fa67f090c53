/* peek.h: may this address be read? Pointers that came from the program, or from an interpreter
 * that was interrupted, need not lead anywhere. */
#ifndef GS_PEEK_H
#define GS_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

/* True if the byte at `address` can be read. The answer is remembered for its page: the first one
 * costs a system call, the others a load. Where the kernel refuses to tell, true. Lock-free,
 * async-signal-safe, errno kept. */
GS_HIDDEN bool gs_can_peek(uintptr_t address);

/* Copies `size` bytes from `from`. False if not all of them can be read: nothing is believed here.
 * Where the kernel refuses to copy they are read. Async-signal-safe, errno kept. */
GS_HIDDEN bool gs_peek_copy(void *to, uintptr_t from, size_t size);

/* gs_can_peek() for `size` bytes, at most a page. */
static inline bool gs_can_peek_at(const void *address, size_t size)
{
	return gs_can_peek((uintptr_t) address) && gs_can_peek((uintptr_t) address + size - 1);
}

#endif
