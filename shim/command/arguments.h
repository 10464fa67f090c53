/* arguments.h: what the command lines of the subcommands have in common. */
#ifndef GS_ARGUMENTS_H
#define GS_ARGUMENTS_H

#include <argp.h>
#include <stddef.h>
#include <stdio.h>

#include "compiler.h"
#include "out.h"

/* ---- formats ---- */

/* THE list of formats: gs_out_NAME() writes each. The first is the default. */
#define GS_FORMATS(FIRST, NEXT) FIRST(text) NEXT(json) NEXT(sarif) NEXT(junit) NEXT(github)

#define GS_FORMAT_WORD(name) #name
#define GS_FORMAT_NEXT_WORD(name) "|" #name
/* As an option's argument: "text|json|..." */
#define GS_FORMAT_WORDS GS_FORMATS(GS_FORMAT_WORD, GS_FORMAT_NEXT_WORD)

struct gs_format {
	const char *name;
	void (*write)(FILE *stream, struct gs_view *view);
};

extern const struct gs_format gs_formats[];

/* The format of that name; ends the command if there is none. */
const struct gs_format *gs_arguments_format(const char *name, const struct argp_state *state);

/* ---- lists ---- */

struct gs_arguments_list {
	const char **items; /* of argv */
	size_t count, capacity;
};

void gs_arguments_add(struct gs_arguments_list *list, const char *item);
void gs_arguments_free(struct gs_arguments_list *list);

/* As the end of a parser: takes arguments that are no options. `question`: what is said, before the
 * command ends, where there is none. */
error_t gs_arguments_take(struct gs_arguments_list *list, int key, const char *argument,
	const struct argp_state *state, const char *question);

/* ---- the library's options ---- */

/* A child for parsers of commands that run programs: --KEY=VALUE for each row of options.def. Its
 * input is a text, key=value:..., that the options are added to; the caller frees. */
extern const struct argp gs_arguments_library;

/* As argp_error(): says it, and ends the command. Words of the command line can forge no line. */
void gs_arguments_error(const struct argp_state *state, const char *format, ...) GS_PRINTF(2, 3);

#endif
