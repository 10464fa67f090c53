#include "place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "gil.h"
#include "life.h"
#include "pyfar.h"
#include "site.h"
#include "store.h"
#include "sys.h"

#define SHARED (GS_MAX_WAITERS - 1)
#define NAME_SIZE 16 /* of a thread, with its NUL (prctl(2)) */

/* ---- waiters ---- */

static inline bool has_block(const struct gs_thread_entry *entry)
{
	return entry && entry != &gs_store.threads[GS_MAX_THREADS];
}

static uint32_t claim_waiter(uint32_t tid)
{
	_Atomic uint32_t *used = &gs_store.header->waiters;
	uint32_t index = atomic_load_explicit(used, memory_order_relaxed);
	struct gs_waiter *waiter;

	while (index < SHARED && !atomic_compare_exchange_weak_explicit(used, &index, index + 1,
					 memory_order_relaxed, memory_order_relaxed))
		;
	if (index >= SHARED) {
		index = SHARED;
		gs_store_raise(used, SHARED + 1);
	}
	waiter = &gs_store.waiters[index];
	atomic_store_explicit(&waiter->name, GS_NONE, memory_order_relaxed);
	atomic_store_explicit(&waiter->tid, index == SHARED ? GS_NONE : tid, memory_order_release);
	return index;
}

GS_HOT static uint32_t waiter_of(struct gs_thread_entry *entry)
{
	uint32_t index, none = GS_NONE;

	if (!has_block(entry))
		return SHARED;
	index = atomic_load_explicit(&entry->waiter, memory_order_relaxed);
	if (index != GS_NONE)
		return index;
	/* Its own thread and one that looks at it may come at once: one entry stays unused. */
	index = claim_waiter(atomic_load_explicit(&entry->tid, memory_order_relaxed));
	if (!atomic_compare_exchange_strong_explicit(
		    &entry->waiter, &none, index, memory_order_relaxed, memory_order_relaxed))
		return none;
	return index;
}

GS_HOT struct gs_waiter *gs_place_new_waiter(struct gs_thread_entry *entry)
{
	uint32_t index = waiter_of(entry);

	if (index == SHARED &&
		!atomic_load_explicit(&gs_store.waiters[SHARED].tid, memory_order_relaxed))
		claim_waiter(0);
	return &gs_store.waiters[index];
}

void gs_place_victim(struct gs_site *site, uint32_t waiter)
{
	for (unsigned i = 0; waiter != GS_NONE && i < GS_VICTIMS; i++) {
		uint32_t seen = 0;

		if (atomic_compare_exchange_strong_explicit(&site->victims[i], &seen, waiter + 1,
			    memory_order_relaxed, memory_order_relaxed) ||
			seen == waiter + 1)
			return;
	}
}

/* ---- names ---- */

static uint32_t system_name(uint32_t tid, char *name)
{
	static const char prefix[] = "/proc/self/task/", suffix[] = "/comm";
	char path[64], digits[12];
	size_t n = 0, at = sizeof(prefix) - 1;
	long got, fd;

	memcpy(path, prefix, at);
	do
		digits[n++] = (char) ('0' + tid % 10);
	while (tid /= 10);
	while (n)
		path[at++] = digits[--n];
	memcpy(path + at, suffix, sizeof(suffix));
	fd = gs_sys4(SYS_openat, AT_FDCWD, (long) path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	got = gs_sys3(SYS_read, fd, (long) name, NAME_SIZE);
	gs_sys1(SYS_close, fd);
	return got > 0 ? (uint32_t) (name[got - 1] == '\n' ? got - 1 : got) : 0;
}

/* What the system calls it, where that is not just the program's name. */
static uint32_t own_name(uint32_t tid)
{
	char name[NAME_SIZE], program[NAME_SIZE];
	uint32_t length = system_name(tid, name);
	uint32_t common = system_name(gs_life.pid, program);

	if (!length || (length == common && memcmp(name, program, length) == 0))
		return GS_NONE;
	return gs_store_string(name, length);
}

/* A thread is told by what the program calls it, or by the function that it was made to run. */
static void name_waiter(struct gs_thread_entry *entry, uintptr_t state)
{
	struct gs_waiter *waiter = gs_place_waiter(entry);
	uint32_t tid = atomic_load_explicit(&entry->tid, memory_order_relaxed), name;

	if (tid == gs_life.pid)
		name = gs_store_string("MainThread", 10);
	else
		name = own_name(tid);
	if (name == GS_NONE)
		name = gs_pyfar_outermost(state);
	atomic_store_explicit(&waiter->name, name, memory_order_relaxed);
}

void gs_place_name_self(struct gs_thread_entry *entry)
{
	const struct gs_waiter *waiter = gs_place_waiter(entry);

	if (!has_block(entry))
		return;
	gs_thread_name(entry);
	if (atomic_load_explicit(&waiter->name, memory_order_relaxed) == GS_NONE)
		name_waiter(entry, (uintptr_t) (gs_gil.this_thread ? gs_gil.this_thread() : NULL));
}

/* ---- where a thread computes ---- */

uint32_t gs_place_stall(
	void *state, struct gs_thread_entry *entry, bool is_self, struct gs_pyfar_stand *stand)
{
	static _Atomic bool is_taken;
	static struct gs_pyline lines[GS_MAX_STACK]; /* a waiter's stack may be small */
	uint32_t index = GS_NONE, depth = 0, limit = gs_store.header->stacks;
	enum gs_pyfar found;

	if (atomic_exchange_explicit(&is_taken, true, memory_order_acquire))
		return GS_NONE;
	*stand = (struct gs_pyfar_stand){0};
	found = gs_pyfar_stack((uintptr_t) state, lines, limit ? limit : 1, &depth, stand);
	/* A thread that is moving is asked again; at the end of its stretch it stands still. */
	if (found == GS_PYFAR_READ || is_self) {
		if (gs_place_waiter(entry)->name == GS_NONE)
			name_waiter(entry, (uintptr_t) state);
		index = gs_site_claim_compute(
			lines, found == GS_PYFAR_READ ? depth : 0, waiter_of(entry));
	}
	atomic_store_explicit(&is_taken, false, memory_order_release);
	return index;
}
