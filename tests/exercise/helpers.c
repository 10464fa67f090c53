/* helpers.c: what exercises prepare with. Nothing here goes through a name under test: libc is
 * reached behind the back of a preload. */
#include "exercise.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

void *const x_bad = (void *) 16; /* no page is ever mapped there */

/* A look-up in the handle of one library passes over a preload. Before glibc 2.34 some functions
 * live in companions of libc. */
static void *libraries[7];

void x_real_open(void)
{
	static const char *const names[] = {"libc.so.6", "libpthread.so.0", "librt.so.1",
		"libdl.so.2", "libresolv.so.2", "libanl.so.1", "libutil.so.1"};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(names); i++)
		libraries[i] = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
}

void *x_real(const char *name)
{
	void *real = NULL;

	for (unsigned i = 0; i < GS_ARRAY_SIZE(libraries) && !real; i++)
		if (libraries[i])
			real = dlsym(libraries[i], name);
	return real ? real : dlsym(RTLD_DEFAULT, name);
}

void *x_real_node(const char *name, const char *node)
{
	return dlvsym(libraries[0], name, node);
}

void x_begin(struct exercise *x)
{
	x->report->calls++;
	x->in_call = true;
	x_hold(x->held);
	/* What the cancellation is for is the call, not what the exercise does around it. */
	if (x->cancel)
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	errno = X_ERRNO;
}

void x_end(struct exercise *x)
{
	x->error = errno;
	x->in_call = false;
	if (x->cancel)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	x_hold(false);
	if (x->report->calls <= X_TRACE)
		x->report->trace[x->report->calls - 1] = x->error;
}

/* The first failure is kept: what follows is often its consequence. */
void x_fail(struct exercise *x, const char *format, ...)
{
	va_list ap;

	if (x->report->state == X_FAILED || x->report->state == X_SKIPPED)
		return;
	va_start(ap, format);
	REAL(vsnprintf)(x->report->text, sizeof(x->report->text), format, ap);
	va_end(ap);
	x->report->state = X_FAILED;
}

bool x_gives(struct exercise *x, const char *call, intptr_t got, intptr_t want)
{
	if (got == want)
		return true;
	x_fail(x, "%s: expected %ld, got %ld (errno %d, %s)", call, (long) want, (long) got,
		x->error, x->error == X_ERRNO ? "untouched" : strerror(x->error));
	return false;
}

void x_errno(struct exercise *x, const char *call, bool gave, int want)
{
	if (gave && x->error != want)
		x_fail(x, "%s: expected errno %s, got %s", call,
			want == X_ERRNO ? "untouched" : strerror(want),
			x->error == X_ERRNO ? "untouched" : strerror(x->error));
}

void x_any_errno(struct exercise *x)
{
	x->report->trace[x->report->calls - 1] = 0;
}

void x_as_bare(struct exercise *x, int64_t value)
{
	if (x->report->values < X_TRACE)
		x->report->value[x->report->values++] = value;
}

bool x_expect(struct exercise *x, const char *condition, bool holds)
{
	if (!holds)
		x_fail(x, "expected %s (errno of the call %d)", condition, x->error);
	return holds;
}

void x_skip(struct exercise *x, const char *why)
{
	if (x->report->state == X_RUNNING) {
		REAL(snprintf)(x->report->text, sizeof(x->report->text), "%s", why);
		x->report->state = X_SKIPPED;
	}
	REAL(_exit)(0);
}

void x_ends(struct exercise *x, int status)
{
	x->report->status = status;
	if (x->report->state == X_RUNNING)
		x->report->state = X_DONE;
}

void x_sleep(unsigned ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000L};

	while (REAL(nanosleep)(&left, &left) < 0 && errno == EINTR)
		;
}

/* Helpers, by the order of their start; what they work on may go away. */
enum state { SLEEPS, ACTS, DONE };
static struct slot {
	struct x_helper helper;
	_Atomic unsigned state;
} slots[64];
static _Atomic unsigned slot_count;

static void *helper_main(void *argument)
{
	struct slot *slot = argument;
	unsigned expected = SLEEPS;

	x_sleep(slot->helper.ms);
	if (!slot->helper.ms || atomic_compare_exchange_strong(&slot->state, &expected, ACTS))
		slot->helper.act(slot->helper.context);
	slot->state = DONE;
	return NULL;
}

void x_left(struct exercise **call)
{
	if (!(*call)->in_call)
		return;
	x_hold(false);
	for (unsigned i = 0; i < slot_count; i++) {
		unsigned expected = SLEEPS;

		if (!atomic_compare_exchange_strong(&slots[i].state, &expected, DONE))
			while (slots[i].state == ACTS)
				REAL(sched_yield)();
	}
}

void x_later(struct x_helper *helper, unsigned ms, void (*act)(void *), void *context)
{
	struct slot *slot = &slots[slot_count++];
	sigset_t all, old;

	if (slot_count > GS_ARRAY_SIZE(slots))
		REAL(abort)();
	*slot = (struct slot){{.ms = ms, .act = act, .context = context}, ms ? SLEEPS : DONE};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for the exercise's thread */
	REAL(pthread_create)(&helper->thread, NULL, helper_main, slot);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void x_wait(struct x_helper *helper)
{
	REAL(pthread_join)(helper->thread, NULL);
}

void x_put(void *fd)
{
	if (REAL(write)(*(int *) fd, "!", 1) < 0)
		REAL(abort)();
}

int x_no_point(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

void x_point(int *state)
{
	pthread_setcancelstate(*state, NULL);
}

int x_open(const char *path, int flags)
{
	NO_POINT;

	return REAL(open)(path, flags, 0600);
}

void x_write_file(const char *path, const char *text)
{
	NO_POINT;
	int fd = x_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);

	if (REAL(write)(fd, text, strlen(text)) < 0)
		REAL(abort)();
	REAL(close)(fd);
}

static size_t read_file(const char *path, char *content, size_t room)
{
	int fd = x_open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = REAL(read)(fd, content, room);

	REAL(close)(fd);
	return size > 0 ? (size_t) size : 0;
}

bool x_file_is(const char *path, const char *text)
{
	char content[4096];
	size_t size = read_file(path, content, sizeof(content));

	return size == strlen(text) && memcmp(content, text, size) == 0;
}

bool x_said(const char *text)
{
	char content[8192];
	size_t size = read_file("stderr", content, sizeof(content)), length = strlen(text);

	return size >= length && memcmp(content + size - length, text, length) == 0;
}

void x_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		REAL(abort)();
}

void x_socketpair(int type, int fds[2])
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
		REAL(abort)();
}

void x_terminal(int fds[2])
{
	char name[64];

	fds[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[1] < 0 || unlockpt(fds[1]) < 0 || ptsname_r(fds[1], name, sizeof(name)) != 0)
		REAL(abort)();
	fds[0] = x_open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int x_child(int status)
{
	__typeof__(&_exit) leave = REAL(_exit);
	int pid = REAL(fork)();

	if (pid == 0)
		leave(status);
	return pid;
}

static void ignore(int number)
{
	(void) number;
}

void x_alarm_start(unsigned ms)
{
	struct sigaction action = {.sa_handler = ignore};
	struct itimerval every = {{0, ms * 1000}, {0, ms * 1000}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

void x_alarm_stop(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
}

struct timespec x_from_now(int clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}
