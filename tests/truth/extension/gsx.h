/* gsx.h: the parts of the extension module `gsx`, which holds or releases the GIL on purpose. It
 * compiles against CPython 3.6 to 3.14 and needs no build system. */
#ifndef GSX_H
#define GSX_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#include "truth.h"

#define GSX_UNUSED __attribute__((unused))

/* CPython 3.6 makes its GIL only when the first thread starts; all others from the start. */
static inline void gsx_need_gil(void)
{
#if PY_VERSION_HEX < 0x03070000
	PyEval_InitThreads();
#endif
}

/* Makes `n` calls, in runs of 1 to 8 that are held and released in turn. To be called holding. */
void gsx_stress(long n, uint64_t seed);

extern PyMethodDef gsx_call_methods[];   /* gsx.c: calls in this thread */
extern PyMethodDef gsx_thread_methods[]; /* gsx_threads.c: threads that Python did not start */
extern PyMethodDef gsx_state_methods[];  /* gsx_states.c: thread states and interpreters */

#endif
