/* out_junit.c: JUnit XML, as CI systems read it: a site is a test case, which fails if it is an
 * error, and is skipped if it is suppressed. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "out.h"

#define SECOND_NS 1000000000.0

/* U+FFFE and U+FFFF are the only characters above U+001F that XML does not have and UTF-8 does. */
static bool is_noncharacter(const unsigned char *at)
{
	return at[0] == 0xef && at[1] == 0xbf && (at[2] == 0xbe || at[2] == 0xbf);
}

/* In an attribute or between tags. What XML cannot hold, not even as a reference, becomes U+FFFD.
 */
static void put(FILE *stream, const char *text)
{
	for (const unsigned char *at = (const unsigned char *) text; *at; at++) {
		if (strchr("&<>\"'\t\n\r", *at)) {
			fprintf(stream, "&#%u;", *at);
		} else if (*at < 0x20) {
			fputs("\xef\xbf\xbd", stream);
		} else if (is_noncharacter(at)) {
			fputs("\xef\xbf\xbd", stream);
			at += 2;
		} else {
			fputc(*at, stream);
		}
	}
}

static void put_attribute(FILE *stream, const char *name, const char *text)
{
	fprintf(stream, " %s=\"", name);
	put(stream, text);
	fputc('"', stream);
}

static void put_body(FILE *stream, const struct gs_finding *finding)
{
	put(stream, finding->numbers);
	fputc('\n', stream);
	put(stream, finding->chain);
	fputc('\n', stream);
	if (finding->owner.distribution) {
		put(stream, finding->owner.distribution);
		fputc(' ', stream);
		put(stream, finding->owner.version ? finding->owner.version : "");
		fputc('\n', stream);
	}
}

static void put_finding(FILE *stream, const struct gs_finding *finding)
{
	const struct gs_view_site *site = finding->site;

	fputs("    <testcase", stream);
	put_attribute(
		stream, "classname", finding->extension.object ? finding->extension.object : "?");
	fputs(" name=\"", stream);
	put(stream, finding->what);
	fputs(" in ", stream);
	put(stream, site->key.function ? site->key.function : "?");
	fprintf(stream, "\" time=\"%.3f\">\n", (double) finding->harm_ns / SECOND_NS);
	if (finding->suppression) {
		fputs("      <skipped message=\"", stream);
		put(stream, finding->suppression->origin);
		fputs(": ", stream);
		put(stream, finding->suppression->reason);
		fputs("\"/>\n", stream);
	} else if (strcmp(finding->level, GS_LEVEL_ERROR) == 0) {
		fputs("      <failure", stream);
		put_attribute(stream, "type", finding->rule->id);
		put_attribute(stream, "message", finding->numbers);
		fputc('>', stream);
		put_body(stream, finding);
		fputs("</failure>\n", stream);
	} else {
		fprintf(stream, "      <system-out>%s %s: ", finding->rule->id,
			finding->rule->name);
		put_body(stream, finding);
		fputs("</system-out>\n", stream);
	}
	fputs("    </testcase>\n", stream);
}

static void put_delay(FILE *stream, const struct gs_delay_finding *finding)
{
	fputs("    <testcase classname=\"gilshim\" name=\"waits for the GIL after ", stream);
	put(stream, finding->call);
	fprintf(stream, "\" time=\"%.3f\">\n      <system-out>%s %s: ",
		(double) finding->delay->wait_ns / SECOND_NS, finding->rule->id,
		finding->rule->name);
	put(stream, finding->words);
	fputs("\n</system-out>\n    </testcase>\n", stream);
}

/* A test report without a test is an error to most readers. Where no call was judged, nothing
 * passed. */
static void put_clean(FILE *stream, bool judged)
{
	fputs("    <testcase classname=\"gilshim\" name=\"no call blocks with the GIL held\" "
	      "time=\"0.000\"",
		stream);
	fputs(judged ? "/>\n" : "><skipped message=\"no call was judged\"/></testcase>\n", stream);
}

static bool is_judged(const struct gs_view *view)
{
	for (size_t i = 0; i < view->function_count; i++) {
		if (view->functions[i].held || view->functions[i].released)
			return true;
	}
	return false;
}

/* `suite`: the element that may say what was skipped. */
static void put_counts(FILE *stream, const struct gs_view *view,
	const struct gs_finding_counts *counts, bool suite)
{
	uint64_t harm_ns = 0;

	for (size_t i = 0; i < view->site_count; i++) {
		if (gs_view_rule(&view->sites[i]) != GS_RULE_NONE)
			gs_sum(&harm_ns, gs_finding_harm(&view->sites[i]));
	}
	fprintf(stream,
		" name=\"gilshim\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"%.3f\"",
		counts->all, counts->errors, (double) harm_ns / SECOND_NS);
	if (suite)
		fprintf(stream, " skipped=\"%zu\"", counts->suppressed);
	fputs(">\n", stream);
}

void gs_out_junit(FILE *stream, struct gs_view *view)
{
	size_t delay_count;
	uint32_t *delays = gs_finding_delays(view, &delay_count);
	struct gs_finding_counts counts = gs_finding_count(view);
	bool none = counts.all + delay_count == 0, judged = is_judged(view);
	uint32_t *order = gs_view_ranked(view);
	struct gs_finding finding;

	counts.all += delay_count;
	if (none) {
		counts.all = 1;
		counts.suppressed = !judged;
	}
	gs_view_look_up(view, GS_LOOKUP_RULES);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", stream);
	put_counts(stream, view, &counts, false);
	fputs("  <testsuite", stream);
	put_counts(stream, view, &counts, true);
	for (size_t i = 0; i < view->site_count; i++) {
		if (gs_finding_make(&finding, view, &view->sites[order[i]]))
			put_finding(stream, &finding);
	}
	for (size_t i = 0; i < delay_count; i++) {
		struct gs_delay_finding delay;

		gs_finding_make_delay(&delay, view, &view->delays[delays[i]]);
		put_delay(stream, &delay);
	}
	if (none)
		put_clean(stream, judged);
	fputs("  </testsuite>\n</testsuites>\n", stream);
	free(delays);
	free(order);
}
