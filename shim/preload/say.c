#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "sys.h"

#define STDERR_ENV "GILSHIM_STDERR"
#define SAY_AT_MOST 16
#define WRITE_AT_MOST 4096

/* The tree's standard error, as text "DEV:INO"; empty if its first process had none. */
static char stderr_file[48];

void gs_text_hex(struct gs_text *text, uint64_t number)
{
	char digits[17];
	char *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do
		*--at = "0123456789abcdef"[number & 15];
	while (number >>= 4);
	gs_text_put(text, at);
}

/* The file behind descriptor 2 as DEV:INO; nothing if it is closed. */
static void name_stderr(struct gs_text *text)
{
	struct stat st = {0};

	if (gs_sys_fstat(2, &st) < 0)
		return;
	gs_text_id(text, st.st_dev);
	gs_text_char(text, ':');
	gs_text_id(text, st.st_ino);
}

void gs_say_setup(void)
{
	const char *inherited = getenv(STDERR_ENV);
	struct gs_text text;

	gs_text_init(&text, stderr_file, sizeof(stderr_file));
	if (inherited) {
		gs_text_name(&text, inherited, sizeof(stderr_file) - 1);
		return;
	}
	name_stderr(&text);
	setenv(STDERR_ENV, stderr_file, 0);
}

bool gs_say_is_our_stderr(void)
{
	char mine[sizeof(stderr_file)] = "";
	struct gs_text text;

	gs_text_init(&text, mine, sizeof(mine));
	name_stderr(&text);
	return mine[0] && strcmp(mine, stderr_file) == 0;
}

/* One write(2) that cannot kill or stop the program: a pipe that nobody reads any more sends a
 * SIGPIPE, a file longer than the process may write a SIGXFSZ, which is blocked meanwhile and taken
 * back if it is ours. A terminal that is another job's (stty tostop) sends no SIGTTOU to who blocks
 * it. */
static long write_once(int fd, const char *bytes, size_t length)
{
	static const struct timespec at_once;
	const uint64_t pipe_signal = 1u << (SIGPIPE - 1), size_signal = 1u << (SIGXFSZ - 1);
	const uint64_t blocked = pipe_signal | size_signal | 1u << (SIGTTOU - 1);
	uint64_t old = 0, pending = 0, ours = 0;
	long done;

	gs_sys4(SYS_rt_sigprocmask, SIG_BLOCK, (long) &blocked, (long) &old, sizeof(old));
	gs_sys2(SYS_rt_sigpending, (long) &pending, sizeof(pending));
	done = gs_sys3(SYS_write, fd, (long) bytes, (long) length);
	if (done == -EPIPE)
		ours = pipe_signal & ~pending;
	else if (done == -EFBIG)
		ours = size_signal & ~pending;
	if (ours)
		gs_sys4(SYS_rt_sigtimedwait, (long) &ours, 0, (long) &at_once, sizeof(ours));
	gs_sys4(SYS_rt_sigprocmask, SIG_SETMASK, (long) &old, 0, sizeof(old));
	return done;
}

/* Writes all of it; gives up quietly where the file takes no more. */
static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		size_t n = length;
		long done;

		if (n > WRITE_AT_MOST) {
			const char *cut = memrchr(bytes, '\n', WRITE_AT_MOST);

			n = cut ? (size_t) (cut - bytes) + 1 : WRITE_AT_MOST;
		}
		done = write_once(fd, bytes, n);
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done ? (int) done : -EIO;
		bytes += done;
		length -= (size_t) done;
	}
	return 0;
}

/* Copies a path, with the pid for %p. */
static void expand(struct gs_text *path, const char *pattern)
{
	for (const char *p = pattern; *p; p++) {
		if (p[0] == '%' && p[1] == 'p') {
			gs_text_id(path, (uint64_t) gs_sys0(SYS_getpid));
			p++;
		} else {
			gs_text_char(path, *p);
		}
	}
}

int gs_say_to(const char *destination, const char *bytes, size_t length)
{
	char buffer[1024]; /* callers may be on a small signal stack */
	struct gs_text path;
	int fd, err;

	if (strcmp(destination, "none") == 0)
		return 0;
	if (strcmp(destination, "stderr") == 0)
		return gs_say_is_our_stderr() ? write_all(2, bytes, length) : 0;
	gs_text_init(&path, buffer, sizeof(buffer));
	expand(&path, destination);
	if (path.cut)
		return -ENAMETOOLONG;
	fd = (int) gs_sys4(SYS_openat, AT_FDCWD, (long) buffer,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	if (fd < 0)
		return fd;
	err = write_all(fd, bytes, length);
	gs_sys1(SYS_close, fd);
	return err;
}

void gs_say(struct gs_text *words)
{
	static _Atomic unsigned said;

	if (__atomic_fetch_add((unsigned *) &said, 1, __ATOMIC_RELAXED) >= SAY_AT_MOST)
		return;
	if (words->at == words->end)
		words->at--;
	words->at[0] = '\n';
	*++words->at = '\0';
	gs_say_to("stderr", words->start, gs_text_length(words));
}

void gs_say_words(const char *words)
{
	char buffer[512];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer) - 1);
	gs_text_put(&text, "gilshim: ");
	gs_text_put(&text, words);
	gs_say(&text);
}

static const char *reason(int err)
{
	switch (-err) {
	case ENOSPC:
		return ": no space left";
	case EFBIG:
		return ": more than this process may write (ulimit -f)";
	case EACCES:
	case EPERM:
	case EROFS:
		return ": not permitted";
	case ENOENT:
		return ": no such directory";
	case ENOTDIR:
		return ": not a directory";
	case EISDIR:
		return ": it is a directory";
	case ENAMETOOLONG:
		return ": the name is too long";
	default:
		return "";
	}
}

void gs_say_unusable(
	const char *option, const char *path, const char *what, int err, const char *instead)
{
	char buffer[512];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer) - 1);
	gs_text_put(&text, "gilshim: ");
	gs_text_put(&text, option);
	gs_text_char(&text, ' ');
	gs_text_name(&text, path, 256);
	gs_text_put(&text, ": ");
	gs_text_put(&text, what);
	gs_text_put(&text, reason(err));
	gs_text_put(&text, "; ");
	gs_text_put(&text, instead);
	gs_say(&text);
}
