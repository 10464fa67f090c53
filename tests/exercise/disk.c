/* disk.c: the size, place and safety of what is in files; locks; moving data between descriptors;
 * other descriptor calls that can wait. */
#include "exercise.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>

#define TEXT "abcdef"
static int text_file(void)
{
	x_write_file("text", TEXT);
	return x_open("text", O_RDWR | O_CLOEXEC);
}

static off_t size_of(int fd)
{
	struct stat st;

	return REAL(fstat)(fd, &st) == 0 ? st.st_size : -1;
}

EXERCISE(FSYNC)
{
	KEEPS(0, CALL(fsync, text_file()));
	FAILS(-1, EBADF, CALL(fsync, -1));
}

EXERCISE(FDATASYNC)
{
	KEEPS(0, CALL(fdatasync, text_file()));
	FAILS(-1, EBADF, CALL(fdatasync, -1));
}

EXERCISE(MSYNC)
{
	char *page = REAL(mmap)(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, text_file(), 0);

	page[0] = 'X';
	KEEPS(0, CALL(msync, page, 4096, MS_SYNC));
	EXPECT(x_file_is("text", "Xbcdef"));
	KEEPS(0, CALL(msync, page, 4096, MS_ASYNC));
	FAILS(-1, EINVAL, CALL(msync, page + 1, 4096, MS_SYNC));
}

EXERCISE(SYNC)
{
	CALL_VOID(sync);
	EXPECT(x->error == X_ERRNO);
}

/* Of a file system that has nothing to write. */
EXERCISE(SYNCFS)
{
	KEEPS(0, CALL(syncfs, x_open("/proc", O_RDONLY)));
	FAILS(-1, EBADF, CALL(syncfs, -1));
}

EXERCISE(SYNC_FILE_RANGE)
{
	int fd = text_file();

	KEEPS(0, CALL(sync_file_range, fd, 0, 6,
			 SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	FAILS(-1, EINVAL, CALL(sync_file_range, fd, -1, 6, SYNC_FILE_RANGE_WRITE));
}

/* Who else would wait? A lock seen from another open file description. */
static bool is_locked(void)
{
	struct flock lock = {.l_type = F_WRLCK};

	return REAL(fcntl)(x_open("text", O_RDWR), F_OFD_GETLK, &lock) == 0 &&
	       lock.l_type != F_UNLCK;
}

/* For x_later: drops all locks of a description. */
static void unlock(void *fd)
{
	struct flock lock = {.l_type = F_UNLCK};

	REAL(fcntl)(*(int *) fd, F_OFD_SETLK, &lock);
	REAL(flock)(*(int *) fd, LOCK_UN);
}

EXERCISE(FCNTL)
{
	struct flock lock = {.l_type = F_WRLCK};
	struct x_helper helper;
	int fd = text_file(), other = x_open("text", O_RDWR);

	KEEPS(0, CALL(fcntl, fd, F_SETFL, O_NONBLOCK));
	KEEPS(O_NONBLOCK, CALL(fcntl, fd, F_GETFL) & O_NONBLOCK);
	KEEPS(100, CALL(fcntl, fd, F_DUPFD, 100));
	REAL(fcntl)(other, F_OFD_SETLK, &lock);
	FAILS(-1, EAGAIN, CALL(fcntl, fd, F_SETLK, &lock));
	x_later(&helper, 2, unlock, &other);
	KEEPS(0, CALL(fcntl, fd, F_SETLKW, &lock));
	x_wait(&helper);
	EXPECT(is_locked());
	FAILS(-1, EBADF, CALL(fcntl, -1, F_GETFL));
	FAILS(-1, EINVAL, CALL(fcntl, fd, F_DUPFD, -1));
}

EXERCISE(FLOCK)
{
	int fd = text_file(), other = x_open("text", O_RDWR);
	struct x_helper helper;

	REAL(flock)(other, LOCK_EX);
	FAILS(-1, EWOULDBLOCK, CALL(flock, fd, LOCK_EX | LOCK_NB));
	x_later(&helper, 2, unlock, &other);
	KEEPS(0, CALL(flock, fd, LOCK_EX));
	x_wait(&helper);
	EXPECT(REAL(flock)(other, LOCK_EX | LOCK_NB) < 0);
	FAILS(-1, EBADF, CALL(flock, -1, LOCK_EX));
}

EXERCISE(LOCKF)
{
	struct flock lock = {.l_type = F_WRLCK};
	int fd = text_file(), other = x_open("text", O_RDWR);
	struct x_helper helper;

	REAL(fcntl)(other, F_OFD_SETLK, &lock);
	FAILS(-1, EAGAIN, CALL(lockf, fd, F_TLOCK, 0));
	x_later(&helper, 2, unlock, &other);
	KEEPS(0, CALL(lockf, fd, F_LOCK, 0));
	x_wait(&helper);
	EXPECT(is_locked());
	KEEPS(0, CALL(lockf, fd, F_ULOCK, 0));
	EXPECT(!is_locked());
	FAILS(-1, EINVAL, CALL(lockf, fd, 77, 0));
}

EXERCISE(IOCTL)
{
	struct winsize size;
	int fds[2], waiting = 0;

	x_pipe(fds);
	REAL(write)(fds[1], "hello", 5);
	KEEPS(0, CALL(ioctl, fds[0], FIONREAD, &waiting));
	EXPECT(waiting == 5);
	FAILS(-1, ENOTTY, CALL(ioctl, fds[0], TIOCGWINSZ, &size));
	FAILS(-1, EBADF, CALL(ioctl, -1, FIONREAD, &waiting));
}

EXERCISE(SENDFILE)
{
	char buffer[8] = "";
	off_t offset = 2;
	int fds[2];

	x_pipe(fds);
	KEEPS(4, CALL(sendfile, fds[1], text_file(), &offset, 4));
	EXPECT(offset == 6 && REAL(read)(fds[0], buffer, 8) == 4 && !strcmp(buffer, "cdef"));
	FAILS(-1, EBADF, CALL(sendfile, fds[1], -1, &offset, 4));
}

EXERCISE(COPY_FILE_RANGE)
{
	off64_t from = 2, to = 0;
	int fd = x_open("copy", O_RDWR | O_CREAT);

	if (REAL(copy_file_range)(text_file(), &from, fd, &to, 0, 0) < 0)
		x_skip(x, "this file system cannot copy");
	KEEPS(3, CALL(copy_file_range, text_file(), &from, fd, &to, 3, 0));
	EXPECT(from == 5 && to == 3 && x_file_is("copy", "cde"));
	FAILS(-1, EBADF, CALL(copy_file_range, -1, &from, fd, &to, 3, 0));
}

EXERCISE(SPLICE)
{
	off64_t from = 2;
	char buffer[8] = "";
	int fds[2];

	x_pipe(fds);
	KEEPS(4, CALL(splice, text_file(), &from, fds[1], NULL, 4, 0));
	EXPECT(REAL(read)(fds[0], buffer, 8) == 4 && strcmp(buffer, "cdef") == 0);
	FAILS(-1, EAGAIN, CALL(splice, fds[0], NULL, text_file(), NULL, 4, SPLICE_F_NONBLOCK));
	FAILS(-1, EBADF, CALL(splice, -1, NULL, fds[1], NULL, 4, 0));
}

EXERCISE(TEE)
{
	int from[2], to[2];
	char buffer[8] = "";

	x_pipe(from);
	x_pipe(to);
	REAL(write)(from[1], "hello", 5);
	KEEPS(5, CALL(tee, from[0], to[1], 8, 0));
	EXPECT(REAL(read)(to[0], buffer, 8) == 5 && strcmp(buffer, "hello") == 0);
	FAILS(-1, EINVAL, CALL(tee, from[0], text_file(), 8, 0));
}

EXERCISE(VMSPLICE)
{
	struct iovec parts[] = {{"he", 2}, {"llo", 3}};
	char buffer[8] = "";
	int fds[2];

	x_pipe(fds);
	KEEPS(5, CALL(vmsplice, fds[1], parts, 2, 0));
	EXPECT(REAL(read)(fds[0], buffer, 8) == 5 && strcmp(buffer, "hello") == 0);
	FAILS(-1, EBADF, CALL(vmsplice, -1, parts, 2, 0));
}

EXERCISE(FALLOCATE)
{
	int fd = text_file();

	if (REAL(fallocate)(fd, FALLOC_FL_KEEP_SIZE, 0, 1) < 0)
		x_skip(x, "this file system cannot allocate");
	KEEPS(0, CALL(fallocate, fd, 0, 0, 9000));
	EXPECT(size_of(fd) == 9000);
	FAILS(-1, EINVAL, CALL(fallocate, fd, 0, -1, 9000));
}

EXERCISE(POSIX_FALLOCATE)
{
	int fd = text_file();

	KEEPS(0, CALL(posix_fallocate, fd, 0, 9000));
	EXPECT(size_of(fd) == 9000);
	KEEPS(EBADF, CALL(posix_fallocate, -1, 0, 9000));
}

EXERCISE(FTRUNCATE)
{
	int fd = text_file();

	KEEPS(0, CALL(ftruncate, fd, 3));
	EXPECT(x_file_is("text", "abc"));
	FAILS(-1, EINVAL, CALL(ftruncate, fd, -1));
}

EXERCISE(TRUNCATE)
{
	text_file();
	KEEPS(0, CALL(truncate, "text", 3));
	EXPECT(x_file_is("text", "abc"));
	FAILS(-1, ENOENT, CALL(truncate, "none", 3));
}

PART(posix_fadvise)
{
	int fd = text_file();

	KEEPS(0, CALL(posix_fadvise, fd, 0, 6, POSIX_FADV_WILLNEED));
	KEEPS(EINVAL, CALL(posix_fadvise, fd, 0, 6, 77));
	KEEPS(EBADF, CALL(posix_fadvise, -1, 0, 6, POSIX_FADV_WILLNEED));
}

PART(readahead)
{
	KEEPS(0, CALL(readahead, text_file(), 0, 6));
	FAILS(-1, EBADF, CALL(readahead, -1, 0, 6));
}

EXERCISE(POSIX_FADVISE)
{
	if (IS("readahead"))
		part_readahead(x);
	else
		part_posix_fadvise(x);
}

static bool is_filled(const char *buffer, size_t size)
{
	unsigned zeros = 0;

	for (size_t i = 0; i < size; i++)
		zeros += buffer[i] == 0;
	return zeros < size / 2;
}

PART(getrandom)
{
	char buffer[64] = "";

	KEEPS(64, CALL(getrandom, buffer, 64, 0));
	EXPECT(is_filled(buffer, 64));
	FAILS(-1, EINVAL, CALL(getrandom, buffer, 64, ~0u));
}

PART(getentropy)
{
	char buffer[300] = "";

	KEEPS(0, CALL(getentropy, buffer, 64));
	EXPECT(is_filled(buffer, 64));
	FAILS(-1, EIO, CALL(getentropy, buffer, 300));
}

/* From 2.36 on; the prototypes are for headers of any age. */
extern uint32_t arc4random(void);
extern uint32_t arc4random_uniform(uint32_t limit);
extern void arc4random_buf(void *buf, size_t count);

PART(arc4random)
{
	char buffer[64] = {0};
	uint32_t bits = 0;

	if (IS("arc4random_buf")) {
		CALL_VOID(arc4random_buf, buffer, sizeof(buffer));
		EXPECT(is_filled(buffer, 64));
	} else if (IS("arc4random_uniform")) {
		GIVES(0, CALL(arc4random_uniform, 1));
	} else {
		for (int i = 0; i < 8; i++)
			bits |= CALL(arc4random);
		EXPECT(bits != 0 && x->error == X_ERRNO);
	}
}

EXERCISE(GETRANDOM)
{
	if (strstr(x->name, "arc4"))
		part_arc4random(x);
	else if (IS("getentropy"))
		part_getentropy(x);
	else
		part_getrandom(x);
}

PART(process_vm_readv)
{
	char from[] = "hello", to[8] = "";
	struct iovec here = {to, 8}, there = {from, 5};

	if (REAL(process_vm_readv)(getpid(), &here, 1, &there, 1, 0) != 5)
		x_skip(x, "not permitted here");
	memset(to, 0, sizeof(to));
	KEEPS(5, CALL(process_vm_readv, getpid(), &here, 1, &there, 1, 0));
	EXPECT(strcmp(to, "hello") == 0);
	FAILS(-1, EINVAL, CALL(process_vm_readv, getpid(), &here, 1, &there, 1, 1));
}

PART(process_vm_writev)
{
	char from[] = "hello", to[8] = "";
	struct iovec here = {from, 5}, there = {to, 8};

	if (REAL(process_vm_writev)(getpid(), &here, 1, &there, 1, 0) != 5)
		x_skip(x, "not permitted here");
	memset(to, 0, sizeof(to));
	KEEPS(5, CALL(process_vm_writev, getpid(), &here, 1, &there, 1, 0));
	EXPECT(strcmp(to, "hello") == 0);
	FAILS(-1, EINVAL, CALL(process_vm_writev, getpid(), &here, 1, &there, 1, 1));
}

EXERCISE(PROCESS_VM_READV)
{
	if (IS("process_vm_writev"))
		part_process_vm_writev(x);
	else
		part_process_vm_readv(x);
}

EXERCISE(TCDRAIN)
{
	int fds[2];

	x_terminal(fds);
	KEEPS(0, CALL(tcdrain, fds[0]));
	FAILS(-1, EBADF, CALL(tcdrain, -1));
	x_pipe(fds);
	FAILS(-1, ENOTTY, CALL(tcdrain, fds[0]));
}

EXERCISE(TCSETATTR)
{
	struct termios was, is;
	int fds[2];

	x_terminal(fds);
	tcgetattr(fds[0], &was);
	was.c_lflag ^= ECHO;
	KEEPS(0, CALL(tcsetattr, fds[0], TCSADRAIN, &was));
	tcgetattr(fds[0], &is);
	EXPECT(is.c_lflag == was.c_lflag);
	was.c_lflag ^= ECHO;
	KEEPS(0, CALL(tcsetattr, fds[0], TCSANOW, &was));
	FAILS(-1, EINVAL, CALL(tcsetattr, fds[0], 77, &was));
	FAILS(-1, EBADF, CALL(tcsetattr, -1, TCSANOW, &was));
}

PART(tcsendbreak)
{
	int fds[2];

	x_terminal(fds);
	KEEPS(0, CALL(tcsendbreak, fds[0], 0));
	FAILS(-1, EBADF, CALL(tcsendbreak, -1, 0));
}

/* A terminal whose output is off takes nothing. */
PART(tcflow)
{
	int fds[2];

	x_terminal(fds);
	REAL(fcntl)(fds[0], F_SETFL, O_NONBLOCK);
	KEEPS(0, CALL(tcflow, fds[0], TCOOFF));
	EXPECT(REAL(write)(fds[0], "x", 1) == -1);
	KEEPS(0, CALL(tcflow, fds[0], TCOON));
	EXPECT(REAL(write)(fds[0], "x", 1) == 1);
	FAILS(-1, EINVAL, CALL(tcflow, fds[0], 77));
}

EXERCISE(TCSENDBREAK)
{
	if (IS("tcflow"))
		part_tcflow(x);
	else
		part_tcsendbreak(x);
}

/* Without a terminal of its own it reads standard input. */
EXERCISE(GETPASS)
{
	int terminal = x_open("/dev/tty", O_RDWR | O_CLOEXEC);
	char *word;

	if (terminal >= 0)
		REAL(ioctl)(terminal, TIOCNOTTY);
	word = CALL(getpass, "prompt: ");
	EXPECT(word && strcmp(word, "first 17") == 0);
	EXPECT(x_said("prompt: "));
}
