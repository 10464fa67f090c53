#include "completion.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "compiler.h"
#include "policy.h"
#include "rank.h"

/* What is the same for every command: argp's own. */
#define COMMON "--help --usage --version"

static const struct {
	const char *command;
	const struct argp *argp;
} parsers[] = {
	{"run", &gs_run_argp},
	{"report", &gs_report_argp},
	{"check", &gs_check_argp},
	{"diff", &gs_diff_argp},
	{"calls", &gs_calls_argp},
	{"doctor", &gs_doctor_argp},
};

typedef void print_option(const char *command, const struct argp_option *option);

/* A short option is a character. */
static bool is_short(const struct argp_option *option)
{
	return option->key > ' ' && option->key < 0x7f;
}

static void print_name(const char *command, const struct argp_option *option)
{
	(void) command;
	if (is_short(option))
		printf("-%c ", option->key);
	printf("--%s%s ", option->name, option->arg ? "=" : "");
}

static void print_argument(const char *command, const struct argp_option *option)
{
	if (!option->arg)
		return;
	if (is_short(option))
		printf("\t[%s:-%c]='%s'\n", command, option->key, option->arg);
	printf("\t[%s:--%s]='%s'\n", command, option->name, option->arg);
}

static void each_option(const char *command, const struct argp *argp, print_option *print)
{
	for (const struct argp_option *option = argp->options; option && option->name; option++)
		print(command, option);
	for (const struct argp_child *child = argp->children; child && child->argp; child++)
		each_option(command, child->argp, print);
}

static void print_options(const struct gs_command *commands, size_t count, print_option *print)
{
	for (size_t i = 0; i < count; i++) {
		if (print == print_name)
			printf("\t[%s]='", commands[i].name);
		for (size_t j = 0; j < GS_ARRAY_SIZE(parsers); j++) {
			if (strcmp(parsers[j].command, commands[i].name) == 0)
				each_option(commands[i].name, parsers[j].argp, print);
		}
		if (print == print_name)
			puts(COMMON "'");
	}
}

/* What --fail-on takes. */
static void print_rules(void)
{
	const char *separator = "";
	struct gs_policy policy;

	fputs("_gilshim_rules='", stdout);
	for (enum gs_rule rule = GS_RULE_HELD_BLOCKED; gs_rank_rule_name(rule); rule++) {
		if (!gs_policy_set_rules(&policy, gs_rank_rule_name(rule)))
			continue;
		printf("%s%s", separator, gs_rank_rule_name(rule));
		separator = " ";
	}
	puts("'");
}

/* What calls= and skip= take. A group's calls stand together in the table. */
static void print_calls(void)
{
	const char *group = "";

	fputs("_gilshim_calls='all", stdout);
	for (unsigned i = 0; i < GS_CALLS; i++) {
		if (strcmp(gs_call_info[i].group, group) != 0)
			printf(" %s", group = gs_call_info[i].group);
		printf(" %s", gs_call_info[i].name);
	}
	puts("'");
}

void gs_completion_print(const struct gs_command *commands, size_t count)
{
	puts("# Completion of gilshim for bash; made from its tables by gilshim --completion.");
	fputs("_gilshim_commands='", stdout);
	for (size_t i = 0; i < count; i++)
		printf("%s%s", i > 0 ? " " : "", commands[i].name);
	puts("'");
	print_rules();
	print_calls();
	/* Global: bash reads completions in a function. */
	puts("declare -gA _gilshim_options=(");
	print_options(commands, count, print_name);
	puts(")\ndeclare -gA _gilshim_arguments=(");
	print_options(commands, count, print_argument);
	puts(")");
}
