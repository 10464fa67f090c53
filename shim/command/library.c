#include "library.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler.h"
#include "err.h"

#define LIBRARY "libgilshim.so"

/* Where `make install` puts both; the Makefile says so. */
#ifndef GS_BINDIR
#define GS_BINDIR "/usr/local/bin"
#endif
#ifndef GS_LIBDIR
#define GS_LIBDIR "/usr/local/lib"
#endif

/* Debian's directory of this architecture's libraries, below lib. */
#if defined(__x86_64__)
#define MULTIARCH "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "."
#endif

/* An absolute path, because the program may change its directory. NULL: not there. */
static char *resolve(const char *root, const char *directory, const char *name)
{
	char *path, *real;

	if (asprintf(&path, "%s%s%s", root, directory, name) < 0)
		gs_out_of_memory();
	real = realpath(path, NULL);
	free(path);
	if (real && access(real, R_OK) == 0)
		return real;
	free(real);
	return NULL;
}

/* In the directory that everything was installed below: none, or DESTDIR where it is staged. NULL
 * too if the command does not lie where it was installed to. */
static char *find_installed(const char *directory)
{
	size_t length = strlen(directory), tail = strlen(GS_BINDIR);
	char *root, *found;

	if (length < tail || strcmp(directory + length - tail, GS_BINDIR) != 0)
		return NULL;
	if (asprintf(&root, "%.*s", (int) (length - tail), directory) < 0)
		gs_out_of_memory();
	found = resolve(root, GS_LIBDIR "/", LIBRARY);
	free(root);
	return found;
}

static char *find_from(const char *directory)
{
	static const char *const places[] = {
		"/", "/../lib/" MULTIARCH "/", "/../lib64/", "/../lib/"};
	char *found = find_installed(directory);

	for (size_t i = 0; !found && i < GS_ARRAY_SIZE(places); i++)
		found = resolve(directory, places[i], LIBRARY);
	return found ? found : resolve("", GS_LIBDIR "/", LIBRARY);
}

char *gs_library_find(void)
{
	const char *given = getenv(GS_LIBRARY_ENV);
	char self[PATH_MAX];
	ssize_t length;
	char *found;

	if (given && *given) {
		found = resolve("", "", given);
		if (!found)
			gs_warn(GS_LIBRARY_ENV "=%s: %s; name one that is there", given,
				strerror(errno));
		return found;
	}
	length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[length < 0 ? 0 : length] = '\0';
	*(strrchr(self, '/') ? strrchr(self, '/') : self) = '\0';
	found = find_from(self);
	if (!found)
		gs_warn(LIBRARY ": neither in %s nor in the lib of its parent, nor in " GS_LIBDIR
				"; name it with " GS_LIBRARY_ENV,
			*self ? self : "/");
	return found;
}
