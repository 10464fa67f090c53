/* peek.h: may this address be read? Pointers that came from the program, or from an interpreter
 * that was interrupted, need not lead anywhere. */
#ifndef GS_PEEK_H
#define GS_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

/* Can `size` bytes at `address` be read now? A system call for each eight bytes. Async-signal-safe,
 * errno kept. */
GS_HIDDEN bool gs_can_read(const void *address, size_t size);

/* True if the byte at `address` can be read. The answer is remembered for its page: the first one
 * costs a system call, the others a load. Lock-free, async-signal-safe, errno kept. */
GS_HIDDEN bool gs_can_peek(uintptr_t address);

/* Copies `size` bytes from `from`. False if not all of them can be read: nothing is believed here.
 * Async-signal-safe, errno kept. */
GS_HIDDEN bool gs_peek_copy(void *to, uintptr_t from, size_t size);

#endif
