/* options.c: GILSHIM_OPTIONS, as the library and the command read it. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "fuzz.h"
#include "launch.h"
#include "options.h"

static void complain(void *context, const struct gs_option_error *error)
{
	size_t *bytes = context;

	for (size_t i = 0; i < error->key_length; i++)
		*bytes += (unsigned char) error->key[i];
	for (size_t i = 0; i < error->value_length; i++)
		*bytes += (unsigned char) error->value[i];
	*bytes += strlen(error->expected);
}

/* What was quoted arrives as it was. */
static void quote_and_read(const char *value)
{
	static struct gs_options options;
	char *option = gs_launch_option("log_to", value);
	size_t bytes = 0;

	if (*value && strlen(option) < GS_OPTIONS_TEXT) {
		MUST(gs_options_parse(&options, option, complain, &bytes) == 0);
		MUST(strcmp(options.log_to, value) == 0);
	}
	free(option);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gs_options options;
	unsigned char watched[GS_CALLS];
	char *text = malloc(size + 1);
	size_t bytes = 0;
	int complaints;

	memcpy(text, data, size);
	text[size] = '\0';
	complaints = gs_options_parse(&options, text, complain, &bytes);
	MUST(complaints >= 0 && (complaints == 0) == (bytes == 0));
	MUST(gs_options_calls(&options, watched, complain, &bytes) >= 0);
	MUST(strlen(options.summary) < sizeof(options.text));
	MUST(options.stacks <= 64);
	PLANT(options.stacks != 16);
	quote_and_read(text);
	free(text);
	return 0;
}
