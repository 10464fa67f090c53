/* out_github.c: workflow commands, which GitHub Actions shows as annotations of the line. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "out.h"

/* As the runner decodes it: `property` between the two colons, else the message. */
static void put(FILE *stream, const char *text, bool property)
{
	for (; *text; text++) {
		if (strchr("%\r\n", *text) || (property && strchr(":,", *text)))
			fprintf(stream, "%%%02X", (unsigned) *text);
		else
			fputc(*text, stream);
	}
}

static void put_command(FILE *stream, const char *level)
{
	fprintf(stream, "::%s ", strcmp(level, "note") == 0 ? "notice" : level);
}

static void put_delay(FILE *stream, const struct gs_delay_finding *finding)
{
	put_command(stream, finding->rule->level);
	fprintf(stream, "title=%s %s::", finding->rule->id, finding->rule->name);
	put(stream, finding->words, false);
	fputc('\n', stream);
}

static void put_finding(FILE *stream, const struct gs_finding *finding, const char *root)
{
	const struct gs_site_key *key = &finding->site->key;

	put_command(stream, finding->level);
	if (gs_finding_is_file(key->file)) {
		fputs("file=", stream);
		put(stream, gs_finding_relative(key->file, root), true);
		if (key->line)
			fprintf(stream, ",line=%u", key->line);
		fputc(',', stream);
	}
	fprintf(stream, "title=%s %s::", finding->rule->id, finding->rule->name);
	put(stream, finding->numbers, false);
	fputs("%0A", stream);
	put(stream, finding->chain, false);
	fputc('\n', stream);
}

void gs_out_github(FILE *stream, struct gs_view *view)
{
	uint32_t *order = gs_view_ranked(view);
	char *root = gs_finding_root();
	struct gs_finding finding;
	uint32_t *delays;
	size_t delay_count;

	gs_view_look_up(view, GS_LOOKUP_RULES);
	for (size_t i = 0; i < view->site_count; i++) {
		if (!view->sites[order[i]].suppressed_by &&
			gs_finding_make(&finding, view, &view->sites[order[i]]))
			put_finding(stream, &finding, root);
	}
	delays = gs_finding_delays(view, &delay_count);
	for (size_t i = 0; i < delay_count; i++) {
		struct gs_delay_finding delay;

		gs_finding_make_delay(&delay, view, &view->delays[delays[i]]);
		put_delay(stream, &delay);
	}
	free(delays);
	free(root);
	free(order);
}
