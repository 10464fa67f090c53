/* program.c: becomes what its arguments name; -DDEFINES: brings its own read() and close(). With
 * -DSAYS it says something and ends with status 17 instead. */
#include <stdio.h>
#include <unistd.h>

#ifdef DEFINES
ssize_t read(int fd, void *buffer, size_t size)
{
	(void) buffer;
	return fd + (long) size < 0 ? -1 : 0;
}
#endif

int main(int argc, char **argv)
{
	if (argc > 1) {
		execvp(argv[1], argv + 1);
		return 1;
	}
	puts("hello");
	return 17;
}
