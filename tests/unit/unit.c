#include "unit.h"

#include <string.h>

#include "owner.h"

void unit_make_full(struct synthetic *record)
{
	synthetic_make(record, 16);
	synthetic_fill(record);
}

void unit_make_stalls(struct synthetic *record)
{
	unit_make_full(record);
	synthetic_stalls(record);
}

void unit_add(struct gs_view *view, const struct synthetic *record)
{
	struct gs_snapshot snapshot;
	const char *reason;

	CU_ASSERT_TRUE_FATAL(gs_snapshot_read(record->path, &snapshot, &reason));
	gs_view_add(view, &snapshot);
	gs_snapshot_free(&snapshot);
}

char *unit_report(const struct synthetic *record, void (*format)(FILE *, struct gs_view *))
{
	struct gs_view view;
	char *text;

	memset(&view, 0, sizeof(view));
	unit_add(&view, record);
	text = synthetic_report(&view, format);
	gs_owner_forget();
	gs_view_free(&view);
	return text;
}

bool unit_has(const char *text, const char *words)
{
	return strstr(text, words) != NULL;
}

unsigned unit_lines(const char *text)
{
	unsigned lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

size_t unit_widest(const char *text)
{
	size_t widest = 0;

	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length > widest)
			widest = length;
		text += length + (text[length] == '\n');
	}
	return widest;
}
