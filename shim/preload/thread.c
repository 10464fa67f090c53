#include "thread.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "calls.h"
#include "probe.h"
#include "store.h"
#include "sys.h"
#include "usage.h"
#include "waits.h"

GS_HIDDEN GS_TLS struct gs_thread gs_thread;

static pthread_key_t key;
static bool have_key;

/* Where the search for a free block begins: the block that was handed back last is still in the
 * processor's cache, and few blocks in use are soon looked through. Any value will do. */
static _Atomic uint32_t free_from;

/* The last block is shared by all threads that find no other. It shows a call in progress, but
 * counts nothing: what these threads call is added to the totals at once. */
static bool is_overflow(const struct gs_thread_entry *entry)
{
	return entry == &gs_store.threads[GS_MAX_THREADS];
}

/* Moves one count to the totals. Whenever the process dies, the record has it once: see record.h.
 * Of two threads that end at the same moment one goes without. */
static void move(uint64_t *cell, _Atomic uint64_t *retired)
{
	struct gs_record_header *header = gs_store.header;
	uint64_t count = *cell;

	atomic_store_explicit(&header->moving_to,
		atomic_load_explicit(retired, memory_order_relaxed) + count, memory_order_relaxed);
	atomic_store_explicit(
		&header->moving, (uint64_t) (cell - gs_store.counts) + 1, memory_order_release);
	atomic_fetch_add_explicit(retired, count, memory_order_acq_rel);
	__atomic_store_n(cell, 0, __ATOMIC_RELEASE);
	atomic_store_explicit(&header->moving, 0, memory_order_release);
}

/* Two counts in a register: most of an ended thread's are 0, and eight at a time are seen to be. */
typedef uint64_t two __attribute__((vector_size(16), may_alias));

/* Moves what an ended thread counted to the totals, so that its block can serve another. */
GS_HOT static void fold(const struct gs_thread *thread)
{
	unsigned had = thread->had_gil;

	_Static_assert(GS_MAX_CALLS % 8 == 0, "eight at a time");
	for (unsigned call = 0; call < GS_CALLS; call += 8) {
		uint64_t *few = thread->counts + call;
		const two *pairs = (const two *) (void *) few;
		two any = pairs[0] | pairs[1] | pairs[2] | pairs[3];

		if (!(any[0] | any[1]))
			continue;
		for (unsigned i = 0; i < 8; i++) {
			if (few[i])
				move(&few[i], &gs_store.functions[call + i].retired[had]);
		}
	}
}

/* Runs when a thread ends. What it still calls afterwards is added to the totals. */
GS_HOT static void hand_back(void *value)
{
	struct gs_thread *thread = value;
	struct gs_thread_entry *entry = thread->entry;

	gs_waits_abandon(thread);
	thread->ended = true;
	thread->plain = thread->follows = false;
	thread->composite = NULL;
	thread->is_pending = false;
	if (!entry || thread->epoch != gs_epoch() || is_overflow(entry))
		return;
	gs_thread_busy(thread, NULL);
	fold(thread);
	atomic_store_explicit(&entry->begin_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->had_gil, 0, memory_order_relaxed);
	entry->name[0] = '\0';
	thread->entry = NULL;
	thread->counts = NULL;
	atomic_store_explicit(&entry->tid, 0, memory_order_release);
	atomic_store_explicit(
		&free_from, (uint32_t) (entry - gs_store.threads), memory_order_relaxed);
	thread->busy = false;
}

void gs_thread_setup(void)
{
	have_key = pthread_key_create(&key, hand_back) == 0;
}

GS_HOT static void take(struct gs_thread *thread, unsigned index)
{
	struct gs_thread_entry *entry = &gs_store.threads[index];

	thread->entry = entry;
	thread->counts = gs_store.counts + (size_t) index * GS_MAX_CALLS;
	thread->epoch = gs_epoch();
	atomic_store_explicit(&entry->gil, GS_NONE, memory_order_relaxed);
	atomic_store_explicit(&entry->waiter, GS_NONE, memory_order_relaxed);
	atomic_store_explicit(&entry->waiting_ns, 0, memory_order_relaxed);
	if (thread->had_gil)
		atomic_store_explicit(&entry->had_gil, 1, memory_order_relaxed);
}

void gs_thread_name(struct gs_thread_entry *entry)
{
	if (!is_overflow(entry) && !entry->name[0])
		gs_sys5(SYS_prctl, PR_GET_NAME, (long) entry->name, 0, 0, 0);
}

GS_HOT void gs_thread_claim(struct gs_thread *thread)
{
	uint32_t start = atomic_load_explicit(&free_from, memory_order_relaxed);

	thread->home = __builtin_frame_address(0);
	if (!thread->tid)
		thread->tid = gs_tid_now();
	for (uint32_t i = 0; have_key && !thread->ended && i < GS_MAX_THREADS; i++) {
		uint32_t index = (start + i) % GS_MAX_THREADS, nobody = 0;
		struct gs_thread_entry *entry = &gs_store.threads[index];

		if (atomic_load_explicit(&entry->tid, memory_order_relaxed) ||
			!atomic_compare_exchange_strong_explicit(&entry->tid, &nobody, thread->tid,
				memory_order_acquire, memory_order_relaxed))
			continue;
		atomic_store_explicit(&free_from, index + 1, memory_order_relaxed);
		take(thread, index);
		pthread_setspecific(key, thread);
		gs_store_raise(&gs_store.header->threads, index + 1);
		return;
	}
	if (!thread->ended)
		atomic_fetch_add_explicit(&gs_store.header->lost.threads, 1, memory_order_relaxed);
	take(thread, GS_MAX_THREADS);
	gs_store_raise(&gs_store.header->threads, GS_MAX_THREADS + 1);
}
