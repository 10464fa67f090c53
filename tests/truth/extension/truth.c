/* See truth.h. Shared by the extension module, the hosts and the second preloaded library; each has
 * a copy with counters of its own and the driver adds them up. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

#define CALLS_PER_STATE 2

static int zero_fd, null_fd;
static _Atomic long made[TRUTH_STATES][CALLS_PER_STATE];

static void call_readv(void)
{
	char byte = 1;
	struct iovec part = {&byte, 1};

	if (readv(zero_fd, &part, 1) != 1 || byte != 0)
		abort();
}

static void call_ppoll(void)
{
	struct timespec now = {0, 0};

	if (ppoll(NULL, 0, &now, NULL) != 0)
		abort();
}

static void call_writev(void)
{
	char byte = 0;
	struct iovec part = {&byte, 1};

	if (writev(null_fd, &part, 1) != 1)
		abort();
}

static void call_pselect(void)
{
	struct timespec now = {0, 0};

	if (pselect(0, NULL, NULL, NULL, &now, NULL) != 0)
		abort();
}

static void call_pread(void)
{
	char byte = 1;

	if (pread(zero_fd, &byte, 1, 0) != 1 || byte != 0)
		abort();
}

static void call_pwrite(void)
{
	char byte = 0;

	if (pwrite(null_fd, &byte, 1, 0) != 1)
		abort();
}

static const struct {
	const char *state;
	struct {
		const char *name;
		void (*make)(void);
	} call[CALLS_PER_STATE];
} states[TRUTH_STATES] = {
	[TRUTH_HELD] = {"held", {{"readv", call_readv}, {"ppoll", call_ppoll}}},
	[TRUTH_RELEASED] = {"released", {{"writev", call_writev}, {"pselect", call_pselect}}},
	[TRUTH_NONE] = {"none", {{"pread", call_pread}}},
	[TRUTH_UNHELD] = {"unheld", {{"pwrite", call_pwrite}}},
};

void truth_make(enum truth_state state, long n)
{
	for (long i = 0; i < n; i++) {
		int which = states[state].call[1].make ? i % CALLS_PER_STATE : 0;

		states[state].call[which].make();
		atomic_fetch_add_explicit(&made[state][which], 1, memory_order_relaxed);
	}
}

long truth_made(enum truth_state state)
{
	return atomic_load(&made[state][0]) + atomic_load(&made[state][1]);
}

static void forget(void)
{
	for (int state = 0; state < TRUTH_STATES; state++)
		for (int which = 0; which < CALLS_PER_STATE; which++)
			atomic_store(&made[state][which], 0);
}

/* The text of one state: "held":{"readv":2,"ppoll":1} */
static size_t state_text(char *text, size_t size, int state)
{
	size_t used = snprintf(text, size, "\"%s\":{", states[state].state);

	for (int which = 0; which < CALLS_PER_STATE && states[state].call[which].name; which++)
		used += snprintf(text + used, size - used, "%s\"%s\":%ld", which ? "," : "",
			states[state].call[which].name, atomic_load(&made[state][which]));
	return used + snprintf(text + used, size - used, "}");
}

void truth_dump(void)
{
	const char *path = getenv("TRUTH_FILE");
	char line[512] = "{";
	size_t used = 1;
	int fd;

	if (!path)
		return;
	for (int state = 0; state < TRUTH_STATES; state++) {
		if (state)
			line[used++] = ',';
		used += state_text(line + used, sizeof(line) - used, state);
	}
	used += snprintf(line + used, sizeof(line) - used, "}\n");
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, used) != (ssize_t)used)
		abort();
	close(fd);
	forget();
}

/* A child starts counting from nothing, as its record does. Priority: before any constructor that
 * makes calls. */
__attribute__((constructor(200))) static void prepare(void)
{
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (zero_fd < 0 || null_fd < 0 || pthread_atfork(NULL, NULL, forget) != 0)
		abort();
}
