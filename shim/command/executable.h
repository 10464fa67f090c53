/* executable.h: what the file of a program says about whether a library can be preloaded into it.
 */
#ifndef GS_EXECUTABLE_H
#define GS_EXECUTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "objfile.h"

struct gs_executable {
	char *path;
	char *script;   /* what #! names, NULL: no script; nothing else is known of a script */
	char *argument; /* what follows it on that line; NULL: nothing */
	char *loader;   /* the dynamic linker; NULL: none */
	bool is_elf, dynamic;
	bool secure;      /* set-user-ID or the like: the dynamic linker takes no preloads */
	bool has_python;  /* is an interpreter, or is linked with one */
	int bits;         /* 32 or 64 */
	uint16_t machine; /* EM_* */
};

/* Reads the file at `path`. NULL, or why not, in words. Free it in any case. */
const char *gs_executable_read(struct gs_executable *executable, const char *path);
void gs_executable_free(struct gs_executable *executable);

/* The path of a command as execvp(3) finds it, NULL: nowhere. The caller frees. */
char *gs_executable_search(const char *name);

/* Why that library cannot be preloaded into it, in words: "statically linked: ..."; NULL: it can.
 * The caller frees. */
char *gs_executable_fault(const struct gs_executable *executable, const struct gs_objfile *library);

/* "64-bit x86-64, dynamic (ld-linux-x86-64.so.2)", "script for /bin/sh". The caller frees. */
char *gs_executable_words(const struct gs_executable *executable);

/* Is the file named like an interpreter that takes -c (python3.11, pypy3)? */
bool gs_executable_takes_code(const char *path);

#endif
