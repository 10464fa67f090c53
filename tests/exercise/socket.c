/* socket.c: sockets, of the local kind: no network is needed. */
#include "exercise.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

ssize_t __recv_chk(int fd, void *buffer, size_t count, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t count, size_t size, int flags,
	struct sockaddr *from, socklen_t *length);

static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
#define ADDRESS (const struct sockaddr *) &address, sizeof(address)

static int listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	bind(fd, ADDRESS);
	listen(fd, 4);
	return fd;
}

static int client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (REAL(connect)(fd, ADDRESS) < 0)
		REAL(abort)();
	return fd;
}

/* For x_later. */
static void connect_later(void *unused)
{
	(void) unused;
	client();
}

/* What goes in at one end comes out at the other. */
static bool connected(int from, int to)
{
	char buffer[4] = "";

	return REAL(write)(from, "abc", 3) == 3 && REAL(read)(to, buffer, 4) == 3 &&
	       strcmp(buffer, "abc") == 0;
}

EXERCISE(ACCEPT)
{
	struct sockaddr_un from;
	socklen_t length = sizeof(from);
	int fd = listener(), other = client(), got;
	struct x_helper helper;

	got = CALL(accept, fd, (struct sockaddr *) &from, &length);
	EXPECT(got > other && x->error == X_ERRNO && length == sizeof(sa_family_t));
	EXPECT(connected(got, other));
	x_later(&helper, 2, connect_later, NULL);
	EXPECT(CALL(accept, fd, NULL, NULL) > got);
	x_wait(&helper);
	REAL(fcntl)(fd, F_SETFL, O_NONBLOCK);
	FAILS(-1, EAGAIN, CALL(accept, fd, NULL, NULL));
	FAILS(-1, EBADF, CALL(accept, -1, NULL, NULL));
}

EXERCISE(ACCEPT4)
{
	int fd = listener(), other = client(), got;

	got = CALL(accept4, fd, NULL, NULL, SOCK_NONBLOCK);
	EXPECT(got > other && x->error == X_ERRNO && connected(got, other));
	EXPECT(REAL(fcntl)(got, F_GETFL) & O_NONBLOCK);
	FAILS(-1, EINVAL, CALL(accept4, fd, NULL, NULL, 77));
}

EXERCISE(CONNECT)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), server, got;

	FAILS(-1, ENOENT, CALL(connect, fd, ADDRESS));
	server = listener();
	KEEPS(0, CALL(connect, fd, ADDRESS));
	got = REAL(accept)(server, NULL, NULL);
	EXPECT(connected(fd, got));
	FAILS(-1, EBADF, CALL(connect, -1, ADDRESS));
}

static ssize_t call_recv(struct exercise *x, int fd, void *buffer, size_t count, int flags)
{
	if (IS("__recv_chk"))
		return CALL(__recv_chk, fd, buffer, count, count, flags);
	return CALL(recv, fd, buffer, count, flags);
}

EXERCISE(RECV)
{
	char buffer[8] = "";
	struct x_helper helper;
	int fds[2];

	x_socketpair(SOCK_STREAM, fds);
	REAL(send)(fds[1], "hello", 5, 0);
	KEEPS(5, call_recv(x, fds[0], buffer, 8, MSG_PEEK));
	KEEPS(5, call_recv(x, fds[0], buffer, 8, 0));
	EXPECT(strcmp(buffer, "hello") == 0);
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(1, call_recv(x, fds[0], buffer, 8, 0));
	x_wait(&helper);
	FAILS(-1, EAGAIN, call_recv(x, fds[0], buffer, 8, MSG_DONTWAIT));
	FAILS(-1, EBADF, call_recv(x, -1, buffer, 8, 0));
}

static ssize_t call_recvfrom(struct exercise *x, int fd, void *buffer, size_t count, int flags,
	struct sockaddr *from, socklen_t *length)
{
	if (IS("__recvfrom_chk"))
		return CALL(__recvfrom_chk, fd, buffer, count, count, flags, from, length);
	return CALL(recvfrom, fd, buffer, count, flags, from, length);
}

EXERCISE(RECVFROM)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), fds[2];
	struct sockaddr_un from;
	socklen_t length = sizeof(from);
	char buffer[8] = "";

	bind(fd, ADDRESS);
	REAL(sendto)(fd, "hello", 5, 0, ADDRESS);
	KEEPS(5, call_recvfrom(x, fd, buffer, 8, 0, (struct sockaddr *) &from, &length));
	EXPECT(strcmp(buffer, "hello") == 0 && strcmp(from.sun_path, "socket") == 0);
	x_pipe(fds);
	FAILS(-1, ENOTSOCK, call_recvfrom(x, fds[0], buffer, 8, 0, NULL, NULL));
}

EXERCISE(RECVMSG)
{
	char a[3] = "", b[8] = "";
	struct iovec parts[] = {{a, 2}, {b, 8}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	int fds[2];

	x_socketpair(SOCK_DGRAM, fds);
	REAL(send)(fds[1], "hello", 5, 0);
	KEEPS(5, CALL(recvmsg, fds[0], &message, 0));
	EXPECT(strcmp(a, "he") == 0 && strcmp(b, "llo") == 0);
	FAILS(-1, EAGAIN, CALL(recvmsg, fds[0], &message, MSG_DONTWAIT));
}

EXERCISE(RECVMMSG)
{
	char a[8] = "", b[8] = "";
	struct iovec parts[] = {{a, 8}, {b, 8}};
	struct mmsghdr messages[] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}};
	struct timespec none = {0, 0};
	int fds[2];

	x_socketpair(SOCK_DGRAM, fds);
	REAL(send)(fds[1], "one", 3, 0);
	REAL(send)(fds[1], "three", 5, 0);
	KEEPS(2, CALL(recvmmsg, fds[0], messages, 2, 0, NULL));
	EXPECT(messages[1].msg_len == 5 && strcmp(a, "one") == 0 && strcmp(b, "three") == 0);
	FAILS(-1, EAGAIN, CALL(recvmmsg, fds[0], messages, 2, MSG_DONTWAIT, &none));
	FAILS(-1, EBADF, CALL(recvmmsg, -1, messages, 2, 0, NULL));
}

/* The other end holds exactly this. */
static bool arrived(int fd, const char *text)
{
	char buffer[32] = "";

	return REAL(recv)(fd, buffer, sizeof(buffer), MSG_DONTWAIT) == (ssize_t) strlen(text) &&
	       strcmp(buffer, text) == 0;
}

EXERCISE(SEND)
{
	int fds[2];

	x_socketpair(SOCK_STREAM, fds);
	KEEPS(5, CALL(send, fds[1], "hello", 5, 0));
	EXPECT(arrived(fds[0], "hello"));
	REAL(close)(fds[0]);
	FAILS(-1, EPIPE, CALL(send, fds[1], "hello", 5, MSG_NOSIGNAL));
	FAILS(-1, EBADF, CALL(send, -1, "hello", 5, 0));
}

EXERCISE(SENDTO)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	FAILS(-1, ENOENT, CALL(sendto, fd, "hello", 5, 0, ADDRESS));
	bind(fd, ADDRESS);
	KEEPS(5, CALL(sendto, fd, "hello", 5, 0, ADDRESS));
	EXPECT(arrived(fd, "hello"));
}

EXERCISE(SENDMSG)
{
	struct iovec parts[] = {{"he", 2}, {"llo", 3}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	int fds[2];

	x_socketpair(SOCK_STREAM, fds);
	KEEPS(5, CALL(sendmsg, fds[1], &message, MSG_DONTWAIT));
	KEEPS(5, CALL(sendmsg, fds[1], &message, 0));
	EXPECT(arrived(fds[0], "hellohello"));
	FAILS(-1, EBADF, CALL(sendmsg, -1, &message, 0));
}

EXERCISE(SENDMMSG)
{
	struct iovec parts[] = {{"one", 3}, {"three", 5}};
	struct mmsghdr messages[] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}};
	int fds[2];

	x_socketpair(SOCK_DGRAM, fds);
	KEEPS(2, CALL(sendmmsg, fds[1], messages, 2, 0));
	EXPECT(messages[1].msg_len == 5 && arrived(fds[0], "one") && arrived(fds[0], "three"));
	FAILS(-1, EBADF, CALL(sendmmsg, -1, messages, 2, 0));
}

EXERCISE(SHUTDOWN)
{
	char c;
	int fds[2];

	x_socketpair(SOCK_STREAM, fds);
	KEEPS(0, CALL(shutdown, fds[1], SHUT_WR));
	EXPECT(REAL(read)(fds[0], &c, 1) == 0);
	FAILS(-1, EINVAL, CALL(shutdown, fds[1], 77));
	FAILS(-1, EBADF, CALL(shutdown, -1, SHUT_WR));
}

/* A server on the loopback device that hears four strings out (a port, two names and a command),
 * says yes (a zero byte) and answers. Returns the port, in network order. */
static int server_fd;

static void serve(void *unused)
{
	int fd = REAL(accept)(server_fd, NULL, NULL), strings = 0;
	char c;

	(void) unused;
	while (strings < 4 && REAL(read)(fd, &c, 1) == 1)
		strings += c == '\0';
	if (REAL(write)(fd, "\0hello", 6) < 0)
		REAL(abort)();
}

static in_port_t serve_later(struct exercise *x, struct x_helper *helper)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(here);

	server_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server_fd, (struct sockaddr *) &here, length) < 0 || listen(server_fd, 1) < 0 ||
		getsockname(server_fd, (struct sockaddr *) &here, &length) < 0)
		x_skip(x, "no loopback device");
	x_later(helper, 0, serve, NULL);
	return here.sin_port;
}

static void check_remote(struct exercise *x, int fd, struct x_helper *helper)
{
	struct linger none = {1, 0};
	char buffer[8] = "";

	x_any_errno(x); /* of the search for a free port */
	EXPECT(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)); /* frees it at once */
	x_wait(helper);
	EXPECT(REAL(read)(fd, buffer, 8) == 5 && strcmp(buffer, "hello") == 0);
}

PART(rcmd)
{
	struct x_helper helper;
	char host[] = "127.0.0.1", *name = host;
	in_port_t port;

	if (geteuid() != 0)
		x_skip(x, "needs a reserved port");
	port = serve_later(x, &helper);
	if (IS("rcmd_af"))
		check_remote(x, CALL(rcmd_af, &name, port, "a", "b", "c", NULL, AF_INET), &helper);
	else
		check_remote(x, CALL(rcmd, &name, port, "a", "b", "c", NULL), &helper);
}

PART(rexec)
{
	struct x_helper helper;
	char host[] = "127.0.0.1", *name = host;
	in_port_t port = serve_later(x, &helper);

	if (IS("rexec_af"))
		check_remote(x, CALL(rexec_af, &name, port, "a", "b", "c", NULL, AF_INET), &helper);
	else
		check_remote(x, CALL(rexec, &name, port, "a", "b", "c", NULL), &helper);
}

/* The private hosts.equiv trusts the user seven from localhost. */
static int call_ruserok(struct exercise *x, const char *user, const char *local_user)
{
	in_addr_t here = htonl(INADDR_LOOPBACK);

	if (IS("ruserok"))
		return CALL(ruserok, "localhost", 0, user, local_user);
	if (IS("ruserok_af"))
		return CALL(ruserok_af, "localhost", 0, user, local_user, AF_INET);
	if (IS("iruserok"))
		return CALL(iruserok, here, 0, user, local_user);
	return CALL(iruserok_af, &here, 0, user, local_user, AF_INET);
}

PART(ruserok)
{
	x_etc(x);
	GIVES(0, call_ruserok(x, "seven", "seven"));
	GIVES(-1, call_ruserok(x, "root", "seven"));
}

EXERCISE(RCMD)
{
	if (strstr(x->name, "ruserok"))
		part_ruserok(x);
	else if (strstr(x->name, "rexec"))
		part_rexec(x);
	else
		part_rcmd(x);
}
