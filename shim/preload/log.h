/* log.h: one line a call as it ends, for the options `log` and `log_to`. */
#ifndef GS_LOG_H
#define GS_LOG_H

#include <stdbool.h>

#include "probe.h"
#include "site.h"

/* Is a call of this state and evidence logged? */
GS_HIDDEN bool gs_log_wants(enum gs_state state, bool blocked);

/* Writes the line of a call that has ended: tab-separated gilshim PID TID BEGIN_NS DURATION_NS
 * STATE EVIDENCE CALL OBJECT FILE:LINE FUNCTION, "-" for what is not known. */
GS_HIDDEN void gs_log_call(const struct gs_probe *probe, enum gs_evidence evidence);

#endif
