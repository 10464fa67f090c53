/* trace.h: runs a program and follows every process of its tree: which programs they executed, with
 * which environment, and which objects were loaded at the end. By ptrace(2), which answers for
 * programs that live for a millisecond, too; where it is not permitted the program just runs. */
#ifndef GS_TRACE_H
#define GS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record.h"
#include "table.h"

/* A program in a process: from its exec, or from the fork that made the process, to its end. */
struct gs_image {
	pid_t pid;
	pid_t inner_pid;     /* as the process itself knows it, in its namespace */
	uint32_t from;       /* the image that forked or executed it; GS_NONE: not known */
	const char *path;    /* of the executable; NULL: not known */
	const char *command; /* the first two of its arguments; NULL: not known */
	bool forked;         /* begun by a fork; environment and executable are those of `from` */
	bool secure;         /* AT_SECURE: the dynamic linker took no preloads */
	bool replaced;       /* by the next program of the process */
	bool ended;          /* in any way */
	/* its environment at its exec: each variable ended by a NUL */
	char *environment;
	size_t environment_size;
	uint64_t start_realtime_ns;
	uint32_t *objects; /* numbers of files that were mapped executable at its end */
	size_t object_count, object_capacity;
};

struct gs_trace {
	bool followed; /* false: ptrace is not permitted, and nothing is known but `status` */
	int status;    /* of the program: exit status, or 128 + signal */
	struct gs_image *images; /* the first is our own fork, before it becomes the program */
	size_t image_count, image_capacity;
	const char **files; /* paths; of all images, each once */
	size_t file_count, file_capacity;
	struct gs_map file_map;
	struct gs_pool pool;
};

/* Runs argv[0], found as a shell would, until it ends; its standard output is our standard error.
 * Processes that outlive it run on. Keys that end a program (^C) end it alone. False if it was not
 * run, after one line that says why: status is then 127, 126 or 2, as gs_supervise() has it. */
bool gs_trace(struct gs_trace *trace, char **argv);
void gs_trace_free(struct gs_trace *trace);

/* The value of a variable when the image was executed; NULL: not set, or not known. */
const char *gs_image_variable(
	const struct gs_trace *trace, const struct gs_image *image, const char *name);

#endif
