#include "arguments.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "err.h"
#include "launch.h"
#include "options.h"

void gs_arguments_error(const struct argp_state *state, const char *format, ...)
{
	va_list arguments;
	char *words;

	va_start(arguments, format);
	if (vasprintf(&words, format, arguments) < 0)
		gs_out_of_memory();
	va_end(arguments);
	gs_clean(words);
	argp_error(state, "%s", words);
	free(words);
}

/* ---- formats ---- */

#define ROW(name) {#name, gs_out_##name},
const struct gs_format gs_formats[] = {GS_FORMATS(ROW, ROW){NULL, NULL}};
#undef ROW

const struct gs_format *gs_arguments_format(const char *name, const struct argp_state *state)
{
	for (const struct gs_format *format = gs_formats; format->name; format++) {
		if (strcmp(format->name, name) == 0)
			return format;
	}
	gs_arguments_error(state, "%s: no such format; there are " GS_FORMAT_WORDS, name);
	return gs_formats;
}

/* ---- lists ---- */

void gs_arguments_add(struct gs_arguments_list *list, const char *item)
{
	list->items = gs_grow(list->items, &list->capacity, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = item;
}

void gs_arguments_free(struct gs_arguments_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}

error_t gs_arguments_take(struct gs_arguments_list *list, int key, const char *argument,
	const struct argp_state *state, const char *question)
{
	switch (key) {
	case ARGP_KEY_ARG:
		gs_arguments_add(list, argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		gs_arguments_error(state, "%s", question);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- the library's options ---- */

/* In the order of gs_option_info[]; no characters, and no keys of the commands' own. */
enum {
	BEFORE_KEYS = 0xfff,
#define GS_OPTION(key, type, field, fallback, argument, meaning) KEY_##key,
#include "options.def"
	END_OF_KEYS,
	FIRST_KEY = BEFORE_KEYS + 1,
};

static error_t parse_library(int key, char *argument, struct argp_state *state)
{
	char **options = state->input, *option, *fault, *all;

	if (key < FIRST_KEY || key >= END_OF_KEYS)
		return ARGP_ERR_UNKNOWN;
	option = gs_launch_option(gs_option_info[key - FIRST_KEY].key, argument);
	fault = gs_launch_fault(option);
	if (fault)
		gs_arguments_error(state, "--%s", fault);
	if (asprintf(&all, "%s%s%s", *options ? *options : "", *options ? ":" : "", option) < 0)
		gs_out_of_memory();
	free(fault);
	free(option);
	free(*options);
	*options = all;
	return 0;
}

/* Each option's help ends in its default. */
static char *add_default(int key, const char *text, void *input)
{
	char *words, *all;

	(void) input;
	if (key < FIRST_KEY || key >= END_OF_KEYS)
		return (char *) text;
	words = gs_defaults_words((unsigned) (key - FIRST_KEY));
	if (asprintf(&all, "%s. %s", text, words) < 0)
		gs_out_of_memory();
	free(words);
	return all;
}

static const struct argp_option library_options[] = {
#define GS_OPTION(key, type, field, fallback, argument, meaning) \
	{#key, KEY_##key, argument, 0, meaning, 0},
#include "options.def"
	{NULL, 0, NULL, 0, NULL, 0},
};

const struct argp gs_arguments_library = {
	.options = library_options,
	.parser = parse_library,
	.help_filter = add_default,
};
