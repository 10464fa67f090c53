/* frames.cc: calls that are left by cancellation, by a C++ exception or by longjmp.
 *
 *	frames WAY ACT held|released [LIBRARY]
 *
 * WAY: cancel   a thread that is blocked in the call is cancelled
 *      pending  the cancellation is pending before the call, which is ready to go on
 *      throw    a signal handler or a callback throws
 *      jump     ... calls siglongjmp
 *      deep     as jump; then the GIL is dropped and taken, and the calls after it are made
 *               deeper in the stack than the one that was left
 * The host's side is checked here: cleanup handlers and destructors run, the call had no effect,
 * and the calls made afterwards are announced for the driver. */
#include "frames.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/uio.h>

static const struct act *act;
static struct scene scene;
static bool held;
static sigjmp_buf back;
static volatile int cleaned, destroyed, caught, in_call;
static volatile pid_t tid;
static int after_pipe[2];

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
	act->make(&scene);
	x_hold(false);
	pthread_cleanup_pop(0);
}

/* ---- cancellation ---- */

static void *cancelled(void *pending)
{
	introduce();
	tid = (pid_t) syscall(SYS_gettid);
	if (pending)
		pthread_cancel(pthread_self());
	make();
	return NULL;
}

/* In the call, and asleep there. */
static bool is_blocked(void)
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
	CHECK(size > 0);
	line[size] = '\0';
	state = strrchr(line, ')');
	return state && state[2] == 'S';
}

static void cancel(bool pending)
{
	pthread_t thread;
	void *result = NULL;

	leave = pthread_testcancel;
	CHECK(pthread_create(&thread, NULL, cancelled, pending ? &scene : NULL) == 0);
	if (!pending) {
		/* Three looks in a row: not a short wait before the one that is meant. */
		for (int looks = 0; looks < 3; looks = is_blocked() ? looks + 1 : 0)
			syscall(SYS_sched_yield);
		CHECK(pthread_cancel(thread) == 0);
	}
	CHECK(pthread_join(thread, &result) == 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK(cleaned == 1);
	CHECK(destroyed == 1);
	if (pending && act->untouched)
		CHECK(act->untouched(&scene));
}

/* ---- exceptions and jumps ---- */

static void leave_by_throw(void)
{
	throw 17;
}

static void leave_by_jump(void)
{
	siglongjmp(back, 1);
}

static void on_signal(int)
{
	leave();
}

/* Signals the thread once it is in the call: it is left only from inside. */
static void *signaller(void *thread)
{
	x_hold(false);
	for (int looks = 0; looks < 3; looks = is_blocked() ? looks + 1 : 0)
		syscall(SYS_sched_yield);
	pthread_kill(*(pthread_t *) thread, SIGUSR1);
	return NULL;
}

static void signal_once_blocked(void)
{
	static pthread_t here, other;
	struct sigaction action = {};

	here = pthread_self();
	tid = (pid_t) syscall(SYS_gettid);
	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, NULL);
	CHECK(pthread_create(&other, NULL, signaller, &here) == 0);
	pthread_detach(other);
}

static void leave_it(bool by_throw)
{
	leave = by_throw ? leave_by_throw : leave_by_jump;
	if (!by_throw && sigsetjmp(back, 1)) {
		caught = caught + 1;
	} else {
		if (act->signals)
			signal_once_blocked();
		try {
			make();
		} catch (int number) {
			CHECK(number == 17);
			caught = caught + 1;
		}
	}
	if (by_throw)
		CHECK(destroyed == 1);
	CHECK(caught == 1);
}

/* ---- what comes after ---- */

static void __attribute__((noinline)) after(unsigned times, bool hold)
{
	struct iovec vec = {(void *) "after", 5};

	x_hold(hold);
	for (unsigned i = 0; i < times; i++)
		CHECK(writev(after_pipe[1], &vec, 1) == 5);
	x_hold(false);
}

static void __attribute__((noinline)) after_deep(unsigned levels)
{
	char room[512];

	/* Not a tail call: the room is in use until it returns. */
	__asm__ volatile("" : : "r"(room) : "memory");
	if (levels)
		after_deep(levels - 1);
	else
		after(5, true);
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void drop_and_take(void)
{
	x_hold(false);
	x_hold(true);
}

int main(int argc, char **argv)
{
	const char *way = argc > 3 ? argv[1] : "";

	for (unsigned i = 0; argc > 3 && i < act_count; i++)
		act = strcmp(acts[i].name, argv[2]) == 0 ? &acts[i] : act;
	CHECK(act);
	held = strcmp(argv[3], "held") == 0;
	scene.library = argv[4];
	if (strcmp(act->name, "getaddrinfo") == 0 && !scene_network()) {
		say("skip: no network namespace of its own");
		return 77;
	}
	CHECK(pipe(after_pipe) == 0);
	x_make_gil();
	introduce();
	scene_prepare(&scene, act, strcmp(way, "pending") == 0);
	if (strcmp(way, "cancel") == 0 || strcmp(way, "pending") == 0)
		cancel(strcmp(way, "pending") == 0);
	else
		leave_it(strcmp(way, "throw") == 0);
	if (strcmp(way, "deep") == 0) {
		drop_and_take();
		after_deep(20);
	} else {
		after(5, true);
	}
	after(3, false);
	made(held ? "held" : "released", act->call, 1);
	made("held", "writev", 5);
	made("released", "writev", 3);
	if (act->leaves && strcmp(way, "pending") == 0)
		_exit(0); /* the ended thread has the loader's or a stream's lock */
	exit(0);
}
