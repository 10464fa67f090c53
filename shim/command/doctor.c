/* doctor.c: `gilshim doctor`: is everything live here, and what can escape? */
#include "doctor.h"

#include <argp.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "command.h"
#include "err.h"
#include "executable.h"
#include "out_file.h"

#define GS_EXIT_NOT_LIVE 1
#define COLUMN 18 /* where the text of a line begins */

/* Takes the text. Paths and commands in it come from outside. */
static void add_line(struct gs_doctor *doctor, struct gs_doctor_line line)
{
	for (char *at = line.text; *at; at++) {
		if ((unsigned char) *at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	doctor->lines = gs_grow(doctor->lines, &doctor->line_capacity, doctor->line_count + 1,
		sizeof(*doctor->lines));
	doctor->lines[doctor->line_count++] = line;
}

static char *format_text(const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		gs_out_of_memory();
	return text;
}

void gs_doctor_say(struct gs_doctor *doctor, enum gs_health health, const char *about,
	const char *advice, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add_line(doctor,
		(struct gs_doctor_line){health, about, format_text(format, arguments), advice});
	va_end(arguments);
}

void gs_doctor_say_once(
	struct gs_doctor *doctor, enum gs_health health, const char *about, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	for (size_t i = 0; i < doctor->line_count; i++) {
		struct gs_doctor_line *line = &doctor->lines[i];

		if (strcmp(line->text, text) != 0)
			continue;
		if (line->health < health)
			line->health = health;
		free(text);
		return;
	}
	add_line(doctor, (struct gs_doctor_line){health, about, text, NULL});
}

static size_t count_wrong(const struct gs_doctor *doctor)
{
	size_t wrong = 0;

	for (size_t i = 0; i < doctor->line_count; i++)
		wrong += doctor->lines[i].health == GS_HEALTH_WRONG;
	return wrong;
}

/* ---- text ---- */

static const char *const health_words[] = {
	[GS_HEALTH_OK] = "ok", [GS_HEALTH_NOTE] = "note", [GS_HEALTH_WRONG] = "wrong"};

static void write_text(FILE *stream, struct gs_doctor *doctor)
{
	size_t wrong = count_wrong(doctor);

	for (size_t i = 0; i < doctor->line_count; i++) {
		const struct gs_doctor_line *line = &doctor->lines[i];

		fprintf(stream, "%-5s  %-10s %s\n", health_words[line->health], line->about,
			line->text);
		if (line->advice)
			fprintf(stream, "%*s-> %s\n", COLUMN, "", line->advice);
	}
	if (doctor->escapes.count) {
		fputs("What can escape:\n", stream);
		gs_escapes_write(&doctor->escapes, stream, "  ", true);
	}
	if (wrong)
		fprintf(stream, "Not everything is live: %zu wrong.\n", wrong);
	else
		fputs("Everything is live.\n", stream);
}

/* ---- JSON ---- */

static void push(json_t *list, json_t *value)
{
	if (json_array_append_new(list, value) != 0)
		gs_out_of_memory();
}

static json_t *checks(const struct gs_doctor *doctor)
{
	json_t *list = json_array();

	for (size_t i = 0; i < doctor->line_count; i++) {
		const struct gs_doctor_line *line = &doctor->lines[i];
		const char *text = gs_pool_text(
			(struct gs_pool *) &doctor->pool, line->text, 2 * strlen(line->text) + 1);

		push(list, json_pack("{ss ss ss ss*}", "health", health_words[line->health],
				   "about", line->about, "text", text, "advice", line->advice));
	}
	return list;
}

static json_t *pythons(const struct gs_doctor *doctor)
{
	static const char *const pairs[] = {[GS_PAIR_RIGHT] = "right",
		[GS_PAIR_WRONG] = "wrong",
		[GS_PAIR_UNKNOWN] = "unknown",
		[GS_PAIR_NOT_TRIED] = "not tried"};
	json_t *list = json_array();

	for (size_t i = 0; i < doctor->python_count; i++) {
		const struct gs_doctor_python *python = &doctor->pythons[i];

		push(list, json_pack("{ss* ss* ss* sb sI ss* ss* ss}", "executable", python->path,
				   "implementation", python->implementation, "version",
				   python->version, "live", python->reason == NULL, "processes",
				   (json_int_t) python->processes, "oracle", python->oracle,
				   "reason", python->reason, "pair", pairs[python->pair]));
	}
	return list;
}

static void write_json(FILE *stream, struct gs_doctor *doctor)
{
	json_t *document = json_pack("{ss ss sb so so so}", "schema", "gilshim-doctor/1", "gilshim",
		GS_VERSION, "live", count_wrong(doctor) == 0, "checks", checks(doctor), "pythons",
		pythons(doctor), "escapes", gs_escapes_json(&doctor->escapes));

	if (!document)
		gs_out_of_memory();
	json_dumpf(document, stream, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputc('\n', stream);
	json_decref(document);
}

/* ---- the command line ---- */

struct line {
	struct gs_doctor doctor;
	void (*write)(FILE *stream, struct gs_doctor *doctor);
	const char *output; /* NULL: standard output */
	char **argv;        /* the program; NULL: none */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct line *line = state->input;

	switch (key) {
	case 'f':
		if (strcmp(argument, "json") == 0)
			line->write = write_json;
		else if (strcmp(argument, "text") == 0)
			line->write = write_text;
		else
			gs_arguments_error(
				state, "%s: no such format; there are text and json", argument);
		return 0;
	case 'o':
		line->output = argument;
		return 0;
	case ARGP_KEY_ARGS:
		line->argv = state->argv + state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"format", 'f', "text|json", 0, "what to write; text is the default", 0},
	{"output", 'o', "FILE", 0, "write to FILE instead of standard output", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

const struct argp gs_doctor_argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[PROGRAM [ARGUMENT...]]",
	.doc = "Says whether everything that gilshim needs is live here, and what it would not "
	       "see. "
	       "Runs PROGRAM, to its end, with the library preloaded, follows every process that "
	       "it starts, and says of each Python whether the library was live in it, and if "
	       "not, "
	       "why; whether a held and a released sleep are told apart in it; and which of the "
	       "objects that it loaded make calls past libc. Without PROGRAM: python3."
	       "\v"
	       "PROGRAM's standard output becomes standard error, so that the report stands "
	       "alone; "
	       "^C ends it, not the report.\n\n"
	       "Exit status: 0 everything is live; 1 something is not; 2 bad usage, or nothing "
	       "could be examined; 127 if PROGRAM was not found, 126 if it cannot be executed. "
	       "What can escape does not change it.\n\n"
	       "Examples:\n\n"
	       "  gilshim doctor\n"
	       "  gilshim doctor -- python3 app.py\n"
	       "  gilshim doctor --format=json -- python3 -c 'import json'",
};

static void write_report(FILE *stream, void *context)
{
	struct line *line = context;

	line->write(stream, &line->doctor);
}

static void free_doctor(struct gs_doctor *doctor)
{
	for (size_t i = 0; i < doctor->line_count; i++)
		free(doctor->lines[i].text);
	free(doctor->lines);
	free(doctor->pythons);
	free(doctor->library);
	if (doctor->file.elf)
		gs_objfile_close(&doctor->file);
	gs_escapes_free(&doctor->escapes);
	gs_pool_free(&doctor->pool);
}

/* Of a machine without one that much is known. */
static int examine_default(struct gs_doctor *doctor)
{
	char *argv[] = {"python3", "-c", "pass", NULL};
	char *path = gs_executable_search(argv[0]);

	free(path);
	if (path)
		return gs_doctor_program(doctor, argv);
	gs_doctor_say(doctor, GS_HEALTH_NOTE, "python", NULL, "there is no python3 in PATH");
	return GS_EXIT_OK;
}

int gs_command_doctor(int argc, char **argv)
{
	struct line line = {.write = write_text};
	int status = GS_EXIT_OK;

	if (argp_parse(&gs_doctor_argp, argc, argv, ARGP_IN_ORDER, NULL, &line) != 0)
		return GS_EXIT_TROUBLE;
	gs_doctor_machine(&line.doctor);
	if (line.doctor.library)
		status = line.argv ? gs_doctor_program(&line.doctor, line.argv)
				   : examine_default(&line.doctor);
	if (status == GS_EXIT_OK && !gs_out_file(line.output, write_report, &line))
		status = GS_EXIT_TROUBLE;
	if (status == GS_EXIT_OK && count_wrong(&line.doctor) > 0)
		status = GS_EXIT_NOT_LIVE;
	free_doctor(&line.doctor);
	return status;
}
