#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "compiler.h"
#include "err.h"

#define CANNOT_EXECUTE 126
#define NOT_FOUND 127
#define KILLED_BY 128

/* What this process was given, for the program. */
struct given {
	sigset_t mask;
	struct sigaction child;
};

/* ---- the program ---- */

/* Only an exec that fails writes into the pipe; one that succeeds closes it. */
static _Noreturn void become(char **argv, const struct given *given, pid_t parent, int pipe_end)
{
	ssize_t written;
	int reason;

	/* Who kills us with SIGKILL means the program. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(KILLED_BY + SIGKILL);
	sigaction(SIGCHLD, &given->child, NULL);
	sigprocmask(SIG_SETMASK, &given->mask, NULL);
	execvp(argv[0], argv);
	reason = errno;
	do
		written = write(pipe_end, &reason, sizeof(reason));
	while (written < 0 && errno == EINTR);
	_exit(CANNOT_EXECUTE);
}

/* 0 if the program was executed, or why not. */
static int exec_error(int pipe_end)
{
	ssize_t got;
	int reason;

	do
		got = read(pipe_end, &reason, sizeof(reason));
	while (got < 0 && errno == EINTR);
	return got == (ssize_t) sizeof(reason) ? reason : 0;
}

/* ---- what this process lets go of ---- */

/* A pipe whose ends are clear of 0, 1 and 2, which may be closed. */
static bool open_pipe(int ends[2])
{
	int low[2], saved;

	if (pipe2(low, O_CLOEXEC) < 0)
		return false;
	ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 3);
	ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 3);
	saved = errno;
	close(low[0]);
	close(low[1]);
	errno = saved;
	return ends[0] >= 0 && ends[1] >= 0;
}

/* The program's files are the program's alone. */
static void let_go(int keep)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		if (fcntl(2, F_GETFD) < 0)
			dup2(null, 2);
	}
	if (keep > 3)
		close_range(3, (unsigned) keep - 1, 0);
	close_range((unsigned) keep + 1, ~0u, 0);
}

/* ---- signals ---- */

/* Faults are ours; everything else waits until it is asked for. */
static void hold_signals(struct given *given)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
	struct sigaction standard;
	sigset_t all;

	memset(&standard, 0, sizeof(standard));
	standard.sa_handler = SIG_DFL;
	sigfillset(&all);
	for (size_t i = 0; i < GS_ARRAY_SIZE(faults); i++)
		sigdelset(&all, faults[i]);
	sigprocmask(SIG_BLOCK, &all, &given->mask);
	/* Where it is ignored, nothing would be left to wait for. */
	sigaction(SIGCHLD, &standard, &given->child);
}

/* Stops this process by the signal that stopped the program, so that the shell says the same. */
static void stop_too(int signal)
{
	struct sigaction standard, old;
	sigset_t one, mask;

	memset(&standard, 0, sizeof(standard));
	standard.sa_handler = SIG_DFL;
	sigemptyset(&one);
	sigaddset(&one, signal);
	sigaction(signal, &standard, &old);
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &one, &mask); /* stops here, until SIGCONT */
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (signal != SIGSTOP)
		sigaction(signal, &old, NULL);
}

/* What the kernel sends (the terminal's keys, a window's new size) goes to the whole process group,
 * and the program has it already; so has it what it sends itself. What another process sends was
 * meant for the program. A hangup reaches the leader of a session alone. */
static void pass_on(pid_t program, const siginfo_t *info)
{
	bool from_kernel = info->si_code > 0;

	if (!from_kernel && info->si_pid == program)
		return;
	if (from_kernel && !(info->si_signo == SIGHUP && getsid(0) == getpid()))
		return;
	kill(program, info->si_signo);
}

/* Has the program ended? Stops with it. */
static bool has_ended(pid_t program, int *wait_status)
{
	pid_t changed;

	for (;;) {
		changed = waitpid(program, wait_status, WNOHANG | WUNTRACED);
		if (changed < 0 && errno == EINTR)
			continue;
		if (changed != program)
			return false;
		if (!WIFSTOPPED(*wait_status))
			return true;
		stop_too(WSTOPSIG(*wait_status));
	}
}

static int wait_for(pid_t program)
{
	siginfo_t info;
	sigset_t all;
	int wait_status;

	sigfillset(&all);
	while (!has_ended(program, &wait_status)) {
		if (sigwaitinfo(&all, &info) > 0 && info.si_signo != SIGCHLD)
			pass_on(program, &info);
	}
	return WIFSIGNALED(wait_status) ? KILLED_BY + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

/* Forks. The id of the program's process, or -1; *reason is why it could not be executed, or 0. */
static pid_t start(char **argv, int *reason)
{
	pid_t program = -1, self = getpid();
	struct given given;
	int ends[2];

	if (!open_pipe(ends))
		return -1;
	hold_signals(&given);
	program = fork();
	if (program == 0)
		become(argv, &given, self, ends[1]);
	if (program < 0)
		return -1;
	close(ends[1]);
	let_go(ends[0]);
	*reason = exec_error(ends[0]);
	close(ends[0]);
	return program;
}

bool gs_supervise(char **argv, int *status)
{
	int reason = 0;
	pid_t program = start(argv, &reason);

	if (program < 0) {
		gs_warn("%s: no process could be made: %s", argv[0], strerror(errno));
		*status = GS_EXIT_TROUBLE;
		return false;
	}
	*status = wait_for(program);
	if (!reason)
		return true;
	gs_warn("%s: %s", argv[0], strerror(reason));
	*status = reason == ENOENT ? NOT_FOUND : CANNOT_EXECUTE;
	return false;
}
