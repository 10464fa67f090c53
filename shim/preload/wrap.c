/* wrap.c: the exported functions, one per name of calls.def. No logic lives here.
 *
 * A wrapper keeps no frame: it ends in a jump to the real function, or to its cold half, which
 * therefore sees the caller's own return address. The build disassembles this file and fails if the
 * compiler made anything else of it. */
#include "real.h"
#include "waits.h"
#include "watch.h"
#include "wrap.h"

/* clang makes a jump of a call with stack arguments only where it is told that it must. */
#ifdef __clang__
#define JUMP __attribute__((musttail)) return
#else
#define JUMP return
#endif

/* The function is exported by its assembler name, so that it never meets libc's own declaration.
 * What takes more than a look (gs_ask_*), the first use of a slot included, stands apart: the
 * wrapper itself saves no register. */
#define WRAP(ID, ret, params, args, id, symbol) \
	WRAP_IF((void) 0, gs_watch_passes(GS_CALL_##ID), ID, ret, params, args, id, symbol)
#define WRAP_IF(note, passes, ID, ret, params, args, id, symbol)                \
	GS_EXPORT ret gs_wrap_##id params __asm__(symbol);                      \
	GS_NOINLINE static ret gs_ask_##id params                               \
	{                                                                       \
		enum gs_half half_ = gs_watch_half(GS_CALL_##ID, GS_NAME_##id); \
		if (half_ == GS_HALF_TIMED)                                     \
			JUMP gs_timed_##id args;                                \
		if (half_ == GS_HALF_HELD)                                      \
			JUMP gs_held_##id args;                                 \
		JUMP GS_REAL(GS_NAME_##id, ret, params) args;                   \
	}                                                                       \
	GS_HOT GS_IN_A_LINE ret gs_wrap_##id params                             \
	{                                                                       \
		void *real_ = gs_real[GS_NAME_##id];                            \
		note;                                                           \
		if (GS_LIKELY(real_) && (passes))                               \
			JUMP((ret(*) params) real_) args;                       \
		JUMP gs_ask_##id args;                                          \
	}

#define WRAP_NAME(context, name) WRAP_NAME_(name, GS_STRIP context)
#define WRAP_NAME_(...) WRAP_NAME__(__VA_ARGS__)
#define WRAP_NAME__(name, ID, ret, params, args) WRAP(ID, ret, params, args, name, #name)

#define GS_FORM(ID, ret, fail, params, args, before, after, ...) \
	GS_EACH(WRAP_NAME, (ID, ret, params, args), __VA_ARGS__)

#define FIRST(first, ...) (first)
#define WRAP_TRY_NAME(context, name) WRAP_TRY_NAME_(name, GS_STRIP context)
#define WRAP_TRY_NAME_(...) WRAP_TRY_NAME__(__VA_ARGS__)
#define WRAP_TRY_NAME__(name, ID, ret, params, args)                               \
	WRAP_IF((void) 0,                                                          \
		GS_CALL_##ID == GS_CALL_MUTEX_LOCK                                 \
			? gs_watch_passes_mutex(GS_CALL_##ID, (void *) FIRST args) \
			: gs_watch_passes(GS_CALL_##ID),                           \
		ID, ret, params, args, name, #name)
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) \
	GS_EACH(WRAP_TRY_NAME, (ID, ret, params, args), __VA_ARGS__)

#define WRAP_VOID_NAME(context, name) WRAP_VOID_NAME_(name, GS_STRIP context)
#define WRAP_VOID_NAME_(...) WRAP_VOID_NAME__(__VA_ARGS__)
#define WRAP_VOID_NAME__(name, ID, params, args)                                  \
	GS_EXPORT void gs_wrap_##name params __asm__(#name);                      \
	GS_NOINLINE static void gs_ask_##name params                              \
	{                                                                         \
		enum gs_half half_ = gs_watch_half(GS_CALL_##ID, GS_NAME_##name); \
		if (half_ == GS_HALF_TIMED)                                       \
			gs_timed_##name args;                                     \
		else if (half_ == GS_HALF_HELD)                                   \
			gs_held_##name args;                                      \
		else                                                              \
			GS_REAL(GS_NAME_##name, void, params) args;               \
	}                                                                         \
	GS_HOT GS_IN_A_LINE void gs_wrap_##name params                            \
	{                                                                         \
		void *real_ = gs_real[GS_NAME_##name];                            \
		if (GS_LIKELY(real_) && gs_watch_passes(GS_CALL_##ID))            \
			((void(*) params) real_) args;                            \
		else                                                              \
			gs_ask_##name args;                                       \
	}
#define GS_VOID(ID, params, args, before, ...) \
	GS_EACH(WRAP_VOID_NAME, (ID, params, args), __VA_ARGS__)

/* A thread waits for a GIL in pthread_cond_timedwait(), whether or not that call is watched. */
#define NOTE(ID, args)                                  \
	if (GS_CALL_##ID == GS_CALL_COND_TIMEDWAIT)     \
	gs_waits_begin((void *) (uintptr_t) FIRST args, \
		__builtin_extract_return_addr(__builtin_return_address(0)))

/* Where libc exports one name with several implementations, each caller must get the wrapper of the
 * implementation that it was linked against. */
#ifdef __x86_64__
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	GS_NODE_##is_default(ID, ret, params, args, symbol, node)
#define GS_NODE_0(ID, ret, params, args, symbol, node)                                \
	WRAP_IF(NOTE(ID, args), gs_watch_passes(GS_CALL_##ID), ID, ret, params, args, \
		symbol##__old, "gs_wrap_" #symbol "__old")                            \
	__asm__(".symver gs_wrap_" #symbol "__old, " #symbol "@" #node);
#define GS_NODE_1(ID, ret, params, args, symbol, node)                                \
	WRAP_IF(NOTE(ID, args), gs_watch_passes(GS_CALL_##ID), ID, ret, params, args, \
		symbol##__new, "gs_wrap_" #symbol "__new")                            \
	__asm__(".symver gs_wrap_" #symbol "__new, " #symbol "@@" #node);
/* One symbol carries one version: the third gets an alias of its own. */
#define GS_NODE_TOO(symbol, node)                                           \
	__asm__(".globl gs_wrap_" #symbol "__too\n"                         \
		".set gs_wrap_" #symbol "__too, gs_wrap_" #symbol "__new\n" \
		".symver gs_wrap_" #symbol "__too, " #symbol "@" #node);
#else
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	GS_NODE_##is_default(ID, ret, params, args, symbol)
#define GS_NODE_0(ID, ret, params, args, symbol)
#define GS_NODE_1(ID, ret, params, args, symbol)                                      \
	WRAP_IF(NOTE(ID, args), gs_watch_passes(GS_CALL_##ID), ID, ret, params, args, \
		symbol##__new, #symbol)
#endif

#include "calls.def"
