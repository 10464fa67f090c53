/* err.h: what the command says when something is wrong, and memory that is there or ends it.
 * With main.c the only place that may exit. */
#ifndef GS_ERR_H
#define GS_ERR_H

#include <stddef.h>

#include "compiler.h"

/* One line on standard error, "gilshim: " before it, in one write. */
void gs_warn(const char *format, ...) GS_PRINTF(1, 2);

/* Makes control characters '?': words from outside can forge no line and not speak to a terminal.
 */
void gs_clean(char *words);

/* Says so in one line and ends the command. */
_Noreturn void gs_out_of_memory(void);

/* Never NULL: no memory is one line and exit status 2. Zeroed. */
void *gs_alloc(size_t count, size_t size);

/* Makes room for `need` entries of `size` bytes in a growing array; *array may move. */
void *gs_grow(void *array, size_t *capacity, size_t need, size_t size);

#endif
