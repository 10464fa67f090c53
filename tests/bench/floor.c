/* floor.c: the least that a preload could cost: for each name that is watched, a function that asks
 * whether the GIL is held, adds one to a counter and jumps. Nothing is safe in it, and what held
 * calls wait is not looked at; it is measured, not used. With TIMED it reads the processor's
 * counter around the call and adds up the difference, which takes names without arguments on the
 * stack. x86-64.
 *
 * floor_names.h is the names, one FLOOR(name) a line. */
#include <dlfcn.h>

#define FLOOR(name) #name,
static const char *const names[] = {
#include "floor_names.h"
};
#undef FLOOR

#define NAMES (sizeof(names) / sizeof(names[0]))

__attribute__((visibility("hidden"))) void *floor_oracle, *floor_real[NAMES];
__attribute__((visibility("hidden"), tls_model("initial-exec"))) __thread unsigned long
	floor_counts[NAMES][2], /* held, not held */
	floor_ticks[NAMES];

#ifdef TIMED
#define READ_COUNTER "	rdtsc\n	shl $32, %rdx\n	or %rdx, %rax\n"
#define GO(name)                                                   \
	"1:	push %rax\n"                                           \
	"	push %rdx\n" READ_COUNTER "	mov %rax, %r11\n"      \
	"	pop %rdx\n"                                              \
	"	pop %rax\n"                                              \
	"	push %r11\n"                                             \
	"	call *floor_real + 8 * floor_at_" #name "(%rip)\n" \
	"	mov %rax, %rcx\n" READ_COUNTER "	pop %r11\n"       \
	"	sub %r11, %rax\n"                                        \
	"	mov floor_ticks@gottpoff(%rip), %r10\n"                  \
	"	add %rax, %fs:8 * floor_at_" #name "(%r10)\n"      \
	"	mov %rcx, %rax\n"                                        \
	"	ret\n"
#else
#define GO(name) "1:	jmp *floor_real + 8 * floor_at_" #name "(%rip)\n"
#endif

/* Keeps the argument registers, and al of variadic calls. */
#define FLOOR(name)                                                                \
	__asm__(".pushsection .text\n"                                             \
		"	.balign 16\n"                                                    \
		".globl " #name "\n"                                               \
		".type " #name ", @function\n" #name ":\n"                         \
		"	mov floor_oracle(%rip), %r11\n"                                  \
		"	test %r11, %r11\n"                                               \
		"	je 1f\n"                                                         \
		"	push %rax\n"                                                     \
		"	push %rdi\n"                                                     \
		"	push %rsi\n"                                                     \
		"	push %rdx\n"                                                     \
		"	push %rcx\n"                                                     \
		"	push %r8\n"                                                      \
		"	push %r9\n"                                                      \
		"	call *%r11\n"                                                    \
		"	cmp $1, %rax\n"                                                  \
		"	sbb %r11, %r11\n"                                                \
		"	pop %r9\n"                                                       \
		"	pop %r8\n"                                                       \
		"	pop %rcx\n"                                                      \
		"	pop %rdx\n"                                                      \
		"	pop %rsi\n"                                                      \
		"	pop %rdi\n"                                                      \
		"	pop %rax\n"                                                      \
		"	neg %r11\n"                                                      \
		"	mov floor_counts@gottpoff(%rip), %r10\n"                         \
		"	incq %fs:16 * floor_at_" #name                             \
		"(%r10, %r11, 8)\n" GO(name) ".size " #name ", . - " #name "\n"    \
					     ".set floor_at_" #name ", floor_at\n" \
					     ".set floor_at, floor_at + 1\n"       \
					     ".popsection\n");
__asm__(".set floor_at, 0\n");
#include "floor_names.h"

__attribute__((constructor(101))) static void find(void)
{
	for (unsigned long i = 0; i < NAMES; i++)
		floor_real[i] = dlsym(RTLD_NEXT, names[i]);
	floor_oracle = dlsym(RTLD_DEFAULT, "PyThreadState_GetUnchecked");
	if (!floor_oracle)
		floor_oracle = dlsym(RTLD_DEFAULT, "_PyThreadState_UncheckedGet");
}
