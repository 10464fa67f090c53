/* file.c: reading and writing descriptors, opening and closing them. */
#include "exercise.h"

#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>

ssize_t __read_chk(int fd, void *buffer, size_t count, size_t size);
ssize_t __pread_chk(int fd, void *buffer, size_t count, off_t offset, size_t size);
int __open_2(const char *path, int flags);
int openat2(int directory, const char *path, const struct open_how *how, size_t size);
int __openat_2(int directory, const char *path, int flags);

/* A file of these six bytes, open to read and write. */
#define TEXT "abcdef"
static int text_file(void)
{
	x_write_file("text", TEXT);
	return x_open("text", O_RDWR | O_CLOEXEC);
}

static ssize_t call_read(struct exercise *x, int fd, void *buffer, size_t count)
{
	if (IS("__read_chk"))
		return CALL(__read_chk, fd, buffer, count, count);
	return CALL(read, fd, buffer, count);
}

EXERCISE(READ)
{
	char buffer[8] = "";
	struct x_helper helper;
	int fds[2];

	x_pipe(fds);
	REAL(write)(fds[1], "hello", 5);
	KEEPS(5, call_read(x, fds[0], buffer, 8));
	EXPECT(strcmp(buffer, "hello") == 0);
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(1, call_read(x, fds[0], buffer, 8));
	x_wait(&helper);
	KEEPS(0, call_read(x, fds[0], buffer, 0));
	FAILS(-1, EBADF, call_read(x, -1, buffer, 8));
	REAL(fcntl)(fds[0], F_SETFL, O_NONBLOCK);
	FAILS(-1, EAGAIN, call_read(x, fds[0], buffer, 8));
}

EXERCISE(WRITE)
{
	char buffer[8] = "";
	int fds[2];

	x_pipe(fds);
	KEEPS(5, CALL(write, fds[1], "hello", 5));
	REAL(read)(fds[0], buffer, 8);
	EXPECT(strcmp(buffer, "hello") == 0);
	FAILS(-1, EFAULT, CALL(write, fds[1], x_bad, 5));
	FAILS(-1, EBADF, CALL(write, -1, "hello", 5));
}

EXERCISE(READV)
{
	char a[3] = "", b[8] = "";
	struct iovec parts[] = {{a, 2}, {b, 8}};
	int fds[2];

	x_pipe(fds);
	REAL(write)(fds[1], "hello", 5);
	KEEPS(5, CALL(readv, fds[0], parts, 2));
	EXPECT(strcmp(a, "he") == 0 && strcmp(b, "llo") == 0);
	FAILS(-1, EBADF, CALL(readv, -1, parts, 2));
}

EXERCISE(WRITEV)
{
	struct iovec parts[] = {{"he", 2}, {"llo", 3}};
	char buffer[8] = "";
	int fds[2];

	x_pipe(fds);
	KEEPS(5, CALL(writev, fds[1], parts, 2));
	REAL(read)(fds[0], buffer, 8);
	EXPECT(strcmp(buffer, "hello") == 0);
	FAILS(-1, EBADF, CALL(writev, -1, parts, 2));
}

static ssize_t call_pread(struct exercise *x, int fd, void *buffer, size_t count, off_t offset)
{
	if (IS("__pread_chk") || IS("__pread64_chk"))
		return CALL(__pread_chk, fd, buffer, count, offset, count);
	return CALL(pread, fd, buffer, count, offset);
}

EXERCISE(PREAD)
{
	char buffer[8] = "";

	KEEPS(3, call_pread(x, text_file(), buffer, 3, 2));
	EXPECT(strcmp(buffer, "cde") == 0);
	FAILS(-1, EBADF, call_pread(x, -1, buffer, 3, 2));
}

EXERCISE(PWRITE)
{
	KEEPS(2, CALL(pwrite, text_file(), "XY", 2, 3));
	EXPECT(x_file_is("text", "abcXYf"));
	FAILS(-1, EBADF, CALL(pwrite, -1, "XY", 2, 3));
}

PART(preadv)
{
	char a[3] = "", b[8] = "";
	struct iovec parts[] = {{a, 2}, {b, 8}};

	KEEPS(5, CALL(preadv, text_file(), parts, 2, 1));
	EXPECT(strcmp(a, "bc") == 0 && strcmp(b, "def") == 0);
	FAILS(-1, EBADF, CALL(preadv, -1, parts, 2, 1));
}

PART(pwritev)
{
	struct iovec parts[] = {{"X", 1}, {"Y", 1}};

	KEEPS(2, CALL(pwritev, text_file(), parts, 2, 3));
	EXPECT(x_file_is("text", "abcXYf"));
	FAILS(-1, EBADF, CALL(pwritev, -1, parts, 2, 3));
}

PART(preadv2)
{
	char a[3] = "", b[8] = "";
	struct iovec parts[] = {{a, 2}, {b, 8}};

	KEEPS(5, CALL(preadv2, text_file(), parts, 2, 1, 0));
	EXPECT(strcmp(a, "bc") == 0 && strcmp(b, "def") == 0);
	FAILS(-1, EBADF, CALL(preadv2, -1, parts, 2, 1, RWF_HIPRI));
}

PART(pwritev2)
{
	struct iovec parts[] = {{"X", 1}, {"Y", 1}};

	KEEPS(2, CALL(pwritev2, text_file(), parts, 2, 3, 0));
	EXPECT(x_file_is("text", "abcXYf"));
	KEEPS(2, CALL(pwritev2, text_file(), parts, 2, 0, RWF_APPEND));
	EXPECT(x_file_is("text", TEXT "XY"));
	FAILS(-1, EBADF, CALL(pwritev2, -1, parts, 2, 3, 0));
}

EXERCISE(PREADV)
{
	if (IS("preadv2") || IS("preadv64v2"))
		part_preadv2(x);
	else
		part_preadv(x);
}

EXERCISE(PWRITEV)
{
	if (IS("pwritev2") || IS("pwritev64v2"))
		part_pwritev2(x);
	else
		part_pwritev(x);
}

/* The permission bits of a new file show that the mode arrived. */
static bool has_mode(const char *path, unsigned mode)
{
	struct stat st;

	return REAL(stat)(path, &st) == 0 && (st.st_mode & 07777) == mode;
}

EXERCISE(OPEN)
{
	int fd = text_file();

	umask(0);
	if (IS("__open_2") || IS("__open64_2")) {
		KEEPS(fd + 1, CALL(__open_2, "text", O_RDONLY));
		FAILS(-1, ENOENT, CALL(__open_2, "none", O_RDONLY));
		return;
	}
	KEEPS(fd + 1, CALL(open, "text", O_RDONLY));
	KEEPS(fd + 2, CALL(open, "new", O_RDWR | O_CREAT | O_EXCL, 0641));
	EXPECT(has_mode("new", 0641));
	FAILS(-1, EEXIST, CALL(open, "new", O_RDWR | O_CREAT | O_EXCL, 0641));
	FAILS(-1, ENOENT, CALL(open, "none", O_RDONLY));
}

EXERCISE(OPENAT)
{
	int here = x_open(".", O_RDONLY | O_DIRECTORY), fd = text_file();

	umask(0);
	if (IS("__openat_2") || IS("__openat64_2")) {
		KEEPS(fd + 1, CALL(__openat_2, here, "text", O_RDONLY));
		FAILS(-1, EBADF, CALL(__openat_2, -1, "text", O_RDONLY));
		return;
	}
	KEEPS(fd + 1, CALL(openat, here, "text", O_RDONLY));
	KEEPS(fd + 2, CALL(openat, AT_FDCWD, "new", O_RDWR | O_CREAT, 0641));
	EXPECT(has_mode("new", 0641));
	FAILS(-1, EBADF, CALL(openat, -1, "text", O_RDONLY));
}

EXERCISE(CREAT)
{
	int fd = text_file();

	umask(0);
	KEEPS(fd + 1, CALL(creat, "new", 0641));
	EXPECT(has_mode("new", 0641));
	KEEPS(fd + 2, CALL(creat, "text", 0641));
	EXPECT(x_file_is("text", ""));
	FAILS(-1, ENOENT, CALL(creat, "none/new", 0641));
}

EXERCISE(OPENAT2)
{
	struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = 0641};
	int here = x_open(".", O_RDONLY | O_DIRECTORY);

	umask(0);
	KEEPS(here + 1, CALL(openat2, here, "new", &how, sizeof(how)));
	EXPECT(has_mode("new", 0641));
	how.resolve = ~0ull;
	FAILS(-1, EINVAL, CALL(openat2, here, "new", &how, sizeof(how)));
}

static bool is_open(int fd)
{
	return REAL(fcntl)(fd, F_GETFD) >= 0;
}

EXERCISE(CLOSE)
{
	int fds[2], fd = text_file();

	x_pipe(fds);
	KEEPS(0, CALL(close, fd));
	EXPECT(!is_open(fd));
	KEEPS(0, CALL(close, fds[0]));
	FAILS(-1, EBADF, CALL(close, fd));
}

EXERCISE(DUP2)
{
	int fds[2], fd = text_file();

	x_pipe(fds);
	KEEPS(fds[0], CALL(dup2, fd, fds[0]));
	KEEPS(fd, CALL(dup2, fd, fd));
	EXPECT(lseek(fds[0], 0, SEEK_CUR) == 0);
	FAILS(-1, EBADF, CALL(dup2, -1, fds[1]));
	EXPECT(is_open(fds[1]));
}

EXERCISE(DUP3)
{
	int fds[2], fd = text_file();

	x_pipe(fds);
	KEEPS(fds[0], CALL(dup3, fd, fds[0], O_CLOEXEC));
	EXPECT(REAL(fcntl)(fds[0], F_GETFD) == FD_CLOEXEC);
	FAILS(-1, EINVAL, CALL(dup3, fd, fd, 0));
	FAILS(-1, EBADF, CALL(dup3, -1, fds[1], 0));
}

static void open_far(void)
{
	dup2(1, 240);
	dup2(1, 241);
}

PART(close_range)
{
	open_far();
	KEEPS(0, CALL(close_range, 240, 240, 0));
	EXPECT(!is_open(240) && is_open(241));
	FAILS(-1, EINVAL, CALL(close_range, 241, 240, 0));
}

PART(closefrom)
{
	open_far();
	CALL_VOID(closefrom, 241);
	EXPECT(is_open(240) && !is_open(241));
}

EXERCISE(CLOSE_RANGE)
{
	if (IS("closefrom"))
		part_closefrom(x);
	else
		part_close_range(x);
}

EXERCISE(EVENTFD_READ)
{
	int fd = eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK);
	eventfd_t value = 0;

	KEEPS(0, CALL(eventfd_read, fd, &value));
	EXPECT(value == 3);
	FAILS(-1, EAGAIN, CALL(eventfd_read, fd, &value));
}

EXERCISE(EVENTFD_WRITE)
{
	int fd = eventfd(3, EFD_CLOEXEC);
	uint64_t value = 0;

	KEEPS(0, CALL(eventfd_write, fd, 4));
	REAL(read)(fd, &value, sizeof(value));
	EXPECT(value == 7);
	FAILS(-1, EINVAL, CALL(eventfd_write, fd, UINT64_MAX));
}

EXERCISE(LSEEK)
{
	int fds[2], fd = text_file();
	char c = 0;

	KEEPS(3, CALL(lseek, fd, 3, SEEK_SET));
	REAL(read)(fd, &c, 1);
	EXPECT(c == 'd');
	KEEPS(6, CALL(lseek, fd, 0, SEEK_END));
	x_pipe(fds);
	FAILS(-1, ESPIPE, CALL(lseek, fds[0], 0, SEEK_SET));
}
