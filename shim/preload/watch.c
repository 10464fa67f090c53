/* watch.c: the judgement of a call: the hot path, and what is odd about it. */
#include "watch.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "gil.h"
#include "life.h"
#include "log.h"
#include "modules.h"
#include "store.h"
#include "sys.h"
#include "tally.h"
#include "waits.h"

/* A call from the same frame as one that never returned to us looks up to this much deeper: our own
 * frames between the wrapper and the test. A nested call lies deeper than that, because the cold
 * half of the outer one and the function it called lie in between. */
#define OWN_FRAMES 256

/* Bytes of stack that a held call may need, and a distance that is far from home. */
#define ROOM 3072
#define FAR ((uintptr_t) 1 << 20)

GS_HIDDEN unsigned char gs_armed[GS_ARMED_SIZE] __attribute__((aligned(GS_ARMED_SIZE)));

static enum gs_half half_of_released(void)
{
	if (gs_life.options.log == GS_LOG_ALL)
		return GS_HALF_HELD;
	return gs_life.timed ? GS_HALF_TIMED : GS_HALF_NONE;
}

void gs_watch_arm(void)
{
	enum gs_half half = half_of_released();
	unsigned more = (unsigned) half << GS_ARMED_RELEASED_SHIFT;

	if (gs_gil.flagged && half != GS_HALF_HELD)
		more |= GS_ARMED_COUNTS;
	if (gs_life.timed || gs_life.options.log == GS_LOG_HELD)
		more |= GS_ARMED_EACH;
	for (unsigned call = 0; call < GS_CALLS; call++) {
		unsigned char *armed = &gs_armed[call], old = *armed;
		unsigned char wanted =
			(unsigned char) ((old & (GS_ARMED_WATCHED | GS_ARMED_MARK)) | more);

		/* At its end the process is disarmed, maybe by another thread just now. */
		if (old & GS_ARMED_WATCHED)
			__atomic_compare_exchange_n(
				armed, &old, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

/* ---- the thread's state ---- */

GS_HOT static void refresh_plain(struct gs_thread *thread)
{
	bool usual = thread->counts && !thread->ended && !thread->composite &&
		     !thread->is_pending && !thread->exec_tried &&
		     gs_gil.oracle != GS_ORACLE_UNKNOWN &&
		     thread->entry != &gs_store.threads[GS_MAX_THREADS];
	bool follows = thread->wait_ns || thread->release_ns;

	thread->plain = usual && !follows;
	thread->follows = usual && follows;
}

GS_HOT void gs_enter(struct gs_thread *thread)
{
	gs_thread_busy(thread, __builtin_frame_address(0));
	thread->plain = thread->follows = false;
}

GS_HOT void gs_leave(struct gs_thread *thread)
{
	thread->busy = false;
	refresh_plain(thread);
}

void gs_clear_progress(struct gs_thread *thread)
{
	thread->mark = NULL;
	thread->composite = NULL;
	thread->charge_site = 0;
	thread->nested_ns = 0;
	if (thread->entry && thread->epoch == gs_epoch())
		atomic_store_explicit(&thread->entry->begin_ns, 0, memory_order_relaxed);
}

/* True in the child of a vfork: it runs on our memory and must leave no trace. */
static bool in_vfork_child(const struct gs_thread *thread)
{
	return thread->is_pending && thread->pending.pid &&
	       (uint32_t) gs_sys0(SYS_getpid) != thread->pending.pid;
}

/* ---- calls seen at entry only ---- */

/* Adds up what is known of it: the time until now, less what the thread ran meanwhile, for then it
 * cannot have waited. Time alone proves nothing here, as it runs on until the thread's next event;
 * and a wait nothing either, where calls that are not watched may lie before that. */
static void close_pending(struct gs_thread *thread)
{
	struct gs_pending *pending = &thread->pending;
	struct gs_probe probe = {.key = pending->key,
		.caller = pending->caller,
		.site = pending->site,
		.state = pending->state,
		.begin_ns = pending->begin_ns};
	struct gs_function *function = &gs_store.functions[GS_KEY_CALL(pending->key)];
	struct gs_thread_entry *entry = thread->entry;
	uint64_t now = gs_now(), lasted = now - pending->begin_ns;
	uint64_t cpu = gs_cpu_now() - pending->cpu_ns;
	uint64_t elapsed = lasted > cpu && !gs_life.leaves_out ? lasted - cpu : 0;
	enum gs_evidence evidence = GS_QUICK;

	thread->is_pending = false;
	gs_waits_left(thread);
	/* Whatever ends the process, or unloads them, now they are noted. */
	if (pending->past && gs_store.is_file)
		gs_modules_note_all();
	if (pending->state == GS_STATE_NONE)
		return;
	probe.end_ns = probe.begin_ns + elapsed;
	if (pending->state == GS_STATE_HELD) {
		gs_usage_read(&probe.after);
		if (probe.after.voluntary != pending->voluntary && !gs_life.leaves_out)
			evidence = GS_SLEPT;
		/* It did not compute meanwhile; within another call that adds its own time. */
		if (evidence == GS_SLEPT && entry &&
			!atomic_load_explicit(&entry->begin_ns, memory_order_relaxed))
			atomic_fetch_add_explicit(&entry->held_ns, elapsed, memory_order_relaxed);
		gs_tally_function(function, elapsed, evidence);
		if (pending->site != GS_NONE)
			gs_site_add(pending->site, elapsed, evidence);
		gs_waits_split(
			thread, now, pending->site, evidence == GS_SLEPT ? elapsed : 0, lasted);
	} else if (gs_life.options.timing == GS_TIMING_ALL) {
		gs_tally_timed(function, elapsed);
	}
	if (gs_log_wants(probe.state, evidence == GS_SLEPT))
		gs_log_call(&probe, evidence);
}

/* Does the caller stand still until a child has executed another program or ended? If the child
 * runs on our memory, it must find the mark even where nobody asks for the call. */
static bool waits_for_child(uint32_t key, uintptr_t clone_flags)
{
	return GS_KEY_CALL(key) == GS_CALL_VFORK ||
	       (GS_KEY_CALL(key) == GS_CALL_CLONE && clone_flags & CLONE_VFORK);
}

static void begin_pending(struct gs_thread *thread, uint32_t key, void *caller, bool for_child)
{
	struct gs_pending *pending = &thread->pending;
	struct gs_identity identity;
	struct gs_usage usage;

	pending->key = key;
	pending->caller = caller;
	pending->site = GS_NONE;
	pending->pid = for_child ? gs_life.pid : 0;
	if (pending->state == GS_STATE_HELD) {
		gs_site_identify(&identity, key, caller, true);
		if (!gs_site_known(&identity, &pending->site))
			pending->site =
				gs_site_claim(&identity, for_child ? GS_CLASS_WAIT : GS_CLASS_DISK);
		gs_tally_call(pending->site);
		gs_usage_read(&usage);
		pending->voluntary = usage.voluntary;
	}
	pending->cpu_ns = gs_cpu_now();
	pending->begin_ns = gs_now();
	gs_waits_charge(thread, pending->begin_ns);
	thread->is_pending = thread->loose = true;
	gs_waits_enter(thread, pending->cpu_ns);
}

/* Does it bring in objects that are bound past us? */
static bool loads_past(uint32_t key, uintptr_t first, uintptr_t second)
{
	if (GS_KEY_NAME(key) == GS_NAME_dlmopen)
		return first != LM_ID_BASE;
	return GS_KEY_NAME(key) == GS_NAME_dlopen && second & RTLD_DEEPBIND;
}

void gs_watch_entry(uint32_t key, void *caller, uintptr_t first, uintptr_t second, uintptr_t third)
{
	struct gs_thread *thread = &gs_thread;
	bool for_child = waits_for_child(key, third), past = loads_past(key, first, second);
	bool wanted = gs_armed[GS_KEY_CALL(key)] & GS_ARMED_WATCHED && gs_watch(key);

	if (in_vfork_child(thread))
		return;
	if (GS_KEY_CALL(key) == GS_CALL_DLCLOSE)
		gs_gil_closing();
	if (GS_KEY_NAME(key) == GS_NAME_dlopen)
		gs_module_opens(caller, (const char *) first);
	if (!wanted && (!(for_child || past) || thread->busy))
		return;
	gs_enter(thread);
	gs_thread_here(thread);
	if (thread->is_pending)
		close_pending(thread);
	if (!wanted)
		thread->pending.state = GS_STATE_NONE;
	else
		thread->pending.state =
			gs_life.timed ? gs_state_now(thread, GS_KEY_CALL(key)) : GS_STATE_HELD;
	thread->pending.past = past;
	begin_pending(thread, key, caller, for_child);
	gs_leave(thread);
}

/* ---- the judgement ---- */

GS_HOT void gs_settle(struct gs_thread *thread)
{
	if (!thread->mark && !thread->composite && !thread->is_pending)
		return;
	if (thread->busy || thread->epoch != gs_epoch() || in_vfork_child(thread))
		return;
	gs_enter(thread);
	gs_clear_progress(thread);
	if (thread->is_pending)
		close_pending(thread);
	gs_leave(thread);
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

static inline __attribute__((always_inline)) bool is_cramped(struct gs_thread *thread)
{
	char *here = __builtin_frame_address(0);

	return GS_UNLIKELY((uintptr_t) (thread->home - here) + FAR > 2 * FAR) &&
	       lacks_room(thread, here);
}

bool gs_watch_is_cramped(void)
{
	return is_cramped(&gs_thread);
}

/* Of a released call; a line of a log takes as much room as a held call. */
static inline __attribute__((always_inline)) enum gs_half half_of(
	struct gs_thread *thread, uint32_t key)
{
	enum gs_half half =
		(enum gs_half)(gs_armed[GS_KEY_CALL(key)] >> GS_ARMED_RELEASED_SHIFT & 3);

	return GS_UNLIKELY(half == GS_HALF_HELD) && is_cramped(thread) ? GS_HALF_NONE : half;
}

static inline __attribute__((always_inline)) enum gs_half watch_held(
	struct gs_thread *thread, uint32_t key)
{
	if (GS_UNLIKELY(!thread->had_gil))
		gs_thread_had_gil(thread);
	gs_gil_add(&gs_store.functions[GS_KEY_CALL(key)].held, 1);
	if (is_cramped(thread)) {
		gs_gil_add(&gs_store.header->lost.sites, 1);
		return GS_HALF_NONE;
	}
	return GS_HALF_HELD;
}

/* The calls that taking and dropping a GIL consist of. */
static bool is_of_gil(unsigned call)
{
	return call == GS_CALL_MUTEX_LOCK || call == GS_CALL_COND_WAIT ||
	       call == GS_CALL_COND_TIMEDWAIT;
}

/* What else a thread calls that dropped a GIL that others wanted. */
GS_HOT static void follow(struct gs_thread *thread, unsigned call)
{
	thread->released = (uint16_t) (call + 1);
	if (gs_gil_exactly_held(thread))
		thread->release_ns = 0;
}

/* Busy, in a frame that a signal handler left by a longjmp? Whoever interrupts it lies deeper on
 * the same stack. */
GS_COLD static bool was_left(const struct gs_thread *thread, const char *here)
{
	stack_t now = {0};

	return thread->busy_at && here > thread->busy_at &&
	       gs_sys2(SYS_sigaltstack, 0, (long) &now) == 0 && !(now.ss_flags & SS_ONSTACK);
}

/* The thread's first call, and whatever else is not plain. */
GS_HOT GS_NOINLINE static enum gs_half watch_odd(struct gs_thread *thread, uint32_t key)
{
	char *here = __builtin_frame_address(0);

	if ((thread->busy && !was_left(thread, here)) || in_vfork_child(thread))
		return GS_HALF_NONE;
	if (thread->busy)
		gs_clear_progress(thread);
	if (thread->composite && here + OWN_FRAMES < (char *) thread->composite)
		return GS_HALF_NONE;
	gs_enter(thread);
	gs_thread_here(thread);
	if (thread->composite)
		gs_clear_progress(thread);
	if (thread->is_pending)
		close_pending(thread);
	if (thread->exec_tried) {
		thread->exec_tried = false;
		gs_store.header->ended = GS_ENDED_ALIVE;
	}
	if ((thread->wait_ns || thread->release_ns) && !is_of_gil(GS_KEY_CALL(key))) {
		/* A thread that is not to have the GIL again sleeps for ever (3.14 and newer). */
		gs_waits_abandon(thread);
		follow(thread, GS_KEY_CALL(key));
	}
	gs_leave(thread);
	if (gs_gil_held(thread, GS_KEY_CALL(key)))
		return watch_held(thread, key);
	count_not_held(thread, GS_KEY_CALL(key));
	return half_of(thread, key);
}

GS_HOT GS_NOINLINE static enum gs_half watch_plain(struct gs_thread *thread, uint32_t key)
{
	if (GS_UNLIKELY(gs_gil_held(thread, GS_KEY_CALL(key))))
		return watch_held(thread, key);
	gs_thread_count(thread, GS_KEY_CALL(key));
	return half_of(thread, key);
}

/* Another call of a thread that dropped a GIL that others wanted; else what is odd. */
GS_HOT GS_NOINLINE static enum gs_half watch_following(struct gs_thread *thread, uint32_t key)
{
	if (!thread->follows || thread->wait_ns)
		return watch_odd(thread, key);
	follow(thread, GS_KEY_CALL(key));
	if (!thread->release_ns) {
		thread->follows = false;
		thread->plain = true;
	}
	return watch_plain(thread, key);
}

/* Calls nothing and keeps no frame: what it cannot answer at once is answered elsewhere. */
GS_HOT enum gs_half gs_watch(uint32_t key)
{
	struct gs_thread *thread = &gs_thread;

	if (GS_UNLIKELY(!thread->plain) && (!thread->follows || !is_of_gil(GS_KEY_CALL(key))))
		return watch_following(thread, key);
	if (!gs_gil_surely_not(thread))
		return watch_plain(thread, key);
	gs_thread_count(thread, GS_KEY_CALL(key));
	return half_of(thread, key);
}
