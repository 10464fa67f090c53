#include "finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler.h"
#include "err.h"
#include "out_site.h"

#define HELP                                                                                      \
	"Let the extension release the GIL around the call (C: Py_BEGIN_ALLOW_THREADS, Cython: "  \
	"with nogil, ctypes: CDLL, not PyDLL), or make it where a wait stops nobody: in another " \
	"process, before threads run."

const struct gs_rule_text *gs_finding_rule(enum gs_rule rule)
{
	static const struct gs_rule_text texts[GS_FINDING_RULES] = {
		{"GIL001", "held-blocked", "A call blocked while the GIL was held",
			"While such a call waits, no other Python thread can run. " HELP,
			GS_LEVEL_ERROR},
		{"GIL002", "held-could-block", "A call that can block was made with the GIL held",
			"The call waits for others; this time it came back at once. When it does "
			"not, no other Python thread can run. " HELP,
			"note"},
		{"GIL003", "held-compute", "A thread computed with the GIL while others waited",
			"While a thread keeps the GIL, no other Python thread can run. Let the "
			"extension release the GIL while it computes (C: Py_BEGIN_ALLOW_THREADS, "
			"Cython: with nogil, ctypes: CDLL, not PyDLL), or compute in another "
			"process, or in smaller pieces.",
			"warning"},
		{"GIL004", "reacquire-delay",
			"After a released call the wait for the GIL took longer than the call",
			"The calls are right; threads that keep the GIL make them slow. Look for "
			"those, or move this work to another process.",
			"note"},
	};

	return &texts[rule - GS_RULE_HELD_BLOCKED];
}

/* One formatter says it for all. */
static void make_words(struct gs_finding *finding, struct gs_view *view)
{
	const struct gs_summary_site summary = gs_site_summary(view, finding->site);
	struct gs_text text;

	gs_text_init(&text, finding->numbers, sizeof(finding->numbers));
	gs_line_numbers(&text, &summary);
	gs_text_init(&text, finding->chain, sizeof(finding->chain));
	gs_line_chain(&text, &summary);
}

uint64_t gs_finding_harm(const struct gs_view_site *site)
{
	return site->key.kind == GS_KIND_COMPUTE ? site->elapsed_ns : site->blocked_ns;
}

/* An error is what `check` fails on. What it passes is none; a call that blocked stays a warning.
 */
static const char *level(const struct gs_view_site *site)
{
	enum gs_rule rule = gs_view_rule(site);

	if (site->judgement == GS_FAILS)
		return GS_LEVEL_ERROR;
	if (site->judgement == GS_PASSES && rule == GS_RULE_HELD_BLOCKED)
		return "warning";
	return gs_finding_rule(rule)->level;
}

static const struct gs_suppression_use *suppression(
	const struct gs_view *view, const struct gs_view_site *site)
{
	for (size_t i = 0; site->suppressed_by && i < view->suppression_count; i++) {
		if (strcmp(view->suppressions[i].origin, site->suppressed_by) == 0)
			return &view->suppressions[i];
	}
	return NULL;
}

bool gs_finding_make(
	struct gs_finding *finding, struct gs_view *view, const struct gs_view_site *site)
{
	enum gs_rule rule = gs_view_rule(site);

	if (rule == GS_RULE_NONE)
		return false;
	finding->site = site;
	finding->rule = gs_finding_rule(rule);
	finding->blocked = rule == GS_RULE_HELD_BLOCKED;
	finding->what = rule == GS_RULE_HELD_COMPUTE ? "computing" : site->key.call;
	if (!finding->what)
		finding->what = "?";
	finding->harm_ns = gs_finding_harm(site);
	finding->level = level(site);
	finding->suppression = suppression(view, site);
	finding->extension = gs_view_extension(view, site);
	finding->owner = gs_owner_find(view, site);
	gs_site_id(finding->id, view, site);
	make_words(finding, view);
	return true;
}

void gs_finding_make_delay(struct gs_delay_finding *finding, const struct gs_view *view,
	const struct gs_view_delay *delay)
{
	const struct gs_summary_delay summary = gs_delay_summary(view, delay);
	struct gs_text text;

	finding->delay = delay;
	finding->rule = gs_finding_rule(GS_RULE_REACQUIRE_DELAY);
	finding->call = delay->call ? delay->call : "?";
	gs_delay_id(finding->id, delay);
	gs_text_init(&text, finding->words, sizeof(finding->words));
	gs_line_delay_words(&text, &summary);
}

uint32_t *gs_finding_delays(const struct gs_view *view, size_t *count)
{
	uint32_t *order = gs_alloc(view->delay_count, sizeof(*order));

	*count = gs_view_delays(view, order, view->delay_count);
	return order;
}

struct gs_finding_counts gs_finding_count(const struct gs_view *view)
{
	struct gs_finding_counts counts = {0, 0, 0};

	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[i];

		if (gs_view_rule(site) == GS_RULE_NONE)
			continue;
		counts.all++;
		if (site->suppressed_by)
			counts.suppressed++;
		else if (strcmp(level(site), GS_LEVEL_ERROR) == 0)
			counts.errors++;
	}
	return counts;
}

bool gs_finding_is_file(const char *file)
{
	return file && *file && *file != '<';
}

static bool is_within(const char *directory, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(directory, outer, length) == 0 &&
	       (directory[length] == '/' || !directory[length]);
}

char *gs_finding_root(void)
{
	const char *checkout = getenv("GITHUB_WORKSPACE");
	char *outer = checkout && *checkout ? realpath(checkout, NULL) : NULL;
	char *directory = getcwd(NULL, 0);
	char *root;

	if (directory && outer && is_within(directory, outer)) {
		free(directory);
		directory = outer;
		outer = NULL;
	}
	free(outer);
	if (!directory)
		return NULL;
	if (asprintf(&root, "%s%s", directory, strcmp(directory, "/") == 0 ? "" : "/") < 0)
		gs_out_of_memory();
	free(directory);
	return root;
}

const char *gs_finding_relative(const char *file, const char *root)
{
	size_t length = root ? strlen(root) : 0;

	return length > 1 && strncmp(file, root, length) == 0 && file[length] ? file + length
									      : file;
}
