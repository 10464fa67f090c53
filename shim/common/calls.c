#include "calls.h"

#include <stddef.h>
#include <string.h>

#include "record.h"

_Static_assert(GS_CALLS <= GS_MAX_CALLS, "every call has a counter in the record");

#define ON true
#define OFF false
#define PLAIN false
#define COMPOSITE true

const struct gs_call_info gs_call_info[GS_CALLS] = {
#define GS_CALL(ID, name, group, tier, nesting) {#name, #group, tier, nesting},
#include "calls.def"
};

#undef ON
#undef OFF
#undef PLAIN
#undef COMPOSITE

#define NAME_ROW(ID, symbol) {#symbol, NULL, GS_CALL_##ID},

const struct gs_name_info gs_name_info[GS_NAMES] = {
#define GS_FORM(ID, ret, fail, params, args, before, after, ...) GS_EACH(NAME_ROW, ID, __VA_ARGS__)
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) GS_EACH(NAME_ROW, ID, __VA_ARGS__)
#define GS_VOID(ID, params, args, before, ...) GS_EACH(NAME_ROW, ID, __VA_ARGS__)
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	{#symbol, #node, GS_CALL_##ID},
#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name) \
	{#name, NULL, GS_CALL_##ID},
#define GS_ENTRY(ID, ...) GS_EACH(NAME_ROW, ID, __VA_ARGS__)
#include "calls.def"
};

enum gs_call gs_call_find(const char *text, unsigned length)
{
	for (unsigned i = 0; i < GS_CALLS; i++)
		if (strlen(gs_call_info[i].name) == length &&
			memcmp(gs_call_info[i].name, text, length) == 0)
			return (enum gs_call) i;
	for (unsigned i = 0; i < GS_NAMES; i++)
		if (strlen(gs_name_info[i].symbol) == length &&
			memcmp(gs_name_info[i].symbol, text, length) == 0)
			return (enum gs_call) gs_name_info[i].call;
	return GS_CALLS;
}
