/* wrap.h: what the exported wrappers (wrap.c), their cold halves (held.c) and the assembly stubs
 * share: expanding a row's names, and declaring its cold halves. */
#ifndef GS_WRAP_H
#define GS_WRAP_H

#include "calls.h"
#include "prototypes.h"

#define GS_STRIP(...) __VA_ARGS__

#define GS_HALF(context, name) GS_HALF_(name, GS_STRIP context)
#define GS_HALF_(...) GS_HALF__(__VA_ARGS__)
#define GS_HALF__(name, ret, params)         \
	GS_HIDDEN ret gs_held_##name params; \
	GS_HIDDEN ret gs_timed_##name params;

#define GS_FORM(ID, ret, fail, params, args, before, after, ...) \
	GS_EACH(GS_HALF, (ret, params), __VA_ARGS__)
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) \
	GS_EACH(GS_HALF, (ret, params), __VA_ARGS__)
#define GS_VOID(ID, params, args, before, ...) GS_EACH(GS_HALF, (void, params), __VA_ARGS__)
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	GS_HALF_(GS_NODE_ID_##is_default(symbol), ret, params)
#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name) \
	GS_HIDDEN ret gs_held_##name params;
#include "calls.def"

#endif
