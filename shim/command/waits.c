/* waits.c: who waited for which GIL, and what released calls cost until the GIL was back. */
#include <stdlib.h>
#include <string.h>

#include "adding.h"
#include "err.h"

#define WORD_LIMIT 256

/* ---- what has ended ---- */

static struct gs_view_gil *new_gil(struct gs_adding *adding, uint32_t index)
{
	struct gs_view *view = adding->view;
	struct gs_view_gil *to;

	view->gils =
		gs_grow(view->gils, &view->gil_capacity, view->gil_count + 1, sizeof(*view->gils));
	to = &view->gils[view->gil_count++];
	memset(to, 0, sizeof(*to));
	to->pid = adding->process->pid;
	to->index = index;
	return to;
}

static void add_gils(struct gs_adding *adding)
{
	const struct gs_snapshot *snapshot = adding->snapshot;

	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_GILS); i++) {
		const struct gs_gil_entry *from = gs_snapshot_entry(snapshot, GS_SECTION_GILS, i);
		struct gs_view_gil *to;

		if (from->waits == 0)
			continue;
		to = new_gil(adding, i);
		to->waits = (struct gs_waits){
			.waits = from->waits,
			.waited_ns = from->waited_ns,
			.worst_ns = from->worst_ns,
			.held_ns = from->held_ns,
			.computed_ns = from->computed_ns,
			.free_ns = from->free_ns,
		};
		for (unsigned b = 0; b < GS_HIST_BUCKETS; b++)
			to->histogram[b] = from->histogram[b];
	}
}

static struct gs_view_waiter *new_waiter(struct gs_adding *adding, uint32_t tid)
{
	struct gs_view *view = adding->view;
	struct gs_view_waiter *to;

	view->waiters = gs_grow(view->waiters, &view->waiter_capacity, view->waiter_count + 1,
		sizeof(*view->waiters));
	to = &view->waiters[view->waiter_count++];
	memset(to, 0, sizeof(*to));
	to->pid = adding->process->pid;
	to->tid = tid;
	return to;
}

static void add_waiters(struct gs_adding *adding)
{
	const struct gs_snapshot *snapshot = adding->snapshot;

	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_WAITERS); i++) {
		const struct gs_waiter *from = gs_snapshot_entry(snapshot, GS_SECTION_WAITERS, i);
		struct gs_view_waiter *to;

		if (from->tid == 0 || (from->waits == 0 && from->computed_ns == 0))
			continue;
		to = new_waiter(adding, from->tid);
		to->name = gs_adding_text(adding, from->name, WORD_LIMIT);
		to->waits = from->waits;
		to->waited_ns = from->waited_ns;
		to->worst_ns = from->worst_ns;
		to->computed_ns = from->computed_ns;
		for (unsigned b = 0; b < GS_HIST_BUCKETS; b++)
			to->histogram[b] = from->histogram[b];
	}
}

static struct gs_view_delay *find_delay(struct gs_adding *adding, uint32_t call)
{
	const struct gs_function *function =
		gs_snapshot_entry(adding->snapshot, GS_SECTION_FUNCTIONS, call);
	struct gs_view *view = adding->view;
	struct gs_view_delay new;
	uint32_t index;

	memset(&new, 0, sizeof(new));
	new.call = gs_adding_text(adding, function->name, WORD_LIMIT);
	new.group = gs_adding_text(adding, function->group, WORD_LIMIT);
	index = gs_map_find(&view->delay_map, view->delays, sizeof(new), &new.call,
		sizeof(new.call), (uint32_t) view->delay_count);
	if (index == view->delay_count) {
		view->delays = gs_grow(
			view->delays, &view->delay_capacity, view->delay_count + 1, sizeof(new));
		view->delays[view->delay_count++] = new;
	}
	return &view->delays[index];
}

static void add_delays(struct gs_adding *adding)
{
	const struct gs_snapshot *snapshot = adding->snapshot;
	uint32_t functions = gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS);

	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_DELAYS); i++) {
		const struct gs_delay *from = gs_snapshot_entry(snapshot, GS_SECTION_DELAYS, i);
		struct gs_view_delay *to;

		if (from->calls == 0 || i >= functions)
			continue;
		to = find_delay(adding, i);
		gs_sum(&to->calls, from->calls);
		gs_sum(&to->delayed, from->delayed);
		gs_sum(&to->call_ns, from->call_ns);
		gs_raise(&to->call_worst_ns, from->call_worst_ns);
		gs_sum(&to->wait_ns, from->wait_ns);
		gs_raise(&to->wait_worst_ns, from->wait_worst_ns);
		for (unsigned b = 0; b < GS_HIST_BUCKETS; b++) {
			gs_sum(&to->call_histogram[b], from->call_histogram[b]);
			gs_sum(&to->wait_histogram[b], from->wait_histogram[b]);
		}
		gs_view_note_pid(&to->pids, adding->process->pid);
	}
}

/* ---- what has not: waits in progress ---- */

static const struct gs_thread_entry *thread_at(const struct gs_adding *adding, uint32_t index)
{
	return gs_snapshot_entry(adding->snapshot, GS_SECTION_THREADS, index);
}

/* Is the thread's note of a wait whole? A process that ended by itself closed its books: its
 * threads wait for nothing any more. */
static bool is_waiting(const struct gs_adding *adding, const struct gs_thread_entry *thread)
{
	const struct gs_record_header *header = adding->snapshot->header;

	return (header->ended == GS_ENDED_ALIVE || header->ended == GS_ENDED_SIGNAL) &&
	       thread->tid != 0 && thread->waiting_ns != 0 &&
	       thread->waiting_ns >= header->start_ns;
}

/* The GIL's numbers in the view; NULL if the record has no such GIL. */
static struct gs_view_gil *gil_of(struct gs_adding *adding, uint32_t index)
{
	struct gs_view *view = adding->view;

	if (index >= gs_snapshot_count(adding->snapshot, GS_SECTION_GILS))
		return NULL;
	for (size_t i = adding->first_gil; i < view->gil_count; i++) {
		if (view->gils[i].index == index)
			return &view->gils[i];
	}
	return new_gil(adding, index);
}

/* As a waiter, where it is one already, else as the system calls it. */
static const char *name_of(const struct gs_adding *adding, const struct gs_thread_entry *thread)
{
	char name[sizeof(thread->name) + 1] = "";

	if (thread->waiter < gs_snapshot_count(adding->snapshot, GS_SECTION_WAITERS)) {
		const struct gs_waiter *waiter =
			gs_snapshot_entry(adding->snapshot, GS_SECTION_WAITERS, thread->waiter);

		if (waiter->tid == thread->tid)
			return gs_adding_text(adding, waiter->name, WORD_LIMIT);
	}
	memcpy(name, thread->name, sizeof(thread->name));
	return *name ? gs_pool_text(&adding->view->pool, name, sizeof(name)) : NULL;
}

static struct gs_view_waiter *waiter_of(
	struct gs_adding *adding, const struct gs_thread_entry *thread)
{
	struct gs_view *view = adding->view;
	struct gs_view_waiter *new;

	for (size_t i = adding->first_waiter; i < view->waiter_count; i++) {
		if (view->waiters[i].tid == thread->tid)
			return &view->waiters[i];
	}
	new = new_waiter(adding, thread->tid);
	new->name = name_of(adding, thread);
	return new;
}

/* The thread that is in a held call of that GIL: who began last, as one that called back into
 * Python may have lost it. NULL: none that has a site. */
static const struct gs_thread_entry *holder_of(const struct gs_adding *adding, uint32_t gil)
{
	uint32_t sites = gs_snapshot_count(adding->snapshot, GS_SECTION_SITES);
	const struct gs_thread_entry *holder = NULL;

	for (uint32_t i = 0; i < gs_snapshot_count(adding->snapshot, GS_SECTION_THREADS); i++) {
		const struct gs_thread_entry *thread = thread_at(adding, i);

		if (thread->gil != gil || is_waiting(adding, thread) || thread->site >= sites ||
			!gs_view_is_in_progress(adding->snapshot, thread))
			continue;
		if (!holder || holder->begin_ns < thread->begin_ns)
			holder = thread;
	}
	return holder;
}

/* Charges the time since both began to the call that is in progress. */
static void charge(struct gs_adding *adding, const struct gs_thread_entry *waiting,
	struct gs_view_gil *gil, const char *victim)
{
	const struct gs_thread_entry *holder = holder_of(adding, waiting->gil);
	uint64_t until_ns = adding->process->until_ns, both_ns;
	struct gs_view_site *site;

	if (!holder)
		return;
	both_ns = holder->begin_ns > waiting->waiting_ns ? holder->begin_ns : waiting->waiting_ns;
	if (until_ns <= both_ns)
		return;
	site = &adding->view->sites[adding->sites[holder->site]];
	gs_sum(&site->stalled_ns, until_ns - both_ns);
	gs_sum(&gil->waits.held_ns, until_ns - both_ns);
	gs_view_add_victim(site, victim);
}

static void add_wait_in_progress(struct gs_adding *adding, const struct gs_thread_entry *thread)
{
	struct gs_view_waiter *waiter = waiter_of(adding, thread);
	struct gs_view_gil *gil = gil_of(adding, thread->gil);
	uint64_t until_ns = adding->process->until_ns;

	waiter->waiting_since_ns = thread->waiting_ns;
	waiter->waiting_known = until_ns > thread->waiting_ns;
	if (!waiter->waiting_known)
		return;
	waiter->waiting_ns = until_ns - thread->waiting_ns;
	gs_sum(&waiter->waits, 1);
	gs_sum(&waiter->waited_ns, waiter->waiting_ns);
	gs_raise(&waiter->worst_ns, waiter->waiting_ns);
	gs_sum(&waiter->histogram[gs_hist_bucket(waiter->waiting_ns)], 1);
	if (!gil)
		return;
	gs_sum(&gil->waits.waits, 1);
	gs_sum(&gil->waits.waited_ns, waiter->waiting_ns);
	gs_raise(&gil->waits.worst_ns, waiter->waiting_ns);
	gs_sum(&gil->histogram[gs_hist_bucket(waiter->waiting_ns)], 1);
	charge(adding, thread, gil, waiter->name);
}

/* Notes how many wait at once for a call that is in progress. */
static void count_stalled(struct gs_adding *adding, uint32_t gil)
{
	const struct gs_thread_entry *holder = holder_of(adding, gil);
	uint64_t waiting = 0;

	if (!holder)
		return;
	for (uint32_t i = 0; i < gs_snapshot_count(adding->snapshot, GS_SECTION_THREADS); i++) {
		const struct gs_thread_entry *thread = thread_at(adding, i);

		waiting += thread->gil == gil && is_waiting(adding, thread);
	}
	gs_raise(&adding->view->sites[adding->sites[holder->site]].stalled_threads, waiting);
}

static void add_waits_in_progress(struct gs_adding *adding)
{
	const struct gs_snapshot *snapshot = adding->snapshot;

	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_THREADS); i++) {
		if (is_waiting(adding, thread_at(adding, i)))
			add_wait_in_progress(adding, thread_at(adding, i));
	}
	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_GILS); i++)
		count_stalled(adding, i);
}

void gs_waits_add(struct gs_adding *adding)
{
	adding->first_gil = adding->view->gil_count;
	adding->first_waiter = adding->view->waiter_count;
	add_gils(adding);
	add_waiters(adding);
	add_delays(adding);
	add_waits_in_progress(adding);
}
