/* objects.h: what the loader's own functions say of an object in memory. */
#ifndef GS_OBJECTS_H
#define GS_OBJECTS_H

#include "modules.h"

/* Asserts that `find` describes the object at `address` as dladdr and dl_iterate_phdr do. */
void objects_compare(
	bool (*find)(const void *address, struct gs_object *object), const void *address);

#endif
