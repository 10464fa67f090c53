/* calls.h: the table of intercepted calls as enums and look-ups, expanded from calls.def.
 * Pure data and pure functions; safe in any context. */
#ifndef GS_CALLS_H
#define GS_CALLS_H

#include <stdbool.h>

#include "compiler.h"

#define GS_CALL_ENUM(ID, ...) GS_CALL_##ID,
enum gs_call {
#define GS_CALL GS_CALL_ENUM
#include "calls.def"
	GS_CALLS
};
#undef GS_CALL_ENUM

/* The exported names, GS_NAME_read and so on; names with version nodes are GS_NAME_x__old and
 * GS_NAME_x__new. */
#define GS_NAME_ID(symbol) GS_NAME_##symbol
#define GS_NODE_ID_0(symbol) symbol##__old
#define GS_NODE_ID_1(symbol) symbol##__new
#define GS_NAME_ENUM(ctx, symbol) GS_NAME_##symbol,
enum gs_name {
#define GS_FORM(ID, ret, fail, params, args, before, after, ...) \
	GS_EACH(GS_NAME_ENUM, , __VA_ARGS__)
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) GS_EACH(GS_NAME_ENUM, , __VA_ARGS__)
#define GS_VOID(ID, params, args, before, ...) GS_EACH(GS_NAME_ENUM, , __VA_ARGS__)
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	GS_NODE_ENUM_##is_default(symbol)
#define GS_NODE_ENUM_0(symbol) GS_NAME_##symbol##__old,
#define GS_NODE_ENUM_1(symbol) GS_NAME_##symbol##__new,
#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name) GS_NAME_##name,
#define GS_ENTRY(ID, ...) GS_EACH(GS_NAME_ENUM, , __VA_ARGS__)
#include "calls.def"
	GS_NAMES
};
#undef GS_NODE_ENUM_0
#undef GS_NODE_ENUM_1
#undef GS_NAME_ENUM

struct gs_call_info {
	const char *name;
	const char *group;
	bool on;        /* watched by default */
	bool composite; /* made of other intercepted calls, which are charged to it */
};

struct gs_name_info {
	const char *symbol;
	const char *node; /* version node to forward to, NULL: the default one */
	unsigned short call;
};

extern const struct gs_call_info gs_call_info[GS_CALLS];
extern const struct gs_name_info gs_name_info[GS_NAMES];

/* The id of the call named by `length` bytes at `text`, or GS_CALLS. Any exported name will do. */
enum gs_call gs_call_find(const char *text, unsigned length);

#endif
