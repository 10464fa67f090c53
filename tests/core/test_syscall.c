/* syscall(2): the number says which rules hold. */
#include "claim.h"

#include <linux/futex.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core.h"

#define FD 7
#define OTHER 9

static const struct timespec zero = {0, 0}, second = {1, 0};

static gs_claim_t decode(long number, long a, long b, long c, long d, long e)
{
	return gs_claim_syscall(number, a, b, c, d, e);
}

static bool asks(gs_claim_t claim)
{
	return claim == gs_claim_fd(FD);
}

static void test_only_evidence_tells_of_unknown_numbers(void)
{
	CU_ASSERT_EQUAL(decode(SYS_getpid, 0, 0, 0, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_gettid, 0, 0, 0, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(-1, 0, 0, 0, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_membarrier, 0, 0, 0, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(100000, 0, 0, 0, 0, 0), GS_ON_DISK);
	/* a number is not cut to the width of the table's */
	CU_ASSERT_EQUAL(decode(65536 + SYS_nanosleep, 0, 0, 0, 0, 0), GS_ON_DISK);
}

static void test_transfers_ask_the_descriptor(void)
{
	static const int numbers[] = {SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv,
		SYS_writev, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(numbers); i++) {
		CU_ASSERT_TRUE(asks(decode(numbers[i], FD, 0x1000, 1, 0, 0)));
		CU_ASSERT_EQUAL(decode(numbers[i], FD, 0x1000, 0, 5, 5), GS_NEVER_WAITS);
	}
}

static void test_socket_calls_look_at_their_flags(void)
{
	static const struct {
		int number, place;
		bool errors;
	} calls[] = {{SYS_recvfrom, 3, false}, {SYS_recvmsg, 2, true}, {SYS_recvmmsg, 3, true},
		{SYS_sendto, 3, false}, {SYS_sendmsg, 2, false}, {SYS_sendmmsg, 3, false}};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(calls); i++) {
		long arg[5] = {FD, 64, 64, 64, 64};

		arg[calls[i].place] = MSG_NOSIGNAL;
		CU_ASSERT_TRUE(asks(decode(calls[i].number, FD, arg[1], arg[2], arg[3], arg[4])));
		arg[calls[i].place] = MSG_NOSIGNAL | MSG_DONTWAIT;
		CU_ASSERT_EQUAL(decode(calls[i].number, FD, arg[1], arg[2], arg[3], arg[4]),
			GS_NEVER_WAITS);
		arg[calls[i].place] = MSG_ERRQUEUE;
		CU_ASSERT_EQUAL(decode(calls[i].number, FD, arg[1], arg[2], arg[3], arg[4]) ==
					GS_NEVER_WAITS,
			calls[i].errors);
	}
}

static void test_connections_ask_the_descriptor(void)
{
	CU_ASSERT_TRUE(asks(decode(SYS_accept, FD, 0, 0, 0, 0)));
	CU_ASSERT_TRUE(asks(decode(SYS_accept4, FD, 0, 0, SOCK_NONBLOCK, 0)));
	CU_ASSERT_TRUE(asks(decode(SYS_connect, FD, 0x1000, 16, 0, 0)));
	CU_ASSERT_EQUAL(decode(SYS_close, FD, 0, 0, 0, 0), gs_claim_close(FD));
}

/* To find the file may take a disk's time, whatever the flags. */
static void test_opening_may_wait_for_a_disk(void)
{
	CU_ASSERT_EQUAL(decode(SYS_openat, AT_FDCWD, 0x1000, O_RDONLY, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_openat, AT_FDCWD, 0x1000, O_NONBLOCK, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_openat, AT_FDCWD, 0x1000, O_PATH, 0, 0), GS_ON_DISK);
#ifdef SYS_open
	CU_ASSERT_EQUAL(decode(SYS_open, 0x1000, O_NONBLOCK, 0, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_creat, 0x1000, 0600, 0, 0, 0), GS_ON_DISK);
#endif
}

static void test_two_descriptors_are_both_asked(void)
{
	CU_ASSERT_EQUAL(decode(SYS_sendfile, FD, OTHER, 0, 1, 0), gs_claim_fds(FD, OTHER));
	CU_ASSERT_EQUAL(decode(SYS_splice, FD, 0, OTHER, 0, 1), gs_claim_fds(FD, OTHER));
	CU_ASSERT_EQUAL(decode(SYS_tee, FD, OTHER, 1, 0, 0), gs_claim_fds(FD, OTHER));
	CU_ASSERT_EQUAL(decode(SYS_tee, FD, OTHER, 1, SPLICE_F_NONBLOCK, 0), GS_NEVER_WAITS);
	CU_ASSERT_TRUE(asks(decode(SYS_vmsplice, FD, 0x1000, 1, 0, 0)));
	CU_ASSERT_EQUAL(decode(SYS_vmsplice, FD, 0x1000, 1, SPLICE_F_NONBLOCK, 0), GS_NEVER_WAITS);
}

static void test_locks_look_at_their_operation(void)
{
	CU_ASSERT_EQUAL(decode(SYS_flock, FD, LOCK_EX, 0, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_flock, FD, LOCK_SH, 0, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_flock, FD, LOCK_EX | LOCK_NB, 0, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_flock, FD, LOCK_UN, 0, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_fcntl, FD, F_SETLKW, 0, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_fcntl, FD, F_SETLK, 0, 0, 0), GS_ON_DISK);
}

static void test_requests_are_decoded(void)
{
	CU_ASSERT_EQUAL(decode(SYS_ioctl, FD, TCSBRK, 1, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_ioctl, FD, FIONREAD, 0, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_TRUE(asks(decode(SYS_ioctl, FD, 0, 0, 0, 0)));
}

static void test_memory_waits_for_the_disk_only_if_asked_to(void)
{
	CU_ASSERT_EQUAL(decode(SYS_msync, 0, 1, MS_SYNC, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_msync, 0, 1, MS_ASYNC, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_mmap, 0, 1, PROT_READ, MAP_PRIVATE, FD), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(
		decode(SYS_mmap, 0, 1, PROT_READ, MAP_PRIVATE | MAP_POPULATE, FD), GS_ON_DISK);
	CU_ASSERT_EQUAL(
		decode(SYS_mmap, 0, 1, PROT_READ, MAP_PRIVATE | MAP_LOCKED, FD), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_sync_file_range, FD, 0, 0, 2, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_sync_file_range, FD, 0, 0, 1, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_sync_file_range, FD, 0, 0, 4, 0), GS_ON_DISK);
}

static void test_disk_calls_are_on_disk(void)
{
	static const int numbers[] = {SYS_fsync, SYS_fdatasync, SYS_sync, SYS_syncfs, SYS_ftruncate,
		SYS_fallocate, SYS_fstat, SYS_getdents64, SYS_renameat2, SYS_mkdirat, SYS_madvise,
		SYS_munmap, SYS_getxattr, SYS_fsetxattr, SYS_inotify_add_watch, SYS_quotactl,
		SYS_io_submit, SYS_request_key, SYS_chdir};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(numbers); i++)
		CU_ASSERT_EQUAL(decode(numbers[i], 0, 0, 0, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_lseek, FD, 7, SEEK_SET, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_lseek, FD, 7, SEEK_CUR, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_lseek, FD, 7, SEEK_HOLE, 0, 0), GS_ON_DISK);
}

static void test_timeouts_in_structures(void)
{
	static const struct {
		int number, place;
	} calls[] = {
		{SYS_ppoll, 2},
		{SYS_pselect6, 4},
		{SYS_rt_sigtimedwait, 2},
#ifdef SYS_epoll_pwait2
		{SYS_epoll_pwait2, 3},
#endif
	};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(calls); i++) {
		long arg[5] = {0};

		CU_ASSERT_EQUAL(decode(calls[i].number, 0, 0, arg[2], arg[3], arg[4]), GS_WAITS);
		arg[calls[i].place] = (long) &zero;
		CU_ASSERT_EQUAL(
			decode(calls[i].number, 0, 0, arg[2], arg[3], arg[4]), GS_NEVER_WAITS);
		arg[calls[i].place] = (long) &second;
		CU_ASSERT_EQUAL(decode(calls[i].number, 0, 0, arg[2], arg[3], arg[4]), GS_WAITS);
	}
}

static void test_timeouts_in_milliseconds(void)
{
	CU_ASSERT_EQUAL(decode(SYS_epoll_pwait, FD, 0, 1, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_epoll_pwait, FD, 0, 1, -1, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_epoll_pwait, FD, 0, 1, 10, 0), GS_WAITS);
#ifdef SYS_poll
	CU_ASSERT_EQUAL(decode(SYS_poll, 0, 0, 0, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_poll, 0, 0, -1, 0, 0), GS_WAITS);
	/* the kernel looks at 32 bits of it */
	CU_ASSERT_EQUAL(decode(SYS_poll, 0, 0, 1L << 32, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_epoll_wait, FD, 0, 1, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_epoll_wait, FD, 0, 1, -1, 0), GS_WAITS);
#endif
}

static void test_select_has_a_timeval(void)
{
#ifdef SYS_select
	struct timeval none = {0, 0}, moment = {0, 1};

	CU_ASSERT_EQUAL(decode(SYS_select, 0, 0, 0, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_select, 0, 0, 0, 0, (long) &none), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_select, 0, 0, 0, 0, (long) &moment), GS_WAITS);
#else
	core_skip("this architecture has no such call");
#endif
}

static void test_sleeping_waits(void)
{
	CU_ASSERT_EQUAL(decode(SYS_nanosleep, (long) &second, 0, 0, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(
		decode(SYS_clock_nanosleep, CLOCK_REALTIME, 0, (long) &second, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(
		decode(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, (long) &second, 0, 0),
		GS_WAITS);
	CU_ASSERT_EQUAL(
		decode(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, (long) &zero, 0, 0),
		GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_rt_sigsuspend, 0, 8, 0, 0, 0), GS_WAITS);
#ifdef SYS_pause
	CU_ASSERT_EQUAL(decode(SYS_pause, 0, 0, 0, 0, 0), GS_WAITS);
#endif
}

static void test_children_are_waited_for(void)
{
	CU_ASSERT_EQUAL(decode(SYS_wait4, -1, 0, 0, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_wait4, -1, 0, WNOHANG, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_waitid, P_ALL, 0, 0, WEXITED, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_waitid, P_ALL, 0, 0, WEXITED | WNOHANG, 0), GS_NEVER_WAITS);
}

static void test_queues_and_semaphores(void)
{
	struct sembuf take = {0, -1, 0};

	CU_ASSERT_EQUAL(decode(SYS_msgrcv, 1, 0, 8, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_msgrcv, 1, 0, 8, 0, IPC_NOWAIT), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_msgsnd, 1, 0, 8, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_msgsnd, 1, 0, 8, IPC_NOWAIT, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_mq_timedreceive, FD, 0, 8, 0, 0), gs_claim_queue(FD));
	CU_ASSERT_EQUAL(decode(SYS_mq_timedsend, FD, 0, 8, 0, 0), gs_claim_queue(FD));
	CU_ASSERT_EQUAL(decode(SYS_semop, 1, (long) &take, 1, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(
		decode(SYS_semtimedop, 1, (long) &take, 1, (long) &zero, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_semtimedop, 1, (long) &take, 1, (long) &second, 0), GS_WAITS);
}

static gs_claim_t futex(long operation, const struct timespec *time)
{
	return decode(SYS_futex, 0x1000, operation, 1, (long) time, 0);
}

static void test_a_futex_waits_for_its_timeout_or_deadline(void)
{
	static const int deadlines[] = {
		FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, 13 /* FUTEX_LOCK_PI2 */};

	CU_ASSERT_EQUAL(futex(FUTEX_WAIT, NULL), GS_WAITS);
	CU_ASSERT_EQUAL(futex(FUTEX_WAIT, &second), GS_WAITS);
	CU_ASSERT_EQUAL(futex(FUTEX_WAIT, &zero), GS_NEVER_WAITS);
	for (unsigned i = 0; i < GS_ARRAY_SIZE(deadlines); i++) {
		CU_ASSERT_EQUAL(futex(deadlines[i], NULL), GS_WAITS);
		CU_ASSERT_EQUAL(futex(deadlines[i], &second), GS_WAITS);
		CU_ASSERT_EQUAL(futex(deadlines[i], &zero), GS_NEVER_WAITS);
	}
}

static void test_the_flags_of_a_futex_change_nothing(void)
{
	CU_ASSERT_EQUAL(futex(FUTEX_WAIT | FUTEX_PRIVATE_FLAG, NULL), GS_WAITS);
	CU_ASSERT_EQUAL(futex(FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, NULL),
		GS_WAITS);
	CU_ASSERT_EQUAL(futex(FUTEX_WAKE | FUTEX_PRIVATE_FLAG, NULL), GS_NEVER_WAITS);
}

/* Their fourth argument is a number, or nothing. */
static void test_other_futex_operations_never_wait(void)
{
	static const int never[] = {FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE,
		FUTEX_WAKE_OP, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_WAKE_BITSET,
		FUTEX_CMP_REQUEUE_PI};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(never); i++)
		CU_ASSERT_EQUAL(decode(SYS_futex, 0x1000, never[i], 1, 1, 0), GS_NEVER_WAITS);
}

static void test_asynchronous_io_waits_for_what_it_must_have(void)
{
	CU_ASSERT_EQUAL(decode(SYS_io_getevents, 1, 1, 8, 0, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_io_getevents, 1, 0, 8, 0, 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_io_getevents, 1, 1, 8, 0, (long) &zero), GS_NEVER_WAITS);
#ifdef SYS_io_uring_enter
	CU_ASSERT_EQUAL(decode(SYS_io_uring_enter, FD, 0, 1, 1, 0), GS_WAITS);
	CU_ASSERT_EQUAL(decode(SYS_io_uring_enter, FD, 3, 0, 1, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_io_uring_enter, FD, 3, 1, 0, 0), GS_ON_DISK);
	CU_ASSERT_EQUAL(decode(SYS_io_uring_enter, FD, 0, 0, 0, 0), GS_NEVER_WAITS);
#endif
}

static void test_decoding_keeps_errno(void)
{
	errno = 12345;
	decode(SYS_read, -1, 0, 1, 0, 0);
	decode(SYS_ioctl, -1, 0, 0, 0, 0);
	decode(-1, 0, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(errno, 12345);
}

CU_TestInfo gs_tests_syscall[] = {
	{"only_evidence_tells_of_unknown_numbers", test_only_evidence_tells_of_unknown_numbers},
	{"transfers_ask_the_descriptor", test_transfers_ask_the_descriptor},
	{"socket_calls_look_at_their_flags", test_socket_calls_look_at_their_flags},
	{"connections_ask_the_descriptor", test_connections_ask_the_descriptor},
	{"opening_may_wait_for_a_disk", test_opening_may_wait_for_a_disk},
	{"two_descriptors_are_both_asked", test_two_descriptors_are_both_asked},
	{"locks_look_at_their_operation", test_locks_look_at_their_operation},
	{"requests_are_decoded", test_requests_are_decoded},
	{"memory_waits_only_if_asked_to", test_memory_waits_for_the_disk_only_if_asked_to},
	{"disk_calls_are_on_disk", test_disk_calls_are_on_disk},
	{"timeouts_in_structures", test_timeouts_in_structures},
	{"timeouts_in_milliseconds", test_timeouts_in_milliseconds},
	{"select_has_a_timeval", test_select_has_a_timeval},
	{"sleeping_waits", test_sleeping_waits},
	{"children_are_waited_for", test_children_are_waited_for},
	{"queues_and_semaphores", test_queues_and_semaphores},
	{"a_futex_waits", test_a_futex_waits_for_its_timeout_or_deadline},
	{"the_flags_of_a_futex_change_nothing", test_the_flags_of_a_futex_change_nothing},
	{"other_futex_operations_never_wait", test_other_futex_operations_never_wait},
	{"asynchronous_io_waits", test_asynchronous_io_waits_for_what_it_must_have},
	{"decoding_keeps_errno", test_decoding_keeps_errno},
	CU_TEST_INFO_NULL,
};
