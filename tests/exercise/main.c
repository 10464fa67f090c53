/* main.c: runs the exercises.
 *
 *	exercise LIBRARY [--options=TEXT] [NAME...]	run them with LIBRARY preloaded
 *	exercise --bare [NAME...]			run them without
 *	exercise --cancel LIBRARY [NAME...]		with a cancellation pending at each call
 *	exercise --list					the names
 *
 * Each name runs bare, then preloaded with the GIL held and with the GIL released; bare only with
 * --bare. With --cancel the question is which call acts on the cancellation, and whether its thread
 * then ends as it does bare. NAME limits the runs to names, rows or groups. TEXT is added to
 * GILSHIM_OPTIONS. A run is a fresh process. */
#include "cases.h"

#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "calls.h"
#include "counts.h"

#define LIMIT_SECONDS 10

/* What standard input of each run holds. */
#define INPUT "first 17\nsecond\n"

/* What the library says of a CPython that has no _PyRuntime. */
#define EXPECTED "gilshim: Python lines: not available for 3.13.0"

/* Names that POSIX makes cancellation points (fcntl and lockf only for what waits), and whose
 * exercise begins with a call that must act. */
static const char *const points[] = {"accept", "aio_suspend", "clock_nanosleep", "close", "connect",
	"creat", "fdatasync", "fsync", "mq_receive", "mq_send", "mq_timedreceive", "mq_timedsend",
	"msgrcv", "msgsnd", "msync", "nanosleep", "open", "openat", "pause", "poll", "ppoll",
	"pread", "pselect", "pthread_cond_clockwait", "pthread_cond_timedwait", "pthread_cond_wait",
	"pthread_join", "pwrite", "read", "readv", "recv", "recvfrom", "recvmsg", "select",
	"sem_timedwait", "sem_wait", "send", "sendmsg", "sendto", "sigpause", "sigsuspend",
	"sigtimedwait", "sigwait", "sigwaitinfo", "sleep", "system", "tcdrain", "usleep", "wait",
	"waitid", "waitpid", "write", "writev"};

/* glibc 2.36 asks for a random number, now and then by a call that is a cancellation point. */
static const char by_chance[] = "mkdtemp";

enum mode { BARE, HELD, RELEASED, MODES };
static const char *const mode_names[] = {"bare", "held", "released"};

static char directory[PATH_MAX]; /* also our working directory */
static char records[PATH_MAX];   /* where records are made: memory, if there is some */
static char program[PATH_MAX];
static const char *library;
static const char *more_options = "";
static bool cancel;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void) st;
	(void) kind;
	return ftw->level == 0 ? 0 : remove(path);
}

static void make_file(const char *path, const void *content, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, content, size) != (ssize_t) size || close(fd) < 0)
		die(path);
}

/* An empty world for the next run. */
static void clean(void)
{
	static const struct x_report empty;

	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	nftw(records, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	if (mkdir("scratch", 0755) < 0)
		die(directory);
	make_file("report", &empty, sizeof(empty));
	make_file("scratch/stdin", INPUT, strlen(INPUT));
}

static pid_t start(unsigned index, enum mode mode)
{
	char number[16], preload[PATH_MAX + 16], options[PATH_MAX + 4096];
	char *const arguments[] = {program, "--one", number, directory,
		mode == HELD ? "held" : "released", cancel ? "cancel" : "", NULL};
	char *environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "LOGNAME=root",
		mode == BARE ? NULL : preload, options, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;
	int error;

	snprintf(number, sizeof(number), "%u", index);
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library ? library : "");
	snprintf(options, sizeof(options), "GILSHIM_OPTIONS=record=%s:summary=none:calls=all:%s",
		records, more_options);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "scratch/stdin", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "scratch/stdout", O_RDWR | O_CREAT, 0600);
	posix_spawn_file_actions_addopen(&actions, 2, "scratch/stderr", O_RDWR | O_CREAT, 0600);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	error = posix_spawn(&pid, program, &actions, &attributes, arguments, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error ? -1 : pid;
}

/* Waits until no descendant has anything to say any more. */
static void read_report(struct x_report *report)
{
	int fd = open("report", O_RDONLY | O_CLOEXEC);

	for (unsigned tries = 0; tries < 1000; tries++) {
		if (fd < 0 || pread(fd, report, sizeof(*report), 0) != sizeof(*report))
			die("report");
		if (!report->pending)
			break;
		usleep(1000);
	}
	close(fd);
}

/* The wait status, or -1 if the time was up. SIGCHLD is blocked, so that none is missed. */
static int finish(pid_t pid)
{
	struct timespec limit = {LIMIT_SECONDS, 0};
	sigset_t child;
	int status = -1;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) == 0)
		if (sigtimedwait(&child, NULL, &limit) < 0 && errno == EAGAIN)
			break;
	if (status == -1) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return status;
}

static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, size - 1);

	text[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* What the run itself says. */
static void judge_run(const struct x_report *report, int status, char *text, size_t size)
{
	if (status == -1)
		snprintf(text, size, "did not end within %d s (in call %u)", LIMIT_SECONDS,
			report->calls);
	else if (report->state == X_FAILED)
		snprintf(text, size, "%.1023s", report->text);
	else if (status != report->status)
		snprintf(text, size, "expected wait status %#x, got %#x after %u calls",
			(unsigned) report->status, (unsigned) status, report->calls);
	else if (report->state != X_DONE)
		snprintf(text, size, "ended before its end");
	else if (report->pending)
		snprintf(text, size, "a descendant did not report");
	else if (report->calls == 0)
		snprintf(text, size, "an exercise that makes no call");
}

static void judge_counts(const struct x_case *c, enum mode mode, const struct x_report *report,
	char *text, size_t size)
{
	struct x_counts counts, want = {.held = 0};
	const char *wrong, *at;
	char said[4096];

	*(mode == HELD ? &want.held : &want.others) = report->calls;
	wrong = x_counts_read(records, c->row, c->symbol, &counts);
	if (wrong)
		snprintf(text, size, "%s", wrong);
	else if (counts.held != want.held || counts.others != want.others)
		snprintf(text, size, "expected the counters held %lu, released %lu; got %lu, %lu",
			want.held, want.others, counts.held, counts.others);
	else if (counts.held_total != want.held && !report->acted) /* a thread's end has calls */
		snprintf(text, size, "%lu calls of other functions were counted as held",
			counts.held_total - want.held);
	read_text("scratch/stderr", said, sizeof(said));
	at = strstr(said, "gilshim: ");
	if (at && strncmp(at, EXPECTED, strlen(EXPECTED)) == 0)
		at = strstr(at + 1, "gilshim: ");
	if (!*text && at)
		snprintf(text, size, "it said: %s", at);
}

/* What the same calls give without the library. */
static void judge_sameness(
	const struct x_report *report, const struct x_report *bare, char *text, size_t size)
{
	if (report->calls != bare->calls || report->values != bare->values) {
		snprintf(text, size, "%u calls, bare %u", report->calls, bare->calls);
		return;
	}
	for (unsigned i = 0; i < report->values && !*text; i++)
		if (report->value[i] != bare->value[i])
			snprintf(text, size, "AS_BARE %u: %ld, bare %ld", i + 1, report->value[i],
				bare->value[i]);
	for (unsigned i = 0; i < report->calls && i < X_TRACE && !*text; i++)
		if (report->trace[i] != bare->trace[i])
			snprintf(text, size, "errno %d after call %u, bare %d", report->trace[i],
				i + 1, bare->trace[i]);
}

static bool is_point(const char *name)
{
	for (unsigned i = 0; i < GS_ARRAY_SIZE(points); i++)
		if (strcmp(points[i], name) == 0)
			return true;
	return false;
}

/* Which call acted on the cancellation. What the exercise finds after that is compared only: libc
 * may have faults of its own (glibc 2.36 keeps the stream of a cancelled dprintf in its list). */
static void judge_cancel(const struct x_case *c, const struct x_report *report,
	const struct x_report *bare, char *text, size_t size)
{
	if (is_point(c->symbol) && report->acted != 1)
		snprintf(text, size,
			"call %u acted on the cancellation, not the first; "
			"wait status %#x; %.500s",
			report->acted, (unsigned) report->ended, report->text);
	else if (strcmp(c->symbol, by_chance) == 0)
		return;
	else if (report->acted != bare->acted)
		snprintf(text, size, "call %u acted on the cancellation, bare %u", report->acted,
			bare->acted);
	else if (report->acted && (report->cleaned != 1 || report->destroyed != 1))
		snprintf(text, size, "cancelled, ran %u of 1 cleanup handlers, %u of 1 destructors",
			report->cleaned, report->destroyed);
	else if (report->ended != bare->ended)
		snprintf(text, size, "wait status %#x, bare %#x", (unsigned) report->ended,
			(unsigned) bare->ended);
	else if (strcmp(report->text, bare->text) != 0)
		snprintf(text, size, "%.1000s; bare: %.1000s", report->text, bare->text);
}

/* Runs one case in one mode. The text is empty if all is well. */
static void run(unsigned index, enum mode mode, struct x_report *report,
	const struct x_report *bare, char *text, size_t size)
{
	pid_t pid;
	int status;

	*text = '\0';
	clean();
	pid = start(index, mode);
	if (pid < 0)
		die(program);
	status = finish(pid);
	read_report(report);
	kill(-pid, SIGKILL); /* what the run may have left behind: its process group */
	if (report->state == X_SKIPPED)
		return;
	report->ended = status;
	if (cancel)
		judge_cancel(&x_cases[index], report, mode == BARE ? report : bare, text, size);
	else
		judge_run(report, status, text, size);
	if (!*text && mode != BARE && report->acted == bare->acted)
		judge_sameness(report, bare, text, size);
	if (!*text && mode != BARE)
		judge_counts(&x_cases[index], mode, report, text, size);
}

enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES };

static enum outcome run_modes(unsigned index)
{
	const struct x_case *c = &x_cases[index];
	struct x_report reports[MODES];
	enum outcome outcome = PASSED;
	char name[128], text[2048];

	x_case_text(c, name, sizeof(name));
	for (enum mode mode = BARE; mode < (library ? MODES : HELD); mode++) {
		run(index, mode, &reports[mode], &reports[BARE], text, sizeof(text));
		if (reports[mode].state == X_SKIPPED) {
			printf("skip %s %s: %s\n", gs_call_info[c->row].name, name,
				reports[mode].text);
			return SKIPPED;
		}
		if (!*text)
			continue;
		printf("FAIL %s %s %s: %s\n", gs_call_info[c->row].name, name, mode_names[mode],
			text);
		outcome = FAILED;
		if (mode == BARE)
			break;
	}
	fflush(stdout);
	return outcome;
}

static bool chosen(const struct x_case *c, char **words)
{
	const struct gs_call_info *info = &gs_call_info[c->row];

	if (!*words)
		return true;
	for (; *words; words++)
		if (!strcmp(*words, c->symbol) || !strcmp(*words, info->name) ||
			!strcmp(*words, info->group))
			return true;
	return false;
}

static void make_directory(char *path, const char *parent)
{
	snprintf(path, PATH_MAX, "%s/exercise.XXXXXX", parent);
	if (!mkdtemp(path))
		die(path);
}

static int run_all(char **words)
{
	unsigned counts[OUTCOMES] = {0};
	char *temporary = getenv("TMPDIR");
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	make_directory(directory, temporary ? temporary : "/tmp");
	make_directory(records, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : directory);
	if (chdir(directory) < 0)
		die(directory);
	for (unsigned i = 0; i < x_case_count; i++)
		if (chosen(&x_cases[i], words))
			counts[run_modes(i)]++;
	clean();
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(records);
	rmdir(directory);
	printf("%u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED],
		counts[SKIPPED]);
	return counts[FAILED] || !counts[PASSED];
}

static int list(void)
{
	char name[128];

	for (unsigned i = 0; i < x_case_count; i++)
		printf("%s %s\n", gs_call_info[x_cases[i].row].name,
			x_case_text(&x_cases[i], name, sizeof(name)));
	return 0;
}

/* The run itself, as start() begins it. */
static int run_one(char **argv)
{
	unsigned index = (unsigned) atoi(argv[2]);

	if (index >= x_case_count)
		return 2;
	return x_case_run(
		&x_cases[index], argv[3], !strcmp(argv[4], "held"), !strcmp(argv[5], "cancel"));
}

int main(int argc, char **argv)
{
	static const char more[] = "--options=";
	char absolute[PATH_MAX];
	char **words;

	x_cases_make();
	if (argc == 6 && !strcmp(argv[1], "--one"))
		return run_one(argv);
	if (argc > 1 && !strcmp(argv[1], "--list"))
		return list();
	if (argc > 2 && !strcmp(argv[1], "--cancel")) {
		cancel = true;
		argv++;
		argc--;
	}
	words = argv + 2;
	if (argc < 2 || (strcmp(argv[1], "--bare") && !realpath(argv[1], absolute))) {
		fprintf(stderr, "usage: exercise --list|[--cancel] --bare|LIBRARY [--options=TEXT] "
				"[NAME...]\n");
		return 2;
	}
	library = strcmp(argv[1], "--bare") ? absolute : NULL;
	if (*words && !strncmp(*words, more, strlen(more)))
		more_options = *words++ + strlen(more);
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		die("/proc/self/exe");
	return run_all(words);
}
