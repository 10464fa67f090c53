#include "libc.h"

#include <dlfcn.h>
#include <stddef.h>

#include "compiler.h"
#include "err.h"

/* Where the names would be forwarded to. Before glibc 2.34 some lay in libraries of their own. */
static const char *const libraries[] = {"libc.so.6", "libpthread.so.0", "librt.so.1"};
static void *handles[GS_ARRAY_SIZE(libraries)];

/* Only a handle of libc's own answers without what may be preloaded before it. */
bool gs_libc_open(void)
{
	for (size_t i = 0; i < GS_ARRAY_SIZE(libraries); i++) {
		if (!handles[i])
			handles[i] = dlopen(libraries[i], RTLD_LAZY | RTLD_LOCAL);
	}
	if (!handles[0])
		gs_warn("libc.so.6: %s; nothing to compare the table with", dlerror());
	return handles[0] != NULL;
}

bool gs_libc_has(const struct gs_name_info *name)
{
	for (size_t i = 0; i < GS_ARRAY_SIZE(handles); i++) {
		if (!handles[i])
			continue;
		if (name->node ? dlvsym(handles[i], name->symbol, name->node)
			       : dlsym(handles[i], name->symbol))
			return true;
		/* kept for old programs only: found by the node of their time */
		if (!name->node && dlvsym(handles[i], name->symbol, "GLIBC_2.2.5"))
			return true;
	}
	return false;
}
