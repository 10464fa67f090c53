/* site.h: call sites: the table that everything about held calls is added up in.
 *
 * A site is call + native return address + Python frame. The table lies in the record; a small
 * process-private cache leads from addresses to its entries. Lock-free. */
#ifndef GS_SITE_H
#define GS_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "claim.h"
#include "compiler.h"
#include "record.h"

/* How a held call ended. */
enum gs_evidence {
	GS_QUICK,     /* came back at once */
	GS_SLEPT,     /* gave up its CPU: it blocked */
	GS_LONG,      /* took long, and no involuntary switch explains it: it blocked */
	GS_PREEMPTED, /* took long, with involuntary switches only: no finding */
};

/* What the thread is at, before any text is made of it. */
struct gs_identity {
	uint32_t key; /* GS_KEY */
	uintptr_t caller;
	bool has_python;
	bool deep; /* the whole Python stack tells sites apart, not its innermost frame */
	uintptr_t code;
	uint64_t instruction, content;
};

/* Fills the identity from the calling thread's Python frame; the GIL must be held. */
GS_HIDDEN void gs_site_identify(
	struct gs_identity *identity, uint32_t key, void *caller, bool deep);

/* The site if it was seen before: its index; GS_NONE with *lost set if the table had no room for
 * it. False if it is new. */
GS_HIDDEN bool gs_site_known(const struct gs_identity *identity, uint32_t *index);

/* Finds it by content or claims a place and captures its stacks. Returns its index, or GS_NONE
 * where the table is full. */
GS_HIDDEN uint32_t gs_site_claim(const struct gs_identity *identity, enum gs_class class);

/* The site of kind COMPUTE at this Python stack, innermost frame first, of a thread that is known
 * as `waiter`. Returns its index, or GS_NONE where the table is full. */
GS_HIDDEN uint32_t gs_site_claim_compute(
	const struct gs_pyline *lines, uint32_t depth, uint32_t waiter);

/* The native stack of the calling thread for a site of kind COMPUTE that has none, unless nobody
 * but the interpreter stands on it. */
GS_HIDDEN void gs_site_capture_chain(uint32_t index, void *caller);

/* The same, whoever stands on it, from the instruction that a signal interrupted. */
GS_HIDDEN void gs_site_sample(uint32_t index, void *interrupted);

/* Captures the stacks again, for a new worst. */
GS_HIDDEN void gs_site_capture(uint32_t index, void *caller);

/* Adds a call that has ended. True if it is the worst so far. */
GS_HIDDEN bool gs_site_add(uint32_t index, uint64_t elapsed_ns, enum gs_evidence evidence);

/* Raises the site's class. */
GS_HIDDEN void gs_site_class(uint32_t index, enum gs_class class);

/* Forgets the cache: for a new life of the record. */
GS_HIDDEN void gs_site_forget(void);

#endif
