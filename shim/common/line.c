/* line.c: the head and the tail, see line.h. Runs inside somebody's process, at exit: no stdio, no
 * malloc, no locale. */
#include "line.h"

#include <string.h>

#define COLUMNS 80
#define OBJECT_LIMIT 80
#define PROGRAM_LIMIT 40
#define WORTH_TELLING_NS 1000000u

/* ---- the head ---- */

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
	const char *name = totals->program ? totals->program : "process";
	const char *slash = strrchr(name, '/');

	gs_text_name(text, slash && slash[1] ? slash + 1 : name, PROGRAM_LIMIT);
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
	gs_text_count(text, totals->unknown, "call", "calls");
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

/* Goes on with a clause: on the same line where there is room for all of it. */
static void put_clause(struct gs_text *text, const char *sign, const char *clause)
{
	bool fits = gs_text_column(text) + strlen(sign) + 1 + strlen(clause) <= COLUMNS;

	gs_text_put(text, sign);
	gs_text_put(text, fits ? " " : "\n  ");
	gs_text_flow(text, clause, 2);
}

static uint64_t stalled_by_findings(const struct gs_summary_totals *totals)
{
	return totals->origin[GS_ORIGIN_EXTENSION].stalled_ns +
	       totals->origin[GS_ORIGIN_INTERPRETER].stalled_ns + totals->compute.stalled_ns;
}

bool gs_line_names_stalled(const struct gs_summary_totals *totals)
{
	return totals->waits_measured && stalled_by_findings(totals) > 0;
}

/* Who had to stand still for the findings, if that was measured. */
static void put_harm(struct gs_text *text, const struct gs_summary_totals *totals)
{
	uint64_t blocked_calls = totals->origin[GS_ORIGIN_EXTENSION].blocked_calls +
				 totals->origin[GS_ORIGIN_INTERPRETER].blocked_calls;
	uint64_t stalled_ns = stalled_by_findings(totals);
	char buffer[128];
	struct gs_text clause;

	gs_text_init(&clause, buffer, sizeof(buffer));
	if (stalled_ns > 0) {
		gs_text_put(&clause, "other threads stood still for ");
		gs_text_duration(&clause, stalled_ns);
		put_clause(text, ";", buffer);
	} else if (totals->waits_measured && blocked_calls > 0) {
		gs_text_put(&clause, totals->free_threaded
					     ? "no stop-the-world waited meanwhile"
					     : "no other thread wanted the GIL meanwhile");
		gs_text_put(&clause, ": harmless this time");
		put_clause(text, ";", buffer);
	}
}

static void put_computing(struct gs_text *text, const struct gs_summary_totals *totals)
{
	char buffer[128];
	struct gs_text clause;

	if (totals->compute.sites == 0)
		return;
	gs_text_init(&clause, buffer, sizeof(buffer));
	gs_text_put(&clause, totals->free_threaded ? "computing threads stayed attached for "
						   : "computing threads kept the GIL for ");
	gs_text_duration(&clause, totals->compute.elapsed_ns);
	if (totals->findings > totals->compute.sites)
		put_clause(text, ",", buffer);
	else
		gs_text_put(text, buffer);
}

static void put_findings(struct gs_text *text, const struct gs_summary_totals *totals)
{
	const struct gs_summary_count *extension = &totals->origin[GS_ORIGIN_EXTENSION];
	const struct gs_summary_count *interpreter = &totals->origin[GS_ORIGIN_INTERPRETER];
	uint64_t blocked_calls = extension->blocked_calls + interpreter->blocked_calls;

	gs_text_count(text, totals->findings, "finding: ", "findings: ");
	if (blocked_calls > 0) {
		gs_text_count(text, blocked_calls, "call", "calls");
		gs_text_put(text, " waited ");
		gs_text_duration(text, extension->blocked_ns + interpreter->blocked_ns);
	} else if (totals->findings > totals->compute.sites) {
		gs_text_put(text, "calls that could wait");
	}
	if (totals->findings > totals->compute.sites)
		gs_text_put(text, totals->free_threaded ? " while attached" : " with the GIL held");
	put_computing(text, totals);
	put_harm(text, totals);
}

/* What the findings mean. */
static void put_meaning(struct gs_text *text, const struct gs_summary_totals *totals)
{
	gs_text_put(text, totals->findings > totals->compute.sites ? "\n  While such a call waits, "
								   : "\n  While one does, ");
	if (totals->free_threaded)
		gs_text_put(text,
			"whoever must stop all threads (garbage collection,\n"
			"  fork) waits too, and so do all threads. Most harmful first:\n");
	else
		gs_text_put(text, "no other Python thread can run. Most harmful first:\n");
}

void gs_line_head(struct gs_text *text, const struct gs_summary_totals *totals)
{
	gs_text_put(text, "gilshim: ");
	put_process(text, totals);
	gs_text_put(text, ": ");
	if (totals->findings > 0) {
		put_findings(text, totals);
		put_meaning(text, totals);
	} else if (totals->unjudged && judged(totals) == 0) {
		put_unjudged(text, totals);
	} else if (totals->lost_sites > 0) {
		gs_text_put(text, "no findings among the calls that found room; in all\n  ");
		put_states(text, totals);
	} else {
		gs_text_count(text, judged(totals), "call", "calls");
		gs_text_put(text, " clean: ");
		put_states(text, totals);
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
	gs_text_count(text, count->calls, totals->free_threaded ? "attached call" : "held call",
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
		gs_text_count(text, totals->lost_sites, "held call", "held calls");
		gs_text_put(text, " found the table of sites full: counted, not listed\n");
	}
	if (totals->lost_threads) {
		gs_text_put(text, "  lost: ");
		gs_text_count(text, totals->lost_threads, "thread", "threads");
		gs_text_put(text, " beyond the 256 told apart: counted together\n");
	}
	if (totals->lost_strings) {
		gs_text_put(text, "  lost: ");
		gs_text_count(text, totals->lost_strings, "name", "names");
		gs_text_put(text, " did not fit: shown as \"?\"\n");
	}
	if (totals->lost_modules) {
		gs_text_put(text, "  lost: ");
		gs_text_count(text, totals->lost_modules, "library", "libraries");
		gs_text_put(text, " did not fit: frames in them have no name\n");
	}
}

/* How much of the waiting there was behind what; what the causes leave over is not
 * known. */
static void put_waits(struct gs_text *text, const struct gs_summary_totals *totals)
{
	const struct gs_summary_waits *waits = &totals->waits;
	const struct {
		uint64_t ns;
		const char *behind;
	} parts[] = {
		{waits->held_ns,
			totals->free_threaded ? " behind attached calls" : " behind held calls"},
		{waits->computed_ns, " behind computing threads"},
		{waits->free_ns, " while it was handed over"},
	};
	const char *before = "; of it ";
	char buffer[512];
	struct gs_text words;

	if (waits->waited_ns < WORTH_TELLING_NS || totals->findings + totals->delays == 0)
		return;
	gs_text_init(&words, buffer, sizeof(buffer));
	gs_text_put(&words, waits->stops < waits->waits ? "waited for the GIL" : "waited");
	if (waits->stops)
		gs_text_put(&words, waits->stops < waits->waits ? " or a stop-the-world"
								: " for a stop-the-world");
	gs_text_put(&words, ": ");
	gs_text_count(&words, waits->waits, "time", "times");
	gs_text_put(&words, ", ");
	gs_text_duration(&words, waits->waited_ns);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].ns == 0)
			continue;
		gs_text_put(&words, before);
		gs_text_duration(&words, parts[i].ns);
		gs_text_put(&words, parts[i].behind);
		before = ", ";
	}
	gs_text_put(text, "  ");
	gs_text_flow(text, buffer, 4);
	gs_text_char(text, '\n');
}

static void put_help(struct gs_text *text, const struct gs_summary_totals *totals)
{
	if (totals->findings > totals->compute.sites)
		gs_text_put(text,
			"  What helps: let the extension release the GIL around the call (C:\n"
			"  Py_BEGIN_ALLOW_THREADS, Cython: with nogil, ctypes: CDLL, not PyDLL), "
			"or\n"
			"  make it where a wait stops nobody: in another process, before threads "
			"run.\n");
	else
		gs_text_put(text,
			"  What helps: let the extension release the GIL while it computes (C:\n"
			"  Py_BEGIN_ALLOW_THREADS, Cython: with nogil, ctypes: CDLL, not PyDLL), "
			"or\n"
			"  compute where it stops nobody: in another process, in smaller "
			"pieces.\n");
}

void gs_line_tail(struct gs_text *text, const struct gs_summary_totals *totals)
{
	put_origin(text, totals, GS_ORIGIN_INTERPRETER, "interpreter: ", ", in CPython itself\n");
	put_origin(text, totals, GS_ORIGIN_STARTUP, "startup: ", ", while Python came up\n");
	put_origin(text, totals, GS_ORIGIN_SHUTDOWN, "shutdown: ", ", while Python ended\n");
	put_waits(text, totals);
	put_lost(text, totals);
	if (totals->findings == 0)
		return;
	if (totals->not_shown) {
		gs_text_put(text, "  ");
		gs_text_count(text, totals->not_shown, "more site", "more sites");
		gs_text_put(text, ": set GILSHIM_OPTIONS=record=DIR, then gilshim report DIR\n");
	}
	gs_text_put(text, "  judged: ");
	put_states(text, totals);
	put_help(text, totals);
}

static void put_object(struct gs_text *text, const char *object, const char *words)
{
	gs_text_put(text, "  ");
	gs_text_name(text, object ? object : "?", OBJECT_LIMIT);
	gs_text_char(text, ' ');
	gs_text_put(text, words);
	gs_text_char(text, '\n');
}

void gs_line_past(struct gs_text *text, const char *object, uint32_t flags)
{
	if (flags & GS_MODULE_DEEP)
		put_object(text, object, GS_LINE_DEEP("functions"));
	else if (flags & GS_MODULE_APART)
		put_object(text, object, GS_LINE_APART("functions"));
	if (flags & GS_MODULE_OPENS)
		put_object(text, object, GS_LINE_OPENS);
}
