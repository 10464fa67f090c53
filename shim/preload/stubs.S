/* stubs.S: entry stubs for what C cannot forward without a frame: the printf and scanf kinds (any
 * number of arguments), vfork and dlopen (who is called from, and whose stack is used, matters),
 * _exit.
 *
 * A stub keeps every argument register, asks, and jumps: to the real function, or to the cold half,
 * which finds the stack as the caller left it. The numbers of calls and names are counted here from
 * the same table in the same order as in calls.h. */
#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

	.text
	.set	gs_calls_, 0
	.set	gs_names_, 0

#define NAME(context, name) .set GS_NAME_##name, gs_names_; .set gs_names_, gs_names_ + 1;
#define EACH(M, ...) GS_EACH(M, , __VA_ARGS__)
#define GS_CALL(ID, ...) .set GS_CALL_##ID, gs_calls_; .set gs_calls_, gs_calls_ + 1;
#define GS_FORM(ID, ret, fail, params, args, before, after, ...) EACH(NAME, __VA_ARGS__)
#define GS_TRY(ID, ret, fail, params, args, before, try, ...) EACH(NAME, __VA_ARGS__)
#define GS_VOID(ID, params, args, before, ...) EACH(NAME, __VA_ARGS__)
#define GS_NODE(...) .set gs_names_, gs_names_ + 1;
#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name) NAME(, name)
#define GS_ENTRY(ID, ...) EACH(NAME, __VA_ARGS__)
#include "compiler.h"
#include "calls.def"
#undef EACH

	.set	gs_hooks_, 0
#define GS_HOOK(ID, symbol, action) .set GS_HOOK_##ID, gs_hooks_; .set gs_hooks_, gs_hooks_ + 1;
#define GS_HOOK_EXEC(...) .set gs_hooks_, gs_hooks_ + 1;
#define GS_HOOK_EXECL(...) .set gs_hooks_, gs_hooks_ + 1;
#define GS_HOOK_COND(ID, symbol, node, is_default, hook) .set gs_hooks_, gs_hooks_ + 1;
#include "hooks.def"

	.hidden	gs_armed, gs_real, gs_watch, gs_watch_entry, gs_real_resolve
	.hidden gs_hook_real, gs_hook_resolve, gs_hook_exit

#if defined(__x86_64__)

/* Below the frame pointer: six argument registers, rax, r10, then eight vector registers, saved only
 * if the caller says in al that it passed any. */
	.macro	gs_enter
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	subq	$192, %rsp
	movq	%rdi, -8(%rbp)
	movq	%rsi, -16(%rbp)
	movq	%rdx, -24(%rbp)
	movq	%rcx, -32(%rbp)
	movq	%r8, -40(%rbp)
	movq	%r9, -48(%rbp)
	movq	%rax, -56(%rbp)
	movq	%r10, -64(%rbp)
	andq	$-16, %rsp
	testb	%al, %al
	je	.Lentered\@
	movaps	%xmm0, 0(%rsp)
	movaps	%xmm1, 16(%rsp)
	movaps	%xmm2, 32(%rsp)
	movaps	%xmm3, 48(%rsp)
	movaps	%xmm4, 64(%rsp)
	movaps	%xmm5, 80(%rsp)
	movaps	%xmm6, 96(%rsp)
	movaps	%xmm7, 112(%rsp)
.Lentered\@:
	.endm

/* Keeps r11, which carries where to go. */
	.macro	gs_leave
	movq	-56(%rbp), %rax
	testb	%al, %al
	je	.Lleft\@
	movaps	0(%rsp), %xmm0
	movaps	16(%rsp), %xmm1
	movaps	32(%rsp), %xmm2
	movaps	48(%rsp), %xmm3
	movaps	64(%rsp), %xmm4
	movaps	80(%rsp), %xmm5
	movaps	96(%rsp), %xmm6
	movaps	112(%rsp), %xmm7
.Lleft\@:
	movq	-8(%rbp), %rdi
	movq	-16(%rbp), %rsi
	movq	-24(%rbp), %rdx
	movq	-32(%rbp), %rcx
	movq	-40(%rbp), %r8
	movq	-48(%rbp), %r9
	movq	-64(%rbp), %r10
	leave
	.cfi_def_cfa rsp, 8
	.cfi_restore rbp
	.endm

	.macro	gs_begin name
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	_CET_ENDBR
	.endm

	.macro	gs_end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

/* On to the real function, looked up at its first use. */
	.macro	gs_go slot, number, resolve
	movq	\slot+8*\number(%rip), %r11
	testq	%r11, %r11
	je	.Lresolve\@
	jmp	*%r11
.Lresolve\@:
	gs_enter
	movl	$\number, %edi
	call	\resolve
	movq	%rax, %r11
	gs_leave
	jmp	*%r11
	.endm

/* A printf or scanf kind: the cold half if the GIL is held. */
	.macro	gs_variadic name, call, number, half
	gs_begin \name
	cmpb	$0, gs_armed+\call(%rip)
	jne	.Lask\@
.Lgo\@:
	gs_go	gs_real, \number, gs_real_resolve
.Lask\@:
	gs_enter
	movl	$(\call << 16 | \number), %edi
	call	gs_watch
	movzbl	%al, %r11d
	gs_leave
	testl	%r11d, %r11d
	je	.Lgo\@
	jmp	\half
	gs_end	\name
	.endm

/* Seen at entry only. */
	.macro	gs_entry name, call, number
	gs_begin \name
	cmpb	$0, gs_armed+\call(%rip)
	jne	.Lask\@
.Lgo\@:
	gs_go	gs_real, \number, gs_real_resolve
.Lask\@:
	gs_enter
	movq	%rdx, %r8
	movq	%rsi, %rcx
	movq	%rdi, %rdx
	movl	$(\call << 16 | \number), %edi
	movq	8(%rbp), %rsi
	call	gs_watch_entry
	gs_leave
	jmp	.Lgo\@
	gs_end	\name
	.endm

	.macro	gs_hook name, number, action
	gs_begin \name
	gs_enter
	call	gs_hook_\action
	gs_leave
	gs_go	gs_hook_real, \number, gs_hook_resolve
	gs_end	\name
	.endm

#elif defined(__aarch64__)

	.macro	gs_enter
	stp	x29, x30, [sp, #-224]!
	.cfi_def_cfa_offset 224
	.cfi_offset 29, -224
	.cfi_offset 30, -216
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	str	x8, [sp, #80]
	stp	q0, q1, [sp, #96]
	stp	q2, q3, [sp, #128]
	stp	q4, q5, [sp, #160]
	stp	q6, q7, [sp, #192]
	.endm

/* Keeps x16, which carries where to go. */
	.macro	gs_leave
	ldp	x0, x1, [sp, #16]
	ldp	x2, x3, [sp, #32]
	ldp	x4, x5, [sp, #48]
	ldp	x6, x7, [sp, #64]
	ldr	x8, [sp, #80]
	ldp	q0, q1, [sp, #96]
	ldp	q2, q3, [sp, #128]
	ldp	q4, q5, [sp, #160]
	ldp	q6, q7, [sp, #192]
	ldp	x29, x30, [sp], #224
	.cfi_restore 29
	.cfi_restore 30
	.cfi_def_cfa_offset 0
	.endm

	.macro	gs_begin name
	.globl	\name
	.type	\name, %function
	.p2align 4
\name:
	.cfi_startproc
	.endm

	.macro	gs_end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.macro	gs_go slot, number, resolve
	adrp	x16, \slot+8*\number
	ldr	x16, [x16, #:lo12:\slot+8*\number]
	cbz	x16, .Lresolve\@
	br	x16
.Lresolve\@:
	gs_enter
	mov	w0, #\number
	bl	\resolve
	mov	x16, x0
	gs_leave
	br	x16
	.endm

	.macro	gs_asked call
	adrp	x16, gs_armed+\call
	ldrb	w16, [x16, #:lo12:gs_armed+\call]
	.endm

	.macro	gs_key call, number
	mov	w0, #\number
	movk	w0, #\call, lsl #16
	.endm

	.macro	gs_variadic name, call, number, half
	gs_begin \name
	gs_asked \call
	cbnz	w16, .Lask\@
.Lgo\@:
	gs_go	gs_real, \number, gs_real_resolve
.Lask\@:
	gs_enter
	gs_key	\call, \number
	bl	gs_watch
	and	x16, x0, #255
	gs_leave
	cbz	x16, .Lgo\@
	b	\half
	gs_end	\name
	.endm

	.macro	gs_entry name, call, number
	gs_begin \name
	gs_asked \call
	cbnz	w16, .Lask\@
.Lgo\@:
	gs_go	gs_real, \number, gs_real_resolve
.Lask\@:
	gs_enter
	mov	x4, x2
	mov	x3, x1
	mov	x2, x0
	gs_key	\call, \number
	mov	x1, x30
	bl	gs_watch_entry
	gs_leave
	b	.Lgo\@
	gs_end	\name
	.endm

	.macro	gs_hook name, number, action
	gs_begin \name
	gs_enter
	bl	gs_hook_\action
	gs_leave
	gs_go	gs_hook_real, \number, gs_hook_resolve
	gs_end	\name
	.endm

#endif

#define GS_VARIADIC(ID, ret, fail, params, last, call, before, after, name)                        \
	.hidden gs_held_##name; gs_variadic name, GS_CALL_##ID, GS_NAME_##name, gs_held_##name;
#define ENTRY(ID, name) gs_entry name, GS_CALL_##ID, GS_NAME_##name;
#define GS_ENTRY(ID, ...) GS_EACH(ENTRY, ID, __VA_ARGS__)
#include "calls.def"

#define GS_HOOK(ID, symbol, action) gs_hook symbol, GS_HOOK_##ID, action;
#include "hooks.def"

	.section .note.GNU-stack, "", %progbits
