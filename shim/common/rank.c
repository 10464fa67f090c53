/* rank.c: see rank.h. No stdio, no malloc, no I/O. */
#include "rank.h"

#include <string.h>

#define DELAYED_CALLS 10
#define DELAYED_NS 10000000u
#define OWN_NS 1000000u /* of CPython's own waits */

enum gs_rule gs_rank_rule(enum gs_origin origin, enum gs_class class, uint64_t blocked_calls)
{
	if (origin != GS_ORIGIN_EXTENSION && origin != GS_ORIGIN_INTERPRETER)
		return GS_RULE_NONE;
	if (blocked_calls > 0)
		return GS_RULE_HELD_BLOCKED;
	return class == GS_CLASS_WAIT ? GS_RULE_HELD_COULD_BLOCK : GS_RULE_NONE;
}

enum gs_rule gs_rank_compute_rule(enum gs_origin origin)
{
	if (origin != GS_ORIGIN_EXTENSION && origin != GS_ORIGIN_INTERPRETER)
		return GS_RULE_NONE;
	return GS_RULE_HELD_COMPUTE;
}

bool gs_rank_delay_listed(uint64_t delayed, uint64_t wait_ns)
{
	return delayed >= DELAYED_CALLS && wait_ns >= DELAYED_NS;
}

const char *gs_rank_rule_name(enum gs_rule rule)
{
	switch (rule) {
	case GS_RULE_HELD_BLOCKED:
		return "GIL001";
	case GS_RULE_HELD_COULD_BLOCK:
		return "GIL002";
	case GS_RULE_HELD_COMPUTE:
		return "GIL003";
	case GS_RULE_REACQUIRE_DELAY:
		return "GIL004";
	case GS_RULE_NONE:
	default:
		return NULL;
	}
}

/* CPython's own waits are listed only where they did harm, or could have done some to speak of:
 * nobody but its authors can change the others. A module that is loaded for the first time waits
 * for its disk, for a fraction of a millisecond. */
bool gs_rank_listed(const struct gs_rank *rank)
{
	if (rank->origin == GS_ORIGIN_EXTENSION)
		return rank->rule != GS_RULE_NONE;
	if (rank->origin != GS_ORIGIN_INTERPRETER)
		return false;
	if (rank->rule == GS_RULE_HELD_BLOCKED)
		return rank->stalled_ns > 0 || rank->blocked_ns >= OWN_NS;
	return rank->rule == GS_RULE_HELD_COMPUTE;
}

/* Larger first. */
static int descending(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int ascending(uint64_t a, uint64_t b)
{
	return descending(b, a);
}

/* While the program runs, while Python comes up, while it goes down. */
static unsigned phase(enum gs_origin origin)
{
	return origin == GS_ORIGIN_EXTENSION || origin == GS_ORIGIN_INTERPRETER ? 0 : origin;
}

int gs_rank_compare(const void *left, const void *right)
{
	const struct gs_rank *a = left;
	const struct gs_rank *b = right;
	int order;

	order = ascending(phase(a->origin), phase(b->origin));
	if (order == 0)
		order = descending(a->rule != GS_RULE_NONE, b->rule != GS_RULE_NONE);
	if (order == 0)
		order = descending(a->stalled_ns, b->stalled_ns);
	if (order == 0)
		order = descending(a->blocked_ns, b->blocked_ns);
	if (order == 0)
		order = ascending(a->origin, b->origin);
	if (order == 0)
		order = descending(
			a->rule == GS_RULE_HELD_BLOCKED, b->rule == GS_RULE_HELD_BLOCKED);
	if (order == 0)
		order = descending(a->calls, b->calls);
	return order ? order : (a->index > b->index) - (a->index < b->index);
}

size_t gs_rank_insert(
	struct gs_rank *array, size_t count, size_t capacity, const struct gs_rank *entry)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (gs_rank_compare(&array[middle], entry) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == capacity)
		return count;
	if (count < capacity)
		count++;
	memmove(&array[low + 1], &array[low], (count - 1 - low) * sizeof(*array));
	array[low] = *entry;
	return count;
}
