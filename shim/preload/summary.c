#include "summary.h"

#include <string.h>

#include "calls.h"
#include "gil.h"
#include "hist.h"
#include "life.h"
#include "line.h"
#include "modules.h"
#include "say.h"
#include "store.h"
#include "symfile.h"

#define SHOWN_AT_MOST 4096

/* Too large for a stack that may be small; written once, by the thread that ends the process. */
static struct gs_rank ranks[SHOWN_AT_MOST];
static char buffer[64 * 1024];

static uint64_t load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static const char *text_or_null(uint32_t offset)
{
	return offset == GS_NONE ? NULL : gs_store_text(offset);
}

static void count_calls(struct gs_summary_totals *totals)
{
	uint64_t counted[2] = {0, 0};

	for (unsigned call = 0; call < GS_CALLS; call++) {
		const struct gs_function *function = &gs_store.functions[call];

		totals->held += load(&function->held);
		counted[0] += load(&function->retired[0]);
		counted[1] += load(&function->retired[1]);
		for (unsigned i = 0; i <= GS_MAX_THREADS; i++) {
			const struct gs_thread_entry *entry = &gs_store.threads[i];
			const volatile uint64_t *counts = gs_store.counts + i * GS_MAX_CALLS;

			if (atomic_load_explicit(&entry->tid, memory_order_relaxed) ||
				i == GS_MAX_THREADS)
				counted[entry->had_gil != 0] += counts[call];
		}
	}
	if (gs_store.header->unknown) {
		totals->unknown = counted[0] + counted[1];
		return;
	}
	totals->none = counted[0];
	totals->released = counted[1];
}

static void count_waits(struct gs_summary_waits *waits)
{
	for (unsigned i = 0; i <= GS_WORLD; i++) {
		const struct gs_gil_entry *gil = &gs_store.gils[i];

		waits->waits += load(&gil->waits);
		waits->stops += i == GS_WORLD ? load(&gil->waits) : 0;
		waits->waited_ns += load(&gil->waited_ns);
		waits->held_ns += load(&gil->held_ns);
		waits->computed_ns += load(&gil->computed_ns);
		waits->free_ns += load(&gil->free_ns);
	}
}

static void fill_totals(struct gs_summary_totals *totals)
{
	struct gs_record_header *header = gs_store.header;
	static char program[256];

	totals->program = gs_line_program(program, sizeof(program), gs_store_text(header->argv));
	totals->pid = header->pid;
	totals->implementation = text_or_null(header->implementation);
	totals->python_version = text_or_null(header->python_version);
	totals->free_threaded = gs_gil.attached;
	totals->unjudged = header->unknown;
	totals->lost_sites = load(&header->lost.sites);
	totals->lost_threads = load(&header->lost.threads);
	totals->lost_strings = load(&header->lost.strings);
	totals->lost_modules = load(&header->lost.modules);
	totals->waits_measured = gs_gil.made && (!gs_gil.attached || gs_store.header->world);
	count_calls(totals);
	count_waits(&totals->waits);
}

static void count_call_site(struct gs_summary_totals *totals, struct gs_rank *rank)
{
	const struct gs_site *site = &gs_store.sites[rank->index];
	struct gs_summary_count *origin = &totals->origin[site->origin % GS_ORIGINS];
	uint64_t blocked = load(&site->blocked_calls);

	rank->blocked_ns = load(&site->blocked_ns);
	rank->rule = gs_rank_rule(rank->origin, site->class, blocked);
	origin->calls += rank->calls;
	origin->blocked_calls += blocked;
	origin->blocked_ns += rank->blocked_ns;
	origin->stalled_ns += rank->stalled_ns;
}

static void count_compute_site(struct gs_summary_totals *totals, struct gs_rank *rank)
{
	rank->rule = gs_rank_compute_rule(rank->origin);
	if (!gs_rank_listed(rank))
		return;
	totals->compute.sites++;
	totals->compute.stretches += rank->calls;
	totals->compute.elapsed_ns += load(&gs_store.sites[rank->index].elapsed_ns);
	totals->compute.stalled_ns += rank->stalled_ns;
}

/* Adds every site to its origin's line and keeps the most harmful that are listed. */
static size_t rank_sites(struct gs_summary_totals *totals)
{
	size_t shown = 0, room = gs_life.options.top;

	for (uint32_t i = 0; i < GS_MAX_SITES; i++) {
		struct gs_site *site = &gs_store.sites[i];
		struct gs_rank rank = {.index = i, .origin = site->origin};

		rank.calls = load(&site->calls);
		if (load(&site->key) <= 1 || !rank.calls)
			continue;
		rank.stalled_ns = load(&site->stalled_ns);
		if (site->kind == GS_KIND_COMPUTE)
			count_compute_site(totals, &rank);
		else
			count_call_site(totals, &rank);
		if (!gs_rank_listed(&rank))
			continue;
		totals->findings++;
		shown = gs_rank_insert(ranks, shown, room, &rank);
	}
	totals->not_shown = totals->findings - shown;
	return shown;
}

static const char *module_name(uint32_t module)
{
	return module < GS_MAX_MODULES ? gs_store_text(gs_store.modules[module].name) : NULL;
}

static const char *symbol_name(uint32_t module, uint64_t address)
{
	if (module >= GS_MAX_MODULES)
		return NULL;
	return text_or_null(gs_symfile_name(&gs_store.modules[module], address));
}

static const char *waiter_name(uint32_t index_and_one)
{
	if (!index_and_one || index_and_one > GS_MAX_WAITERS)
		return NULL;
	return text_or_null(atomic_load_explicit(
		&gs_store.waiters[index_and_one - 1].name, memory_order_relaxed));
}

/* Who stood still, and who made them. */
static void fill_stalled(struct gs_summary_site *line, const struct gs_site *site)
{
	line->stalled_ns = load(&site->stalled_ns);
	line->stalled_threads = atomic_load_explicit(&site->stalled_threads, memory_order_relaxed);
	for (unsigned i = 0; i < GS_VICTIMS; i++)
		line->victims[i] =
			waiter_name(atomic_load_explicit(&site->victims[i], memory_order_relaxed));
	line->thread = waiter_name(site->waiter);
	line->free_threaded = gs_gil.attached;
}

static void put_site(
	struct gs_text *text, unsigned number, const struct gs_rank *rank, bool nobody_waited)
{
	const struct gs_site *site = &gs_store.sites[rank->index];
	struct gs_summary_site line = {.rule = rank->rule, .origin = rank->origin};
	const uint64_t *native = gs_store.native + (uint64_t) rank->index * gs_store.header->stacks;

	line.at_most = site->at_most;
	line.calls = rank->calls;
	line.blocked_calls = load(&site->blocked_calls);
	line.blocked_ns = rank->blocked_ns;
	fill_stalled(&line, site);
	line.nobody_waited = nobody_waited;
	line.elapsed_ns = load(&site->elapsed_ns);
	line.worst_ns = load(&site->worst_ns);
	line.call = gs_store_text(site->call_name);
	line.object = module_name(site->module);
	line.symbol = symbol_name(site->module, site->caller);
	line.extension_object = module_name(site->extension);
	if (site->extension_frame < site->depth_native)
		line.extension_symbol = symbol_name(site->extension, native[site->extension_frame]);
	line.python_file = text_or_null(site->python.file);
	line.python_function = text_or_null(site->python.function);
	line.python_line = site->python.line;
	gs_line_site(text, number, &line);
}

/* ---- what released calls cost until the GIL was back ---- */

static uint64_t median(const _Atomic uint32_t *histogram, uint64_t worst)
{
	uint64_t copy[GS_HIST_BUCKETS];

	for (unsigned i = 0; i < GS_HIST_BUCKETS; i++)
		copy[i] = atomic_load_explicit(&histogram[i], memory_order_relaxed);
	return gs_hist_median(copy, worst);
}

static bool waited_longer(unsigned call, unsigned than)
{
	return load(&gs_store.delays[call].wait_ns) > load(&gs_store.delays[than].wait_ns);
}

/* Those first that waited longest. */
static uint64_t rank_delays(unsigned *calls)
{
	uint64_t shown = 0;

	for (unsigned call = 0; call < GS_CALLS; call++) {
		const struct gs_delay *delay = &gs_store.delays[call];
		uint64_t at = shown;

		if (!gs_rank_delay_listed(load(&delay->delayed), load(&delay->wait_ns)))
			continue;
		while (at && waited_longer(call, calls[at - 1]))
			at--;
		if (at == GS_LINE_DELAYS)
			continue;
		shown += shown < GS_LINE_DELAYS;
		memmove(calls + at + 1, calls + at, (shown - 1 - at) * sizeof(*calls));
		calls[at] = call;
	}
	return shown;
}

static void put_delay(struct gs_text *text, unsigned call)
{
	const struct gs_delay *delay = &gs_store.delays[call];
	struct gs_summary_delay line = {
		.call = gs_call_info[call].name,
		.free_threaded = gs_gil.attached,
		.calls = load(&delay->calls),
		.delayed = load(&delay->delayed),
		.wait_worst_ns = load(&delay->wait_worst_ns),
	};

	line.call_median_ns = median(delay->call_histogram, load(&delay->call_worst_ns));
	line.wait_median_ns = median(delay->wait_histogram, line.wait_worst_ns);
	gs_line_delay(text, &line);
}

/* The objects whose calls are in none of the numbers. */
static void put_past(struct gs_text *text)
{
	uint32_t count;

	if (!gs_store.is_file)
		gs_modules_note_all();
	count = atomic_load_explicit(&gs_store.header->modules, memory_order_acquire);
	for (uint32_t i = 0; i < count && i < GS_MAX_MODULES; i++) {
		uint32_t flags = gs_store.modules[i].flags;

		if (flags & GS_MODULE_ESCAPES)
			gs_line_past(text, module_name(i), flags);
	}
}

/* Writes what is there and makes room again. */
static void flush(struct gs_text *text)
{
	int err = gs_say_to(gs_life.options.summary, buffer, gs_text_length(text));

	if (err < 0 && strcmp(gs_life.options.summary, "stderr") != 0) {
		gs_say_unusable("summary", gs_life.options.summary, "cannot be written", err,
			"it goes to standard error");
		gs_life.options.summary = "stderr";
		gs_say_to("stderr", buffer, gs_text_length(text));
	}
	gs_text_init(text, buffer, sizeof(buffer));
}

void gs_summary_print(bool only_findings)
{
	struct gs_summary_totals totals = {0};
	unsigned delays[GS_LINE_DELAYS];
	struct gs_text text;
	size_t shown;

	if (strcmp(gs_life.options.summary, "none") == 0)
		return;
	if (strcmp(gs_life.options.summary, "stderr") == 0 && !gs_say_is_our_stderr())
		return;
	fill_totals(&totals);
	if (!(totals.held + totals.released + totals.unknown + totals.none))
		return;
	shown = rank_sites(&totals);
	if (only_findings && !totals.findings)
		return;
	totals.delays = rank_delays(delays);
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_head(&text, &totals);
	for (size_t i = 0; i < shown; i++) {
		if ((size_t) (text.end - text.at) < 2 * GS_LINE_MAX)
			flush(&text);
		put_site(&text, (unsigned) i + 1, &ranks[i], gs_line_names_stalled(&totals));
	}
	flush(&text);
	for (uint64_t i = 0; i < totals.delays; i++)
		put_delay(&text, delays[i]);
	gs_line_tail(&text, &totals);
	flush(&text);
	put_past(&text);
	flush(&text);
}
