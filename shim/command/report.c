/* report.c: `gilshim report`. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "compiler.h"
#include "out.h"
#include "out_file.h"
#include "owner.h"
#include "paths.h"

static const struct format {
	const char *name;
	void (*write)(FILE *stream, struct gs_view *view);
} formats[] = {
	{"text", gs_out_text},
	{"json", gs_out_json},
	{"sarif", gs_out_sarif},
	{"junit", gs_out_junit},
	{"github", gs_out_github},
};

struct report {
	const struct format *format;
	const char *output; /* NULL: standard output */
	char **paths;
	int path_count;

	struct gs_paths read;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct report *report = state->input;

	switch (key) {
	case 'f':
		for (size_t i = 0; i < GS_ARRAY_SIZE(formats); i++) {
			if (strcmp(formats[i].name, argument) == 0) {
				report->format = &formats[i];
				return 0;
			}
		}
		argp_error(state,
			"%s: no such format; there are text, json, sarif, junit and github",
			argument);
		return 0;
	case 'o':
		report->output = argument;
		return 0;
	case ARGP_KEY_ARGS:
		report->paths = state->argv + state->next;
		report->path_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which record? Name a file, or the directory given as record=");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"format", 'f', "FORMAT", 0, "text (the default), json, sarif, junit or github", 0},
	{"output", 'o', "FILE", 0, "write to FILE instead of standard output", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PATH...",
	.doc = "Says what record files say: files, or directories of them, of processes that "
	       "ended, "
	       "were killed or still run. Several records make one report."
	       "\v"
	       "A program keeps records with GILSHIM_OPTIONS=record=DIR. Exit status: 0, or 2 if "
	       "something could not be read or written; what could be read is reported all the "
	       "same.",
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
	report.format = &formats[0];
	if (argp_parse(&argp, argc, argv, 0, NULL, &report) != 0)
		return GS_EXIT_TROUBLE;
	for (int i = 0; i < report.path_count; i++)
		gs_paths_add(&report.read, report.paths[i]);
	trouble = report.read.unreadable || report.read.empty;
	if (report.read.view.process_count > 0 && !gs_out_file(report.output, write_view, &report))
		trouble = true;
	gs_owner_forget();
	gs_paths_free(&report.read);
	return trouble ? GS_EXIT_TROUBLE : GS_EXIT_OK;
}
