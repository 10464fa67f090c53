/* store.h: the record in memory: a file where the user asked for one, else private pages.
 * The mapping is never given to a forked child and never unmapped. */
#ifndef GS_STORE_H
#define GS_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "options.h"
#include "record.h"

struct gs_store {
	struct gs_record_header *header;
	struct gs_module *modules;
	struct gs_function *functions;
	struct gs_thread_entry *threads; /* GS_MAX_THREADS and the overflow block */
	uint64_t *counts;
	struct gs_site *sites;
	struct gs_gil_entry *gils;
	struct gs_waiter *waiters; /* the last one is shared */
	struct gs_delay *delays;   /* by call */
	uint64_t *native;
	struct gs_pyline *python;
	char *strings;
	_Atomic uint32_t reserved_modules;
	uint32_t program; /* string: path of the main program */
	bool is_file;
};

extern GS_HIDDEN struct gs_store gs_store;

/* Once, from the constructor. */
GS_HIDDEN void gs_store_setup(void);

/* Makes a record for this process. A record directory that cannot be used costs one line and gives
 * an anonymous record. False if there is no memory at all: then nothing is judged. Uses system
 * calls only; may run in a forked child. */
GS_HIDDEN bool gs_store_open(const struct gs_options *options);

/* Gives the record file its name: once the header says whose record it is. If that fails it costs
 * one line, and the record is seen by nobody else. */
GS_HIDDEN void gs_store_publish(void);

/* The string's offset in the record, the same for the same text; GS_NONE if there is no room.
 * Lock-free. */
GS_HIDDEN uint32_t gs_store_string(const char *text, uint32_t length);

static inline const char *gs_store_text(uint32_t offset)
{
	return offset == GS_NONE ? "?" : gs_store.strings + offset;
}

/* Raises *highest to `value` if that is larger. */
static inline void gs_store_raise(_Atomic uint32_t *highest, uint32_t value)
{
	uint32_t seen = atomic_load_explicit(highest, memory_order_relaxed);

	while (seen < value && !atomic_compare_exchange_weak_explicit(highest, &seen, value,
				       memory_order_release, memory_order_relaxed))
		;
}

static inline void gs_store_raise64(_Atomic uint64_t *highest, uint64_t value)
{
	uint64_t seen = atomic_load_explicit(highest, memory_order_relaxed);

	while (seen < value && !atomic_compare_exchange_weak_explicit(highest, &seen, value,
				       memory_order_relaxed, memory_order_relaxed))
		;
}

#endif
