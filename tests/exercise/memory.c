/* memory.c: mapping and locking memory; loading objects. */
#include "exercise.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SIZE 4096

static char *page(void)
{
	char *made = REAL(mmap)(
		NULL, 4 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	made[0] = 'a';
	return made;
}

/* Can the kernel read, and write, there? */
static bool readable(char *at)
{
	int fds[2];

	x_pipe(fds);
	return REAL(write)(fds[1], at, 1) == 1;
}

static bool writable(char *at)
{
	int fds[2];

	x_pipe(fds);
	x_put(&fds[1]);
	return REAL(read)(fds[0], at, 1) == 1;
}

EXERCISE(MMAP)
{
	char *at;
	int fd;

	x_write_file("text", "abcdef");
	fd = x_open("text", O_RDONLY);
	at = CALL(mmap, NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(x->error == X_ERRNO && strcmp(at, "abcdef") == 0);
	at = CALL(mmap, NULL, SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	EXPECT(writable(at));
	FAILS(MAP_FAILED, EINVAL, CALL(mmap, NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0));
	FAILS(MAP_FAILED, EBADF, CALL(mmap, NULL, SIZE, PROT_READ, MAP_PRIVATE, -1, 0));
}

EXERCISE(MUNMAP)
{
	char *at = page();

	KEEPS(0, CALL(munmap, at, SIZE));
	EXPECT(!readable(at) && readable(at + SIZE));
	FAILS(-1, EINVAL, CALL(munmap, at + 1, SIZE));
}

EXERCISE(MREMAP)
{
	char *at = page(), *moved, *place = page();

	moved = CALL(mremap, at, SIZE, 64 * SIZE, MREMAP_MAYMOVE);
	EXPECT(x->error == X_ERRNO && moved[0] == 'a' && writable(moved + 63 * SIZE));
	KEEPS(place, CALL(mremap, moved, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place));
	EXPECT(place[0] == '!' || place[0] == 'a');
	FAILS(MAP_FAILED, EINVAL, CALL(mremap, place + 1, SIZE, SIZE, 0));
}

EXERCISE(MPROTECT)
{
	char *at = page();

	if (IS("pkey_mprotect")) { /* without a key it is mprotect */
		KEEPS(0, CALL(pkey_mprotect, at, SIZE, PROT_READ, -1));
		EXPECT(readable(at) && !writable(at) && writable(at + SIZE));
		return;
	}
	KEEPS(0, CALL(mprotect, at, SIZE, PROT_READ));
	EXPECT(readable(at) && !writable(at) && writable(at + SIZE));
	FAILS(-1, EINVAL, CALL(mprotect, at + 1, SIZE, PROT_READ));
}

EXERCISE(MADVISE)
{
	char *at = page();

	if (IS("posix_madvise")) {
		KEEPS(0, CALL(posix_madvise, at, SIZE, POSIX_MADV_WILLNEED));
		EXPECT(at[0] == 'a');
		KEEPS(EINVAL, CALL(posix_madvise, at, SIZE, 77));
	} else {
		KEEPS(0, CALL(madvise, at, SIZE, MADV_DONTNEED));
		EXPECT(at[0] == 0);
		FAILS(-1, EINVAL, CALL(madvise, at, SIZE, 77));
	}
}

/* How much of this process is locked. */
static int locked_kb(void)
{
	char text[4096] = "";
	int fd = x_open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const char *at;

	if (REAL(read)(fd, text, sizeof(text) - 1) < 0)
		return -1;
	REAL(close)(fd);
	at = strstr(text, "VmLck:");
	return at ? atoi(at + 6) : -1;
}

PART(mlock)
{
	char *at = page();

	if (REAL(mlock)(at, SIZE) < 0)
		x_skip(x, "not permitted here");
	REAL(munlock)(at, SIZE);
	if (IS("mlock2")) {
		KEEPS(0, CALL(mlock2, at, SIZE, MLOCK_ONFAULT));
		FAILS(-1, EINVAL, CALL(mlock2, at, SIZE, 77));
	} else {
		KEEPS(0, CALL(mlock, at, SIZE));
		REAL(munmap)(at + SIZE, SIZE);
		FAILS(-1, ENOMEM, CALL(mlock, at + SIZE, SIZE));
	}
	EXPECT(locked_kb() == SIZE / 1024);
}

PART(mlockall)
{
	if (REAL(mlockall)(MCL_CURRENT | MCL_ONFAULT) < 0)
		x_skip(x, "not permitted here");
	REAL(munlockall)();
	KEEPS(0, CALL(mlockall, MCL_CURRENT | MCL_ONFAULT));
	EXPECT(locked_kb() > 100);
	FAILS(-1, EINVAL, CALL(mlockall, 77));
}

PART(munlock)
{
	char *at = page();

	REAL(mlock)(at, 2 * SIZE);
	if (IS("munlockall")) {
		KEEPS(0, CALL(munlockall));
		EXPECT(locked_kb() == 0);
	} else {
		KEEPS(0, CALL(munlock, at, SIZE));
		EXPECT(locked_kb() <= SIZE / 1024);
		REAL(munmap)(at + SIZE, SIZE);
		FAILS(-1, ENOMEM, CALL(munlock, at + SIZE, SIZE));
	}
}

EXERCISE(MLOCK)
{
	if (IS("mlockall"))
		part_mlockall(x);
	else if (strncmp(x->name, "munlock", 7) == 0)
		part_munlock(x);
	else
		part_mlock(x);
}

/* Objects that this program has no other use for. */
EXERCISE(DLOPEN)
{
	double (*root)(double);
	void *handle;

	if (IS("dlmopen"))
		handle = CALL(dlmopen, LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
	else
		handle = CALL(dlopen, "libm.so.6", RTLD_NOW);
	root = handle ? (double (*)(double)) dlsym(handle, "sqrt") : NULL;
	EXPECT(root && root(49) == 7);
	if (IS("dlmopen"))
		GIVES(NULL, CALL(dlmopen, LM_ID_BASE, "./none.so", RTLD_NOW));
	else
		GIVES(NULL, CALL(dlopen, "./none.so", RTLD_NOW));
	EXPECT(strstr(dlerror(), "none.so"));
}

EXERCISE(DLCLOSE)
{
	void *handle = REAL(dlopen)("libm.so.6", RTLD_NOW);
	char *symbol = dlsym(handle, "sqrt");

	EXPECT(readable(symbol));
	GIVES(0, CALL(dlclose, handle));
	EXPECT(!readable(symbol));
}
