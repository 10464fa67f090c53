#include "launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "err.h"
#include "library.h"
#include "options.h"

#define PRELOAD_ENV "LD_PRELOAD"

/* ---- the library ---- */

/* Is the library the first of the list already? So it is where one run starts another. */
static bool is_first(const char *list, const char *library)
{
	size_t length = strlen(library);

	return strncmp(list, library, length) == 0 && (!list[length] || strchr(" :", list[length]));
}

static bool preload(void)
{
	const char *others = getenv(PRELOAD_ENV);
	char *library = gs_library_find(), *list = NULL;
	bool done = false;

	if (!library)
		return false;
	if (strpbrk(library, " :")) {
		gs_warn("%s: a path in " PRELOAD_ENV " can hold no space and no colon; move the "
			"library, or name another with " GS_LIBRARY_ENV,
			library);
	} else {
		if (!others || !*others)
			list = strdup(library);
		else if (is_first(others, library))
			list = strdup(others);
		else if (asprintf(&list, "%s:%s", library, others) < 0)
			list = NULL;
		if (!list || setenv(PRELOAD_ENV, list, 1) < 0)
			gs_out_of_memory();
		done = true;
	}
	free(list);
	free(library);
	return done;
}

/* ---- the options ---- */

char *gs_launch_option(const char *key, const char *value)
{
	static const char quote[] = "'\"'\"'"; /* ends the quotes, a quoted quote, begins anew */
	char *text = gs_alloc(strlen(key) + strlen(value) * strlen(quote) + sizeof("=''"), 1);
	char *to = stpcpy(stpcpy(text, key), "='");

	for (; *value; value++) {
		if (*value == '\'')
			to = stpcpy(to, quote);
		else
			*to++ = *value;
	}
	*to = '\'';
	return text;
}

static void note_fault(void *context, const struct gs_option_error *error)
{
	char **fault = context;

	if (!*fault &&
		asprintf(fault, "%.*s: %.*s: expected %s", (int) error->key_length, error->key,
			(int) error->value_length, error->value, error->expected) < 0)
		gs_out_of_memory();
}

char *gs_launch_fault(const char *option)
{
	unsigned char watched[GS_CALLS];
	struct gs_options options = {0};
	char *fault = NULL;

	if (gs_options_parse(&options, option, note_fault, &fault) == 0)
		gs_options_calls(&options, watched, note_fault, &fault);
	return fault;
}

/* A value that was set lies in the options' own buffer, a default does not. */
static bool was_set(const struct gs_options *options, const char *value)
{
	return value >= options->text && value < options->text + sizeof(options->text);
}

static char *join(const char *first, const char *second)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", first, *first && *second ? ":" : "", second) < 0)
		gs_out_of_memory();
	return joined;
}

void gs_launch_read_wish(struct gs_launch_wish *wish, const char *more)
{
	const char *environment = getenv(GS_OPTIONS_ENV);
	struct gs_options options = {0};

	memset(wish, 0, sizeof(*wish));
	wish->options = join(environment ? environment : "", more);
	gs_options_parse(&options, wish->options, NULL, NULL);
	wish->summaries = was_set(&options, options.summary);
	wish->silent = strcmp(options.summary, "none") == 0;
	if (options.record && !(wish->record = strdup(options.record)))
		gs_out_of_memory();
}

void gs_launch_free_wish(struct gs_launch_wish *wish)
{
	free(wish->options);
	free(wish->record);
	memset(wish, 0, sizeof(*wish));
}

/* The library makes a directory that is not there: not this one, for a process that begins when it
 * is gone. mkdir(2) of DIR/. makes none. */
static char *inside(const char *directory)
{
	char *path;

	if (asprintf(&path, "%s/.", directory) < 0)
		gs_out_of_memory();
	return path;
}

/* The option again with a path from the root, for processes that begin elsewhere; empty if `value`
 * is none, or one already. */
static char *anchor(const char *key, const char *value)
{
	char *directory, *path, *option;

	if (*value == '/' || strcmp(value, "stderr") == 0 || strcmp(value, "none") == 0)
		return join("", "");
	directory = getcwd(NULL, 0);
	if (!directory)
		return join("", "");
	if (asprintf(&path, "%s/%s", directory, value) < 0)
		gs_out_of_memory();
	option = gs_launch_option(key, path);
	free(path);
	free(directory);
	return option;
}

/* Those of `wish` that name files. */
static char *anchor_files(const struct gs_launch_wish *wish)
{
	struct gs_options options = {0};
	char *summary, *log_to, *both;

	gs_options_parse(&options, wish->options, NULL, NULL);
	summary = anchor("summary", options.summary);
	log_to = anchor("log_to", options.log_to);
	both = join(summary, log_to);
	free(summary);
	free(log_to);
	return both;
}

bool gs_launch_prepare(const struct gs_launch_wish *wish, const char *directory)
{
	char *place = inside(directory);
	char *record = gs_launch_option("record", place);
	char *files = anchor_files(wish);
	char *more = join(wish->summaries ? "" : "summary=none", files);
	char *ours = join(more, record);
	char *all = join(wish->options, ours);
	struct gs_options options = {0};
	bool done = false;

	/* Read as the library will: a quote that is left open before ours swallows them. */
	gs_options_parse(&options, all, NULL, NULL);
	if (strlen(all) >= GS_OPTIONS_TEXT)
		gs_warn(GS_OPTIONS_ENV ": too long; nothing is run");
	else if (!options.record || strcmp(options.record, place) != 0)
		gs_warn(GS_OPTIONS_ENV "=%s: a quote is not closed; nothing is run", wish->options);
	else if (setenv(GS_OPTIONS_ENV, all, 1) < 0)
		gs_out_of_memory();
	else
		done = preload();
	free(all);
	free(ours);
	free(more);
	free(files);
	free(record);
	free(place);
	return done;
}
