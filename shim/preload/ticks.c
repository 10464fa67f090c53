#include "ticks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "sys.h"

/* So long, in ns, the rate is measured: the error of two readings is then some millionths. What was
 * measured for a shorter time does for calls that are shorter still. */
#define MEASURED_NS 20000000

static struct {
	uint64_t ticks, ns;
} origin;

GS_HIDDEN bool gs_ticks_usable;
GS_HIDDEN _Atomic uint64_t gs_ticks_scale;

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
	atomic_store_explicit(&gs_ticks_scale, 0, memory_order_relaxed);
	gs_ticks_usable = kernel_trusts_it();
	origin.ticks = gs_ticks();
	origin.ns = gs_now();
}

GS_COLD uint64_t gs_ticks_since_otherwise(uint64_t begin)
{
	uint64_t ticks = gs_ticks(), now = gs_now();
	uint64_t known_ticks = ticks - origin.ticks, known_ns = now - origin.ns, scale;

	if (!gs_ticks_usable)
		return now - begin;
	if (ticks - begin > UINT64_MAX >> 1 || known_ticks - 1 > UINT64_MAX >> 1)
		return 0;
	scale = (uint64_t) (((__uint128_t) known_ns << 32) / known_ticks);
	if (known_ns >= MEASURED_NS)
		atomic_store_explicit(&gs_ticks_scale, scale, memory_order_relaxed);
	return (uint64_t) ((__uint128_t) (ticks - begin) * scale >> 32);
}
