/* main.c: finds the subcommand and runs it. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "command.h"
#include "compiler.h"
#include "completion.h"
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

enum { KEY_COMPLETION = 0x100 };

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
	case KEY_COMPLETION:
		gs_completion_print(commands, GS_ARRAY_SIZE(commands));
		exit(GS_EXIT_OK);
	case ARGP_KEY_ARG:
		chosen->command = find(argument);
		if (!chosen->command)
			gs_arguments_error(state, "%s: no such command", argument);
		chosen->index = state->next - 1;
		state->next = state->argc; /* the rest is the subcommand's */
		return 0;
	case ARGP_KEY_NO_ARGS:
		gs_arguments_error(state, "which command?");
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

static const struct argp_option options[] = {
	{"completion", KEY_COMPLETION, NULL, 0, "print the tables of the completion for bash", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Finds the calls of a Python program that wait while they hold the GIL."
	       "\v"
	       "gilshim COMMAND --help says more about each.\n\n"
	       "Examples:\n\n"
	       "  gilshim run -- python3 app.py\n"
	       "  gilshim check -- python3 app.py\n"
	       "  LD_PRELOAD=libgilshim.so GILSHIM_OPTIONS=record=$PWD/records python3 app.py\n"
	       "  gilshim report records\n\n"
	       "The third is all that it takes where no other program can be put before.",
	.help_filter = help,
};

/* What argp prints (--help, --version) nobody else looks after. Where something failed it has been
 * said. */
static void check_output(int status, void *unused)
{
	(void) unused;
	if ((fflush(stdout) == 0 && !ferror(stdout)) || status != GS_EXIT_OK)
		return;
	gs_warn("standard output: write error; what was to be printed is not complete");
	_exit(GS_EXIT_TROUBLE);
}

int main(int argc, char **argv)
{
	struct chosen chosen = {NULL, 0};
	char *name;
	int status;

	argp_err_exit_status = GS_EXIT_TROUBLE;
	on_exit(check_output, NULL);
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
