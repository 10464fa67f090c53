/* line.c: see line.h. Runs inside somebody's process, at exit: no stdio, no malloc, no locale. */
#include "line.h"

#include <string.h>

#define COLUMNS 80
#define OBJECT_LIMIT 80
#define SYMBOL_LIMIT 120
#define FILE_LIMIT 400
#define PROGRAM_LIMIT 40
#define INDENT "     "

/* "1 call", "2 calls" */
static void put_count(struct gs_text *text, uint64_t count, const char *one, const char *many)
{
	gs_text_number(text, count);
	gs_text_char(text, ' ');
	gs_text_put(text, count == 1 ? one : many);
}

/* ---- the head ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static const char *next_argument(const char *argument)
{
	argument = strchrnul(argument, '\n');
	return *argument ? argument + 1 : argument;
}

/* In what a Python was given behind its own name: the script or module, NULL if there is none. An
 * option may be one of several letters behind one dash, with its value attached or next. */
static const char *find_script(const char *argument)
{
	while (*argument == '-' && argument[1] && argument[1] != '\n') {
		const char *letter = argument + 1;

		if (*letter == '-') {
			bool has_value = strncmp(letter, "-check-hash-based-pycs\n", 23) == 0;

			argument = next_argument(argument);
			if (has_value)
				argument = next_argument(argument);
			continue;
		}
		letter += strcspn(letter, "cmWXQ\n");
		argument = next_argument(argument);
		if (*letter == 'c')
			return NULL;
		if (*letter == 'm')
			return letter[1] && letter[1] != '\n' ? letter + 1 : argument;
		if (*letter && *letter != '\n' && (letter[1] == '\n' || !letter[1]))
			argument = next_argument(argument);
	}
	return *argument && *argument != '-' ? argument : NULL;
}

const char *gs_line_program(char *buffer, size_t size, const char *argv)
{
	const char *chosen = argv;
	const char *script = NULL;
	const char *from;
	size_t length;

	if (!argv || !*argv || *argv == '\n')
		return NULL;
	length = strcspn(argv, "\n");
	from = memrchr(argv, '/', length);
	from = from ? from + 1 : argv;
	if (strncmp(from, "python", 6) == 0 || strncmp(from, "pypy", 4) == 0)
		script = find_script(next_argument(argv));
	if (script && *script && *script != '\n')
		chosen = script;
	/* The end of a path is what tells programs apart. */
	length = strcspn(chosen, "\n");
	from = memrchr(chosen, '/', length);
	if (from && from + 1 < chosen + length) {
		length -= (size_t) (from + 1 - chosen);
		chosen = from + 1;
	}
	if (length >= size)
		length = size - 1;
	memcpy(buffer, chosen, length);
	buffer[length] = '\0';
	return buffer;
}

static void put_process(struct gs_text *text, const struct gs_summary_totals *totals)
{
	if (totals->program)
		gs_text_name(text, base_name(totals->program), PROGRAM_LIMIT);
	else
		gs_text_put(text, "process");
	if (totals->pid) {
		gs_text_char(text, '[');
		gs_text_id(text, totals->pid);
		gs_text_char(text, ']');
	}
	if (totals->more_processes) {
		gs_text_put(text, " and ");
		gs_text_number(text, totals->more_processes);
		gs_text_put(text, " more");
	}
}

/* The calls of every state; held, released and unknown also where there were none. */
static void put_states(struct gs_text *text, const struct gs_summary_totals *totals)
{
	gs_text_number(text, totals->held);
	gs_text_put(text, totals->free_threaded ? " attached, " : " held, ");
	gs_text_number(text, totals->released);
	gs_text_put(text, totals->free_threaded ? " detached" : " released");
	if (totals->none) {
		gs_text_put(text, ", ");
		gs_text_number(text, totals->none);
		gs_text_put(text, " outside Python");
	}
	gs_text_put(text, "; ");
	gs_text_number(text, totals->unknown);
	gs_text_put(text, " unknown\n");
}

static uint64_t judged(const struct gs_summary_totals *totals)
{
	return totals->held + totals->released + totals->none;
}

static void put_unjudged(struct gs_text *text, const struct gs_summary_totals *totals)
{
	gs_text_put(text, "nothing judged: ");
	put_count(text, totals->unknown, "call", "calls");
	gs_text_put(text, " unknown");
	if (totals->implementation) {
		gs_text_put(text, " in ");
		gs_text_name(text, totals->implementation, 20);
	}
	if (totals->python_version) {
		gs_text_char(text, ' ');
		gs_text_name(text, totals->python_version, 20);
	}
	gs_text_put(text,
		"\n  Whether a thread holds the GIL can be seen in CPython 3.6 and later, where\n"
		"  its symbols are not hidden. This is no verdict on the program.\n");
}

static void put_findings(struct gs_text *text, const struct gs_summary_totals *totals)
{
	const struct gs_summary_count *extension = &totals->origin[GS_ORIGIN_EXTENSION];
	const struct gs_summary_count *interpreter = &totals->origin[GS_ORIGIN_INTERPRETER];
	uint64_t blocked_calls = extension->blocked_calls + interpreter->blocked_calls;

	put_count(text, totals->findings, "finding: ", "findings: ");
	if (blocked_calls > 0) {
		put_count(text, blocked_calls, "call", "calls");
		gs_text_put(text, " waited ");
		gs_text_duration(text, extension->blocked_ns + interpreter->blocked_ns);
	} else {
		gs_text_put(text, "calls that could wait");
	}
	if (totals->free_threaded) {
		gs_text_put(text,
			" while attached\n"
			"  While such a call waits, whoever must stop all threads (garbage "
			"collection,\n"
			"  fork) waits too, and so do all threads. Most harmful first:\n");
	} else {
		gs_text_put(text, " with the GIL held\n"
				  "  While such a call waits, no other Python thread can run. "
				  "Most harmful first:\n");
	}
}

void gs_line_head(struct gs_text *text, const struct gs_summary_totals *totals)
{
	gs_text_put(text, "gilshim: ");
	put_process(text, totals);
	gs_text_put(text, ": ");
	if (totals->findings > 0) {
		put_findings(text, totals);
	} else if (totals->unjudged && judged(totals) == 0) {
		put_unjudged(text, totals);
	} else if (totals->lost_sites > 0) {
		gs_text_put(text, "no findings among the calls that found room; in all\n  ");
		put_states(text, totals);
	} else {
		put_count(text, judged(totals), "call", "calls");
		gs_text_put(text, " clean: ");
		put_states(text, totals);
	}
}

/* ---- a site ---- */

static void put_numbers(struct gs_text *text, const struct gs_summary_site *site)
{
	if (site->rule == GS_RULE_HELD_BLOCKED) {
		gs_text_number(text, site->blocked_calls);
		gs_text_put(text, " of ");
		put_count(text, site->calls, "call", "calls");
		gs_text_put(text, site->at_most ? " blocked, at most " : " blocked, ");
		gs_text_duration(text, site->blocked_ns);
	} else {
		put_count(text, site->calls, "call", "calls");
		gs_text_put(text, " could block");
		if (site->unfinished == 0)
			gs_text_put(text, ", none did this time");
	}
	if (site->rule != GS_RULE_HELD_BLOCKED || site->blocked_calls > 1) {
		gs_text_put(text, " (worst ");
		gs_text_duration(text, site->worst_ns);
		gs_text_char(text, ')');
	}
	if (site->stalled_ns > 0) {
		gs_text_put(text, ", others waited ");
		gs_text_duration(text, site->stalled_ns);
	}
	if (site->unfinished > 0) {
		gs_text_put(text, ", ");
		gs_text_number(text, site->unfinished);
		gs_text_put(text, " not returned");
	}
	if (site->origin == GS_ORIGIN_INTERPRETER)
		gs_text_put(text, ", in CPython");
	gs_text_char(text, '\n');
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

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
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
	gs_text_put(text, INDENT);
	gs_text_name(text, site->call ? site->call : "?", SYMBOL_LIMIT);
	if (site->object || site->symbol)
		put_frame(text, site->object, site->symbol);
	if ((site->extension_object || site->extension_symbol) &&
		!(same(site->object, site->extension_object) &&
			same(site->symbol, site->extension_symbol)))
		put_frame(text, site->extension_object, site->extension_symbol);
	if (!site->python_file && !site->python_function) {
		gs_text_put(text, " < no Python line known\n");
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
	gs_text_char(text, '\n');
}

static size_t columns(const char *line)
{
	size_t count = 0;

	for (; *line && *line != '\n'; line++)
		count += ((unsigned char) *line & 0xc0) != 0x80; /* UTF-8 continuation */
	return count;
}

void gs_line_site(struct gs_text *text, unsigned rank, const struct gs_summary_site *site)
{
	const char *rule = gs_rank_rule_name(site->rule);
	struct gs_text before;
	size_t wide;

	if (rank < 100)
		gs_text_char(text, ' ');
	if (rank < 10)
		gs_text_char(text, ' ');
	gs_text_number(text, rank);
	gs_text_put(text, ". ");
	gs_text_put(text, rule ? rule : "no rule");
	gs_text_char(text, ' ');
	put_numbers(text, site);

	before = *text;
	put_chain(text, site, FILE_LIMIT);
	wide = columns(before.at);
	if (wide > COLUMNS && site->python_file) {
		size_t length = strnlen(site->python_file, FILE_LIMIT);

		*text = before;
		put_chain(text, site, length > wide - COLUMNS ? length - (wide - COLUMNS) : 0);
	}
}

/* ---- the tail ---- */

static void put_origin(struct gs_text *text, const struct gs_summary_totals *totals,
	enum gs_origin origin, const char *name, const char *meaning)
{
	const struct gs_summary_count *count = &totals->origin[origin];

	if (count->calls == 0 || (totals->findings == 0 && count->blocked_calls == 0))
		return;
	gs_text_put(text, "  ");
	gs_text_put(text, name);
	put_count(text, count->calls, totals->free_threaded ? "attached call" : "held call",
		totals->free_threaded ? "attached calls" : "held calls");
	if (count->blocked_calls > 0) {
		gs_text_put(text, ", ");
		gs_text_number(text, count->blocked_calls);
		gs_text_put(text, " blocked, ");
		gs_text_duration(text, count->blocked_ns);
	} else {
		gs_text_put(text, ", none blocked");
	}
	gs_text_put(text, meaning);
}

static void put_lost(struct gs_text *text, const struct gs_summary_totals *totals)
{
	if (totals->lost_sites) {
		gs_text_put(text, "  lost: ");
		put_count(text, totals->lost_sites, "held call", "held calls");
		gs_text_put(text, " found the table of sites full: counted, not listed\n");
	}
	if (totals->lost_threads) {
		gs_text_put(text, "  lost: ");
		put_count(text, totals->lost_threads, "thread", "threads");
		gs_text_put(text, " beyond the 256 told apart: counted together\n");
	}
	if (totals->lost_strings) {
		gs_text_put(text, "  lost: ");
		put_count(text, totals->lost_strings, "name", "names");
		gs_text_put(text, " did not fit: shown as \"?\"\n");
	}
	if (totals->lost_modules) {
		gs_text_put(text, "  lost: ");
		put_count(text, totals->lost_modules, "library", "libraries");
		gs_text_put(text, " did not fit: frames in them have no name\n");
	}
}

void gs_line_tail(struct gs_text *text, const struct gs_summary_totals *totals)
{
	put_origin(text, totals, GS_ORIGIN_INTERPRETER, "interpreter: ", ", in CPython itself\n");
	put_origin(text, totals, GS_ORIGIN_STARTUP, "startup: ", ", while Python came up\n");
	put_origin(text, totals, GS_ORIGIN_SHUTDOWN, "shutdown: ", ", while Python ended\n");
	put_lost(text, totals);
	if (totals->findings == 0)
		return;
	if (totals->not_shown) {
		gs_text_put(text, "  ");
		put_count(text, totals->not_shown, "more site", "more sites");
		gs_text_put(text, ": set GILSHIM_OPTIONS=record=DIR, then gilshim report DIR\n");
	}
	gs_text_put(text, "  judged: ");
	put_states(text, totals);
	gs_text_put(text,
		"  What helps: let the extension release the GIL around the call (C:\n"
		"  Py_BEGIN_ALLOW_THREADS, Cython: with nogil, ctypes: CDLL, not PyDLL), or\n"
		"  make it where a wait stops nobody: in another process, before threads run.\n");
}
