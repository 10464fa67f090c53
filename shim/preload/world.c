#include "world.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "calls.h"
#include "gil.h"
#include "log.h"
#include "place.h"
#include "store.h"
#include "waits.h"
#include "watch.h"

/* Held calls that a wait is divided among; the part of more than these is charged to nobody. */
#define HOLDERS 16

/* Who asks for a stop waits in turns of this length, and looks in between; a turn that begins
 * sooner than that after one that was not cut short belongs to the same stop. */
#define TURN_NS 1000000
#define BETWEEN_TURNS_NS 500000

/* What the thread of a block waits; by the block's index. */
struct wait {
	_Atomic uint64_t settled_ns; /* what came before is charged; 0: it does not wait */
	_Atomic uint64_t begin_ns;
	/* its thread's alone */
	bool asks;           /* for a stop; else it was stopped */
	uint32_t gil;        /* what the block said before */
	uint64_t earlier_ns; /* the turns before, of the same stop */
	uint64_t turned_ns;  /* when the last turn was over, but the stop had not come about; 0 */
};

struct holder {
	uint32_t site;
	uint64_t begin_ns;
	uint64_t share_ns;
};

static struct wait waits[GS_MAX_THREADS];
static _Atomic uint32_t waiting; /* threads */
static _Atomic uint32_t asking;  /* of these: for a stop */

void gs_world_reset(void)
{
	atomic_store_explicit(&waiting, 0, memory_order_relaxed);
	atomic_store_explicit(&asking, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < GS_MAX_THREADS; i++)
		atomic_store_explicit(&waits[i].settled_ns, 0, memory_order_relaxed);
}

/* NULL: the thread shares a block, and its waits are not told. */
static struct wait *own(const struct gs_thread *thread)
{
	if (!thread->entry || thread->epoch != gs_epoch() ||
		thread->entry == &gs_store.threads[GS_MAX_THREADS])
		return NULL;
	return &waits[thread->entry - gs_store.threads];
}

/* ---- who is in the way ---- */

static bool asks_for_stop(uint32_t call, const void *caller)
{
	return call == GS_CALL_SEM_CLOCKWAIT && gs_gil_in_image(caller);
}

static bool is_holder(const struct gs_thread_entry *entry, uint64_t now, struct holder *holder)
{
	uint32_t call = atomic_load_explicit(&entry->call, memory_order_relaxed);

	holder->begin_ns = atomic_load_explicit(&entry->begin_ns, memory_order_acquire);
	holder->site = atomic_load_explicit(&entry->site, memory_order_acquire);
	holder->share_ns = 0;
	/* A call that ends at this moment has taken its share, one that begins is owed none; the
	 * site read meanwhile may be another's. */
	if (holder->begin_ns != atomic_load_explicit(&entry->begin_ns, memory_order_relaxed))
		return false;
	return holder->begin_ns && holder->begin_ns < now && holder->site < GS_MAX_SITES &&
	       !atomic_load_explicit(&entry->waiting_ns, memory_order_relaxed) &&
	       !asks_for_stop(call, (void *) (uintptr_t) gs_store.sites[holder->site].caller);
}

static uint32_t blocks(void)
{
	uint32_t used = atomic_load_explicit(&gs_store.header->threads, memory_order_relaxed);

	return used < GS_MAX_THREADS ? used : GS_MAX_THREADS;
}

/* The number of held calls in progress; HOLDERS of them are told. */
static uint32_t find_holders(struct holder *holders, uint64_t now)
{
	uint32_t found = 0, used = blocks();
	struct holder holder;

	for (uint32_t i = 0; i < used; i++) {
		if (!is_holder(&gs_store.threads[i], now, &holder))
			continue;
		if (found < HOLDERS)
			holders[found] = holder;
		found++;
	}
	return found;
}

/* A call that began before the wait has kept the stop from coming about ever since. One that began
 * later may have begun after the stop, while the waiter was still to be woken: unless somebody asks
 * for one. */
static bool is_in_the_way(const struct holder *holder, const struct wait *wait, bool asked)
{
	return asked ||
	       holder->begin_ns <= atomic_load_explicit(&wait->begin_ns, memory_order_relaxed);
}

static void divide(struct holder *holders, uint32_t found, const struct wait *wait, uint64_t ns)
{
	uint32_t told = found < HOLDERS ? found : HOLDERS, among = found - told;
	bool asked = atomic_load_explicit(&asking, memory_order_relaxed) > 0;

	for (uint32_t i = 0; i < told; i++)
		among += is_in_the_way(&holders[i], wait, asked);
	for (uint32_t i = 0; among && i < told; i++) {
		if (is_in_the_way(&holders[i], wait, asked))
			holders[i].share_ns += ns / among;
	}
}

/* Divides what was waited until `now` and not settled yet. */
static void settle(uint64_t now)
{
	struct holder holders[HOLDERS];
	uint32_t found, used = blocks();

	if (!atomic_load_explicit(&waiting, memory_order_acquire) || !gs_gil_alone())
		return;
	/* Of a process that is killed in a call this tells how long it had been in there. */
	__atomic_store_n(&gs_store.header->last_ns, now, __ATOMIC_RELAXED);
	found = find_holders(holders, now);
	for (uint32_t i = 0; i < used; i++) {
		uint64_t from = atomic_load_explicit(&waits[i].settled_ns, memory_order_acquire);

		if (from && from < now &&
			atomic_compare_exchange_strong_explicit(&waits[i].settled_ns, &from, now,
				memory_order_acq_rel, memory_order_relaxed))
			divide(holders, found, &waits[i], now - from);
	}
	for (uint32_t i = 0; i < found && i < HOLDERS; i++)
		gs_waits_charge_site(GS_WORLD, holders[i].site, holders[i].share_ns);
}

/* ---- waits ---- */

static void begin(struct gs_thread *thread, struct wait *wait, uint64_t now)
{
	struct gs_thread_entry *entry = thread->entry;

	wait->gil = atomic_load_explicit(&entry->gil, memory_order_relaxed);
	gs_place_waiter(entry); /* so that it can be told as stalled */
	atomic_store_explicit(&entry->gil, GS_WORLD, memory_order_relaxed);
	atomic_store_explicit(&entry->waiting_ns, now, memory_order_relaxed);
	atomic_store_explicit(&wait->begin_ns, now, memory_order_relaxed);
	atomic_store_explicit(&wait->settled_ns, now, memory_order_release);
	atomic_fetch_add_explicit(&waiting, 1, memory_order_acq_rel);
	atomic_fetch_add_explicit(&asking, wait->asks, memory_order_relaxed);
}

static void take_off(_Atomic uint64_t *waits_counted, _Atomic uint64_t *waited_ns,
	_Atomic uint32_t *histogram, uint64_t waited)
{
	atomic_fetch_sub_explicit(waits_counted, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(waited_ns, waited, memory_order_relaxed);
	atomic_fetch_sub_explicit(&histogram[gs_hist_bucket(waited)], 1, memory_order_relaxed);
}

/* A turn is one wait with those before it, which were counted as one. */
static void count(struct gs_thread_entry *entry, uint64_t earlier, uint64_t waited)
{
	struct gs_gil_entry *sums = &gs_store.gils[GS_WORLD];
	struct gs_waiter *waiter = gs_place_waiter(entry);

	gs_waits_count(GS_WORLD, entry, earlier + waited);
	if (!earlier)
		return;
	take_off(&sums->waits, &sums->waited_ns, sums->histogram, earlier);
	take_off(&waiter->waits, &waiter->waited_ns, waiter->histogram, earlier);
}

/* What is not settled yet is the time until it was woken: no call's doing. */
static void end(struct gs_thread *thread, struct wait *wait)
{
	struct gs_thread_entry *entry = thread->entry;
	uint64_t since = atomic_load_explicit(&wait->begin_ns, memory_order_relaxed), now, whole;

	/* The clock is read when nobody settles it any more: no more is charged than was waited. */
	if (!atomic_exchange_explicit(&wait->settled_ns, 0, memory_order_acq_rel))
		return;
	now = gs_now();
	atomic_fetch_sub_explicit(&waiting, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&asking, wait->asks, memory_order_relaxed);
	atomic_store_explicit(&entry->waiting_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->gil, wait->gil, memory_order_relaxed);
	count(entry, wait->earlier_ns, now - since);
	gs_log_wait(GS_WORLD, since, now - since);
	whole = wait->earlier_ns + (now - since);
	if (whole >= GS_NAMED_AFTER_NS)
		gs_place_name_self(entry);
	wait->earlier_ns = wait->asks ? whole : 0;
	wait->turned_ns = wait->asks && now - since >= TURN_NS ? now : 0;
}

void gs_world_park(void)
{
	struct gs_thread *thread = &gs_thread;
	struct wait *wait;

	if (!gs_epoch() || thread->busy)
		return;
	gs_enter(thread);
	gs_thread_here(thread);
	wait = own(thread);
	if (wait) {
		end(thread, wait); /* one that nobody ended */
		wait->asks = false;
		wait->earlier_ns = wait->turned_ns = 0;
		begin(thread, wait, gs_now());
	}
	gs_leave(thread);
}

static bool is_waiting(const struct wait *wait)
{
	return wait && atomic_load_explicit(&wait->settled_ns, memory_order_relaxed);
}

void gs_world_unpark(void)
{
	struct gs_thread *thread = &gs_thread;
	struct wait *wait = own(thread);

	if (!is_waiting(wait) || wait->asks || thread->busy)
		return;
	gs_enter(thread);
	end(thread, wait);
	gs_leave(thread);
}

/* Its turns follow one another closely: they are one wait, and so is what lies between. */
static void take_turn(struct gs_thread *thread, struct wait *wait, uint64_t now)
{
	bool again = wait->turned_ns && now - wait->turned_ns < BETWEEN_TURNS_NS;

	wait->asks = true;
	if (!again)
		wait->earlier_ns = 0;
	begin(thread, wait, again ? wait->turned_ns : now);
}

void gs_world_call(struct gs_thread *thread, uint64_t now, void *caller)
{
	uint32_t call = atomic_load_explicit(&thread->entry->call, memory_order_relaxed);
	struct wait *wait = own(thread);

	settle(now);
	if (wait && !is_waiting(wait) && asks_for_stop(call, caller) && gs_gil_attached())
		take_turn(thread, wait, now);
}

void gs_world_charge(struct gs_thread *thread, uint64_t now)
{
	struct wait *wait = own(thread);

	settle(now);
	if (is_waiting(wait) && wait->asks)
		end(thread, wait);
}
