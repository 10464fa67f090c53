/* lookup.c: the slow questions of a report, asked before it is written. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "err.h"
#include "owner.h"
#include "progress.h"
#include "view.h"

#define NAMED_AT_MOST 3

static void look_up_frames(struct gs_view *view, const struct gs_view_site *site)
{
	const struct gs_symbol_line *lines;

	for (unsigned i = 0; i < site->depth_native; i++) {
		gs_view_place(view, &site->native[i]);
		gs_view_lines(view, &site->native[i], &lines);
	}
	gs_owner_find(view, site);
}

/* One line for all: a record from elsewhere may have no object that is here. */
static void complain(struct gs_view *view)
{
	char *names = NULL;
	size_t size, count = 0;
	FILE *stream = open_memstream(&names, &size);

	if (!stream)
		gs_out_of_memory();
	for (size_t i = 0; i < view->module_count; i++) {
		struct gs_view_module *module = &view->modules[i];
		const char *path = module->key.path;

		if (!module->opened || module->symbols || module->complained || !path ||
			*path != '/')
			continue;
		module->complained = true;
		if (count++ < NAMED_AT_MOST)
			fprintf(stream, "%s%s: %s", count > 1 ? "; " : "", path, module->reason);
	}
	if (count > NAMED_AT_MOST)
		fprintf(stream, "; and %zu more", count - NAMED_AT_MOST);
	if (fclose(stream) != 0)
		gs_out_of_memory();
	if (count > 0)
		gs_warn("%s; functions in there are not named", names);
	free(names);
}

void gs_view_look_up(struct gs_view *view, enum gs_lookup what)
{
	bool all = what == GS_LOOKUP_NAMES || what == GS_LOOKUP_ALL;

	for (size_t i = 0; i < view->site_count; i++) {
		const struct gs_view_site *site = &view->sites[i];

		gs_progress("looking up names of sites", i, view->site_count);
		if (!all && gs_view_rule(site) == GS_RULE_NONE)
			continue;
		gs_view_innermost(view, site);
		gs_view_extension(view, site);
		if (what == GS_LOOKUP_LINES || what == GS_LOOKUP_ALL)
			look_up_frames(view, site);
	}
	gs_progress_end();
	complain(view);
}
