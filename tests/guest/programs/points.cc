/* points.cc: calls that wait for ever, left by a cancellation or disturbed by a signal.
 *
 *	points held|released
 *
 * Each call of the table (waits.cc) runs in a thread of its own until it is asleep in the kernel.
 * Then the thread is cancelled, or gets a signal whose handler was installed without and with
 * SA_RESTART. What became of it is said: the driver compares that with the same program without the
 * library. That a cancelled thread ran its cleanup handler and its destructor is checked here. */
#include "waits.h"

#include <pthread.h>
#include <signal.h>

static const struct wait_act *act;
static bool held;
static volatile int cleaned, destroyed, in_call, returned, handled;
static volatile long result, error;
static volatile pid_t tid;

struct witness {
	~witness()
	{
		destroyed = destroyed + 1;
	}
};

static void clean(void *)
{
	cleaned = cleaned + 1;
}

static void __attribute__((noinline)) make(void)
{
	witness here;

	pthread_cleanup_push(clean, NULL);
	in_call = 1;
	x_hold(held);
	errno = EXDEV;
	result = act->make();
	error = errno;
	x_hold(false);
	in_call = 0;
	pthread_cleanup_pop(0);
}

static void *caller(void *)
{
	introduce();
	tid = (pid_t) syscall(SYS_gettid);
	make();
	returned = 1;
	return NULL;
}

static bool asleep(void)
{
	char path[64], line[512], *state;
	ssize_t size;
	int fd;

	if (!in_call)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int) tid);
	fd = (int) syscall(SYS_openat, -100, path, 0, 0);
	size = syscall(SYS_read, fd, line, sizeof(line) - 1);
	syscall(SYS_close, fd);
	if (size <= 0)
		return false;
	line[size] = '\0';
	state = strrchr(line, ')');
	return state && (state[2] == 'S' || state[2] == 'D');
}

/* Asleep in the call, `looks` times in a row; or it has returned. */
static void until_asleep(int looks)
{
	for (int seen = 0; seen < looks && !returned; seen = asleep() ? seen + 1 : 0)
		syscall(SYS_sched_yield);
}

static pthread_t start(void)
{
	pthread_t thread;

	cleaned = destroyed = in_call = returned = handled = 0;
	waits_prepare();
	CHECK(pthread_create(&thread, NULL, caller, NULL) == 0);
	until_asleep(3);
	if (returned) {
		say("%s returned %ld, errno %ld", act->name, result, error);
		_exit(1);
	}
	return thread;
}

/* A thread that nothing ends is left where it is. */
static void cancel(pthread_t thread)
{
	void *value = NULL;

	CHECK(pthread_cancel(thread) == 0);
	if (!act->point) {
		until_asleep(20);
		say("%s: %s", act->name, returned ? "returned" : "goes on");
		pthread_detach(thread);
		return;
	}
	CHECK(pthread_join(thread, &value) == 0);
	CHECK(value == PTHREAD_CANCELED);
	CHECK(cleaned == 1 && destroyed == 1);
	say("%s: cancelled", act->name);
}

static void on_signal(int)
{
	handled = handled + 1;
}

static void disturb(int flags)
{
	struct sigaction action = {};
	pthread_t thread;

	action.sa_handler = on_signal;
	action.sa_flags = flags;
	sigaction(SIGUSR1, &action, NULL);
	thread = start();
	CHECK(pthread_kill(thread, SIGUSR1) == 0);
	while (!handled)
		syscall(SYS_sched_yield);
	until_asleep(3);
	if (returned) {
		CHECK(pthread_join(thread, NULL) == 0);
		CHECK(destroyed == 1);
		say("%s: %ld, %s", act->name, result, strerrorname_np((int) error));
	} else {
		say("%s: goes on after the signal", act->name);
		cancel(thread);
	}
}

int main(int argc, char **argv)
{
	struct sigaction ignored = {};

	CHECK(argc > 1);
	held = strcmp(argv[1], "held") == 0;
	introduce();
	ignored.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &ignored, NULL);
	for (unsigned i = 0; i < wait_act_count; i++) {
		act = &wait_acts[i];
		cancel(start());
		if (!act->deaf) {
			disturb(0);
			disturb(SA_RESTART);
		}
	}
	waits_end();
	_exit(0);
}
