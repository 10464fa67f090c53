/* output.c: writing through stdio. */
#include "exercise.h"

#include <err.h>
#include <execinfo.h>
#include <netdb.h>
#include <error.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

int __overflow(FILE *stream, int character);
int __fprintf_chk(FILE *stream, int flag, const char *format, ...);
int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list ap);
int __printf_chk(int flag, const char *format, ...);
int __vprintf_chk(int flag, const char *format, va_list ap);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list ap);
int __fwprintf_chk(FILE *stream, int flag, const wchar_t *format, ...);
int __vfwprintf_chk(FILE *stream, int flag, const wchar_t *format, va_list ap);
int __wprintf_chk(int flag, const wchar_t *format, ...);
int __vwprintf_chk(int flag, const wchar_t *format, va_list ap);

/* Words, doubles and a long double, in registers and on the stack. */
#define FORMAT "%d %s %.2f %.1Lf %ld %c %d %d|"
#define ARGUMENTS 1, "two", 3.25, 4.5L, 5L, '6', 7, 8
#define TEXT "1 two 3.25 4.5 5 6 7 8|"
#define LENGTH 23

static FILE *out;
static void open_out(void)
{
	out = REAL(fopen)("out", "w");
}

/* Standard output or `out` now holds that. */
static bool wrote(FILE *stream, const char *text)
{
	REAL(fflush)(stream);
	return x_file_is(stream == stdout ? "stdout" : "out", text);
}

/* A stream that is not for writing. */
static FILE *input(void)
{
	NO_POINT;

	return REAL(fopen)("stdin", "r");
}

EXERCISE(FWRITE)
{
	open_out();
	KEEPS(2, CALL(fwrite, "abcd", 2, 2, out));
	EXPECT(wrote(out, "abcd"));
	FAILS(0, EBADF, CALL(fwrite, "abcd", 2, 2, input()));
	setvbuf(out, NULL, _IONBF, 0);
	KEEPS(2, CALL(fwrite, "ef", 1, 2, out));
	EXPECT(x_file_is("out", "abcdef"));
}

EXERCISE(FPUTS)
{
	open_out();
	AS_BARE(CALL(fputs, "abcd", out));
	EXPECT(x->error == X_ERRNO && wrote(out, "abcd"));
	FAILS(EOF, EBADF, CALL(fputs, "abcd", input()));
}

EXERCISE(PUTS)
{
	AS_BARE(CALL(puts, "abcd"));
	EXPECT(x->error == X_ERRNO && wrote(stdout, "abcd\n"));
}

PART(putw)
{
	int word;

	memcpy(&word, "abcd", 4);
	KEEPS(0, CALL(putw, word, out));
	EXPECT(wrote(out, "abcd"));
	FAILS(EOF, EBADF, CALL(putw, word, input()));
}

EXERCISE(FPUTC)
{
	open_out();
	if (IS("putw")) {
		part_putw(x);
	} else if (IS("putchar") || IS("putchar_unlocked")) {
		KEEPS('a', CALL(putchar, 'a'));
		EXPECT(wrote(stdout, "a"));
	} else if (IS("__overflow")) {
		KEEPS('a', CALL(__overflow, out, 'a'));
		EXPECT(wrote(out, "a"));
		FAILS(EOF, EBADF, CALL(__overflow, input(), 'a'));
	} else {
		KEEPS('a', CALL(fputc, 'a', out));
		EXPECT(wrote(out, "a"));
		FAILS(EOF, EBADF, CALL(fputc, 'a', input()));
	}
}

static int call_vfprintf(struct exercise *x, FILE *stream, const char *format, ...)
{
	va_list ap;
	int got;

	va_start(ap, format);
	if (IS("__vfprintf_chk"))
		got = CALL(__vfprintf_chk, stream, 1, format, ap);
	else
		got = CALL(vfprintf, stream, format, ap);
	va_end(ap);
	return got;
}

EXERCISE(FPRINTF)
{
	open_out();
	if (strstr(x->name, "vf")) {
		KEEPS(LENGTH, call_vfprintf(x, out, FORMAT, ARGUMENTS));
		FAILS(-1, EBADF, call_vfprintf(x, input(), FORMAT, ARGUMENTS));
	} else if (IS("__fprintf_chk")) {
		KEEPS(LENGTH, CALL(__fprintf_chk, out, 1, FORMAT, ARGUMENTS));
		FAILS(-1, EBADF, CALL(__fprintf_chk, input(), 1, FORMAT, ARGUMENTS));
	} else {
		KEEPS(LENGTH, CALL(fprintf, out, FORMAT, ARGUMENTS));
		FAILS(-1, EBADF, CALL(fprintf, input(), FORMAT, ARGUMENTS));
	}
	EXPECT(wrote(out, TEXT));
}

static int call_vprintf(struct exercise *x, const char *format, ...)
{
	va_list ap;
	int got;

	va_start(ap, format);
	if (IS("__vprintf_chk"))
		got = CALL(__vprintf_chk, 1, format, ap);
	else
		got = CALL(vprintf, format, ap);
	va_end(ap);
	return got;
}

EXERCISE(PRINTF)
{
	if (strstr(x->name, "vp"))
		KEEPS(LENGTH, call_vprintf(x, FORMAT, ARGUMENTS));
	else if (IS("__printf_chk"))
		KEEPS(LENGTH, CALL(__printf_chk, 1, FORMAT, ARGUMENTS));
	else
		KEEPS(LENGTH, CALL(printf, FORMAT, ARGUMENTS));
	EXPECT(wrote(stdout, TEXT));
}

static int call_vdprintf(struct exercise *x, int fd, const char *format, ...)
{
	va_list ap;
	int got;

	va_start(ap, format);
	if (IS("__vdprintf_chk"))
		got = CALL(__vdprintf_chk, fd, 1, format, ap);
	else
		got = CALL(vdprintf, fd, format, ap);
	va_end(ap);
	return got;
}

EXERCISE(DPRINTF)
{
	int fd = x_open("out", O_WRONLY | O_CREAT);
	void *frames[] = {(void *) 0x7000};

	if (strstr(x->name, "backtrace")) {
		CALL_VOID(backtrace_symbols_fd, frames, 1, fd);
		EXPECT(x_file_is("out", "[0x7000]\n"));
		return;
	}
	if (strstr(x->name, "vd")) {
		KEEPS(LENGTH, call_vdprintf(x, fd, FORMAT, ARGUMENTS));
		FAILS(-1, EBADF, call_vdprintf(x, -1, FORMAT, ARGUMENTS));
	} else if (IS("__dprintf_chk")) {
		KEEPS(LENGTH, CALL(__dprintf_chk, fd, 1, FORMAT, ARGUMENTS));
		FAILS(-1, EBADF, CALL(__dprintf_chk, -1, 1, FORMAT, ARGUMENTS));
	} else {
		KEEPS(LENGTH, CALL(dprintf, fd, FORMAT, ARGUMENTS));
		FAILS(-1, EBADF, CALL(dprintf, -1, FORMAT, ARGUMENTS));
	}
	EXPECT(x_file_is("out", TEXT));
}

/* The number that perror names is ours. */
EXERCISE(PERROR)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER, .si_pid = 7, .si_uid = 77};

	if (IS("perror")) {
		CALL_VOID(perror, "text");
		EXPECT(x_said("text: Unknown error 3077\n"));
	} else if (IS("herror")) {
		h_errno = HOST_NOT_FOUND;
		CALL_VOID(herror, "text");
		EXPECT(x_said("text: Unknown host\n"));
	} else if (IS("psignal")) {
		CALL_VOID(psignal, SIGUSR1, "text");
		EXPECT(x_said("text: User defined signal 1\n"));
	} else {
		CALL_VOID(psiginfo, &info, "text");
		EXPECT(x_said("text: User defined signal 1 (Signal sent by kill() 7 77)\n"));
	}
}

EXERCISE(FPUTWC)
{
	open_out();
	if (strstr(x->name, "putwchar")) {
		KEEPS(L'a', CALL(putwchar, L'a'));
		EXPECT(wrote(stdout, "a"));
	} else if (strstr(x->name, "fputws")) {
		AS_BARE(CALL(fputws, L"abcd", out));
		EXPECT(x->error == X_ERRNO && wrote(out, "abcd"));
		FAILS(-1, EBADF, CALL(fputws, L"abcd", input()));
	} else {
		KEEPS(L'a', CALL(fputwc, L'a', out));
		EXPECT(wrote(out, "a"));
		FAILS(WEOF, EBADF, CALL(fputwc, L'a', input()));
	}
}

static int call_vfwprintf(struct exercise *x, const wchar_t *format, ...)
{
	va_list ap;
	int got;

	va_start(ap, format);
	if (IS("__vfwprintf_chk"))
		got = CALL(__vfwprintf_chk, out, 1, format, ap);
	else if (IS("vfwprintf"))
		got = CALL(vfwprintf, out, format, ap);
	else if (IS("__vwprintf_chk"))
		got = CALL(__vwprintf_chk, 1, format, ap);
	else
		got = CALL(vwprintf, format, ap);
	va_end(ap);
	return got;
}

EXERCISE(FWPRINTF)
{
	open_out();
	if (strstr(x->name, "vf") || strstr(x->name, "vw"))
		KEEPS(LENGTH, call_vfwprintf(x, L"" FORMAT, ARGUMENTS));
	else if (IS("__fwprintf_chk"))
		KEEPS(LENGTH, CALL(__fwprintf_chk, out, 1, L"" FORMAT, ARGUMENTS));
	else if (IS("fwprintf"))
		KEEPS(LENGTH, CALL(fwprintf, out, L"" FORMAT, ARGUMENTS));
	else if (IS("__wprintf_chk"))
		KEEPS(LENGTH, CALL(__wprintf_chk, 1, L"" FORMAT, ARGUMENTS));
	else
		KEEPS(LENGTH, CALL(wprintf, L"" FORMAT, ARGUMENTS));
	EXPECT(wrote(strstr(x->name, "fw") ? out : stdout, TEXT));
}

/* Those that exit are looked at from an exit handler. */
static struct exercise *exiting;
static char expected[4200];

static void check_text(void)
{
	struct exercise *x = exiting;

	x_hold(false);
	if (!x_said(expected))
		x_fail(x, "standard error is not: %.900s", expected);
}

static void call_verr(struct exercise *x, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (IS("verr") || IS("verrx"))
		CALL_VOID(verr, 5, format, ap);
	else
		CALL_VOID(vwarn, format, ap);
	va_end(ap);
}

EXERCISE(ERR)
{
	const char *who = program_invocation_short_name, *end = ": Unknown error 3077";
	const char *place = "";

	if (strncmp(x->name, "error", 5) == 0) {
		who = program_invocation_name;
		end = "";
		place = IS("error_at_line") ? "file:77:" : "";
	} else if (x->name[strlen(x->name) - 1] == 'x') {
		end = "";
	}
	REAL(snprintf)
	(expected, sizeof(expected), *place ? "%s:%s %s%s\n" : "%s: %s%s%s\n", who, place, TEXT,
		end);
	exiting = x;
	atexit(check_text);
	if (strstr(x->name, "err") && strncmp(x->name, "vwarn", 5) != 0)
		x_ends(x, 5 << 8);
	if (x->name[0] == 'v')
		call_verr(x, FORMAT, ARGUMENTS);
	else if (IS("err") || IS("errx"))
		CALL_VOID(err, 5, FORMAT, ARGUMENTS);
	else if (IS("error"))
		CALL_VOID(error, 5, 0, FORMAT, ARGUMENTS);
	else if (IS("error_at_line"))
		CALL_VOID(error_at_line, 5, 0, "file", 77, FORMAT, ARGUMENTS);
	else
		CALL_VOID(warn, FORMAT, ARGUMENTS);
}
