#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

GS_HIDDEN void *gs_real[GS_NAMES];

/* glibc alone has version nodes; elsewhere the default definition is the only one. */
extern void *dlvsym(void *handle, const char *symbol, const char *version) __attribute__((weak));

enum fail { FAIL_NULL, FAIL_MINUS_ONE, FAIL_ERRNUM };
#define FAIL_NULLPTR FAIL_NULL
#define FAIL_ZERO FAIL_NULL
#define FAIL_ROW(kind, name) kind,

static const unsigned char fail_of[GS_NAMES] = {
#define GS_FORM(ID, ret, fail, params, args, before, after, ...) \
	GS_EACH(FAIL_ROW, FAIL_##fail, __VA_ARGS__)
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) \
	GS_EACH(FAIL_ROW, FAIL_##fail, __VA_ARGS__)
#define GS_VOID(ID, params, args, before, ...) GS_EACH(FAIL_ROW, FAIL_NULL, __VA_ARGS__)
#define GS_NODE(ID, ret, fail, params, args, before, after, symbol, node, is_default) FAIL_##fail,
#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name) FAIL_##fail,
#define GS_ENTRY(ID, ...) GS_EACH(FAIL_ROW, FAIL_NULL, __VA_ARGS__)
#include "calls.def"
};

/* What stands in for a name that this libc lacks. Results travel in one register whatever their
 * type, so three functions serve all prototypes. */
static long missing_null(void)
{
	errno = ENOSYS;
	return 0;
}

static long missing_minus_one(void)
{
	errno = ENOSYS;
	return -1;
}

static long missing_errnum(void)
{
	return ENOSYS;
}

/* Our own address, known to the loader only through a relocation: unequal to what the code computes
 * means that we are called from an IFUNC resolver before we are relocated. */
static void *volatile self = (void *) (uintptr_t) &self;

static bool relocated(void)
{
	void *here;

#if defined(__x86_64__)
	__asm__("leaq %1, %0" : "=r"(here) : "m"(self));
#else
	here = (void *) (uintptr_t) &self;
#endif
	return self == here;
}

static void *look_up(unsigned name)
{
	const struct gs_name_info *info = &gs_name_info[name];
	void *real = NULL;

#ifdef __x86_64__
	if (info->node && dlvsym)
		real = dlvsym(RTLD_NEXT, info->symbol, info->node);
#endif
	if (!real)
		real = dlsym(RTLD_NEXT, info->symbol);
#ifdef __x86_64__
	/* Names kept for old programs only are not found without their node. */
	if (!real && dlvsym)
		real = dlvsym(RTLD_NEXT, info->symbol, "GLIBC_2.2.5");
#endif
	return real;
}

GS_COLD void *gs_real_resolve(unsigned name)
{
	static long (*const missing[])(void) = {missing_null, missing_minus_one, missing_errnum};
	int saved;
	void *real;

	if (!relocated())
		return (void *) missing_errnum;
	saved = errno;
	real = look_up(name);
	if (!real) {
		(void) dlerror(); /* the program must not find a failure of ours there */
		real = (void *) missing[fail_of[name]];
	}
	__atomic_store_n(&gs_real[name], real, __ATOMIC_RELAXED);
	errno = saved;
	return real;
}

void gs_real_resolve_all(void)
{
	for (unsigned name = 0; name < GS_NAMES; name++)
		if (!gs_real[name])
			gs_real_resolve(name);
}
