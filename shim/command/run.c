/* run.c: `gilshim run`. */
#include "run.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "err.h"
#include "launch.h"
#include "options.h"
#include "out.h"
#include "supervise.h"

#define FIRST_KEY 256 /* of the options of options.def: no character */

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
	char *options;
};

/* --key=VALUE, as one more option of GILSHIM_OPTIONS. */
static void add_option(
	struct line *line, unsigned index, const char *value, const struct argp_state *state)
{
	char *option = gs_launch_option(gs_option_info[index].key, value);
	char *fault = gs_launch_fault(option), *all;

	if (fault)
		argp_error(state, "--%s", fault);
	if (asprintf(&all, "%s%s%s", line->options, *line->options ? ":" : "", option) < 0)
		gs_out_of_memory();
	free(fault);
	free(option);
	free(line->options);
	line->options = all;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct line *line = state->input;

	switch (key) {
	case 'o':
		line->run.keep = argument;
		return 0;
	case ARGP_KEY_ARGS:
		line->run.argv = state->argv + state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which program?");
		return 0;
	default:
		if (key < FIRST_KEY || key >= FIRST_KEY + (int) gs_option_count)
			return ARGP_ERR_UNKNOWN;
		add_option(line, (unsigned) (key - FIRST_KEY), argument, state);
		return 0;
	}
}

/* -o, then a row for each row of options.def. */
static struct argp_option *make_options(void)
{
	struct argp_option *options = gs_alloc(gs_option_count + 2, sizeof(*options));

	options[0] = (struct argp_option){
		"output", 'o', "DIR", 0, "keep the records in DIR, for gilshim report", 0};
	for (unsigned i = 0; i < gs_option_count; i++) {
		const struct gs_option_info *info = &gs_option_info[i];

		options[i + 1] = (struct argp_option){
			info->key, FIRST_KEY + (int) i, info->argument, 0, info->meaning, 1};
	}
	return options;
}

static error_t parse_line(int argc, char **argv, struct line *line)
{
	struct argp_option *options = make_options();
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PROGRAM [ARGUMENT...]",
		.doc = "Runs PROGRAM and says on standard error, when it has ended, which calls of "
		       "the Python processes it started waited while they held the GIL."
		       "\v"
		       "The --key=VALUE options are those of GILSHIM_OPTIONS, and win over it. "
		       "--record is as -o. --summary=none: nothing is said here either; another "
		       "summary: each process prints its own too. The library is looked for in "
		       "../lib and beside this command, or is named by GILSHIM_LIBRARY.\n\n"
		       "Exit status: PROGRAM's; 128 + the signal that killed it; 127 if it was not "
		       "found, 126 if it cannot be executed; 2 if it was not run for a reason of "
		       "ours.",
	};
	error_t error = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, line);

	free(options);
	return error;
}

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
	line.options = strdup("");
	if (!line.options)
		gs_out_of_memory();
	if (parse_line(argc, argv, &line) == 0) {
		line.run.options = line.options;
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
