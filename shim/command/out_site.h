/* out_site.h: one site in words, as in the exit summary (line.h). */
#ifndef GS_OUT_SITE_H
#define GS_OUT_SITE_H

#include <stdio.h>

#include "line.h"
#include "view.h"

void gs_out_site(
	FILE *stream, struct gs_view *view, const struct gs_view_site *site, unsigned rank);

/* The same with words of the caller's. */
void gs_out_summary_site(FILE *stream, const struct gs_view_site *site, unsigned rank,
	const struct gs_summary_site *summary);

/* The numbers and the chain of a site, as the summary's formatter takes them. */
struct gs_summary_site gs_site_summary(struct gs_view *view, const struct gs_view_site *site);
struct gs_summary_delay gs_delay_summary(
	const struct gs_view *view, const struct gs_view_delay *delay);

/* The same site in another run, or after lines have moved, has the same id. */
#define GS_SITE_ID 17
void gs_site_id(char id[GS_SITE_ID], struct gs_view *view, const struct gs_view_site *site);
void gs_delay_id(char id[GS_SITE_ID], const struct gs_view_delay *delay);

#endif
