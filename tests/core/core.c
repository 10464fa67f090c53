/* core.c: helpers of the suites, and stand-ins for life.c, which would arm the process. */
#include "core.h"

#include <CUnit/TestRun.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gil.h"
#include "life.h"
#include "probe.h"
#include "say.h"
#include "site.h"
#include "store.h"

/* ---- stand-ins for life.c ---- */

GS_HIDDEN struct gs_life gs_life;

void gs_life_gil_made(uint32_t made)
{
	(void) made;
}

void gs_life_look_for_python(void *caller)
{
	(void) caller;
}

void gs_life_python_here(void)
{
}

void gs_life_exit(void)
{
}

void gs_life_exec(const char *path)
{
	(void) path;
}

void core_skip(const char *why)
{
	static CU_pTest last;
	CU_pTest test = CU_get_current_test();

	printf("\nskip %s: %s\n  ", test->pName, why);
	fflush(stdout);
	cunit_skipped += test != last;
	last = test;
}

/* ---- a record ---- */

static void complain(void *context, const struct gs_option_error *error)
{
	(void) context;
	(void) error;
}

const char *core_program(void)
{
	static char path[PATH_MAX];

	if (!path[0] && readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		path[0] = '\0';
	return path;
}

void core_describe(void)
{
	struct gs_record_header *header = gs_store.header;

	header->version = GS_RECORD_VERSION;
	header->oldest = GS_RECORD_OLDEST;
	header->endian = GS_RECORD_ENDIAN;
	header->header_size = sizeof(*header);
	header->pid = gs_life.pid;
	header->start_realtime_ns = gs_life.start_realtime_ns;
	gs_store.program = gs_store_string(core_program(), (uint32_t) strlen(core_program()));
}

void core_begin(const char *directory)
{
	static uint32_t lives;
	struct gs_record_header *before = gs_store.header;

	lives++;
	gs_gil = (struct gs_gil){.round = 1};
	gs_options_parse(&gs_life.options, NULL, complain, NULL);
	gs_life.options.record = directory;
	gs_life.options.summary = "none";
	gs_life.pid = (uint32_t) getpid();
	gs_life.start_realtime_ns = 0x18c0ffee00000000u + lives;
	gs_life.timed = false;
	CU_ASSERT_FATAL(gs_store_open(&gs_life.options));
	core_describe();
	gs_store_publish();
	gs_site_forget();
	memcpy(&gs_armed[GS_ARMED_EPOCH], &lives, sizeof(lives));
	if (before)
		munmap(before, before->file_size);
}

void core_begin_threads(void)
{
	static bool have_key;

	if (!have_key)
		gs_thread_setup();
	have_key = true;
	core_begin(NULL);
}

unsigned core_sites(void)
{
	unsigned sites = 0;

	for (unsigned i = 0; i < GS_MAX_SITES; i++)
		sites += gs_store.sites[i].key > 1;
	return sites;
}

/* ---- files ---- */

const char *core_directory(void)
{
	static char path[PATH_MAX];
	const char *parent = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/gilshim-core-XXXXXX", parent ? parent : "/tmp");
	CU_ASSERT_FATAL(mkdtemp(path) != NULL);
	return path;
}

/* Counts the files in a directory, and takes them away if asked. */
static unsigned visit(const char *directory, bool take_away)
{
	DIR *open = opendir(directory);
	struct dirent *entry;
	unsigned files = 0;

	while (open && (entry = readdir(open))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		files++;
		if (take_away)
			unlinkat(dirfd(open), entry->d_name,
				entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	}
	if (open)
		closedir(open);
	return files;
}

unsigned core_files_in(const char *directory)
{
	return visit(directory, false);
}

void core_remove(const char *directory)
{
	visit(directory, true);
	rmdir(directory);
}

long core_read(const char *path, char *buffer, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t length;

	buffer[0] = '\0';
	if (!file)
		return -1;
	length = fread(buffer, 1, size - 1, file);
	buffer[length] = '\0';
	fclose(file);
	return (long) length;
}

/* ---- a child process and what it says ---- */

static void be_child(int standard_error, int (*body)(void *), void *argument)
{
	dup2(standard_error, 2);
	close(standard_error);
	unsetenv("GILSHIM_STDERR");
	gs_say_setup();
	_exit(body(argument));
}

const struct core_said *core_child(int (*body)(void *), void *argument)
{
	static struct core_said said;
	int ends[2], status = 0;
	ssize_t length;
	pid_t pid;

	memset(&said, 0, sizeof(said));
	fflush(stdout);
	/* Each write of the child is a message of its own. */
	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		be_child(ends[1], body, argument);
	}
	close(ends[1]);
	while ((length = read(
			ends[0], said.text + said.total, sizeof(said.text) - said.total - 1)) > 0) {
		if (said.writes < CORE_WRITES)
			said.length[said.writes] = (size_t) length;
		said.writes++;
		said.total += (size_t) length;
	}
	close(ends[0]);
	waitpid(pid, &status, 0);
	said.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return &said;
}

/* ---- libraries made on the spot ---- */

static const char library_source[] =
	"#include <stdlib.h>\n"
	"static __attribute__((noinline)) int library_static(int number)\n"
	"{\n"
	"	__asm__ volatile(\"\");\n"
	"	return number + EDITION;\n"
	"}\n"
	"int library_exported(int number) { return library_static(number) * 3; }\n"
	"int library_uses_libc(const char *text) { return atoi(text); }\n"
	"void *library_hidden(void) { return (void *) library_static; }\n";

bool core_library(const char *path, const char *flags)
{
	char command[2 * PATH_MAX];
	FILE *compiler;

	snprintf(command, sizeof(command),
		"cc -DEDITION=1 -O1 -fPIC -shared -Wl,--build-id %s -o '%s' -x c - 2>/dev/null",
		flags, path);
	fflush(stdout);
	compiler = popen(command, "w");
	if (!compiler)
		return false;
	fputs(library_source, compiler);
	return pclose(compiler) == 0;
}

const char *core_build_id(const char *path)
{
	static char id[128];
	char command[PATH_MAX + 64], line[512];
	FILE *reader;

	id[0] = '\0';
	snprintf(command, sizeof(command), "readelf -n '%s' 2>/dev/null", path);
	fflush(stdout);
	reader = popen(command, "r");
	while (reader && fgets(line, sizeof(line), reader))
		sscanf(line, " Build ID: %127s", id);
	if (reader)
		pclose(reader);
	return id;
}

/* ---- threads ---- */

struct task {
	void (*body)(unsigned number);
	unsigned number;
	pthread_barrier_t *start;
};

static void *run_task(void *argument)
{
	const struct task *task = argument;

	pthread_barrier_wait(task->start);
	task->body(task->number);
	return NULL;
}

void core_threads(unsigned count, void (*body)(unsigned number))
{
	pthread_t *threads = calloc(count, sizeof(*threads));
	struct task *tasks = calloc(count, sizeof(*tasks));
	pthread_attr_t attributes;
	pthread_barrier_t start;

	CU_ASSERT_FATAL(threads != NULL && tasks != NULL);
	pthread_barrier_init(&start, NULL, count);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	for (unsigned i = 0; i < count; i++) {
		tasks[i] = (struct task){body, i, &start};
		CU_ASSERT_FATAL(pthread_create(&threads[i], &attributes, run_task, &tasks[i]) == 0);
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attributes);
	pthread_barrier_destroy(&start);
	free(threads);
	free(tasks);
}
