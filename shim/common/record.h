/* record.h: the record file, format version 1. The preloaded library writes it in place, readers
 * map it; the same memory, private, feeds the summary of a process without a record file.
 *
 * One file is one process image. Its size is fixed when it is made. All fields are little-endian
 * and of fixed width; places are offsets from the start of the file or indices, never pointers. A
 * file begins with struct gs_record_header, which gives the offset, the number and the size of the
 * entries of each section, so that a reader can skip what a later minor version appended.
 *
 * Writing is lock-free. An entry is filled first and published last (its count in the header, or
 * its `key`); counters are relaxed. A reader of a live or dead process's file may see a call that
 * has begun and not ended, never a half-written entry. Durations and times are in ns,
 * CLOCK_MONOTONIC, unless a name says otherwise. */
#ifndef GS_RECORD_H
#define GS_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "hist.h"

#define GS_RECORD_MAGIC "GILSHIM" /* 8 bytes with its NUL */
#define GS_RECORD_VERSION 1       /* of this header */
#define GS_RECORD_OLDEST 1        /* the oldest version that a reader must know to read this file */
#define GS_RECORD_ENDIAN 0x01020304u

/* Stated capacities. A full table counts what it loses. */
#define GS_MAX_CALLS 288
#define GS_MAX_THREADS 256 /* and one overflow block, shared: those threads count in `retired` */
#define GS_MAX_SITES 4096
#define GS_MAX_MODULES 512
#define GS_MAX_GILS 64 /* one per interpreter that has its own; a 65th takes the first's place */
#define GS_MAX_WAITERS 256 /* threads whose waits for a GIL are told apart; the last is shared */
#define GS_MAX_STACK 64    /* frames of each stack of a site, option `stacks` */
#define GS_STRINGS_SIZE (704 * 1024)

/* Behind the GILs: what was waited for stops of the world, in free-threaded builds. */
#define GS_WORLD GS_MAX_GILS

#define GS_NONE UINT32_MAX /* no such index or string */

enum gs_class { GS_CLASS_NEVER, GS_CLASS_DISK, GS_CLASS_WAIT, GS_CLASSES };
enum gs_origin {
	GS_ORIGIN_EXTENSION,
	GS_ORIGIN_INTERPRETER,
	GS_ORIGIN_STARTUP,
	GS_ORIGIN_SHUTDOWN,
	GS_ORIGINS
};
enum gs_state { GS_STATE_HELD, GS_STATE_RELEASED, GS_STATE_UNKNOWN, GS_STATE_NONE, GS_STATES };
enum gs_ended {
	GS_ENDED_ALIVE,  /* running, or killed: a reader decides by the pid and its start time */
	GS_ENDED_EXIT,   /* exit(3) or return from main */
	GS_ENDED_UEXIT,  /* _exit(2), quick_exit(3) */
	GS_ENDED_EXEC,   /* replaced by another program */
	GS_ENDED_SIGNAL, /* not written by the process itself; a supervisor may set it */
	GS_ENDEDS
};

/* Where a section lies: `count` entries of `size` bytes each from `offset`. */
struct gs_section {
	uint64_t offset;
	uint32_t count; /* capacity */
	uint32_t size;
};

enum gs_section_id {
	GS_SECTION_MODULES,   /* struct gs_module */
	GS_SECTION_FUNCTIONS, /* struct gs_function, by call id */
	GS_SECTION_THREADS,   /* struct gs_thread_entry; the last is the overflow block */
	GS_SECTION_COUNTS,    /* uint64_t [GS_MAX_CALLS] per thread: calls not held */
	GS_SECTION_SITES,     /* struct gs_site */
	GS_SECTION_NATIVE,    /* uint64_t [stacks] per site: return addresses, innermost first */
	GS_SECTION_PYTHON,    /* struct gs_pyline [stacks] per site, innermost first */
	GS_SECTION_STRINGS,   /* one entry; NUL-terminated UTF-8 */
	GS_SECTION_GILS,      /* struct gs_gil_entry, in the order of their making; GS_WORLD */
	GS_SECTION_WAITERS,   /* struct gs_waiter */
	GS_SECTION_DELAYS,    /* struct gs_delay, by call id */
	GS_SECTIONS
};

enum gs_threading {
	GS_THREADING_GIL,
	GS_THREADING_FREE,     /* "held" means "attached thread state" */
	GS_THREADING_FREE_GIL, /* a free-threaded build that was started with its GIL on */
};

/* What the judged calls of a process amount to where no single site or thread owns the number. */
struct gs_lost {
	/* held calls without a site, counted here instead: the table was full, or a signal
	 * handler had no room on its stack */
	_Atomic uint64_t sites;
	_Atomic uint64_t threads; /* threads that had to share the overflow block */
	_Atomic uint64_t strings; /* texts that did not fit: shown as "?" */
	_Atomic uint64_t modules; /* objects that did not fit: frames in them have no name */
};

struct gs_record_header {
	char magic[8];
	uint32_t version;
	uint32_t oldest;
	uint32_t endian;
	uint32_t header_size; /* sizeof(struct gs_record_header) of the writer */
	uint64_t file_size;
	struct gs_section section[GS_SECTIONS];

	/* the process */
	uint32_t pid;
	uint32_t ppid;
	uint64_t start_realtime_ns; /* as in the file's name */
	uint64_t start_ns;          /* CLOCK_MONOTONIC at load */
	uint64_t last_ns;           /* at the end, or at the last new site */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat: tells pids that were reused apart */
	uint32_t argv;        /* string: the arguments, each ended by \n */
	uint32_t ended;       /* enum gs_ended */
	uint32_t status;      /* exit status where known, else GS_NONE */

	/* the interpreter */
	uint32_t python_version; /* string, "3.11.2" */
	uint32_t implementation; /* string, "cpython" */
	uint32_t python_hex;     /* 0x030b02f0, 0 if not known */
	uint32_t free_threaded;  /* enum gs_threading */
	uint32_t lines;          /* 1: Python lines are available */
	uint32_t unknown;        /* 1: no usable oracle; calls counted in COUNTS are `unknown` */
	uint32_t interpreters;   /* GILs made, 0 if not known */

	/* options in force */
	uint32_t options; /* string: the text of GILSHIM_OPTIONS */
	uint32_t stacks;  /* frames kept of each stack */
	uint64_t blocked_ns;
	uint64_t stall_ns;
	uint32_t timing_all;

	/* how full the tables are; published after the entry */
	_Atomic uint32_t modules;
	_Atomic uint32_t
		sites; /* published; they are hashed: a reader looks at all that have a key */
	_Atomic uint32_t threads;
	_Atomic uint64_t strings; /* bytes used */
	_Atomic uint32_t waiters; /* entries in use, and of DELAYS: the highest call's + 1 */
	_Atomic uint32_t delays;

	/* totals that belong to no row */
	_Atomic uint64_t harmless; /* held calls of class never, uncontended locks */
	struct gs_lost lost;

	/* A count of COUNTS on its way to `retired`, as the number of its cell + 1 (0: none), and
	 * what `retired` is when it has arrived: of a process that dies in between it would be in
	 * both. */
	_Atomic uint64_t moving;
	_Atomic uint64_t moving_to;
	uint64_t world; /* 1: waits for stops of the world are seen */
	uint64_t reserved[13];
};

/* An object in memory at the time it was first seen. */
struct gs_module {
	uint64_t base; /* load bias: file addresses are run-time addresses minus this */
	uint64_t start, end;
	/* string, as the loader knows it; published last, 0: not filled yet */
	_Atomic uint32_t path;
	uint32_t name; /* string: SONAME, else the file's base name */
	uint8_t build_id[32];
	uint32_t build_id_size;
	uint32_t flags; /* GS_MODULE_* */
};
#define GS_MODULE_IMAGE 1u    /* the CPython interpreter */
#define GS_MODULE_STDLIB 2u   /* an extension module of the standard library */
#define GS_MODULE_LOADER 4u   /* ld.so, libc, vdso */
#define GS_MODULE_FOREIGN 8u  /* _ctypes, libffi, cffi: always `extension` */
#define GS_MODULE_PROGRAM 16u /* the main program */
#define GS_MODULE_DEEP 32u    /* calls libc past us, in our own namespace: RTLD_DEEPBIND */
#define GS_MODULE_APART 64u   /* calls the libc of a namespace of its own: dlmopen */
#define GS_MODULE_OPENS 128u  /* has opened libc by its name: it may fetch functions there */
#define GS_MODULE_ESCAPES (GS_MODULE_DEEP | GS_MODULE_APART | GS_MODULE_OPENS)

/* Totals of one call over all threads. The counts of calls that were not held are in COUNTS. */
struct gs_function {
	_Atomic uint64_t held;    /* calls, harmless and lost included */
	_Atomic uint64_t held_ns; /* time inside */
	_Atomic uint64_t worst_ns;
	_Atomic uint64_t slept;       /* held calls with a voluntary context switch */
	_Atomic uint64_t released_ns; /* with timing=all: calls that were not held */
	_Atomic uint64_t released_worst_ns;
	/* calls not held of threads that ended, or that share the overflow block: [0] had never
	 * held a GIL, [1] had */
	_Atomic uint64_t retired[2];
	uint32_t name; /* string: the name in reports, for readers with another table */
	uint32_t group;
};

/* A thread that made judged calls, and what it is in now. */
struct gs_thread_entry {
	_Atomic uint32_t tid;     /* 0: free */
	_Atomic uint32_t had_gil; /* 0: the thread never held a GIL, its COUNTS are `none` */
	/* the held call in progress: begin_ns is written last and cleared first; 0: none */
	_Atomic uint64_t begin_ns;
	_Atomic uint32_t site; /* GS_NONE: none could be claimed */
	_Atomic uint32_t call;
	char name[16];               /* the system's; empty until it has to be told */
	_Atomic uint64_t waiting_ns; /* since when it has been waiting for a GIL; 0: it is not */
	_Atomic uint32_t gil;        /* the one that it waits for, or took last; GS_NONE */
	_Atomic uint32_t waiter;     /* its entry among the WAITERS; GS_NONE: it never waited */
	_Atomic uint64_t held_ns;    /* time in held calls that have ended */
};

/* A GIL, and what its waiters waited for. Times are thread-ns: two threads that wait for 1 ms make
 * 2 ms. waited_ns grows as waits end; the three below it as the holder's doings end, and their sum
 * is never more than all that was waited. */
struct gs_gil_entry {
	_Atomic uint64_t waits; /* ended */
	_Atomic uint64_t waited_ns;
	_Atomic uint64_t worst_ns;
	_Atomic uint64_t held_ns;     /* while the holder was in a held call that has a site */
	_Atomic uint64_t computed_ns; /* while it was outside of any */
	_Atomic uint64_t free_ns;     /* while nobody held it: until the woken thread ran */
	_Atomic uint32_t histogram[GS_HIST_BUCKETS];
};

/* A thread that waited for a GIL. The last entry is shared by all that found no other. */
struct gs_waiter {
	_Atomic uint32_t tid;  /* 0: free */
	_Atomic uint32_t name; /* string: the system's name for it where the program set one, else
				* the function that it runs; GS_NONE: not known */
	_Atomic uint64_t waits;
	_Atomic uint64_t waited_ns;
	_Atomic uint64_t worst_ns;
	_Atomic uint64_t computed_ns; /* what others waited while this one computed, thread-ns */
	_Atomic uint32_t histogram[GS_HIST_BUCKETS];
};

/* What a released call cost its thread until it had the GIL back. Only calls around which another
 * thread wanted the GIL are in here: the rest got it back at once, and was not timed for it. */
struct gs_delay {
	_Atomic uint64_t calls;   /* that were followed by a wait */
	_Atomic uint64_t delayed; /* of these: waited longer than the call took */
	_Atomic uint64_t call_ns, call_worst_ns;
	_Atomic uint64_t wait_ns, wait_worst_ns;
	_Atomic uint32_t call_histogram[GS_HIST_BUCKETS];
	_Atomic uint32_t wait_histogram[GS_HIST_BUCKETS];
};

/* A line of Python: code object and instruction, already resolved. */
struct gs_pyline {
	uint32_t file; /* string */
	uint32_t function;
	uint32_t line; /* 0: not known */
};

enum gs_kind {
	GS_KIND_CALL,    /* a call site */
	GS_KIND_COMPUTE, /* GIL003: a place where a thread kept the GIL outside of any call */
	GS_KINDS
};

#define GS_VICTIMS 3

/* A call site: call + native return address + Python frame. With kind COMPUTE a place in Python:
 * `calls` are the stretches seen, their times run from the moment that another thread began to
 * wait, and call, bound, caller and class mean nothing. */
struct gs_site {
	_Atomic uint64_t
		key; /* 0 free, 1 being filled, else a hash of the identity; published last */
	_Atomic uint64_t calls;
	_Atomic uint64_t elapsed_ns;
	_Atomic uint64_t worst_ns;
	_Atomic uint64_t slept;         /* calls with a voluntary context switch */
	_Atomic uint64_t blocked_calls; /* calls that blocked */
	_Atomic uint64_t blocked_ns;    /* their time */
	_Atomic uint64_t preempted;     /* long, with only involuntary switches: no finding */
	_Atomic uint64_t stalled_ns;    /* thread-ns that others waited for this GIL meanwhile */
	uint64_t caller;                /* native return address */
	uint32_t module;                /* of the caller, GS_NONE: unknown */
	uint16_t call;                  /* enum gs_call */
	uint16_t bound;                 /* enum gs_name: the exported name that the caller bound */
	_Atomic uint8_t class;          /* enum gs_class, the worst seen */
	uint8_t origin;                 /* enum gs_origin */
	uint8_t at_most; /* times are closed by a later event: not longer than this */
	uint8_t depth_native, depth_python;
	uint8_t kind;                    /* enum gs_kind */
	_Atomic uint8_t stalled_threads; /* most threads that waited at once, up to 255 */
	uint8_t reserved8;
	uint32_t bound_name; /* string, as `bound`, for readers with another table */
	uint32_t call_name;
	uint32_t extension;                   /* module: what Python called; GS_NONE: unknown */
	uint32_t extension_frame;             /* index in the native stack; GS_NONE */
	struct gs_pyline python;              /* innermost; also first of the PYTHON section */
	_Atomic uint32_t victims[GS_VICTIMS]; /* waiters that were stalled, by index + 1; 0: none */
	uint32_t waiter; /* COMPUTE: the thread that computed, as index + 1; 0: not known */
	uint32_t reserved32;
	_Atomic uint32_t histogram[GS_HIST_BUCKETS];
};

_Static_assert(sizeof(struct gs_section) == 16, "record format v1");
_Static_assert(sizeof(struct gs_module) == 72, "record format v1");
_Static_assert(sizeof(struct gs_function) == 72, "record format v1");
_Static_assert(sizeof(struct gs_thread_entry) == 64, "record format v1");
_Static_assert(sizeof(struct gs_gil_entry) == 176, "record format v1");
_Static_assert(sizeof(struct gs_waiter) == 168, "record format v1");
_Static_assert(sizeof(struct gs_delay) == 304, "record format v1");
_Static_assert(sizeof(struct gs_site) == 272, "record format v1");

/* Fills the section table of a header for `stacks` frames per stack and sets file_size.
 * Pure; both sides use it: writers to lay out, readers only in tests. */
void gs_record_layout(struct gs_record_header *header, uint32_t stacks);

/* Checks all that a reader relies on in `size` bytes at `base`: magic, version, byte order, that
 * every section lies inside and has entries at least as large as this version's. Counters and
 * strings are not trusted by this; use gs_record_string(). Returns NULL if the record can be read,
 * else a short reason. */
const char *gs_record_check(const void *base, size_t size);

/* The string at `offset`, "?" if it is out of bounds or not terminated. Never fails. */
const char *gs_record_string(const struct gs_record_header *header, uint32_t offset);

#endif
