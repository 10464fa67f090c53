#include "trace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "err.h"

#define CANNOT_EXECUTE 126
#define NOT_FOUND 127
#define KILLED_BY 128
#define SETTLE_MS 500
#define SETTLE_STEP_MS 5
#define PIECE 4096
#define FILE_LIMIT (4 * 1024 * 1024) /* an environment may be as large */
#define OPTIONS                                                                                \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
		PTRACE_O_TRACEEXIT)

/* ---- what /proc says ---- */

/* The whole of a file of /proc/PID, and a NUL; NULL if it cannot be read. The caller frees. */
static char *read_proc(pid_t pid, const char *name, size_t *size)
{
	size_t capacity = 0;
	char *bytes = NULL;
	char path[64];
	ssize_t got;
	int fd;

	*size = 0;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	for (;;) {
		bytes = gs_grow(bytes, &capacity, *size + PIECE + 1, 1);
		got = read(fd, bytes + *size, PIECE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || *size >= FILE_LIMIT)
			break;
		*size += (size_t) got;
	}
	bytes[*size] = '\0';
	close(fd);
	return bytes;
}

/* The last number of a line of /proc/PID/status, such as Tgid; 0 if it is not known. */
static pid_t read_status(pid_t pid, const char *key)
{
	size_t size, length = strlen(key);
	char *text = read_proc(pid, "status", &size), *at;
	pid_t number = 0;

	for (at = text; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
		char *next = at + length;

		if (strncmp(at, key, length) != 0 || *next++ != ':')
			continue;
		while (*(next += strspn(next, " \t")) >= '0' && *next <= '9')
			number = (pid_t) strtol(next, &next, 10);
	}
	free(text);
	return number;
}

static bool is_secure(pid_t pid)
{
	size_t size;
	char *bytes = read_proc(pid, "auxv", &size);
	unsigned long pair[2];
	bool secure = false;

	for (size_t at = 0; bytes && at + sizeof(pair) <= size; at += sizeof(pair)) {
		memcpy(pair, bytes + at, sizeof(pair));
		if (pair[0] == AT_SECURE)
			secure = pair[1] != 0;
	}
	free(bytes);
	return secure;
}

static const char *read_executable(struct gs_trace *trace, pid_t pid)
{
	char path[64], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int) pid);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= 0)
		return NULL;
	target[length] = '\0';
	return gs_pool_text(&trace->pool, target, sizeof(target));
}

/* "sh ./start.sh": of a script, what the kernel makes of it. */
static const char *read_command(struct gs_trace *trace, pid_t pid)
{
	size_t size;
	char *text = read_proc(pid, "cmdline", &size), *second;
	const char *kept;

	if (!text)
		return NULL;
	second = text + strlen(text) + 1;
	if (second < text + size && *second && *second != '-')
		second[-1] = ' ';
	kept = gs_pool_text(&trace->pool, text, 256);
	free(text);
	return kept;
}

/* ---- images ---- */

/* The image that a process runs now. */
static uint32_t image_of(const struct gs_trace *trace, pid_t pid)
{
	for (size_t i = trace->image_count; i > 0; i--) {
		const struct gs_image *image = &trace->images[i - 1];

		if (image->pid == pid && !image->ended)
			return (uint32_t) (i - 1);
	}
	return GS_NONE;
}

static struct gs_image *add_image(struct gs_trace *trace, pid_t pid, uint32_t from)
{
	struct gs_image *image;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	trace->images = gs_grow(trace->images, &trace->image_capacity, trace->image_count + 1,
		sizeof(*trace->images));
	image = &trace->images[trace->image_count++];
	memset(image, 0, sizeof(*image));
	image->pid = pid;
	image->inner_pid = read_status(pid, "NSpid");
	image->from = from;
	image->start_realtime_ns = (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
	return image;
}

static void note_fork(struct gs_trace *trace, pid_t child, pid_t parent)
{
	uint32_t from = image_of(trace, parent);
	struct gs_image *image;

	if (image_of(trace, child) != GS_NONE)
		return;
	image = add_image(trace, child, from);
	image->forked = true;
	image->path = from == GS_NONE ? NULL : trace->images[from].path;
	image->command = from == GS_NONE ? NULL : trace->images[from].command;
	image->secure = from != GS_NONE && trace->images[from].secure;
}

static void note_exec(struct gs_trace *trace, pid_t pid)
{
	uint32_t from = image_of(trace, pid);
	struct gs_image *image;

	if (from != GS_NONE)
		trace->images[from].replaced = trace->images[from].ended = true;
	image = add_image(trace, pid, from);
	image->path = read_executable(trace, pid);
	image->command = read_command(trace, pid);
	image->environment = read_proc(pid, "environ", &image->environment_size);
	image->secure = is_secure(pid);
}

const char *gs_image_variable(
	const struct gs_trace *trace, const struct gs_image *image, const char *name)
{
	size_t length = strlen(name);

	while (image->forked && image->from != GS_NONE)
		image = &trace->images[image->from];
	for (size_t at = 0; image->environment && at < image->environment_size;) {
		const char *entry = image->environment + at;

		if (strncmp(entry, name, length) == 0 && entry[length] == '=')
			return entry + length + 1;
		at += strlen(entry) + 1;
	}
	return NULL;
}

/* ---- what is loaded ---- */

static uint32_t file_number(struct gs_trace *trace, const char *path)
{
	const char *kept = gs_pool_text(&trace->pool, path, PATH_MAX);
	uint32_t number = gs_map_find(&trace->file_map, trace->files, sizeof(*trace->files), &kept,
		sizeof(kept), (uint32_t) trace->file_count);

	if (number == trace->file_count) {
		trace->files = gs_grow(trace->files, &trace->file_capacity, trace->file_count + 1,
			sizeof(*trace->files));
		trace->files[trace->file_count++] = kept;
	}
	return number;
}

static void add_object(struct gs_image *image, uint32_t number)
{
	for (size_t i = 0; i < image->object_count; i++) {
		if (image->objects[i] == number)
			return;
	}
	image->objects = gs_grow(image->objects, &image->object_capacity, image->object_count + 1,
		sizeof(*image->objects));
	image->objects[image->object_count++] = number;
}

/* ADDRESSES PERMISSIONS OFFSET DEVICE INODE PATH */
static void read_maps(struct gs_trace *trace, struct gs_image *image, pid_t tid)
{
	char path[PATH_MAX + 128], permissions[8];
	int at;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int) tid);
	maps = fopen(path, "re");
	while (maps && fgets(path, sizeof(path), maps)) {
		path[strcspn(path, "\n")] = '\0';
		if (sscanf(path, "%*s %7s %*s %*s %*s %n", permissions, &at) == 1 &&
			permissions[2] == 'x' && path[at] == '/')
			add_object(image, file_number(trace, path + at));
	}
	if (maps)
		fclose(maps);
}

/* Every thread stops before its end; the last one to end sees all that was ever loaded. */
static void note_end_of_thread(struct gs_trace *trace, pid_t tid)
{
	pid_t pid = read_status(tid, "Tgid");
	uint32_t index = image_of(trace, pid);
	size_t size;
	char *maps;

	if (index == GS_NONE)
		return;
	if (pid != tid) {
		maps = read_proc(pid, "maps", &size);
		free(maps);
		if (size > 0)
			return; /* the first thread has still to end */
	}
	read_maps(trace, &trace->images[index], tid);
}

/* ---- the tracer's loop ---- */

static bool is_from_keyboard(pid_t tid)
{
	siginfo_t info;

	return ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0 && info.si_code == SI_KERNEL;
}

/* Lets a stopped thread go on, as it would without us. */
static void go_on(struct gs_trace *trace, pid_t tid, int wait_status)
{
	int event = wait_status >> 16, signal = WSTOPSIG(wait_status);
	unsigned long child = 0;

	switch (event) {
	case 0:
		/* Who is stopped from the keyboard waits for a shell that waits for us. */
		if (signal == SIGTSTP && is_from_keyboard(tid))
			signal = 0;
		ptrace(PTRACE_CONT, tid, NULL, (unsigned long) signal);
		return;
	case PTRACE_EVENT_STOP:
		if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN ||
			signal == SIGTTOU) {
			ptrace(PTRACE_LISTEN, tid, NULL, NULL);
			return;
		}
		if (read_status(tid, "Tgid") == tid)
			note_fork(trace, tid, read_status(tid, "PPid"));
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child) == 0 &&
			read_status((pid_t) child, "Tgid") == (pid_t) child)
			note_fork(trace, (pid_t) child, read_status(tid, "Tgid"));
		break;
	case PTRACE_EVENT_EXEC:
		note_exec(trace, tid);
		break;
	case PTRACE_EVENT_EXIT:
		note_end_of_thread(trace, tid);
		break;
	default:
		break;
	}
	ptrace(PTRACE_CONT, tid, NULL, NULL);
}

static void note_end(struct gs_trace *trace, pid_t pid)
{
	uint32_t index = image_of(trace, pid);

	if (index != GS_NONE)
		trace->images[index].ended = true;
}

/* Who outlives the program is looked at as it is now. */
static void note_survivors(struct gs_trace *trace)
{
	for (size_t i = 0; i < trace->image_count; i++) {
		if (!trace->images[i].ended)
			read_maps(trace, &trace->images[i], trace->images[i].pid);
	}
}

static volatile pid_t the_program; /* for the handler; 0: it has ended */

static void note_status(struct gs_trace *trace, int wait_status)
{
	the_program = 0;
	trace->status = WIFSIGNALED(wait_status) ? KILLED_BY + WTERMSIG(wait_status)
						 : WEXITSTATUS(wait_status);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* Until the program has ended, and those whom it started have, or had a moment to. */
static void follow(struct gs_trace *trace, pid_t program)
{
	const struct timespec step = {.tv_nsec = SETTLE_STEP_MS * 1000000};
	uint64_t until = UINT64_MAX;

	while (until == UINT64_MAX || now_ms() < until) {
		int wait_status;
		pid_t tid =
			waitpid(-1, &wait_status, until == UINT64_MAX ? __WALL : __WALL | WNOHANG);

		if (tid < 0 && errno != EINTR)
			break;
		if (tid == 0) {
			nanosleep(&step, NULL);
		} else if (tid > 0 && WIFSTOPPED(wait_status)) {
			go_on(trace, tid, wait_status);
		} else if (tid > 0) {
			note_end(trace, tid);
			if (tid != program)
				continue;
			note_status(trace, wait_status);
			until = now_ms() + SETTLE_MS;
		}
	}
	note_survivors(trace);
}

/* ---- the program ---- */

struct start {
	struct gs_trace *trace;
	pid_t program;
	int go; /* a byte written here lets the program begin */
};

/* A thread of its own, because what it traces is let go when it ends. */
static void *trace_it(void *context)
{
	struct start *start = context;

	start->trace->followed =
		ptrace(PTRACE_SEIZE, start->program, NULL, (unsigned long) OPTIONS) == 0;
	if (start->trace->followed)
		add_image(start->trace, start->program, GS_NONE)->forked = true;
	if (write(start->go, "", 1) != 1)
		kill(start->program, SIGKILL);
	follow(start->trace, start->program);
	return NULL;
}

/* Begins when told so. Only an exec that fails writes into the pipe. */
static _Noreturn void become(char **argv, int go, int told)
{
	ssize_t written;
	int reason;
	char byte;

	dup2(2, 1);
	if (read(go, &byte, 1) != 1)
		_exit(CANNOT_EXECUTE);
	execvp(argv[0], argv);
	reason = errno;
	do
		written = write(told, &reason, sizeof(reason));
	while (written < 0 && errno == EINTR);
	_exit(CANNOT_EXECUTE);
}

static void pass_on(int signal)
{
	int saved = errno;

	if (the_program > 0)
		kill(the_program, signal);
	errno = saved;
}

/* The keys reach the program without us; what ends it must not end us. */
static void set_signals(pid_t program)
{
	static const int from_keys[] = {SIGINT, SIGQUIT, SIGTSTP};
	static const int passed[] = {SIGTERM, SIGHUP};
	struct sigaction action;

	the_program = program;
	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(from_keys) / sizeof(*from_keys); i++)
		sigaction(from_keys[i], &action, NULL);
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, NULL); /* where it is ignored, nothing is left to wait for */
	action.sa_handler = pass_on;
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++)
		sigaction(passed[i], &action, NULL);
}

/* The program's process, which waits. -1: none; errno says why. */
static pid_t begin(char **argv, int *go, int *told)
{
	int start[2], end[2];
	pid_t program;

	if (pipe2(start, O_CLOEXEC) < 0 || pipe2(end, O_CLOEXEC) < 0)
		return -1;
	program = fork();
	if (program == 0) {
		close(start[1]);
		close(end[0]);
		become(argv, start[0], end[1]);
	}
	close(start[0]);
	close(end[1]);
	*go = start[1];
	*told = end[0];
	return program;
}

bool gs_trace(struct gs_trace *trace, char **argv)
{
	struct start start = {.trace = trace};
	int told = -1, reason = 0;
	pthread_t thread;

	memset(trace, 0, sizeof(*trace));
	trace->status = GS_EXIT_TROUBLE;
	start.program = begin(argv, &start.go, &told);
	if (start.program > 0) {
		set_signals(start.program);
		errno = pthread_create(&thread, NULL, trace_it, &start);
	}
	if (start.program < 0 || errno) {
		gs_warn("%s: no process could be made: %s", argv[0], strerror(errno));
		return false;
	}
	pthread_join(thread, NULL);
	if (read(told, &reason, sizeof(reason)) != sizeof(reason))
		reason = 0;
	close(told);
	close(start.go);
	if (!reason)
		return true;
	gs_warn("%s: %s", argv[0], strerror(reason));
	trace->status = reason == ENOENT ? NOT_FOUND : CANNOT_EXECUTE;
	return false;
}

void gs_trace_free(struct gs_trace *trace)
{
	for (size_t i = 0; i < trace->image_count; i++) {
		free(trace->images[i].environment);
		free(trace->images[i].objects);
	}
	free(trace->images);
	free(trace->files);
	gs_map_free(&trace->file_map);
	gs_pool_free(&trace->pool);
	memset(trace, 0, sizeof(*trace));
}
