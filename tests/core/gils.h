/* gils.h: a GIL as CPython keeps it, with our hooks where its image calls libc. */
#ifndef GS_TEST_GILS_H
#define GS_TEST_GILS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define IMAGE ((void *) 4096) /* a return address in the image */

/* ceval_gil.h: what the library looks at lies before the condition. */
struct gil {
	int enabled; /* of free-threaded builds */
	uint64_t interval;
	void *last_holder;
	uint64_t locked, switches;
	pthread_cond_t cond;
	pthread_mutex_t mutex;
	pthread_cond_t switch_cond;
	pthread_mutex_t switch_mutex;
	_Atomic bool is_locked;
};

extern struct gil gils[2];

/* The thread state of a thread that holds one of them; NULL. */
void *gils_thread_state(void);

/* A record of its own, and the first GIL alone. */
void gils_begin(void);

void gils_make(struct gil *gil);

/* By any thread; waits as take_gil() does. */
void gils_take(struct gil *gil);
void gils_drop(struct gil *gil);

#endif
