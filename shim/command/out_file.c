#include "out_file.h"

#include <errno.h>
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
