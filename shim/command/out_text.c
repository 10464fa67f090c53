/* out_text.c: the summary, in the words of the exit summary (line.h). */
#include <stdlib.h>

#include "line.h"
#include "out.h"
#include "out_site.h"

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
	for (i = 0; i < view->function_count; i++) {
		gs_sum(&totals.held, view->functions[i].held);
		gs_sum(&totals.released, view->functions[i].released);
		gs_sum(&totals.unknown, view->functions[i].unknown);
		gs_sum(&totals.none, view->functions[i].none);
	}
	totals.unjudged = totals.unknown > 0;
	for (i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[i];
		enum gs_origin origin = (enum gs_origin) site->key.origin;
		struct gs_summary_count *count = &totals.origin[origin];

		gs_sum(&count->calls, site->calls);
		gs_sum(&count->blocked_calls, site->blocked_calls);
		gs_sum(&count->blocked_ns, site->blocked_ns);
		totals.findings += gs_rank_listed(origin, gs_view_rule(site));
	}
	totals.lost_sites = view->totals.lost_sites;
	totals.lost_threads = view->totals.lost_threads;
	totals.lost_strings = view->totals.lost_strings;
	totals.lost_modules = view->totals.lost_modules;
	return totals;
}

void gs_out_text(FILE *stream, struct gs_view *view)
{
	const struct gs_process *process = gs_view_first_process(view);
	struct gs_summary_totals totals = sum_up(view);
	uint32_t *order = gs_view_ranked(view);
	char buffer[GS_LINE_MAX], program[256];
	struct gs_text text;
	unsigned rank = 0;

	if (process)
		totals.program = gs_line_program(program, sizeof(program), process->argv);
	gs_view_look_up(view, GS_LOOKUP_RULES);
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_head(&text, &totals);
	fputs(buffer, stream);
	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[order[i]];

		if (gs_rank_listed((enum gs_origin) site->key.origin, gs_view_rule(site)))
			gs_out_site(stream, view, site, ++rank);
	}
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_tail(&text, &totals);
	fputs(buffer, stream);
	free(order);
}
