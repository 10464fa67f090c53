/* claim_syscall.c: syscall(2), by the rules of the wrapper that its number belongs to. */
#include "claim.h"

#include <linux/futex.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum rule_kind {
	RULE_NONE, /* nothing is known of it: only evidence counts */
	RULE_NEVER,
	RULE_WAITS,
	RULE_DISK,
	RULE_DISK_IF,     /* only with one of the bits of `mask` in argument `arg` */
	RULE_WAIT_UNLESS, /* never with one of these bits */
	RULE_FD,          /* the descriptor is the first argument; never with one of these bits */
	RULE_FD_COUNT,    /* never if argument `arg` is zero */
	RULE_FDS,         /* two descriptors, the first argument and argument `arg` */
	RULE_QUEUE,
	RULE_CLOSE, /* the descriptor in argument `arg` */
	RULE_MS,    /* a timeout in argument `arg` */
	RULE_TIMESPEC,
	RULE_TIMEVAL,
	RULE_OTHER, /* a rule of its own */
};

struct rule {
	unsigned char kind; /* enum rule_kind */
	unsigned char arg;
	unsigned mask;
};

/* By number: every one whose wrapper has a row, and what is called often and answers at once. */
static const struct rule rules[] = {
	[SYS_getpid] = {RULE_NEVER, 0, 0},
	[SYS_getppid] = {RULE_NEVER, 0, 0},
	[SYS_gettid] = {RULE_NEVER, 0, 0},
	[SYS_getcpu] = {RULE_NEVER, 0, 0},
	[SYS_tgkill] = {RULE_NEVER, 0, 0},
	[SYS_clock_gettime] = {RULE_NEVER, 0, 0},
	[SYS_read] = {RULE_FD_COUNT, 2, 0},
	[SYS_write] = {RULE_FD_COUNT, 2, 0},
	[SYS_pread64] = {RULE_FD_COUNT, 2, 0},
	[SYS_pwrite64] = {RULE_FD_COUNT, 2, 0},
	[SYS_readv] = {RULE_FD_COUNT, 2, 0},
	[SYS_writev] = {RULE_FD_COUNT, 2, 0},
	[SYS_preadv] = {RULE_FD_COUNT, 2, 0},
	[SYS_pwritev] = {RULE_FD_COUNT, 2, 0},
	[SYS_preadv2] = {RULE_FD_COUNT, 2, 0},
	[SYS_pwritev2] = {RULE_FD_COUNT, 2, 0},
	[SYS_openat] = {RULE_DISK, 0, 0},
	[SYS_close] = {RULE_CLOSE, 0, 0},
#ifdef SYS_dup2
	[SYS_dup2] = {RULE_CLOSE, 1, 0},
#endif
	[SYS_dup3] = {RULE_CLOSE, 1, 0},
	[SYS_flock] = {RULE_OTHER, 0, 0},
	[SYS_sendfile] = {RULE_FDS, 1, 0},
	[SYS_splice] = {RULE_FDS, 2, 0},
	[SYS_vmsplice] = {RULE_FD, 3, SPLICE_F_NONBLOCK},
	[SYS_msync] = {RULE_DISK_IF, 2, MS_SYNC},
	[SYS_sync_file_range] = {RULE_DISK_IF, 3, 5 /* SYNC_FILE_RANGE_WAIT_* */},
	[SYS_mmap] = {RULE_DISK_IF, 3, MAP_POPULATE | MAP_LOCKED},
	[SYS_accept] = {RULE_FD, 0, 0},
	[SYS_accept4] = {RULE_FD, 0, 0},
	[SYS_connect] = {RULE_FD, 0, 0},
	[SYS_recvfrom] = {RULE_FD, 3, MSG_DONTWAIT},
	[SYS_recvmsg] = {RULE_FD, 2, MSG_DONTWAIT | MSG_ERRQUEUE},
	[SYS_recvmmsg] = {RULE_FD, 3, MSG_DONTWAIT | MSG_ERRQUEUE},
	[SYS_sendto] = {RULE_FD, 3, MSG_DONTWAIT},
	[SYS_sendmsg] = {RULE_FD, 2, MSG_DONTWAIT},
	[SYS_sendmmsg] = {RULE_FD, 3, MSG_DONTWAIT},
	[SYS_ppoll] = {RULE_TIMESPEC, 2, 0},
	[SYS_pselect6] = {RULE_TIMESPEC, 4, 0},
	[SYS_epoll_pwait] = {RULE_MS, 3, 0},
	[SYS_rt_sigsuspend] = {RULE_WAITS, 0, 0},
	[SYS_rt_sigtimedwait] = {RULE_TIMESPEC, 2, 0},
	[SYS_nanosleep] = {RULE_WAITS, 0, 0},
	[SYS_wait4] = {RULE_WAIT_UNLESS, 2, WNOHANG},
	[SYS_msgrcv] = {RULE_WAIT_UNLESS, 4, IPC_NOWAIT},
	[SYS_msgsnd] = {RULE_WAIT_UNLESS, 3, IPC_NOWAIT},
	[SYS_mq_timedreceive] = {RULE_QUEUE, 0, 0},
	[SYS_mq_timedsend] = {RULE_QUEUE, 0, 0},
	[SYS_fcntl] = {RULE_OTHER, 0, 0},
	[SYS_ioctl] = {RULE_OTHER, 0, 0},
	[SYS_tee] = {RULE_OTHER, 0, 0},
	[SYS_clock_nanosleep] = {RULE_OTHER, 0, 0},
	[SYS_waitid] = {RULE_OTHER, 0, 0},
	[SYS_semop] = {RULE_OTHER, 0, 0},
	[SYS_semtimedop] = {RULE_OTHER, 0, 0},
	[SYS_futex] = {RULE_OTHER, 0, 0},
	[SYS_io_getevents] = {RULE_OTHER, 0, 0},
	[SYS_fsync] = {RULE_DISK, 0, 0},
	[SYS_fdatasync] = {RULE_DISK, 0, 0},
	[SYS_sync] = {RULE_DISK, 0, 0},
	[SYS_syncfs] = {RULE_DISK, 0, 0},
	[SYS_copy_file_range] = {RULE_DISK, 0, 0},
	[SYS_fallocate] = {RULE_DISK, 0, 0},
	[SYS_ftruncate] = {RULE_DISK, 0, 0},
	[SYS_truncate] = {RULE_DISK, 0, 0},
	[SYS_fadvise64] = {RULE_DISK, 0, 0},
	[SYS_readahead] = {RULE_DISK, 0, 0},
	[SYS_process_vm_readv] = {RULE_DISK, 0, 0},
	[SYS_process_vm_writev] = {RULE_DISK, 0, 0},
	[SYS_fstat] = {RULE_DISK, 0, 0},
	[SYS_newfstatat] = {RULE_DISK, 0, 0},
	[SYS_statfs] = {RULE_DISK, 0, 0},
	[SYS_fstatfs] = {RULE_DISK, 0, 0},
	[SYS_faccessat] = {RULE_DISK, 0, 0},
	[SYS_fchmod] = {RULE_DISK, 0, 0},
	[SYS_fchmodat] = {RULE_DISK, 0, 0},
	[SYS_fchown] = {RULE_DISK, 0, 0},
	[SYS_fchownat] = {RULE_DISK, 0, 0},
	[SYS_linkat] = {RULE_DISK, 0, 0},
	[SYS_symlinkat] = {RULE_DISK, 0, 0},
	[SYS_unlinkat] = {RULE_DISK, 0, 0},
	[SYS_renameat] = {RULE_DISK, 0, 0},
	[SYS_renameat2] = {RULE_DISK, 0, 0},
	[SYS_mkdirat] = {RULE_DISK, 0, 0},
	[SYS_mknodat] = {RULE_DISK, 0, 0},
	[SYS_readlinkat] = {RULE_DISK, 0, 0},
	[SYS_utimensat] = {RULE_DISK, 0, 0},
	[SYS_getdents64] = {RULE_DISK, 0, 0},
	[SYS_mount] = {RULE_DISK, 0, 0},
	[SYS_umount2] = {RULE_DISK, 0, 0},
	[SYS_madvise] = {RULE_DISK, 0, 0},
	[SYS_mlock] = {RULE_DISK, 0, 0},
	[SYS_mlockall] = {RULE_DISK, 0, 0},
	[SYS_munlock] = {RULE_DISK, 0, 0},
	[SYS_munlockall] = {RULE_DISK, 0, 0},
	[SYS_mprotect] = {RULE_DISK, 0, 0},
	[SYS_munmap] = {RULE_DISK, 0, 0},
	[SYS_mremap] = {RULE_DISK, 0, 0},
	[SYS_sched_yield] = {RULE_DISK, 0, 0},
	[SYS_shutdown] = {RULE_DISK, 0, 0},
	[SYS_getcwd] = {RULE_DISK, 0, 0},
	[SYS_chdir] = {RULE_DISK, 0, 0},
	[SYS_fchdir] = {RULE_DISK, 0, 0},
	[SYS_chroot] = {RULE_DISK, 0, 0},
	[SYS_pivot_root] = {RULE_DISK, 0, 0},
	[SYS_swapon] = {RULE_DISK, 0, 0},
	[SYS_swapoff] = {RULE_DISK, 0, 0},
	[SYS_quotactl] = {RULE_DISK, 0, 0},
	[SYS_setxattr] = {RULE_DISK, 0, 0},
	[SYS_lsetxattr] = {RULE_DISK, 0, 0},
	[SYS_fsetxattr] = {RULE_DISK, 0, 0},
	[SYS_getxattr] = {RULE_DISK, 0, 0},
	[SYS_lgetxattr] = {RULE_DISK, 0, 0},
	[SYS_fgetxattr] = {RULE_DISK, 0, 0},
	[SYS_listxattr] = {RULE_DISK, 0, 0},
	[SYS_llistxattr] = {RULE_DISK, 0, 0},
	[SYS_flistxattr] = {RULE_DISK, 0, 0},
	[SYS_removexattr] = {RULE_DISK, 0, 0},
	[SYS_lremovexattr] = {RULE_DISK, 0, 0},
	[SYS_fremovexattr] = {RULE_DISK, 0, 0},
	[SYS_mq_open] = {RULE_DISK, 0, 0},
	[SYS_mq_unlink] = {RULE_DISK, 0, 0},
	[SYS_inotify_add_watch] = {RULE_DISK, 0, 0},
	[SYS_name_to_handle_at] = {RULE_DISK, 0, 0},
	[SYS_io_submit] = {RULE_DISK, 0, 0},
	[SYS_request_key] = {RULE_DISK, 0, 0},
	[SYS_open_by_handle_at] = {RULE_DISK, 0, 0},
	[SYS_lseek] = {RULE_DISK_IF, 2, 6 /* SEEK_END, _DATA, _HOLE */},
#ifdef SYS_statx
	[SYS_statx] = {RULE_DISK, 0, 0},
#endif
#ifdef SYS_getrandom
	[SYS_getrandom] = {RULE_DISK, 0, 0},
#endif
#ifdef SYS_io_pgetevents
	[SYS_io_pgetevents] = {RULE_OTHER, 0, 0},
#endif
#ifdef SYS_io_uring_enter
	[SYS_io_uring_enter] = {RULE_OTHER, 0, 0},
#endif
#ifdef SYS_mlock2
	[SYS_mlock2] = {RULE_DISK, 0, 0},
#endif
#ifdef SYS_close_range
	[SYS_close_range] = {RULE_DISK, 0, 0},
#endif
#ifdef SYS_faccessat2
	[SYS_faccessat2] = {RULE_DISK, 0, 0},
#endif
#ifdef SYS_openat2
	[SYS_openat2] = {RULE_DISK, 0, 0},
#endif
#ifdef SYS_epoll_pwait2
	[SYS_epoll_pwait2] = {RULE_TIMESPEC, 3, 0},
#endif
#ifdef SYS_futex_waitv
	[SYS_futex_waitv] = {RULE_WAITS, 0, 0},
#endif
#ifdef __x86_64__ /* numbers that newer architectures never had */
	[SYS_open] = {RULE_DISK, 0, 0},
	[SYS_creat] = {RULE_DISK, 0, 0},
	[SYS_poll] = {RULE_MS, 2, 0},
	[SYS_select] = {RULE_TIMEVAL, 4, 0},
	[SYS_epoll_wait] = {RULE_MS, 3, 0},
	[SYS_pause] = {RULE_WAITS, 0, 0},
	[SYS_fork] = {RULE_DISK, 0, 0},
	[SYS_stat] = {RULE_DISK, 0, 0},
	[SYS_lstat] = {RULE_DISK, 0, 0},
	[SYS_access] = {RULE_DISK, 0, 0},
	[SYS_chmod] = {RULE_DISK, 0, 0},
	[SYS_chown] = {RULE_DISK, 0, 0},
	[SYS_link] = {RULE_DISK, 0, 0},
	[SYS_symlink] = {RULE_DISK, 0, 0},
	[SYS_unlink] = {RULE_DISK, 0, 0},
	[SYS_rename] = {RULE_DISK, 0, 0},
	[SYS_mkdir] = {RULE_DISK, 0, 0},
	[SYS_rmdir] = {RULE_DISK, 0, 0},
	[SYS_mknod] = {RULE_DISK, 0, 0},
	[SYS_readlink] = {RULE_DISK, 0, 0},
	[SYS_getdents] = {RULE_DISK, 0, 0},
	[SYS_lchown] = {RULE_DISK, 0, 0},
	[SYS_utime] = {RULE_DISK, 0, 0},
	[SYS_utimes] = {RULE_DISK, 0, 0},
	[SYS_futimesat] = {RULE_DISK, 0, 0},
#endif
};

/* FUTEX_WAIT takes a timeout, its sisters a deadline. */
static gs_claim_t claim_futex(long operation, const struct timespec *time)
{
	enum { WAIT = 0, LOCK_PI = 6, WAIT_BITSET = 9, WAIT_REQUEUE_PI = 11, LOCK_PI2 = 13 };

	switch (operation & 0x7f) {
	case WAIT:
		return gs_claim_timespec(time);
	case LOCK_PI:
	case LOCK_PI2:
	case WAIT_BITSET:
	case WAIT_REQUEUE_PI:
		return gs_claim_deadline(time);
	}
	return GS_NEVER_WAITS;
}

static gs_claim_t claim_other(long number, const long *arg)
{
	switch (number) {
	case SYS_fcntl:
		return gs_claim_fcntl((int) arg[1]);
	case SYS_flock:
		return gs_claim_lock(!(arg[1] & (LOCK_NB | LOCK_UN)));
	case SYS_ioctl:
		return gs_claim_ioctl((int) arg[0], (unsigned long) arg[1]);
	case SYS_tee:
		return arg[3] & SPLICE_F_NONBLOCK ? GS_NEVER_WAITS
						  : gs_claim_fds((int) arg[0], (int) arg[1]);
	case SYS_clock_nanosleep:
		return arg[1] & TIMER_ABSTIME ? gs_claim_deadline((void *) arg[2]) : GS_WAITS;
	case SYS_waitid:
		return gs_claim_waitid((int) arg[0], (int) arg[1], (int) arg[3]);
	case SYS_semop:
		return gs_claim_semop((void *) arg[1], (size_t) arg[2], NULL);
	case SYS_semtimedop:
		return gs_claim_semop((void *) arg[1], (size_t) arg[2], (void *) arg[3]);
	case SYS_futex:
		return claim_futex(arg[1], (void *) arg[3]);
#ifdef SYS_io_uring_enter
	case SYS_io_uring_enter: /* submitting alone does not wait for a completion */
		return arg[2] && arg[3] & 1 ? GS_WAITS : gs_claim_disk_unless(arg[1] == 0);
#endif
	}
	/* io_getevents, io_pgetevents */
	return arg[1] <= 0 ? GS_NEVER_WAITS : gs_claim_timespec((void *) arg[4]);
}

static gs_claim_t claim_by_rule(const struct rule *rule, long number, const long *arg)
{
	long value = arg[rule->arg];
	bool masked = (unsigned) value & rule->mask;
	int fd = (int) arg[0];

	switch ((enum rule_kind) rule->kind) {
	case RULE_NONE:
		return GS_ON_DISK;
	case RULE_NEVER:
		return GS_NEVER_WAITS;
	case RULE_WAITS:
		return GS_WAITS;
	case RULE_DISK:
		return GS_ON_DISK;
	case RULE_DISK_IF:
		return gs_claim_disk_unless(!masked);
	case RULE_WAIT_UNLESS:
		return gs_claim_unless(masked);
	case RULE_FD:
		return gs_claim_fd_unless(masked, fd);
	case RULE_FD_COUNT:
		return gs_claim_io(fd, (size_t) value);
	case RULE_FDS:
		return gs_claim_fds(fd, (int) value);
	case RULE_QUEUE:
		return gs_claim_queue(fd);
	case RULE_CLOSE:
		return gs_claim_close((int) value);
	case RULE_MS:
		return gs_claim_unless((int) value == 0);
	case RULE_TIMESPEC:
		return gs_claim_timespec((void *) value);
	case RULE_TIMEVAL:
		return gs_claim_timeval((void *) value);
	case RULE_OTHER:
		break;
	}
	return claim_other(number, arg);
}

gs_claim_t gs_claim_syscall(long number, long a, long b, long c, long d, long e)
{
	const long arg[] = {a, b, c, d, e};

	if (number < 0 || (size_t) number >= GS_ARRAY_SIZE(rules))
		return GS_ON_DISK;
	return claim_by_rule(&rules[number], number, arg);
}
