/* jumps.c: a signal handler that jumps out of held reads, most of them in our bookkeeping; then held
 * sleeps. jumps(n): n times; naps(n): n sleeps of 2 ms. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static sigjmp_buf back;

static void handler(int number)
{
	(void) number;
	siglongjmp(back, 1);
}

void jumps(int wanted)
{
	struct sigaction action = {.sa_handler = handler};
	struct itimerval timer = {{0, 0}, {0, 1000}};
	static volatile int zero, done;
	char byte;

	zero = open("/dev/zero", O_RDONLY);
	done = 0;
	sigaction(SIGALRM, &action, NULL);
	if (sigsetjmp(back, 1))
		done++;
	if (done < wanted) {
		setitimer(ITIMER_REAL, &timer, NULL);
		while (read(zero, &byte, 1) == 1)
			;
	}
	close(zero);
}

void naps(int count)
{
	while (count-- > 0)
		usleep(2000);
}
