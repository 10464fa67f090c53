#include "shown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "err.h"

#define TEXT_LIMIT 4096

const char *gs_shown_object(struct gs_pool *pool, const char *object)
{
	static const char *const tags[] = {".cpython-", ".abi3."};
	const char *tag = NULL, *shown;
	char *text;

	for (size_t i = 0; object && i < GS_ARRAY_SIZE(tags) && !tag; i++)
		tag = strstr(object, tags[i]);
	if (!tag || tag == object)
		return object;
	if (asprintf(&text, "%.*s.so", (int) (tag - object), object) < 0)
		gs_out_of_memory();
	shown = gs_pool_text(pool, text, TEXT_LIMIT);
	free(text);
	return shown;
}
