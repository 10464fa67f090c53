#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "gil.h"
#include "life.h"
#include "log.h"
#include "site.h"
#include "store.h"
#include "sys.h"

/* A call from the same frame as one that never returned to us looks up to this much deeper: our own
 * frames between the wrapper and the test. A nested call lies deeper than that, because the cold
 * half of the outer one and the function it called lie in between. */
#define OWN_FRAMES 256

/* From this duration on the CPU time of getrusage, up to a tick off, tells whether a thread ran. */
#define TICKS_TELL_NS 10000000

/* One long call in more than so many is an outlier. */
#define OUTLIER 64

/* Bytes of stack that a held call may need, and a distance that is far from home. */
#define ROOM 3072
#define FAR ((uintptr_t) 1 << 20)

/* A site's class is looked at again once in so many calls. */
#define LOOK_AGAIN 64

GS_HIDDEN unsigned char gs_armed[GS_ARMED_SIZE] __attribute__((aligned(GS_ARMED_SIZE)));

uint64_t gs_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static void read_usage(struct gs_usage *usage)
{
	struct rusage now = {0};

	gs_sys2(SYS_getrusage, RUSAGE_THREAD, (long) &now);
	usage->voluntary = (uint64_t) now.ru_nvcsw;
	usage->involuntary = (uint64_t) now.ru_nivcsw;
	usage->cpu_ns = (uint64_t) (now.ru_utime.tv_sec + now.ru_stime.tv_sec) * 1000000000u +
			(uint64_t) (now.ru_utime.tv_usec + now.ru_stime.tv_usec) * 1000u;
}

/* The CPU time that getrusage reports may be a tick old; this clock's is not, and costs more. */
static uint64_t cpu_now(void)
{
	struct timespec now = {0};

	gs_sys2(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, (long) &now);
	return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static void count_harmless(void)
{
	atomic_fetch_add_explicit(&gs_store.header->harmless, 1, memory_order_relaxed);
}

static void refresh_plain(struct gs_thread *thread)
{
	thread->plain = thread->counts && !thread->ended && !thread->composite &&
			!thread->is_pending && !thread->exec_tried && !gs_life.timed &&
			gs_gil.oracle != GS_ORACLE_UNKNOWN &&
			thread->entry != &gs_store.threads[GS_MAX_THREADS];
}

/* Around our own bookkeeping. Not plain while busy: calls of a signal handler, or of the unwinder,
 * take the odd path and are only forwarded. */
static void enter(struct gs_thread *thread)
{
	thread->busy = true;
	thread->plain = false;
}

static void leave(struct gs_thread *thread)
{
	thread->busy = false;
	refresh_plain(thread);
}

/* ---- adding up ---- */

static void add_to_function(
	struct gs_function *function, uint64_t elapsed, enum gs_evidence evidence)
{
	atomic_fetch_add_explicit(&function->held_ns, elapsed, memory_order_relaxed);
	gs_store_raise64(&function->worst_ns, elapsed);
	if (evidence == GS_SLEPT)
		atomic_fetch_add_explicit(&function->slept, 1, memory_order_relaxed);
}

static void add_timed(const struct gs_probe *probe)
{
	struct gs_function *function = &gs_store.functions[GS_KEY_CALL(probe->key)];
	uint64_t elapsed = probe->end_ns - probe->begin_ns;

	atomic_fetch_add_explicit(&function->released_ns, elapsed, memory_order_relaxed);
	gs_store_raise64(&function->released_worst_ns, elapsed);
}

/* ---- calls seen at entry only ---- */

/* Adds up what is known of it: the time until now, less what the thread ran meanwhile, for then it
 * cannot have waited. Time alone proves nothing here, as it runs on until the thread's next event.
 */
static void close_pending(struct gs_thread *thread)
{
	struct gs_pending *pending = &thread->pending;
	struct gs_probe probe = {.key = pending->key,
		.caller = pending->caller,
		.site = pending->site,
		.state = pending->state,
		.begin_ns = pending->begin_ns};
	struct gs_function *function = &gs_store.functions[GS_KEY_CALL(pending->key)];
	uint64_t elapsed = gs_now() - pending->begin_ns, cpu = cpu_now() - pending->cpu_ns;
	enum gs_evidence evidence = GS_QUICK;

	thread->is_pending = false;
	elapsed = elapsed > cpu ? elapsed - cpu : 0;
	probe.end_ns = probe.begin_ns + elapsed;
	if (pending->state == GS_STATE_HELD) {
		read_usage(&probe.after);
		if (probe.after.voluntary != pending->voluntary)
			evidence = GS_SLEPT;
		add_to_function(function, elapsed, evidence);
		if (pending->site != GS_NONE)
			gs_site_add(pending->site, elapsed, evidence);
	} else if (gs_life.options.timing == GS_TIMING_ALL) {
		add_timed(&probe);
	}
	if (gs_log_wants(probe.state, evidence == GS_SLEPT))
		gs_log_call(&probe, evidence);
}

static uint32_t find_site(struct gs_identity *identity, enum gs_class class)
{
	uint32_t index;

	if (!gs_site_known(identity, &index))
		index = gs_site_claim(identity, class);
	if (index == GS_NONE)
		atomic_fetch_add_explicit(&gs_store.header->lost.sites, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&gs_store.sites[index].calls, 1, memory_order_relaxed);
	return index;
}

void gs_watch_entry(uint32_t key, void *caller)
{
	struct gs_thread *thread = &gs_thread;
	struct gs_pending *pending = &thread->pending;
	bool is_vfork = GS_KEY_CALL(key) == GS_CALL_VFORK;
	struct gs_identity identity;
	struct gs_usage usage;

	bool wanted = gs_watch(key);

	/* The child of a vfork must find the mark even where nobody asks for the time. */
	if (!wanted && !(is_vfork && thread->counts && !thread->busy))
		return;
	enter(thread);
	pending->key = key;
	pending->caller = caller;
	pending->state = wanted ? thread->state : GS_STATE_RELEASED;
	pending->site = GS_NONE;
	pending->pid = is_vfork ? gs_life.pid : 0;
	if (pending->state == GS_STATE_HELD) {
		gs_site_identify(&identity, key, caller, true);
		pending->site = find_site(&identity, is_vfork ? GS_CLASS_WAIT : GS_CLASS_DISK);
		read_usage(&usage);
		pending->voluntary = usage.voluntary;
	}
	pending->cpu_ns = cpu_now();
	pending->begin_ns = gs_now();
	thread->is_pending = true;
	leave(thread);
}

/* ---- the judgement ---- */

static void clear_progress(struct gs_thread *thread)
{
	thread->mark = NULL;
	thread->composite = NULL;
	if (thread->entry && thread->epoch == gs_epoch())
		atomic_store_explicit(&thread->entry->begin_ns, 0, memory_order_relaxed);
}

/* True in the child of a vfork: it runs on our memory and must leave no trace. */
static bool in_vfork_child(const struct gs_thread *thread)
{
	return thread->is_pending && thread->pending.pid &&
	       (uint32_t) gs_sys0(SYS_getpid) != thread->pending.pid;
}

void gs_probe_settle(struct gs_thread *thread)
{
	if (thread->busy || thread->epoch != gs_epoch() || in_vfork_child(thread))
		return;
	enter(thread);
	clear_progress(thread);
	if (thread->is_pending)
		close_pending(thread);
	leave(thread);
}

static void count_not_held(struct gs_thread *thread, unsigned call)
{
	if (thread->entry == &gs_store.threads[GS_MAX_THREADS])
		atomic_fetch_add_explicit(&gs_store.functions[call].retired[thread->had_gil], 1,
			memory_order_relaxed);
	else
		gs_thread_count(thread, call);
}

/* Far from home a thread may be on an alternate signal stack, with no room for a cold half. */
GS_COLD static bool lacks_room(struct gs_thread *thread, char *here)
{
	stack_t now = {0};

	if (gs_sys2(SYS_sigaltstack, 0, (long) &now) == 0 && now.ss_flags & SS_ONSTACK)
		return here - (char *) now.ss_sp < ROOM;
	thread->home = here;
	return false;
}

static bool watch_held(struct gs_thread *thread, uint32_t key)
{
	char *here = __builtin_frame_address(0);

	thread->state = GS_STATE_HELD;
	thread->bound = (uint16_t) GS_KEY_NAME(key);
	if (GS_UNLIKELY(!thread->had_gil))
		gs_thread_had_gil(thread);
	atomic_fetch_add_explicit(
		&gs_store.functions[GS_KEY_CALL(key)].held, 1, memory_order_relaxed);
	if (GS_UNLIKELY((uintptr_t) (thread->home - here) + FAR > 2 * FAR) &&
		lacks_room(thread, here)) {
		atomic_fetch_add_explicit(&gs_store.header->lost.sites, 1, memory_order_relaxed);
		return false;
	}
	return true;
}

/* The thread's first call, and whatever else is not plain. */
GS_COLD static bool watch_odd(struct gs_thread *thread, uint32_t key)
{
	char *here = __builtin_frame_address(0);

	if (thread->busy || in_vfork_child(thread))
		return false;
	if (thread->composite && here + OWN_FRAMES < (char *) thread->composite)
		return false;
	enter(thread);
	if (!thread->counts || thread->epoch != gs_epoch())
		gs_thread_claim(thread);
	if (thread->composite)
		clear_progress(thread);
	if (thread->is_pending)
		close_pending(thread);
	if (thread->exec_tried) {
		thread->exec_tried = false;
		gs_store.header->ended = GS_ENDED_ALIVE;
	}
	leave(thread);
	if (gs_gil_held(thread))
		return watch_held(thread, key);
	count_not_held(thread, GS_KEY_CALL(key));
	thread->state = gs_gil.oracle == GS_ORACLE_UNKNOWN ? GS_STATE_UNKNOWN : GS_STATE_RELEASED;
	thread->bound = (uint16_t) GS_KEY_NAME(key);
	return gs_life.timed;
}

bool gs_watch(uint32_t key)
{
	struct gs_thread *thread = &gs_thread;

	if (GS_UNLIKELY(!thread->plain))
		return watch_odd(thread, key);
	if (GS_UNLIKELY(gs_gil_held(thread)))
		return watch_held(thread, key);
	gs_thread_count(thread, GS_KEY_CALL(key));
	/* Threads that wait for the GIL come by here every few milliseconds: when a process is
	 * killed in a held call that never returned, this tells how long it had been in there. */
	if (GS_UNLIKELY(GS_KEY_CALL(key) == GS_CALL_COND_TIMEDWAIT))
		gs_store.header->last_ns = gs_now();
	return false;
}

/* ---- the cold half ---- */

bool gs_probe_skips(gs_claim_t claim)
{
	if (claim != GS_NEVER_WAITS || gs_thread.state != GS_STATE_HELD ||
		gs_log_wants(GS_STATE_HELD, false))
		return false;
	count_harmless();
	return true;
}

bool gs_probe_tries(void)
{
	if (gs_thread.state != GS_STATE_HELD)
		return false;
	/* Counted before it is tried: a cancellation may act there. */
	count_harmless();
	return true;
}

void gs_probe_contended(void)
{
	atomic_fetch_sub_explicit(&gs_store.header->harmless, 1, memory_order_relaxed);
}

void gs_probe_uncontended(uint32_t key, void *caller)
{
	struct gs_probe probe = {.key = key,
		.caller = caller,
		.site = GS_NONE,
		.state = GS_STATE_HELD,
		.harmless = true};

	if (!gs_log_wants(GS_STATE_HELD, false))
		return;
	probe.error = errno;
	probe.begin_ns = probe.end_ns = gs_now();
	enter(&gs_thread);
	gs_log_call(&probe, GS_QUICK);
	leave(&gs_thread);
	errno = probe.error;
}

/* Finds the site of a held call, unless its arguments or its descriptor say that it cannot wait. */
static void locate(struct gs_probe *probe)
{
	struct gs_identity identity;
	enum gs_class class = GS_CLASS_DISK;
	uint32_t index;

	gs_site_identify(&identity, probe->key, probe->caller, false);
	if (!gs_site_known(&identity, &index)) {
		class = gs_claim_settle(probe->claim);
		probe->first = true;
		if (class == GS_CLASS_NEVER) {
			probe->harmless = true;
			count_harmless();
			return;
		}
	}
	probe->site = find_site(&identity, class);
	if (probe->first && probe->site != GS_NONE)
		gs_site_class(probe->site, class);
}

/* Says in the record what the thread is in, for readers of a live or a dead process. */
static void show_progress(struct gs_thread *thread, struct gs_probe *probe)
{
	struct gs_thread_entry *entry = thread->entry;

	/* What is left of a call that never returned to us is nobody's outer call. */
	if (thread->mark && (char *) probe->frame >= (char *) thread->mark)
		clear_progress(thread);
	probe->outer_mark = thread->mark;
	probe->outer_composite = thread->composite;
	probe->outer_begin_ns = atomic_load_explicit(&entry->begin_ns, memory_order_relaxed);
	probe->outer_site = atomic_load_explicit(&entry->site, memory_order_relaxed);
	probe->outer_call = atomic_load_explicit(&entry->call, memory_order_relaxed);
	thread->mark = probe->frame;
	if (gs_call_info[GS_KEY_CALL(probe->key)].composite) {
		thread->composite = probe->frame;
		thread->plain = false;
	}
	atomic_store_explicit(&entry->begin_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->site, probe->site, memory_order_relaxed);
	atomic_store_explicit(&entry->call, GS_KEY_CALL(probe->key), memory_order_relaxed);
}

static void hide_progress(struct gs_thread *thread, const struct gs_probe *probe)
{
	struct gs_thread_entry *entry = thread->entry;

	thread->mark = probe->outer_mark;
	thread->composite = probe->outer_composite;
	if (!entry)
		return;
	atomic_store_explicit(&entry->begin_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->site, probe->outer_site, memory_order_relaxed);
	atomic_store_explicit(&entry->call, probe->outer_call, memory_order_relaxed);
	atomic_store_explicit(&entry->begin_ns, probe->outer_begin_ns, memory_order_release);
}

void gs_probe_begin(
	struct gs_probe *probe, uint32_t key, gs_claim_t claim, void *caller, void *frame)
{
	struct gs_thread *thread = &gs_thread;

	probe->key = key;
	probe->epoch = thread->epoch;
	probe->claim = claim;
	probe->caller = caller;
	probe->frame = (char *) frame + 2 * sizeof(void *);
	probe->site = GS_NONE;
	probe->state = thread->state;
	probe->first = false;
	probe->harmless = false;
	probe->outer_mark = NULL;
	if (probe->state != GS_STATE_HELD) {
		probe->begin_ns = gs_now();
		return;
	}
	enter(thread);
	locate(probe);
	show_progress(thread, probe);
	read_usage(&probe->before);
	probe->begin_ns = gs_now();
	if (!probe->harmless)
		atomic_store_explicit(
			&thread->entry->begin_ns, probe->begin_ns, memory_order_release);
	leave(thread);
}

void gs_probe_returned(struct gs_probe *probe)
{
	probe->error = errno;
	probe->end_ns = gs_now();
	if (probe->state == GS_STATE_HELD)
		read_usage(&probe->after);
}

/* A call without a voluntary switch took long. Was it the call, or was the CPU taken away (by
 * another thread, which the kernel counts, or by a hypervisor, which nobody counts)? */
static enum gs_evidence weigh_long(const struct gs_probe *probe, uint64_t elapsed)
{
	const struct gs_site *site = &gs_store.sites[probe->site];
	uint64_t calls, candidates;

	if (elapsed >= TICKS_TELL_NS)
		return probe->after.cpu_ns - probe->before.cpu_ns >= elapsed / 2 ? GS_LONG
										 : GS_PREEMPTED;
	if (probe->after.involuntary != probe->before.involuntary)
		return GS_PREEMPTED;
	if (probe->site == GS_NONE)
		return GS_LONG;
	/* A lone outlier at a site whose calls come back at once is not the call's doing. */
	calls = atomic_load_explicit(&site->calls, memory_order_relaxed);
	candidates = 1 + atomic_load_explicit(&site->preempted, memory_order_relaxed) +
		     atomic_load_explicit(&site->blocked_calls, memory_order_relaxed);
	return candidates * OUTLIER >= calls ? GS_LONG : GS_PREEMPTED;
}

static enum gs_evidence weigh(const struct gs_probe *probe, uint64_t elapsed)
{
	if (probe->after.voluntary != probe->before.voluntary)
		return GS_SLEPT;
	return elapsed < gs_life.options.blocked ? GS_QUICK : weigh_long(probe, elapsed);
}

/* A call that turned out not to have been able to wait (a buffered write) is only counted. */
static void withdraw(struct gs_probe *probe)
{
	atomic_fetch_sub_explicit(&gs_store.sites[probe->site].calls, 1, memory_order_relaxed);
	count_harmless();
	probe->harmless = true;
}

static void add_held(struct gs_probe *probe, gs_claim_t claim, enum gs_evidence evidence)
{
	uint64_t elapsed = probe->end_ns - probe->begin_ns;
	bool blocked = evidence == GS_SLEPT || evidence == GS_LONG;
	struct gs_function *function = &gs_store.functions[GS_KEY_CALL(probe->key)];
	enum gs_class class;
	uint64_t calls;

	add_to_function(function, elapsed, evidence);
	if (probe->site == GS_NONE)
		return;
	if (claim == GS_NEVER_WAITS && !blocked) {
		withdraw(probe);
		return;
	}
	calls = atomic_load_explicit(&gs_store.sites[probe->site].calls, memory_order_relaxed);
	if (claim <= GS_WAITS || probe->first || blocked || calls % LOOK_AGAIN == 0) {
		class = gs_claim_settle(claim);
		gs_site_class(probe->site, class);
	}
	if (gs_site_add(probe->site, elapsed, evidence) && blocked && !probe->first &&
		elapsed >= gs_life.options.blocked && gs_gil_held(&gs_thread))
		gs_site_capture(probe->site, probe->caller);
}

void gs_probe_end(struct gs_probe *probe, gs_claim_t claim)
{
	struct gs_thread *thread = &gs_thread;
	enum gs_evidence evidence = GS_QUICK;

	/* In a forked child, and once the process has ended its record, there is nothing to add to.
	 */
	if (probe->epoch != gs_epoch() || thread->epoch != probe->epoch) {
		errno = probe->error;
		return;
	}
	enter(thread);
	if (probe->state == GS_STATE_HELD) {
		hide_progress(thread, probe);
		evidence = weigh(probe, probe->end_ns - probe->begin_ns);
		add_held(probe, claim, evidence);
	} else {
		add_timed(probe);
	}
	if (gs_life.options.log != GS_LOG_NONE &&
		gs_log_wants(probe->state, evidence == GS_SLEPT || evidence == GS_LONG))
		gs_log_call(probe, evidence);
	leave(thread);
	errno = probe->error;
}
