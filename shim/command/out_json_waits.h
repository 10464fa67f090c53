/* out_json_waits.h: the parts of the JSON report about waits for the GIL, written one by one. */
#ifndef GS_OUT_JSON_WAITS_H
#define GS_OUT_JSON_WAITS_H

#include <stdio.h>

#include "view.h"

/* The GIL004 entries, into a list that has `before` entries already. */
void gs_out_json_delays(FILE *stream, struct gs_view *view, size_t before);

/* The member "waits", with the comma before it. */
void gs_out_json_waits(FILE *stream, const struct gs_view *view);

#endif
