/* order.c: questions to a view that is complete: what comes first, what a frame is called. */
#include <stdlib.h>

#include "err.h"
#include "view.h"

enum gs_rule gs_view_rule(const struct gs_view_site *site)
{
	enum gs_origin origin = (enum gs_origin) site->key.origin;

	if (site->key.kind == GS_KIND_COMPUTE)
		return gs_rank_compute_rule(origin);
	return gs_rank_rule(origin, site->class, site->blocked_calls);
}

static struct gs_rank rank_of(const struct gs_view_site *site, size_t index)
{
	return (struct gs_rank){
		.stalled_ns = site->stalled_ns,
		.blocked_ns = site->blocked_ns,
		.calls = site->calls,
		.rule = gs_view_rule(site),
		.origin = (enum gs_origin) site->key.origin,
		.index = (uint32_t) index,
	};
}

bool gs_view_listed(const struct gs_view_site *site)
{
	const struct gs_rank rank = rank_of(site, 0);

	return gs_rank_listed(&rank);
}

uint32_t *gs_view_ranked(const struct gs_view *view)
{
	struct gs_rank *ranks = gs_alloc(view->site_count, sizeof(*ranks));
	uint32_t *order = gs_alloc(view->site_count, sizeof(*order));
	size_t i;

	for (i = 0; i < view->site_count; i++)
		ranks[i] = rank_of(&view->sites[i], i);
	qsort(ranks, view->site_count, sizeof(*ranks), gs_rank_compare);
	for (i = 0; i < view->site_count; i++)
		order[i] = ranks[i].index;
	free(ranks);
	return order;
}

bool gs_view_waits_measured(const struct gs_view *view)
{
	for (size_t i = 0; i < view->process_count; i++) {
		if (!view->processes[i].waits_measured)
			return false;
	}
	return view->process_count > 0;
}

struct gs_waits gs_view_waits(const struct gs_view *view)
{
	struct gs_waits sum = {.waits = 0};

	for (size_t i = 0; i < view->gil_count; i++) {
		const struct gs_waits *waits = &view->gils[i].waits;

		gs_sum(&sum.waits, waits->waits);
		if (view->gils[i].index == GS_WORLD)
			gs_sum(&sum.stops, waits->waits);
		gs_sum(&sum.waited_ns, waits->waited_ns);
		gs_sum(&sum.held_ns, waits->held_ns);
		gs_sum(&sum.computed_ns, waits->computed_ns);
		gs_sum(&sum.free_ns, waits->free_ns);
		if (sum.worst_ns < waits->worst_ns)
			sum.worst_ns = waits->worst_ns;
	}
	return sum;
}

uint64_t gs_view_uncharged(const struct gs_waits *waits)
{
	uint64_t charged = waits->held_ns;

	gs_sum(&charged, waits->computed_ns);
	gs_sum(&charged, waits->free_ns);
	return charged < waits->waited_ns ? waits->waited_ns - charged : 0;
}

size_t gs_view_delays(const struct gs_view *view, uint32_t *order, size_t capacity)
{
	struct gs_rank *ranks = gs_alloc(capacity, sizeof(*ranks));
	size_t count = 0;

	for (size_t i = 0; i < view->delay_count; i++) {
		const struct gs_view_delay *delay = &view->delays[i];
		struct gs_rank rank = {
			.stalled_ns = delay->wait_ns,
			.calls = delay->delayed,
			.rule = GS_RULE_REACQUIRE_DELAY,
			.index = (uint32_t) i,
		};

		if (gs_rank_delay_listed(delay->delayed, delay->wait_ns))
			count = gs_rank_insert(ranks, count, capacity, &rank);
	}
	for (size_t i = 0; i < count; i++)
		order[i] = ranks[i].index;
	free(ranks);
	return count;
}

const struct gs_process *gs_view_first_process(const struct gs_view *view)
{
	const struct gs_process *first = NULL;

	for (size_t i = 0; i < view->process_count; i++) {
		const struct gs_process *process = &view->processes[i];

		if (!first || process->start_realtime_ns < first->start_realtime_ns)
			first = process;
	}
	return first;
}

static int compare_pids(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	return (left > right) - (left < right);
}

void gs_view_sort_pids(struct gs_view_pids *pids)
{
	size_t count = 0;

	if (pids->count)
		qsort(pids->list, pids->count, sizeof(*pids->list), compare_pids);
	for (size_t i = 0; i < pids->count; i++) {
		if (count == 0 || pids->list[i] != pids->list[count - 1])
			pids->list[count++] = pids->list[i];
	}
	pids->count = count;
}

bool gs_view_free_threaded(const struct gs_view *view)
{
	const struct gs_process *first = gs_view_first_process(view);

	return first && first->free_threaded;
}

/* NULL where there are none, or another build's. */
static struct gs_symbols *symbols_of(struct gs_view *view, const struct gs_view_frame *frame)
{
	struct gs_view_module *module;

	if (frame->module == GS_NONE || frame->address == 0)
		return NULL;
	module = &view->modules[frame->module];
	if (!module->opened) {
		module->opened = true;
		module->symbols = gs_symbols_open(module->key.path, module->key.build_id,
			module->key.build_id_size, module->unchanged_since, &module->reason);
	}
	return module->symbols;
}

/* A return address is behind its call, which may be a function's last. */
static uint64_t call_address(const struct gs_view_frame *frame)
{
	return frame->address - 1;
}

struct gs_place gs_view_place(struct gs_view *view, const struct gs_view_frame *frame)
{
	struct gs_symbols *symbols = symbols_of(view, frame);

	return (struct gs_place){
		.object = frame->module == GS_NONE ? NULL : view->modules[frame->module].key.name,
		.symbol = symbols ? gs_symbols_name(symbols, call_address(frame)) : NULL,
	};
}

size_t gs_view_lines(struct gs_view *view, const struct gs_view_frame *frame,
	const struct gs_symbol_line **lines)
{
	struct gs_symbols *symbols = symbols_of(view, frame);

	return symbols ? gs_symbols_lines(symbols, call_address(frame), lines) : 0;
}

struct gs_place gs_view_innermost(struct gs_view *view, const struct gs_view_site *site)
{
	struct gs_view_frame frame = {site->key.module, site->key.address};

	return gs_view_place(view, &frame);
}

struct gs_place gs_view_extension(struct gs_view *view, const struct gs_view_site *site)
{
	struct gs_place place = {NULL, NULL};

	if (site->extension_frame != GS_NONE)
		return gs_view_place(view, &site->native[site->extension_frame]);
	if (site->extension != GS_NONE)
		place.object = view->modules[site->extension].key.name;
	return place;
}
