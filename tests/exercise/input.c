/* input.c: reading through stdio. */
#include "exercise.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

/* What standard input holds is said in main.c. */
#define FIRST_LINE "first 17\n"

char *gets(char *buffer);
char *__gets_chk(char *buffer, size_t size);
size_t __fread_chk(void *buffer, size_t room, size_t size, size_t count, FILE *stream);
char *__fgets_chk(char *buffer, size_t room, int size, FILE *stream);
wchar_t *__fgetws_chk(wchar_t *buffer, size_t room, int size, FILE *stream);
int _IO_vfscanf(FILE *stream, const char *format, va_list ap, int *errors);

/* `text` to be read. */
static FILE *input(const char *text)
{
	NO_POINT;

	x_write_file("in", text);
	return REAL(fopen)("in", "r");
}

/* A stream that is not for reading. */
static FILE *output(void)
{
	NO_POINT;

	return REAL(fopen)("out", "w");
}

/* A stream that will have one byte, '!', and then end. */
static int fds[2];
static void put_and_close(void *unused)
{
	(void) unused;
	x_put(&fds[1]);
	REAL(close)(fds[1]);
}

static FILE *slow_input(struct x_helper *helper)
{
	x_pipe(fds);
	x_later(helper, 2, put_and_close, NULL);
	return fdopen(fds[0], "r");
}

static size_t call_fread(struct exercise *x, char *buffer, size_t size, size_t count, FILE *stream)
{
	if (strstr(x->name, "_chk"))
		return CALL(__fread_chk, buffer, 16, size, count, stream);
	return CALL(fread, buffer, size, count, stream);
}

EXERCISE(FREAD)
{
	FILE *stream = input("abcdef");
	struct x_helper helper;
	char buffer[16] = "";

	KEEPS(2, call_fread(x, buffer, 2, 2, stream));
	EXPECT(strcmp(buffer, "abcd") == 0);
	KEEPS(2, call_fread(x, buffer, 1, 16, stream));
	EXPECT(feof(stream));
	FAILS(0, EBADF, call_fread(x, buffer, 1, 4, output()));
	KEEPS(1, call_fread(x, buffer, 1, 16, slow_input(&helper)));
	x_wait(&helper);
	EXPECT(buffer[0] == '!');
}

static char *call_fgets(struct exercise *x, char *buffer, FILE *stream)
{
	if (strstr(x->name, "_chk"))
		return CALL(__fgets_chk, buffer, 16, 16, stream);
	return CALL(fgets, buffer, 16, stream);
}

EXERCISE(FGETS)
{
	FILE *stream = input("one\ntwo\n");
	struct x_helper helper;
	char buffer[16] = "";

	KEEPS(buffer, call_fgets(x, buffer, stream));
	EXPECT(strcmp(buffer, "one\n") == 0);
	KEEPS(buffer, call_fgets(x, buffer, stream));
	KEEPS(NULL, call_fgets(x, buffer, stream));
	EXPECT(strcmp(buffer, "two\n") == 0 && feof(stream));
	FAILS(NULL, EBADF, call_fgets(x, buffer, output()));
	KEEPS(buffer, call_fgets(x, buffer, slow_input(&helper)));
	x_wait(&helper);
	EXPECT(strcmp(buffer, "!") == 0);
}

EXERCISE(GETS)
{
	char buffer[64] = "";

	if (IS("__gets_chk"))
		KEEPS(buffer, CALL(__gets_chk, buffer, sizeof(buffer)));
	else
		KEEPS(buffer, CALL(gets, buffer));
	EXPECT(strcmp(buffer, "first 17") == 0);
}

PART(getw)
{
	FILE *stream = input("abcde");
	int word;

	memcpy(&word, "abcd", 4);
	KEEPS(word, CALL(getw, stream));
	KEEPS(EOF, CALL(getw, stream));
	FAILS(EOF, EBADF, CALL(getw, output()));
}

/* __underflow fills the buffer, but takes nothing from it. */
EXERCISE(FGETC)
{
	FILE *stream = input("ab");

	if (IS("getw")) {
		part_getw(x);
		return;
	}
	KEEPS('a', CALL(fgetc, stream));
	KEEPS(IS("__underflow") ? 'a' : 'b', CALL(fgetc, stream));
	if (!IS("__underflow")) {
		KEEPS(EOF, CALL(fgetc, stream));
		EXPECT(feof(stream));
	}
	FAILS(EOF, EBADF, CALL(fgetc, output()));
}

EXERCISE(GETCHAR)
{
	KEEPS('f', CALL(getchar));
	KEEPS('i', CALL(getchar));
	REAL(fseek)(stdin, 0, SEEK_END);
	KEEPS(EOF, CALL(getchar));
}

EXERCISE(GETLINE)
{
	FILE *stream = input("one\ntwo");
	char *line = NULL;
	size_t size = 0;

	KEEPS(4, CALL(getline, &line, &size, stream));
	EXPECT(strcmp(line, "one\n") == 0 && size > 4);
	KEEPS(3, CALL(getline, &line, &size, stream));
	EXPECT(strcmp(line, "two") == 0);
	KEEPS(-1, CALL(getline, &line, &size, stream));
	FAILS(-1, EINVAL, CALL(getline, NULL, &size, stream));
}

EXERCISE(GETDELIM)
{
	FILE *stream = input("one:two");
	char *line = NULL;
	size_t size = 0;

	KEEPS(4, CALL(getdelim, &line, &size, ':', stream));
	EXPECT(strcmp(line, "one:") == 0 && size > 4);
	KEEPS(3, CALL(getdelim, &line, &size, ':', stream));
	EXPECT(strcmp(line, "two") == 0);
	FAILS(-1, EBADF, CALL(getdelim, &line, &size, ':', output()));
}

/* Enough pointers that some travel on the stack. */
static struct {
	int one, two, four;
	double three;
	char five[16], six[16];
} parsed;
#define SCAN_TEXT "1 -2 3.5 0x4 five six"
#define SCAN_FORMAT "%d %d %lf %x %15s %15s"
#define SCAN_ARGUMENTS \
	&parsed.one, &parsed.two, &parsed.three, &parsed.four, parsed.five, parsed.six

static bool is_parsed(void)
{
	return parsed.one == 1 && parsed.two == -2 && parsed.three == 3.5 && parsed.four == 4 &&
	       strcmp(parsed.five, "five") == 0 && strcmp(parsed.six, "six") == 0;
}

static int call_vfscanf(struct exercise *x, FILE *stream, const char *format, ...)
{
	va_list ap;
	int got;

	va_start(ap, format);
	if (IS("_IO_vfscanf"))
		got = CALL(_IO_vfscanf, stream, format, ap, NULL);
	else
		got = CALL(vfscanf, stream, format, ap);
	va_end(ap);
	return got;
}

EXERCISE(FSCANF)
{
	FILE *stream = input(SCAN_TEXT);

	if (strstr(x->name, "vfscanf")) {
		KEEPS(6, call_vfscanf(x, stream, SCAN_FORMAT, SCAN_ARGUMENTS));
		GIVES(EOF, call_vfscanf(x, stream, "%d", &parsed.one));
		FAILS(EOF, EBADF, call_vfscanf(x, output(), "%d", &parsed.one));
	} else {
		KEEPS(6, CALL(fscanf, stream, SCAN_FORMAT, SCAN_ARGUMENTS));
		GIVES(EOF, CALL(fscanf, stream, "%d", &parsed.one));
		FAILS(EOF, EBADF, CALL(fscanf, output(), "%d", &parsed.one));
	}
	EXPECT(is_parsed());
}

static int call_vscanf(struct exercise *x, const char *format, ...)
{
	va_list ap;
	int got;

	va_start(ap, format);
	got = CALL(vscanf, format, ap);
	va_end(ap);
	return got;
}

EXERCISE(SCANF)
{
	input(SCAN_TEXT);
	REAL(freopen)("in", "r", stdin);
	if (strstr(x->name, "vscanf"))
		KEEPS(6, call_vscanf(x, SCAN_FORMAT, SCAN_ARGUMENTS));
	else
		KEEPS(6, CALL(scanf, SCAN_FORMAT, SCAN_ARGUMENTS));
	EXPECT(is_parsed());
	if (strstr(x->name, "vscanf"))
		GIVES(EOF, call_vscanf(x, "%d", &parsed.one));
	else
		GIVES(EOF, CALL(scanf, "%d", &parsed.one));
}

PART(fgetws)
{
	FILE *stream = input("one\ntwo");
	wchar_t buffer[16] = L"";

	if (strstr(x->name, "_chk"))
		KEEPS(buffer, CALL(__fgetws_chk, buffer, 16, 16, stream));
	else
		KEEPS(buffer, CALL(fgetws, buffer, 16, stream));
	EXPECT(wcscmp(buffer, L"one\n") == 0);
}

EXERCISE(FGETWC)
{
	FILE *stream = input("a");

	if (strstr(x->name, "getws")) {
		part_fgetws(x);
	} else if (strstr(x->name, "getwchar")) {
		KEEPS(L'f', CALL(getwchar));
		KEEPS(L'i', CALL(getwchar));
	} else {
		KEEPS(L'a', CALL(fgetwc, stream));
		KEEPS(WEOF, CALL(fgetwc, stream));
		FAILS(WEOF, EBADF, CALL(fgetwc, output()));
	}
}

static int call_vfwscanf(struct exercise *x, FILE *stream, const wchar_t *format, ...)
{
	va_list ap;
	int got;

	va_start(ap, format);
	if (strstr(x->name, "vfw"))
		got = CALL(vfwscanf, stream, format, ap);
	else
		got = CALL(vwscanf, format, ap);
	va_end(ap);
	return got;
}

EXERCISE(FWSCANF)
{
	FILE *stream = input(SCAN_TEXT);

	REAL(freopen)("in", "r", stdin);
	if (strstr(x->name, "vfw") || strstr(x->name, "vw"))
		KEEPS(6, call_vfwscanf(x, stream, L"" SCAN_FORMAT, SCAN_ARGUMENTS));
	else if (strstr(x->name, "fw"))
		KEEPS(6, CALL(fwscanf, stream, L"" SCAN_FORMAT, SCAN_ARGUMENTS));
	else
		KEEPS(6, CALL(wscanf, L"" SCAN_FORMAT, SCAN_ARGUMENTS));
	EXPECT(is_parsed());
}
