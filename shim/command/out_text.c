/* out_text.c: the summary, in the words of the exit summary (line.h). */
#include <stdlib.h>

#include "escape.h"
#include "line.h"
#include "out.h"
#include "out_site.h"

/* Adds a site to its origin's line, or to what was computed. */
static void add_site(struct gs_summary_totals *totals, const struct gs_view_site *site)
{
	enum gs_origin origin = (enum gs_origin) site->key.origin;
	struct gs_summary_count *count = &totals->origin[origin];
	bool is_listed = gs_view_listed(site);

	totals->findings += is_listed;
	if (site->key.kind == GS_KIND_CALL) {
		gs_sum(&count->calls, site->calls);
		gs_sum(&count->blocked_calls, site->blocked_calls);
		gs_sum(&count->blocked_ns, site->blocked_ns);
		gs_sum(&count->stalled_ns, site->stalled_ns);
	} else if (is_listed) {
		totals->compute.sites++;
		gs_sum(&totals->compute.stretches, site->calls);
		gs_sum(&totals->compute.elapsed_ns, site->elapsed_ns);
		gs_sum(&totals->compute.stalled_ns, site->stalled_ns);
	}
}

static void add_waits(struct gs_summary_totals *totals, const struct gs_view *view)
{
	const struct gs_waits waits = gs_view_waits(view);

	totals->waits = (struct gs_summary_waits){
		.waits = waits.waits,
		.stops = waits.stops,
		.waited_ns = waits.waited_ns,
		.held_ns = waits.held_ns,
		.computed_ns = waits.computed_ns,
		.free_ns = waits.free_ns,
	};
}

static struct gs_summary_totals sum_up(const struct gs_view *view)
{
	struct gs_summary_totals totals = {.pid = 0};
	const struct gs_process *process = gs_view_first_process(view);
	size_t i;

	if (process) {
		totals.pid = process->pid;
		totals.more_processes = (uint32_t) view->process_count - 1;
		totals.implementation = process->implementation;
		totals.python_version = process->python_version;
		totals.free_threaded = process->free_threaded;
	}
	totals.waits_measured = gs_view_waits_measured(view);
	for (i = 0; i < view->function_count; i++) {
		gs_sum(&totals.held, view->functions[i].held);
		gs_sum(&totals.released, view->functions[i].released);
		gs_sum(&totals.unknown, view->functions[i].unknown);
		gs_sum(&totals.none, view->functions[i].none);
	}
	totals.unjudged = totals.unknown > 0;
	for (i = 0; i < view->site_count; i++)
		add_site(&totals, &view->sites[i]);
	add_waits(&totals, view);
	totals.lost_sites = view->totals.lost_sites;
	totals.lost_threads = view->totals.lost_threads;
	totals.lost_strings = view->totals.lost_strings;
	totals.lost_modules = view->totals.lost_modules;
	return totals;
}

/* The head calls calls harmless that nobody waited for. Who waited for calls without a site is not
 * known. */
static void put_head(FILE *stream, const struct gs_view *view, struct gs_summary_totals totals)
{
	char buffer[GS_LINE_MAX];
	struct gs_text text;

	for (size_t i = 0; i < view->function_count; i++) {
		if (view->functions[i].unlisted.slept)
			totals.waits_measured = false;
	}
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_head(&text, &totals);
	fputs(buffer, stream);
}

static void put_unlisted(FILE *stream, const struct gs_view *view)
{
	for (size_t i = 0; i < view->function_count; i++) {
		const struct gs_view_function *function = &view->functions[i];
		char buffer[GS_LINE_MAX];
		struct gs_text text;

		if (!function->unlisted.slept)
			continue;
		gs_text_init(&text, buffer, sizeof(buffer));
		gs_text_put(&text, "  lost: ");
		gs_text_count(&text, function->unlisted.slept, "call of ", "calls of ");
		gs_text_name(&text, function->call ? function->call : "?", 64);
		gs_text_put(&text, " blocked, for up to ");
		gs_text_duration(&text, function->unlisted.at_most);
		gs_text_put(&text, "; who waited is not known\n");
		fputs(buffer, stream);
	}
}

/* What the numbers above cannot hold. */
static void put_escapes(FILE *stream, const struct gs_view *view)
{
	struct gs_escapes escapes = {.list = NULL};

	gs_escapes_add_view(&escapes, view);
	gs_escapes_write(&escapes, stream, "  ", false);
	gs_escapes_free(&escapes);
}

void gs_out_text(FILE *stream, struct gs_view *view)
{
	const struct gs_process *process = gs_view_first_process(view);
	struct gs_summary_totals totals = sum_up(view);
	uint32_t *order = gs_view_ranked(view);
	uint32_t delays[GS_LINE_DELAYS];
	char buffer[GS_LINE_MAX], program[256];
	struct gs_text text;
	unsigned rank = 0;

	totals.delays = gs_view_delays(view, delays, GS_LINE_DELAYS);
	if (process)
		totals.program = gs_line_program(program, sizeof(program), process->argv);
	gs_view_look_up(view, GS_LOOKUP_RULES);
	put_head(stream, view, totals);
	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[order[i]];

		if (gs_view_listed(site)) {
			struct gs_summary_site summary = gs_site_summary(view, site);

			summary.nobody_waited = gs_line_names_stalled(&totals);
			gs_out_summary_site(stream, site, ++rank, &summary);
		}
	}
	for (size_t i = 0; i < totals.delays; i++) {
		const struct gs_summary_delay delay =
			gs_delay_summary(view, &view->delays[delays[i]]);

		gs_text_init(&text, buffer, sizeof(buffer));
		gs_line_delay(&text, &delay);
		fputs(buffer, stream);
	}
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_tail(&text, &totals);
	fputs(buffer, stream);
	put_unlisted(stream, view);
	put_escapes(stream, view);
	free(order);
}
