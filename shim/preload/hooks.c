/* hooks.c: what the library stands in front of for its own sake: the conditions of the GIL (gil.h)
 * and the ends of the process (life.h). The stubs of the latter are in stubs.S. */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "gil.h"
#include "hooks.h"
#include "life.h"
#include "waits.h"

enum hook {
#define GS_HOOK(ID, symbol, action) HOOK_##ID,
#define GS_HOOK_EXEC(ID, ...) HOOK_##ID,
#define GS_HOOK_EXECL(ID, ...) HOOK_##ID,
#define GS_HOOK_COND(ID, symbol, node, is_default, hook) HOOK_##ID,
#include "hooks.def"
	HOOK_SEM_INIT,
	HOOK_SEM_DESTROY,
	HOOKS
};

static const struct {
	const char *symbol, *node;
} names[HOOKS] = {
#define GS_HOOK(ID, symbol, action) {#symbol, NULL},
#define GS_HOOK_EXEC(ID, symbol, ...) {#symbol, NULL},
#define GS_HOOK_EXECL(ID, symbol, ...) {#symbol, NULL},
#define GS_HOOK_COND(ID, symbol, node, is_default, hook) {#symbol, #node},
#include "hooks.def"
	[HOOK_SEM_INIT] = {"sem_init", NULL},
	[HOOK_SEM_DESTROY] = {"sem_destroy", NULL},
};

extern GS_HIDDEN void *gs_hook_real[HOOKS];
GS_HIDDEN void *gs_hook_real[HOOKS];

extern void *dlvsym(void *handle, const char *symbol, const char *version) __attribute__((weak));

/* What a C library that lacks the name gets: exec* and _exit exist everywhere. */
static long missing(void)
{
	errno = ENOSYS;
	return -1;
}

GS_COLD void *gs_hook_resolve(unsigned hook)
{
	int saved = errno;
	void *real = NULL;

#ifdef __x86_64__
	if (names[hook].node && dlvsym)
		real = dlvsym(RTLD_NEXT, names[hook].symbol, names[hook].node);
#endif
	if (!real)
		real = dlsym(RTLD_NEXT, names[hook].symbol);
	if (!real) {
		(void) dlerror();
		real = (void *) missing;
	}
	__atomic_store_n(&gs_hook_real[hook], real, __ATOMIC_RELAXED);
	errno = saved;
	return real;
}

void gs_hooks_resolve_all(void)
{
	for (unsigned hook = 0; hook < HOOKS; hook++)
		gs_hook_resolve(hook);
}

static inline void *slot(unsigned hook)
{
	void *real = gs_hook_real[hook];

	return GS_LIKELY(real) ? real : gs_hook_resolve(hook);
}

void gs_hook_exit(void)
{
	int saved = errno;

	gs_life_exit();
	errno = saved;
}

static void begin_exec(const char *path)
{
	int saved = errno;

	gs_life_exec(path);
	errno = saved;
}

/* Arguments up to and without the NULL. */
static size_t count_arguments(const char *first, va_list rest)
{
	size_t count = 0;

	for (const char *at = first; at; at = va_arg(rest, const char *))
		count++;
	return count;
}

/* No jumps here: what comes back has failed, and the process goes on. */
#define GS_HOOK_EXEC(ID, symbol, params, args, path)             \
	static int run_##ID params                               \
	{                                                        \
		int result;                                      \
		begin_exec(path);                                \
		result = ((int(*) params) slot(HOOK_##ID)) args; \
		gs_life_exec_failed();                           \
		return result;                                   \
	}                                                        \
	GS_EXPORT int hook_##ID params __asm__(#symbol);         \
	int hook_##ID params                                     \
	{                                                        \
		return run_##ID args;                            \
	}
#define GS_HOOK_EXECL(ID, symbol, call)                                                     \
	GS_EXPORT int hook_##ID(const char *path, const char *first, ...) __asm__(#symbol); \
	int hook_##ID(const char *path, const char *first, ...)                             \
	{                                                                                   \
		char *const *envp = NULL;                                                   \
		size_t count;                                                               \
		char **argv;                                                                \
		va_list list;                                                               \
		va_start(list, first);                                                      \
		count = count_arguments(first, list);                                       \
		va_end(list);                                                               \
		argv = __builtin_alloca((count + 1) * sizeof(*argv));                       \
		argv[0] = (char *) (uintptr_t) first;                                       \
		va_start(list, first);                                                      \
		for (size_t i = 1; i <= count; i++)                                         \
			argv[i] = va_arg(list, char *);                                     \
		if (HOOK_##ID == HOOK_EXECLE)                                               \
			envp = va_arg(list, char *const *);                                 \
		va_end(list);                                                               \
		(void) envp;                                                                \
		return call;                                                                \
	}
#include "hooks.def"

/* Not one of a GIL. False: nothing was done. */
static inline bool gs_gil_cond_init_passes(const void *cond, const void *caller)
{
	(void) cond;
	return gs_gil.oracle != GS_ORACLE_NONE && !gs_gil_in_image(caller);
}

/* The main interpreter's GIL is taken or dropped, and all there is to do is to note it. False:
 * nothing was done. */
static inline bool gs_gil_cond_signal_passes(const void *cond, const void *caller)
{
	struct gs_thread *thread = &gs_thread;
	struct gs_waits *waits = &gs_waits[0];

	(void) caller;
	if (GS_UNLIKELY(thread->switches != GS_SWITCHES_FIRST || gs_waits_active(waits)))
		return false;
	if (cond == gs_gil.lasting.cond) {
		thread->holds = 0;
		return true;
	}
	if (cond != gs_gil.lasting.switch_cond)
		return false;
	waits->holder = thread->entry;
	thread->holds = gs_gil.round;
	return true;
}

/* As in wrap.c: no frame, and what takes more than a look stands apart. */
#define COND_WRAP(ID, symbol, hook, label)                                                  \
	GS_EXPORT int hook_##ID(void *cond, const void *attributes) __asm__(label);         \
	GS_HOT GS_NOINLINE static int ask_##ID(void *cond, const void *attributes)          \
	{                                                                                   \
		hook(cond, __builtin_return_address(0));                                    \
		return ((int (*)(void *, const void *)) slot(HOOK_##ID))(cond, attributes); \
	}                                                                                   \
	GS_HOT GS_IN_A_LINE int hook_##ID(void *cond, const void *attributes)               \
	{                                                                                   \
		void *real = gs_hook_real[HOOK_##ID];                                       \
		if (GS_LIKELY(real) && hook##_passes(cond, __builtin_return_address(0)))    \
			return ((int (*)(void *, const void *)) real)(cond, attributes);    \
		return ask_##ID(cond, attributes);                                          \
	}

#ifdef __x86_64__
#define GS_HOOK_COND(ID, symbol, node, is_default, hook) \
	COND_WRAP(ID, symbol, hook, "gs_hook_" #ID)      \
	COND_NODE_##is_default(ID, symbol, node)
#define COND_NODE_0(ID, symbol, node) __asm__(".symver gs_hook_" #ID ", " #symbol "@" #node);
#define COND_NODE_1(ID, symbol, node) __asm__(".symver gs_hook_" #ID ", " #symbol "@@" #node);
#else
#define GS_HOOK_COND(ID, symbol, node, is_default, hook) COND_ONLY_##is_default(ID, symbol, hook)
#define COND_ONLY_0(ID, symbol, hook)
#define COND_ONLY_1(ID, symbol, hook) COND_WRAP(ID, symbol, hook, #symbol)
#endif
#include "hooks.def"

GS_EXPORT int hook_sem_init(void *semaphore, int shared, unsigned value) __asm__("sem_init");
GS_HOT int hook_sem_init(void *semaphore, int shared, unsigned value)
{
	gs_gil_sem_init(__builtin_return_address(0));
	return ((int (*)(void *, int, unsigned)) slot(HOOK_SEM_INIT))(semaphore, shared, value);
}

GS_EXPORT int hook_sem_destroy(void *semaphore) __asm__("sem_destroy");
GS_HOT int hook_sem_destroy(void *semaphore)
{
	gs_gil_sem_destroy(__builtin_return_address(0));
	return ((int (*)(void *)) slot(HOOK_SEM_DESTROY))(semaphore);
}
