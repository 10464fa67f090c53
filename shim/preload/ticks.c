#include "ticks.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>

#include "sys.h"
#include "usage.h"

/* So long, in ns, the rate is measured: the error of two readings is then some millionths. */
#define MEASURED_NS 20000000

static struct {
	bool usable;
	uint64_t ticks, ns; /* when it began */
} origin;

/* ns a tick, 32 binary places; 0: not known (yet). */
static _Atomic uint64_t scale;

static inline uint64_t counter(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t value;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
	return value;
#else
	return 0;
#endif
}

/* The kernel checks its clock source all the time, and leaves one that is not steady. */
static bool kernel_trusts_it(void)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	static const char *const names[] = {"tsc\n", "arch_sys_counter\n"};
	char name[32] = "";
	long fd = gs_sys4(SYS_openat, AT_FDCWD, (long) path, O_RDONLY | O_CLOEXEC, 0), got;

	if (fd < 0)
		return false;
	got = gs_sys3(SYS_read, fd, (long) name, sizeof(name) - 1);
	gs_sys1(SYS_close, fd);
	for (size_t i = 0; got > 0 && i < GS_ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

void gs_ticks_setup(void)
{
	atomic_store_explicit(&scale, 0, memory_order_relaxed);
	origin.usable = kernel_trusts_it();
	origin.ticks = counter();
	origin.ns = gs_now();
}

GS_COLD static void measure(uint64_t now)
{
	uint64_t ticks = counter() - origin.ticks, ns = now - origin.ns;

	if (ns < MEASURED_NS || !ticks || ticks > UINT64_MAX >> 1)
		return;
	atomic_store_explicit(
		&scale, (uint64_t) (((__uint128_t) ns << 32) / ticks), memory_order_relaxed);
}

void gs_stopwatch_start(struct gs_stopwatch *watch)
{
	watch->counts = atomic_load_explicit(&scale, memory_order_relaxed) != 0;
	if (GS_LIKELY(watch->counts)) {
		watch->begin = counter();
		return;
	}
	watch->begin = gs_now();
	if (origin.usable)
		measure(watch->begin);
}

uint64_t gs_stopwatch_stop(const struct gs_stopwatch *watch)
{
	uint64_t ticks;

	if (!watch->counts)
		return gs_now() - watch->begin;
	ticks = counter() - watch->begin;
	/* Two cores may be a few ticks apart. */
	if (ticks > UINT64_MAX >> 1)
		return 0;
	return (uint64_t) ((__uint128_t) ticks *
				   atomic_load_explicit(&scale, memory_order_relaxed) >>
			   32);
}
