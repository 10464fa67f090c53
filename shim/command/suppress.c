#include "suppress.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compiler.h"
#include "err.h"
#include "owner.h"
#include "shown.h"

#define TEXT_LIMIT 4096
#define BLANKS " \t\r\n\v\f"
#define KEY_NAMES "rule, call, object, symbol, extension, python, function, distribution, until"

static const char *const key_names[GS_SUPPRESS_KEYS] = {
	"rule", "call", "object", "symbol", "extension", "python", "function", "distribution"};

/* A line while it is read. */
struct line {
	struct gs_suppressions *list;
	const char *path;
	size_t number;
	struct gs_suppression rule;
};

/* ---- reading ---- */

static bool wrong(const struct line *line, const char *expected, const char *found)
{
	gs_warn("%s:%zu: expected %s, found '%.200s'", line->path, line->number, expected, found);
	return false;
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* YYYY-MM-DD as YYYYMMDD; 0 if it is no day. */
static uint32_t parse_day(const char *text)
{
	static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	static const char shape[] = "dddd-dd-dd";
	unsigned number = 0, year, month, day;

	if (strlen(text) != strlen(shape))
		return 0;
	for (size_t i = 0; shape[i]; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (shape[i] == 'd' ? !digit : text[i] != '-')
			return 0;
		if (digit)
			number = number * 10 + (unsigned) (text[i] - '0');
	}
	year = number / 10000;
	month = number / 100 % 100;
	day = number % 100;
	if (year == 0 || month < 1 || month > 12 || day < 1 ||
		day > days[month - 1] + (month == 2 && is_leap(year)))
		return 0;
	return number;
}

static bool take_until(struct line *line, const char *value)
{
	if (line->rule.until)
		return wrong(line, "until: once", value);
	line->rule.until = parse_day(value);
	return line->rule.until ? true : wrong(line, "a day as until:YYYY-MM-DD", value);
}

static bool take_pair(struct line *line, char *word)
{
	char *value = strchr(word, ':');

	if (!value || value == word)
		return wrong(line, "key:glob or # reason", word);
	if (value[1] == '\0')
		return wrong(line, "a glob behind the colon", word);
	*value++ = '\0';
	if (strcmp(word, "until") == 0)
		return take_until(line, value);
	for (unsigned i = 0; i < GS_SUPPRESS_KEYS; i++) {
		if (strcmp(word, key_names[i]) != 0)
			continue;
		if (line->rule.glob[i])
			return wrong(line, "each key once", word);
		line->rule.glob[i] = gs_pool_text(&line->list->pool, value, TEXT_LIMIT);
		return true;
	}
	return wrong(line, "one of the keys " KEY_NAMES, word);
}

static bool take_reason(struct line *line, const char *reason)
{
	reason += strspn(reason, "#" BLANKS);
	if (*reason == '\0')
		return wrong(line, "a reason behind #", "nothing");
	line->rule.use.reason = gs_pool_text(&line->list->pool, reason, TEXT_LIMIT);
	return true;
}

/* The words of a rule; they are cut out of `text`. */
static bool take_words(struct line *line, char *text)
{
	bool pairs = false;

	for (;;) {
		char *word = text + strspn(text, BLANKS);

		if (*word == '#' || *word == '\0') {
			text = word;
			break;
		}
		text = word + strcspn(word, BLANKS);
		if (*text)
			*text++ = '\0';
		if (!take_pair(line, word))
			return false;
	}
	for (unsigned i = 0; i < GS_SUPPRESS_KEYS; i++)
		pairs |= line->rule.glob[i] != NULL;
	if (!pairs)
		return wrong(line, "a key:glob pair before the reason", *text ? text : "nothing");
	return *text ? take_reason(line, text) : wrong(line, "# and a reason", "the line's end");
}

static void append(struct gs_suppressions *list, const struct gs_suppression *rule)
{
	list->rules = gs_grow(list->rules, &list->capacity, list->count + 1, sizeof(*list->rules));
	list->rules[list->count++] = *rule;
}

static void trim(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && strchr(BLANKS, text[length - 1]))
		text[--length] = '\0';
}

/* One line, of `length` bytes and a NUL. */
static bool take_line(struct line *line, char *text, size_t length, uint32_t today)
{
	char *origin, *start = text + strspn(text, BLANKS);

	memset(&line->rule, 0, sizeof(line->rule));
	if (strlen(text) != length)
		return wrong(line, "a line of text", "a NUL byte");
	trim(start);
	if (*start == '\0' || *start == '#')
		return true;
	line->rule.use.rule = gs_pool_text(&line->list->pool, start, TEXT_LIMIT);
	if (!take_words(line, start))
		return false;
	if (asprintf(&origin, "%s:%zu", line->path, line->number) < 0)
		gs_out_of_memory();
	line->rule.use.origin = gs_pool_text(&line->list->pool, origin, TEXT_LIMIT);
	free(origin);
	line->rule.use.expired = line->rule.until && line->rule.until < today;
	append(line->list, &line->rule);
	return true;
}

uint32_t gs_suppress_today(void)
{
	time_t now = time(NULL);
	struct tm day;

	if (!gmtime_r(&now, &day))
		return 0;
	return (uint32_t) ((day.tm_year + 1900) * 10000 + (day.tm_mon + 1) * 100 + day.tm_mday);
}

bool gs_suppress_read(struct gs_suppressions *list, const char *path, uint32_t today)
{
	struct line line = {.list = list, .path = path};
	FILE *stream = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t length;
	bool good = true;

	if (!stream) {
		gs_warn("%s: %s; expected a file of suppressions", path, strerror(errno));
		return false;
	}
	errno = 0;
	while ((length = getline(&text, &size, stream)) >= 0) {
		line.number++;
		if (!take_line(&line, text, (size_t) length, today))
			good = false;
		errno = 0;
	}
	if (!feof(stream) || ferror(stream)) {
		gs_warn("%s:%zu: %s; expected a file of suppressions", path, line.number + 1,
			strerror(errno));
		good = false;
	}
	free(text);
	fclose(stream);
	return good;
}

void gs_suppress_builtin(struct gs_suppressions *list)
{
	const char *at = gs_suppress_builtin_text;
	struct line line = {.list = list, .path = "builtin"};

	for (; *at; line.number++) {
		size_t length = strcspn(at, "\n");
		char *text = gs_alloc(length + 1, 1);
		char origin[80];
		size_t before = list->count;

		memcpy(text, at, length);
		take_line(&line, text, length, 0);
		free(text);
		at += length + (at[length] == '\n');
		if (list->count == before)
			continue;
		/* Their reasons begin with a name. */
		snprintf(origin, sizeof(origin), "builtin:%.*s",
			(int) strcspn(line.rule.use.reason, ":"), line.rule.use.reason);
		list->rules[before].use.origin = gs_pool_text(&list->pool, origin, TEXT_LIMIT);
		list->rules[before].builtin = true;
	}
}

/* ---- matching ---- */

static bool matches(const char *glob, const char *fact)
{
	return fact && fnmatch(glob, fact, 0) == 0;
}

/* `shown` are the facts as reports have them. */
static bool covers(const struct gs_suppression *rule, const struct gs_view_site *site,
	const char *const facts[GS_SUPPRESS_KEYS], const char *const shown[GS_SUPPRESS_KEYS])
{
	if (rule->use.expired || (rule->builtin && site->key.origin != GS_ORIGIN_INTERPRETER))
		return false;
	for (unsigned i = 0; i < GS_SUPPRESS_KEYS; i++) {
		if (rule->glob[i] && !matches(rule->glob[i], facts[i]) &&
			!matches(rule->glob[i], shown[i]))
			return false;
	}
	return true;
}

/* Its owner is looked up in files: only where a rule asks. */
static const char *find_distribution(const struct gs_suppressions *list, const struct gs_view *view,
	const struct gs_view_site *site)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->rules[i].glob[GS_SUPPRESS_DISTRIBUTION])
			return gs_owner_find(view, site).distribution;
	}
	return NULL;
}

static void apply_to(struct gs_suppressions *list, struct gs_view *view, struct gs_view_site *site)
{
	struct gs_place innermost = gs_view_innermost(view, site);
	struct gs_place extension = gs_view_extension(view, site);
	const char *const facts[GS_SUPPRESS_KEYS] = {
		[GS_SUPPRESS_RULE] = gs_rank_rule_name(gs_view_rule(site)),
		[GS_SUPPRESS_CALL] = site->key.call,
		[GS_SUPPRESS_OBJECT] = innermost.object,
		[GS_SUPPRESS_SYMBOL] = innermost.symbol,
		[GS_SUPPRESS_EXTENSION] = extension.object,
		[GS_SUPPRESS_PYTHON] = site->key.file,
		[GS_SUPPRESS_FUNCTION] = site->key.function,
		[GS_SUPPRESS_DISTRIBUTION] = find_distribution(list, view, site),
	};
	const char *const shown[GS_SUPPRESS_KEYS] = {
		[GS_SUPPRESS_OBJECT] = gs_shown_object(&list->pool, innermost.object),
		[GS_SUPPRESS_EXTENSION] = gs_shown_object(&list->pool, extension.object),
	};

	for (size_t i = 0; i < list->count; i++) {
		struct gs_suppression *rule = &list->rules[i];

		if (!covers(rule, site, facts, shown))
			continue;
		rule->use.hits++;
		if (site->suppressed_by)
			continue;
		site->suppressed_by = rule->use.origin;
		rule->sites++;
		if (site->key.kind == GS_KIND_CALL)
			gs_sum(&rule->calls, site->calls);
	}
}

void gs_suppress_apply(struct gs_suppressions *list, struct gs_view *view)
{
	size_t count = 0;

	for (size_t i = 0; i < view->site_count; i++) {
		if (gs_view_rule(&view->sites[i]) != GS_RULE_NONE)
			apply_to(list, view, &view->sites[i]);
	}
	free(list->used);
	list->used = gs_alloc(list->count, sizeof(*list->used));
	for (size_t i = 0; i < list->count; i++) {
		if (!list->rules[i].builtin || list->rules[i].use.hits)
			list->used[count++] = list->rules[i].use;
	}
	view->suppressions = list->used;
	view->suppression_count = count;
}

size_t gs_suppress_complain(const struct gs_suppressions *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct gs_suppression *rule = &list->rules[i];

		if (rule->builtin || (rule->use.hits && !rule->use.expired))
			continue;
		count++;
		if (rule->use.expired)
			gs_warn("%s: expired on %04u-%02u-%02u, suppresses nothing: %s",
				rule->use.origin, rule->until / 10000, rule->until / 100 % 100,
				rule->until % 100, rule->use.rule);
		else
			gs_warn("%s: unused, no finding matches: %s", rule->use.origin,
				rule->use.rule);
	}
	return count;
}

void gs_suppress_free(struct gs_suppressions *list)
{
	free(list->rules);
	free(list->used);
	gs_pool_free(&list->pool);
}
