/* five_calls.c: see five.h. The driver builds this file several times, with and without
 * _FORTIFY_SOURCE and _FILE_OFFSET_BITS=64, and once with FIVE_ALIASES, which binds the other names
 * that libc exports for the same functions. Python's headers, which set _FILE_OFFSET_BITS, must
 * stay out. */
#include <fcntl.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "five.h"

#define WAIT_NS 10000000

#ifdef FIVE_ALIASES
ssize_t alias_read(int, void *, size_t) __asm__("__read");
ssize_t alias_write(int, const void *, size_t) __asm__("__write");
ssize_t alias_recv(int, void *, size_t, size_t, int) __asm__("__recv_chk");
ssize_t alias_pread(int, void *, size_t, off_t) __asm__("__pread64");
int alias_nanosleep(const struct timespec *, struct timespec *) __asm__("__nanosleep");
int alias_select(int, fd_set *, fd_set *, fd_set *, struct timeval *) __asm__("__select");
int alias_open(const char *, int, ...) __asm__("__open");
#define read alias_read
#define write alias_write
#define recv(fd, buffer, size, flags) alias_recv(fd, buffer, size, sizeof(buffer), flags)
#define pread alias_pread
#define nanosleep alias_nanosleep
#define select alias_select
#define open alias_open
#endif

static int pair[2]; /* sockets with timeouts; pair[1] can be read when there is a byte in it */
static int full[2]; /* full[0] cannot take another byte */
static int zero_fd;

/* Volatile: were these constants, the compiler would turn the fortified forms into plain ones. */
static volatile size_t one = 1;
static volatile int open_flags = O_RDONLY | O_CLOEXEC;

static void put_byte(void)
{
	send(pair[0], "x", 1, MSG_DONTWAIT);
}

static void drop_byte(void)
{
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	recvmsg(pair[1], &message, MSG_DONTWAIT);
}

static ssize_t call_read(int blocked)
{
	char buffer[16];

	if (!blocked)
		put_byte();
	return read(pair[1], buffer, one);
}

static ssize_t call_write(int blocked)
{
	ssize_t result = write(blocked ? full[0] : pair[0], "x", one);

	if (!blocked)
		drop_byte();
	return result;
}

static ssize_t call_recv(int blocked)
{
	char buffer[16];

	if (!blocked)
		put_byte();
	return recv(pair[1], buffer, one, 0);
}

/* A sleep that does not block is one that is refused. */
static ssize_t call_nanosleep(int blocked)
{
	struct timespec duration = {0, blocked ? WAIT_NS : -1};

	return nanosleep(&duration, NULL);
}

static ssize_t call_select(int blocked)
{
	struct timeval timeout = {blocked ? 0 : 10, blocked ? WAIT_NS / 1000 : 0};
	int fd = blocked ? pair[1] : pair[0];
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, blocked ? &set : NULL, blocked ? NULL : &set, NULL, &timeout);
}

static ssize_t call_pread(int blocked)
{
	char buffer[16];

	return pread(zero_fd, buffer, blocked ? 0 : one, 0);
}

static ssize_t call_open(int blocked)
{
	int fd = open("/dev/null", open_flags);

	if (fd >= 0)
		close(fd);
	return fd < 0 || blocked ? -1 : 1;
}

static const struct {
	const char *name;
	ssize_t (*make)(int blocked);
	ssize_t at_once, after_wait; /* results that are right */
} calls[] = {
	{"read", call_read, 1, -1},
	{"write", call_write, 1, -1},
	{"recv", call_recv, 1, -1},
	{"nanosleep", call_nanosleep, -1, 0},
	{"select", call_select, 1, 0},
	{"pread", call_pread, 1, 0},
	{"open", call_open, 1, -1},
};

int five_call(const char *name, int blocked)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].make(blocked) ==
			       (blocked ? calls[i].after_wait : calls[i].at_once);
	return -1;
}

int five_prepare(void)
{
	struct timeval timeout = {0, WAIT_NS / 1000};
	char block[4096] = {0};

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, full) < 0 ||
		setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
		setsockopt(full[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -1;
	while (send(full[0], block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	while (send(full[0], block, 1, MSG_DONTWAIT) > 0)
		;
	zero_fd = open("/dev/zero", open_flags);
	return zero_fd < 0 ? -1 : 0;
}
