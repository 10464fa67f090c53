/* pylayout.h: where an interpreter keeps its frames, code objects and texts. */
#ifndef GS_PYLAYOUT_H
#define GS_PYLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"

struct gs_pylayout {
	uint32_t minor; /* 0: lines are not available */
	uint16_t state_frame;
	bool through_cframe; /* 3.11 and 3.12: the state points to a structure on the C stack */
	uint16_t cframe_frame;
	uint16_t previous, code, instruction, owner;
	uint16_t instruction_size;
	uint16_t filename, name, first_line, bytecode, first_traceable;
	uint16_t type, length, hash; /* in objects and strings */
	uint16_t lines;              /* in code objects: the table of lines, a bytes object */
	uint16_t bytes;              /* in bytes objects: the bytes */
	uint16_t state;              /* in strings: kind, compact, ascii */
	uint16_t ascii, compact;     /* in strings: the text, of ASCII and of other compact ones */
};

extern GS_HIDDEN struct gs_pylayout gs_pylayout;
extern GS_HIDDEN uintptr_t gs_pycode_type; /* &PyCode_Type */

#endif
