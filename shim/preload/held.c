/* held.c: the cold half of every name: a call with the GIL held, or one that `timing=all` or `log`
 * wants to see. Expanded from calls.def; no logic beyond the order of things.
 *
 * These are the only frames of ours that stand while a real call runs. They have unwind tables and
 * no landing pads: a cancellation, a C++ exception or a longjmp goes through them without stopping,
 * and what they leave behind is recognised as dead later (watch.h).
 *
 * Nothing is handed over from the wrapper but the arguments: a signal handler's own call may come
 * in between. */
#include <errno.h>

#include "claim.h"
#include "probe.h"
#include "real.h"
#include "ticks.h"
#include "timed.h"
#include "watch.h"
#include "wrap.h"

#define SAME claim_

/* A released call that is only timed has a half of its own; `keep` and `give` are for its result.
 */
#define TIMED(ID, name, ret, params, args, keep, give)          \
	ret gs_timed_##name params                              \
	{                                                       \
		uint32_t epoch_ = gs_epoch();                   \
		uint64_t begin_ = gs_ticks_now();               \
		keep GS_REAL(GS_NAME_##name, ret, params) args; \
		gs_timed_end(begin_, epoch_, GS_CALL_##ID);     \
		give;                                           \
	}

/* A cold half begins so: what do the arguments say, and who holds the GIL? */
#define HELD_ENTER(ID, before)        \
	struct gs_probe probe_;       \
	uint64_t aux_ = 0;            \
	gs_claim_t claim_ = (before); \
	(void) aux_;                  \
	gs_probe_enter(&probe_, GS_CALL_##ID)

#define HELD_BEGIN(ID, name)                                                  \
	gs_probe_begin(&probe_, GS_KEY(GS_CALL_##ID, GS_NAME_##name), claim_, \
		__builtin_return_address(0), __builtin_frame_address(0))

#define HELD_FORM(context, name) HELD_FORM_(name, GS_STRIP context)
#define HELD_FORM_(...) HELD_FORM__(__VA_ARGS__)
#define HELD_FORM__(name, ID, ret, params, args, before, after)           \
	TIMED(ID, name, ret, params, args, ret result_ =, return result_) \
	ret gs_held_##name params                                         \
	{                                                                 \
		ret result_;                                              \
		HELD_ENTER(ID, before);                                   \
		if (gs_probe_skips(&probe_, GS_CALL_##ID, claim_))        \
			return GS_REAL(GS_NAME_##name, ret, params) args; \
		HELD_BEGIN(ID, name);                                     \
		result_ = GS_REAL(GS_NAME_##name, ret, params) args;      \
		gs_probe_returned(&probe_);                               \
		gs_probe_end(&probe_, after);                             \
		return result_;                                           \
	}
#define GS_FORM(ID, ret, fail, params, args, before, after, ...) \
	GS_EACH(HELD_FORM, (ID, ret, params, args, before, after), __VA_ARGS__)
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	HELD_FORM_(GS_NODE_ID_##is_default(symbol), ID, ret, params, args, before, after)

/* A lock is tried first: an uncontended one is not a call worth more than a count. */
#define HELD_TRY(context, name) HELD_TRY_(name, GS_STRIP context)
#define HELD_TRY_(...) HELD_TRY__(__VA_ARGS__)
#define HELD_TRY__(name, ID, ret, params, args, before, try)                               \
	TIMED(ID, name, ret, params, args, ret result_ =, return result_)                  \
	ret gs_held_##name params                                                          \
	{                                                                                  \
		ret result_;                                                               \
		HELD_ENTER(ID, before);                                                    \
		if (gs_probe_tries(&probe_)) {                                             \
			int errno_ = errno;                                                \
			if (try) {                                                         \
				gs_probe_uncontended(GS_KEY(GS_CALL_##ID, GS_NAME_##name), \
					__builtin_return_address(0));                      \
				return result_;                                            \
			}                                                                  \
			errno = errno_;                                                    \
			gs_probe_contended();                                              \
		}                                                                          \
		HELD_BEGIN(ID, name);                                                      \
		result_ = GS_REAL(GS_NAME_##name, ret, params) args;                       \
		gs_probe_returned(&probe_);                                                \
		gs_probe_end(&probe_, claim_);                                             \
		return result_;                                                            \
	}
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) \
	GS_EACH(HELD_TRY, (ID, ret, params, args, before, try), __VA_ARGS__)

#define HELD_VOID(context, name) HELD_VOID_(name, GS_STRIP context)
#define HELD_VOID_(...) HELD_VOID__(__VA_ARGS__)
#define HELD_VOID__(name, ID, params, args, before)                  \
	TIMED(ID, name, void, params, args, , )                      \
	void gs_held_##name params                                   \
	{                                                            \
		HELD_ENTER(ID, before);                              \
		if (gs_probe_skips(&probe_, GS_CALL_##ID, claim_)) { \
			GS_REAL(GS_NAME_##name, void, params) args;  \
			return;                                      \
		}                                                    \
		HELD_BEGIN(ID, name);                                \
		GS_REAL(GS_NAME_##name, void, params) args;          \
		gs_probe_returned(&probe_);                          \
		gs_probe_end(&probe_, claim_);                       \
	}
#define GS_VOID(ID, params, args, before, ...) \
	GS_EACH(HELD_VOID, (ID, params, args, before), __VA_ARGS__)

/* The variadic halves are reached by a jump from their entry stub; they forward to the v-form. */
#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name) \
	ret gs_held_##name params                                           \
	{                                                                   \
		va_list ap_;                                                \
		ret result_;                                                \
		bool seen_;                                                 \
		HELD_ENTER(ID, before);                                     \
		seen_ = !gs_probe_skips(&probe_, GS_CALL_##ID, claim_);     \
		if (seen_)                                                  \
			HELD_BEGIN(ID, name);                               \
		va_start(ap_, last);                                        \
		result_ = call;                                             \
		va_end(ap_);                                                \
		if (seen_) {                                                \
			gs_probe_returned(&probe_);                         \
			gs_probe_end(&probe_, after);                       \
		}                                                           \
		return result_;                                             \
	}

/* In the `call` column: the v-form's slot. Its prototype is libc's own. */
#define GS_REAL_CALL(name, args) ((__typeof__(name) *) gs_slot(GS_NAME_##name)) args

#include "calls.def"
