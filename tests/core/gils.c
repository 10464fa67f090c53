#include "gils.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "core.h"
#include "gil.h"
#include "waits.h"

_Static_assert(offsetof(struct gil, cond) - offsetof(struct gil, last_holder) == 24, "as CPython");
_Static_assert(offsetof(struct gil, cond) - offsetof(struct gil, enabled) == 40, "as CPython");

struct gil gils[2];
static _Thread_local bool holds;

void *gils_thread_state(void)
{
	return holds ? &holds : NULL;
}

void gils_make(struct gil *gil)
{
	memset(gil, 0, sizeof(*gil));
	pthread_cond_init(&gil->cond, NULL);
	pthread_cond_init(&gil->switch_cond, NULL);
	pthread_mutex_init(&gil->mutex, NULL);
	gs_gil_cond_init(&gil->cond, IMAGE);
	gs_gil_cond_init(&gil->switch_cond, IMAGE);
}

void gils_take(struct gil *gil)
{
	struct timespec deadline;

	pthread_mutex_lock(&gil->mutex);
	while (gil->is_locked) {
		clock_gettime(CLOCK_REALTIME, &deadline);
		deadline.tv_nsec += 1000000;
		if (deadline.tv_nsec >= 1000000000) {
			deadline.tv_nsec -= 1000000000;
			deadline.tv_sec++;
		}
		gs_waits_begin(&gil->cond, IMAGE);
		pthread_cond_timedwait(&gil->cond, &gil->mutex, &deadline);
	}
	gil->is_locked = true;
	gs_gil_cond_signal(&gil->switch_cond, IMAGE);
	pthread_mutex_unlock(&gil->mutex);
	holds = true;
}

void gils_drop(struct gil *gil)
{
	holds = false;
	pthread_mutex_lock(&gil->mutex);
	gil->is_locked = false;
	gs_gil_cond_signal(&gil->cond, IMAGE);
	pthread_cond_signal(&gil->cond);
	pthread_mutex_unlock(&gil->mutex);
}

void gils_begin(void)
{
	core_begin_threads();
	gs_gil.oracle = gs_gil.exact = GS_ORACLE_THREAD;
	gs_gil.start = 1;
	gs_gil.end = 1 << 20;
	gs_gil.hex = 0x030c0000;
	gs_gil.unchecked = gs_gil.this_thread = gils_thread_state;
	gs_gil.was_initialized = true;
	gils_make(&gils[0]);
}
