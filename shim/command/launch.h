/* launch.h: the environment in which a program is watched: the library preloaded, the options and
 * the directory of the records in GILSHIM_OPTIONS. */
#ifndef GS_LAUNCH_H
#define GS_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

/* The value as GILSHIM_OPTIONS takes it, whatever it holds: "key='value'". The caller frees. */
char *gs_launch_option(const char *key, const char *value);

/* NULL, or what is wrong with one such option, in words. The caller frees. */
char *gs_launch_fault(const char *option);

/* What the user said, in the environment and on the command line. */
struct gs_launch_wish {
	char *options;  /* all of it; key=value:... */
	char *record;   /* where the records are wanted; NULL: nowhere */
	bool summaries; /* where the processes' summaries go was said */
	bool silent;    /* summary=none */
};

/* Joins GILSHIM_OPTIONS with `more` (key=value:..., may be empty), which wins. */
void gs_launch_read_wish(struct gs_launch_wish *wish, const char *more);
void gs_launch_free_wish(struct gs_launch_wish *wish);

/* Prepares this process's environment for a program that keeps its records in `directory`. False
 * if it cannot be watched, after one line that says why. */
bool gs_launch_prepare(const struct gs_launch_wish *wish, const char *directory);

#endif
