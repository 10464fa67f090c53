/* line_site.c: the lines of a site and of a function's delays, see line.h. Runs inside somebody's
 * process, at exit: no stdio, no malloc, no locale. */
#include "line.h"

#include <string.h>

#define COLUMNS 80
#define OBJECT_LIMIT 80
#define SYMBOL_LIMIT 120
#define FILE_LIMIT 400
#define THREAD_LIMIT 32
#define STALLED_MAX 256 /* what put_stalled() writes at most */
#define INDENT "     "

/* GIL003: who kept the GIL, how long and how often. */
static void put_stretches(struct gs_text *text, const struct gs_summary_site *site)
{
	if (site->thread) {
		gs_text_put(text, "thread ");
		gs_text_name(text, site->thread, THREAD_LIMIT);
	} else {
		gs_text_put(text, "a thread");
	}
	gs_text_put(text, site->free_threaded ? " stayed attached " : " kept the GIL ");
	gs_text_duration(text, site->elapsed_ns);
	if (site->calls > 1) {
		gs_text_put(text, " in ");
		gs_text_number(text, site->calls);
		gs_text_put(text, " stretches");
	}
}

static void put_calls(struct gs_text *text, const struct gs_summary_site *site)
{
	if (site->rule == GS_RULE_HELD_BLOCKED) {
		gs_text_number(text, site->blocked_calls);
		gs_text_put(text, " of ");
		gs_text_count(text, site->calls, "call", "calls");
		gs_text_put(text, site->at_most ? " blocked, at most " : " blocked, ");
		gs_text_duration(text, site->blocked_ns);
	} else {
		gs_text_count(text, site->calls, "call", "calls");
		gs_text_put(text, " could block");
		if (site->unfinished == 0)
			gs_text_put(text, ", none did this time");
	}
}

/* Does the time before it say nothing about the worst? */
static bool has_worst(const struct gs_summary_site *site)
{
	if (site->rule == GS_RULE_HELD_COMPUTE)
		return site->calls > 1;
	return site->rule != GS_RULE_HELD_BLOCKED || site->blocked_calls > 1;
}

/* What the thread did; whom it stalled is put_stalled()'s. */
static void put_doings(struct gs_text *text, const struct gs_summary_site *site)
{
	if (site->rule == GS_RULE_HELD_COMPUTE)
		put_stretches(text, site);
	else
		put_calls(text, site);
	if (has_worst(site)) {
		gs_text_put(text, " (worst ");
		gs_text_duration(text, site->worst_ns);
		gs_text_char(text, ')');
	}
	if (site->unfinished > 0) {
		gs_text_put(text, ", ");
		gs_text_number(text, site->unfinished);
		gs_text_put(text, " not returned");
	}
	if (site->origin == GS_ORIGIN_INTERPRETER)
		gs_text_put(text, ", in CPython");
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* " (3 threads: ticker, pool-1, ...)". There may have been more than were there at once. */
static void put_victims(struct gs_text *text, const struct gs_summary_site *site)
{
	const char *names[GS_VICTIMS];
	uint64_t known = 0, threads = site->stalled_threads;

	for (unsigned i = 0; i < GS_VICTIMS; i++) {
		bool is_new = site->victims[i] != NULL;

		for (uint64_t j = 0; j < known; j++)
			is_new = is_new && !same(names[j], site->victims[i]);
		if (is_new)
			names[known++] = site->victims[i];
	}
	if (threads < known)
		threads = known;
	if (threads == 0)
		return;
	gs_text_put(text, " (");
	if (threads > 1 || known == 0)
		gs_text_count(text, threads, "thread", "threads");
	else
		gs_text_put(text, "thread");
	for (uint64_t i = 0; i < known; i++) {
		gs_text_put(text, i ? ", " : (threads > 1 ? ": " : " "));
		gs_text_name(text, names[i], THREAD_LIMIT);
	}
	gs_text_put(text, known && known < threads ? ", ...)" : ")");
}

static void put_stalled(struct gs_text *text, const struct gs_summary_site *site)
{
	if (site->stalled_ns > 0) {
		gs_text_put(text, "others waited ");
		gs_text_duration(text, site->stalled_ns);
		put_victims(text, site);
	} else if (site->nobody_waited && site->rule == GS_RULE_HELD_BLOCKED) {
		gs_text_put(text, site->free_threaded ? "no stop-the-world waited"
						      : "no other thread wanted the GIL");
	}
}

/* "_psycopg.cpython-311-x86_64-linux-gnu.so" reads as "_psycopg.so". */
static void put_object(struct gs_text *text, const char *object)
{
	static const char *const tags[] = {".cpython-", ".abi3."};
	const char *tag = NULL;
	size_t i;

	for (i = 0; i < sizeof(tags) / sizeof(tags[0]) && !tag; i++)
		tag = strstr(object, tags[i]);
	if (!tag || tag == object || (size_t) (tag - object) > OBJECT_LIMIT) {
		gs_text_name(text, object, OBJECT_LIMIT);
		return;
	}
	gs_text_span(text, object, (size_t) (tag - object));
	gs_text_put(text, ".so");
}

static void put_frame(struct gs_text *text, const char *object, const char *symbol)
{
	gs_text_put(text, " < ");
	put_object(text, object ? object : "?");
	if (symbol) {
		gs_text_char(text, '!');
		gs_text_name(text, symbol, SYMBOL_LIMIT);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* The end of a path, from a slash, in at most `limit` bytes if its base name allows. */
static void put_path(struct gs_text *text, const char *path, size_t limit)
{
	const char *from = path;
	size_t length = strlen(path);

	if (length > limit) {
		const char *base = base_name(path);

		from = path + length - (limit > 3 ? limit - 3 : 0);
		while (from < base && *from != '/')
			from++;
		if (from < base)
			gs_text_put(text, "...");
		else
			from = base;
	}
	gs_text_name(text, from, FILE_LIMIT);
}

static void put_chain(struct gs_text *text, const struct gs_summary_site *site, size_t path_limit)
{
	if (site->rule == GS_RULE_HELD_COMPUTE)
		gs_text_put(text, "computing");
	else
		gs_text_name(text, site->call ? site->call : "?", SYMBOL_LIMIT);
	if (site->object || site->symbol)
		put_frame(text, site->object, site->symbol);
	if ((site->extension_object || site->extension_symbol) &&
		!(same(site->object, site->extension_object) &&
			same(site->symbol, site->extension_symbol)))
		put_frame(text, site->extension_object, site->extension_symbol);
	if (!site->python_file && !site->python_function) {
		gs_text_put(text, " < no Python line known");
		return;
	}
	gs_text_put(text, " < ");
	put_path(text, site->python_file ? site->python_file : "?", path_limit);
	if (site->python_line) {
		gs_text_char(text, ':');
		gs_text_id(text, site->python_line);
	}
	if (site->python_function) {
		gs_text_put(text, " in ");
		gs_text_name(text, site->python_function, SYMBOL_LIMIT);
	}
}

void gs_line_site(struct gs_text *text, unsigned rank, const struct gs_summary_site *site)
{
	const char *rule = gs_rank_rule_name(site->rule);
	struct gs_text before, stalled;
	char buffer[STALLED_MAX];
	size_t wide;

	gs_text_init(&stalled, buffer, sizeof(buffer));
	put_stalled(&stalled, site);
	if (rank < 100)
		gs_text_char(text, ' ');
	if (rank < 10)
		gs_text_char(text, ' ');
	gs_text_number(text, rank);
	gs_text_put(text, ". ");
	gs_text_put(text, rule ? rule : "no rule");
	gs_text_char(text, ' ');
	put_doings(text, site);
	if (*buffer) {
		bool fits = gs_text_column(text) + 2 + gs_text_column(&stalled) <= COLUMNS;

		gs_text_put(text, fits ? ", " : ",\n" INDENT);
		gs_text_flow(text, buffer, sizeof(INDENT) - 1);
	}
	gs_text_put(text, "\n" INDENT);

	before = *text;
	put_chain(text, site, FILE_LIMIT);
	wide = gs_text_column(text);
	if (wide > COLUMNS && site->python_file) {
		size_t length = strnlen(site->python_file, FILE_LIMIT);

		*text = before;
		put_chain(text, site, length > wide - COLUMNS ? length - (wide - COLUMNS) : 0);
	}
	gs_text_char(text, '\n');
}

void gs_line_numbers(struct gs_text *text, const struct gs_summary_site *site)
{
	char buffer[STALLED_MAX];
	struct gs_text stalled;

	gs_text_init(&stalled, buffer, sizeof(buffer));
	put_stalled(&stalled, site);
	put_doings(text, site);
	gs_text_put(text, *buffer ? ", " : "");
	gs_text_put(text, buffer);
}

void gs_line_chain(struct gs_text *text, const struct gs_summary_site *site)
{
	put_chain(text, site, FILE_LIMIT);
}

void gs_line_delay_words(struct gs_text *text, const struct gs_summary_delay *delay)
{
	gs_text_name(text, delay->call ? delay->call : "?", SYMBOL_LIMIT);
	gs_text_put(text, ": ");
	gs_text_number(text, delay->delayed);
	gs_text_put(text, " of the ");
	gs_text_number(text, delay->calls);
	gs_text_put(text, delay->free_threaded ? " calls that had to wait to attach again"
					       : " calls that had to wait for the GIL afterwards");
	gs_text_put(text, " waited longer than they took: median ");
	gs_text_duration(text, delay->wait_median_ns);
	gs_text_put(text, " against ");
	gs_text_duration(text, delay->call_median_ns);
	gs_text_put(text, " (worst ");
	gs_text_duration(text, delay->wait_worst_ns);
	gs_text_char(text, ')');
}

void gs_line_delay(struct gs_text *text, const struct gs_summary_delay *delay)
{
	char buffer[512];
	struct gs_text words;

	gs_text_init(&words, buffer, sizeof(buffer));
	gs_text_put(&words, gs_rank_rule_name(GS_RULE_REACQUIRE_DELAY));
	gs_text_char(&words, ' ');
	gs_line_delay_words(&words, delay);
	gs_text_put(text, "  ");
	gs_text_flow(text, buffer, 4);
	gs_text_char(text, '\n');
}
