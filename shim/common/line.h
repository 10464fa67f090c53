/* line.h: the words of the summary. One formatter for the exit summary, printed inside the audited
 * process, and for `gilshim report`, so that the two can never disagree.
 *
 * No allocation, no stdio, no locale, errno untouched; names are printed with their control
 * characters replaced. */
#ifndef GS_LINE_H
#define GS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rank.h"
#include "record.h"
#include "text.h"

/* No gs_line_*() writes more than this at once. */
#define GS_LINE_MAX 2048

/* A site that is listed: a call's, or with GS_RULE_HELD_COMPUTE a place where a thread kept the GIL
 * outside of any. Strings are NULL where not known. */
struct gs_summary_site {
	enum gs_rule rule;
	enum gs_origin origin;
	bool at_most; /* times are closed by a later event */
	bool free_threaded;
	bool nobody_waited; /* to be said where stalled_ns is 0, see gs_line_names_stalled() */
	uint64_t calls;     /* GIL003: stretches */
	uint64_t blocked_calls;
	uint64_t blocked_ns;
	uint64_t elapsed_ns; /* GIL003: from when another thread began to wait */
	uint64_t worst_ns;
	uint64_t stalled_ns;
	uint64_t stalled_threads;        /* most that waited at once; 0: not known */
	const char *victims[GS_VICTIMS]; /* names of threads that waited; one may come twice */
	const char *thread;              /* GIL003: who kept the GIL */
	uint64_t unfinished;             /* calls that had not returned */
	/* the chain, innermost first */
	const char *call;                                /* GIL003: not looked at */
	const char *object, *symbol;                     /* what called libc */
	const char *extension_object, *extension_symbol; /* what Python called */
	const char *python_file, *python_function;
	uint32_t python_line; /* 0: not known */
};

/* Held calls of one origin. */
struct gs_summary_count {
	uint64_t calls;
	uint64_t blocked_calls;
	uint64_t blocked_ns;
	uint64_t stalled_ns;
};

/* Sites of GIL003 that are listed. */
struct gs_summary_compute {
	uint64_t sites;
	uint64_t stretches;
	uint64_t elapsed_ns;
	uint64_t stalled_ns;
};

/* What was waited for GILs and stops-the-world, in thread-ns, and of it the part whose cause is
 * known. */
struct gs_summary_waits {
	uint64_t waits;
	uint64_t waited_ns;
	uint64_t held_ns, computed_ns, free_ns; /* as in struct gs_gil_entry */
	uint64_t stops; /* of the waits: for a stop-the-world (free-threaded builds) */
};

/* GIL004: what the released calls of a function cost until the GIL was back. */
struct gs_summary_delay {
	const char *call;
	bool free_threaded;
	uint64_t calls;   /* that were followed by a wait */
	uint64_t delayed; /* of these: by one longer than the call */
	uint64_t call_median_ns;
	uint64_t wait_median_ns, wait_worst_ns;
};

/* A process, or several (the command's reports). Strings are NULL where not known. */
struct gs_summary_totals {
	const char *program; /* what the user started; a path is shown by its base name */
	uint32_t pid;
	uint32_t more_processes;    /* beside that one */
	const char *implementation; /* "cpython" */
	const char *python_version;
	bool free_threaded;                     /* "held" means "attached thread state" */
	bool waits_measured;                    /* `waits` and every stalled_ns are */
	bool unjudged;                          /* no usable oracle: the calls are `unknown` */
	uint64_t held, released, unknown, none; /* calls; held: harmless and lost included */
	struct gs_summary_count origin[GS_ORIGINS];
	struct gs_summary_compute compute;
	struct gs_summary_waits waits;
	uint64_t delays; /* lines of GIL004 that are shown */
	uint64_t lost_sites, lost_threads, lost_strings, lost_modules;
	uint64_t findings;  /* sites listed, see gs_rank_listed(), shown or not; GIL003 too */
	uint64_t not_shown; /* of these */
};

/* What the user started, from a record's `argv` (each argument ended by a line feed): the script or
 * the module that a Python runs, else the program. Written into `buffer`, which is also returned;
 * NULL if there is no argument. */
const char *gs_line_program(char *buffer, size_t size, const char *argv);

/* The whole summary is head, one gs_line_site() for each site shown, one gs_line_delay() for each
 * function shown, tail. Each ends in a line feed. The head of a clean run is one line, and its tail
 * empty unless something was lost, CPython itself blocked while it came up or went down, or a
 * gs_line_delay() was shown. */
void gs_line_head(struct gs_text *text, const struct gs_summary_totals *totals);

/* Did others stand still for some of the findings, and not for others? Then a site for which nobody
 * waited is to say so; else the head speaks for all, or nothing was measured. */
bool gs_line_names_stalled(const struct gs_summary_totals *totals);

/* The numbers, then the chain: a line each, but that who was stalled gets a line of its own where
 * there is no room. `rank` counts from 1. */
void gs_line_site(struct gs_text *text, unsigned rank, const struct gs_summary_site *site);

/* The two parts of gs_line_site() as they are for other formats: without rank, rule, indentation
 * and line feed, on one line, paths in full. */
void gs_line_numbers(struct gs_text *text, const struct gs_summary_site *site);
void gs_line_chain(struct gs_text *text, const struct gs_summary_site *site);

/* Two lines, if the names allow. No more than GS_LINE_DELAYS functions that
 * gs_rank_delay_listed() are shown, those first that waited longest. */
#define GS_LINE_DELAYS 3
void gs_line_delay(struct gs_text *text, const struct gs_summary_delay *delay);
/* The same for other formats: one line without rule, indentation and line feed. */
void gs_line_delay_words(struct gs_text *text, const struct gs_summary_delay *delay);

void gs_line_tail(struct gs_text *text, const struct gs_summary_totals *totals);

/* After the tail: an object whose calls are not seen, a line for each way that is among the flags
 * (GS_MODULE_DEEP and its kind). The words behind the object's name; `what` is called. */
#define GS_LINE_DEEP(what) "is bound to libc's " what " directly (RTLD_DEEPBIND): not seen"
#define GS_LINE_APART(what) "is bound to another libc's " what " (dlmopen): not seen"
#define GS_LINE_OPENS "opened libc by its name: what it calls from there is not seen"
void gs_line_past(struct gs_text *text, const char *object, uint32_t flags);

#endif
