#include "fetch.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "err.h"
#include "progress.h"

#define LIBRARY "libdebuginfod.so.1"
#define URLS "DEBUGINFOD_URLS"
#define PATIENCE 10 /* s */
#define LONGEST_PATIENCE 3600
#define KIB 1024

/* As <elfutils/debuginfod.h> has them: the header is in no package that we need otherwise. */
struct debuginfod_client;
typedef int watcher(struct debuginfod_client *client, long done, long total);

static struct {
	bool tried, given_up;
	struct debuginfod_client *client;
	int (*find)(struct debuginfod_client *client, const unsigned char *build_id, int size,
		char **path);
	/* the fetch that is going on */
	const char *name;
	long done;
	time_t heard; /* when it last got on */
	bool silent;  /* it has not for too long */
} fetch;

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static time_t patience(void)
{
	const char *text = getenv("DEBUGINFOD_TIMEOUT");
	long seconds = text ? strtol(text, NULL, 10) : 0;

	return seconds > 0 && seconds <= LONGEST_PATIENCE ? seconds : PATIENCE;
}

/* Called about once a second; anything but 0 ends the fetch. As long as the size is not known,
 * `done` counts attempts. */
static int watch(struct debuginfod_client *client, long done, long total)
{
	char doing[256];

	(void) client;
	if (total > 0 && done > fetch.done) {
		fetch.done = done;
		fetch.heard = now();
	}
	fetch.silent = now() - fetch.heard >= patience();
	snprintf(doing, sizeof(doing), "fetching symbols of %s, KiB", fetch.name);
	gs_progress(
		doing, total > 0 ? (size_t) done / KIB : 0, total > 0 ? (size_t) total / KIB : 0);
	return fetch.silent;
}

static bool open_library(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	void (*set_watcher)(struct debuginfod_client *, watcher *);
	struct debuginfod_client *(*begin)(void);

	if (!library)
		return false;
	*(void **) &begin = dlsym(library, "debuginfod_begin");
	*(void **) &set_watcher = dlsym(library, "debuginfod_set_progressfn");
	*(void **) &fetch.find = dlsym(library, "debuginfod_find_debuginfo");
	if (!begin || !set_watcher || !fetch.find)
		return false;
	fetch.client = begin();
	if (fetch.client)
		set_watcher(fetch.client, watch);
	return fetch.client != NULL;
}

static void give_up(const char *why)
{
	fetch.given_up = true;
	gs_warn(URLS ": %s; names and lines are those found on this machine", why);
}

int gs_fetch_debuginfo(const char *name, const uint8_t *build_id, size_t build_id_size)
{
	const char *urls = getenv(URLS);
	int fd;

	if (fetch.given_up || !urls || !*urls || build_id_size == 0)
		return -1;
	if (!fetch.tried && !open_library())
		give_up(LIBRARY " is not there");
	fetch.tried = true;
	if (fetch.given_up)
		return -1;
	fetch.name = name;
	fetch.done = 0;
	fetch.heard = now();
	fetch.silent = false;
	fd = fetch.find(fetch.client, build_id, (int) build_id_size, NULL);
	if (fd >= 0)
		return fd;
	if (fetch.silent)
		give_up("no answer in time");
	else if (fd != -ENOENT)
		give_up(strerror(-fd));
	return -1;
}
