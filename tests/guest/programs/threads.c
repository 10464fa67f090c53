/* threads.c: threads by the thousand, all at once, and on small stacks.
 *
 *	threads THREADS AT_ONCE STACK	each makes HELD held and RELEASED released calls; batches of
 *					AT_ONCE threads are alive together, on STACK bytes each */
#include "guest.h"

#include <poll.h>
#include <pthread.h>

#define HELD 3
#define RELEASED 5

static pthread_barrier_t all;

static void *work(void *unused)
{
	(void) unused;
	for (int i = 0; i < HELD; i++) {
		x_hold(true);
		CHECK(poll(NULL, 0, 1) == 0);
		x_hold(false);
	}
	for (int i = 0; i < RELEASED; i++)
		CHECK(poll(NULL, 0, 0) == 0);
	pthread_barrier_wait(&all);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long threads = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long at_once = argc > 3 ? strtoul(argv[2], NULL, 10) : 1;
	pthread_t *batch = calloc(at_once, sizeof(*batch));
	pthread_attr_t attributes;

	CHECK(batch && threads && threads % at_once == 0);
	pthread_attr_init(&attributes);
	CHECK(pthread_attr_setstacksize(&attributes, strtoul(argv[3], NULL, 10)) == 0);
	pthread_barrier_init(&all, NULL, (unsigned) at_once);
	for (unsigned long done = 0; done < threads; done += at_once) {
		for (unsigned long i = 0; i < at_once; i++)
			CHECK(pthread_create(&batch[i], &attributes, work, NULL) == 0);
		for (unsigned long i = 0; i < at_once; i++)
			CHECK(pthread_join(batch[i], NULL) == 0);
	}
	free(batch);
	made("held", "poll", threads * HELD);
	made("released", "poll", threads * RELEASED);
	return 0;
}
