/* options.h: the options of GILSHIM_OPTIONS, from options.def.
 *
 * Syntax: key=value, separated by ':' or white space; list items by ','; a value in '...' or "..."
 * may hold separators. Nothing is allocated: values live in a buffer inside the struct. */
#ifndef GS_OPTIONS_H
#define GS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS_OPTIONS_TEXT 4096 /* longest GILSHIM_OPTIONS that is understood, with its NUL */
#define GS_OPTIONS_ENV "GILSHIM_OPTIONS"

enum gs_log { GS_LOG_NONE, GS_LOG_BLOCKED, GS_LOG_HELD, GS_LOG_ALL };
enum gs_timing { GS_TIMING_HELD, GS_TIMING_ALL };
enum gs_gil_option { GS_GIL_AUTO, GS_GIL_CHECK };

#define GS_TYPE_TEXT const char *
#define GS_TYPE_TIME uint64_t
#define GS_TYPE_NUMBER uint64_t
#define GS_TYPE_CHOICE uint64_t

struct gs_options {
#define GS_OPTION(key, type, field, fallback, argument, meaning) GS_TYPE_##type field;
#include "options.def"
	bool help;
	char text[GS_OPTIONS_TEXT]; /* the values, cut into strings */
};

/* What was wrong with one option: a line for the user is made of these. */
struct gs_option_error {
	const char *key; /* not NUL-terminated */
	size_t key_length;
	const char *value;
	size_t value_length;
	const char *expected; /* "a duration such as 5ms", ... */
	const char *instead;  /* "the default holds", ... */
};

/* Fills `options` with the defaults, then with what `text` (may be NULL) says. Each unknown key or
 * bad value is reported through `complain` (NULL: to nobody) and leaves the default. Returns the
 * number of complaints. No allocation, no stdio; async-signal-safe if `complain` is. */
int gs_options_parse(struct gs_options *options, const char *text,
	void (*complain)(void *context, const struct gs_option_error *error), void *context);

/* A duration such as 5ms, 250us, 1s, 10ns, 1.5ms. False if it is none. */
bool gs_parse_time(const char *text, size_t length, uint64_t *ns);

/* Walks a comma-separated list: false at its end. `*at` starts at the list. */
bool gs_list_next(const char **at, const char **item, size_t *length);

/* Sets watched[] (one byte a call of calls.def) from `calls` and `skip`. Unknown words are reported
 * as above; if `calls` has no other, its default holds. Returns the number of complaints. */
int gs_options_calls(const struct gs_options *options, unsigned char *watched,
	void (*complain)(void *context, const struct gs_option_error *error), void *context);

/* Is a call watched by default that `watched` leaves out? */
bool gs_options_leave_out(const unsigned char *watched);

/* One row of the table, for help and man pages. */
struct gs_option_info {
	const char *key;
	const char *argument;
	const char *meaning;
	const char *fallback; /* as text */
};
/* The largest value of a NUMBER option. */
uint64_t gs_option_largest(const char *key);

extern const struct gs_option_info gs_option_info[];
extern const unsigned gs_option_count;

#endif
