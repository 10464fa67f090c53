#include "ticks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "sys.h"

/* So long, in ns, the rate is measured: the error of two readings is then some millionths. What was
 * measured for a shorter time does for calls that are shorter still. */
#define MEASURED_NS 20000000

/* Of three pairs of readings the one that is closest: a thread may be stopped between two. */
#define PAIRS 3

static struct pair {
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

static struct pair read_pair(void)
{
	struct pair closest = {0};
	uint64_t gap = UINT64_MAX;

	for (unsigned i = 0; i < PAIRS; i++) {
		uint64_t before = gs_ticks(), ns = gs_now(), took = gs_ticks() - before;

		if (took >= gap)
			continue;
		gap = took;
		closest = (struct pair){.ticks = before + took / 2, .ns = ns};
	}
	return closest;
}

void gs_ticks_setup(void)
{
	atomic_store_explicit(&gs_ticks_scale, 0, memory_order_relaxed);
	gs_ticks_usable = kernel_trusts_it();
	origin = read_pair();
}

GS_COLD uint64_t gs_ticks_since_otherwise(uint64_t begin)
{
	uint64_t elapsed, ticks, ns, scale;
	struct pair now;

	if (!gs_ticks_usable)
		return gs_now() - begin;
	elapsed = gs_ticks() - begin;
	now = read_pair();
	ticks = now.ticks - origin.ticks;
	ns = now.ns - origin.ns;
	if (elapsed > UINT64_MAX >> 1 || ticks - 1 > UINT64_MAX >> 1)
		return 0;
	scale = (uint64_t) (((__uint128_t) ns << 32) / ticks);
	if (ns >= MEASURED_NS)
		atomic_store_explicit(&gs_ticks_scale, scale, memory_order_relaxed);
	return (uint64_t) ((__uint128_t) elapsed * scale >> 32);
}
