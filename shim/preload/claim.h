/* claim.h: what the arguments of a call say about whether it can wait.
 *
 * A claim is cheap to make (no system call) and settled later, only where it matters: asking a
 * descriptor costs a quarter of a microsecond, so it is done at a site's first sight, when the call
 * blocked, and now and then. Nothing here changes errno. */
#ifndef GS_CLAIM_H
#define GS_CLAIM_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/sem.h>
#include <sys/time.h>
#include <time.h>

#include "compiler.h"
#include "peek.h"
#include "record.h"

/* The low byte says how to settle; two descriptors of 28 bits follow. */
typedef uint64_t gs_claim_t;

enum gs_claim_how {
	GS_CLAIM_NEVER = GS_CLASS_NEVER, /* cannot wait */
	GS_CLAIM_DISK = GS_CLASS_DISK,   /* no claim: only evidence counts */
	GS_CLAIM_WAIT = GS_CLASS_WAIT,   /* can wait for somebody else */
	GS_CLAIM_FD,                     /* ask the descriptor */
	GS_CLAIM_FDS,                    /* the worse of two descriptors */
	GS_CLAIM_FLAGS,                  /* ask for the descriptor's O_NONBLOCK only */
	GS_CLAIM_CLOSE,                  /* ask the descriptor whether closing it can wait */
	GS_CLAIM_OPENED,                 /* a descriptor just opened: what was opened? */
};

#define GS_NEVER_WAITS ((gs_claim_t) GS_CLAIM_NEVER)
#define GS_ON_DISK ((gs_claim_t) GS_CLAIM_DISK)
#define GS_WAITS ((gs_claim_t) GS_CLAIM_WAIT)

#define GS_CLAIM_FD_BITS 28
#define GS_CLAIM_FD_MASK ((1u << GS_CLAIM_FD_BITS) - 1)

static inline gs_claim_t gs_claim_make(enum gs_claim_how how, int fd)
{
	return (gs_claim_t) how | ((gs_claim_t) ((uint32_t) fd & GS_CLAIM_FD_MASK) << 8);
}

/* Settles a claim: GS_CLASS_NEVER, _DISK or _WAIT. At most four system calls, errno kept.
 * Async-signal-safe. */
GS_HIDDEN enum gs_class gs_claim_settle(gs_claim_t claim);

/* ---- a condition that rules waiting out ---- */

static inline gs_claim_t gs_claim_unless(bool never)
{
	return never ? GS_NEVER_WAITS : GS_WAITS;
}

static inline gs_claim_t gs_claim_disk_unless(bool never)
{
	return never ? GS_NEVER_WAITS : GS_ON_DISK;
}

/* A lock of a file: it may be another machine's to give, however little one wants to wait. */
static inline gs_claim_t gs_claim_lock(bool waits)
{
	return waits ? GS_WAITS : GS_ON_DISK;
}

/* ---- descriptors ---- */

static inline gs_claim_t gs_claim_fd(int fd)
{
	return gs_claim_make(GS_CLAIM_FD, fd);
}

static inline gs_claim_t gs_claim_fd_unless(bool never, int fd)
{
	return never ? GS_NEVER_WAITS : gs_claim_fd(fd);
}

/* Nothing to transfer, nothing to wait for. */
static inline gs_claim_t gs_claim_io(int fd, size_t count)
{
	return gs_claim_fd_unless(count == 0, fd);
}

/* But an empty message is one. */
static inline gs_claim_t gs_claim_write(int fd, size_t count)
{
	return count ? gs_claim_fd(fd) : GS_ON_DISK;
}

static inline gs_claim_t gs_claim_fds(int a, int b)
{
	return gs_claim_make(GS_CLAIM_FDS, a) | (gs_claim_t) ((uint32_t) b & GS_CLAIM_FD_MASK)
							<< (8 + GS_CLAIM_FD_BITS);
}

/* A message queue looks like a regular file to fstat. */
static inline gs_claim_t gs_claim_queue(int fd)
{
	return gs_claim_make(GS_CLAIM_FLAGS, fd);
}

static inline gs_claim_t gs_claim_close(int fd)
{
	return gs_claim_make(GS_CLAIM_CLOSE, fd);
}

/* What a copy takes the place of is closed. */
static inline gs_claim_t gs_claim_replaced(int fd, int other)
{
	return fd == other ? GS_NEVER_WAITS : gs_claim_close(other);
}

/* O_NONBLOCK covers FIFOs, terminals and leases, and a path alone opens nothing; but to find the
 * file may take its disk's time whatever the flags say. */
static inline gs_claim_t gs_claim_opened(int flags, int fd)
{
	if (flags & (O_NONBLOCK | O_PATH))
		return GS_NEVER_WAITS;
	return fd < 0 ? GS_ON_DISK : gs_claim_make(GS_CLAIM_OPENED, fd);
}

/* The flags that struct open_how begins with. */
static inline int gs_open_flags(const uint64_t *how)
{
	return gs_can_read(how, sizeof(*how)) ? (int) *how : 0;
}

/* ---- once ---- */

/* Another thread is in the routine: bit 0 in glibc and musl. Who runs it waits for nobody here. */
static inline gs_claim_t gs_claim_once(const void *control)
{
	return gs_claim_unless(
		gs_can_read(control, sizeof(int)) && !(*(const volatile int *) control & 1));
}

/* ---- time ---- */

/* A timeout relative to now; none at all is for ever. A bad pointer is libc's to refuse. */
static inline gs_claim_t gs_claim_timespec(const struct timespec *timeout)
{
	return gs_claim_unless(timeout && gs_can_read(timeout, sizeof(*timeout)) &&
			       timeout->tv_sec == 0 && timeout->tv_nsec == 0);
}

static inline gs_claim_t gs_claim_timeval(const struct timeval *timeout)
{
	return gs_claim_unless(timeout && gs_can_read(timeout, sizeof(*timeout)) &&
			       timeout->tv_sec == 0 && timeout->tv_usec == 0);
}

/* A point in time. The clock is not asked: zero, the way to say "do not wait", is enough. */
static inline gs_claim_t gs_claim_deadline(const struct timespec *deadline)
{
	return gs_claim_unless(
		gs_can_read(deadline, sizeof(*deadline)) &&
		(deadline->tv_sec < 0 || (deadline->tv_sec == 0 && deadline->tv_nsec == 0)));
}

/* The same of a condition: its mutex has to be taken back, whatever the time. */
static inline gs_claim_t gs_claim_cond(const struct timespec *deadline)
{
	return gs_claim_deadline(deadline) == GS_NEVER_WAITS ? GS_ON_DISK : GS_WAITS;
}

/* ---- decoded requests ---- */

GS_HIDDEN gs_claim_t gs_claim_fcntl(int command);
GS_HIDDEN gs_claim_t gs_claim_ioctl(int fd, unsigned long request);
GS_HIDDEN gs_claim_t gs_claim_waitid(int type, int id, int options);
GS_HIDDEN gs_claim_t gs_claim_semop(
	const struct sembuf *operations, size_t count, const struct timespec *timeout);

/* Names to look up: literals and the AI_NUMERIC flags need nobody. */
GS_HIDDEN gs_claim_t gs_claim_resolve(
	const char *node, const char *service, const struct addrinfo *hints);
GS_HIDDEN gs_claim_t gs_claim_host(const char *name);

/* syscall(2): the number says which wrapper's rules hold. The sixth argument is not looked at. */
GS_HIDDEN gs_claim_t gs_claim_syscall(long number, long a, long b, long c, long d, long e);

/* ---- streams, looked at without their lock ---- */

/* The stream's descriptor; memory streams never wait. */
GS_HIDDEN gs_claim_t gs_claim_stream(FILE *stream);

/* Input: never, if the buffer already holds `wanted` bytes, or a line that ends in `delimiter` or
 * fills `size` (0: no limit). */
GS_HIDDEN gs_claim_t gs_claim_get(FILE *stream, size_t wanted);
GS_HIDDEN gs_claim_t gs_claim_line(FILE *stream, int delimiter, int size);

/* Output: what was pending before the call, and whether the `produced` bytes (negative: failed) did
 * more than add to it. */
GS_HIDDEN gs_claim_t gs_claim_put(FILE *stream, uint64_t *pending);
GS_HIDDEN gs_claim_t gs_claim_flushed(FILE *stream, uint64_t pending, long produced);

GS_HIDDEN gs_claim_t gs_claim_flush(FILE *stream);
GS_HIDDEN gs_claim_t gs_claim_seek(FILE *stream);
GS_HIDDEN gs_claim_t gs_claim_fclose(FILE *stream);
GS_HIDDEN gs_claim_t gs_claim_fopened(FILE *stream);

/* ---- locks: is the call settled by its non-blocking form? ---- */

static inline bool gs_tried(int result, int busy)
{
	return result != busy;
}

static inline bool gs_tried_sem(int result)
{
	return result == 0 || errno != EAGAIN;
}

/* libc checks the clock and the deadline before it looks at the lock; a wrong one must reach it,
 * and none at all, which some take for no limit. */
static inline bool gs_lock_clock(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

static inline bool gs_lock_time(const struct timespec *deadline)
{
	return gs_can_read(deadline, sizeof(*deadline)) && deadline->tv_nsec >= 0 &&
	       deadline->tv_nsec < 1000000000;
}

#endif
