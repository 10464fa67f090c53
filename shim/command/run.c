/* run.c: `gilshim run`. */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "command.h"
#include "err.h"
#include "launch.h"
#include "out.h"
#include "supervise.h"

/* ---- a watched run ---- */

static bool make_directory(const char *path)
{
	struct stat file;

	if (mkdir(path, 0777) < 0 && errno != EEXIST) {
		gs_warn("%s: %s; nothing is run", path, strerror(errno));
		return false;
	}
	if (stat(path, &file) == 0 && !S_ISDIR(file.st_mode))
		errno = ENOTDIR;
	else if (access(path, W_OK | X_OK) == 0)
		return true;
	gs_warn("%s: no records can be kept there: %s; nothing is run", path, strerror(errno));
	return false;
}

/* Runs it in the directory of the records, which must be empty again if it does not run. */
static bool run_watched(struct gs_run *run, const struct gs_launch_wish *wish)
{
	if (run->keep && !make_directory(run->keep))
		return false;
	if (!gs_records_open(&run->records))
		return false;
	if (gs_launch_prepare(wish, run->records.directory) &&
		gs_supervise(run->argv, &run->status)) {
		gs_records_read(&run->records, &run->view);
		return true;
	}
	gs_records_close(&run->records, &run->view, NULL);
	return false;
}

bool gs_run(struct gs_run *run)
{
	struct gs_launch_wish wish;
	bool done;

	gs_launch_read_wish(&wish, run->options);
	run->status = GS_EXIT_TROUBLE;
	run->silent = wish.silent;
	run->record = wish.record;
	wish.record = NULL;
	if (!run->keep)
		run->keep = run->record;
	done = run_watched(run, &wish);
	gs_launch_free_wish(&wish);
	if (!done)
		free(run->record);
	return done;
}

bool gs_run_end(struct gs_run *run)
{
	bool all_moved = gs_records_close(&run->records, &run->view, run->keep);

	gs_view_free(&run->view);
	free(run->record);
	run->record = NULL;
	return all_moved;
}

/* ---- the command line ---- */

struct line {
	struct gs_run run;
	char *options; /* of the library; NULL: none */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct line *line = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &line->options;
		return 0;
	case 'o':
		line->run.keep = argument;
		return 0;
	case ARGP_KEY_ARGS:
		line->run.argv = state->argv + state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		gs_arguments_error(state, "which program?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"output", 'o', "DIR", 0, "keep the records in DIR, for gilshim report", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_child children[] = {
	{&gs_arguments_library, 0, "Options of the library, as in GILSHIM_OPTIONS:", 1},
	{NULL, 0, NULL, 0},
};

const struct argp gs_run_argp = {
	.options = options,
	.parser = parse,
	.children = children,
	.args_doc = "PROGRAM [ARGUMENT...]",
	.doc = "Runs PROGRAM and says on standard error, when it has ended, which calls of the "
	       "Python processes it started waited while they held the GIL."
	       "\v"
	       "Options of the library win over GILSHIM_OPTIONS. --record is as -o. "
	       "--summary=none: nothing is said here either; another summary: each process prints "
	       "its own too. The library is the one beside this command, or that it was installed "
	       "with, or is named by GILSHIM_LIBRARY.\n\n"
	       "Exit status: PROGRAM's; 128 + the signal that killed it; 127 if it was not found, "
	       "126 if it cannot be executed; 2 if it was not run for a reason of ours.\n\n"
	       "Examples:\n\n"
	       "  gilshim run -- python3 app.py\n"
	       "  gilshim run -o records --summary=none -- python3 app.py\n"
	       "  gilshim run --log=blocked --log_to=blocked.log -- python3 app.py",
};

/* ---- the summary ---- */

static void print(struct gs_view *view)
{
	if (view->process_count == 0)
		gs_warn("nothing was judged: no Python ran with the library in it");
	else if (view->function_count == 0)
		gs_warn("nothing was judged: Python made none of the calls that are watched");
	else
		gs_out_text(stderr, view);
}

int gs_command_run(int argc, char **argv)
{
	struct line line;
	int status = GS_EXIT_TROUBLE;

	memset(&line, 0, sizeof(line));
	if (argp_parse(&gs_run_argp, argc, argv, ARGP_IN_ORDER, NULL, &line) == 0) {
		line.run.options = line.options ? line.options : "";
		if (gs_run(&line.run)) {
			if (!line.run.silent)
				print(&line.run.view);
			gs_run_end(&line.run);
		}
		status = line.run.status;
	}
	free(line.options);
	return status;
}
