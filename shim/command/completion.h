/* completion.h: what bash completes, from the tables. */
#ifndef GS_COMPLETION_H
#define GS_COMPLETION_H

#include <stddef.h>

#include "command.h"

/* Prints bash variables: commands, their options, what each takes, calls and groups, rules. The
 * functions that use them are in gilshim.bash. */
void gs_completion_print(const struct gs_command *commands, size_t count);

#endif
