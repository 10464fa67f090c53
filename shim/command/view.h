/* view.h: what all records given say together. Records are added one by one; the same site in
 * several processes, or twice in one, becomes one site by its content. Texts live in the view's
 * pool, so equal texts have equal addresses; NULL is "not known". */
#ifndef GS_VIEW_H
#define GS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "rank.h"
#include "reader.h"
#include "sums.h"
#include "symbols.h"
#include "table.h"

struct gs_process {
	uint32_t pid, ppid;
	const char *argv; /* each argument ended by \n */
	const char *python_version, *implementation;
	bool free_threaded;    /* "held" means "attached thread state" */
	bool has_gil;          /* a free-threaded build with its GIL on */
	bool waits_measured;   /* threads that wait for a GIL, or a stop-the-world, are seen */
	uint32_t interpreters; /* 0: not known */
	uint64_t threads;
	uint64_t unknown; /* calls; nobody can tell whether the GIL was held */
	uint64_t wall_ns; /* 0: not known */
	uint64_t start_realtime_ns;
	const char *ended; /* as in reports */
	/* CLOCK_MONOTONIC up to which a call in progress is known to have lasted */
	uint64_t until_ns;
};

/* Which object a frame lies in, however it was loaded. */
struct gs_module_key {
	const char *name, *path;
	uint8_t build_id[32];
	uint64_t build_id_size;
};

struct gs_view_module {
	struct gs_module_key key; /* first: it is looked up */
	uint64_t unchanged_since; /* realtime ns: a file changed later is another one */
	uint32_t flags;           /* of GS_MODULE_ESCAPES, in any process */
	struct gs_symbols *symbols;
	const char *reason; /* why there are none; static */
	bool opened, complained;
};

struct gs_view_frame {
	uint32_t module;  /* GS_NONE: in no object */
	uint64_t address; /* return address, in the module's file */
};

struct gs_view_line {
	const char *file, *function;
	uint32_t line; /* 0: not known */
};

/* Of processes; while records are added one may come again, but not next to itself. */
struct gs_view_pids {
	uint32_t *list;
	size_t count, capacity;
};

/* A held call that had begun and not ended when the record was read. */
struct gs_in_progress {
	uint32_t pid, tid;
	const char *thread;
	uint64_t since_ns;
	uint64_t elapsed_ns;
	bool known; /* elapsed_ns is */
};

/* The identity of a site: call, native return address, line of Python. A place that computes has no
 * call; its address is that of the innermost native frame, where any is known. */
struct gs_site_key {
	const char *call, *bound, *file, *function;
	uint64_t address;
	uint64_t chain; /* hash of the native frames of a place that computes */
	uint32_t module;
	uint32_t line;
	uint32_t origin;
	uint32_t at_most;
	uint32_t kind; /* enum gs_kind */
	uint32_t zero; /* no padding: keys are compared as bytes */
};

enum gs_judgement {
	GS_NOT_JUDGED,
	GS_PASSES,
	GS_FAILS,
};

/* Calls, and places that computed with the GIL held (their `calls` are stretches). */
struct gs_view_site {
	struct gs_site_key key; /* first: it is looked up */
	enum gs_class class;
	uint64_t calls, elapsed_ns, worst_ns, slept, blocked_calls, blocked_ns, stalled_ns;
	uint64_t histogram[GS_HIST_BUCKETS];
	uint64_t stalled_threads;        /* most that waited at once */
	const char *victims[GS_VICTIMS]; /* names of threads that waited, each once */
	const char *thread;              /* that computed longest */
	/* the stacks of the process with the worst call, innermost first */
	struct gs_view_frame *native;
	struct gs_view_line *python;
	unsigned depth_native, depth_python;
	uint32_t extension;       /* module: what Python called */
	uint32_t extension_frame; /* in `native`, GS_NONE: not known */
	struct gs_view_pids pids;
	struct gs_in_progress *progress;
	size_t progress_count, progress_capacity;
	/* "FILE:LINE" or "builtin:NAME"; NULL: no suppression covers it */
	const char *suppressed_by;
	/* what `check` made of a finding that is not suppressed */
	enum gs_judgement judgement;
};

/* What became of a suppression. */
struct gs_suppression_use {
	const char *rule, *origin; /* its text; as in suppressed_by */
	const char *reason;
	uint64_t hits; /* sites */
	bool expired;
};

struct gs_view_function {
	const char *call; /* first: it is looked up */
	const char *group;
	uint64_t held, held_ns, worst_ns, slept;
	uint64_t released, unknown, none;
	uint64_t released_ns, released_worst_ns; /* with timing=all */
	struct gs_unlisted unlisted;             /* held calls without a site */
};

/* What was waited for a GIL, in thread-ns, and behind what: as in struct gs_gil_entry. */
struct gs_waits {
	uint64_t waits, waited_ns, worst_ns;
	uint64_t held_ns, computed_ns, free_ns;
	uint64_t stops; /* in sums: how many of the waits were for a stop-the-world */
};

struct gs_view_gil {
	/* `index`: of the process's GILs, in the order of their making; GS_WORLD */
	uint32_t pid, index;
	struct gs_waits waits;
	uint64_t histogram[GS_HIST_BUCKETS];
};

/* A thread that waited for a GIL, or that others waited for while it computed. */
struct gs_view_waiter {
	uint32_t pid, tid;
	const char *name;
	uint64_t waits, waited_ns, worst_ns, computed_ns;
	uint64_t histogram[GS_HIST_BUCKETS];
	/* The wait that had not ended when the record was read; counted above as far as known. */
	uint64_t waiting_since_ns; /* 0: none */
	uint64_t waiting_ns;
	bool waiting_known; /* waiting_ns is */
};

/* What the released calls of a function cost until the GIL was back: as in struct gs_delay. */
struct gs_view_delay {
	const char *call; /* first: it is looked up */
	const char *group;
	uint64_t calls, delayed;
	uint64_t call_ns, call_worst_ns, wait_ns, wait_worst_ns;
	uint64_t call_histogram[GS_HIST_BUCKETS], wait_histogram[GS_HIST_BUCKETS];
	struct gs_view_pids pids;
};

struct gs_totals {
	uint64_t harmless;
	uint64_t lost_sites, lost_threads, lost_strings, lost_modules;
	bool timing_all;
};

struct gs_view {
	struct gs_pool pool;
	struct gs_process *processes;
	struct gs_view_module *modules;
	struct gs_view_site *sites;
	struct gs_view_function *functions;
	struct gs_view_gil *gils;       /* that were waited for */
	struct gs_view_waiter *waiters; /* of all processes */
	struct gs_view_delay *delays;
	size_t process_count, module_count, site_count, function_count;
	size_t process_capacity, module_capacity, site_capacity, function_capacity;
	size_t gil_count, waiter_count, delay_count;
	size_t gil_capacity, waiter_capacity, delay_capacity;
	struct gs_map module_map, site_map, function_map, delay_map;
	struct gs_totals totals;
	/* where suppressions were applied; not the view's own */
	const struct gs_suppression_use *suppressions;
	size_t suppression_count;
};

void gs_view_add(struct gs_view *view, const struct gs_snapshot *snapshot);
void gs_view_free(struct gs_view *view);

enum gs_rule gs_view_rule(const struct gs_view_site *site);

/* Is it listed one by one? See gs_rank_listed(). */
bool gs_view_listed(const struct gs_view_site *site);

/* The sites, most harmful first; view->site_count numbers. The caller frees. */
uint32_t *gs_view_ranked(const struct gs_view *view);

/* Puts them in order, each once: an image that was replaced by exec has the same pid. */
void gs_view_sort_pids(struct gs_view_pids *pids);

/* Is "held" "attached"? As the first process has it. */
bool gs_view_free_threaded(const struct gs_view *view);

/* Does "nobody waited" mean so, in every process? */
bool gs_view_waits_measured(const struct gs_view *view);

/* All waits together, and what of such a sum is charged to nothing; never negative. */
struct gs_waits gs_view_waits(const struct gs_view *view);
uint64_t gs_view_uncharged(const struct gs_waits *waits);

/* The functions whose delays are listed (gs_rank_delay_listed()), longest waits first, at most
 * `capacity`. Writes their numbers and returns how many there are. */
size_t gs_view_delays(const struct gs_view *view, uint32_t *order, size_t capacity);

/* The process that the others came from, as far as one can tell. */
const struct gs_process *gs_view_first_process(const struct gs_view *view);

/* What is known of a frame; the symbol is looked up at the first question. */
struct gs_place {
	const char *object; /* NULL: in no object */
	const char *symbol;
};
struct gs_place gs_view_place(struct gs_view *view, const struct gs_view_frame *frame);
/* Likewise its lines, as gs_symbols_lines() has them. */
size_t gs_view_lines(struct gs_view *view, const struct gs_view_frame *frame,
	const struct gs_symbol_line **lines);
/* The site's innermost frame, and the one that Python called. */
struct gs_place gs_view_innermost(struct gs_view *view, const struct gs_view_site *site);
struct gs_place gs_view_extension(struct gs_view *view, const struct gs_view_site *site);

/* Looks up now what a report of these sites will ask for: it may take long, and says how far it is
 * where a terminal watches. Objects that are not what they were, and so have no names, are named in
 * one line on standard error. */
enum gs_lookup {
	GS_LOOKUP_RULES, /* names, of sites that break a rule */
	GS_LOOKUP_NAMES, /* of all sites */
	GS_LOOKUP_LINES, /* names and lines of all frames of sites that break a rule */
	GS_LOOKUP_ALL,   /* of all sites */
};
void gs_view_look_up(struct gs_view *view, enum gs_lookup what);

/* Sums that stop at the largest number instead of starting anew. */
static inline void gs_sum(uint64_t *sum, uint64_t more)
{
	if (__builtin_add_overflow(*sum, more, sum))
		*sum = UINT64_MAX;
}

#endif
