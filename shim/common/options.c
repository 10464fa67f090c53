#include "options.h"

#include <limits.h>
#include <string.h>

#include "calls.h"

enum option_type { TYPE_TEXT, TYPE_TIME, TYPE_NUMBER, TYPE_CHOICE };

struct row {
	const char *key;
	enum option_type type;
	size_t offset;
	uint64_t number;  /* default of TIME, NUMBER and CHOICE */
	const char *text; /* default of TEXT */
	const char *argument;
};

#define DEFAULT_HOLDS "the default holds"

#define DEFAULT_TEXT(fallback) 0, fallback
#define DEFAULT_TIME(fallback) fallback, NULL
#define DEFAULT_NUMBER(fallback) fallback, NULL
#define DEFAULT_CHOICE(fallback) fallback, NULL

static const struct row rows[] = {
#define GS_OPTION(key, type, field, fallback, argument, meaning) \
	{#key, TYPE_##type, offsetof(struct gs_options, field), DEFAULT_##type(fallback), argument},
#include "options.def"
};

const struct gs_option_info gs_option_info[] = {
#define GS_OPTION(key, type, field, fallback, argument, meaning) \
	{#key, argument, meaning, #fallback},
#include "options.def"
};
const unsigned gs_option_count = GS_ARRAY_SIZE(gs_option_info);

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool parse_number(const char *text, size_t length, uint64_t *value)
{
	uint64_t result = 0;

	if (length == 0 || length > 18)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		result = result * 10 + (uint64_t) (text[i] - '0');
	}
	*value = result;
	return true;
}

bool gs_parse_time(const char *text, size_t length, uint64_t *ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	uint64_t whole, part = 0, scale = 1;
	size_t digits = 0, end;

	while (digits < length && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	if (digits > 12 || !parse_number(text, digits, &whole))
		return false;
	end = digits;
	if (end < length && text[end] == '.') {
		for (end++; end < length && text[end] >= '0' && text[end] <= '9'; end++) {
			if (scale >= 1000000000)
				return false;
			part = part * 10 + (uint64_t) (text[end] - '0');
			scale *= 10;
		}
		if (scale == 1)
			return false;
	}
	for (size_t i = 0; i < GS_ARRAY_SIZE(units); i++) {
		if (strlen(units[i].unit) != length - end ||
			memcmp(units[i].unit, text + end, length - end) != 0)
			continue;
		if (whole > UINT64_MAX / 4 / units[i].ns)
			return false;
		*ns = whole * units[i].ns + part * units[i].ns / scale;
		return true;
	}
	return false;
}

static bool parse_choice(const char *choices, const char *text, size_t length, uint64_t *value)
{
	uint64_t index = 0;

	for (const char *word = choices; *word; index++) {
		size_t n = strcspn(word, "|");

		if (n == length && memcmp(word, text, n) == 0) {
			*value = index;
			return true;
		}
		word += n + (word[n] == '|');
	}
	return false;
}

/* The range of a NUMBER option. Returns what is expected. */
static const char *number_range(const char *key, uint64_t *max)
{
	if (strcmp(key, "children") == 0) {
		*max = 1;
		return "0 or 1";
	}
	if (strcmp(key, "stacks") == 0 || strcmp(key, "stall_signal") == 0) {
		*max = 64;
		return "a whole number, 0 to 64";
	}
	*max = 4096;
	return "a whole number, 0 to 4096";
}

uint64_t gs_option_largest(const char *key)
{
	uint64_t max;

	number_range(key, &max);
	return max;
}

/* Sets one option from a NUL-terminated value. Returns NULL, or what was expected. */
static const char *set(struct gs_options *options, const struct row *row, const char *value)
{
	void *field = (char *) options + row->offset;
	size_t length = strlen(value);
	uint64_t number, max;
	const char *range;

	switch (row->type) {
	case TYPE_TEXT:
		if (length == 0)
			return row->argument;
		*(const char **) field = value;
		return NULL;
	case TYPE_TIME:
		if (!gs_parse_time(value, length, &number))
			return "a duration such as 5ms";
		break;
	case TYPE_NUMBER:
		range = number_range(row->key, &max);
		if (!parse_number(value, length, &number) || number > max)
			return range;
		break;
	case TYPE_CHOICE:
	default:
		if (!parse_choice(row->argument, value, length, &number))
			return row->argument;
		break;
	}
	*(uint64_t *) field = number;
	return NULL;
}

static void set_defaults(struct gs_options *options)
{
	memset(options, 0, sizeof(*options));
	for (size_t i = 0; i < GS_ARRAY_SIZE(rows); i++) {
		void *field = (char *) options + rows[i].offset;

		if (rows[i].type == TYPE_TEXT)
			*(const char **) field = rows[i].text;
		else
			*(uint64_t *) field = rows[i].number;
	}
}

static const struct row *find_row(const char *key, size_t length)
{
	for (size_t i = 0; i < GS_ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].key) == length && memcmp(rows[i].key, key, length) == 0)
			return &rows[i];
	return NULL;
}

/* Copies one value to *out as a string, without its quotes; moves *in behind it. */
static void take_value(const char **in, char **out)
{
	const char *at = *in;
	char *to = *out;
	char quote = 0;

	for (; *at && (quote || (*at != ':' && !is_space(*at))); at++) {
		if (*at == quote)
			quote = 0;
		else if (!quote && (*at == '\'' || *at == '"'))
			quote = *at;
		else
			*to++ = *at;
	}
	*to++ = '\0';
	*in = at;
	*out = to;
}

static void tell(void (*complain)(void *context, const struct gs_option_error *error),
	void *context, struct gs_option_error error)
{
	if (complain)
		complain(context, &error);
}

int gs_options_parse(struct gs_options *options, const char *text,
	void (*complain)(void *context, const struct gs_option_error *error), void *context)
{
	const char *at = text;
	char *to = options->text;
	int complaints = 0;

	set_defaults(options);
	if (!text)
		return 0;
	if (strlen(text) >= sizeof(options->text)) {
		tell(complain, context,
			(struct gs_option_error){GS_OPTIONS_ENV, strlen(GS_OPTIONS_ENV), text, 20,
				"at most 4095 bytes", "the defaults hold"});
		return 1;
	}
	while (*at) {
		const char *key = at, *expected = NULL;
		const struct row *row;
		char *value = to;
		size_t length;

		if (*at == ':' || is_space(*at)) {
			at++;
			continue;
		}
		length = strcspn(at, "=: \t\n");
		at += length;
		if (*at == '=') {
			at++;
			take_value(&at, &to);
		} else {
			*to++ = '\0';
		}
		row = find_row(key, length);
		if (row)
			expected = set(options, row, value);
		else if (length == 4 && memcmp(key, "help", 4) == 0)
			options->help = strcmp(value, "0") != 0;
		else
			expected = "one of the keys that help=1 lists";
		if (expected) {
			tell(complain, context,
				(struct gs_option_error){key, length, value, strlen(value),
					expected, row ? DEFAULT_HOLDS : "the other options hold"});
			complaints++;
		}
	}
	return complaints;
}

bool gs_list_next(const char **at, const char **item, size_t *length)
{
	const char *p = *at;

	while (*p == ',' || is_space(*p))
		p++;
	*item = p;
	*length = strcspn(p, ", \t\n");
	*at = p + *length;
	return *length > 0;
}

/* Sets watched[] of a call or of all calls of a group. False if the word is neither. */
static bool mark(const char *word, size_t length, unsigned char *watched, unsigned char value)
{
	enum gs_call call;
	bool found = false;

	for (unsigned i = 0; i < GS_CALLS; i++) {
		const char *group = gs_call_info[i].group;

		if ((strlen(group) == length && memcmp(group, word, length) == 0) ||
			(length == 3 && memcmp(word, "all", 3) == 0)) {
			watched[i] = value;
			found = true;
		}
	}
	call = gs_call_find(word, (unsigned) length);
	if (call != GS_CALLS) {
		watched[call] = value;
		found = true;
	}
	return found;
}

static bool has_known(const char *list)
{
	unsigned char watched[GS_CALLS];
	const char *item;
	size_t length;

	while (gs_list_next(&list, &item, &length))
		if (mark(item, length, watched, 0))
			return true;
	return false;
}

static int mark_list(const char *key, const char *list, unsigned char *watched, unsigned char value,
	void (*complain)(void *context, const struct gs_option_error *error), void *context)
{
	const char *instead = has_known(list) ? "the rest of the list holds" : DEFAULT_HOLDS;
	const char *item;
	size_t length;
	int complaints = 0;

	while (gs_list_next(&list, &item, &length)) {
		if (mark(item, length, watched, value))
			continue;
		tell(complain, context,
			(struct gs_option_error){key, strlen(key), item, length,
				"calls or groups that `gilshim calls` lists", instead});
		complaints++;
	}
	return complaints;
}

int gs_options_calls(const struct gs_options *options, unsigned char *watched,
	void (*complain)(void *context, const struct gs_option_error *error), void *context)
{
	bool chosen = options->calls && has_known(options->calls);
	int complaints = 0;

	for (unsigned i = 0; i < GS_CALLS; i++)
		watched[i] = !chosen && gs_call_info[i].on;
	if (options->calls)
		complaints += mark_list("calls", options->calls, watched, 1, complain, context);
	if (options->skip)
		complaints += mark_list("skip", options->skip, watched, 0, complain, context);
	return complaints;
}

bool gs_options_leave_out(const unsigned char *watched)
{
	for (unsigned i = 0; i < GS_CALLS; i++)
		if (gs_call_info[i].on && !watched[i])
			return true;
	return false;
}
