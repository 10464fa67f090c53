/* sys.h: system calls made by the library itself, without libc: they meet no wrapper of ours, are
 * no cancellation points and leave errno alone. Each returns the result of the kernel, -errno on
 * error. */
#ifndef GS_SYS_H
#define GS_SYS_H

#include <sys/stat.h>
#include <sys/syscall.h>

#if defined(__x86_64__)

static inline long gs_sys6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static inline long gs_sys3(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__)

static inline long gs_sys6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

static inline long gs_sys3(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

#else
#error "gilshim knows the system calls of x86-64 and aarch64 only"
#endif

static inline long gs_sys0(long number)
{
	return gs_sys3(number, 0, 0, 0);
}

static inline long gs_sys1(long number, long a)
{
	return gs_sys3(number, a, 0, 0);
}

static inline long gs_sys2(long number, long a, long b)
{
	return gs_sys3(number, a, b, 0);
}

static inline long gs_sys4(long number, long a, long b, long c, long d)
{
	return gs_sys6(number, a, b, c, d, 0, 0);
}

static inline long gs_sys5(long number, long a, long b, long c, long d, long e)
{
	return gs_sys6(number, a, b, c, d, e, 0);
}

/* struct stat is the kernel's own on both architectures. */
static inline int gs_sys_fstat(int fd, struct stat *st)
{
	return (int) gs_sys2(SYS_fstat, fd, (long) st);
}

#endif
