/* stores.c: a make-believe Python (tests/exercise/fakepy.c) that does nothing but make calls that
 * are counted in its record, and says what that cost.
 *
 *	stores ROUNDS MILLISECONDS	at least so many rounds, and at least so long
 *
 * Says `ready`, waits for a line, works, and says `done SWITCHES WORST CALLS`: how often the thread
 * gave up its CPU meanwhile, the longest that one call took (us), the calls made. No call that it
 * makes can wait, so whatever waited was a store into the record. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void x_hold(bool held);

static int zero;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t) time.tv_sec * 1000000000u + (uint64_t) time.tv_nsec;
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static void say(const char *words)
{
	if (syscall(SYS_write, 1, words, strlen(words)) < 0)
		exit(1);
}

/* Sites of their own: the tables that they lie in are new pages. */
#define PLACE(n)                                                        \
	case n: {                                                       \
		char byte;                                              \
		(void) !read(zero, &byte, 1);                           \
		__asm__ volatile("" : : "i"(n), "r"(&byte) : "memory"); \
		break;                                                  \
	}

static void call(unsigned round)
{
	x_hold(round % 2);
	switch (round / 2 % 8) {
		PLACE(0) PLACE(1) PLACE(2) PLACE(3) PLACE(4) PLACE(5) PLACE(6) PLACE(7)
	}
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned) atoi(argv[1]) : 0, round = 0;
	uint64_t until, begun, before, worst = 0;
	char line[128];
	long given_up;

	zero = open("/dev/zero", O_RDONLY);
	call(0);
	call(1);
	say("ready\n");
	if (syscall(SYS_read, 0, line, sizeof(line)) <= 0)
		return 1;
	given_up = switches();
	begun = now();
	until = begun + (argc > 2 ? (uint64_t) atoi(argv[2]) : 0) * 1000000;
	for (before = begun; round < rounds || before < until; round++) {
		uint64_t after;

		call(round);
		after = now();
		worst = after - before > worst ? after - before : worst;
		before = after;
	}
	snprintf(line, sizeof(line), "done %ld %lu %u\n", switches() - given_up,
		(unsigned long) worst / 1000, round);
	say(line);
	return 0;
}
