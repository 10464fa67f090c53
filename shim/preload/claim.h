/* claim.h: what the arguments of a call say about whether it can wait.
 *
 * A claim is cheap to make (no system call) and settled later, only where it matters: asking a
 * descriptor costs a quarter of a microsecond, so it is done at a site's first sight, when the call
 * blocked, and now and then. Nothing here changes errno. */
#ifndef GS_CLAIM_H
#define GS_CLAIM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#include "record.h"

/* The low byte says how to settle; two descriptors of 28 bits follow. */
typedef uint64_t gs_claim_t;

enum gs_claim_how {
	GS_CLAIM_NEVER = GS_CLASS_NEVER, /* cannot wait */
	GS_CLAIM_DISK = GS_CLASS_DISK,	 /* no claim: only evidence counts */
	GS_CLAIM_WAIT = GS_CLASS_WAIT,	 /* can wait for somebody else */
	GS_CLAIM_FD,			 /* ask the descriptor */
	GS_CLAIM_CLOSE,			 /* ask the descriptor whether closing it can wait */
	GS_CLAIM_FDS,			 /* the worse of two descriptors */
	GS_CLAIM_OPENED,		 /* a descriptor just opened: what was opened? */
};

#define GS_NEVER_WAITS ((gs_claim_t) GS_CLAIM_NEVER)
#define GS_ON_DISK ((gs_claim_t) GS_CLAIM_DISK)
#define GS_WAITS ((gs_claim_t) GS_CLAIM_WAIT)

static inline gs_claim_t gs_claim_make(enum gs_claim_how how, int fd)
{
	return (gs_claim_t) how | ((gs_claim_t) ((uint32_t) fd & 0xfffffff) << 8);
}

/* Settles a claim: GS_CLASS_NEVER, _DISK or _WAIT. At most four system calls, errno kept.
 * Async-signal-safe. */
enum gs_class gs_claim_settle(gs_claim_t claim);

/* A lock's non-blocking form was tried: settled unless it answered `busy`. */
static inline bool gs_tried(int result, int busy)
{
	return result != busy;
}

#endif
