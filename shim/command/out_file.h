/* out_file.h: where a report goes, and whether it got there. */
#ifndef GS_OUT_FILE_H
#define GS_OUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Lets `write` write to the file at `path`, to standard output if that is NULL. False, and said, if
 * not all of it could be written. */
bool gs_out_file(const char *path, void (*write)(FILE *stream, void *context), void *context);

/* As that, to standard error, where others write too: in one piece. */
bool gs_out_error(void (*write)(FILE *stream, void *context), void *context);

#endif
