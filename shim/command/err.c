#include "err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "progress.h"

void gs_clean(char *words)
{
	for (char *at = words; *at; at++) {
		if ((unsigned char) *at < 0x20 || *at == 0x7f)
			*at = '?';
	}
}

void gs_warn(const char *format, ...)
{
	va_list arguments;
	char *words = NULL;

	va_start(arguments, format);
	if (vasprintf(&words, format, arguments) < 0)
		words = NULL;
	va_end(arguments);
	if (words)
		gs_clean(words);
	gs_progress_clear();
	fprintf(stderr, "gilshim: %s\n", words ? words : format);
	free(words);
}

void gs_out_of_memory(void)
{
	fputs("gilshim: out of memory; nothing more is done\n", stderr);
	exit(GS_EXIT_TROUBLE);
}

static void *there(void *memory)
{
	if (!memory)
		gs_out_of_memory();
	return memory;
}

void *gs_alloc(size_t count, size_t size)
{
	return there(calloc(count ? count : 1, size ? size : 1));
}

void *gs_grow(void *array, size_t *capacity, size_t need, size_t size)
{
	size_t larger = *capacity ? *capacity : 16;

	if (need <= *capacity)
		return array;
	while (larger < need && larger <= SIZE_MAX / 2)
		larger *= 2;
	array = there(larger < need ? NULL : reallocarray(array, larger, size));
	*capacity = larger;
	return array;
}
