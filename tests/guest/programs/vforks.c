/* vforks.c: vfork and its relatives.
 *
 *	vforks held|released	children that exec, fail to, _exit, and make calls before that */
#include "guest.h"

#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/uio.h>
#include <sys/wait.h>

extern char **environ;

static bool held;
static int fds[2];

static void expect(pid_t pid, int wanted)
{
	int status = -1;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == wanted);
}

static void with_vfork(void)
{
	struct iovec vec = {(char[]) {'v'}, 1};
	volatile int seen = 0;
	char byte = 0;
	pid_t pid;

	x_hold(held);
	pid = vfork();
	if (pid == 0)
		_exit(3);
	x_hold(false);
	expect(pid, 3 << 8);

	x_hold(held);
	pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 4", (char *) NULL);
		_exit(9);
	}
	x_hold(false);
	expect(pid, 4 << 8);

	/* Not for vfork, but programs do it: the memory is ours, and stays as it was. */
	x_hold(held);
	pid = vfork();
	if (pid == 0) {
		seen = writev(fds[1], &vec, 1) == 1 && close(fds[0]) == 0 && dup2(fds[1], 0) == 0;
		execl("/missing/program", "x", (char *) NULL);
		_exit(errno == ENOENT ? 5 : 6);
	}
	x_hold(false);
	CHECK(seen == 1);
	expect(pid, 5 << 8);
	CHECK(read(fds[0], &byte, 1) == 1 && byte == 'v');

	x_hold(held);
	pid = vfork();
	if (pid == 0)
		kill(getpid(), SIGKILL);
	x_hold(false);
	expect(pid, SIGKILL);
}

static int in_clone(void *unused)
{
	struct iovec vec = {(char[]) {'l'}, 1};

	(void) unused;
	return writev(fds[1], &vec, 1) == 1 && dup2(fds[1], 0) == 0 ? 6 : 9;
}

/* On a stack of its own, and on our memory, thread-local storage too. */
static void with_clone(void)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));
	char byte = 0;
	pid_t pid;

	x_hold(held);
	pid = clone(in_clone, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	x_hold(false);
	expect(pid, 6 << 8);
	CHECK(read(fds[0], &byte, 1) == 1 && byte == 'l');
}

static void with_others(void)
{
	char *const arguments[] = {"sh", "-c", "exit 7", NULL};
	pid_t pid = -1;

	x_hold(held);
	CHECK(posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ) == 0);
	x_hold(false);
	expect(pid, 7 << 8);
	x_hold(held);
	CHECK(posix_spawn(&pid, "/missing", NULL, NULL, arguments, environ) == ENOENT);
	x_hold(false);
	x_hold(held);
	CHECK(system("exit 8") == 8 << 8);
	x_hold(false);
	pid = (pid_t) syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0) {
		(void) !write(fds[1], "c", 1);
		_exit(2);
	}
	expect(pid, 2 << 8);
	pid = fork();
	if (pid == 0) {
		x_hold(held);
		(void) !write(fds[1], "f", 1);
		_exit(1);
	}
	expect(pid, 1 << 8);
}

int main(int argc, char **argv)
{
	const char *state = argc > 1 ? argv[1] : "released";
	struct iovec vec = {(char[]) {'a'}, 1};

	held = strcmp(state, "held") == 0;
	introduce();
	CHECK(pipe(fds) == 0);
	with_vfork();
	with_clone();
	with_others();
	x_hold(held);
	CHECK(writev(fds[1], &vec, 1) == 1);
	x_hold(false);
	made(state, "vfork", 4);
	made(state, "posix_spawn", 2);
	made(state, "system", 1);
	made(state, "writev", 1);
	return 0;
}
