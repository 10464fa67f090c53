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

/* A site that is listed. Strings are NULL where not known. */
struct gs_summary_site {
	enum gs_rule rule;
	enum gs_origin origin;
	bool at_most; /* times are closed by a later event */
	uint64_t calls;
	uint64_t blocked_calls;
	uint64_t blocked_ns;
	uint64_t worst_ns;
	uint64_t stalled_ns;
	uint64_t unfinished; /* calls that had not returned */
	/* the chain, innermost first */
	const char *call;
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
};

/* A process, or several (the command's reports). Strings are NULL where not known. */
struct gs_summary_totals {
	const char *program; /* what the user started; a path is shown by its base name */
	uint32_t pid;
	uint32_t more_processes;    /* beside that one */
	const char *implementation; /* "cpython" */
	const char *python_version;
	bool free_threaded;                     /* "held" means "attached thread state" */
	bool unjudged;                          /* no usable oracle: the calls are `unknown` */
	uint64_t held, released, unknown, none; /* calls; held: harmless and lost included */
	struct gs_summary_count origin[GS_ORIGINS];
	uint64_t lost_sites, lost_threads, lost_strings, lost_modules;
	uint64_t findings;  /* sites listed, see gs_rank_listed(), shown or not */
	uint64_t not_shown; /* of these */
};

/* What the user started, from a record's `argv` (each argument ended by a line feed): the script or
 * the module that a Python runs, else the program. Written into `buffer`, which is also returned;
 * NULL if there is no argument. */
const char *gs_line_program(char *buffer, size_t size, const char *argv);

/* The whole summary is head, one gs_line_site() for each site shown, tail. Each ends in a line
 * feed. The head of a clean run is one line, and its tail empty unless something was lost, or
 * CPython itself blocked while it came up or went down. */
void gs_line_head(struct gs_text *text, const struct gs_summary_totals *totals);

/* Two lines: the numbers, then the chain. `rank` counts from 1. */
void gs_line_site(struct gs_text *text, unsigned rank, const struct gs_summary_site *site);

void gs_line_tail(struct gs_text *text, const struct gs_summary_totals *totals);

#endif
