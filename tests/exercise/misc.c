/* misc.c: syscall(2) by number, the time zone, the user accounting data base. */
#include "exercise.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <utmp.h>
#include <utmpx.h>

/* As many arguments as there are, also those that wait; and numbers that make a process. */
EXERCISE(SYSCALL)
{
	struct timespec short_time = {0, 3000000};
	__typeof__(&_exit) leave = REAL(_exit);
	int fds[2], word = 1, status = 0;
	char buffer[8] = "", *at;
	long pid;

	KEEPS(getpid(), CALL(syscall, SYS_getpid));
	x_pipe(fds);
	KEEPS(5, CALL(syscall, SYS_write, fds[1], "hello", 5));
	KEEPS(5, CALL(syscall, SYS_read, fds[0], buffer, 8));
	EXPECT(strcmp(buffer, "hello") == 0);
	at = (char *) CALL(syscall, SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
	EXPECT(x->error == X_ERRNO);
	at[0] = 'a';
	FAILS(-1, ETIMEDOUT, CALL(syscall, SYS_futex, &word, FUTEX_WAIT, 1, &short_time, NULL, 0));
	FAILS(-1, EAGAIN, CALL(syscall, SYS_futex, &word, FUTEX_WAIT, 2, NULL, NULL, 0));
	FAILS(-1, EBADF, CALL(syscall, SYS_read, -1, buffer, 8));
	FAILS(-1, ENOSYS, CALL(syscall, 9999));
	pid = CALL(syscall, SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		leave(7);
	EXPECT(pid > 0 && REAL(waitpid)((pid_t) pid, &status, 0) == pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

EXERCISE(TZSET)
{
	setenv("TZ", "SEVEN-7", 1);
	CALL_VOID(tzset);
	EXPECT(strcmp(tzname[0], "SEVEN") == 0 && timezone == -7 * 3600);
}

/* A data base of the run's own with this one entry. */
static const struct utmp entry = {
	.ut_type = USER_PROCESS, .ut_pid = 7, .ut_line = "tty7", .ut_id = "7", .ut_user = "seven"};

static void make_utmp(void)
{
	x_write_file("utmp", "");
	REAL(utmpname)("utmp");
	REAL(setutent)();
	REAL(pututline)(&entry);
	REAL(setutent)();
}

static bool is_entry(const struct utmp *got)
{
	return got && got->ut_pid == 7 && strcmp(got->ut_user, "seven") == 0;
}

EXERCISE(SETUTENT)
{
	make_utmp();
	EXPECT(is_entry(REAL(getutent)()) && !REAL(getutent)());
	CALL_VOID(setutent);
	EXPECT(is_entry(REAL(getutent)()));
}

EXERCISE(GETUTENT)
{
	struct utmp got, *found = NULL;

	make_utmp();
	if (IS("getutent_r")) {
		GIVES(0, CALL(getutent_r, &got, &found));
		EXPECT(is_entry(found));
		GIVES(-1, CALL(getutent_r, &got, &found));
	} else {
		EXPECT(is_entry(CALL(getutent)));
		GIVES(NULL, CALL(getutent));
	}
}

EXERCISE(GETUTID)
{
	struct utmp wanted = {.ut_type = USER_PROCESS, .ut_id = "7"}, got, *found = NULL;

	make_utmp();
	if (IS("getutid_r")) {
		GIVES(0, CALL(getutid_r, &wanted, &got, &found));
		EXPECT(is_entry(found));
		FAILS(-1, ESRCH, CALL(getutid_r, &wanted, &got, &found));
	} else {
		EXPECT(is_entry(CALL(getutid, &wanted)));
		wanted.ut_id[0] = '8';
		FAILS(NULL, ESRCH, CALL(getutid, &wanted));
	}
}

EXERCISE(GETUTLINE)
{
	struct utmp wanted = {.ut_line = "tty7"}, got, *found = NULL;

	make_utmp();
	if (IS("getutline_r")) {
		GIVES(0, CALL(getutline_r, &wanted, &got, &found));
		EXPECT(is_entry(found));
		FAILS(-1, ESRCH, CALL(getutline_r, &wanted, &got, &found));
	} else {
		EXPECT(is_entry(CALL(getutline, &wanted)));
		wanted.ut_line[0] = 'x';
		FAILS(NULL, ESRCH, CALL(getutline, &wanted));
	}
}

/* The accounting of log-ins: a file of the run's own, or the system's in a folder of its own. */
PART(log)
{
	struct utmp got = {.ut_pid = 0};
	int fd;

	x_write_file("wtmp", "");
	CALL_VOID(updwtmp, "wtmp", &entry);
	fd = x_open("wtmp", O_RDONLY);
	EXPECT(REAL(read)(fd, &got, sizeof(got)) == sizeof(got) && is_entry(&got));
}

PART(logwtmp)
{
	struct utmp got, *found = NULL;

	x_namespace(x);
	if (REAL(mount)("none", "/var/log", "tmpfs", 0, NULL) < 0)
		x_skip(x, "needs a mount namespace");
	x_write_file("/var/log/wtmp", "");
	CALL_VOID(logwtmp, "tty7", "seven", "host");
	REAL(utmpname)("/var/log/wtmp");
	REAL(setutent)();
	EXPECT(REAL(getutent_r)(&got, &found) == 0 && !strcmp(got.ut_line, "tty7"));
}

EXERCISE(PUTUTLINE)
{
	struct utmp next = entry;

	if (strstr(x->name, "updwtmp")) {
		part_log(x);
		return;
	}
	if (IS("logwtmp")) {
		part_logwtmp(x);
		return;
	}
	make_utmp();
	next.ut_id[0] = '8';
	next.ut_pid = 8;
	EXPECT(CALL(pututline, &next) != NULL);
	REAL(setutent)();
	EXPECT(is_entry(REAL(getutent)()) && REAL(getutent)()->ut_pid == 8);
	REAL(utmpname)("none/utmp");
	FAILS(NULL, ENOENT, CALL(pututline, &next));
}
