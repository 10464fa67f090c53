/* counter.c: another preloaded library: it stands before read and counts. At the end it writes its
 * count to the file that COUNTER names. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned long count;

ssize_t read(int fd, void *buffer, size_t size)
{
	static ssize_t (*real)(int, void *, size_t);

	if (!real)
		real = (ssize_t (*)(int, void *, size_t)) dlsym(RTLD_NEXT, "read");
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	return real(fd, buffer, size);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("COUNTER");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "%lu\n", count);
	fclose(file);
}
