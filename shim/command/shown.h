/* shown.h: the name of an object as reports show it (line.h): without the tag that says for which
 * Python it was built, so that it is the same with the next one. */
#ifndef GS_SHOWN_H
#define GS_SHOWN_H

#include "table.h"

/* "_psycopg.so" for "_psycopg.cpython-311-x86_64-linux-gnu.so"; a name without a tag is its own.
 * Lives as long as the pool, or as the name. NULL stays NULL. */
const char *gs_shown_object(struct gs_pool *pool, const char *object);

#endif
