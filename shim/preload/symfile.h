/* symfile.h: the name of the function at an address, read from the module's file when the process
 * ends. System calls only: no allocation, no loader lock. */
#ifndef GS_SYMFILE_H
#define GS_SYMFILE_H

#include <stdint.h>

#include "compiler.h"
#include "record.h"

/* A string of the record: the function that `address` (a return address) lies in; GS_NONE where the
 * file is gone, has been replaced (another build-id) or has no symbols there. */
GS_HIDDEN uint32_t gs_symfile_name(const struct gs_module *module, uint64_t address);

#endif
