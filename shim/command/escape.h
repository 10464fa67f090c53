/* escape.h: what of an object's waiting the library cannot see, because it does not go through a
 * name of libc that the dynamic linker looks up, or finds in us. The former is found in the
 * object's file alone, the latter in records. */
#ifndef GS_ESCAPE_H
#define GS_ESCAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "table.h"
#include "view.h"

/* Most certain first. */
enum gs_escape_how {
	GS_ESCAPE_GO,        /* the runtime of Go makes its own system calls */
	GS_ESCAPE_LIBC,      /* a libc of its own, linked into it */
	GS_ESCAPE_INLINE,    /* system call instructions in its code */
	GS_ESCAPE_DEFINES,   /* the program defines the name itself, before any library */
	GS_ESCAPE_DEEP,      /* loaded with RTLD_DEEPBIND: libc comes before the preload */
	GS_ESCAPE_APART,     /* loaded with dlmopen: into a namespace with another libc */
	GS_ESCAPE_OPENS,     /* opened libc by its name */
	GS_ESCAPE_COMPUTED,  /* system call instructions, of which call is not known */
	GS_ESCAPE_NAMESPACE, /* may load objects into another namespace: dlmopen */
	GS_ESCAPE_HANDLE,    /* may fetch functions from a handle of libc: dlsym */
	GS_ESCAPES
};

struct gs_escape {
	const char *object; /* SONAME, else base name */
	enum gs_escape_how how;
	const char *call; /* NULL: any, or not known */
};

struct gs_escapes {
	struct gs_escape *list;
	size_t count, capacity;
	struct gs_pool pool; /* of the texts */
};

/* Adds what escapes of the object in a file. Libc, the dynamic linker and CPython itself are looked
 * at only for what concerns others; a file that cannot be read adds nothing. Costs about a
 * millisecond for each megabyte of code. */
void gs_escapes_add(struct gs_escapes *escapes, const char *path);

/* The same of the objects of records, as far as they are still what was loaded. */
void gs_escapes_add_view(struct gs_escapes *escapes, const struct gs_view *view);

void gs_escapes_free(struct gs_escapes *escapes);

/* Is it so, rather than may be? */
bool gs_escape_is_certain(enum gs_escape_how how);

/* One line for each object and way: "libgomp.so.1 waits by inline futex: not seen", most certain
 * first, each behind `indent`. What only may be follows on one line for each way if `all` is
 * wanted, and then each line says what to do. */
void gs_escapes_write(struct gs_escapes *escapes, FILE *stream, const char *indent, bool all);

/* [{object, how, call}], in the same order. */
json_t *gs_escapes_json(struct gs_escapes *escapes);

#endif
