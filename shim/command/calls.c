/* calls.c: `gilshim calls`, the table of intercepted calls. */
#include "calls.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "command.h"
#include "err.h"
#include "libc.h"
#include "man.h"

#define WIDTH 80
#define NAMES_COLUMN 44

enum { KEY_MAN = 256 };

static const struct argp_option options[] = {
	{"man", KEY_MAN, "calls|options", 0, "print that table as man page source instead", 0},
	{0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	if (key == KEY_MAN) {
		*(const char **) state->input = argument;
		return 0;
	}
	if (key == ARGP_KEY_ARG)
		gs_arguments_error(state, "%s: no argument expected", argument);
	return key == ARGP_KEY_ARG ? 0 : ARGP_ERR_UNKNOWN;
}

const struct argp gs_calls_argp = {
	.options = options,
	.parser = parse,
	.doc = "Lists the calls of libc that are watched: the name in reports, the group, whether "
	       "it is watched unless told otherwise, and all exported names of the function."
	       "\v"
	       "Names in parentheses are not in this libc. The options calls= and skip= take names "
	       "of calls and of groups.\n\n"
	       "In the table are the cancellation points of POSIX, the list of RealtimeSanitizer, "
	       "and "
	       "every exported function of libc whose call graph reaches a waiting system call, "
	       "less "
	       "those that only wake others, read a small file once, allocate, or look up "
	       "symbols.\n\n"
	       "Examples:\n\n"
	       "  gilshim calls\n"
	       "  gilshim run --calls=socket,poll -- python3 app.py",
};

/* The names of a call, wrapped at the right margin; from the column where names begin. */
static void print_names(unsigned call)
{
	size_t column = NAMES_COLUMN;

	for (unsigned i = 0; i < GS_NAMES; i++) {
		const struct gs_name_info *name = &gs_name_info[i];
		bool there = gs_libc_has(name);
		char word[128];
		int length;

		if (name->call != call)
			continue;
		length = snprintf(word, sizeof(word), "%s%s%s%s%s", there ? "" : "(", name->symbol,
			name->node ? "@" : "", name->node ? name->node : "", there ? "" : ")");
		if (column > NAMES_COLUMN && column + 1 + (size_t) length > WIDTH) {
			printf("\n%*s", NAMES_COLUMN, "");
			column = NAMES_COLUMN;
		} else if (column > NAMES_COLUMN) {
			putchar(' ');
			column++;
		}
		fputs(word, stdout);
		column += (size_t) length;
	}
	putchar('\n');
}

int gs_command_calls(int argc, char **argv)
{
	const char *man = NULL;

	if (argp_parse(&gs_calls_argp, argc, argv, 0, NULL, &man) != 0)
		return GS_EXIT_TROUBLE;
	if (man) {
		if (gs_man_print(man) == 0)
			return GS_EXIT_OK;
		gs_warn("%s: no such table; there are calls and options", man);
		return GS_EXIT_TROUBLE;
	}
	if (!gs_libc_open())
		return GS_EXIT_TROUBLE;
	printf("%-25s %-9s %-7s %s\n", "CALL", "GROUP", "WATCHED", "EXPORTED NAMES");
	for (unsigned i = 0; i < GS_CALLS; i++) {
		const struct gs_call_info *call = &gs_call_info[i];

		printf("%-25s %-9s %-7s ", call->name, call->group, call->on ? "yes" : "no");
		print_names(i);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		gs_warn("standard output: write error; the table is not complete");
		return GS_EXIT_TROUBLE;
	}
	return GS_EXIT_OK;
}
