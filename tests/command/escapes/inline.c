/* inline.c: objects that wait in one way or another. -DHOW=... chooses; what each is called in
 * reports is in doctor.py. */
#include <dlfcn.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define INLINE 1      /* the instruction, with the number beside it */
#define THROUGH_LIBC 2
#define IN_DATA 3     /* its bytes in an immediate, and in data among the code */
#define COMPUTED 4    /* the number is an argument */
#define OWN_LIBC 5    /* a function with libc's name and that instruction */
#define HARMLESS 6    /* the instruction, of calls that never wait */
#define NAMESPACE 7
#define FAR 8         /* the number is in another register first */

static int word;

static inline long raw(long number, long a, long b, long c, long d)
{
	register long fourth __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return result;
}

long act(long number);

#if HOW == INLINE
long act(long number)
{
	const struct timespec while_ = {0, 1000000};

	usleep(10); /* so that a record knows this object */
	return raw(SYS_futex, (long) &word, FUTEX_WAIT, number, (long) &while_);
}
#elif HOW == THROUGH_LIBC
long act(long number)
{
	const struct timespec while_ = {0, 1000000};

	usleep(10);
	return syscall(SYS_futex, &word, FUTEX_WAIT, number, &while_);
}
#elif HOW == IN_DATA
__asm__(".text\n.balign 16\nblob: .byte 0xb8,0xca,0,0,0,0x0f,0x05,0xc3\n.balign 16\n");

long act(long number)
{
	long immediate;

	__asm__ volatile("movl $0xca,%%eax\n\tmovl $0x050f050f,%k0" : "=r"(immediate) : : "rax");
	return immediate + number + word;
}
#elif HOW == COMPUTED
long act(long number)
{
	return raw(number, (long) &word, FUTEX_WAKE, 1, 0);
}
#elif HOW == OWN_LIBC
__attribute__((noinline, visibility("hidden"))) int nanosleep(
	const struct timespec *wanted, struct timespec *left)
{
	return (int) raw(SYS_nanosleep, (long) wanted, (long) left, 0, 0);
}

long act(long number)
{
	const struct timespec while_ = {0, number};

	return nanosleep(&while_, NULL);
}
#elif HOW == HARMLESS
long act(long number)
{
	return raw(SYS_gettid, number, word, 0, 0) + raw(SYS_futex, (long) &word, FUTEX_WAKE, 1, 0);
}
#elif HOW == NAMESPACE
long act(long number)
{
	return number + word + (dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW) != NULL);
}
#elif HOW == FAR
long act(long number)
{
	long result;

	__asm__ volatile("movl $0xca,%%r12d\n\tpush %%r12\n\tpop %%r12\n\tmovl $0xca,%%r13d\n\t"
			 "movq %%r13,%%rax\n\tmovq %%rax,%%r14\n\tmovl %%r14d,%%eax\n\tsyscall"
			 : "=a"(result)
			 : "D"(&word), "S"(FUTEX_WAIT), "d"(number)
			 : "rcx", "r11", "r12", "r13", "r14", "memory");
	return result;
}
#endif
