/* waits.cc: see waits.h. C++, so that a cancellation goes through its frames. */
#include "waits.h"

#include <aio.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

static int empty[2], full[2], pair[2], full_pair[2], listener, idle, connector, poller, event_fd,
	plain;
static int queue = -1, full_queue = -1, semaphores = -1;
static struct sockaddr_un address;
static mqd_t messages, full_messages;
static sem_t taken;
static pthread_mutex_t mutex, lock;
static pthread_rwlock_t rwlock;
static pthread_cond_t condition;
static pthread_barrier_t barrier;
static pthread_t sleeper;
static pid_t child;
static FILE *in, *out;
static sigset_t quiet, unblocked;

static char buffer[65536];
static struct iovec vec = {buffer, 16}, long_vec = {buffer, sizeof(buffer)};
static struct msghdr message, long_message;
static struct mmsghdr messages_in[1], messages_out[1];
static struct msgbuf_ {
	long type;
	char text[2048];
} letter;

/* ---- things to wait for ---- */

static struct timespec day = {86400, 0}, deadline;

static const struct timespec *until(clockid_t clock)
{
	clock_gettime(clock, &deadline);
	deadline.tv_sec += day.tv_sec;
	return &deadline;
}

static void fill(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (syscall(SYS_write, fd, buffer, sizeof(buffer)) > 0)
		;
	while (syscall(SYS_write, fd, buffer, 1) > 0)
		;
	fcntl(fd, F_SETFL, flags);
}

/* A child that only the end of this process ends; it keeps the file locked. */
static void make_child(void)
{
	struct flock whole = {};
	int ready[2];
	char byte;

	whole.l_type = F_WRLCK;
	CHECK(pipe(ready) == 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		syscall(SYS_fcntl, plain, F_SETLK, &whole);
		syscall(SYS_write, ready[1], "x", 1);
		for (;;)
			syscall(SYS_pause);
	}
	CHECK(syscall(SYS_read, ready[0], &byte, 1) == 1);
	close(ready[0]);
	close(ready[1]);
}

/* The backlog is taken: a connect waits. */
static void make_sockets(void)
{
	static unsigned number;

	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "socket%u", number++);
	CHECK((listener = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	CHECK(bind(listener, (struct sockaddr *) &address, sizeof(address)) == 0);
	CHECK(listen(listener, 0) == 0);
	for (int waiting = 0; waiting == 0;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		waiting = (int) syscall(SYS_connect, fd, &address, sizeof(address));
	}
	CHECK((connector = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
}

static int idle_listener(void)
{
	struct sockaddr_un any = {};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	any.sun_family = AF_UNIX;
	CHECK(bind(fd, (struct sockaddr *) &any, sizeof(sa_family_t)) == 0);
	CHECK(listen(fd, 1) == 0);
	return fd;
}

static void make_queues(void)
{
	struct mq_attr small = {};
	char name[64];

	small.mq_maxmsg = 1;
	small.mq_msgsize = 16;
	snprintf(name, sizeof(name), "/gilshim-%d", (int) getpid());
	messages = mq_open(name, O_RDWR | O_CREAT, 0600, &small);
	mq_unlink(name);
	full_messages = mq_open(name, O_RDWR | O_CREAT, 0600, &small);
	mq_unlink(name);
	CHECK(messages >= 0 && full_messages >= 0);
	CHECK(syscall(SYS_mq_timedsend, full_messages, "x", 1, 0, NULL) == 0);
	if (queue < 0) {
		CHECK((queue = msgget(IPC_PRIVATE, 0600)) >= 0);
		CHECK((full_queue = msgget(IPC_PRIVATE, 0600)) >= 0);
		letter.type = 1;
		while (syscall(SYS_msgsnd, full_queue, &letter, sizeof(letter.text), IPC_NOWAIT) ==
			0)
			;
		CHECK((semaphores = semget(IPC_PRIVATE, 1, 0600)) >= 0);
	}
}

static void *sleep_for_ever(void *)
{
	for (;;)
		syscall(SYS_pause);
}

static void make_locks(void)
{
	CHECK(sem_init(&taken, 0, 0) == 0);
	pthread_mutex_init(&mutex, NULL);
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&condition, NULL);
	pthread_rwlock_init(&rwlock, NULL);
	pthread_barrier_init(&barrier, NULL, 2);
	CHECK(pthread_mutex_trylock(&lock) == 0);
	CHECK(pthread_rwlock_trywrlock(&rwlock) == 0);
	if (!sleeper)
		CHECK(pthread_create(&sleeper, NULL, sleep_for_ever, NULL) == 0);
}

static void make_files(void)
{
	static bool made;

	if (!made) {
		CHECK(mkfifo("fifo", 0600) == 0);
		CHECK((plain = open("plain", O_RDWR | O_CREAT, 0600)) >= 0);
		CHECK(ftruncate(plain, 4096) == 0);
		CHECK(flock(open("plain", O_RDWR), LOCK_EX) == 0);
		make_child();
	}
	made = true;
	CHECK((in = fdopen(dup(empty[0]), "r")) && (out = fdopen(dup(full[1]), "w")));
	setvbuf(out, NULL, _IONBF, 0);
}

/* Of the last round. What a thread that nothing ended waits for is none of these. */
static void close_all(void)
{
	int fds[] = {empty[0], empty[1], full[0], full[1], pair[0], pair[1], full_pair[0],
		full_pair[1], listener, idle, connector, poller, event_fd, messages, full_messages,
		fileno(in), fileno(out)};

	for (int fd : fds)
		close(fd);
}

void waits_prepare(void)
{
	if (in)
		close_all();
	CHECK(pipe(empty) == 0 && pipe(full) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, full_pair) == 0);
	fill(full[1]);
	fill(full_pair[1]);
	CHECK((poller = epoll_create1(0)) >= 0 && (event_fd = eventfd(0, 0)) >= 0);
	make_sockets();
	idle = idle_listener();
	make_queues();
	make_locks();
	make_files();
	message.msg_iov = &vec;
	long_message.msg_iov = &long_vec;
	message.msg_iovlen = long_message.msg_iovlen = 1;
	messages_in[0].msg_hdr = message;
	messages_out[0].msg_hdr = long_message;
	sigemptyset(&unblocked);
	sigemptyset(&quiet);
	sigaddset(&quiet, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &quiet, NULL);
}

void waits_end(void)
{
	kill(child, SIGKILL);
	msgctl(queue, IPC_RMID, NULL);
	msgctl(full_queue, IPC_RMID, NULL);
	semctl(semaphores, 0, IPC_RMID);
}

/* ---- waiting ---- */

/* A condition is waited for with its mutex, which a cancelled wait takes back. */
static void unlock(void *)
{
	pthread_mutex_unlock(&mutex);
}

static long wait_condition(int (*wait)(void))
{
	long got;

	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, NULL);
	got = wait();
	pthread_cleanup_pop(1);
	return got;
}

static long open_stream(void)
{
	FILE *stream = fopen("fifo", "r");

	return stream ? fclose(stream) : -1;
}

static long set_lock(int command)
{
	struct flock whole = {};

	whole.l_type = F_WRLCK;
	return fcntl(plain, command, &whole);
}

static long selected(bool mask)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(empty[0], &set);
	return mask ? pselect(empty[0] + 1, &set, NULL, NULL, &day, &unblocked)
		    : select(empty[0] + 1, &set, NULL, NULL, NULL);
}

static struct pollfd polled(void)
{
	return {empty[0], POLLIN, 0};
}

static long wait_plainly(void)
{
	return wait_condition([] { return pthread_cond_wait(&condition, &mutex); });
}

static long wait_timed(void)
{
	return wait_condition(
		[] { return pthread_cond_timedwait(&condition, &mutex, until(CLOCK_REALTIME)); });
}

static long wait_clock(void)
{
	return wait_condition([] {
		return pthread_cond_clockwait(
			&condition, &mutex, CLOCK_MONOTONIC, until(CLOCK_MONOTONIC));
	});
}

static long wait_cnd(void)
{
	return wait_condition([] { return cnd_wait((cnd_t *) &condition, (mtx_t *) &mutex); });
}

static struct pollfd one;
static struct epoll_event event;
static struct sembuf down = {0, -1, 0};
static siginfo_t info;
static int number, status;
static char *line;
static size_t line_size;

/* A request that is never done: it has a pipe of its own. */
static long suspend_aio(void)
{
	static struct aiocb all[3], *request = all;
	const struct aiocb *requests[] = {request};
	int fds[2];

	CHECK(pipe(fds) == 0);
	request->aio_fildes = fds[0];
	request->aio_buf = buffer;
	request->aio_nbytes = 1;
	request->aio_sigevent.sigev_notify = SIGEV_NONE;
	CHECK(aio_read(request++) == 0);
	return aio_suspend(requests, 1, NULL);
}

#define POINT(name, call)                                       \
	{                                                       \
		name, [] { return (long) (call); }, true, false \
	}
#define DEAF(name, call)                                       \
	{                                                      \
		name, [] { return (long) (call); }, true, true \
	}
#define NO_POINT(name, call)                                     \
	{                                                        \
		name, [] { return (long) (call); }, false, false \
	}
/* clang-format off */

const struct wait_act wait_acts[] = {
	POINT("read", read(empty[0], buffer, 1)),
	POINT("readv", readv(empty[0], &vec, 1)),
	POINT("write", write(full[1], buffer, sizeof(buffer))),
	POINT("writev", writev(full[1], &long_vec, 1)),
	POINT("open", open("fifo", O_RDONLY)),
	POINT("openat", openat(AT_FDCWD, "fifo", O_WRONLY)),
	POINT("creat", creat("fifo", 0600)),
	POINT("fcntl", set_lock(F_SETLKW)),
	POINT("fcntl", set_lock(F_OFD_SETLKW)),
	POINT("lockf", lockf(plain, F_LOCK, 0)),
	NO_POINT("flock", flock(plain, LOCK_EX)),
	POINT("splice", splice(empty[0], NULL, full[1], NULL, 1, 0)),
	POINT("tee", tee(empty[0], full[1], 1, 0)),
	POINT("vmsplice", vmsplice(full[1], &long_vec, 1, 0)),
	POINT("eventfd_read", eventfd_read(event_fd, NULL)),
	POINT("accept", accept(idle, NULL, NULL)),
	POINT("accept", accept4(idle, NULL, NULL, SOCK_CLOEXEC)),
	POINT("connect", connect(connector, (struct sockaddr *) &address, sizeof(address))),
	POINT("recv", recv(pair[0], buffer, 1, 0)),
	POINT("recvfrom", recvfrom(pair[0], buffer, 1, 0, NULL, NULL)),
	POINT("recvmsg", recvmsg(pair[0], &message, 0)),
	POINT("recvmmsg", recvmmsg(pair[0], messages_in, 1, 0, NULL)),
	POINT("send", send(full_pair[1], buffer, sizeof(buffer), 0)),
	POINT("sendto", sendto(full_pair[1], buffer, sizeof(buffer), 0, NULL, 0)),
	POINT("sendmsg", sendmsg(full_pair[1], &long_message, 0)),
	POINT("sendmmsg", sendmmsg(full_pair[1], messages_out, 1, 0)),
	POINT("poll", poll((one = polled(), &one), 1, -1)),
	POINT("ppoll", ppoll((one = polled(), &one), 1, &day, &unblocked)),
	POINT("select", selected(false)),
	POINT("pselect", selected(true)),
	POINT("epoll_wait", epoll_wait(poller, &event, 1, -1)),
	POINT("epoll_pwait", epoll_pwait(poller, &event, 1, -1, &unblocked)),
	POINT("epoll_pwait", epoll_pwait2(poller, &event, 1, &day, &unblocked)),
	POINT("pause", pause()),
	POINT("sigsuspend", sigsuspend(&unblocked)),
	POINT("sigpause", sigpause(SIGUSR2)),
	POINT("sigwait", sigwait(&quiet, &number)),
	POINT("sigwaitinfo", sigwaitinfo(&quiet, &info)),
	POINT("sigtimedwait", sigtimedwait(&quiet, &info, &day)),
	POINT("nanosleep", nanosleep(&day, NULL)),
	POINT("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &day, NULL)),
	POINT("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, until(CLOCK_REALTIME), NULL)),
	POINT("sleep", sleep(86400) > 0),
	POINT("usleep", usleep(3600000000u)),
	POINT("thrd_sleep", thrd_sleep(&day, NULL)),
	POINT("pthread_cond_wait", wait_plainly()),
	POINT("pthread_cond_timedwait", wait_timed()),
	POINT("pthread_cond_clockwait", wait_clock()),
	POINT("cnd_wait", wait_cnd()),
	POINT("pthread_join", pthread_join(sleeper, NULL)),
	POINT("pthread_timedjoin_np", pthread_timedjoin_np(sleeper, NULL, until(CLOCK_REALTIME))),
	POINT("pthread_timedjoin_np", pthread_clockjoin_np(sleeper, NULL, CLOCK_MONOTONIC, until(CLOCK_MONOTONIC))),
	POINT("sem_wait", sem_wait(&taken)),
	POINT("sem_timedwait", sem_timedwait(&taken, until(CLOCK_REALTIME))),
	POINT("sem_clockwait", sem_clockwait(&taken, CLOCK_MONOTONIC, until(CLOCK_MONOTONIC))),
	POINT("mq_receive", mq_receive(messages, buffer, sizeof(buffer), NULL)),
	POINT("mq_timedreceive", mq_timedreceive(messages, buffer, sizeof(buffer), NULL, until(CLOCK_REALTIME))),
	POINT("mq_send", mq_send(full_messages, "x", 1, 0)),
	POINT("mq_timedsend", mq_timedsend(full_messages, "x", 1, 0, until(CLOCK_REALTIME))),
	POINT("msgrcv", msgrcv(queue, &letter, 1, 0, 0)),
	POINT("msgsnd", msgsnd(full_queue, &letter, sizeof(letter.text), 0)),
	POINT("aio_suspend", suspend_aio()),
	POINT("wait", wait(&status)),
	POINT("waitpid", waitpid(child, &status, 0)),
	POINT("waitid", waitid(P_PID, (id_t) child, &info, WEXITED)),
	POINT("wait3", wait3(&status, 0, NULL)),
	POINT("wait4", wait4(child, &status, 0, NULL)),
	DEAF("system", system("exec sleep 5")),
	POINT("fread", fread(buffer, 1, 1, in)),
	POINT("fgets", fgets(buffer, 9, in) != NULL),
	POINT("fgetc", fgetc(in)),
	POINT("getdelim", getdelim(&line, &line_size, '\n', in)),
	POINT("fscanf", fscanf(in, "%d", &number)),
	POINT("fwrite", fwrite(buffer, 1, sizeof(buffer), out)),
	POINT("fputs", fputs("words", out)),
	POINT("fprintf", fprintf(out, "%d", 17)),
	POINT("fopen", open_stream()),
	NO_POINT("semop", semop(semaphores, &down, 1)),
	NO_POINT("semop", semtimedop(semaphores, &down, 1, &day)),
	NO_POINT("pthread_mutex_lock", pthread_mutex_lock(&lock)),
	NO_POINT("pthread_mutex_timedlock", pthread_mutex_timedlock(&lock, until(CLOCK_REALTIME))),
	NO_POINT("pthread_rwlock_rdlock", pthread_rwlock_rdlock(&rwlock)),
	NO_POINT("pthread_rwlock_wrlock", pthread_rwlock_wrlock(&rwlock)),
	NO_POINT("pthread_barrier_wait", pthread_barrier_wait(&barrier)),
};
const unsigned wait_act_count = sizeof(wait_acts) / sizeof(wait_acts[0]);
