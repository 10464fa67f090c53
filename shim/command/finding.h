/* finding.h: a site as the formats for other tools show it: a rule, a place, and the words of the
 * summary. */
#ifndef GS_FINDING_H
#define GS_FINDING_H

#include <stdbool.h>

#include "line.h"
#include "out_site.h"
#include "owner.h"
#include "view.h"

struct gs_rule_text {
	const char *id, *name, *summary, *help;
	const char *level; /* SARIF's: GS_LEVEL_ERROR, "warning", "note" */
};

#define GS_LEVEL_ERROR "error"

/* `rule` must be one. They lie in an array, GS_FINDING_RULES of them, from GIL001 on. */
#define GS_FINDING_RULES 4
const struct gs_rule_text *gs_finding_rule(enum gs_rule rule);

struct gs_finding {
	const struct gs_view_site *site;
	const struct gs_rule_text *rule;
	bool blocked;                                 /* GIL001 */
	const char *level;                            /* the rule's, or what `check` makes of it */
	const struct gs_suppression_use *suppression; /* NULL: none covers it */
	const char *what;                             /* the call, "computing" */
	uint64_t harm_ns;                             /* time blocked, or computed */
	struct gs_place extension;
	struct gs_owner owner;
	char id[GS_SITE_ID]; /* as in the JSON report: stable when lines move */
	/* as the summary's two lines */
	char numbers[GS_LINE_MAX];
	char chain[GS_LINE_MAX];
};

/* False if the site breaks no rule. */
bool gs_finding_make(
	struct gs_finding *finding, struct gs_view *view, const struct gs_view_site *site);

/* The time that calls blocked there, or that was computed. */
uint64_t gs_finding_harm(const struct gs_view_site *site);

/* What released calls cost until the GIL was back, GIL004: no site's, and never a failure. */
struct gs_delay_finding {
	const struct gs_view_delay *delay;
	const struct gs_rule_text *rule;
	const char *call;
	char id[GS_SITE_ID];
	char words[GS_LINE_MAX];
};

void gs_finding_make_delay(struct gs_delay_finding *finding, const struct gs_view *view,
	const struct gs_view_delay *delay);

/* The delays that are findings, longest waits first; sets `count`. The caller frees. */
uint32_t *gs_finding_delays(const struct gs_view *view, size_t *count);

struct gs_finding_counts {
	size_t all, errors, suppressed; /* a suppressed one is no error */
};

/* How many sites break a rule. */
struct gs_finding_counts gs_finding_count(const struct gs_view *view);

/* Has the file a name that an editor could open? "<string>" has not. */
bool gs_finding_is_file(const char *file);
/* The directory that tools take the sources to be in, ended by a slash: where the command runs, or
 * GITHUB_WORKSPACE if that is in there, for GitHub counts from there. NULL: not known. The caller
 * frees. */
char *gs_finding_root(void);
/* The file from there, if it is below it. */
const char *gs_finding_relative(const char *file, const char *root);

#endif
