/* movefile.h: a file goes to another directory, on whatever file system that is. */
#ifndef GS_MOVEFILE_H
#define GS_MOVEFILE_H

#include <stdbool.h>

/* The copy has the file's times, of which reports make use. Replaces nothing. False with errno, and
 * the file where it was. */
bool gs_move_file(const char *from, const char *to);

#endif
