/* storm.c: a timer's handler makes held calls of other prototypes while held calls are under way: each
 * must do what it was called for, whatever came in between. Prints `made held ROW N`; the handler's own
 * calls are not all counted, as some come while the library is at its books. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

void x_hold(bool held);

enum { ROUNDS = 200000 };

static int zero, null;
static volatile unsigned handled, wrong;

static void handler(int signal)
{
	struct iovec words = {"words", 5};
	int saved = errno;

	(void) signal;
	if (writev(null, &words, 1) != 5)
		wrong++;
	handled++;
	errno = saved;
}

int main(void)
{
	struct itimerval fast = {{0, 50}, {0, 50}}, off = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct pollfd none;

	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	sigaction(SIGALRM, &action, NULL);
	x_hold(true);
	setitimer(ITIMER_REAL, &fast, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		char bytes[3] = "abc";

		if (read(zero, bytes, 2) != 2 || memcmp(bytes, "\0\0c", 3) != 0)
			wrong++;
		if (poll(&none, 0, 0) != 0 && errno != EINTR)
			wrong++;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	x_hold(false);
	printf("made held read %d\nmade held poll %d\n", ROUNDS, ROUNDS);
	return wrong != 0 || handled == 0;
}
