/* Claims made from arguments alone: those that can wait, and those that cannot. */
#include "claim.h"

#include <linux/sockios.h>
#include <netdb.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "core.h"

#define FD 7

static bool asks(gs_claim_t claim)
{
	return claim == gs_claim_fd(FD);
}

static void test_a_condition_rules_waiting_out(void)
{
	CU_ASSERT_EQUAL(gs_claim_unless(true), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_unless(false), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_disk_unless(true), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_disk_unless(false), GS_ON_DISK);
	CU_ASSERT_EQUAL(gs_claim_fd_unless(true, FD), GS_NEVER_WAITS);
	CU_ASSERT_TRUE(asks(gs_claim_fd_unless(false, FD)));
}

static void test_nothing_to_transfer_never_waits(void)
{
	CU_ASSERT_EQUAL(gs_claim_io(FD, 0), GS_NEVER_WAITS);
	CU_ASSERT_TRUE(asks(gs_claim_io(FD, 1)));
	CU_ASSERT_TRUE(asks(gs_claim_io(FD, SIZE_MAX)));
}

static void test_what_was_opened_waits_unless_nonblocking(void)
{
	CU_ASSERT_NOT_EQUAL(gs_claim_opened(O_RDWR | O_CREAT | O_CLOEXEC, FD), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_opened(O_RDONLY, -1), GS_ON_DISK);
	CU_ASSERT_EQUAL(gs_claim_opened(O_RDONLY | O_NONBLOCK, FD), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_opened(O_PATH, FD), GS_NEVER_WAITS);
}

static void test_once_waits_for_another_thread(void)
{
	static const int fresh = 0, running = 1, done = 2;

	CU_ASSERT_EQUAL(gs_claim_once(&fresh), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_once(&running), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_once(&done), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_once(NULL), GS_WAITS);
}

static void test_a_zero_timeout_never_waits(void)
{
	const struct timespec zero = {0, 0}, second = {1, 0}, instant = {0, 1};
	const struct timeval none = {0, 0}, moment = {0, 1}, minute = {60, 0};

	CU_ASSERT_EQUAL(gs_claim_timespec(&zero), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timespec(&second), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timespec(&instant), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timespec(NULL), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timeval(&none), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timeval(&moment), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timeval(&minute), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timeval(NULL), GS_WAITS);
}

static void test_a_deadline_at_zero_never_waits(void)
{
	const struct timespec zero = {0, 0}, before = {-1, 999999999}, later = {1u << 30, 0},
			      instant = {0, 1};

	CU_ASSERT_EQUAL(gs_claim_deadline(&zero), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_deadline(&before), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_deadline(&later), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_deadline(&instant), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_deadline(NULL), GS_WAITS);
}

/* libc, or the kernel, is to refuse it; we read nothing there. */
static void test_bad_pointers_are_not_followed(void)
{
	void *bad = (void *) (UINTPTR_MAX - 4095);

	CU_ASSERT_EQUAL(gs_claim_timespec(bad), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_timeval(bad), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_deadline(bad), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(bad, 1, NULL), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_open_flags(bad), 0);
	CU_ASSERT_EQUAL(gs_open_flags(NULL), 0);
}

static void test_open_how_begins_with_its_flags(void)
{
	uint64_t how[3] = {O_NONBLOCK, 0600, 0};

	CU_ASSERT_EQUAL(gs_open_flags(how), O_NONBLOCK);
}

static void test_only_the_waiting_locks_of_fcntl_wait(void)
{
	static const int never[] = {F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, -1};
	/* A server of locks may take its time for any answer. */
	static const int disk[] = {F_SETLK, F_GETLK, F_OFD_SETLK, F_OFD_GETLK, F_SETLEASE};

	CU_ASSERT_EQUAL(gs_claim_fcntl(F_SETLKW), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_fcntl(F_OFD_SETLKW), GS_WAITS);
	for (unsigned i = 0; i < GS_ARRAY_SIZE(never); i++)
		CU_ASSERT_EQUAL(gs_claim_fcntl(never[i]), GS_NEVER_WAITS);
	for (unsigned i = 0; i < GS_ARRAY_SIZE(disk); i++)
		CU_ASSERT_EQUAL(gs_claim_fcntl(disk[i]), GS_ON_DISK);
}

static void test_terminal_requests_that_wait_for_output(void)
{
	static const unsigned long waits[] = {
		TCSBRK, TCSBRKP, TCSETSW, TCSETSF, TCSETAW, TCSETAF, TIOCMIWAIT};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(waits); i++)
		CU_ASSERT_EQUAL(gs_claim_ioctl(FD, waits[i]), GS_WAITS);
}

static void test_requests_that_answer_at_once(void)
{
	static const unsigned long never[] = {TCGETS, TCSETS, TIOCGWINSZ, TIOCSTI, FIONREAD,
		FIONBIO, FIOCLEX, SIOCATMARK, SIOCGIFCONF, SIOCGIFMTU, SIOCGIFINDEX, SIOCGIFTXQLEN};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(never); i++)
		CU_ASSERT_EQUAL(gs_claim_ioctl(FD, never[i]), GS_NEVER_WAITS);
}

static void test_other_requests_are_up_to_the_device(void)
{
	CU_ASSERT_TRUE(asks(gs_claim_ioctl(FD, 0)));
	CU_ASSERT_TRUE(asks(gs_claim_ioctl(FD, SIOCSIFFLAGS)));
	CU_ASSERT_TRUE(asks(gs_claim_ioctl(FD, 0x40086602))); /* FS_IOC_SETFLAGS */
	CU_ASSERT_TRUE(asks(gs_claim_ioctl(FD, 0x400454ca))); /* TUNSETIFF: not a terminal's */
	CU_ASSERT_EQUAL(gs_claim_ioctl(FD, TIOCSETD), GS_ON_DISK);
}

/* The kernel looks at 32 bits of a request; a signed one arrives widened. */
static void test_requests_have_32_bits(void)
{
	CU_ASSERT_EQUAL(gs_claim_ioctl(FD, 0xffffffff00000000u | TCSBRK), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_ioctl(FD, 0xffffffff00000000u | TCGETS), GS_NEVER_WAITS);
}

static void test_waitid_waits_unless_told_not_to(void)
{
	CU_ASSERT_EQUAL(gs_claim_waitid(P_ALL, 0, WEXITED), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_waitid(P_PID, 1, WEXITED | WSTOPPED), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_waitid(P_PID, 1, WEXITED | WNOHANG), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_waitid(3 /* P_PIDFD */, FD, WEXITED), gs_claim_queue(FD));
	CU_ASSERT_EQUAL(gs_claim_waitid(3, FD, WEXITED | WNOHANG), GS_NEVER_WAITS);
}

static void test_semaphores_wait_for_what_they_take(void)
{
	struct sembuf take = {0, -1, 0}, zero = {0, 0, 0}, give = {0, 1, 0};
	struct sembuf try = {0, -1, IPC_NOWAIT};
	struct sembuf two[] = {{0, 1, 0}, {1, -1, 0}};

	CU_ASSERT_EQUAL(gs_claim_semop(&take, 1, NULL), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(&zero, 1, NULL), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(&give, 1, NULL), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(&try, 1, NULL), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(two, 2, NULL), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(two, 1, NULL), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(&take, 0, NULL), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(NULL, 1, NULL), GS_NEVER_WAITS);
}

static void test_semaphores_may_have_a_timeout(void)
{
	const struct timespec zero = {0, 0}, second = {1, 0};
	struct sembuf take = {0, -1, 0}, give = {0, 1, 0};

	CU_ASSERT_EQUAL(gs_claim_semop(&take, 1, &zero), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(&take, 1, &second), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_semop(&give, 1, &second), GS_NEVER_WAITS);
}

static gs_claim_t resolve(const char *node, const char *service, int flags)
{
	const struct addrinfo hints = {.ai_flags = flags};

	return gs_claim_resolve(node, service, flags ? &hints : NULL);
}

static void test_names_must_be_asked_for_and_addresses_not(void)
{
	CU_ASSERT_EQUAL(resolve("example.org", "80", 0), GS_WAITS);
	CU_ASSERT_EQUAL(resolve("localhost", NULL, 0), GS_WAITS);
	CU_ASSERT_EQUAL(resolve("1.2.3.4x", NULL, 0), GS_WAITS);
	CU_ASSERT_EQUAL(resolve("1.2.3.4.", NULL, 0), GS_WAITS);
	CU_ASSERT_EQUAL(resolve("1.2.3.4.5", NULL, 0), GS_WAITS);
	CU_ASSERT_EQUAL(resolve("127.0.0.1", "80", 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(resolve("::1", NULL, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(resolve("fe80::1%eth0", NULL, 0), GS_ON_DISK);
}

static void test_nothing_to_look_up_never_waits(void)
{
	CU_ASSERT_EQUAL(resolve(NULL, "80", 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(resolve(NULL, NULL, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(resolve("x", "http", AI_NUMERICHOST | AI_NUMERICSERV), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(resolve("example.org", "80", AI_NUMERICHOST), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(resolve("example.org", "http", AI_NUMERICSERV), GS_WAITS);
}

static void test_a_service_is_looked_up_in_a_file(void)
{
	CU_ASSERT_EQUAL(resolve(NULL, "http", 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(resolve("127.0.0.1", "http", 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(resolve("127.0.0.1", "http", AI_NUMERICHOST), GS_ON_DISK);
}

static void test_a_host_name_waits_and_an_address_does_not(void)
{
	CU_ASSERT_EQUAL(gs_claim_host("example.org"), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_host("1a"), GS_WAITS);
	CU_ASSERT_EQUAL(gs_claim_host("10.0.0.1"), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_host("::1"), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_host(""), GS_NEVER_WAITS);
}

static void test_a_busy_lock_is_not_settled(void)
{
	CU_ASSERT_TRUE(gs_tried(0, EBUSY));
	CU_ASSERT_TRUE(gs_tried(EDEADLK, EBUSY));
	CU_ASSERT_FALSE(gs_tried(EBUSY, EBUSY));
}

static void test_a_busy_semaphore_is_not_settled(void)
{
	errno = EAGAIN;
	CU_ASSERT_TRUE(gs_tried_sem(0));
	CU_ASSERT_FALSE(gs_tried_sem(-1));
	errno = EINVAL;
	CU_ASSERT_TRUE(gs_tried_sem(-1));
}

static void test_wrong_clocks_and_times_must_reach_libc(void)
{
	const struct timespec good = {0, 999999999}, high = {0, 1000000000}, low = {0, -1};

	CU_ASSERT_TRUE(gs_lock_clock(CLOCK_REALTIME));
	CU_ASSERT_TRUE(gs_lock_clock(CLOCK_MONOTONIC));
	CU_ASSERT_FALSE(gs_lock_clock(CLOCK_BOOTTIME));
	CU_ASSERT_FALSE(gs_lock_clock(-1));
	CU_ASSERT_TRUE(gs_lock_time(&good));
	CU_ASSERT_FALSE(gs_lock_time(&high));
	CU_ASSERT_FALSE(gs_lock_time(&low));
}

CU_TestInfo gs_tests_claim[] = {
	{"a_condition_rules_waiting_out", test_a_condition_rules_waiting_out},
	{"nothing_to_transfer_never_waits", test_nothing_to_transfer_never_waits},
	{"what_was_opened_waits_unless_nonblocking", test_what_was_opened_waits_unless_nonblocking},
	{"once_waits_for_another_thread", test_once_waits_for_another_thread},
	{"a_zero_timeout_never_waits", test_a_zero_timeout_never_waits},
	{"a_deadline_at_zero_never_waits", test_a_deadline_at_zero_never_waits},
	{"bad_pointers_are_not_followed", test_bad_pointers_are_not_followed},
	{"open_how_begins_with_its_flags", test_open_how_begins_with_its_flags},
	{"only_the_waiting_locks_of_fcntl_wait", test_only_the_waiting_locks_of_fcntl_wait},
	{"terminal_requests_that_wait", test_terminal_requests_that_wait_for_output},
	{"requests_that_answer_at_once", test_requests_that_answer_at_once},
	{"other_requests_ask_the_device", test_other_requests_are_up_to_the_device},
	{"requests_have_32_bits", test_requests_have_32_bits},
	{"waitid_waits_unless_told_not_to", test_waitid_waits_unless_told_not_to},
	{"semaphores_wait_for_what_they_take", test_semaphores_wait_for_what_they_take},
	{"semaphores_may_have_a_timeout", test_semaphores_may_have_a_timeout},
	{"names_must_be_asked_for", test_names_must_be_asked_for_and_addresses_not},
	{"nothing_to_look_up_never_waits", test_nothing_to_look_up_never_waits},
	{"a_service_is_looked_up_in_a_file", test_a_service_is_looked_up_in_a_file},
	{"a_host_name_waits", test_a_host_name_waits_and_an_address_does_not},
	{"a_busy_lock_is_not_settled", test_a_busy_lock_is_not_settled},
	{"a_busy_semaphore_is_not_settled", test_a_busy_semaphore_is_not_settled},
	{"wrong_clocks_must_reach_libc", test_wrong_clocks_and_times_must_reach_libc},
	CU_TEST_INFO_NULL,
};
