/* poll.c: waiting for descriptors and for signals; sleeping. */
#include "exercise.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <threads.h>
#include <time.h>

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	const sigset_t *mask, size_t size);
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* sigpause */
int __sigpause(int signal_or_mask, int is_signal);

static const struct timespec none = {0, 0}, short_time = {0, 3000000}, bad_time = {0, -1};

/* A pipe with nothing in it. */
static int fds[2];

/* It takes about that long, in ms: a wait or a sleep did take place. */
static struct timespec begin;
static void watch(void)
{
	clock_gettime(CLOCK_MONOTONIC, &begin);
}
static bool took(long ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec >=
	       ms * 1000000;
}

static int call_poll(struct exercise *x, struct pollfd *polled, int timeout)
{
	if (IS("__poll_chk"))
		return CALL(__poll_chk, polled, 1, timeout, sizeof(*polled));
	return CALL(poll, polled, 1, timeout);
}

EXERCISE(POLL)
{
	struct x_helper helper;
	struct pollfd polled = {.events = POLLIN};

	x_pipe(fds);
	polled.fd = fds[0];
	KEEPS(0, call_poll(x, &polled, 0));
	watch();
	KEEPS(0, call_poll(x, &polled, 3));
	EXPECT(took(3));
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(1, call_poll(x, &polled, -1));
	x_wait(&helper);
	EXPECT(polled.revents == POLLIN);
	x_alarm_start(2);
	polled.events = 0;
	FAILS(-1, EINTR, call_poll(x, &polled, -1));
}

static int call_ppoll(struct exercise *x, struct pollfd *polled, const struct timespec *timeout)
{
	if (IS("__ppoll_chk"))
		return CALL(__ppoll_chk, polled, 1, timeout, NULL, sizeof(*polled));
	return CALL(ppoll, polled, 1, timeout, NULL);
}

EXERCISE(PPOLL)
{
	struct x_helper helper;
	struct pollfd polled = {.events = POLLIN};

	x_pipe(fds);
	polled.fd = fds[0];
	KEEPS(0, call_ppoll(x, &polled, &none));
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(1, call_ppoll(x, &polled, NULL));
	x_wait(&helper);
	EXPECT(polled.revents == POLLIN);
	FAILS(-1, EINVAL, call_ppoll(x, &polled, &bad_time));
}

EXERCISE(SELECT)
{
	struct timeval zero = {0, 0}, wait = {0, 3000};
	struct x_helper helper;
	fd_set set;

	x_pipe(fds);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	KEEPS(0, CALL(select, fds[0] + 1, &set, NULL, NULL, &zero));
	EXPECT(!FD_ISSET(fds[0], &set));
	watch();
	KEEPS(0, CALL(select, 0, NULL, NULL, NULL, &wait));
	EXPECT(took(3));
	FD_SET(fds[0], &set);
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(1, CALL(select, fds[0] + 1, &set, NULL, NULL, NULL));
	x_wait(&helper);
	EXPECT(FD_ISSET(fds[0], &set));
	FAILS(-1, EINVAL, CALL(select, -1, NULL, NULL, NULL, &zero));
}

EXERCISE(PSELECT)
{
	struct x_helper helper;
	fd_set set;

	x_pipe(fds);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	KEEPS(0, CALL(pselect, fds[0] + 1, &set, NULL, NULL, &none, NULL));
	FD_SET(fds[0], &set);
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(1, CALL(pselect, fds[0] + 1, &set, NULL, NULL, NULL, NULL));
	x_wait(&helper);
	EXPECT(FD_ISSET(fds[0], &set));
	FAILS(-1, EINVAL, CALL(pselect, -1, NULL, NULL, NULL, &none, NULL));
}

static int watching_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
	int fd = epoll_create1(EPOLL_CLOEXEC);

	x_pipe(fds);
	epoll_ctl(fd, EPOLL_CTL_ADD, fds[0], &event);
	return fd;
}

EXERCISE(EPOLL_WAIT)
{
	struct epoll_event event = {0};
	struct x_helper helper;
	int fd = watching_epoll();

	KEEPS(0, CALL(epoll_wait, fd, &event, 1, 0));
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(1, CALL(epoll_wait, fd, &event, 1, -1));
	x_wait(&helper);
	EXPECT(event.data.u64 == 77 && event.events == EPOLLIN);
	FAILS(-1, EBADF, CALL(epoll_wait, -1, &event, 1, 0));
}

PART(epoll_pwait)
{
	struct epoll_event event = {0};
	int fd = watching_epoll();

	KEEPS(0, CALL(epoll_pwait, fd, &event, 1, 3, NULL));
	x_put(&fds[1]);
	KEEPS(1, CALL(epoll_pwait, fd, &event, 1, -1, NULL));
	EXPECT(event.data.u64 == 77);
	FAILS(-1, EINVAL, CALL(epoll_pwait, fd, &event, 0, 0, NULL));
}

PART(epoll_pwait2)
{
	struct epoll_event event = {0};
	int fd = watching_epoll();

	if (REAL(epoll_pwait2)(fd, &event, 1, &none, NULL) < 0)
		x_skip(x, "not in this kernel");
	KEEPS(0, CALL(epoll_pwait2, fd, &event, 1, &short_time, NULL));
	x_put(&fds[1]);
	KEEPS(1, CALL(epoll_pwait2, fd, &event, 1, NULL, NULL));
	EXPECT(event.data.u64 == 77);
	FAILS(-1, EINVAL, CALL(epoll_pwait2, fd, &event, 0, NULL, NULL));
}

EXERCISE(EPOLL_PWAIT)
{
	if (IS("epoll_pwait2"))
		part_epoll_pwait2(x);
	else
		part_epoll_pwait(x);
}

EXERCISE(PAUSE)
{
	x_alarm_start(3);
	FAILS(-1, EINTR, CALL(pause));
	FAILS(-1, EINTR, CALL(pause));
}

EXERCISE(SIGSUSPEND)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL); /* only the call itself lets it in */
	x_alarm_start(3);
	sigemptyset(&set);
	FAILS(-1, EINTR, CALL(sigsuspend, &set));
}

/* sigpause is BSD's, of a mask; __xpg_sigpause is of the one signal to let in; __sigpause both. */
EXERCISE(SIGPAUSE)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	x_alarm_start(3);
	if (IS("__sigpause")) {
		FAILS(-1, EINTR, CALL(__sigpause, 0, 0));
		FAILS(-1, EINTR, CALL(__sigpause, SIGALRM, 1));
	} else {
		FAILS(-1, EINTR, CALL(sigpause, IS("sigpause") ? 0 : SIGALRM));
	}
	if (IS("__xpg_sigpause"))
		FAILS(-1, EINVAL, CALL(sigpause, 1000));
}

/* Blocks SIGUSR1, so that it stays pending; sent at once, and once more in 2 ms. */
static sigset_t user_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static void send_signal(void *unused)
{
	(void) unused;
	kill(getpid(), SIGUSR1);
}

EXERCISE(SIGWAIT)
{
	sigset_t set = user_signal();
	struct x_helper helper;
	int got = 0;

	send_signal(NULL);
	KEEPS(0, CALL(sigwait, &set, &got));
	EXPECT(got == SIGUSR1);
	x_later(&helper, 2, send_signal, NULL);
	KEEPS(0, CALL(sigwait, &set, &got));
	x_wait(&helper);
	EXPECT(got == SIGUSR1);
}

EXERCISE(SIGWAITINFO)
{
	sigset_t set = user_signal();
	struct x_helper helper;
	siginfo_t info;

	x_later(&helper, 2, send_signal, NULL);
	KEEPS(SIGUSR1, CALL(sigwaitinfo, &set, &info));
	x_wait(&helper);
	EXPECT(info.si_signo == SIGUSR1 && info.si_pid == getpid());
	x_alarm_start(2);
	FAILS(-1, EINTR, CALL(sigwaitinfo, &set, &info));
}

EXERCISE(SIGTIMEDWAIT)
{
	sigset_t set = user_signal();
	siginfo_t info;

	send_signal(NULL);
	KEEPS(SIGUSR1, CALL(sigtimedwait, &set, &info, &none));
	EXPECT(info.si_signo == SIGUSR1 && info.si_pid == getpid());
	FAILS(-1, EAGAIN, CALL(sigtimedwait, &set, &info, &short_time));
	FAILS(-1, EINVAL, CALL(sigtimedwait, &set, &info, &bad_time));
}

EXERCISE(NANOSLEEP)
{
	struct timespec left = {0, 0}, hour = {3600, 0};

	watch();
	KEEPS(0, CALL(nanosleep, &short_time, NULL));
	EXPECT(took(3));
	FAILS(-1, EINVAL, CALL(nanosleep, &bad_time, NULL));
	x_alarm_start(2);
	FAILS(-1, EINTR, CALL(nanosleep, &hour, &left));
	EXPECT(left.tv_sec == 3599);
}

EXERCISE(CLOCK_NANOSLEEP)
{
	struct timespec until = x_from_now(CLOCK_MONOTONIC, 3);

	watch();
	KEEPS(0, CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &short_time, NULL));
	EXPECT(took(3));
	KEEPS(0, CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
	KEEPS(EINVAL, CALL(clock_nanosleep, 77, 0, &short_time, NULL));
}

EXERCISE(SLEEP)
{
	KEEPS(0, CALL(sleep, 0));
	x_alarm_start(2);
	FAILS(99, EINTR, CALL(sleep, 100));
}

EXERCISE(USLEEP)
{
	watch();
	KEEPS(0, CALL(usleep, 3000));
	EXPECT(took(3));
	x_alarm_start(2);
	FAILS(-1, EINTR, CALL(usleep, 1000000));
}

EXERCISE(THRD_SLEEP)
{
	watch();
	KEEPS(0, CALL(thrd_sleep, &short_time, NULL));
	EXPECT(took(3));
	x_alarm_start(2);
	KEEPS(-1, CALL(thrd_sleep, &(struct timespec){100, 0}, NULL));
	KEEPS(-2, CALL(thrd_sleep, &bad_time, NULL));
}

EXERCISE(SCHED_YIELD)
{
	if (IS("thrd_yield")) {
		CALL_VOID(thrd_yield);
		EXPECT(x->error == X_ERRNO);
	} else {
		KEEPS(0, CALL(sched_yield));
	}
}
