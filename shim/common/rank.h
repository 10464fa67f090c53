/* rank.h: which rule a site breaks, and which sites come first. Pure; shared by the exit summary
 * and the command, so that both list the same sites in the same order. */
#ifndef GS_RANK_H
#define GS_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* Stable ids. */
enum gs_rule {
	GS_RULE_NONE,
	GS_RULE_HELD_BLOCKED = 1,     /* GIL001 */
	GS_RULE_HELD_COULD_BLOCK = 2, /* GIL002 */
	GS_RULE_HELD_COMPUTE = 3,     /* GIL003: sites of GS_KIND_COMPUTE */
	GS_RULE_REACQUIRE_DELAY = 4,  /* GIL004: functions, see gs_rank_delay_listed() */
};

/* What the order depends on. A caller copies the counters of a live site once: an order made from
 * numbers that change meanwhile would be none. */
struct gs_rank {
	uint64_t stalled_ns;
	uint64_t blocked_ns;
	uint64_t calls;
	enum gs_rule rule;
	enum gs_origin origin;
	uint32_t index; /* the caller's; among equals the smaller comes first */
};

/* The rule of a site: GIL001 if any call blocked, else GIL002 if it could, else none. Startup and
 * shutdown break no rule. */
enum gs_rule gs_rank_rule(enum gs_origin origin, enum gs_class class, uint64_t blocked_calls);

/* The rule of a site of GS_KIND_COMPUTE: GIL003, but none while Python comes up or goes down. */
enum gs_rule gs_rank_compute_rule(enum gs_origin origin);

/* Is what the calls of a function cost until the GIL was back worth a line? `delayed` calls were
 * followed by a wait longer than themselves, `wait_ns` is the sum of the waits. A single one proves
 * no convoy. */
bool gs_rank_delay_listed(uint64_t delayed, uint64_t wait_ns);

/* "GIL001"; NULL for no rule. */
const char *gs_rank_rule_name(enum gs_rule rule);

/* Is a site listed one by one? Others are counted in the line of their origin: what breaks no rule,
 * and what CPython itself does that did no harm worth a word. */
bool gs_rank_listed(const struct gs_rank *rank);

/* < 0 if a is more harmful than b: by the time that others stood still, then by the time blocked,
 * then extensions before CPython itself, then by calls. Behind all that break a rule come those
 * that break none, and last what was called while Python came up or went down. For qsort(). */
int gs_rank_compare(const void *a, const void *b);

/* Inserts `entry` into `array`, kept in order and never longer than `capacity`: the least harmful
 * falls out. Returns the new number of entries. Allocates nothing. */
size_t gs_rank_insert(
	struct gs_rank *array, size_t count, size_t capacity, const struct gs_rank *entry);

#endif
