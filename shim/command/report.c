/* report.c: `gilshim report`. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "command.h"
#include "out_file.h"
#include "owner.h"
#include "paths.h"

struct report {
	const struct gs_format *format;
	const char *output; /* NULL: standard output */
	struct gs_arguments_list paths;

	struct gs_paths read;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct report *report = state->input;

	switch (key) {
	case 'f':
		report->format = gs_arguments_format(argument, state);
		return 0;
	case 'o':
		report->output = argument;
		return 0;
	default:
		return gs_arguments_take(&report->paths, key, argument, state,
			"which record? Name a file, or the directory given as record=");
	}
}

static const struct argp_option options[] = {
	{"format", 'f', GS_FORMAT_WORDS, 0, "what to write; text is the default", 0},
	{"output", 'o', "FILE", 0, "write to FILE instead of standard output", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

const struct argp gs_report_argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PATH...",
	.doc = "Says what record files say: files, or directories of them, of processes that "
	       "ended, were killed or still run. Several records make one report."
	       "\v"
	       "A program keeps records with `gilshim run -o DIR', or with "
	       "GILSHIM_OPTIONS=record=DIR. Exit status: 0, or 2 if something could not be read or "
	       "written; what could be read is reported all the same.\n\n"
	       "Examples:\n\n"
	       "  gilshim run -o records -- python3 app.py\n"
	       "  gilshim report records\n"
	       "  gilshim report -f json -o report.json records",
};

static void write_view(FILE *stream, void *context)
{
	struct report *report = context;

	report->format->write(stream, &report->read.view);
}

int gs_command_report(int argc, char **argv)
{
	struct report report;
	bool trouble;

	memset(&report, 0, sizeof(report));
	report.format = gs_formats;
	if (argp_parse(&gs_report_argp, argc, argv, 0, NULL, &report) != 0)
		return GS_EXIT_TROUBLE;
	for (size_t i = 0; i < report.paths.count; i++)
		gs_paths_add(&report.read, report.paths.items[i]);
	trouble = report.read.unreadable || report.read.empty;
	if (report.read.view.process_count > 0 && !gs_out_file(report.output, write_view, &report))
		trouble = true;
	gs_owner_forget();
	gs_paths_free(&report.read);
	gs_arguments_free(&report.paths);
	return trouble ? GS_EXIT_TROUBLE : GS_EXIT_OK;
}
