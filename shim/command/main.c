/* main.c: finds the subcommand and runs it. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compiler.h"
#include "err.h"

static const struct gs_command commands[] = {
	{"run", "runs a program, then says what its processes did with the GIL held",
		gs_command_run},
	{"report", "what record files say: sites that hold the GIL, most harmful first",
		gs_command_report},
	{"check", "the gate: fails if a program waited with the GIL held", gs_command_check},
	{"diff", "what is new, worse, better or gone between two runs", gs_command_diff},
	{"calls", "the calls of libc that are watched, and which of them this libc has",
		gs_command_calls},
	{"doctor", "is everything live here, and what can escape?", gs_command_doctor},
};

struct chosen {
	const struct gs_command *command;
	int index; /* of the subcommand's name in argv */
};

const char *argp_program_version = "gilshim " GS_VERSION;

static const struct gs_command *find(const char *name)
{
	for (size_t i = 0; i < GS_ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct chosen *chosen = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		chosen->command = find(argument);
		if (!chosen->command)
			argp_error(state, "%s: no such command", argument);
		chosen->index = state->next - 1;
		state->next = state->argc; /* the rest is the subcommand's */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The list of commands in --help, from the table. */
static char *help(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;
	FILE *stream;

	(void) input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *) text;
	stream = open_memstream(&list, &size);
	if (!stream)
		return (char *) text;
	fputs("Commands:\n", stream);
	for (size_t i = 0; i < GS_ARRAY_SIZE(commands); i++)
		fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fprintf(stream, "\n%s", text);
	if (fclose(stream) != 0)
		return (char *) text;
	return list;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Finds the calls of a Python program that wait while they hold the GIL."
	       "\v"
	       "gilshim COMMAND --help says more about each. A first look at a program:\n\n"
	       "  LD_PRELOAD=libgilshim.so python3 app.py\n\n"
	       "prints what was found when it ends; with GILSHIM_OPTIONS=record=DIR the\n"
	       "numbers are kept in DIR for `gilshim report DIR'.",
	.help_filter = help,
};

int main(int argc, char **argv)
{
	struct chosen chosen = {NULL, 0};
	char *name;
	int status;

	argp_err_exit_status = GS_EXIT_TROUBLE;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen) != 0)
		return GS_EXIT_TROUBLE;
	if (asprintf(&name, "gilshim %s", chosen.command->name) < 0) {
		gs_warn("out of memory");
		return GS_EXIT_TROUBLE;
	}
	argv[chosen.index] = name;
	status = chosen.command->run(argc - chosen.index, argv + chosen.index);
	free(name);
	return status;
}
