/* out.h: the formats of a report. Each writes the whole view to a stream; whether the stream took
 * it is the caller's question. */
#ifndef GS_OUT_H
#define GS_OUT_H

#include <stdio.h>

#include "view.h"

void gs_out_text(FILE *stream, struct gs_view *view);
void gs_out_json(FILE *stream, struct gs_view *view);
void gs_out_sarif(FILE *stream, struct gs_view *view);
void gs_out_junit(FILE *stream, struct gs_view *view);
void gs_out_github(FILE *stream, struct gs_view *view);

#endif
