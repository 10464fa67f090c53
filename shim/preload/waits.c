#include "waits.h"

#include "gil.h"
#include "life.h"
#include "log.h"
#include "place.h"
#include "sample.h"
#include "site.h"
#include "store.h"
#include "usage.h"
#include "watch.h"
#include "world.h"

#define READ_ATTEMPTS 64

GS_HIDDEN struct gs_waits gs_waits[GS_MAX_GILS];

GS_HOT static void count(_Atomic uint32_t *histogram, uint64_t ns)
{
	gs_gil_add32(&histogram[gs_hist_bucket(ns)], 1);
}

static inline bool has_block(const struct gs_thread_entry *entry)
{
	return entry && entry != &gs_store.threads[GS_MAX_THREADS];
}

void gs_waits_reset(uint32_t gil)
{
	/* The first to take it comes by. */
	gs_waits[gil] = (struct gs_waits){.active = 1, .stall_site = GS_NONE};
}

/* ---- the integral ---- */

static inline uint32_t waiting_now(const struct gs_waits *waits)
{
	uint32_t waiting = atomic_load_explicit(&waits->waiting, memory_order_relaxed);
	uint32_t gone = atomic_load_explicit(&waits->gone, memory_order_relaxed);

	return waiting > gone ? waiting - gone : 0;
}

static inline uint64_t integral_at(const struct gs_waits *waits, uint64_t now)
{
	uint64_t since = atomic_load_explicit(&waits->since_ns, memory_order_relaxed);
	uint64_t elapsed = now > since ? now - since : 0;

	return atomic_load_explicit(&waits->integral, memory_order_relaxed) +
	       elapsed * waiting_now(waits);
}

/* From any thread. Should a change be in the way for ever, as its thread does not get to run,
 * nothing has grown. */
GS_HOT static uint64_t read_integral(const struct gs_waits *waits, uint64_t now)
{
	for (int i = 0; i < READ_ATTEMPTS; i++) {
		uint32_t before = atomic_load_explicit(&waits->sequence, memory_order_acquire);
		uint64_t total = integral_at(waits, now);

		atomic_thread_fence(memory_order_acquire);
		if (!(before & 1) &&
			before == atomic_load_explicit(&waits->sequence, memory_order_relaxed))
			return total;
	}
	return 0;
}

/* One thread more, or one less; under the GIL's mutex. */
GS_HOT static void change(struct gs_waits *waits, uint64_t now, int more)
{
	uint32_t sequence = atomic_load_explicit(&waits->sequence, memory_order_relaxed);
	uint64_t total = integral_at(waits, now);
	uint32_t waiting = atomic_load_explicit(&waits->waiting, memory_order_relaxed), gone = 0;

	if (GS_UNLIKELY(atomic_load_explicit(&waits->gone, memory_order_relaxed)))
		gone = atomic_exchange_explicit(&waits->gone, 0, memory_order_relaxed);
	waiting = (waiting > gone ? waiting - gone : 0) + (uint32_t) more;
	atomic_store_explicit(&waits->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&waits->integral, total, memory_order_relaxed);
	atomic_store_explicit(&waits->waiting, waiting, memory_order_relaxed);
	atomic_store_explicit(&waits->since_ns, now, memory_order_relaxed);
	atomic_store_explicit(&waits->sequence, sequence + 2, memory_order_release);
}

/* What was waited since it was last charged. By the holder only. */
GS_HOT static uint64_t grown_to(struct gs_waits *waits, uint64_t total)
{
	uint64_t growth;

	if (total <= waits->charged)
		return 0;
	growth = total - waits->charged;
	waits->charged = total;
	return growth;
}

GS_HOT static uint64_t take_growth(struct gs_waits *waits, uint64_t now)
{
	return grown_to(waits, read_integral(waits, now));
}

/* ---- whom it is charged to ---- */

/* While a held call lasts nobody who waits can get away: at its end they are all still there. */
static void note_victims(uint32_t gil, struct gs_site *site)
{
	uint32_t used = atomic_load_explicit(&gs_store.header->threads, memory_order_relaxed);
	uint32_t stalled = 0;

	for (uint32_t i = 0; i < used && i < GS_MAX_THREADS; i++) {
		struct gs_thread_entry *entry = &gs_store.threads[i];

		if (!atomic_load_explicit(&entry->waiting_ns, memory_order_relaxed) ||
			atomic_load_explicit(&entry->gil, memory_order_relaxed) != gil)
			continue;
		stalled++;
		gs_place_victim(site, atomic_load_explicit(&entry->waiter, memory_order_relaxed));
	}
	if (stalled > 255)
		stalled = 255;
	if (stalled > atomic_load_explicit(&site->stalled_threads, memory_order_relaxed))
		atomic_store_explicit(
			&site->stalled_threads, (uint8_t) stalled, memory_order_relaxed);
}

void gs_waits_charge_site(uint32_t gil, uint32_t index, uint64_t growth)
{
	struct gs_site *site = &gs_store.sites[index];

	if (!growth)
		return;
	gs_gil_add(&gs_store.gils[gil].held_ns, growth);
	gs_gil_add(&site->stalled_ns, growth);
	note_victims(gil, site);
}

GS_HOT static void charge_computing(struct gs_thread *thread, uint64_t growth)
{
	if (!growth)
		return;
	gs_gil_add(&gs_store.gils[thread->gil].computed_ns, growth);
	gs_gil_add(&gs_place_waiter(thread->entry)->computed_ns, growth);
	gs_gil_add(&gs_waits[thread->gil].stretch_stalls, growth);
}

/* With gil=check a thread may be taken for a holder that is none. */
GS_HOT static bool may_charge(const struct gs_thread *thread)
{
	return thread->holds && thread->epoch == gs_epoch();
}

GS_HOT static void charge(struct gs_thread *thread, uint64_t now, uint64_t growth)
{
	if (gs_gil.exact == GS_ORACLE_STATE)
		gs_world_charge(thread, now);
	if (thread->charge_site)
		gs_waits_charge_site(thread->gil, thread->charge_site - 1, growth);
	else
		charge_computing(thread, growth);
}

GS_HOT void gs_waits_charge_slowly(struct gs_thread *thread, uint64_t now)
{
	charge(thread, now, may_charge(thread) ? take_growth(&gs_waits[thread->gil], now) : 0);
}

/* The same by who has the GIL's mutex: nothing changes meanwhile. */
GS_HOT static void charge_in_mutex(struct gs_thread *thread, struct gs_waits *waits, uint64_t now)
{
	if (gs_waits_active(waits))
		charge(thread, now,
			may_charge(thread) ? grown_to(waits, integral_at(waits, now)) : 0);
}

void gs_waits_split(
	struct gs_thread *thread, uint64_t now, uint32_t site, uint64_t idle, uint64_t elapsed)
{
	uint64_t growth = may_charge(thread) ? take_growth(&gs_waits[thread->gil], now) : 0;
	uint64_t part = 0;

	if (site != GS_NONE && elapsed)
		part = (uint64_t) ((double) growth * (double) idle / (double) elapsed);
	if (part > growth)
		part = growth;
	gs_waits_charge_site(thread->gil, site, part);
	charge_computing(thread, growth - part);
}

/* ---- stretches of computing ---- */

static uint64_t held_until(const struct gs_thread_entry *entry, uint64_t now)
{
	uint64_t begin = atomic_load_explicit(&entry->begin_ns, memory_order_relaxed);
	uint64_t held = atomic_load_explicit(&entry->held_ns, memory_order_relaxed);

	return begin && now > begin ? held + (now - begin) : held;
}

GS_HOT static void open_stretch(struct gs_waits *waits, uint64_t now)
{
	waits->stretch_ns = now;
	waits->stretch_held = has_block(waits->holder) ? held_until(waits->holder, now) : 0;
	atomic_store_explicit(&waits->stretch_stalls, 0, memory_order_relaxed);
}

/* How long the holder has been computing while others waited; 0 where that is too short to matter.
 */
GS_HOT static uint64_t computing(const struct gs_waits *waits, uint64_t now)
{
	uint64_t elapsed = now - waits->stretch_ns, held;

	if (!waits->stretch_ns || elapsed < gs_life.options.stall || !has_block(waits->holder))
		return 0;
	held = held_until(waits->holder, now) - waits->stretch_held;
	return elapsed > held ? elapsed - held : 0;
}

/* Is the holder in a call that was seen at its entry only, for all that its CPU time says? */
static bool may_wait(const struct gs_waits *waits)
{
	uint64_t entered = atomic_load_explicit(&waits->entry_cpu, memory_order_relaxed);
	uint32_t tid = atomic_load_explicit(&waits->holder->tid, memory_order_relaxed);

	return entered && gs_cpu_of(tid) + 1 < entered + gs_life.options.stall;
}

/* A waiter looks where the holder is, once that takes too long. */
static void look(uint32_t gil, uint64_t now)
{
	struct gs_waits *waits = &gs_waits[gil];
	uint32_t site = atomic_load_explicit(&waits->stall_site, memory_order_relaxed);

	if (site != GS_NONE || computing(waits, now) < gs_life.options.stall || may_wait(waits) ||
		atomic_load_explicit(&waits->holder->begin_ns, memory_order_relaxed))
		return;
	site = gs_place_stall(gs_gil_holder(gil), waits->holder, false, &waits->stall_stand);
	atomic_store_explicit(&waits->stall_site, site, memory_order_release);
	if (site != GS_NONE)
		gs_sample_ask(waits->holder, site);
}

GS_HOT static void forget_stretch(struct gs_waits *waits)
{
	waits->stretch_ns = 0;
	atomic_store_explicit(&waits->stall_site, GS_NONE, memory_order_relaxed);
}

GS_HOT static void close_stretch(struct gs_thread *thread, struct gs_waits *waits, uint64_t now)
{
	uint64_t elapsed = computing(waits, now);
	uint32_t index = atomic_load_explicit(&waits->stall_site, memory_order_relaxed);
	struct gs_site *site;

	if (elapsed >= gs_life.options.stall && waits->holder == thread->entry) {
		if (index == GS_NONE)
			index = gs_place_stall(gs_gil_holder(thread->gil), thread->entry, true,
				&waits->stall_stand);
		if (index != GS_NONE) {
			site = &gs_store.sites[index];
			gs_gil_add(&site->calls, 1);
			gs_gil_add(&site->stalled_ns,
				atomic_load_explicit(&waits->stretch_stalls, memory_order_relaxed));
			gs_site_add(index, elapsed, GS_QUICK);
			note_victims(thread->gil, site);
			gs_log_stall(index, now - elapsed, elapsed);
		}
	}
	forget_stretch(waits);
}

/* The next thing that a thread says of itself after it was seen to compute tells its native stack,
 * if it still executes the same instruction of Python. */
GS_HOT static void meet(struct gs_thread *thread, struct gs_waits *waits, void *caller)
{
	uint32_t site = atomic_load_explicit(&waits->stall_site, memory_order_acquire);

	if (site != GS_NONE && waits->holder == thread->entry &&
		gs_pyfar_stands((uintptr_t) gs_gil_holder(thread->gil), &waits->stall_stand))
		gs_site_capture_chain(site, caller);
}

void gs_waits_call_slowly(struct gs_thread *thread, uint64_t now, void *caller)
{
	gs_waits_charge_slowly(thread, now);
	if (gs_gil.exact == GS_ORACLE_STATE)
		gs_world_call(thread, now, caller);
	if (thread->holds && thread->epoch == gs_epoch())
		meet(thread, &gs_waits[thread->gil], caller);
}

/* ---- what a wait leaves behind ---- */

GS_HOT static void add_delay(const struct gs_thread *thread, uint64_t waited)
{
	unsigned call = thread->released - 1u;
	struct gs_delay *delay = &gs_store.delays[call];

	gs_gil_add(&delay->calls, 1);
	if (waited > thread->call_ns)
		gs_gil_add(&delay->delayed, 1);
	gs_gil_add(&delay->call_ns, thread->call_ns);
	gs_gil_add(&delay->wait_ns, waited);
	gs_store_raise64(&delay->call_worst_ns, thread->call_ns);
	gs_store_raise64(&delay->wait_worst_ns, waited);
	count(delay->call_histogram, thread->call_ns);
	count(delay->wait_histogram, waited);
	gs_store_raise(&gs_store.header->delays, call + 1);
}

GS_HOT static void clear_wait(struct gs_thread *thread)
{
	thread->wait_ns = 0;
	if (has_block(thread->entry) && thread->epoch == gs_epoch())
		atomic_store_explicit(&thread->entry->waiting_ns, 0, memory_order_relaxed);
}

GS_HOT void gs_waits_count(uint32_t gil, struct gs_thread_entry *entry, uint64_t waited)
{
	struct gs_gil_entry *sums = &gs_store.gils[gil];
	struct gs_waiter *waiter = gs_place_waiter(entry);

	gs_gil_add(&sums->waits, 1);
	gs_gil_add(&sums->waited_ns, waited);
	gs_store_raise64(&sums->worst_ns, waited);
	count(sums->histogram, waited);
	gs_gil_add(&waiter->waits, 1);
	gs_gil_add(&waiter->waited_ns, waited);
	gs_store_raise64(&waiter->worst_ns, waited);
	count(waiter->histogram, waited);
}

GS_HOT static void end_wait(struct gs_thread *thread, uint64_t now)
{
	uint64_t waited = now - thread->wait_ns;

	change(&gs_waits[thread->wait_gil], now, -1);
	gs_waits_count(thread->wait_gil, thread->entry, waited);
	if (thread->released)
		add_delay(thread, waited);
	gs_log_wait(thread->wait_gil, thread->wait_ns, waited);
	clear_wait(thread);
}

/* ---- the events ---- */

GS_HOT static void begin_wait(struct gs_thread *thread, uint32_t gil, uint64_t now)
{
	struct gs_waits *waits = &gs_waits[gil];

	thread->wait_ns = now;
	thread->wait_gil = gil;
	thread->call_ns = now - thread->release_ns;
	if (!thread->release_ns)
		thread->released = 0;
	if (has_block(thread->entry)) {
		atomic_store_explicit(&thread->entry->gil, gil, memory_order_relaxed);
		atomic_store_explicit(&thread->entry->waiting_ns, now, memory_order_relaxed);
	}
	gs_place_waiter(thread->entry); /* so that it can be told as stalled */
	change(waits, now, 1);
	if (!waits->stretch_ns)
		open_stretch(waits, now);
	atomic_store_explicit(&waits->active, 1, memory_order_relaxed);
}

GS_HOT void gs_waits_begin(void *cond, void *caller)
{
	struct gs_thread *thread = &gs_thread;
	uint64_t now;
	bool usual;
	int gil;

	if (!gs_gil_in_image(caller) || !gs_epoch() || thread->busy)
		return;
	gil = gs_gil_of_waiter(cond);
	if (gil < 0)
		return;
	usual = gs_enter_waits(thread);
	now = gs_now();
	if (!thread->wait_ns) {
		begin_wait(thread, (uint32_t) gil, now);
	} else {
		/* Threads that wait come by here every few milliseconds: when a process is killed
		 * in a held call that never returned, this tells how long it had been in there. */
		__atomic_store_n(&gs_store.header->last_ns, now, __ATOMIC_RELAXED);
		if (now - thread->wait_ns >= GS_NAMED_AFTER_NS)
			gs_place_name_self(thread->entry);
		look((uint32_t) gil, now);
	}
	gs_leave_waits(thread, usual);
}

GS_HOT void gs_waits_taken(struct gs_thread *thread)
{
	struct gs_waits *waits = &gs_waits[thread->gil];
	uint64_t now;
	bool usual;

	if (!gs_epoch() || thread->busy)
		return;
	now = gs_now();
	gs_settle(thread);
	usual = gs_enter_waits(thread);
	thread->was_late = thread->wait_ns != 0;
	if (thread->was_late)
		end_wait(thread, now);
	gs_gil_add(&gs_store.gils[thread->gil].free_ns, grown_to(waits, integral_at(waits, now)));
	waits->holder = thread->entry;
	forget_stretch(waits);
	if (waiting_now(waits))
		open_stretch(waits, now);
	else if (!gs_gil.attached)
		atomic_store_explicit(&waits->active, 0, memory_order_relaxed);
	thread->release_ns = 0;
	thread->released = 0;
	/* Who had to wait may have to wait again: what he does in between is timed. */
	thread->loose = thread->was_late;
	gs_leave_waits(thread, usual);
}

GS_HOT void gs_waits_dropped(struct gs_thread *thread, void *caller)
{
	struct gs_waits *waits = &gs_waits[thread->gil];
	bool pending = thread->is_pending, usual;
	uint64_t now;

	if (!gs_epoch() || thread->busy)
		return;
	now = gs_now();
	if (!pending)
		charge_in_mutex(thread, waits, now);
	gs_settle(thread);
	usual = gs_enter_waits(thread);
	if (pending)
		charge_in_mutex(thread, waits, now);
	meet(thread, waits, caller);
	close_stretch(thread, waits, now);
	waits->holder = NULL;
	thread->release_ns = waiting_now(waits) || thread->was_late ? now : 0;
	thread->loose = thread->release_ns != 0;
	gs_leave_waits(thread, usual);
}

void gs_waits_abandon(struct gs_thread *thread)
{
	if (!thread->wait_ns)
		return;
	if (thread->epoch == gs_epoch())
		atomic_fetch_add_explicit(
			&gs_waits[thread->wait_gil].gone, 1, memory_order_relaxed);
	clear_wait(thread);
}
