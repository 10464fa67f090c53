/* guest.h: what the child programs of the guest tests share. Each is a make-believe CPython
 * (tests/exercise/fakepy.c): x_hold() says whether this thread holds its GIL.
 *
 * A program checks what the host sees with CHECK, and prints for each call under test how often it
 * was made in which state: the driver compares these lines with the report, and all output with
 * that of the same program without the library. */
#ifndef GUEST_H
#define GUEST_H

#ifdef __cplusplus
extern "C" {
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void x_hold(bool held);
void x_make_gil(void);

/* One line on standard output. Only the row `syscall` is counted for it, which no program tests. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
#ifdef __cplusplus
}
#endif

#include <stdarg.h>

static __attribute__((noinline, unused)) void say(const char *format, ...)
{
	char line[256];
	int saved = errno, length;
	va_list words;

	va_start(words, format);
	length = vsnprintf(line, sizeof(line) - 1, format, words);
	va_end(words);
	line[length++] = '\n';
	if (syscall(SYS_write, 1, line, (size_t) length) != length)
		_exit(9);
	errno = saved;
}

#define CHECK(condition)                                                                           \
	((condition) ? (void) 0                                                                    \
		     : (say("wrong at %s:%d: %s", __FILE__, __LINE__, #condition), _exit(1)))

/* A thread that never held a GIL is counted apart: this one did. Only the row `fdatasync` is
 * counted for it. */
static inline void introduce(void)
{
	x_hold(true);
	(void) !fdatasync(-1);
	x_hold(false);
}

/* For the driver: `call` was made `times` times in `state`. */
static inline void made(const char *state, const char *call, unsigned long times)
{
	say("made %s %s %lu", state, call, times);
}

#endif
