/* summary.h: what the process ends with. */
#ifndef GS_SUMMARY_H
#define GS_SUMMARY_H

#include <stdbool.h>

#include "compiler.h"

/* Prints the summary of the record where the option `summary` says. Nothing is printed if no call
 * was judged; with `only_findings`, nothing either if there is no finding. */
GS_HIDDEN void gs_summary_print(bool only_findings);

#endif
