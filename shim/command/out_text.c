/* out_text.c: the summary, in the words of the exit summary (line.h). */
#include <stdlib.h>

#include "line.h"
#include "out.h"

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

static struct gs_summary_site describe(struct gs_view *view, const struct gs_view_site *site)
{
	struct gs_place innermost = gs_view_innermost(view, site);
	struct gs_place extension = gs_view_extension(view, site);

	return (struct gs_summary_site){
		.rule = gs_view_rule(site),
		.origin = (enum gs_origin) site->key.origin,
		.at_most = site->key.at_most,
		.calls = site->calls,
		.blocked_calls = site->blocked_calls,
		.blocked_ns = site->blocked_ns,
		.worst_ns = site->worst_ns,
		.stalled_ns = site->stalled_ns,
		.unfinished = site->progress_count,
		.call = site->key.call,
		.object = innermost.object,
		.symbol = innermost.symbol,
		.extension_object = extension.object,
		.extension_symbol = extension.symbol,
		.python_file = site->key.file,
		.python_function = site->key.function,
		.python_line = site->key.line,
	};
}

/* Who is in the call, and for how long. */
static void put_progress(struct gs_text *text, const struct gs_in_progress *progress)
{
	gs_text_put(text, "     not returned: thread ");
	gs_text_id(text, progress->tid);
	if (progress->thread) {
		gs_text_put(text, " (");
		gs_text_name(text, progress->thread, 32);
		gs_text_char(text, ')');
	}
	gs_text_put(text, " of process ");
	gs_text_id(text, progress->pid);
	if (progress->known) {
		gs_text_put(text, ", after ");
		gs_text_duration(text, progress->elapsed_ns);
	}
	gs_text_char(text, '\n');
}

static void put_site(FILE *stream, struct gs_view *view, uint32_t index, unsigned rank)
{
	const struct gs_view_site *site = &view->sites[index];
	struct gs_summary_site summary = describe(view, site);
	char buffer[GS_LINE_MAX];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_site(&text, rank, &summary);
	fputs(buffer, stream);
	for (size_t i = 0; i < site->progress_count; i++) {
		gs_text_init(&text, buffer, sizeof(buffer));
		put_progress(&text, &site->progress[i]);
		fputs(buffer, stream);
	}
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
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_head(&text, &totals);
	fputs(buffer, stream);
	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[order[i]];

		if (gs_rank_listed((enum gs_origin) site->key.origin, gs_view_rule(site)))
			put_site(stream, view, order[i], ++rank);
	}
	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_tail(&text, &totals);
	fputs(buffer, stream);
	free(order);
}
