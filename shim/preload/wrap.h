/* wrap.h: what the exported wrappers (wrap.c), their cold halves (held.c) and the assembly stubs
 * share: expanding a row's names, and declaring its cold half. */
#ifndef GS_WRAP_H
#define GS_WRAP_H

#include "calls.h"
#include "prototypes.h"

#define GS_PASTE(a, b) GS_PASTE_(a, b)
#define GS_PASTE_(a, b) a##b
#define GS_STRIP(...) __VA_ARGS__

/* The cold half of a form is named after the form's first name. */
#define GS_COLD_HALF(name) GS_PASTE(gs_held_, name)

#define GS_FORM(ID, ret, fail, params, args, before, after, ...) \
	GS_HIDDEN ret GS_COLD_HALF(GS_FIRST(__VA_ARGS__, )) params;
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) \
	GS_HIDDEN ret GS_COLD_HALF(GS_FIRST(__VA_ARGS__, )) params;
#define GS_VOID(ID, params, args, before, ...) \
	GS_HIDDEN void GS_COLD_HALF(GS_FIRST(__VA_ARGS__, )) params;
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	GS_HIDDEN ret GS_COLD_HALF(GS_NODE_ID_##is_default(symbol)) params;
#include "calls.def"

#endif
