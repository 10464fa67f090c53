/* lock.c: locks, conditions, semaphores, threads: each uncontended and contended. */
#include "exercise.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <threads.h>
#include <time.h>

static const struct timespec past = {1, 0}, bad_time = {1, -1};

/* Another thread that takes a lock, keeps it for about 2 ms, or for as long as it is to stay, and
 * drops it; holder_start returns when it has it. */
struct holder {
	struct x_helper helper;
	int (*take)(void *);
	int (*drop)(void *);
	void *lock;
	atomic_bool has, stay;
};

static void hold(void *context)
{
	struct holder *holder = context;

	holder->take(holder->lock);
	holder->has = true;
	do
		x_sleep(2);
	while (holder->stay);
	holder->drop(holder->lock);
}

static void holder_start(struct holder *holder, void *take, void *drop, void *lock, bool stay)
{
	*holder = (struct holder){.take = (int (*)(void *)) take,
		.drop = (int (*)(void *)) drop,
		.lock = lock,
		.stay = stay};
	x_later(&holder->helper, 0, hold, holder);
	while (!holder->has)
		x_sleep(0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t *mutex_of(int type, int robust)
{
	static pthread_mutex_t made;
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutex_init(&made, &attributes);
	return &made;
}

static void take_and_die(void *taken)
{
	REAL(pthread_mutex_lock)(taken);
}

static bool is_free(void)
{
	int error = pthread_mutex_trylock(&mutex);

	if (error == 0)
		pthread_mutex_unlock(&mutex);
	return error == 0;
}

static void hold_mutex(struct holder *holder)
{
	holder_start(holder, REAL(pthread_mutex_lock), pthread_mutex_unlock, &mutex, false);
}

PART(ceiling)
{
	pthread_mutexattr_t attributes;
	int old = 0;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_PROTECT);
	pthread_mutexattr_setprioceiling(&attributes, 1);
	pthread_mutex_init(&mutex, &attributes);
	AS_BARE(CALL(pthread_mutex_setprioceiling, &mutex, 2, &old));
	GIVES(EINVAL, CALL(pthread_mutex_setprioceiling, &mutex, -1, &old));
}

EXERCISE(MUTEX_LOCK)
{
	pthread_mutex_t *other;
	struct x_helper helper;
	struct holder holder;

	if (IS("pthread_mutex_setprioceiling")) {
		part_ceiling(x);
		return;
	}
	KEEPS(0, CALL(pthread_mutex_lock, &mutex));
	EXPECT(!is_free());
	pthread_mutex_unlock(&mutex);
	hold_mutex(&holder);
	KEEPS(0, CALL(pthread_mutex_lock, &mutex));
	x_wait(&holder.helper);
	EXPECT(!is_free());
	other = mutex_of(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
	KEEPS(0, CALL(pthread_mutex_lock, other));
	KEEPS(0, CALL(pthread_mutex_lock, other));
	other = mutex_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
	KEEPS(0, CALL(pthread_mutex_lock, other));
	KEEPS(EDEADLK, CALL(pthread_mutex_lock, other));
	other = mutex_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	x_later(&helper, 0, take_and_die, other);
	x_wait(&helper);
	KEEPS(EOWNERDEAD, CALL(pthread_mutex_lock, other));
	pthread_mutex_unlock(other);
	KEEPS(ENOTRECOVERABLE, CALL(pthread_mutex_lock, other));
}

EXERCISE(MUTEX_TIMEDLOCK)
{
	struct timespec soon = x_from_now(CLOCK_REALTIME, 3);
	struct timespec later = x_from_now(CLOCK_REALTIME, 5000);
	struct holder holder;

	KEEPS(0, CALL(pthread_mutex_timedlock, &mutex, &past));
	EXPECT(!is_free());
	KEEPS(ETIMEDOUT, CALL(pthread_mutex_timedlock, &mutex, &soon));
	KEEPS(EINVAL, CALL(pthread_mutex_timedlock, &mutex, &bad_time));
	pthread_mutex_unlock(&mutex);
	AS_BARE(CALL(pthread_mutex_timedlock, &mutex, &bad_time));
	pthread_mutex_unlock(&mutex);
	hold_mutex(&holder);
	KEEPS(0, CALL(pthread_mutex_timedlock, &mutex, &later));
	x_wait(&holder.helper);
	EXPECT(!is_free());
}

EXERCISE(MUTEX_CLOCKLOCK)
{
	struct timespec soon = x_from_now(CLOCK_MONOTONIC, 3);
	struct timespec later = x_from_now(CLOCK_MONOTONIC, 5000);
	struct holder holder;

	KEEPS(0, CALL(pthread_mutex_clocklock, &mutex, CLOCK_MONOTONIC, &past));
	EXPECT(!is_free());
	KEEPS(ETIMEDOUT, CALL(pthread_mutex_clocklock, &mutex, CLOCK_MONOTONIC, &soon));
	KEEPS(EINVAL, CALL(pthread_mutex_clocklock, &mutex, 77, &soon));
	pthread_mutex_unlock(&mutex);
	AS_BARE(CALL(pthread_mutex_clocklock, &mutex, 77, &soon));
	pthread_mutex_unlock(&mutex);
	hold_mutex(&holder);
	KEEPS(0, CALL(pthread_mutex_clocklock, &mutex, CLOCK_MONOTONIC, &later));
	x_wait(&holder.helper);
	EXPECT(!is_free());
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

/* As another thread sees it: 0 free, 1 read, 2 written. */
static void look(void *state)
{
	*(int *) state = 2;
	if (pthread_rwlock_tryrdlock(&rwlock) == 0) {
		pthread_rwlock_unlock(&rwlock);
		*(int *) state = 1;
	}
	if (pthread_rwlock_trywrlock(&rwlock) == 0) {
		pthread_rwlock_unlock(&rwlock);
		*(int *) state = 0;
	}
}

static int rwlock_state(void)
{
	struct x_helper helper;
	int state;

	x_later(&helper, 0, look, &state);
	x_wait(&helper);
	return state;
}

/* `call` takes the lock, which then is in that state. */
static void check_rwlock(
	struct exercise *x, int (*call)(struct exercise *, const struct timespec *), int state)
{
	struct timespec later = x_from_now(CLOCK_REALTIME, 5000);
	struct holder holder;

	KEEPS(0, call(x, &later));
	EXPECT(rwlock_state() == state);
	pthread_rwlock_unlock(&rwlock);
	holder_start(&holder, REAL(pthread_rwlock_wrlock), pthread_rwlock_unlock, &rwlock, false);
	KEEPS(0, call(x, &later));
	x_wait(&holder.helper);
	EXPECT(rwlock_state() == state);
	pthread_rwlock_unlock(&rwlock);
	REAL(pthread_rwlock_wrlock)(&rwlock);
	KEEPS(EDEADLK, call(x, &later));
}

static int call_rdlock(struct exercise *x, const struct timespec *deadline)
{
	(void) deadline;
	return CALL(pthread_rwlock_rdlock, &rwlock);
}

static int call_wrlock(struct exercise *x, const struct timespec *deadline)
{
	(void) deadline;
	return CALL(pthread_rwlock_wrlock, &rwlock);
}

static int call_timed(struct exercise *x, const struct timespec *deadline)
{
	return CALL(pthread_rwlock_timedrdlock, &rwlock, deadline);
}

static int call_clock(struct exercise *x, const struct timespec *deadline)
{
	return CALL(pthread_rwlock_clockrdlock, &rwlock, CLOCK_REALTIME, deadline);
}

EXERCISE(RWLOCK_RDLOCK)
{
	check_rwlock(x, call_rdlock, 1);
}

EXERCISE(RWLOCK_WRLOCK)
{
	check_rwlock(x, call_wrlock, 2);
}

/* A timed form gives up. A deadline that is none may be refused before the lock is looked at. */
static void check_timeout(
	struct exercise *x, int (*call)(struct exercise *, const struct timespec *))
{
	struct timespec soon = x_from_now(CLOCK_REALTIME, 1);
	struct holder holder;

	int got;

	pthread_rwlock_unlock(&rwlock);
	got = call(x, &bad_time);
	AS_BARE(got);
	if (got == 0)
		pthread_rwlock_unlock(&rwlock);
	holder_start(&holder, REAL(pthread_rwlock_wrlock), pthread_rwlock_unlock, &rwlock, true);
	KEEPS(ETIMEDOUT, call(x, &soon));
	holder.stay = false;
	x_wait(&holder.helper);
}

EXERCISE(RWLOCK_TIMEDRDLOCK)
{
	check_rwlock(x, call_timed, 1);
	check_timeout(x, call_timed);
}

EXERCISE(RWLOCK_TIMEDWRLOCK)
{
	check_rwlock(x, call_timed, 2);
	check_timeout(x, call_timed);
}

EXERCISE(RWLOCK_CLOCKRDLOCK)
{
	check_rwlock(x, call_clock, 1);
	check_timeout(x, call_clock);
	KEEPS(EINVAL, CALL(pthread_rwlock_clockrdlock, &rwlock, 77, &past));
}

EXERCISE(RWLOCK_CLOCKWRLOCK)
{
	check_rwlock(x, call_clock, 2);
	check_timeout(x, call_clock);
	KEEPS(EINVAL, CALL(pthread_rwlock_clockwrlock, &rwlock, 77, &past));
}

/* What lies before a condition is part of it to whoever takes it for a GIL's. */
static struct {
	char before[64];
	pthread_cond_t cond;
} padded = {.cond = PTHREAD_COND_INITIALIZER};
static bool flag;

/* For x_later: the signal of the same version node; the context is the exercise. */
static void signal_cond(void *context)
{
	struct exercise *x = context;
	int (*signal_)(pthread_cond_t *) = REAL(pthread_cond_signal);

	if (x->node && x_real_node("pthread_cond_signal", x->node))
		signal_ = (int (*)(pthread_cond_t *)) x_real_node("pthread_cond_signal", x->node);
	REAL(pthread_mutex_lock)(&mutex);
	flag = true;
	signal_(&padded.cond);
	pthread_mutex_unlock(&mutex);
}

EXERCISE(COND_WAIT)
{
	struct x_helper helper;

	REAL(pthread_mutex_lock)(&mutex);
	x_later(&helper, 2, signal_cond, x);
	KEEPS(0, CALL(pthread_cond_wait, &padded.cond, &mutex));
	EXPECT(flag && !is_free());
	x_wait(&helper);
}

/* The rest of the timed forms. */
static void check_timed_wait(struct exercise *x,
	int (*call)(struct exercise *, const struct timespec *), clockid_t clock)
{
	struct timespec soon = x_from_now(clock, 3), later = x_from_now(clock, 5000);
	struct x_helper helper;

	REAL(pthread_mutex_lock)(&mutex);
	KEEPS(ETIMEDOUT, call(x, &soon));
	KEEPS(ETIMEDOUT, call(x, &past));
	KEEPS(EINVAL, call(x, &bad_time));
	x_later(&helper, 2, signal_cond, x);
	KEEPS(0, call(x, &later));
	EXPECT(flag && !is_free());
	x_wait(&helper);
}

static int call_timedwait(struct exercise *x, const struct timespec *deadline)
{
	return CALL(pthread_cond_timedwait, &padded.cond, &mutex, deadline);
}

static int call_clockwait(struct exercise *x, const struct timespec *deadline)
{
	return CALL(pthread_cond_clockwait, &padded.cond, &mutex, CLOCK_MONOTONIC, deadline);
}

EXERCISE(COND_TIMEDWAIT)
{
	check_timed_wait(x, call_timedwait, CLOCK_REALTIME);
}

EXERCISE(COND_CLOCKWAIT)
{
	check_timed_wait(x, call_clockwait, CLOCK_MONOTONIC);
	KEEPS(EINVAL, CALL(pthread_cond_clockwait, &padded.cond, &mutex, 77, &past));
}

EXERCISE(COND_DESTROY)
{
	pthread_barrier_t barrier;
	cnd_t simple;

	if (IS("pthread_barrier_destroy")) {
		pthread_barrier_init(&barrier, NULL, 1);
		REAL(pthread_barrier_wait)(&barrier);
		KEEPS(0, CALL(pthread_barrier_destroy, &barrier));
		return;
	}
	if (IS("cnd_destroy")) {
		cnd_init(&simple);
		CALL_VOID(cnd_destroy, &simple);
		EXPECT(x->error == X_ERRNO);
		return;
	}
	KEEPS(0, CALL(pthread_cond_destroy, &padded.cond));
}

EXERCISE(BARRIER_WAIT)
{
	pthread_barrier_t barrier;
	struct holder holder = {.take = (int (*)(void *)) REAL(pthread_barrier_wait)};
	int mine;

	pthread_barrier_init(&barrier, NULL, 2);
	holder.drop = holder.take;
	holder.lock = &barrier;
	x_later(&holder.helper, 2, hold, &holder);
	mine = CALL(pthread_barrier_wait, &barrier);
	EXPECT(mine == 0 || mine == PTHREAD_BARRIER_SERIAL_THREAD);
	EXPECT(x->error == X_ERRNO);
	CALL(pthread_barrier_wait, &barrier);
	x_wait(&holder.helper);
	EXPECT(holder.has);
}

EXERCISE(SPIN_LOCK)
{
	pthread_spinlock_t lock;
	struct holder holder;

	pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
	KEEPS(0, CALL(pthread_spin_lock, &lock));
	EXPECT(pthread_spin_trylock(&lock) == EBUSY);
	pthread_spin_unlock(&lock);
	holder_start(&holder, REAL(pthread_spin_lock), pthread_spin_unlock, (void *) &lock, false);
	KEEPS(0, CALL(pthread_spin_lock, &lock));
	x_wait(&holder.helper);
	EXPECT(pthread_spin_trylock(&lock) == EBUSY);
}

static int routine_runs;
static void routine(void)
{
	routine_runs++;
}

EXERCISE(ONCE)
{
	static pthread_once_t control = PTHREAD_ONCE_INIT;
	static once_flag once = ONCE_FLAG_INIT;

	for (int i = 0; i < 2; i++) {
		if (IS("call_once"))
			CALL_VOID(call_once, &once, routine);
		else
			KEEPS(0, CALL(pthread_once, &control, routine));
		EXPECT(routine_runs == 1);
	}
}

static int other_result;
static void try_stdout(void *unused)
{
	(void) unused;
	other_result = ftrylockfile(stdout);
}

EXERCISE(FLOCKFILE)
{
	struct x_helper helper;
	struct holder holder;

	CALL_VOID(flockfile, stdout);
	EXPECT(x->error == X_ERRNO);
	x_later(&helper, 0, try_stdout, NULL);
	x_wait(&helper);
	EXPECT(other_result != 0);
	funlockfile(stdout);
	holder_start(&holder, REAL(flockfile), funlockfile, stdout, false);
	CALL_VOID(flockfile, stdout);
	x_wait(&holder.helper);
	EXPECT(x->error == X_ERRNO);
}
