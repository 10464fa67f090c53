/* synthetic.h: records made by hand, in memory and as files without a name, for the suites that
 * read records. */
#ifndef GS_SYNTHETIC_H
#define GS_SYNTHETIC_H

#include <stdio.h>

#include "record.h"
#include "view.h"

struct synthetic {
	struct gs_record_header *header; /* mapped from the file: changes are in it at once */
	int fd;
	char path[64]; /* under which the file can be opened */
};

/* An empty record of a process that ended, with no threads, sites or modules. */
void synthetic_make(struct synthetic *record, uint32_t stacks);
void synthetic_free(struct synthetic *record);

void *synthetic_entry(struct synthetic *record, unsigned section, uint32_t index);
uint32_t synthetic_string(struct synthetic *record, const char *text);
uint32_t synthetic_module(struct synthetic *record, const char *name, uint64_t start);
/* The function with that id, named; its counters are the caller's. */
struct gs_function *synthetic_function(struct synthetic *record, uint32_t call, const char *name);
struct gs_thread_entry *synthetic_thread(struct synthetic *record, uint32_t tid, uint32_t had_gil);
uint64_t *synthetic_counts(struct synthetic *record, uint32_t thread);

/* A site of function `call` with `calls` calls, its native caller in `module`, in line `line` of
 * app.py. The function's held calls grow with it. */
struct gs_site *synthetic_site(
	struct synthetic *record, uint32_t call, uint64_t calls, uint32_t module, uint32_t line);

/* A record with something in every table; all sums hold:
 * call 0 `recv`, 1 `nanosleep`, 2 `getpid` (held harmless); modules 0 libwait.so.1, 1 _ext...so,
 * 2 python3.11; sites 0 GIL001 extension, 1 GIL002 extension, 2 GIL001 interpreter, 3 startup;
 * threads 0 with a GIL, 1 without. */
void synthetic_fill(struct synthetic *record);

/* A thread that waited, or that others waited for; nothing is counted yet. */
struct gs_waiter *synthetic_waiter(struct synthetic *record, uint32_t tid, const char *name);
/* A place in line `line` of app.py where a thread computed in `stretches` stretches, called from
 * nowhere but Python. */
struct gs_site *synthetic_compute(struct synthetic *record, uint64_t stretches, uint32_t line);
/* What the calls of a function cost, all calls alike and all waits alike. */
struct gs_delay *synthetic_delay(struct synthetic *record, uint32_t call, uint64_t delayed,
	uint64_t call_ns, uint64_t wait_ns);

/* Adds to a full record who waited: waiters 0 ticker, 1 pool-1, 2 worker (which computed); ticker
 * and pool-1 behind site 0; site 4 GIL003 of worker; GIL004 of recv; one GIL. */
void synthetic_stalls(struct synthetic *record);

/* What `gilshim report` makes of the record. The caller frees. */
char *synthetic_report(struct gs_view *view, void (*format)(FILE *, struct gs_view *));

#endif
