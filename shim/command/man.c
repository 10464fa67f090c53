#include "man.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "defaults.h"
#include "options.h"

/* man(7) takes a leading dot or quote for a request and a hyphen for a dash. */
static void print_words(const char *words)
{
	if (*words == '.' || *words == '\'')
		fputs("\\&", stdout);
	for (; *words; words++) {
		if (*words == '-' || *words == '\\')
			putchar('\\');
		putchar(*words);
	}
}

static void print_calls(void)
{
	for (unsigned call = 0; call < GS_CALLS; call++) {
		const struct gs_call_info *info = &gs_call_info[call];

		printf(".TP\n.BR %s \" (%s%s)\"\n", info->name, info->group,
			info->on ? "" : ", not by default");
		for (unsigned name = 0; name < GS_NAMES; name++) {
			if (gs_name_info[name].call != call)
				continue;
			print_words(gs_name_info[name].symbol);
			if (gs_name_info[name].node) {
				putchar('@');
				print_words(gs_name_info[name].node);
			}
			putchar('\n');
		}
	}
}

static void print_options(void)
{
	for (unsigned i = 0; i < gs_option_count; i++) {
		const struct gs_option_info *option = &gs_option_info[i];
		char *words = gs_defaults_words(i);

		printf(".TP\n.BI %s= ", option->key);
		print_words(option->argument);
		putchar('\n');
		print_words(option->meaning);
		fputs(". ", stdout);
		print_words(words);
		puts(".");
		free(words);
	}
}

int gs_man_print(const char *table)
{
	if (strcmp(table, "calls") == 0)
		print_calls();
	else if (strcmp(table, "options") == 0)
		print_options();
	else
		return -1;
	return 0;
}
