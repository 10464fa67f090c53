/* report.c: `gilshim report`. */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "compiler.h"
#include "err.h"
#include "out.h"
#include "view.h"

#define SUFFIX ".gilshim"

static const struct format {
	const char *name;
	void (*write)(FILE *stream, struct gs_view *view);
} formats[] = {
	{"text", gs_out_text},
	{"json", gs_out_json},
};

struct report {
	const struct format *format;
	const char *output; /* NULL: standard output */
	char **paths;
	int path_count;

	struct gs_view view;
	/* files read, so that one that is named twice is not counted twice */
	struct file_key {
		dev_t device;
		ino_t inode;
	} * files;
	size_t file_count, file_capacity;
	struct gs_map file_map;
	bool trouble;
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
		argp_error(state, "%s: no such format; there are text and json", argument);
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
	{"format", 'f', "FORMAT", 0, "text (the default) or json", 0},
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

/* ---- reading ---- */

static void complain(struct report *report, const char *path, const char *reason)
{
	gs_warn("%s: %s; not in this report", path, reason);
	report->trouble = true;
}

static bool is_new_file(struct report *report, const struct stat *file)
{
	struct file_key key;
	uint32_t index;

	memset(&key, 0, sizeof(key));
	key.device = file->st_dev;
	key.inode = file->st_ino;
	index = gs_map_find(&report->file_map, report->files, sizeof(key), &key, sizeof(key),
		(uint32_t) report->file_count);
	if (index < report->file_count)
		return false;
	report->files =
		gs_grow(report->files, &report->file_capacity, report->file_count + 1, sizeof(key));
	report->files[report->file_count++] = key;
	return true;
}

static void add_file(struct report *report, const char *path)
{
	struct gs_snapshot snapshot;
	const char *reason;

	if (!gs_snapshot_read(path, &snapshot, &reason)) {
		complain(report, path, reason);
		return;
	}
	if (is_new_file(report, &snapshot.file))
		gs_view_add(&report->view, &snapshot);
	gs_snapshot_free(&snapshot);
}

static int is_record(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > strlen(SUFFIX) &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static void add_directory(struct report *report, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_record, alphasort);

	if (count < 0) {
		complain(report, path, strerror(errno));
		return;
	}
	if (count == 0) {
		gs_warn("%s: no record files (*" SUFFIX ") in it; nothing to report from there",
			path);
		report->trouble = true;
	}
	for (int i = 0; i < count; i++) {
		char *file;

		if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0)
			gs_out_of_memory();
		add_file(report, file);
		free(file);
		free(entries[i]);
	}
	free(entries);
}

static void add_path(struct report *report, const char *path)
{
	struct stat file;

	if (stat(path, &file) < 0)
		complain(report, path, strerror(errno));
	else if (S_ISDIR(file.st_mode))
		add_directory(report, path);
	else
		add_file(report, path);
}

/* ---- writing ---- */

static void write_report(struct report *report)
{
	const char *name = report->output ? report->output : "standard output";
	FILE *stream = report->output ? fopen(report->output, "we") : stdout;
	bool failed;

	if (!stream) {
		gs_warn("%s: %s; no report written", name, strerror(errno));
		report->trouble = true;
		return;
	}
	errno = 0;
	report->format->write(stream, &report->view);
	failed = ferror(stream) != 0;
	if (fflush(stream) != 0)
		failed = true;
	if (report->output && fclose(stream) != 0)
		failed = true;
	if (failed) {
		gs_warn("%s: %s; the report is not complete", name,
			errno ? strerror(errno) : "write error");
		report->trouble = true;
	}
}

int gs_command_report(int argc, char **argv)
{
	struct report report;

	memset(&report, 0, sizeof(report));
	report.format = &formats[0];
	if (argp_parse(&argp, argc, argv, 0, NULL, &report) != 0)
		return GS_EXIT_TROUBLE;
	for (int i = 0; i < report.path_count; i++)
		add_path(&report, report.paths[i]);
	if (report.view.process_count > 0)
		write_report(&report);
	gs_view_free(&report.view);
	gs_map_free(&report.file_map);
	free(report.files);
	return report.trouble ? GS_EXIT_TROUBLE : GS_EXIT_OK;
}
