#include "peek.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "sys.h"

#define PAGE_BITS 12

/* Pages that could be read when last asked. One that is unmapped later is still believed: what is
 * read then was a wild pointer into a page that once was good. */
static _Atomic uintptr_t pages[1024];

/* What the kernel says: bytes copied, or -errno. */
static long copy(void *to, uintptr_t from, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *) from, size};

	return gs_sys6(
		SYS_process_vm_readv, gs_sys0(SYS_getpid), (long) &local, 1, (long) &remote, 1, 0);
}

/* Reads eight bytes: that comes before the question is found to make no sense (rt_sigprocmask(2)).
 * No filter of system calls can do without it. */
static bool eight_can_be_read(uintptr_t from)
{
	enum { NOTHING = -1 };

	return gs_sys4(SYS_rt_sigprocmask, NOTHING, (long) from, 0, sizeof(uint64_t)) != -EFAULT;
}

bool gs_can_read(const void *address, size_t size)
{
	uintptr_t first = (uintptr_t) address & ~(uintptr_t) 7;
	uintptr_t last = (uintptr_t) address + size - 1;

	/* No set at all would be one that can be read. */
	if (last < (uintptr_t) address || !first)
		return false;
	for (uintptr_t left = (last - first) / 8 + 1; left > 0; left--, first += 8)
		if (!eight_can_be_read(first))
			return false;
	return true;
}

bool gs_peek_copy(void *to, uintptr_t from, size_t size)
{
	long got = copy(to, from, size);

	if (got != -ENOSYS && got != -EPERM)
		return got == (long) size;
	if (!gs_can_read((const void *) from, size))
		return false;
	memcpy(to, (const void *) from, size);
	return true;
}

bool gs_can_peek(uintptr_t address)
{
	uintptr_t page = address >> PAGE_BITS;
	_Atomic uintptr_t *slot = &pages[page % GS_ARRAY_SIZE(pages)];

	if (page == 0)
		return false;
	if (atomic_load_explicit(slot, memory_order_relaxed) == page)
		return true;
	if (!gs_can_read((const void *) address, 1))
		return false;
	atomic_store_explicit(slot, page, memory_order_relaxed);
	return true;
}
