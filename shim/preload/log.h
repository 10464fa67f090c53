/* log.h: one line a call as it ends, for the options `log` and `log_to`. */
#ifndef GS_LOG_H
#define GS_LOG_H

#include <stdbool.h>

#include "life.h"
#include "probe.h"
#include "site.h"

/* Is a call of this state and evidence logged? */
GS_HIDDEN bool gs_log_wants(enum gs_state state, bool blocked);

/* Writes the line of a call that has ended: tab-separated gilshim PID TID BEGIN_NS DURATION_NS
 * STATE EVIDENCE CALL OBJECT FILE:LINE FUNCTION, "-" for what is not known. */
GS_HIDDEN void gs_log_call(const struct gs_probe *probe, enum gs_evidence evidence);

/* Lines of the same form for what is no call, where every call is logged; CALL is `gil`, or `world`
 * where `gil` is GS_WORLD. A wait that the calling thread has ended: STATE released, EVIDENCE
 * waited. A stretch that it computed while others waited (also where only held calls are logged):
 * STATE held, EVIDENCE computed. */
GS_HIDDEN void gs_log_wait_line(uint32_t gil, uint64_t begin_ns, uint64_t elapsed_ns);
static inline void gs_log_wait(uint32_t gil, uint64_t begin_ns, uint64_t elapsed_ns)
{
	if (GS_UNLIKELY(gs_life.options.log == GS_LOG_ALL))
		gs_log_wait_line(gil, begin_ns, elapsed_ns);
}
GS_HIDDEN void gs_log_stall(uint32_t site, uint64_t begin_ns, uint64_t elapsed_ns);

#endif
