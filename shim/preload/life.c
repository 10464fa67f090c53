#include "life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "gil.h"
#include "hooks.h"
#include "probe.h"
#include "pyframe.h"
#include "real.h"
#include "runnable.h"
#include "sample.h"
#include "say.h"
#include "site.h"
#include "store.h"
#include "summary.h"
#include "sys.h"
#include "ticks.h"
#include "usage.h"
#include "watch.h"
#include "world.h"

GS_HIDDEN struct gs_life gs_life;

/* How many records this process and its ancestors by fork have begun. */
static uint32_t lives;

/* ---- what the record says of the process ---- */

/* Up to size - 1 bytes of a file of /proc, ended by a NUL. Returns their number. */
static size_t read_proc(const char *path, char *buffer, size_t size)
{
	size_t used = 0;
	long n = 0;
	int fd = (int) gs_sys4(SYS_openat, AT_FDCWD, (long) path, O_RDONLY | O_CLOEXEC, 0);

	while (fd >= 0 && used < size - 1) {
		n = gs_sys3(SYS_read, fd, (long) (buffer + used), (long) (size - 1 - used));
		if (n <= 0 && n != -EINTR)
			break;
		used += n > 0 ? (size_t) n : 0;
	}
	if (fd >= 0)
		gs_sys1(SYS_close, fd);
	buffer[used] = '\0';
	return used;
}

/* Field 22 of /proc/self/stat; the second field may hold anything, but ends in the last ')'. */
static uint64_t read_start_ticks(char *buffer, size_t size)
{
	const char *at;
	uint64_t ticks = 0;

	read_proc("/proc/self/stat", buffer, size);
	at = strrchr(buffer, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
		ticks = ticks * 10 + (uint64_t) (*at - '0');
	return ticks;
}

static uint32_t read_arguments(char *buffer, size_t size)
{
	size_t used = read_proc("/proc/self/cmdline", buffer, size);

	for (size_t i = 0; i < used; i++)
		if (buffer[i] == '\n' || buffer[i] == '\0')
			buffer[i] = buffer[i] ? ' ' : '\n';
	return gs_store_string(buffer, (uint32_t) used);
}

static uint32_t read_program(char *buffer, size_t size)
{
	long n = gs_sys4(
		SYS_readlinkat, AT_FDCWD, (long) "/proc/self/exe", (long) buffer, (long) size - 1);

	return n > 0 ? gs_store_string(buffer, (uint32_t) n) : GS_NONE;
}

static void describe_process(struct gs_record_header *header, uint32_t parent)
{
	static char buffer[4096];
	const char *options = getenv(GS_OPTIONS_ENV);

	header->pid = gs_life.pid;
	header->ppid = parent;
	header->start_realtime_ns = gs_life.start_realtime_ns;
	header->start_ns = gs_life.start_ns;
	header->last_ns = gs_life.start_ns;
	header->status = GS_NONE;
	header->start_ticks = read_start_ticks(buffer, sizeof(buffer));
	header->argv = read_arguments(buffer, sizeof(buffer));
	gs_store.program = read_program(buffer, sizeof(buffer));
	header->options =
		gs_store_string(options ? options : "", options ? (uint32_t) strlen(options) : 0);
	header->blocked_ns = gs_life.options.blocked;
	header->stall_ns = gs_life.options.stall;
	header->timing_all = gs_life.options.timing == GS_TIMING_ALL;
}

static void describe_threading(struct gs_record_header *header)
{
	header->free_threaded = GS_THREADING_GIL;
	if (gs_gil.free_threaded)
		header->free_threaded = gs_gil.attached ? GS_THREADING_FREE : GS_THREADING_FREE_GIL;
}

static void describe_python(struct gs_record_header *header)
{
	bool unknown = gs_gil.oracle == GS_ORACLE_UNKNOWN;
	const char *implementation = unknown && !gs_gil.hex ? "pypy" : "cpython";

	header->implementation = gs_store_string(implementation, (uint32_t) strlen(implementation));
	header->python_version = gs_gil.version[0] ? gs_store_string(gs_gil.version,
							     (uint32_t) strlen(gs_gil.version))
						   : GS_NONE;
	header->python_hex = gs_gil.hex;
	describe_threading(header);
	header->lines = gs_pyframe_available();
	header->unknown = unknown;
	header->world = gs_gil.exact == GS_ORACLE_STATE;
	header->interpreters = gs_gil.made;
}

void gs_life_gil_made(uint32_t made)
{
	if (!gs_epoch() || !gs_store.header)
		return;
	gs_watch_arm();
	gs_store.header->interpreters = made;
	describe_threading(gs_store.header);
}

/* ---- what is said once, to people ---- */

static void complain(void *context, const struct gs_option_error *error)
{
	char buffer[512];
	struct gs_text text;

	(void) context;
	gs_text_init(&text, buffer, sizeof(buffer) - 1);
	gs_text_put(&text, "gilshim: option ");
	gs_text_span(&text, error->key, error->key_length < 64 ? error->key_length : 64);
	gs_text_char(&text, '=');
	gs_text_span(&text, error->value, error->value_length < 64 ? error->value_length : 64);
	gs_text_put(&text, ": expected ");
	gs_text_put(&text, error->expected);
	gs_text_put(&text, "; ignored, ");
	gs_text_put(&text, error->instead);
	gs_say(&text);
}

static void print_help(void)
{
	static char buffer[4096];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_put(&text, "gilshim: GILSHIM_OPTIONS=key=value:key=value\n");
	for (unsigned i = 0; i < gs_option_count; i++) {
		gs_text_put(&text, "  ");
		gs_text_put(&text, gs_option_info[i].key);
		gs_text_char(&text, '=');
		gs_text_put(&text, gs_option_info[i].argument);
		gs_text_put(&text, "\n      ");
		gs_text_put(&text, gs_option_info[i].meaning);
		gs_text_char(&text, '\n');
	}
	gs_say_to("stderr", buffer, gs_text_length(&text));
}

/* An interpreter that we cannot look into, or only in part, is said to be one. */
static void say_limits(void)
{
	char buffer[256];
	struct gs_text text;

	if (gs_gil.oracle == GS_ORACLE_UNKNOWN) {
		gs_say_words("this interpreter does not tell who holds its GIL: every call is "
			     "counted as unknown; use CPython 3.6 or newer");
		return;
	}
	if (gs_pyframe_available())
		return;
	gs_text_init(&text, buffer, sizeof(buffer) - 1);
	gs_text_put(&text, "gilshim: Python lines: not available for ");
	gs_text_name(&text, gs_gil.version, sizeof(gs_gil.version));
	gs_text_put(&text, "; calls, libraries and extensions are judged as ever");
	gs_say(&text);
}

/* ---- arming ---- */

/* A relative path is meant from where the program began, wherever it goes later. */
static void make_absolute(const char **option, char *buffer, size_t size)
{
	struct gs_text path;
	long n;

	if (!*option || **option == '/' || strcmp(*option, "stderr") == 0 ||
		strcmp(*option, "none") == 0)
		return;
	n = gs_sys2(SYS_getcwd, (long) buffer, (long) size);
	if (n <= 1) /* the result counts the NUL */
		return;
	gs_text_init(&path, buffer + n - 1, size - (size_t) n + 1);
	gs_text_char(&path, '/');
	gs_text_put(&path, *option);
	if (!path.cut)
		*option = buffer;
}

static void read_options(void)
{
	static char summary[1024], record[1024], log_to[1024];

	gs_options_parse(&gs_life.options, getenv(GS_OPTIONS_ENV), complain, NULL);
	make_absolute(&gs_life.options.summary, summary, sizeof(summary));
	make_absolute(&gs_life.options.record, record, sizeof(record));
	make_absolute(&gs_life.options.log_to, log_to, sizeof(log_to));
	gs_life.timed =
		gs_life.options.timing == GS_TIMING_ALL || gs_life.options.log == GS_LOG_ALL;
	if (gs_life.options.help)
		print_help();
	if (gs_life.timed)
		gs_ticks_setup();
	if (gs_life.options.stall_signal)
		gs_sample_setup((int) gs_life.options.stall_signal);
}

static void read_clocks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	gs_life.start_realtime_ns = (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
	gs_life.start_ns = gs_now();
}

static void arm(bool first)
{
	unsigned char watched[GS_CALLS];
	struct gs_thread *thread = &gs_thread;
	uint32_t epoch = ++lives;
	uint32_t parent = first ? (uint32_t) gs_sys0(SYS_getppid) : gs_life.pid;

	gs_life.pid = (uint32_t) gs_sys0(SYS_getpid);
	if (first) {
		read_options();
	} else {
		read_clocks();
	}
	if (!gs_store_open(&gs_life.options)) {
		gs_say_words("no memory for the record; nothing is judged in this process");
		gs_life.ended = true;
		return;
	}
	describe_process(gs_store.header, parent);
	describe_python(gs_store.header);
	gs_store_publish();
	gs_site_forget();
	if (first)
		say_limits();
	else if (gs_gil.exact == GS_ORACLE_STATE)
		gs_world_reset();
	gs_options_calls(&gs_life.options, watched, first ? complain : NULL, NULL);
	gs_life.leaves_out = gs_options_leave_out(watched);
	watched[GS_CALL_VFORK] |= GS_ARMED_MARK;
	watched[GS_CALL_CLONE] |= GS_ARMED_MARK;
	watched[GS_CALL_DLOPEN] |= GS_ARMED_MARK;
	watched[GS_CALL_DLCLOSE] |= GS_ARMED_MARK;
	thread->plain = thread->follows = false;
	thread->tid = (uint32_t) gs_sys0(SYS_gettid);
	thread->counts = NULL;
	thread->entry = NULL;
	thread->mark = thread->composite = NULL;
	thread->charge_site = 0;
	thread->reading.at_ns = 0; /* the kernel counts anew in a forked child */
	thread->wait_ns = thread->release_ns = 0;
	thread->is_pending = thread->exec_tried = false;
	memcpy(&gs_armed[GS_ARMED_EPOCH], &epoch, sizeof(epoch));
	memcpy(gs_armed, watched, sizeof(watched));
	gs_watch_arm();
}

void gs_life_look_for_python(void *caller)
{
	if (gs_life.ended || !gs_gil_find(caller, gs_life.options.gil == GS_GIL_CHECK))
		return;
	if (!gs_life.pid)
		arm(true);
	else if (gs_epoch())
		gs_watch_arm(); /* found again */
}

void gs_life_python_here(void)
{
	struct gs_thread *thread = &gs_thread;

	if (gs_epoch() || gs_life.ended || gs_gil.oracle == GS_ORACLE_NONE)
		return;
	gs_thread_busy(thread, NULL);
	arm(false);
	thread->busy = false;
}

/* ---- coming and going ---- */

/* Takes our own entry out of LD_PRELOAD, for the children. */
static void leave_environment(void)
{
	char *list = getenv("LD_PRELOAD");
	char *to = list;

	for (const char *at = list; at && *at;) {
		size_t n = strcspn(at, ": ");

		if (!memmem(at, n, "libgilshim.so", 13)) {
			if (to != list)
				*to++ = ':';
			memmove(to, at, n);
			to += n;
		}
		at += n + (at[n] != '\0');
	}
	if (to == list)
		unsetenv("LD_PRELOAD");
	else
		*to = '\0';
}

/* Handlers run backwards, and the loader's, which runs the destructors of all libraries, is
 * registered after our constructor: ours comes last, and what those destructors wait for is still
 * seen. */
extern int __cxa_atexit(void (*handler)(void *), void *argument, void *library);
static void end(void *unused);

__attribute__((constructor)) static void begin(void)
{
	int saved = errno;

	__cxa_atexit(end, NULL, NULL);
	gs_say_setup();
	read_clocks();
	gs_options_parse(&gs_life.options, getenv(GS_OPTIONS_ENV), NULL, NULL);
	if (!gs_life.options.children)
		leave_environment();
	gs_sys3(SYS_madvise, (long) gs_armed, GS_ARMED_SIZE, MADV_WIPEONFORK);
	gs_real_resolve_all();
	gs_hooks_resolve_all();
	gs_thread_setup();
	gs_store_setup();
	gs_thread_busy(&gs_thread, NULL);
	gs_life_look_for_python(NULL);
	gs_thread.busy = false;
	errno = saved;
}

/* True for the process that the record belongs to, and only there: not in a forked child that has
 * none yet, not in the child of a vfork. */
static bool is_ours(void)
{
	return gs_epoch() && (uint32_t) gs_sys0(SYS_getpid) == gs_life.pid;
}

static void finish(enum gs_ended how)
{
	static _Atomic uint32_t finished;

	if (!is_ours() || atomic_exchange(&finished, gs_life.pid) == gs_life.pid)
		return;
	memset(gs_armed, 0, GS_CALLS);
	gs_settle(&gs_thread);
	gs_life.ended = true;
	gs_store.header->last_ns = gs_now();
	gs_store.header->ended = how;
	/* A handler that ends the process may have little stack. */
	if (gs_watch_is_cramped())
		return;
	if (gs_store.is_file)
		gs_modules_note_all();
	gs_summary_print(false);
}

static void end(void *unused)
{
	int saved = errno;

	(void) unused;
	finish(GS_ENDED_EXIT);
	errno = saved;
}

void gs_life_exit(void)
{
	finish(GS_ENDED_UEXIT);
}

void gs_life_exec(const char *path)
{
	struct gs_thread *thread = &gs_thread;

	if (!is_ours() || gs_life.ended || thread->busy || gs_watch_is_cramped() ||
		!gs_runnable(path))
		return;
	gs_settle(thread);
	if (gs_store.is_file)
		gs_modules_note_all();
	gs_store.header->last_ns = gs_now();
	gs_store.header->ended = GS_ENDED_EXEC;
	thread->exec_tried = true;
	thread->plain = thread->follows = false;
	gs_thread_busy(thread, NULL);
	gs_summary_print(true);
	thread->busy = false;
}

void gs_life_exec_failed(void)
{
	struct gs_thread *thread = &gs_thread;

	if (!thread->exec_tried || !is_ours())
		return;
	thread->exec_tried = false;
	gs_store.header->ended = GS_ENDED_ALIVE;
}
