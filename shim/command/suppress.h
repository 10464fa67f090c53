/* suppress.h: rules that say which sites are known and accepted, each with a reason.
 *
 * One rule a line: `key:glob` pairs that must all match, `until:YYYY-MM-DD` if the rule is to end,
 * then `# reason`. A line that begins with # is a comment. What a report does not know of a site
 * matches no glob. Innermost frames are meant: `object` and `symbol` called libc, `extension` was
 * called by Python, `python` (file) and `function` called that. Objects are matched by their full
 * names and as reports show them (shown.h). */
#ifndef GS_SUPPRESS_H
#define GS_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view.h"

enum gs_suppress_key {
	GS_SUPPRESS_RULE,
	GS_SUPPRESS_CALL,
	GS_SUPPRESS_OBJECT,
	GS_SUPPRESS_SYMBOL,
	GS_SUPPRESS_EXTENSION,
	GS_SUPPRESS_PYTHON,
	GS_SUPPRESS_FUNCTION,
	GS_SUPPRESS_DISTRIBUTION,
	GS_SUPPRESS_KEYS,
};

struct gs_suppression {
	struct gs_suppression_use use;
	const char *glob[GS_SUPPRESS_KEYS]; /* NULL: anything */
	uint32_t until;                     /* YYYYMMDD, the last day; 0: for ever */
	bool builtin;                       /* covers CPython's own sites only */
	/* sites that no earlier rule covered, and their calls */
	uint64_t sites, calls;
};

struct gs_suppressions {
	struct gs_suppression *rules;
	size_t count, capacity;
	struct gs_pool pool;
	struct gs_suppression_use *used; /* what the view was given */
};

/* Known held calls of CPython itself; the text is in suppress_builtin.c. */
extern const char gs_suppress_builtin_text[];

/* Today in UTC, as YYYYMMDD: the same everywhere, as continuous integration wants it. */
uint32_t gs_suppress_today(void);

/* Adds the rules of a file. False if it cannot be read, or a line is none: each is said with its
 * place and what was expected. `today` as above. */
bool gs_suppress_read(struct gs_suppressions *list, const char *path, uint32_t today);
/* Adds the built-in rules; they come behind those of files. */
void gs_suppress_builtin(struct gs_suppressions *list);

/* Marks the sites of the view that break a rule and are covered, by the first rule that does; every
 * rule that matches has a hit. The list must outlive the view's use. */
void gs_suppress_apply(struct gs_suppressions *list, struct gs_view *view);

/* Says on standard error which rules of files are unused or expired. Returns their number. */
size_t gs_suppress_complain(const struct gs_suppressions *list);

void gs_suppress_free(struct gs_suppressions *list);

#endif
