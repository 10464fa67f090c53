#include "gil.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "life.h"
#include "modules.h"
#include "probe.h"
#include "pyframe.h"
#include "chain.h"
#include "waits.h"
#include "world.h"

/* ceval_gil.h, 3.7 to 3.15: last_holder lies so far before the condition that drop_gil() signals.
 */
#define LAST_HOLDER_BEFORE 24

/* And in free-threaded builds, 3.13 to 3.15, `enabled`, an int: INT_MAX in a GIL that is on for
 * good. */
#define ENABLED_BEFORE 40

/* cpython/pystate.h: `state` of a thread state in free-threaded builds. */
static const struct {
	uint32_t minor;
	uint16_t offset;
} states[] = {{13, 40}, {14, 44}, {15, 48}};

enum { /* internal/pycore_pystate.h; 3.14 has one more, for threads that are not to attach again */
	STATE_DETACHED,
	STATE_ATTACHED,
	STATE_SUSPENDED,
};

GS_HIDDEN struct gs_gil gs_gil = {.round = 1};

bool gs_gil_finalizing(void)
{
	if (gs_gil.finalizing)
		return gs_gil.finalizing() != 0;
	return gs_gil.finalizing_36 && *gs_gil.finalizing_36;
}

bool gs_gil_starting(void)
{
	if (atomic_load_explicit(&gs_gil.was_initialized, memory_order_relaxed))
		return false;
	if (gs_gil.initialized && !gs_gil.initialized())
		return true;
	atomic_store_explicit(&gs_gil.was_initialized, true, memory_order_relaxed);
	return false;
}

/* Digits of "3.11.2 (main, ...)" to 0x030b0200. */
static uint32_t version_hex(const char *text)
{
	uint32_t hex = 0, part = 0;
	int shift = 24;

	for (; *text && shift >= 8; text++) {
		if (*text >= '0' && *text <= '9') {
			part = part * 10 + (uint32_t) (*text - '0');
			continue;
		}
		hex |= (part & 0xff) << shift;
		part = 0;
		shift -= 8;
		if (*text != '.')
			break;
	}
	return hex;
}

static void read_version(const char *(*get_version)(void) )
{
	const char *text = get_version ? get_version() : "";
	size_t n = strcspn(text, " ");

	if (n >= sizeof(gs_gil.version))
		n = sizeof(gs_gil.version) - 1;
	memcpy(gs_gil.version, text, n);
	gs_gil.version[n] = '\0';
	gs_gil.hex = version_hex(text);
	gs_gil.free_threaded = strstr(text, "free-threading") != NULL;
	gs_gil.attached = gs_gil.free_threaded;
}

/* The symbol of the interpreter's own object, or of the global scope. */
static void *symbol(const struct gs_object *object, const char *name)
{
	void *found = object ? gs_object_symbol(object, name) : NULL;

	return found || object ? found : dlsym(RTLD_DEFAULT, name);
}

static void *either(const struct gs_object *object, const char *name, const char *other)
{
	void *found = symbol(object, name);

	return found ? found : symbol(object, other);
}

/* PyPy speaks Python but keeps its GIL to itself. So does CPython before 3.4: it has no
 * PyGILState_Check(). */
static bool find_closed(void)
{
	bool is_pypy = dlsym(RTLD_DEFAULT, "PyPyGILState_Ensure") ||
		       dlsym(RTLD_DEFAULT, "pypy_main_startup");
	void *version = dlsym(RTLD_DEFAULT, "Py_GetVersion");

	if (is_pypy)
		memcpy(gs_gil.version, "3", 2);
	else if (version && dlsym(RTLD_DEFAULT, "PyGILState_Ensure"))
		read_version((const char *(*) (void) ) version);
	else
		return false;
	gs_gil.oracle = GS_ORACLE_UNKNOWN;
	return true;
}

static enum gs_oracle choose_oracle(void)
{
	uint32_t minor = gs_gil.hex >> 16 & 0xff;

	if (!gs_gil.unchecked || !gs_gil.this_thread)
		return GS_ORACLE_UNKNOWN;
	if (gs_gil.hex < 0x030c0000)
		return GS_ORACLE_FLAG;
	for (unsigned i = 0; gs_gil.free_threaded && i < GS_ARRAY_SIZE(states); i++) {
		if (states[i].minor != minor)
			continue;
		gs_gil.state = states[i].offset;
		return GS_ORACLE_STATE;
	}
	return GS_ORACLE_THREAD;
}

bool gs_gil_attached(void)
{
	const char *state = gs_gil.unchecked();

	return state && *(const volatile int *) (state + gs_gil.state) == STATE_ATTACHED;
}

bool gs_gil_suspended(void)
{
	const char *state = gs_gil.unchecked();
	int word = state ? *(const volatile int *) (state + gs_gil.state) : STATE_ATTACHED;

	return word == STATE_SUSPENDED || word == STATE_DETACHED;
}

/* Before Python is up, and when it has gone down, the GIL says nothing. */
GS_COLD bool gs_gil_kept(void)
{
	return gs_gil.exact == GS_ORACLE_FLAG && gs_gil.made && gs_gil.initialized &&
	       gs_gil.initialized();
}

bool gs_gil_alone(void)
{
	void *first;

	if (!gs_gil.first_interpreter || !gs_gil.next_interpreter)
		return false;
	first = gs_gil.first_interpreter();
	return first && !gs_gil.next_interpreter(first);
}

bool gs_gil_find(const void *address, bool check_to_the_letter)
{
	struct gs_object object;
	void *check;

	if (gs_gil.oracle != GS_ORACLE_NONE)
		return true;
	if (address && !gs_object_at(address, &object))
		return false;
	gs_gil.came_later = address != NULL;
	check = symbol(address ? &object : NULL, "PyGILState_Check");
	if (!check) {
		(void) dlerror();
		return !address && find_closed();
	}
	if (!gs_object_at(check, &object))
		return false;
	gs_gil.start = object.start;
	gs_gil.end = object.end;
	gs_gil.base = object.base;
	strncpy(gs_gil.path, object.path, sizeof(gs_gil.path) - 1);
	gs_gil.check = (int (*)(void)) check;
	gs_gil.unchecked = (void *(*) (void) ) either(
		&object, "PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet");
	gs_gil.this_thread = (void *(*) (void) ) symbol(&object, "PyGILState_GetThisThreadState");
	gs_gil.initialized = (int (*)(void)) symbol(&object, "Py_IsInitialized");
	gs_gil.finalizing = (int (*)(void)) either(&object, "Py_IsFinalizing", "_Py_IsFinalizing");
	gs_gil.finalizing_36 = symbol(&object, "_Py_Finalizing");
	gs_gil.first_interpreter = (void *(*) (void) ) symbol(&object, "PyInterpreterState_Head");
	gs_gil.next_interpreter = (void *(*) (void *) ) symbol(&object, "PyInterpreterState_Next");
	read_version((const char *(*) (void) ) symbol(&object, "Py_GetVersion"));
	gs_pyframe_setup(&object);
	gs_chain_setup(&object);
	gs_gil.exact = choose_oracle();
	gs_gil.oracle = check_to_the_letter ? GS_ORACLE_CHECK : gs_gil.exact;
	return true;
}

static void begin_round(void)
{
	if (++gs_gil.round == 0)
		gs_gil.round = 1;
}

void gs_gil_closing(void)
{
	if (!gs_gil.came_later || gs_gil.oracle == GS_ORACLE_NONE || !gs_gil.initialized ||
		gs_gil.initialized())
		return;
	gs_gil.oracle = gs_gil.exact = GS_ORACLE_NONE;
	gs_gil.start = gs_gil.end = 0;
	gs_gil.finalizing = NULL;
	gs_gil.finalizing_36 = NULL;
	gs_gil.initialized = NULL;
	gs_gil.lasting.cond = gs_gil.lasting.switch_cond = gs_gil.lasting.mutex = NULL;
	begin_round();
}

/* Which of the GILs has this condition? */
GS_HOT static int find_cond(const void *cond, bool *is_switch)
{
	uint32_t made = gs_gil.made < GS_MAX_GILS ? gs_gil.made : GS_MAX_GILS;

	for (uint32_t i = 0; i < made; i++) {
		if (gs_gil.gils[i].switch_cond != cond && gs_gil.gils[i].cond != cond)
			continue;
		*is_switch = gs_gil.gils[i].switch_cond == cond;
		return (int) i;
	}
	return -1;
}

/* Whether the program has a GIL was decided before it was made (PYTHON_GIL=1, -X gil=1). One that
 * an extension module turns on later does not count: for a part of the run there was none. */
static void note_enabled(const char *cond)
{
	if (gs_gil.free_threaded)
		gs_gil.attached = *(const volatile int *) (cond - ENABLED_BEFORE) != INT_MAX;
}

/* Are these the two conditions of a GIL? ceval_gil.h, 3.7 to 3.15: a mutex lies between them. 3.6
 * has them in separate variables, and makes no others. */
static bool is_pair(const char *cond, const char *switch_cond)
{
	return gs_gil.hex < 0x03070000 ||
	       switch_cond - cond == (ptrdiff_t) (sizeof(pthread_cond_t) + sizeof(pthread_mutex_t));
}

static void note_lasting(char *cond, char *switch_cond)
{
	bool lasts = gs_gil_in_image(cond) && gs_gil_in_image(switch_cond);

	gs_gil.lasting.cond = lasts ? cond : NULL;
	gs_gil.lasting.switch_cond = lasts ? switch_cond : NULL;
	gs_gil.lasting.mutex =
		lasts && gs_gil.hex >= 0x03070000 ? cond + sizeof(pthread_cond_t) : NULL;
}

/* create_gil() initialises cond, then switch_cond, in one thread. Libraries that are linked into
 * the image (Tcl, OpenSSL) may have conditions of their own. A GIL made again at its old address
 * keeps its place. */
static void note_cond(struct gs_thread *thread, void *cond)
{
	bool is_switch;
	uint32_t made;
	int index;

	if (!thread->first_cond || !is_pair(thread->first_cond, cond)) {
		thread->first_cond = cond;
		return;
	}
	index = find_cond(cond, &is_switch);
	if (index >= 0 && is_switch) {
		begin_round();
	} else {
		made = atomic_fetch_add_explicit(&gs_gil.made, 1, memory_order_relaxed);
		index = (int) (made % GS_MAX_GILS);
		if (!made)
			note_enabled(thread->first_cond);
		gs_gil.flagged = gs_gil.oracle == GS_ORACLE_FLAG ||
				 (gs_gil.oracle == GS_ORACLE_THREAD && !made);
		gs_life_gil_made(made + 1);
	}
	gs_gil.gils[index].cond = thread->first_cond;
	gs_gil.gils[index].switch_cond = cond;
	if (index == 0)
		note_lasting(thread->first_cond, cond);
	gs_waits_reset((uint32_t) index);
	thread->first_cond = NULL;
}

void gs_gil_cond_init(void *cond, void *caller)
{
	struct gs_thread *thread = &gs_thread;

	if (thread->busy)
		return;
	if (gs_gil.oracle == GS_ORACLE_NONE) {
		gs_thread_busy(thread, NULL);
		gs_life_look_for_python(caller);
		thread->busy = false;
	}
	if (!gs_gil_in_image(caller))
		return;
	gs_life_python_here();
	note_cond(thread, cond);
}

GS_HOT int gs_gil_of_waiter(const void *cond)
{
	bool is_switch;
	int index = find_cond(cond, &is_switch);

	return index >= 0 && !is_switch ? index : -1;
}

void *gs_gil_holder(uint32_t gil)
{
	/* 3.6 keeps its GIL in separate variables, but has one thread state for the process. */
	if (gs_gil.hex < 0x03070000)
		return gs_gil.unchecked();
	return *(void *volatile *) (void *) ((char *) gs_gil.gils[gil].cond - LAST_HOLDER_BEFORE);
}

/* ---- taken and dropped: mostly the one GIL that there is, with nobody waiting for it ---- */

/* A holder has a block, so that those who wait for it can tell who it is. */
GS_COLD static void takes_its_first(struct gs_thread *thread)
{
	if (gs_epoch() && !thread->busy)
		gs_thread_here(thread);
	gs_thread_had_gil(thread);
}

GS_HOT static void take(struct gs_waits *waits, struct gs_thread *thread)
{
	if (!thread->had_gil)
		takes_its_first(thread);
	waits->holder = thread->entry;
	if (gs_waits_concern(waits, thread))
		gs_waits_taken(thread);
	thread->holds = gs_gil.round;
}

GS_HOT static void drop(struct gs_thread *thread, void *caller)
{
	gs_waits_dropped(thread, caller);
	thread->holds = 0;
}

/* Not of the GIL that the thread took last. */
GS_NOINLINE static void signalled_another(struct gs_thread *thread, void *cond, void *caller)
{
	bool is_switch;
	int index = find_cond(cond, &is_switch);

	if (index < 0)
		return;
	thread->gil = (uint32_t) index;
	gs_gil_signalled(cond, caller);
}

GS_HOT void gs_gil_signalled(void *cond, void *caller)
{
	struct gs_thread *thread = &gs_thread;
	struct gs_waits *waits = &gs_waits[thread->gil];

	if (gs_gil.gils[thread->gil].switch_cond == cond) {
		if (GS_UNLIKELY(!thread->had_gil || gs_waits_concern(waits, thread)))
			return take(waits, thread);
		waits->holder = thread->entry;
		thread->holds = gs_gil.round;
	} else if (GS_LIKELY(gs_gil.gils[thread->gil].cond == cond)) {
		if (GS_UNLIKELY(gs_waits_concern(waits, thread)))
			return drop(thread, caller);
		thread->holds = 0;
	} else {
		signalled_another(thread, cond, caller);
	}
}

/* 3.6 without a thread has no GIL to make anew in a forked child; its import lock is. In
 * free-threaded builds a thread that waits to be attached again makes a semaphore for it. */
GS_HOT void gs_gil_sem_init(void *caller)
{
	if (gs_gil.exact == GS_ORACLE_FLAG && !gs_gil.made && gs_gil_in_image(caller))
		gs_life_python_here();
	if (gs_gil.exact == GS_ORACLE_STATE && gs_gil_in_image(caller) && gs_gil_suspended())
		gs_world_park();
}

GS_HOT void gs_gil_sem_destroy(void *caller)
{
	if (gs_gil.exact == GS_ORACLE_STATE && gs_gil_in_image(caller))
		gs_world_unpark();
}
