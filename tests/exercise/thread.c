/* thread.c: semaphores, the end of threads, and the locks of C11. */
#include "exercise.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <threads.h>
#include <time.h>

static const struct timespec past = {1, 0}, bad_time = {1, -1};

static sem_t semaphore;

static void post(void *unused)
{
	(void) unused;
	sem_post(&semaphore);
}

static bool is_down(void)
{
	int value;

	sem_getvalue(&semaphore, &value);
	return value == 0;
}

EXERCISE(SEM_WAIT)
{
	struct x_helper helper;

	sem_init(&semaphore, 0, 1);
	KEEPS(0, CALL(sem_wait, &semaphore));
	EXPECT(is_down());
	x_later(&helper, 2, post, NULL);
	AS_BARE(CALL(sem_wait, &semaphore));
	x_wait(&helper);
	EXPECT(is_down());
	x_alarm_start(2);
	FAILS(-1, EINTR, CALL(sem_wait, &semaphore));
}

/* The timed forms, whose deadlines are of that clock. */
static void check_timed(struct exercise *x, int (*call)(struct exercise *, const struct timespec *),
	clockid_t clock)
{
	struct timespec soon = x_from_now(clock, 3), later = x_from_now(clock, 5000);
	struct x_helper helper;

	sem_init(&semaphore, 0, 2);
	KEEPS(0, call(x, &past));
	AS_BARE(call(x, &bad_time));
	sem_init(&semaphore, 0, 0);
	FAILS(-1, ETIMEDOUT, call(x, &soon));
	FAILS(-1, ETIMEDOUT, call(x, &past));
	FAILS(-1, EINVAL, call(x, &bad_time));
	x_later(&helper, 2, post, NULL);
	AS_BARE(call(x, &later));
	x_wait(&helper);
	EXPECT(is_down());
}

static int call_timedwait(struct exercise *x, const struct timespec *deadline)
{
	return CALL(sem_timedwait, &semaphore, deadline);
}

static int call_clockwait(struct exercise *x, const struct timespec *deadline)
{
	return CALL(sem_clockwait, &semaphore, CLOCK_MONOTONIC, deadline);
}

EXERCISE(SEM_TIMEDWAIT)
{
	check_timed(x, call_timedwait, CLOCK_REALTIME);
}

EXERCISE(SEM_CLOCKWAIT)
{
	check_timed(x, call_clockwait, CLOCK_MONOTONIC);
	FAILS(-1, EINVAL, CALL(sem_clockwait, &semaphore, 77, &past));
}

/* A thread that stays for as long as it has to, and 2 ms. */
static atomic_bool stay;
static void *thread_main(void *unused)
{
	(void) unused;
	do
		x_sleep(2);
	while (stay);
	return (void *) 7;
}

static pthread_t thread(void)
{
	pthread_t made;

	REAL(pthread_create)(&made, NULL, thread_main, NULL);
	return made;
}

EXERCISE(JOIN)
{
	void *value = NULL;

	KEEPS(0, CALL(pthread_join, thread(), &value));
	EXPECT(value == (void *) 7);
	KEEPS(EDEADLK, CALL(pthread_join, pthread_self(), &value));
}

static int call_join(
	struct exercise *x, pthread_t joined, void **value, const struct timespec *deadline)
{
	if (IS("pthread_clockjoin_np"))
		return CALL(pthread_clockjoin_np, joined, value, CLOCK_REALTIME, deadline);
	return CALL(pthread_timedjoin_np, joined, value, deadline);
}

EXERCISE(TIMEDJOIN)
{
	struct timespec later = x_from_now(CLOCK_REALTIME, 5000);
	void *value = NULL;
	pthread_t joined;

	stay = true;
	joined = thread();
	KEEPS(ETIMEDOUT, call_join(x, joined, &value, &past));
	stay = false;
	KEEPS(0, call_join(x, joined, &value, &later));
	EXPECT(value == (void *) 7);
	KEEPS(EDEADLK, call_join(x, pthread_self(), &value, &past));
}

static mtx_t mtx;

/* Takes it, tells through the semaphore, and drops it 2 ms later. */
static void hold_mtx(void *unused)
{
	(void) unused;
	REAL(mtx_lock)(&mtx);
	sem_post(&semaphore);
	x_sleep(2);
	mtx_unlock(&mtx);
}

static void hold_mtx_later(struct x_helper *helper)
{
	x_later(helper, 0, hold_mtx, NULL);
	while (REAL(sem_wait)(&semaphore) < 0)
		;
}

EXERCISE(MTX_LOCK)
{
	struct x_helper helper;

	mtx_init(&mtx, mtx_plain);
	sem_init(&semaphore, 0, 0);
	KEEPS(thrd_success, CALL(mtx_lock, &mtx));
	EXPECT(mtx_trylock(&mtx) == thrd_busy);
	mtx_unlock(&mtx);
	hold_mtx_later(&helper);
	KEEPS(thrd_success, CALL(mtx_lock, &mtx));
	x_wait(&helper);
	EXPECT(mtx_trylock(&mtx) == thrd_busy);
}

EXERCISE(MTX_TIMEDLOCK)
{
	struct timespec soon = x_from_now(CLOCK_REALTIME, 3);
	struct timespec later = x_from_now(CLOCK_REALTIME, 5000);
	struct x_helper helper;

	mtx_init(&mtx, mtx_timed);
	sem_init(&semaphore, 0, 0);
	KEEPS(thrd_success, CALL(mtx_timedlock, &mtx, &soon));
	EXPECT(mtx_trylock(&mtx) == thrd_busy);
	KEEPS(thrd_timedout, CALL(mtx_timedlock, &mtx, &soon));
	mtx_unlock(&mtx);
	hold_mtx_later(&helper);
	KEEPS(thrd_success, CALL(mtx_timedlock, &mtx, &later));
	x_wait(&helper);
	EXPECT(mtx_trylock(&mtx) == thrd_busy);
}

static cnd_t cond;
static bool flag;

static void signal_cnd(void *unused)
{
	(void) unused;
	REAL(mtx_lock)(&mtx);
	flag = true;
	cnd_signal(&cond);
	mtx_unlock(&mtx);
}

EXERCISE(CND_WAIT)
{
	struct x_helper helper;

	mtx_init(&mtx, mtx_plain);
	REAL(mtx_lock)(&mtx);
	x_later(&helper, 2, signal_cnd, NULL);
	KEEPS(thrd_success, CALL(cnd_wait, &cond, &mtx));
	EXPECT(flag && mtx_trylock(&mtx) == thrd_busy);
	x_wait(&helper);
}

EXERCISE(CND_TIMEDWAIT)
{
	struct timespec soon = x_from_now(CLOCK_REALTIME, 3);
	struct timespec later = x_from_now(CLOCK_REALTIME, 5000);
	struct x_helper helper;

	mtx_init(&mtx, mtx_plain);
	REAL(mtx_lock)(&mtx);
	KEEPS(thrd_timedout, CALL(cnd_timedwait, &cond, &mtx, &soon));
	x_later(&helper, 2, signal_cnd, NULL);
	KEEPS(thrd_success, CALL(cnd_timedwait, &cond, &mtx, &later));
	EXPECT(flag && mtx_trylock(&mtx) == thrd_busy);
	x_wait(&helper);
}

static int thrd_main(void *unused)
{
	(void) unused;
	x_sleep(2);
	return 7;
}

EXERCISE(THRD_JOIN)
{
	thrd_t made;
	int value = 0;

	thrd_create(&made, thrd_main, NULL);
	KEEPS(thrd_success, CALL(thrd_join, made, &value));
	EXPECT(value == 7);
	KEEPS(thrd_error, CALL(thrd_join, thrd_current(), &value));
}
