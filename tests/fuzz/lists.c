/* lists.c: a file that a user wrote or a former run left: suppressions if it begins with 's', a
 * baseline if with anything else. The first byte is not part of it. */
#include <string.h>
#include <unistd.h>

#include "baseline.h"
#include "fuzz.h"
#include "suppress.h"

#define TODAY 20260101

/* A view with one site that rules may match. */
static void make_view(struct gs_view *view, struct gs_view_site *site)
{
	memset(view, 0, sizeof(*view));
	memset(site, 0, sizeof(*site));
	site->key.call = gs_pool_text(&view->pool, "recv", 16);
	site->key.file = gs_pool_text(&view->pool, "/srv/app.py", 16);
	site->key.function = gs_pool_text(&view->pool, "fetch", 16);
	site->key.module = site->extension = site->extension_frame = GS_NONE;
	site->class = GS_CLASS_WAIT;
	site->calls = site->blocked_calls = 3;
	view->sites = site;
	view->site_count = 1;
}

static void suppressions(const char *path)
{
	struct gs_suppressions list;
	struct gs_view_site site;
	struct gs_view view;

	memset(&list, 0, sizeof(list));
	make_view(&view, &site);
	gs_suppress_read(&list, path, TODAY);
	for (size_t i = 0; i < list.count; i++)
		PLANT(list.rules[i].until > 20270630);
	gs_suppress_apply(&list, &view);
	gs_suppress_complain(&list);
	gs_suppress_free(&list);
	gs_pool_free(&view.pool);
}

static void baseline(const char *path)
{
	struct gs_baseline compared;
	struct gs_view_site site;
	struct gs_view view;

	memset(&compared, 0, sizeof(compared));
	make_view(&view, &site);
	gs_baseline_read(&compared, GS_OLD, path);
	gs_baseline_add(&compared, GS_NEW, &view);
	MUST(gs_baseline_find(&compared, &view, &site));
	for (size_t i = 0; i < compared.count; i++)
		MUST(gs_baseline_change(&compared.entries[i], 1000000) < GS_CHANGES);
	gs_baseline_free(&compared);
	gs_pool_free(&view.pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd;

	if (size == 0)
		return 0;
	fd = fuzz_file(data + 1, size - 1, path);
	if (data[0] == 's')
		suppressions(path);
	else
		baseline(path);
	close(fd);
	return 0;
}
