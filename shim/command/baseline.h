/* baseline.h: two runs side by side. A site is the same in both if call, extension object and
 * symbol, Python file and function are: lines move, functions stay, and an object is the same for
 * another version of Python (shown.h). Places that compute are the same if Python file and function
 * are. Sites that are the same by this are taken together. */
#ifndef GS_BASELINE_H
#define GS_BASELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view.h"

enum gs_side {
	GS_OLD,
	GS_NEW,
	GS_SIDES,
};

enum gs_change {
	GS_CHANGE_NONE,
	GS_CHANGE_NEW,
	GS_CHANGE_WORSE,
	GS_CHANGE_BETTER,
	GS_CHANGE_GONE,
	GS_CHANGES,
};

struct gs_measure {
	enum gs_rule rule;
	bool waits;                           /* it can wait for others */
	uint64_t calls, blocked_ns, worst_ns; /* GIL003: stretches, and time computed */
	uint64_t stalled_ns;                  /* thread-seconds that others waited, in ns */
};

struct gs_compared {
	/* texts of the pool, NULL: not known; first: it is looked up */
	struct gs_compared_key {
		const char *call, *object, *symbol, *file, *function;
	} key;
	struct gs_measure side[GS_SIDES];
};

struct gs_baseline {
	struct gs_compared *entries;
	size_t count, capacity;
	struct gs_map map;
	struct gs_pool pool;
	uint64_t judged[GS_SIDES]; /* calls made with the GIL held or released */
	bool with_suppressed;      /* suppressed sites are compared too */
};

/* Reads one side from a JSON report. False, and said, if it is none. */
bool gs_baseline_read(struct gs_baseline *baseline, enum gs_side side, const char *path);

/* Takes one side from records. */
void gs_baseline_add(struct gs_baseline *baseline, enum gs_side side, struct gs_view *view);

/* What the site was compared as, after it was added. */
const struct gs_compared *gs_baseline_find(
	struct gs_baseline *baseline, struct gs_view *view, const struct gs_view_site *site);

/* The longest that one call may have blocked. */
uint64_t gs_measure_worst(const struct gs_measure *measure);

/* Worse is more than twice the blocked time a call, and at least `min_ns` more of it; or of the
 * worst call, but there it must be 100 ms more too, for one among many may be the machine's doing;
 * or a rule that is more severe, by a call that blocked for `min_ns`, or by any where there was no
 * rule and calls can wait for others now. Better is the same the other way round. */
#define GS_WORST_LONGER_NS 100000000u
enum gs_change gs_baseline_change(const struct gs_compared *entry, uint64_t min_ns);

/* Calls judged in a view: those of threads that never held a GIL, or of interpreters that do not
 * tell, are not. */
uint64_t gs_baseline_judged(const struct gs_view *view);

void gs_baseline_free(struct gs_baseline *baseline);

#endif
