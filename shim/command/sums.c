#include "sums.h"

#include <stdlib.h>

#include "adding.h"
#include "err.h"

struct sums {
	uint64_t held;     /* by function */
	uint64_t sites;    /* by site */
	uint64_t listed;   /* by site, and what no site has */
	uint64_t *by_call; /* by site */
};

static void add_up(const struct gs_snapshot *snapshot, struct sums *sums)
{
	const struct gs_record_header *header = snapshot->header;
	uint32_t i;

	for (i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_SITES); i++) {
		const struct gs_site *site = gs_snapshot_entry(snapshot, GS_SECTION_SITES, i);

		if (site->kind != GS_KIND_CALL)
			continue;
		sums->by_call[site->call] += site->calls;
		sums->sites += site->calls;
	}
	for (i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS); i++) {
		const struct gs_function *function =
			gs_snapshot_entry(snapshot, GS_SECTION_FUNCTIONS, i);

		sums->held += function->held;
	}
	sums->listed = sums->sites + header->harmless + header->lost.sites;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Calls that are not in both books yet are entered where they are missing. */
static void mend(const struct gs_snapshot *snapshot, struct sums *sums)
{
	struct gs_record_header *header = snapshot->header;
	uint32_t functions = gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS);
	uint64_t rest;

	for (uint32_t i = 0; i < functions; i++) {
		struct gs_function *function = gs_snapshot_entry(snapshot, GS_SECTION_FUNCTIONS, i);

		if (function->held < sums->by_call[i]) {
			sums->held += sums->by_call[i] - function->held;
			function->held = sums->by_call[i];
		}
	}
	/* What is counted as held and nowhere else had not been made yet: it has not waited. */
	rest = sums->held - sums->sites;
	header->lost.sites = smaller(header->lost.sites, rest);
	header->harmless = rest - header->lost.sites;
}

/* May the writer have been cut off between its books? A single thread that ended its record has
 * closed them: then a difference is an error of the writer's, and is shown. */
static bool is_cut_off(const struct gs_snapshot *snapshot, const struct sums *sums)
{
	uint64_t threads = snapshot->header->threads;
	uint64_t difference =
		sums->held > sums->listed ? sums->held - sums->listed : sums->listed - sums->held;

	if (snapshot->header->ended == GS_ENDED_ALIVE)
		return true;
	return threads > 1 && difference <= threads;
}

bool gs_sums_settle(const struct gs_snapshot *snapshot, bool last_attempt)
{
	struct sums sums = {0, 0, 0, NULL};
	bool settled = true;

	sums.by_call =
		gs_alloc(gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS), sizeof(uint64_t));
	add_up(snapshot, &sums);
	if (sums.held != sums.listed && is_cut_off(snapshot, &sums)) {
		settled = last_attempt;
		if (last_attempt)
			mend(snapshot, &sums);
	}
	free(sums.by_call);
	return settled;
}

static uint64_t rest_of(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

/* Takes the function's own sums where the sites' were. */
static void take_rest(const struct gs_function *function, struct gs_unlisted *sites)
{
	sites->slept = rest_of(function->slept, sites->slept);
	sites->at_most = smaller(function->worst_ns, rest_of(function->held_ns, sites->at_most));
	sites->worst_ns = function->worst_ns > sites->worst_ns ? function->worst_ns : 0;
}

struct gs_unlisted *gs_sums_unlisted(const struct gs_snapshot *snapshot)
{
	uint32_t functions = gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS);
	struct gs_unlisted *by_call = gs_alloc(functions, sizeof(*by_call));
	uint32_t i;

	if (snapshot->header->lost.sites == 0)
		return by_call;
	for (i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_SITES); i++) {
		const struct gs_site *site = gs_snapshot_entry(snapshot, GS_SECTION_SITES, i);
		struct gs_unlisted *sum;

		if (site->kind != GS_KIND_CALL)
			continue;
		sum = &by_call[site->call];
		gs_sum(&sum->slept, site->slept);
		gs_sum(&sum->at_most, site->elapsed_ns);
		gs_raise(&sum->worst_ns, site->worst_ns);
	}
	for (i = 0; i < functions; i++)
		take_rest(gs_snapshot_entry(snapshot, GS_SECTION_FUNCTIONS, i), &by_call[i]);
	return by_call;
}
