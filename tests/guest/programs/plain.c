/* plain.c: an ordinary program, to be linked with another C library, statically, or for 32 bits. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec short_time = {0, 1000000};
	char bytes[8] = "";
	int fds[2], status = -1;

	if (argc > 1) {
		fprintf(stderr, "%s in the child\n", argv[1]);
		return 3;
	}
	if (pipe(fds) || write(fds[1], "words", 5) != 5 || read(fds[0], bytes, 5) != 5)
		return 1;
	nanosleep(&short_time, NULL);
	errno = 0;
	printf("%s %d %zd %s\n", bytes, poll(NULL, 0, 1), read(-1, bytes, 1), strerror(errno));
	fflush(stdout);
	if (fork() == 0)
		execl(argv[0], argv[0], "executed", (char *) NULL);
	if (wait(&status) < 0)
		return 2;
	printf("status %x\n", (unsigned) status);
	return 17;
}
