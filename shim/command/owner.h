/* owner.h: which distribution, in which version, an extension came in: a wheel, a package of
 * Debian's or conda's, or a Python's own modules. Everything is looked up in files, nothing is run,
 * and neither paths nor files are trusted. */
#ifndef GS_OWNER_H
#define GS_OWNER_H

#include "view.h"

struct gs_owner {
	const char *distribution; /* NULL: not known */
	const char *version;      /* NULL: not known */
};

/* The owner of what Python called at that site. Asked for the same file again it looks nowhere. The
 * texts live until gs_owner_forget(). */
struct gs_owner gs_owner_find(const struct gs_view *view, const struct gs_view_site *site);
void gs_owner_forget(void);

#endif
