#include "out_site.h"

#include <inttypes.h>
#include <string.h>

#include "compiler.h"
#include "table.h"

#include "line.h"

void gs_site_id(char id[GS_SITE_ID], struct gs_view *view, const struct gs_view_site *site)
{
	struct gs_place extension = gs_view_extension(view, site);
	const char *const parts[] = {site->key.call, extension.object, extension.symbol,
		site->key.file, site->key.function};
	uint64_t hash = GS_HASH_START;

	for (size_t i = 0; i < GS_ARRAY_SIZE(parts); i++) {
		/* With its NUL, so that "ab" "c" is not "a" "bc". */
		if (parts[i])
			hash = gs_hash(hash, parts[i], strlen(parts[i]));
		hash = gs_hash(hash, "", 1);
	}
	snprintf(id, GS_SITE_ID, "%016" PRIx64, hash);
}

void gs_delay_id(char id[GS_SITE_ID], const struct gs_view_delay *delay)
{
	const char *rule = gs_rank_rule_name(GS_RULE_REACQUIRE_DELAY);
	uint64_t hash = gs_hash(GS_HASH_START, rule, strlen(rule) + 1);

	if (delay->call)
		hash = gs_hash(hash, delay->call, strlen(delay->call) + 1);
	snprintf(id, GS_SITE_ID, "%016" PRIx64, hash);
}

struct gs_summary_site gs_site_summary(struct gs_view *view, const struct gs_view_site *site)
{
	struct gs_place innermost = gs_view_innermost(view, site);
	struct gs_place extension = gs_view_extension(view, site);

	struct gs_summary_site summary = {
		.rule = gs_view_rule(site),
		.origin = (enum gs_origin) site->key.origin,
		.at_most = site->key.at_most,
		.free_threaded = gs_view_free_threaded(view),
		.nobody_waited = gs_view_waits_measured(view),
		.calls = site->calls,
		.blocked_calls = site->blocked_calls,
		.blocked_ns = site->blocked_ns,
		.elapsed_ns = site->elapsed_ns,
		.worst_ns = site->worst_ns,
		.stalled_ns = site->stalled_ns,
		.stalled_threads = site->stalled_threads,
		.thread = site->thread,
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

	memcpy(summary.victims, site->victims, sizeof(summary.victims));
	return summary;
}

struct gs_summary_delay gs_delay_summary(
	const struct gs_view *view, const struct gs_view_delay *delay)
{
	return (struct gs_summary_delay){
		.call = delay->call,
		.free_threaded = gs_view_free_threaded(view),
		.calls = delay->calls,
		.delayed = delay->delayed,
		.call_median_ns = gs_hist_median(delay->call_histogram, delay->call_worst_ns),
		.wait_median_ns = gs_hist_median(delay->wait_histogram, delay->wait_worst_ns),
		.wait_worst_ns = delay->wait_worst_ns,
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

void gs_out_summary_site(FILE *stream, const struct gs_view_site *site, unsigned rank,
	const struct gs_summary_site *summary)
{
	char buffer[GS_LINE_MAX];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_line_site(&text, rank, summary);
	fputs(buffer, stream);
	for (size_t i = 0; i < site->progress_count; i++) {
		gs_text_init(&text, buffer, sizeof(buffer));
		put_progress(&text, &site->progress[i]);
		fputs(buffer, stream);
	}
}

void gs_out_site(FILE *stream, struct gs_view *view, const struct gs_view_site *site, unsigned rank)
{
	const struct gs_summary_site summary = gs_site_summary(view, site);

	gs_out_summary_site(stream, site, rank, &summary);
}
