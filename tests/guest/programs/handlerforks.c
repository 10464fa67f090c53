/* handlerforks.c: a signal handler that forks, and in the child returns to what it interrupted: held
 * reads, most of them in our bookkeeping. handlerforks(n): how many of n children did not end well. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int is_child, forks, bad;

static void handler(int number)
{
	int saved = errno, status;
	pid_t child;

	(void) number;
	if (is_child)
		return;
	child = fork();
	if (child == 0) {
		is_child = 1;
	} else {
		while (waitpid(child, &status, 0) < 0)
			;
		forks++;
		bad += status != 0;
	}
	errno = saved;
}

int handlerforks(int wanted)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct itimerval timer = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
	int zero = open("/dev/zero", O_RDONLY);
	char byte;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (forks < wanted) {
		if (read(zero, &byte, 1) != 1)
			return -1;
		for (int i = 0; is_child && i < 10; i++)
			if (read(zero, &byte, 1) != 1)
				_exit(1);
		if (is_child)
			_exit(0);
	}
	setitimer(ITIMER_REAL, &none, NULL);
	return bad;
}
