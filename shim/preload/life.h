/* life.h: the process: coming up, arming, forks, ends. */
#ifndef GS_LIFE_H
#define GS_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "options.h"

struct gs_life {
	struct gs_options options;
	uint32_t pid; /* of the process that the record belongs to; 0: none */
	uint64_t start_ns, start_realtime_ns;
	bool timed;      /* released calls take the cold half too: timing=all, log=all */
	bool leaves_out; /* calls that may wait are not watched: calls, skip */
	bool ended;
};

extern GS_HIDDEN struct gs_life gs_life;

/* A condition was initialised by code at `caller`: is it an interpreter that we do not know yet? */
GS_HIDDEN void gs_life_look_for_python(void *caller);

/* CPython is making its GIL: arms the process if it is not armed. In a forked child this is what
 * starts its own record. */
GS_HIDDEN void gs_life_python_here(void);

GS_HIDDEN void gs_life_gil_made(uint32_t made);

/* Before _exit and its kind: ends the record, if it is this process's, and prints the summary. */
GS_HIDDEN void gs_life_exit(void);

/* Before exec of `path` (NULL: not known): ends the record; findings are printed, for no end of
 * this program follows. */
GS_HIDDEN void gs_life_exec(const char *path);

/* After an exec that came back: the process goes on, and its record says so. Keeps errno. */
GS_HIDDEN void gs_life_exec_failed(void);

#endif
