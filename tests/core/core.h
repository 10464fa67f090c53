/* core.h: what the suites of the preloaded library's modules share: a record to write into,
 * children whose words are caught, libraries made on the spot. The library's objects are linked in
 * without those that stand before libc's functions, and are never armed. */
#ifndef GS_CORE_H
#define GS_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cunit.h"
#include "record.h"

/* Says why the test that runs, or a part of it, cannot be made here. */
void core_skip(const char *why);

/* ---- a record ---- */

/* Begins a new life: options at their defaults, a new record (in `directory`, NULL: anonymous), no
 * known site, no Python. Threads that counted before find out by the epoch. */
void core_begin(const char *directory);

/* The same, and threads claim blocks of their own from now on. */
void core_begin_threads(void);

/* What life.c adds to a new record before anybody may read it. */
void core_describe(void);

/* The path of this program. */
const char *core_program(void);

/* The number of sites that are published. */
unsigned core_sites(void);

/* ---- files ---- */

/* A new empty directory; its path stays good until the next call. */
const char *core_directory(void);
/* Takes a directory away, with the files in it. */
void core_remove(const char *directory);
unsigned core_files_in(const char *directory);
/* Reads a whole file as text, cut at `size` - 1 bytes. Returns the number of bytes, -1: none. */
long core_read(const char *path, char *buffer, size_t size);

/* ---- a child process and what it says ---- */

#define CORE_WRITES 64

struct core_said {
	int status;                 /* its exit status; -1: killed */
	unsigned writes;            /* write(2) calls that reached its standard error */
	size_t length[CORE_WRITES]; /* of the first of them */
	size_t total;
	char text[128 * 1024]; /* all of it */
};

/* Runs `body` in a forked child whose standard error is its tree's own, and returns what it wrote
 * there. Each write(2) is told apart. The answer is good until the next call. */
const struct core_said *core_child(int (*body)(void *), void *argument);

/* ---- libraries made on the spot ---- */

/* Compiles a small shared library to `path` with the words of `flags` added. It defines
 * library_exported(), library_uses_libc(), and library_hidden(), which returns the address of the
 * static function library_static(). False if there is no compiler. */
bool core_library(const char *path, const char *flags);

/* What readelf -n says of the file's build-id, in hexadecimal; "" if nothing. */
const char *core_build_id(const char *path);

/* ---- threads ---- */

/* Runs `body` in `count` threads, which begin together, and waits for them; each gets its number.
 */
void core_threads(unsigned count, void (*body)(unsigned number));

#endif
