/* modules.h: which loaded object does an address lie in?
 *
 * The loader's lock is never taken: glibc 2.35 and newer answer without one (_dl_find_object),
 * older ones are read through the loader's own list. */
#ifndef GS_MODULES_H
#define GS_MODULES_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "record.h"

/* An object in memory, described by the loader. The pointers are the loader's: good for as long as
 * the object is loaded. */
struct gs_object {
	uintptr_t base, start, end;
	const char *path; /* "" for the main program and the vdso */
	const ElfW(Dyn) * dynamic;
};

/* False if no object is known at the address. Lock-free, async-signal-safe. */
GS_HIDDEN bool gs_object_at(const void *address, struct gs_object *object);

/* Where an address of its dynamic section leads: some loaders leave those unrelocated. */
static inline uintptr_t gs_object_place(const struct gs_object *object, uintptr_t address)
{
	return address < object->start ? address + object->base : address;
}

/* The address of an exported symbol of this very object, or NULL. */
GS_HIDDEN void *gs_object_symbol(const struct gs_object *object, const char *name);

/* The extent of an exported function of this object, as run-time addresses. */
struct gs_extent {
	uintptr_t start, end;
};
GS_HIDDEN struct gs_extent gs_object_extent(const struct gs_object *object, const char *name);

/* The index of the record's module at an address, noted at first sight; GS_NONE if it is in no
 * object or the table is full. Lock-free. */
GS_HIDDEN uint32_t gs_module_at(const void *address);

/* The object that code at `caller` lies in opens `path`: is that libc itself (GS_MODULE_OPENS)?
 * Lock-free. */
GS_HIDDEN void gs_module_opens(const void *caller, const char *path);

/* Notes every object that is loaded now, by what /proc/self/maps says is executable, and whether
 * its calls reach us: those whose waiting cannot be seen can then be named. By one thread
 * at a time: while another one is at it this does nothing. */
GS_HIDDEN void gs_modules_note_all(void);

#endif
