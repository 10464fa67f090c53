#include "out_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

bool gs_out_file(const char *path, void (*write)(FILE *stream, void *context), void *context)
{
	const char *name = path ? path : "standard output";
	FILE *stream = path ? fopen(path, "we") : stdout;
	bool failed;

	if (!stream) {
		gs_warn("%s: %s; no report written", name, strerror(errno));
		return false;
	}
	errno = 0;
	write(stream, context);
	failed = ferror(stream) != 0;
	if (fflush(stream) != 0)
		failed = true;
	if (path && fclose(stream) != 0)
		failed = true;
	if (failed)
		gs_warn("%s: %s; the report is not complete", name,
			errno ? strerror(errno) : "write error");
	return !failed;
}

bool gs_out_error(void (*write)(FILE *stream, void *context), void *context)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	bool good;

	if (!stream)
		gs_out_of_memory();
	write(stream, context);
	if (fclose(stream) != 0)
		gs_out_of_memory();
	good = fwrite(text, 1, size, stderr) == size;
	free(text);
	return good;
}
