/* Claims settled on real descriptors. */
#include "claim.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core.h"

#define CLOSED 1000000 /* a descriptor that nobody has */

/* How two calls on the same descriptor are settled, without and with O_NONBLOCK. */
static void expect(int fd, enum gs_class blocking, enum gs_class nonblocking)
{
	int flags = fcntl(fd, F_GETFL);

	CU_ASSERT_FATAL(fd >= 0);
	fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(fd)), blocking);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(fd)), nonblocking);
	fcntl(fd, F_SETFL, flags);
}

static enum gs_class closing(int fd)
{
	return gs_claim_settle(gs_claim_close(fd));
}

static enum gs_class opened(int flags, int fd)
{
	return gs_claim_settle(gs_claim_opened(flags, fd));
}

static int open_terminal(int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	CU_ASSERT_FATAL(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	CU_ASSERT_FATAL(*slave >= 0);
	return master;
}

static int open_file(void)
{
	char path[] = "/tmp/gilshim-core-XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	unlink(path);
	return fd;
}

static void test_settled_claims_stay_as_they_are(void)
{
	CU_ASSERT_EQUAL(gs_claim_settle(GS_NEVER_WAITS), GS_CLASS_NEVER);
	CU_ASSERT_EQUAL(gs_claim_settle(GS_ON_DISK), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(gs_claim_settle(GS_WAITS), GS_CLASS_WAIT);
}

static void test_pipes_wait_unless_nonblocking(void)
{
	int ends[2];

	CU_ASSERT_FATAL(pipe(ends) == 0);
	expect(ends[0], GS_CLASS_WAIT, GS_CLASS_NEVER);
	expect(ends[1], GS_CLASS_WAIT, GS_CLASS_NEVER);
	close(ends[0]);
	close(ends[1]);
}

static void test_sockets_wait_unless_nonblocking(void)
{
	int ends[2], udp = socket(AF_INET, SOCK_DGRAM, 0);

	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	expect(ends[0], GS_CLASS_WAIT, GS_CLASS_NEVER);
	expect(udp, GS_CLASS_WAIT, GS_CLASS_NEVER);
	close(ends[0]);
	close(ends[1]);
	close(udp);
}

static void test_listening_sockets_wait_unless_nonblocking(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *) &any, sizeof(any)) == 0 && listen(fd, 1) == 0);
	expect(fd, GS_CLASS_WAIT, GS_CLASS_NEVER);
	close(fd);
}

static void test_terminals_wait_unless_nonblocking(void)
{
	int slave, master = open_terminal(&slave);

	expect(master, GS_CLASS_WAIT, GS_CLASS_NEVER);
	expect(slave, GS_CLASS_WAIT, GS_CLASS_NEVER);
	close(slave);
	close(master);
}

static void test_kernel_objects_wait_unless_nonblocking(void)
{
	int event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);

	expect(event, GS_CLASS_WAIT, GS_CLASS_NEVER);
	expect(timer, GS_CLASS_WAIT, GS_CLASS_NEVER);
	close(event);
	close(timer);
	event = eventfd(0, EFD_NONBLOCK);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(event)), GS_CLASS_NEVER);
	close(event);
}

/* O_NONBLOCK means nothing to them. */
static void test_files_and_directories_are_on_disk(void)
{
	int file = open_file(), directory = open("/", O_RDONLY | O_DIRECTORY);

	expect(file, GS_CLASS_DISK, GS_CLASS_DISK);
	expect(directory, GS_CLASS_DISK, GS_CLASS_DISK);
	close(file);
	close(directory);
}

static void test_memory_devices_are_on_disk(void)
{
	static const char *const paths[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(paths); i++) {
		int fd = open(paths[i], O_RDONLY);

		expect(fd, GS_CLASS_DISK, GS_CLASS_DISK);
		close(fd);
	}
}

/* The kernel's log is a memory device too, but its readers wait for the next line. */
static void test_the_kernel_log_waits(void)
{
	int fd = open("/dev/kmsg", O_RDONLY);

	if (fd < 0) {
		core_skip("/dev/kmsg cannot be opened");
		return;
	}
	expect(fd, GS_CLASS_WAIT, GS_CLASS_NEVER);
	close(fd);
}

static void test_no_descriptor_never_waits(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(fd)), GS_CLASS_NEVER);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(CLOSED)), GS_CLASS_NEVER);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(-1)), GS_CLASS_NEVER);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_queue(-1)), GS_CLASS_NEVER);
	CU_ASSERT_EQUAL(closing(-1), GS_CLASS_NEVER);
}

static enum gs_class both(int a, int b)
{
	return gs_claim_settle(gs_claim_fds(a, b));
}

static void test_the_worse_of_two_descriptors_counts(void)
{
	int file = open_file(), ends[2];

	CU_ASSERT_FATAL(pipe(ends) == 0);
	CU_ASSERT_EQUAL(both(file, ends[1]), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(both(ends[0], file), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(both(ends[0], ends[1]), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(both(file, file), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(both(file, -1), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(both(-1, file), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(both(-1, CLOSED), GS_CLASS_NEVER);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	CU_ASSERT_EQUAL(both(ends[0], ends[1]), GS_CLASS_NEVER);
	close(file);
	close(ends[0]);
	close(ends[1]);
}

static void test_high_descriptors_are_kept(void)
{
	int ends[2], a, b;

	CU_ASSERT_FATAL(pipe(ends) == 0);
	a = fcntl(ends[0], F_DUPFD, 1000);
	b = fcntl(ends[0], F_DUPFD, 999);
	CU_ASSERT_FATAL(a >= 0 && b >= 0);
	close(ends[0]);
	close(ends[1]);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(a)), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(both(-1, b), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(both(b, -1), GS_CLASS_WAIT);
	/* a descriptor that differs in the bits above a byte only is another */
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd(a | 1 << 26)), GS_CLASS_NEVER);
	close(a);
	close(b);
}

/* A message queue looks like a file; only its flags tell. */
static void test_message_queues_are_asked_for_their_flags(void)
{
	char name[64];
	long fd, other;

	snprintf(name, sizeof(name), "gilshim-core-%d", (int) getpid());
	fd = syscall(SYS_mq_open, name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
	if (fd < 0) {
		core_skip(strerror(errno));
		return;
	}
	other = syscall(SYS_mq_open, name, O_RDWR | O_NONBLOCK, 0, NULL);
	syscall(SYS_mq_unlink, name);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fd((int) fd)), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_queue((int) fd)), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_queue((int) other)), GS_CLASS_NEVER);
	close((int) fd);
	close((int) other);
}

static void linger(int fd, int on, int seconds)
{
	struct linger how = {on, seconds};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof(how));
}

static void test_closing_a_socket_waits_for_its_peer_only_if_it_lingers(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CU_ASSERT_EQUAL(closing(fd), GS_CLASS_DISK);
	linger(fd, 1, 5);
	CU_ASSERT_EQUAL(closing(fd), GS_CLASS_WAIT);
	linger(fd, 1, 0);
	CU_ASSERT_EQUAL(closing(fd), GS_CLASS_DISK);
	linger(fd, 0, 5);
	CU_ASSERT_EQUAL(closing(fd), GS_CLASS_DISK);
	close(fd);
}

static void test_closing_by_kind(void)
{
	int file = open_file(), null = open("/dev/null", O_RDONLY), event = eventfd(0, 0);
	int slave, master = open_terminal(&slave), ends[2];

	CU_ASSERT_FATAL(pipe(ends) == 0);
	CU_ASSERT_EQUAL(closing(file), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(closing(null), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(closing(ends[0]), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(closing(event), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(closing(slave), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(closing(CLOSED), GS_CLASS_NEVER);
	close(file);
	close(null);
	close(event);
	close(slave);
	close(master);
	close(ends[0]);
	close(ends[1]);
}

static void test_what_was_opened_counts(void)
{
	int file = open_file(), null = open("/dev/null", O_RDONLY), directory = open("/", O_RDONLY);
	int slave, master = open_terminal(&slave), ends[2];

	CU_ASSERT_FATAL(pipe(ends) == 0);
	CU_ASSERT_EQUAL(opened(O_RDONLY, file), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(opened(O_RDONLY, null), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(opened(O_RDONLY, directory), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(opened(O_RDONLY, ends[0]), GS_CLASS_WAIT); /* a FIFO waited for its peer */
	CU_ASSERT_EQUAL(opened(O_RDWR, slave), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(opened(O_RDONLY, -1), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(opened(O_RDONLY, CLOSED), GS_CLASS_DISK);
	CU_ASSERT_EQUAL(opened(O_RDONLY | O_NONBLOCK, ends[0]), GS_CLASS_NEVER);
	CU_ASSERT_EQUAL(opened(O_PATH, ends[0]), GS_CLASS_NEVER);
	close(file);
	close(null);
	close(directory);
	close(slave);
	close(master);
	close(ends[0]);
	close(ends[1]);
}

static void test_settling_keeps_errno(void)
{
	static gs_claim_t (*const make[])(int) = {gs_claim_fd, gs_claim_queue, gs_claim_close};
	int ends[2];

	CU_ASSERT_FATAL(pipe(ends) == 0);
	errno = 12345;
	for (unsigned i = 0; i < GS_ARRAY_SIZE(make); i++) {
		gs_claim_settle(make[i](-1));
		gs_claim_settle(make[i](ends[0]));
	}
	gs_claim_settle(gs_claim_fds(-1, CLOSED));
	gs_claim_settle(gs_claim_opened(0, CLOSED));
	CU_ASSERT_EQUAL(errno, 12345);
	close(ends[0]);
	close(ends[1]);
}

CU_TestInfo gs_tests_settle[] = {
	{"settled_claims_stay_as_they_are", test_settled_claims_stay_as_they_are},
	{"pipes_wait_unless_nonblocking", test_pipes_wait_unless_nonblocking},
	{"sockets_wait_unless_nonblocking", test_sockets_wait_unless_nonblocking},
	{"listening_sockets_wait", test_listening_sockets_wait_unless_nonblocking},
	{"terminals_wait_unless_nonblocking", test_terminals_wait_unless_nonblocking},
	{"kernel_objects_wait", test_kernel_objects_wait_unless_nonblocking},
	{"files_and_directories_are_on_disk", test_files_and_directories_are_on_disk},
	{"memory_devices_are_on_disk", test_memory_devices_are_on_disk},
	{"the_kernel_log_waits", test_the_kernel_log_waits},
	{"no_descriptor_never_waits", test_no_descriptor_never_waits},
	{"the_worse_of_two_descriptors_counts", test_the_worse_of_two_descriptors_counts},
	{"high_descriptors_are_kept", test_high_descriptors_are_kept},
	{"message_queues_are_asked_for_flags", test_message_queues_are_asked_for_their_flags},
	{"closing_a_socket_that_lingers", test_closing_a_socket_waits_for_its_peer_only_if_it_lingers},
	{"closing_by_kind", test_closing_by_kind},
	{"what_was_opened_counts", test_what_was_opened_counts},
	{"settling_keeps_errno", test_settling_keeps_errno},
	CU_TEST_INFO_NULL,
};
