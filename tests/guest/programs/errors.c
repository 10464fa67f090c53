/* errors.c: result and errno of calls that fail, and of calls that a signal interrupts.
 *
 *	errors held|released */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

static bool held;

/* A call that does not set errno leaves what was there before it. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		long got_;                                                                         \
		errno = EXDEV;                                                                     \
		x_hold(held);                                                                      \
		got_ = (long) (call);                                                              \
		x_hold(false);                                                                     \
		say("%s = %ld, %s", #call, got_, strerrorname_np(errno));                          \
	} while (0)

/* Pointers that the kernel, or glibc, looks at. */
static void *volatile bad = (void *) 16;

static void bad_descriptors(void)
{
	char byte = 0;
	struct iovec vec = {&byte, 1};
	struct flock lock = {.l_type = F_WRLCK};
	struct msghdr message = {0};
	struct epoll_event event;
	struct timespec now = {0, 0};

	TRY(read(-1, &byte, 1));
	TRY(write(-1, &byte, 1));
	TRY(pread(-1, &byte, 1, 0));
	TRY(pwrite(-1, &byte, 1, 0));
	TRY(readv(-1, &vec, 1));
	TRY(writev(-1, &vec, 1));
	TRY(preadv(-1, &vec, 1, 0));
	TRY(close(-1));
	TRY(fsync(-1));
	TRY(fdatasync(-1));
	TRY(flock(-1, LOCK_EX));
	TRY(fcntl(-1, F_SETLKW, &lock));
	TRY(fcntl(-1, F_GETFL));
	TRY(lockf(-1, F_LOCK, 0));
	TRY(ioctl(-1, 0, 0L));
	TRY(ftruncate(-1, 0));
	TRY(posix_fallocate(-1, 0, 1));
	TRY(recv(-1, &byte, 1, 0));
	TRY(send(-1, &byte, 1, 0));
	TRY(recvmsg(-1, &message, 0));
	TRY(sendmsg(-1, &message, 0));
	TRY(accept(-1, NULL, NULL));
	TRY(accept4(-1, NULL, NULL, SOCK_CLOEXEC));
	TRY(connect(-1, NULL, 0));
	TRY(epoll_wait(-1, &event, 1, 0));
	TRY(tcdrain(-1));
	TRY(dprintf(-1, "%d", 1));
	TRY(syncfs(-1));
	TRY(mq_receive(-1, &byte, 1, NULL));
	TRY(mq_timedsend(-1, &byte, 1, 0, &now));
	TRY(openat(-1, "x", O_RDONLY));
	TRY(open("missing/file", O_RDONLY));
	TRY(open("missing", O_RDWR));
	TRY(creat("missing/file", 0600));
	TRY(truncate("missing", 0));
	TRY(fopen("missing", "r"));
	TRY(fopen("missing", "mode"));
	TRY(opendir("missing"));
	TRY(msgrcv(-1, &message, 0, 0, 0));
	TRY(semop(-1, NULL, 1));
	TRY(waitpid(-1, NULL, 0));
	TRY(wait4(99999999, NULL, 0, NULL));
	TRY(waitid(P_ALL, 0, NULL, 0));
	TRY(fcntl(0, 9999));
	TRY(syscall(99999));
}

static void bad_pointers(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct timespec wrong = {0, 2000000000}, past = {0, 0};
	struct timeval wrong_time = {0, -5};
	struct epoll_event event;
	int fds[2], ep = epoll_create1(0), status;
	sigset_t none;
	sem_t taken;
	char byte;

	sigemptyset(&none);
	CHECK(pipe(fds) == 0 && sem_init(&taken, 0, 0) == 0);
	CHECK(syscall(SYS_write, fds[1], "abc", 3) == 3);
	TRY(read(fds[0], bad, 1));
	TRY(write(fds[1], bad, 1));
	TRY(readv(fds[0], bad, 1));
	TRY(open(bad, O_RDONLY));
	TRY(nanosleep(bad, NULL));
	TRY(nanosleep(&wrong, NULL));
	TRY(clock_nanosleep(CLOCK_MONOTONIC, 0, bad, NULL));
	TRY(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, bad, NULL));
	TRY(clock_nanosleep(77, 0, &past, NULL));
	TRY(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wrong, NULL));
	TRY(poll(bad, 1, 0));
	TRY(poll(bad, 1, -1));
	TRY(ppoll(NULL, 0, &wrong, NULL));
	TRY(select(1, bad, NULL, NULL, NULL));
	TRY(select(0, NULL, NULL, NULL, &wrong_time));
	TRY(epoll_wait(ep, bad, 1, 0));
	TRY(epoll_wait(ep, &event, 0, -1));
	TRY(sigtimedwait(&none, NULL, bad));
	TRY(sigtimedwait(&none, NULL, &past));
	TRY(epoll_pwait2(ep, &event, 1, bad, NULL));
	TRY(semtimedop(-1, bad, 1, bad));
	TRY(recvmmsg(fds[0], bad, 1, 0, bad));
	TRY(mq_timedreceive(-1, &byte, 1, NULL, bad));
	TRY(waitid(P_PID, 1, bad, WNOHANG | WEXITED));
	TRY(sigtimedwait(bad, NULL, &past));
	TRY(sem_timedwait(&taken, &wrong));
	TRY(sem_timedwait(&taken, &past));
	TRY(sem_trywait(&taken));
	TRY(pthread_mutex_timedlock(&mutex, &past));
	TRY(pthread_mutex_timedlock(&mutex, &wrong));
	TRY(pthread_mutex_timedlock(&mutex, &past));
	TRY(pthread_mutex_clocklock(&mutex, 77, &past));
	TRY(pthread_mutex_unlock(&mutex));
	TRY(pthread_join(pthread_self(), NULL));
	TRY(wait4(-1, &status, 0x40000000, NULL));
	TRY(msgrcv(msgget(IPC_PRIVATE, 0600), &status, 1, 0, 0x8000000 | IPC_NOWAIT));
	TRY(recv(fds[0], &byte, 1, 0));
	TRY(connect(fds[0], bad, 16));
	TRY(lseek(fds[0], 0, SEEK_END));
	TRY(pread(fds[0], &byte, 1, 0));
	TRY(splice(fds[0], NULL, fds[1], NULL, 1, SPLICE_F_NONBLOCK));
	TRY(msync(bad, 1, MS_SYNC));
	TRY(read(fds[0], &byte, 0));
	TRY(fcntl(fds[0], F_SETLKW, bad));
}

static void nonblocking(void)
{
	int fds[2], pair[2];
	char byte = 'x';

	CHECK(pipe2(fds, O_NONBLOCK) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	TRY(read(fds[0], &byte, 1));
	TRY(recv(pair[0], &byte, 1, MSG_DONTWAIT));
	TRY(write(fds[1], &byte, 1));
	TRY(read(fds[0], &byte, 1));
	close(pair[1]);
	TRY(recv(pair[0], &byte, 1, 0));
	TRY(send(pair[0], &byte, 1, MSG_NOSIGNAL));
	TRY(poll(NULL, 0, 0));
	TRY(usleep(0));
	TRY(sleep(0));
	TRY(getaddrinfo("127.0.0.1", "what", NULL, bad));
	TRY(fflush(stdin));
}

/* ---- interrupted ---- */

static volatile int ready_fd = -1;
static volatile unsigned ticks;

static void on_alarm(int number)
{
	(void) number;
	if (++ticks == 3 && ready_fd >= 0)
		syscall(SYS_write, ready_fd, "r", 1);
}

static void alarms(int flags, int fd)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerval often = {{0, 3000}, {0, 3000}};

	sigaction(SIGALRM, &action, NULL);
	ticks = 0;
	ready_fd = fd;
	setitimer(ITIMER_REAL, &often, NULL);
}

static void interrupted(void)
{
	struct timespec hour = {3600, 0}, left = {0, 0};
	struct epoll_event event;
	int fds[2], pair[2], ep = epoll_create1(0);
	sigset_t none;
	sem_t taken;
	char byte;

	sigemptyset(&none);
	CHECK(pipe(fds) == 0 && sem_init(&taken, 0, 0) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	alarms(0, -1);
	TRY(read(fds[0], &byte, 1));
	TRY(recv(pair[0], &byte, 1, 0));
	TRY(poll(NULL, 0, -1));
	TRY(select(0, NULL, NULL, NULL, NULL));
	TRY(epoll_wait(ep, &event, 1, -1));
	TRY(nanosleep(&hour, &left));
	CHECK(left.tv_sec == 3599);
	TRY(clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, &left));
	TRY(sem_wait(&taken));
	TRY(pause());
	TRY(sigsuspend(&none));
	TRY(usleep(900000));
	TRY(sleep(3600) >= 3599);
	alarms(SA_RESTART, fds[1]);
	TRY(read(fds[0], &byte, 1));
	alarms(SA_RESTART, pair[1]);
	TRY(recv(pair[0], &byte, 1, 0));
	alarms(SA_RESTART, -1);
	TRY(poll(NULL, 0, -1));
	TRY(nanosleep(&hour, NULL));
}

int main(int argc, char **argv)
{
	held = argc > 1 && strcmp(argv[1], "held") == 0;
	introduce();
	bad_descriptors();
	bad_pointers();
	nonblocking();
	interrupted();
	return 0;
}
