/* acts.cc: the calls of the frame tests; see frames.h. C++ so that exceptions go through them. */
#include "frames.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

void (*leave)(void);

static bool pipe_has(struct scene *scene, int bytes)
{
	int waiting = -1;

	return ioctl(scene->pipe[0], FIONREAD, &waiting) == 0 && waiting == bytes;
}

static bool unread(struct scene *scene)
{
	return pipe_has(scene, 1);
}

static bool unwritten(struct scene *scene)
{
	return pipe_has(scene, 0);
}

static bool untaken(struct scene *scene)
{
	int value = -1;

	return sem_getvalue((sem_t *) scene->semaphore, &value) == 0 && value == 1;
}

/* ---- calls that wait ---- */

static void make_read(struct scene *scene)
{
	char byte;

	(void) !read(scene->pipe[0], &byte, 1);
}

static void make_readv(struct scene *scene)
{
	char byte;
	struct iovec vec = {&byte, 1};

	(void) !readv(scene->pipe[0], &vec, 1);
}

static void make_poll(struct scene *scene)
{
	struct pollfd fds = {scene->pipe[0], POLLIN, 0};

	poll(&fds, 1, -1);
}

static void make_select(struct scene *scene)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(scene->pipe[0], &set);
	select(scene->pipe[0] + 1, &set, NULL, NULL, NULL);
}

static void make_nanosleep(struct scene *)
{
	struct timespec hour = {3600, 0};

	nanosleep(&hour, NULL);
}

static void make_clock_nanosleep(struct scene *)
{
	struct timespec hour = {3600, 0};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL);
}

static void make_pause(struct scene *)
{
	pause();
}

static void make_sem_wait(struct scene *scene)
{
	sem_wait((sem_t *) scene->semaphore);
}

static void unlock(void *mutex)
{
	pthread_mutex_unlock((pthread_mutex_t *) mutex);
}

static void make_cond_wait(struct scene *scene)
{
	pthread_mutex_lock((pthread_mutex_t *) scene->mutex);
	pthread_cleanup_push(unlock, scene->mutex);
	pthread_cond_wait((pthread_cond_t *) scene->condition, (pthread_mutex_t *) scene->mutex);
	pthread_cleanup_pop(1);
}

static void make_fcntl(struct scene *scene)
{
	struct flock lock = {};

	lock.l_type = F_WRLCK;
	fcntl(scene->pipe[0], F_SETLKW, &lock);
}

static void make_fgetc(struct scene *scene)
{
	fgetc(scene->stream);
}

static void make_fscanf(struct scene *scene)
{
	int number;

	(void) !fscanf(scene->stream, "%d", &number);
}

static void make_getaddrinfo(struct scene *)
{
	struct addrinfo *list = NULL;

	getaddrinfo("nobody.answers.example", "80", NULL, &list);
}

static void make_write(struct scene *scene)
{
	(void) !write(scene->pipe[1], "x", 1);
}

/* ---- calls that call back ---- */

static ssize_t cookie_read(void *, char *, size_t)
{
	leave();
	return 0;
}

static ssize_t cookie_write(void *, const char *, size_t size)
{
	leave();
	return (ssize_t) size;
}

static void call_fread(struct scene *scene)
{
	char byte;

	(void) !fread(&byte, 1, 1, scene->cookie);
}

static void call_fgets(struct scene *scene)
{
	char line[8];

	(void) !fgets(line, sizeof(line), scene->cookie);
}

static void call_fwrite(struct scene *scene)
{
	(void) !fwrite("x", 1, 1, scene->cookie);
}

static void call_fscanf(struct scene *scene)
{
	int number;

	(void) !fscanf(scene->cookie, "%d", &number);
}

static void call_fprintf(struct scene *scene)
{
	fprintf(scene->cookie, "%d %s %g", 17, "words", 0.5);
}

static void call_dlopen(struct scene *scene)
{
	dlopen(scene->library, RTLD_NOW | RTLD_LOCAL);
}

/* name, row, function, no effect, cancels, signals, leaves */
const struct act acts[] = {
	{"read", "read", make_read, unread, true, true, false},
	{"readv", "readv", make_readv, unread, true, true, false},
	{"poll", "poll", make_poll, NULL, true, true, false},
	{"select", "select", make_select, NULL, true, true, false},
	{"nanosleep", "nanosleep", make_nanosleep, NULL, true, true, false},
	{"clock_nanosleep", "clock_nanosleep", make_clock_nanosleep, NULL, true, true, false},
	{"pause", "pause", make_pause, NULL, true, true, false},
	{"sem_wait", "sem_wait", make_sem_wait, untaken, true, true, false},
	{"cond_wait", "pthread_cond_wait", make_cond_wait, NULL, true, false, false},
	{"fcntl", "fcntl", make_fcntl, NULL, true, true, false},
	{"fgetc", "fgetc", make_fgetc, unread, true, false, false},
	{"fscanf", "fscanf", make_fscanf, unread, true, false, false},
	{"getaddrinfo", "getaddrinfo", make_getaddrinfo, NULL, true, true, false},
	{"write", "write", make_write, unwritten, false, false, false},
	{"cookie_fread", "fread", call_fread, NULL, false, false, true},
	{"cookie_fgets", "fgets", call_fgets, NULL, false, false, true},
	{"cookie_fwrite", "fwrite", call_fwrite, NULL, false, false, true},
	{"cookie_fscanf", "fscanf", call_fscanf, NULL, false, false, true},
	{"cookie_fprintf", "fprintf", call_fprintf, NULL, false, false, true},
	{"dlopen", "dlopen", call_dlopen, NULL, false, false, true},
};
const unsigned act_count = sizeof(acts) / sizeof(acts[0]);

/* ---- the scene ---- */

/* The other process keeps the whole file locked until we end. */
static void lock_elsewhere(int fd)
{
	struct flock lock = {};
	int ready[2];
	char byte;

	lock.l_type = F_WRLCK;
	CHECK(pipe(ready) == 0);
	if (fork() == 0) {
		fcntl(fd, F_SETLK, &lock);
		(void) !write(ready[1], "x", 1);
		close(ready[1]);
		for (pid_t parent = getppid(); getppid() == parent;)
			usleep(10000);
		_exit(0);
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	close(ready[1]);
}

void scene_prepare(struct scene *scene, const struct act *act, bool ready)
{
	static sem_t semaphore;
	static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	cookie_io_functions_t functions = {cookie_read, cookie_write, NULL, NULL};

	scene->semaphore = &semaphore;
	scene->condition = &condition;
	scene->mutex = &mutex;
	CHECK(pipe(scene->pipe) == 0);
	CHECK(sem_init(&semaphore, 0, ready ? 1 : 0) == 0);
	if (ready && act->untouched == unread)
		CHECK(syscall(SYS_write, scene->pipe[1], "7", 1) == 1);
	if (strcmp(act->name, "fcntl") == 0) {
		CHECK((scene->pipe[0] = open("locked", O_RDWR | O_CREAT, 0600)) >= 0);
		lock_elsewhere(scene->pipe[0]);
	}
	CHECK((scene->stream = fdopen(scene->pipe[0], "r")));
	CHECK((scene->cookie = fopencookie(NULL, "r+", functions)));
	setvbuf(scene->cookie, NULL, _IONBF, 0);
}

static bool put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

bool scene_network(void)
{
	struct sockaddr_in here = {};
	struct ifreq loopback = {};
	int fd;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	if (!put_file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30\n") ||
		!put_file("nsswitch.conf", "hosts: dns\n") ||
		mount("resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0 ||
		mount("nsswitch.conf", "/etc/nsswitch.conf", NULL, MS_BIND, NULL) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	strcpy(loopback.ifr_name, "lo");
	loopback.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback) < 0)
		return false;
	here.sin_family = AF_INET;
	here.sin_port = htons(53);
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(fd, (struct sockaddr *) &here, sizeof(here)) == 0;
}
