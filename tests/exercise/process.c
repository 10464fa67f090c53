/* process.c: making processes and waiting for them. */
#include "exercise.h"

#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <wordexp.h>

int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const *argv, char *const *envp);

/* A child that ends with 7 when a byte comes through the pipe. */
static int fds[2];
static pid_t waiting_child(void)
{
	__typeof__(&_exit) leave = REAL(_exit);
	__typeof__(&read) wait_for = REAL(read);
	char c;
	pid_t pid;

	x_pipe(fds);
	pid = REAL(fork)();
	if (pid == 0)
		leave(wait_for(fds[0], &c, 1) == 1 ? 7 : 1);
	return pid;
}

/* ... which comes in 2 ms. */
static struct x_helper helper;
static pid_t slow_child(void)
{
	pid_t pid = waiting_child();

	x_later(&helper, 2, x_put, &fds[1]);
	return pid;
}

/* The exit status of a child, -1 if there is none. */
static int status_of(pid_t pid)
{
	int status;

	return REAL(waitpid)(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									  : -1;
}

EXERCISE(WAIT)
{
	int status = 0;
	pid_t pid = slow_child();

	KEEPS(pid, CALL(wait, &status));
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	FAILS(-1, ECHILD, CALL(wait, &status));
}

EXERCISE(WAITPID)
{
	int status = 0;
	pid_t pid = waiting_child();

	KEEPS(0, CALL(waitpid, pid, &status, WNOHANG));
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(pid, CALL(waitpid, pid, &status, 0));
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	FAILS(-1, ECHILD, CALL(waitpid, pid, &status, 0));
	FAILS(-1, EINVAL, CALL(waitpid, pid, &status, 0x1000));
}

EXERCISE(WAIT3)
{
	struct rusage usage = {.ru_nvcsw = -1};
	int status = 0;
	pid_t pid = slow_child();

	KEEPS(pid, CALL(wait3, &status, 0, &usage));
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7 && usage.ru_nvcsw >= 0);
	FAILS(-1, ECHILD, CALL(wait3, &status, WNOHANG, &usage));
}

EXERCISE(WAIT4)
{
	struct rusage usage = {.ru_nvcsw = -1};
	int status = 0;
	pid_t pid = slow_child();

	KEEPS(pid, CALL(wait4, pid, &status, 0, &usage));
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7 && usage.ru_nvcsw >= 0);
	FAILS(-1, ECHILD, CALL(wait4, pid, &status, WNOHANG, &usage));
}

EXERCISE(WAITID)
{
	siginfo_t info = {0};
	pid_t pid = waiting_child();

	KEEPS(0, CALL(waitid, P_PID, (id_t) pid, &info, WEXITED | WNOHANG));
	EXPECT(info.si_pid == 0);
	x_later(&helper, 2, x_put, &fds[1]);
	KEEPS(0, CALL(waitid, P_PID, (id_t) pid, &info, WEXITED));
	EXPECT(info.si_pid == pid && info.si_status == 7);
	FAILS(-1, ECHILD, CALL(waitid, P_PID, (id_t) pid, &info, WEXITED));
	FAILS(-1, EINVAL, CALL(waitid, P_PID, (id_t) pid, &info, 0));
}

EXERCISE(SYSTEM)
{
	GIVES(1, CALL(system, NULL));
	GIVES(3 << 8, CALL(system, "echo hello >said; exit 3"));
	EXPECT(x_file_is("said", "hello\n"));
}

EXERCISE(POPEN)
{
	char line[16] = "";
	FILE *stream = CALL(popen, "echo hello; exit 3", "r");

	EXPECT(stream && x->error == X_ERRNO);
	EXPECT(REAL(fgets)(line, sizeof(line), stream) && strcmp(line, "hello\n") == 0);
	EXPECT(REAL(pclose)(stream) == 3 << 8);
	FAILS(0, EINVAL, CALL(popen, "exit 3", "x"));
}

EXERCISE(PCLOSE)
{
	FILE *stream = REAL(popen)("cat >said; exit 3", "w");

	REAL(fputs)("hello", stream);
	KEEPS(3 << 8, CALL(pclose, stream));
	EXPECT(x_file_is("said", "hello"));
}

/* The old implementation gives what cannot be executed to the shell. */
static void check_spawn(struct exercise *x, const char *shell)
{
	char *arguments[] = {"sh", "-c", "exit 7", NULL}, *none[] = {NULL};
	bool old = x->node && strcmp(x->node, "GLIBC_2.2.5") == 0;
	pid_t pid = 0;

	GIVES(0, CALL(posix_spawn, &pid, shell, NULL, NULL, arguments, none));
	EXPECT(status_of(pid) == 7);
	GIVES(ENOENT, CALL(posix_spawn, &pid, "./none", NULL, NULL, arguments, none));
	x_write_file("script", "exit 8\n");
	chmod("script", 0755);
	GIVES(old ? 0 : ENOEXEC, CALL(posix_spawn, &pid, "./script", NULL, NULL, arguments, none));
	EXPECT(status_of(pid) == (old ? 8 : -1));
}

EXERCISE(POSIX_SPAWN)
{
	check_spawn(x, "/bin/sh");
}

EXERCISE(POSIX_SPAWNP)
{
	check_spawn(x, "sh");
}

EXERCISE(PIDFD_SPAWN)
{
	char *arguments[] = {"sh", "-c", "exit 7", NULL}, *none[] = {NULL};
	siginfo_t info = {0};
	int fd = -1;

	GIVES(0, CALL(pidfd_spawn, &fd, "/bin/sh", NULL, NULL, arguments, none));
	EXPECT(REAL(waitid)(P_PIDFD, (id_t) fd, &info, WEXITED) == 0 && info.si_status == 7);
	GIVES(ENOENT, CALL(pidfd_spawn, &fd, "./none", NULL, NULL, arguments, none));
}

EXERCISE(FORK)
{
	__typeof__(&_exit) leave = REAL(_exit);
	volatile int shared = 1;
	int pid = CALL(fork);

	if (pid == 0) {
		shared = 2;
		leave(shared == 2 && getppid() > 0 ? 7 : 1);
	}
	EXPECT(pid > 0 && x->error == X_ERRNO);
	EXPECT(status_of(pid) == 7 && shared == 1);
}

/* The child borrows our memory until it ends: the frame must still be good afterwards. */
EXERCISE(VFORK)
{
	__typeof__(&_exit) leave = REAL(_exit);
	volatile int shared = 1;

	for (int i = 0; i < 2; i++) {
		volatile int pid = CALL(vfork);

		if (pid == 0) {
			shared = shared * 3;
			leave(7);
		}
		EXPECT(pid > 0 && x->error == X_ERRNO && status_of(pid) == 7);
	}
	EXPECT(shared == 9);
}

PART(forkpty)
{
	__typeof__(&_exit) leave = REAL(_exit);
	struct winsize size = {.ws_row = 11, .ws_col = 22};
	char name[64] = "", said[16] = "";
	int fd = -1, pid = CALL(forkpty, &fd, name, NULL, &size);

	if (pid == 0) {
		REAL(ioctl)(0, TIOCGWINSZ, &size);
		REAL(dprintf)(1, "%d", size.ws_col);
		tcdrain(1);
		leave(isatty(0) ? 7 : 1);
	}
	EXPECT(pid > 0 && REAL(read)(fd, said, 16) == 2 && strcmp(said, "22") == 0);
	EXPECT(strncmp(name, "/dev/pts/", 9) == 0 && status_of(pid) == 7);
}

/* The process ends in the call; what returns from it is its child, in a session of its own. */
PART(daemon)
{
	pid_t parent = getpid();

	x->report->pending = 1;
	x_ends(x, 0);
	GIVES(0, CALL(daemon, 1, 1));
	EXPECT(getpid() != parent && getsid(0) != parent && getpgrp() != parent);
	x->report->pending = 0;
	REAL(_exit)(0);
}

EXERCISE(FORKPTY)
{
	if (IS("daemon"))
		part_daemon(x);
	else
		part_forkpty(x);
}

EXERCISE(WORDEXP)
{
	wordexp_t words;

	setenv("WORD", "value", 1);
	GIVES(0, CALL(wordexp, "a$WORD $(echo b c)", &words, 0));
	EXPECT(words.we_wordc == 3 && !strcmp(words.we_wordv[0], "avalue") &&
		!strcmp(words.we_wordv[2], "c"));
	GIVES(WRDE_CMDSUB, CALL(wordexp, "$(echo b)", &words, WRDE_NOCMD));
	GIVES(WRDE_SYNTAX, CALL(wordexp, "$(", &words, 0));
}
