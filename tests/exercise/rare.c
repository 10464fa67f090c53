/* rare.c: what waits for other threads or reads a file on the way: locks of streams and of the
 * password file, threads made and renamed, time zones, locales, tables of lines. */
#include "exercise.h"

#include <fstab.h>
#include <grp.h>
#include <gshadow.h>
#include <iconv.h>
#include <langinfo.h>
#include <libintl.h>
#include <locale.h>
#include <mntent.h>
#include <nl_types.h>
#include <pwd.h>
#include <sched.h>
#include <shadow.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <wchar.h>

/* ---- locks ---- */

EXERCISE(LCKPWDF)
{
	x_etc(x);
	if (IS("lckpwdf")) {
		KEEPS(0, CALL(lckpwdf));
		GIVES(-1, CALL(lckpwdf)); /* ours already */
		REAL(ulckpwdf)();
	} else {
		GIVES(-1, CALL(ulckpwdf));
		REAL(lckpwdf)();
		KEEPS(0, CALL(ulckpwdf));
	}
}

/* Has the stream's lock for a while, as another thread that reads does. */
static void keep_stream(void *stream)
{
	REAL(flockfile)(stream);
	x_sleep(3);
	REAL(funlockfile)(stream);
}

static void call_buffer(struct exercise *x, FILE *stream, char *buffer)
{
	if (strstr(x->name, "setvbuf"))
		KEEPS(0, CALL(setvbuf, stream, buffer, _IOFBF, BUFSIZ));
	else if (strstr(x->name, "setbuffer"))
		CALL_VOID(setbuffer, stream, buffer, BUFSIZ);
	else if (IS("setbuf"))
		CALL_VOID(setbuf, stream, buffer);
	else
		CALL_VOID(setlinebuf, stream);
}

static void call_character(struct exercise *x, FILE *stream)
{
	if (IS("ungetwc")) {
		KEEPS(L'x', CALL(ungetwc, L'x', stream));
		GIVES(WEOF, CALL(ungetwc, WEOF, stream));
		EXPECT(REAL(fgetwc)(stream) == L'x');
	} else {
		KEEPS('x', CALL(ungetc, 'x', stream));
		GIVES(EOF, CALL(ungetc, EOF, stream));
		EXPECT(REAL(fgetc)(stream) == 'x');
	}
}

static void call_state(struct exercise *x, FILE *stream)
{
	if (IS("fwide")) {
		KEEPS(0, CALL(fwide, stream, 0));
		KEEPS(1, CALL(fwide, stream, 1));
		return;
	}
	while (REAL(fgetc)(stream) != EOF)
		continue;
	if (IS("clearerr")) {
		CALL_VOID(clearerr, stream);
		EXPECT(!REAL(feof)(stream));
	} else {
		KEEPS(strstr(x->name, "feof") ? 1 : 0, CALL(ferror, stream) ? 1 : 0);
	}
}

EXERCISE(FERROR)
{
	static char buffer[BUFSIZ];
	struct x_helper helper;
	FILE *stream;

	x_write_file("text", "hello\n");
	stream = REAL(fopen)("text", "r+");
	x_later(&helper, 0, keep_stream, stream);
	x_sleep(1);
	if (strstr(x->name, "set"))
		call_buffer(x, stream, buffer);
	else if (strstr(x->name, "unget"))
		call_character(x, stream);
	else
		call_state(x, stream);
	x_wait(&helper);
}

/* ---- threads and processes ---- */

static int leave_seven(void *unused)
{
	(void) unused;
	REAL(_exit)(7);
	return 0;
}

EXERCISE(CLONE)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	int pid = CALL(clone, leave_seven, stack + sizeof(stack), SIGCHLD, NULL), status = 0;

	EXPECT(pid > 0 && x->error == X_ERRNO);
	EXPECT(REAL(waitpid)(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	FAILS(-1, EINVAL, CALL(clone, NULL, NULL, SIGCHLD, NULL));
}

static void *return_same(void *value)
{
	return value;
}

static int return_seven(void *unused)
{
	(void) unused;
	return 7;
}

static void *sleep_long(void *unused)
{
	(void) unused;
	while (REAL(pause)() < 0)
		continue;
	return NULL;
}

EXERCISE(CREATE)
{
	pthread_attr_t attributes;
	pthread_t thread;
	thrd_t simple;
	void *value = NULL;
	int result = 0;

	if (IS("thrd_create")) {
		KEEPS(thrd_success, CALL(thrd_create, &simple, return_seven, NULL));
		EXPECT(REAL(thrd_join)(simple, &result) == thrd_success && result == 7);
	} else if (IS("pthread_cancel")) {
		REAL(pthread_create)(&thread, NULL, sleep_long, NULL);
		GIVES(0, CALL(pthread_cancel, thread));
		EXPECT(REAL(pthread_join)(thread, &value) == 0 && value == PTHREAD_CANCELED);
	} else {
		KEEPS(0, CALL(pthread_create, &thread, NULL, return_same, x));
		EXPECT(REAL(pthread_join)(thread, &value) == 0 && value == x);
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, (size_t) 1 << 46);
		GIVES(EAGAIN, CALL(pthread_create, &thread, &attributes, return_same, x));
	}
}

/* In a process of its own names the identity stays what it is; a forbidden one is not tried. */
EXERCISE(SETUID)
{
	struct x_helper helper;
	unsigned user = getuid(), group = getgid();
	gid_t groups[64];
	int count = getgroups(64, groups);

	x_later(&helper, 3, x_put, &(int){x_open("out", O_WRONLY | O_CREAT)});
	if (IS("setgroups") && user == 0 && count >= 0)
		KEEPS(0, CALL(setgroups, (size_t) count, groups));
	else if (IS("setgroups"))
		x_skip(x, "needs root");
	else if (strstr(x->name, "setres"))
		KEEPS(0, IS("setresuid") ? CALL(setresuid, user, user, user)
					 : CALL(setresgid, group, group, group));
	else if (strstr(x->name, "setre"))
		KEEPS(0, IS("setreuid") ? CALL(setreuid, user, user)
					: CALL(setregid, group, group));
	else
		KEEPS(0, CALL(setuid, strstr(x->name, "uid") ? user : group));
	x_wait(&helper);
}

/* ---- tables of lines ---- */

static FILE *table(const char *text)
{
	x_write_file("table", text);
	return REAL(fopen)("table", "r+");
}

PART(mounts)
{
	struct mntent entry = {"from", "to", "type", "rw", 0, 0}, got, *found;
	FILE *stream = table("device /mnt ext4 rw 0 0\n");
	char room[256];

	if (strstr(x->name, "setmntent")) {
		stream = CALL(setmntent, "table", "r");
		EXPECT(x->error == X_ERRNO && stream);
		FAILS(NULL, ENOENT, CALL(setmntent, "none", "r"));
	} else if (strstr(x->name, "endmntent")) {
		KEEPS(1, CALL(endmntent, stream));
	} else if (IS("addmntent")) {
		KEEPS(0, CALL(addmntent, stream, &entry));
		REAL(fclose)(stream);
		EXPECT(x_file_is("table", "device /mnt ext4 rw 0 0\nfrom to type rw 0 0\n"));
	} else {
		found = IS("getmntent") ? CALL(getmntent, stream)
					: CALL(getmntent_r, stream, &got, room, sizeof(room));
		EXPECT(found && !strcmp(found->mnt_dir, "/mnt"));
	}
}

static const char *const lines[] = {
	['p'] = "seven:x:77:777:Seven:/home:/bin/sh\n",
	['g'] = "seven:x:777:one,two\n",
	['s'] = "seven:*:19001:0:99999:7:::\n",
	['S'] = "seven:x:one:two\n",
};

/* Which of the tables: pw, gr, sp, sg. */
static int kind_of(const char *name)
{
	return strstr(name, "pwent") ? 'p' : strstr(name, "grent") ? 'g' : strstr(name, "spent") ? 's' : 'S';
}

PART(fget)
{
	int kind = kind_of(x->name);
	FILE *stream = table(lines[kind]);
	struct passwd entry, *found = NULL; /* all four begin with the name */
	union {
		struct passwd pw;
		struct group gr;
		struct spwd sp;
		struct sgrp sg;
	} room;
	char buffer[512];

	(void) entry;
	if (strstr(x->name, "_r")) {
		GIVES(0, CALL(fgetpwent_r, stream, &room.pw, buffer, sizeof(buffer), &found));
		EXPECT(found && !strcmp(found->pw_name, "seven"));
		GIVES(ENOENT, CALL(fgetpwent_r, stream, &room.pw, buffer, sizeof(buffer), &found));
	} else {
		found = CALL(fgetpwent, stream);
		EXPECT(found && !strcmp(found->pw_name, "seven"));
		GIVES(NULL, CALL(fgetpwent, stream));
	}
}

PART(put)
{
	int kind = kind_of(x->name);
	FILE *from = table(lines[kind]), *to = REAL(fopen)("copy", "w");
	const void *entry = kind == 'p'	  ? (void *) REAL(fgetpwent)(from)
			    : kind == 'g' ? (void *) REAL(fgetgrent)(from)
			    : kind == 's' ? (void *) REAL(fgetspent)(from)
					  : (void *) REAL(fgetsgent)(from);

	KEEPS(0, CALL(putpwent, entry, to));
	REAL(fclose)(to);
	EXPECT(x_file_is("copy", lines[kind]));
}

EXERCISE(GETMNTENT)
{
	if (strstr(x->name, "mntent"))
		part_mounts(x);
	else if (strstr(x->name, "fget"))
		part_fget(x);
	else
		part_put(x);
}

/* ---- time and language ---- */

static bool is_seventies(const struct tm *parts)
{
	return parts && parts->tm_year == 70 && parts->tm_mon == 0 && parts->tm_mday == 1;
}

PART(format)
{
	struct tm parts = {.tm_year = 77, .tm_mday = 7};
	locale_t locale = REAL(newlocale)(LC_ALL_MASK, "C", NULL);
	wchar_t wide[16];
	char text[16];

	if (strstr(x->name, "wcs")) {
		if (strstr(x->name, "_l"))
			KEEPS(10, CALL(wcsftime_l, wide, 16, L"%Y-%m-%d", &parts, locale));
		else
			KEEPS(10, CALL(wcsftime, wide, 16, L"%Y-%m-%d", &parts));
		EXPECT(wcscmp(wide, L"1977-01-07") == 0);
		return;
	}
	if (strstr(x->name, "_l"))
		KEEPS(10, CALL(strftime_l, text, 16, "%Y-%m-%d", &parts, locale));
	else
		KEEPS(10, CALL(strftime, text, 16, "%Y-%m-%d", &parts));
	EXPECT(strcmp(text, "1977-01-07") == 0);
}

EXERCISE(LOCALTIME)
{
	struct tm parts = {.tm_year = 70, .tm_mday = 2}, result;
	time_t when = 3600;
	char text[64];

	if (strstr(x->name, "ftime")) {
		part_format(x);
	} else if (IS("mktime") || IS("timelocal")) {
		GIVES(86400, CALL(mktime, &parts));
	} else if (IS("ctime")) {
		EXPECT(!strcmp(CALL(ctime, &when), "Thu Jan  1 01:00:00 1970\n"));
	} else if (IS("ctime_r")) {
		EXPECT(!strcmp(CALL(ctime_r, &when, text), "Thu Jan  1 01:00:00 1970\n"));
	} else if (strstr(x->name, "_r")) {
		EXPECT(is_seventies(CALL(localtime_r, &when, &result)));
	} else {
		EXPECT(is_seventies(CALL(localtime, &when)));
	}
}

PART(text)
{
	const char *one = "one", *many = "many";

	if (IS("gettext"))
		KEEPS(one, CALL(gettext, one));
	else if (strstr(x->name, "dcn"))
		KEEPS(many, CALL(dcngettext, "none", one, many, 7, LC_MESSAGES));
	else if (strstr(x->name, "dn"))
		KEEPS(many, CALL(dngettext, "none", one, many, 7));
	else if (IS("ngettext"))
		KEEPS(many, CALL(ngettext, one, many, 7));
	else if (strstr(x->name, "dc"))
		KEEPS(one, CALL(dcgettext, "none", one, LC_MESSAGES));
	else
		KEEPS(one, CALL(dgettext, "none", one));
}

PART(convert)
{
	iconv_t converter;

	if (IS("iconv_open")) {
		converter = CALL(iconv_open, "UTF-8", "ISO-8859-1");
		EXPECT(converter != (iconv_t) -1 && x->error == X_ERRNO);
		FAILS((iconv_t) -1, EINVAL, CALL(iconv_open, "UTF-8", "none"));
	} else {
		converter = REAL(iconv_open)("UTF-8", "ISO-8859-1");
		KEEPS(0, CALL(iconv_close, converter));
	}
}

EXERCISE(SETLOCALE)
{
	if (strstr(x->name, "gettext")) {
		part_text(x);
	} else if (strstr(x->name, "iconv")) {
		part_convert(x);
	} else if (IS("catopen")) {
		FAILS((nl_catd) -1, ENOENT, CALL(catopen, "./none", 0));
	} else if (IS("catclose")) {
		FAILS(-1, EBADF, CALL(catclose, (nl_catd) -1));
	} else if (IS("setlocale")) {
		EXPECT(!strcmp(CALL(setlocale, LC_ALL, "C"), "C"));
		GIVES(NULL, CALL(setlocale, LC_ALL, "none"));
	} else {
		EXPECT(CALL(newlocale, LC_ALL_MASK, "C", NULL) != NULL);
		FAILS(NULL, ENOENT, CALL(newlocale, LC_ALL_MASK, "none", NULL));
	}
}
