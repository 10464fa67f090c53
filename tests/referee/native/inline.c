/* inline.c: the same wait twice: by a system call instruction of our own, and by libc. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long futex_inline(int *word, const struct timespec *limit)
{
	long result = SYS_futex;
	register const struct timespec *time __asm__("r10") = limit;

	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(word), "S"((long) FUTEX_WAIT_PRIVATE), "d"(0L), "r"(time)
			 : "rcx", "r11", "memory");
	return result;
}

static struct timespec limit(int ms)
{
	return (struct timespec){ms / 1000, ms % 1000 * 1000000L};
}

long wait_inline(int ms)
{
	struct timespec time = limit(ms);
	int word = 0;

	return futex_inline(&word, &time);
}

long wait_called(int ms)
{
	struct timespec time = limit(ms);
	int word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time);
}
