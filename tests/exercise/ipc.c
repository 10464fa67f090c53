/* ipc.c: System V and POSIX message queues and semaphores, asynchronous I/O, the system log. */
#include "exercise.h"

#include <aio.h>
#include <dlfcn.h>
#include <mqueue.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

mqd_t __mq_open_2(const char *name, int flags);
void __syslog_chk(int priority, int flag, const char *format, ...);
void __vsyslog_chk(int priority, int flag, const char *format, va_list ap);

static const struct timespec past = {1, 0}, short_time = {0, 3000000};

/* Queues and semaphores vanish with the process, where the system allows that; they are removed
 * in any case. */
static int id;

static void remove_id(struct exercise *x, int (*remove)(int))
{
	EXPECT(remove(id) == 0);
}

static int remove_queue(int queue)
{
	return msgctl(queue, IPC_RMID, NULL);
}

static int remove_set(int set)
{
	return semctl(set, 0, IPC_RMID);
}

struct message {
	long type;
	char text[8];
};

static void send_message(void *unused)
{
	struct message message = {3, "hello"};

	(void) unused;
	REAL(msgsnd)(id, &message, 6, 0);
}

static void make_queue(struct exercise *x)
{
	(void) unshare(CLONE_NEWIPC);
	id = msgget(IPC_PRIVATE, 0600);
	if (id < 0)
		x_skip(x, "no message queues");
}

EXERCISE(MSGRCV)
{
	struct message message = {0, ""};
	struct x_helper helper;

	make_queue(x);
	send_message(NULL);
	KEEPS(6, CALL(msgrcv, id, &message, 8, 3, 0));
	EXPECT(message.type == 3 && strcmp(message.text, "hello") == 0);
	FAILS(-1, ENOMSG, CALL(msgrcv, id, &message, 8, 3, IPC_NOWAIT));
	x_later(&helper, 2, send_message, NULL);
	KEEPS(6, CALL(msgrcv, id, &message, 8, 0, 0));
	x_wait(&helper);
	remove_id(x, remove_queue);
	FAILS(-1, EINVAL, CALL(msgrcv, id, &message, 8, 0, 0));
}

EXERCISE(MSGSND)
{
	struct message message = {3, "hello"}, got = {0, ""};

	make_queue(x);
	KEEPS(0, CALL(msgsnd, id, &message, 6, 0));
	EXPECT(REAL(msgrcv)(id, &got, 8, 0, IPC_NOWAIT) == 6 && strcmp(got.text, "hello") == 0);
	message.type = 0;
	FAILS(-1, EINVAL, CALL(msgsnd, id, &message, 6, IPC_NOWAIT));
	remove_id(x, remove_queue);
}

static void raise_semaphore(void *unused)
{
	struct sembuf up = {0, 1, 0};

	(void) unused;
	REAL(semop)(id, &up, 1);
}

static void make_set(struct exercise *x)
{
	(void) unshare(CLONE_NEWIPC);
	id = semget(IPC_PRIVATE, 1, 0600);
	if (id < 0)
		x_skip(x, "no semaphores");
}

EXERCISE(SEMOP)
{
	struct sembuf up = {0, 2, 0}, down = {0, -2, 0}, try = {0, -1, IPC_NOWAIT};
	struct x_helper helper;

	make_set(x);
	KEEPS(0, CALL(semop, id, &up, 1));
	EXPECT(semctl(id, 0, GETVAL) == 2);
	KEEPS(0, CALL(semop, id, &down, 1));
	FAILS(-1, EAGAIN, CALL(semop, id, &try, 1));
	raise_semaphore(NULL);
	x_later(&helper, 2, raise_semaphore, NULL);
	KEEPS(0, CALL(semop, id, &down, 1));
	x_wait(&helper);
	EXPECT(semctl(id, 0, GETVAL) == 0);
	remove_id(x, remove_set);
	FAILS(-1, EINVAL, CALL(semop, id, &up, 1));
}

EXERCISE(SEMTIMEDOP)
{
	struct sembuf down = {0, -1, 0};

	make_set(x);
	raise_semaphore(NULL);
	KEEPS(0, CALL(semtimedop, id, &down, 1, &short_time));
	EXPECT(semctl(id, 0, GETVAL) == 0);
	FAILS(-1, EAGAIN, CALL(semtimedop, id, &down, 1, &short_time));
	remove_id(x, remove_set);
}

/* A name that no other process has. */
static char name[64];
static const char *own_name(void)
{
	REAL(snprintf)(name, sizeof(name), "/exercise.%d", getpid());
	return name;
}

static mqd_t make_mq(struct exercise *x, int flags)
{
	struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 16};
	mqd_t queue;

	(void) unshare(CLONE_NEWIPC);
	queue = REAL(mq_open)(own_name(), O_CREAT | O_RDWR | flags, 0600, &attributes);
	if (queue < 0)
		x_skip(x, "no message queues");
	REAL(mq_unlink)(name);
	return queue;
}

static void send_mq(void *queue)
{
	REAL(mq_send)(*(mqd_t *) queue, "hello", 6, 7);
}

EXERCISE(MQ_RECEIVE)
{
	mqd_t queue = make_mq(x, 0);
	struct x_helper helper;
	unsigned priority = 0;
	char text[16] = "";

	x_later(&helper, 2, send_mq, &queue);
	KEEPS(6, CALL(mq_receive, queue, text, 16, &priority));
	x_wait(&helper);
	EXPECT(strcmp(text, "hello") == 0 && priority == 7);
	FAILS(-1, EMSGSIZE, CALL(mq_receive, queue, text, 1, NULL));
	FAILS(-1, EBADF, CALL(mq_receive, -1, text, 16, NULL));
}

EXERCISE(MQ_TIMEDRECEIVE)
{
	mqd_t queue = make_mq(x, 0);
	char text[16] = "";

	send_mq(&queue);
	KEEPS(6, CALL(mq_timedreceive, queue, text, 16, NULL, &past));
	EXPECT(strcmp(text, "hello") == 0);
	FAILS(-1, ETIMEDOUT, CALL(mq_timedreceive, queue, text, 16, NULL, &past));
}

EXERCISE(MQ_SEND)
{
	mqd_t queue = make_mq(x, O_NONBLOCK);
	char text[16] = "";

	KEEPS(0, CALL(mq_send, queue, "hello", 6, 0));
	KEEPS(0, CALL(mq_send, queue, "hello", 6, 0));
	FAILS(-1, EAGAIN, CALL(mq_send, queue, "hello", 6, 0));
	EXPECT(REAL(mq_receive)(queue, text, 16, NULL) == 6 && strcmp(text, "hello") == 0);
	FAILS(-1, EMSGSIZE, CALL(mq_send, queue, "hello", 17, 0));
}

EXERCISE(MQ_TIMEDSEND)
{
	mqd_t queue = make_mq(x, 0);
	char text[16] = "";

	KEEPS(0, CALL(mq_timedsend, queue, "hello", 6, 0, &past));
	KEEPS(0, CALL(mq_timedsend, queue, "hello", 6, 0, &past));
	FAILS(-1, ETIMEDOUT, CALL(mq_timedsend, queue, "hello", 6, 0, &past));
	EXPECT(REAL(mq_receive)(queue, text, 16, NULL) == 6 && strcmp(text, "hello") == 0);
}

/* A read from an empty pipe, and another that queues up behind it. */
static int fds[2];
static char bytes[2];
static struct aiocb first = {.aio_buf = &bytes[0], .aio_nbytes = 1};
static struct aiocb second = {.aio_buf = &bytes[1], .aio_nbytes = 1};

static void begin_reads(void)
{
	x_pipe(fds);
	first.aio_fildes = second.aio_fildes = fds[0];
	REAL(aio_read)(&first);
	REAL(aio_read)(&second);
}

EXERCISE(AIO_SUSPEND)
{
	const struct aiocb *list[] = {&first};
	struct timespec none = {0, 0};
	struct x_helper helper;

	begin_reads();
	FAILS(-1, EAGAIN, CALL(aio_suspend, list, 1, &none));
	FAILS(-1, EAGAIN, CALL(aio_suspend, list, 1, &short_time));
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(0, CALL(aio_suspend, list, 1, NULL));
	x_wait(&helper);
	EXPECT(REAL(aio_return)(&first) == 1 && bytes[0] == '!');
}

EXERCISE(LIO_LISTIO)
{
	int fd = x_open("text", O_RDWR | O_CREAT);
	struct aiocb a = {.aio_fildes = fd, .aio_buf = "abc", .aio_nbytes = 3},
		     b = {.aio_fildes = fd, .aio_buf = "def", .aio_nbytes = 3, .aio_offset = 3};
	struct aiocb *list[] = {&a, &b};

	a.aio_lio_opcode = b.aio_lio_opcode = LIO_WRITE;
	GIVES(0, CALL(lio_listio, LIO_WAIT, list, 2, NULL));
	/* The oldest implementation does not wait, whatever it is told. */
	for (int i = 0; i < 2; i++)
		while (REAL(aio_error)(list[i]) == EINPROGRESS)
			REAL(aio_suspend)((const struct aiocb **) &list[i], 1, NULL);
	EXPECT(x_file_is("text", "abcdef") && REAL(aio_return)(&b) == 3);
	FAILS(-1, EINVAL, CALL(lio_listio, 77, list, 2, NULL));
#ifdef __x86_64__
	/* Programs of the years between bind the node that shares the new implementation. */
	if (strcmp(x->node, "GLIBC_2.34") == 0) {
		x->fn = dlvsym(RTLD_DEFAULT, x->name, "GLIBC_2.4");
		EXPECT(x->fn != NULL);
		GIVES(0, CALL(lio_listio, LIO_WAIT, list, 2, NULL));
	}
#endif
}

PART(aio_request)
{
	int fd = x_open("text", O_RDWR | O_CREAT);
	struct aiocb block = {.aio_fildes = fd, .aio_buf = bytes, .aio_nbytes = 1};
	const struct aiocb *list[] = {&block};

	REAL(write)(fd, "a", 1);
	if (strstr(x->name, "fsync")) {
		KEEPS(0, CALL(aio_fsync, O_SYNC, &block));
		FAILS(-1, EINVAL, CALL(aio_fsync, 77, &block));
	} else {
		KEEPS(0, CALL(aio_read, &block));
	}
	REAL(aio_suspend)(list, 1, NULL);
	EXPECT(REAL(aio_return)(&block) == (strstr(x->name, "fsync") ? 0 : 1));
}

EXERCISE(AIO_CANCEL)
{
	if (!strstr(x->name, "cancel")) {
		part_aio_request(x);
		return;
	}
	begin_reads();
	GIVES(AIO_CANCELED, CALL(aio_cancel, fds[0], &second));
	EXPECT(REAL(aio_error)(&second) == ECANCELED);
	GIVES(AIO_ALLDONE, CALL(aio_cancel, fds[0], &second));
	FAILS(-1, EBADF, CALL(aio_cancel, -1, NULL));
}

/* Listens where the system's logger would, in a /dev of our own. */
static int logger;
static void make_logger(struct exercise *x)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

	x_namespace(x);
	if (REAL(mount)("none", "/dev", "tmpfs", 0, NULL) < 0)
		x_skip(x, "needs a mount namespace");
	logger = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(logger, (struct sockaddr *) &address, sizeof(address)) < 0)
		x_skip(x, "no /dev/log");
}

static bool logged(const char *priority, const char *text)
{
	char said[256] = "";
	ssize_t size = REAL(recv)(logger, said, sizeof(said) - 1, MSG_DONTWAIT);
	const char *at = strstr(said, text);

	return size > 0 && strstr(said, priority) == said && at && strlen(at) == strlen(text);
}

static void call_vsyslog(struct exercise *x, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (IS("__vsyslog_chk"))
		CALL_VOID(__vsyslog_chk, LOG_INFO, 1, format, ap);
	else
		CALL_VOID(vsyslog, LOG_INFO, format, ap);
	va_end(ap);
}

EXERCISE(SYSLOG)
{
	make_logger(x);
	REAL(openlog)("me", 0, LOG_USER);
	if (strstr(x->name, "vsyslog"))
		call_vsyslog(x, "%s %d %.1f", "text", 7, 7.5);
	else if (IS("__syslog_chk"))
		CALL_VOID(__syslog_chk, LOG_INFO, 1, "%s %d %.1f", "text", 7, 7.5);
	else
		CALL_VOID(syslog, LOG_INFO, "%s %d %.1f", "text", 7, 7.5);
	EXPECT(logged("<14>", "me: text 7 7.5"));
}

/* The descriptor that the next open would get tells whether the log is open. */
static int next_fd(void)
{
	int fd = dup(0);

	REAL(close)(fd);
	return fd;
}

EXERCISE(OPENLOG)
{
	int fd;

	make_logger(x);
	fd = next_fd();
	CALL_VOID(openlog, "me", LOG_NDELAY, LOG_USER);
	EXPECT(next_fd() == fd + 1);
	REAL(syslog)(LOG_INFO, "text");
	EXPECT(logged("<14>", "me: text"));
}

EXERCISE(CLOSELOG)
{
	int fd;

	make_logger(x);
	fd = next_fd();
	REAL(openlog)("me", LOG_NDELAY, LOG_USER);
	EXPECT(next_fd() == fd + 1);
	CALL_VOID(closelog);
	EXPECT(next_fd() == fd);
}

PART(sem_close)
{
	sem_t *semaphore = REAL(sem_open)(own_name(), O_CREAT | O_EXCL, 0600, 3);

	EXPECT(REAL(sem_unlink)(name) == 0);
	KEEPS(0, CALL(sem_close, semaphore));
	FAILS(-1, EINVAL, CALL(sem_close, semaphore));
}

PART(sem_open)
{
	sem_t *semaphore = CALL(sem_open, own_name(), O_CREAT | O_EXCL, 0600, 3);
	int value = 0;

	EXPECT(semaphore != SEM_FAILED && sem_getvalue(semaphore, &value) == 0 && value == 3);
	FAILS(SEM_FAILED, EEXIST, CALL(sem_open, name, O_CREAT | O_EXCL, 0600, 3));
	EXPECT(CALL(sem_open, name, 0) == semaphore);
	EXPECT(REAL(sem_unlink)(name) == 0);
	FAILS(SEM_FAILED, ENOENT, CALL(sem_open, name, 0));
}

EXERCISE(SEM_OPEN)
{
	if (IS("sem_close"))
		part_sem_close(x);
	else
		part_sem_open(x);
}

EXERCISE(SHM_OPEN)
{
	mqd_t queue;
	int fd;

	own_name();
	if (IS("shm_open")) {
		fd = CALL(shm_open, name, O_CREAT | O_RDWR, 0600);
		EXPECT(fd > 2 && REAL(ftruncate)(fd, 7) == 0);
		EXPECT(REAL(shm_unlink)(name) == 0);
	} else if (IS("shm_unlink")) {
		fd = REAL(shm_open)(name, O_CREAT | O_RDWR, 0600);
		GIVES(0, CALL(shm_unlink, name));
		EXPECT(fd > 2 && REAL(shm_open)(name, O_RDWR, 0) < 0);
	} else if (IS("sem_unlink")) {
		REAL(sem_open)(name, O_CREAT, 0600, 3);
		GIVES(0, CALL(sem_unlink, name));
	} else {
		queue = make_mq(x, 0);
		EXPECT(queue >= 0 && REAL(mq_open)(name, O_CREAT | O_RDWR, 0600, NULL) >= 0);
		GIVES(0, CALL(mq_unlink, name));
	}
	if (IS("shm_open"))
		FAILS(-1, ENOENT, CALL(shm_open, name, O_RDWR, 0));
	else
		FAILS(-1, ENOENT, CALL(shm_unlink, name));
}

EXERCISE(MQ_OPEN)
{
	struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 16}, got;
	mqd_t queue = make_mq(x, 0);

	EXPECT(queue >= 0);
	if (IS("mq_close")) {
		queue = REAL(mq_open)(name, O_CREAT | O_RDWR, 0600, &attributes);
		KEEPS(0, CALL(mq_close, queue));
		FAILS(-1, EBADF, CALL(mq_close, queue));
		REAL(mq_unlink)(name);
		return;
	}
	if (IS("__mq_open_2")) {
		FAILS(-1, ENOENT, CALL(__mq_open_2, name, O_RDWR));
		REAL(mq_open)(name, O_CREAT | O_RDWR, 0600, &attributes);
		queue = CALL(__mq_open_2, name, O_RDWR);
	} else {
		FAILS(-1, ENOENT, CALL(mq_open, name, O_RDWR));
		queue = CALL(mq_open, name, O_CREAT | O_RDWR, 0600, &attributes);
	}
	EXPECT(x->error == X_ERRNO && mq_getattr(queue, &got) == 0 && got.mq_msgsize == 16);
	EXPECT(REAL(mq_unlink)(name) == 0);
}
