/* early.c: calls before the library's constructor has run. Compiled four times:
 * -DLIBRARY        a library whose constructor makes them
 * -DPREINIT        a program with a .preinit_array
 * -DIFUNC          a library with an IFUNC whose resolver reads, and a function that uses it
 * nothing          the program that is linked with the libraries */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(LIBRARY) || defined(PREINIT)

#define WRONG(condition) (wrong |= !(condition) << bit, bit++)

unsigned early_calls(void);
unsigned early_calls(void)
{
	struct timespec short_time = {0, 1000};
	unsigned wrong = 0, bit = 0;
	char bytes[4] = "";
	int fds[2], fd;
	FILE *file;

	WRONG(pipe(fds) == 0);
	WRONG(write(fds[1], "abcd", 4) == 4);
	WRONG(read(fds[0], bytes, 4) == 4 && memcmp(bytes, "abcd", 4) == 0);
	fd = open("early.txt", O_CREAT | O_RDWR | O_TRUNC, 0640);
	WRONG(fd >= 0);
	file = fdopen(fd, "w+");
	WRONG(file && fprintf(file, "%s %d %.2f", "early", 17, 0.25) == 13);
	WRONG(file && fclose(file) == 0);
	WRONG(nanosleep(&short_time, NULL) == 0);
	errno = 0;
	WRONG(read(-1, bytes, 1) == -1 && errno == EBADF);
	WRONG(open("missing/file", O_RDONLY) == -1 && errno == ENOENT);
	WRONG(close(fds[0]) == 0 && close(fds[1]) == 0);
	return wrong;
}
#endif

#if defined(LIBRARY)
unsigned early_wrong = ~0u;

__attribute__((constructor(101))) static void begin(void)
{
	early_wrong = early_calls();
}

#elif defined(PREINIT)
static unsigned wrong = ~0u;

static void begin(void)
{
	wrong = early_calls();
}

__attribute__((section(".preinit_array"), used)) static void (*entry)(void) = begin;

int main(void)
{
	unsigned again = early_calls();

	printf("before main %x, in main %x\n", wrong, again);
	return wrong || again;
}

#elif defined(IFUNC)
static int seventeen(void)
{
	return 17;
}

/* Whatever read() gives before relocation: it must return. */
static int (*resolve(void))(void)
{
	char byte;

	(void) !read(-1, &byte, 1);
	return seventeen;
}

int chosen(void) __attribute__((ifunc("resolve")));
int call_chosen(void);
int call_chosen(void)
{
	return chosen();
}

#else
extern unsigned early_wrong;
int call_chosen(void);

int main(void)
{
	printf("constructor %x, chosen %d\n", early_wrong, call_chosen());
	return early_wrong || call_chosen() != 17;
}
#endif
