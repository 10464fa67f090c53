/* held.c: the cold half of every form: a call with the GIL held, or one that `timing=all` or `log`
 * wants to see. Expanded from calls.def; no logic beyond the order of things.
 *
 * These are the only frames of ours that stand while a real call runs. They have unwind tables and
 * no landing pads: a cancellation, a C++ exception or a longjmp goes through them without stopping,
 * and what they leave behind is recognised as dead later (probe.h). */
#include <errno.h>

#include "claim.h"
#include "probe.h"
#include "real.h"
#include "wrap.h"

#define SAME claim_

/* Every cold half begins so: which name was bound, and what do the arguments say? */
#define HELD_ENTER(before)                 \
	struct gs_probe probe_;            \
	uint64_t aux_ = 0;                 \
	unsigned bound_ = gs_thread.bound; \
	gs_claim_t claim_ = (before);      \
	(void) aux_

#define HELD_BEGIN(ID)                                                                             \
	gs_probe_begin(&probe_, GS_KEY(GS_CALL_##ID, bound_), claim_, __builtin_return_address(0), \
		__builtin_frame_address(0))

#define GS_FORM(ID, ret, fail, params, args, before, after, ...)  \
	ret GS_COLD_HALF(GS_FIRST(__VA_ARGS__, )) params          \
	{                                                         \
		HELD_ENTER(before);                               \
		if (gs_probe_skips(claim_))                       \
			return GS_REAL(bound_, ret, params) args; \
		HELD_BEGIN(ID);                                   \
		ret result_ = GS_REAL(bound_, ret, params) args;  \
		gs_probe_returned(&probe_);                       \
		gs_probe_end(&probe_, after);                     \
		return result_;                                   \
	}

#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) \
	GS_FORM(ID, ret, fail, params, args, before, after, GS_NODE_ID_##is_default(symbol))

/* A lock is tried first: an uncontended one is not a call worth more than a count. */
#define GS_TRY(ID, ret, fail, params, args, before, try, ...)                      \
	ret GS_COLD_HALF(GS_FIRST(__VA_ARGS__, )) params                           \
	{                                                                          \
		ret result_;                                                       \
		HELD_ENTER(before);                                                \
		if (gs_probe_tries()) {                                            \
			int errno_ = errno;                                        \
			if (try) {                                                 \
				gs_probe_uncontended(GS_KEY(GS_CALL_##ID, bound_), \
					__builtin_return_address(0));              \
				return result_;                                    \
			}                                                          \
			errno = errno_;                                            \
			gs_probe_contended();                                      \
		}                                                                  \
		HELD_BEGIN(ID);                                                    \
		result_ = GS_REAL(bound_, ret, params) args;                       \
		gs_probe_returned(&probe_);                                        \
		gs_probe_end(&probe_, claim_);                                     \
		return result_;                                                    \
	}

#define GS_VOID(ID, params, args, before, ...)              \
	void GS_COLD_HALF(GS_FIRST(__VA_ARGS__, )) params   \
	{                                                   \
		HELD_ENTER(before);                         \
		if (gs_probe_skips(claim_)) {               \
			GS_REAL(bound_, void, params) args; \
			return;                             \
		}                                           \
		HELD_BEGIN(ID);                             \
		GS_REAL(bound_, void, params) args;         \
		gs_probe_returned(&probe_);                 \
		gs_probe_end(&probe_, claim_);              \
	}

/* Prototypes of the variadic halves: they are reached by a jump from their entry stub. */
#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name) \
	GS_HIDDEN ret gs_held_##name params;                                \
	ret gs_held_##name params                                           \
	{                                                                   \
		va_list ap_;                                                \
		ret result_;                                                \
		bool seen_;                                                 \
		HELD_ENTER(before);                                         \
		seen_ = !gs_probe_skips(claim_);                            \
		if (seen_)                                                  \
			HELD_BEGIN(ID);                                     \
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
