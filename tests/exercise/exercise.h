/* exercise.h: the exercises of the intercepted calls. Each row of calls.def has one function,
 * exercise_ID(), that makes the smallest real use of the call; a row without it does not link.
 *
 * The program (main.c) runs an exercise once for each exported name of its row, each time in a
 * process of its own, which is at the same time a make-believe CPython 3.13 (fakepy.c) whose thread
 * says by a switch whether it holds the GIL. An exercise
 *	- prepares with real calls of other rows, or with REAL(name), which no preload sees;
 *	- makes the call under test only through CALL(): that throws the switch and counts;
 *	- states result and errno with GIVES, KEEPS or FAILS, and the effect with EXPECT.
 * It must not block for more than about 20 ms. Afterwards the program compares the counters in the
 * record with the number of calls made, and errno with that of the run without the library. */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compiler.h"

/* errno before each call; a call that leaves errno alone leaves this. */
#define X_ERRNO 3077

#define X_TRACE 64 /* calls of one run whose errno is kept */

enum x_state { X_STARTED, X_RUNNING, X_DONE, X_FAILED, X_SKIPPED };

/* What a run tells the program that started it. Shared memory, so that it outlives an exec, an
 * abort and a closed descriptor. */
struct x_report {
	uint32_t state; /* enum x_state */
	uint32_t calls;
	uint32_t pending; /* descendants that outlive the process and still have something to say */
	int32_t status;   /* the wait status that the process is to end with */
	int32_t trace[X_TRACE]; /* errno after each call */
	uint32_t acted; /* the call that acted on the run's cancellation, counted from 1 */
	uint32_t cleaned, destroyed; /* cleanup handlers and destructors that this ran */
	int32_t ended; /* the wait status that it did end with */
	uint32_t values;
	int64_t value[X_TRACE]; /* AS_BARE */
	char text[1024];        /* what failed first, or why it was skipped */
};

struct exercise {
	const char *name; /* the exported name under test */
	const char *node; /* its version node, or NULL */
	void *fn;         /* what a program that binds it calls */
	bool held;
	bool in_call;
	bool cancel; /* with a cancellation pending at every call */
	struct x_report *report;
	int error; /* errno after the last CALL */
};

#define GS_CALL(ID, ...) void exercise_##ID(struct exercise *x);
#include "calls.def"
#define EXERCISE(ID) void exercise_##ID(struct exercise *x)
/* One of several functions that share a row. */
#define PART(symbol) static void part_##symbol(struct exercise *x)

/* The call under test, as a function of the type of `like`. */
#define CALL(like, ...)                                                         \
	({                                                                      \
		struct exercise *call_ __attribute__((cleanup(x_left))) = x;    \
		x_begin(call_);                                                 \
		__auto_type got_ = ((__typeof__(&like)) x->fn)(__VA_ARGS__);    \
		x_end(call_);                                                   \
		got_;                                                           \
	})
#define CALL_VOID(like, ...)                                                    \
	({                                                                      \
		struct exercise *call_ __attribute__((cleanup(x_left))) = x;    \
		x_begin(call_);                                                 \
		((__typeof__(&like)) x->fn)(__VA_ARGS__);                       \
		x_end(call_);                                                   \
	})

/* The same libc function with no preload in between. */
#define REAL(name) ((__typeof__(&name)) x_real(#name))

/* `call` gives `want`; errno is compared with the bare run only. */
#define GIVES(want, call) x_gives(x, #call, (intptr_t) (call), (intptr_t) (want))
/* ... and leaves errno alone. */
#define KEEPS(want, call) \
	x_errno(x, #call, x_gives(x, #call, (intptr_t) (call), (intptr_t) (want)), X_ERRNO)
/* ... and sets errno. */
#define FAILS(want, error, call) \
	x_errno(x, #call, x_gives(x, #call, (intptr_t) (call), (intptr_t) (want)), error)
/* ... gives the same as in the bare run; for what differs between versions of libc. */
#define AS_BARE(call) x_as_bare(x, (int64_t) (call))
#define EXPECT(condition) x_expect(x, #condition, condition)

#define IS(symbol) (strcmp(x->name, symbol) == 0)

void x_begin(struct exercise *x);
void x_end(struct exercise *x);
/* For what prepares an argument of CALL: a cancellation is the call's. */
#define NO_POINT int state_ __attribute__((cleanup(x_point))) = x_no_point()
int x_no_point(void);
void x_point(int *state);
/* A call that a cancellation ended: what the exercise's helpers work on is about to go. */
void x_left(struct exercise **call);
void *x_real(const char *name);
void *x_real_node(const char *name, const char *node);
/* Makes REAL real; it uses dlopen, so not for the exercises of that. */
void x_real_open(void);
bool x_gives(struct exercise *x, const char *call, intptr_t got, intptr_t want);
void x_errno(struct exercise *x, const char *call, bool gave, int want);
/* errno after the last CALL depends on the state of the machine: it is not compared. */
void x_any_errno(struct exercise *x);
void x_as_bare(struct exercise *x, int64_t value);
bool x_expect(struct exercise *x, const char *condition, bool holds);
void x_fail(struct exercise *x, const char *format, ...) GS_PRINTF(2, 3);

/* Ends the run: this system cannot do it. */
void x_skip(struct exercise *x, const char *why) __attribute__((noreturn));

/* The rest of the run ends the process, with this wait status. */
void x_ends(struct exercise *x, int status);

/* A pointer that no system call accepts. */
extern void *const x_bad;

/* Runs `act` in another thread after about `ms` milliseconds; x_wait waits for its end. Neither the
 * thread nor what it calls through REAL is seen by the library. If the call that it helps is
 * cancelled, it does not act any more; but after 0 ms it always does. */
struct x_helper {
	pthread_t thread;
	void (*act)(void *);
	void *context;
	unsigned ms;
};
void x_later(struct x_helper *helper, unsigned ms, void (*act)(void *), void *context);
void x_wait(struct x_helper *helper);
void x_sleep(unsigned ms);
/* For x_later: writes one '!' to the descriptor that `fd` points to. */
void x_put(void *fd);

/* A file of that content in the working directory, which is the run's own; and a check. */
void x_write_file(const char *path, const char *text);
bool x_file_is(const char *path, const char *text);
/* Standard error ends so: the library may have said something before. */
bool x_said(const char *text);
/* Opens or makes it; ends the run if that fails. */
int x_open(const char *path, int flags);
void x_pipe(int fds[2]);
void x_socketpair(int type, int fds[2]);
/* A pseudo-terminal: [0] the terminal, [1] its other side. */
void x_terminal(int fds[2]);
/* A child that ends at once with `status`; not to be seen by the library. */
int x_child(int status);
/* A signal handler that does nothing, and SIGALRM every `ms` milliseconds until x_alarm_stop. */
void x_alarm_start(unsigned ms);
void x_alarm_stop(void);
/* A time `ms` milliseconds from now on that clock. */
struct timespec x_from_now(int clock, long ms);

/* A mount namespace of the run's own, and in it an /etc with known content (etc.c). They end the
 * run where the system does not allow that. */
void x_namespace(struct exercise *x);
void x_etc(struct exercise *x);

/* The switch of the make-believe CPython: does this thread hold its GIL? */
void x_hold(bool held);
/* From here on it has a GIL whose taking and dropping is signalled. */
void x_make_gil(void);

#endif
