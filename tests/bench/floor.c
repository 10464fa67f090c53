/* floor.c: the least that a preload could cost: one function that asks whether the GIL is held,
 * adds one to a counter and jumps. Nothing is safe in it; it is measured, not used. x86-64. */
#include <dlfcn.h>
#include <stdlib.h>

__attribute__((visibility("hidden"))) void *floor_real, *floor_oracle;
__attribute__((visibility("hidden"))) unsigned long floor_counts[2];

__asm__(".text\n"
	".globl read\n"
	".type read, @function\n"
	"read:\n"
	"	mov floor_oracle(%rip), %rax\n"
	"	test %rax, %rax\n"
	"	je 1f\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	push %rdx\n"
	"	call *%rax\n"
	"	pop %rdx\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	cmp $1, %rax\n"
	"	sbb %rax, %rax\n"
	"	lea floor_counts(%rip), %rcx\n"
	"	incq 8(%rcx, %rax, 8)\n"
	"1:	jmp *floor_real(%rip)\n"
	".size read, . - read\n");

__attribute__((constructor)) static void find(void)
{
	floor_real = dlsym(RTLD_NEXT, "read");
	floor_oracle = dlsym(RTLD_DEFAULT, "PyThreadState_GetUnchecked");
	if (!floor_oracle)
		floor_oracle = dlsym(RTLD_DEFAULT, "_PyThreadState_UncheckedGet");
	if (!floor_real)
		abort();
}
