/* step.c: counts what a program executes, instruction by instruction, in its first thread.
 *
 *	step RESULT LIBRARY PROGRAM [ARGUMENT...]
 *
 * Counts between bench_step_begin() and bench_step_end() of the program (calls.h), and writes a
 *line to the file RESULT for each stretch between two marks: instructions in the object whose path
 *ends in LIBRARY, system calls and locked instructions among them, entries into the vDSO (clock
 *reads) by anybody, all instructions. RESULT.where has how often each instruction of the library
 *was executed, by its offset in the file. Single-stepping is exact: nothing is sampled. Exits with
 *the program's status. x86-64. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

struct range {
	uint64_t start, end;
};

struct counts {
	long own, system_calls, locked, clock, all;
};

struct tracee {
	pid_t pid;
	struct range library, vdso;
	uint64_t offset;     /* of the library's code in its file */
	unsigned char *text; /* that code */
	long *hits;          /* of each byte of it */
	uint64_t mark;
};

static void fail(const char *what)
{
	fprintf(stderr, "step: %s: %s\n", what, strerror(errno));
	exit(2);
}

static bool is_in(const struct range *range, uint64_t address)
{
	return address - range->start < range->end - range->start;
}

static bool ends_in(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n >= m && strcmp(path + n - m, end) == 0;
}

/* Finds the code of the library and of the vDSO, and reads the former. */
static void look_around(struct tracee *tracee, const char *library)
{
	char path[64], line[512];
	struct range found;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int) tracee->pid);
	maps = fopen(path, "re");
	if (!maps)
		fail(path);
	while (fgets(line, sizeof(line), maps)) {
		uint64_t offset;
		char rights[8];

		if (sscanf(line, "%lx-%lx %7s %lx", &found.start, &found.end, rights, &offset) !=
				4 ||
			rights[2] != 'x')
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (ends_in(line, "[vdso]"))
			tracee->vdso = found;
		if (!ends_in(line, library))
			continue;
		tracee->library = found;
		tracee->offset = offset;
	}
	fclose(maps);
	if (tracee->library.start) {
		size_t size = tracee->library.end - tracee->library.start;
		struct iovec local, remote = {(void *) tracee->library.start, size};

		tracee->text = malloc(size);
		tracee->hits = calloc(size, sizeof(*tracee->hits));
		local = (struct iovec){tracee->text, size};
		if (!tracee->text || !tracee->hits ||
			process_vm_readv(tracee->pid, &local, 1, &remote, 1, 0) != (ssize_t) size)
			fail("the library's code");
	}
}

/* A prefix F0, or an exchange with memory, which locks by itself. */
static bool is_locked(const unsigned char *code)
{
	bool rex_or_size = true;

	while (rex_or_size) {
		if (*code == 0xf0)
			return true;
		rex_or_size = *code == 0x66 || *code == 0xf2 || *code == 0xf3 || *code == 0x64 ||
			      (*code & 0xf0) == 0x40;
		code += rex_or_size;
	}
	return (*code == 0x86 || *code == 0x87) && code[1] < 0xc0;
}

/* Returns the code at this address if it is the library's, else NULL. */
static const unsigned char *code_at(const struct tracee *tracee, uint64_t address)
{
	return is_in(&tracee->library, address) ? tracee->text + (address - tracee->library.start)
						: NULL;
}

static bool is_system_call(const unsigned char *code)
{
	return code && code[0] == 0x0f && code[1] == 0x05;
}

static void count(const struct tracee *tracee, struct counts *counts, uint64_t at, uint64_t before)
{
	const unsigned char *code = code_at(tracee, at);

	counts->all++;
	counts->clock += is_in(&tracee->vdso, at) && !is_in(&tracee->vdso, before);
	if (!code)
		return;
	tracee->hits[at - tracee->library.start]++;
	counts->own++;
	counts->system_calls += is_system_call(code);
	counts->locked += is_locked(code);
}

/* Each stop for us is a voluntary switch of the program's: the library must not find them. */
static void hide_switches(const struct tracee *tracee, const struct user_regs_struct *registers)
{
	static const size_t fields[] = {
		offsetof(struct rusage, ru_nvcsw), offsetof(struct rusage, ru_nivcsw)};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (ptrace(PTRACE_POKEDATA, tracee->pid, registers->rsi + fields[i], 0) != 0)
			fail("counts of switches");
}

/* Signals are passed on. */
static void step_once(const struct tracee *tracee)
{
	long signal = 0;
	int status;

	do {
		if (ptrace(PTRACE_SINGLESTEP, tracee->pid, NULL, (void *) signal) != 0 ||
			waitpid(tracee->pid, &status, 0) < 0)
			fail("single step");
		if (!WIFSTOPPED(status)) {
			fprintf(stderr, "step: the program ended while it was counted\n");
			exit(2);
		}
		signal = WSTOPSIG(status);
	} while (signal != SIGTRAP);
}

static bool is_trap(const struct tracee *tracee)
{
	siginfo_t info;

	return ptrace(PTRACE_GETSIGINFO, tracee->pid, NULL, &info) == 0 &&
	       info.si_code == SI_KERNEL;
}

/* Steps until the program says that it is enough. */
static void step(const struct tracee *tracee, FILE *result)
{
	struct user_regs_struct registers;
	struct counts counts = {0};
	uint64_t before = 0;
	bool marked = false;

	do {
		if (ptrace(PTRACE_GETREGS, tracee->pid, NULL, &registers) != 0)
			fail("registers");
		if (registers.rip == tracee->mark) {
			if (marked)
				fprintf(result, "%ld %ld %ld %ld %ld\n", counts.own,
					counts.system_calls, counts.locked, counts.clock,
					counts.all);
			marked = true;
			memset(&counts, 0, sizeof(counts));
		}
		count(tracee, &counts, registers.rip, before);
		before = registers.rip;
		step_once(tracee);
		if (registers.rax == SYS_getrusage &&
			is_system_call(code_at(tracee, registers.rip)))
			hide_switches(tracee, &registers);
	} while (!is_trap(tracee));
}

static int trace(struct tracee *tracee, const char *library, FILE *result)
{
	long signal = 0;
	int status;

	if (waitpid(tracee->pid, &status, 0) < 0)
		fail("wait");
	while (WIFSTOPPED(status)) {
		if (signal == 0 && WSTOPSIG(status) == SIGTRAP && is_trap(tracee)) {
			struct user_regs_struct registers;

			if (ptrace(PTRACE_GETREGS, tracee->pid, NULL, &registers) != 0)
				fail("registers");
			tracee->mark = registers.rdi;
			if (!tracee->text)
				look_around(tracee, library);
			step(tracee, result);
		} else if (WSTOPSIG(status) != SIGTRAP) {
			signal = WSTOPSIG(status);
		}
		if (ptrace(PTRACE_CONT, tracee->pid, NULL, (void *) signal) != 0 ||
			waitpid(tracee->pid, &status, 0) < 0)
			fail("continue");
		signal = 0;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void say_where(const struct tracee *tracee, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s.where", name);
	file = fopen(path, "we");
	if (!file)
		fail(path);
	for (uint64_t i = 0; i < tracee->library.end - tracee->library.start; i++)
		if (tracee->hits && tracee->hits[i])
			fprintf(file, "%lx %ld\n", tracee->offset + i, tracee->hits[i]);
	if (fclose(file) != 0)
		fail(path);
}

/* On one processor: waking the other one for every step takes ten times as long. */
static void stay_here(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	struct tracee tracee = {0};
	FILE *result;
	int status;

	if (argc < 4) {
		fprintf(stderr, "usage: step RESULT LIBRARY PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	result = fopen(argv[1], "we");
	if (!result)
		fail(argv[1]);
	stay_here();
	tracee.pid = fork();
	if (tracee.pid < 0)
		fail("fork");
	if (tracee.pid == 0) {
		/* Where things lie decides which entries of a small cache meet. */
		personality(ADDR_NO_RANDOMIZE);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			fail("trace");
		execvp(argv[3], argv + 3);
		fail(argv[3]);
	}
	status = trace(&tracee, argv[2], result);
	say_where(&tracee, argv[1]);
	if (fclose(result) != 0)
		fail(argv[1]);
	return status;
}
