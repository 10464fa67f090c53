/* unit.h: what the unit suites share. */
#ifndef GS_UNIT_H
#define GS_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "cunit.h"
#include "synthetic.h"
#include "view.h"

/* ---- records and views ---- */

/* synthetic_make() and synthetic_fill(). */
void unit_make_full(struct synthetic *record);
/* And synthetic_stalls(). */
void unit_make_stalls(struct synthetic *record);
/* Reads a record and adds it to a view. */
void unit_add(struct gs_view *view, const struct synthetic *record);
/* The report of one record. The caller frees. */
char *unit_report(const struct synthetic *record, void (*format)(FILE *, struct gs_view *));

/* ---- text ---- */

bool unit_has(const char *text, const char *words);
unsigned unit_lines(const char *text);
size_t unit_widest(const char *text); /* bytes of its longest line */

#endif
