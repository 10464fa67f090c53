/* around.c: a second preloaded library that makes calls at the edges of Python's life, where no
 * thread can hold a GIL: in a constructor, in a destructor, in a new thread before Python's own
 * start routine and after it has ended. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "truth.h"

#define CALLS 5

struct start {
	void *(*routine)(void *);
	void *argument;
};

int pthread_create(
	pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *), void *argument);
void around_settle(void);

static _Atomic int running;

/* Waits until every thread has made its last calls. Called through ctypes: Python's own join does
 * not wait for the end of a thread, only for that of its Python code. */
void around_settle(void)
{
	while (atomic_load(&running))
		;
}

static void around_end(void *unused __attribute__((unused)))
{
	truth_make(TRUTH_RELEASED, CALLS);
	atomic_fetch_sub(&running, 1);
}

/* Before the start routine the thread has not held a GIL yet; whether those calls are called `none`
 * or `released` later depends on when a thread is looked at. Afterwards it has. Up to 3.8 Python's
 * routine does not return but calls pthread_exit(): hence the cleanup handler. */
static void *around_start(void *argument)
{
	struct start start = *(struct start *)argument;
	void *result;

	free(argument);
	truth_make(TRUTH_UNHELD, CALLS);
	pthread_cleanup_push(around_end, NULL);
	result = start.routine(start.argument);
	pthread_cleanup_pop(1);
	return result;
}

int pthread_create(
	pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *), void *argument)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		dlsym(RTLD_NEXT, "pthread_create");
	struct start *start = malloc(sizeof(*start));

	if (!real || !start)
		abort();
	*start = (struct start){routine, argument};
	atomic_fetch_add(&running, 1);
	return real(thread, attr, around_start, start);
}

__attribute__((constructor)) static void before(void)
{
	truth_make(TRUTH_UNHELD, CALLS);
}

__attribute__((destructor)) static void after(void)
{
	truth_make(TRUTH_UNHELD, CALLS);
	truth_dump();
}
