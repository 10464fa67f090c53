/* command.h: the subcommands of `gilshim`. One row in main.c's table each. */
#ifndef GS_COMMAND_H
#define GS_COMMAND_H

#include <argp.h>

#ifndef GS_VERSION
#define GS_VERSION "0.1.0"
#endif

enum gs_exit {
	GS_EXIT_OK = 0,
	GS_EXIT_TROUBLE = 2, /* bad usage, unreadable input */
};

struct gs_command {
	const char *name;
	const char *summary;
	/* argv[0] is "gilshim NAME". Returns the exit status. */
	int (*run)(int argc, char **argv);
};

/* What each parses its arguments with. */
extern const struct argp gs_run_argp, gs_report_argp, gs_check_argp, gs_diff_argp, gs_calls_argp,
	gs_doctor_argp;

int gs_command_run(int argc, char **argv);
int gs_command_report(int argc, char **argv);
int gs_command_calls(int argc, char **argv);
int gs_command_check(int argc, char **argv);
int gs_command_diff(int argc, char **argv);
int gs_command_doctor(int argc, char **argv);

#endif
