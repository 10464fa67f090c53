#include "defaults.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "err.h"
#include "options.h"

/* In the order of gs_option_info[]. */
enum {
#define GS_OPTION(key, type, field, fallback, argument, meaning) OPTION_##key,
#include "options.def"
};

/* ", from 0 to 64"; nothing where the row says so itself, as 0|1 does. */
static char *range(const struct gs_option_info *option)
{
	char *words;

	if (asprintf(&words, ", from 0 to %" PRIu64, gs_option_largest(option->key)) < 0)
		gs_out_of_memory();
	if (strchr(option->argument, '|') || strstr(option->meaning, strstr(words, "0 to")))
		*words = '\0';
	return words;
}

/* ---- defaults, by the type of the option ---- */

static char *words_TEXT(const struct gs_option_info *option, const char *fallback)
{
	char *words;

	(void) option;
	if (asprintf(&words, fallback ? "Default: %s" : "No default", fallback) < 0)
		gs_out_of_memory();
	return words;
}

static char *words_TIME(const struct gs_option_info *option, uint64_t fallback)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	unsigned unit = 0;
	char *words;

	(void) option;
	for (; fallback && fallback % 1000 == 0 && unit + 1 < GS_ARRAY_SIZE(units); unit++)
		fallback /= 1000;
	if (asprintf(&words, "Default: %" PRIu64 "%s", fallback, units[unit]) < 0)
		gs_out_of_memory();
	return words;
}

static char *words_NUMBER(const struct gs_option_info *option, uint64_t fallback)
{
	char *words, *from_to = range(option);

	if (asprintf(&words, "Default: %" PRIu64 "%s", fallback, from_to) < 0)
		gs_out_of_memory();
	free(from_to);
	return words;
}

static char *words_CHOICE(const struct gs_option_info *option, uint64_t fallback)
{
	const char *word = option->argument;
	char *words;

	for (; fallback; fallback--)
		word += strcspn(word, "|") + 1;
	if (asprintf(&words, "Default: %.*s", (int) strcspn(word, "|"), word) < 0)
		gs_out_of_memory();
	return words;
}

char *gs_defaults_words(unsigned option)
{
	switch (option) {
#define GS_OPTION(key, type, field, fallback, argument, meaning) \
	case OPTION_##key:                                       \
		return words_##type(&gs_option_info[option], fallback);
#include "options.def"
	default:
		return words_TEXT(NULL, NULL);
	}
}
