/* run.h: a program is run and watched, and its records are read. `gilshim run` prints them; other
 * subcommands may judge them. */
#ifndef GS_RUN_H
#define GS_RUN_H

#include <stdbool.h>

#include "records.h"
#include "view.h"

struct gs_run {
	char **argv;         /* the program and its arguments, ended by NULL */
	const char *options; /* key=value:..., win over GILSHIM_OPTIONS; "": none */
	const char *keep;    /* directory for the records; NULL: what record= says */

	/* afterwards */
	int status; /* see gs_supervise(); set in any case */
	struct gs_view view;
	bool silent; /* the user asked for summary=none */
	struct gs_records records;
	char *record; /* record= as the user said it */
};

/* Runs the program to its end and reads the records of its tree. False if it was not run, after one
 * line that says why. */
bool gs_run(struct gs_run *run);

/* Puts the records where the user wants them and frees everything. Names processes that still run.
 * False if a record could not be moved, after one line. */
bool gs_run_end(struct gs_run *run);

#endif
