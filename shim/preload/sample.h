/* sample.h: the native stack of a thread that computes, where the user lends us a signal for it
 * (option stall_signal).
 *
 * The thread takes its own stack, in the signal's handler. What that can do to the program: calls
 * that SA_RESTART does not restart (signal(7): nanosleep, poll, select...) end with EINTR if the
 * thread is in one by then, and code without unwind tables ends the walk. So nothing of this is
 * done unasked; a signal that the program handles itself is not touched, and none is sent after the
 * program has taken the signal for itself. */
#ifndef GS_SAMPLE_H
#define GS_SAMPLE_H

#include "compiler.h"
#include "record.h"

/* Installs the handler. Where the signal is in use, or cannot be handled, one line says so. */
GS_HIDDEN void gs_sample_setup(int number);

/* Asks the thread with this block for its native stack, for a site that has none. Returns at once.
 * Does nothing without a handler. */
GS_HIDDEN void gs_sample_ask(struct gs_thread_entry *entry, uint32_t site);

#endif
