/* inline.c: the two bytes of a `syscall` instruction also occur inside other instructions and in
 * data. So the function that they lie in is decoded from its start, and the constants in registers
 * are followed on the way: the number of the system call is the one in rax. */
#include "inline.h"

#include <capstone/capstone.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "compiler.h"
#include "functions.h"

/* Those that wait, for others or for a disk. */
static const struct {
	long number;
	const char *name;
} waiting[] = {
#define WAITS(name)               \
	{                         \
		SYS_##name, #name \
	}
	WAITS(read),
	WAITS(write),
	WAITS(readv),
	WAITS(writev),
	WAITS(pread64),
	WAITS(pwrite64),
	WAITS(preadv),
	WAITS(pwritev),
	WAITS(openat),
	WAITS(close),
	WAITS(fsync),
	WAITS(fdatasync),
	WAITS(msync),
	WAITS(flock),
	WAITS(fcntl),
	WAITS(ioctl),
	WAITS(sendfile),
	WAITS(splice),
	WAITS(tee),
	WAITS(vmsplice),
	WAITS(copy_file_range),
	WAITS(accept),
	WAITS(accept4),
	WAITS(connect),
	WAITS(recvfrom),
	WAITS(recvmsg),
	WAITS(recvmmsg),
	WAITS(sendto),
	WAITS(sendmsg),
	WAITS(sendmmsg),
	WAITS(ppoll),
	WAITS(pselect6),
	WAITS(epoll_pwait),
	WAITS(nanosleep),
	WAITS(clock_nanosleep),
	WAITS(rt_sigsuspend),
	WAITS(rt_sigtimedwait),
	WAITS(wait4),
	WAITS(waitid),
	WAITS(futex),
	WAITS(msgrcv),
	WAITS(msgsnd),
	WAITS(semop),
	WAITS(semtimedop),
	WAITS(mq_timedreceive),
	WAITS(mq_timedsend),
	WAITS(io_getevents),
#ifdef SYS_io_pgetevents
	WAITS(io_pgetevents),
#endif
#ifdef SYS_io_uring_enter
	WAITS(io_uring_enter),
#endif
#ifdef SYS_epoll_pwait2
	WAITS(epoll_pwait2),
#endif
#ifdef SYS_futex_waitv
	WAITS(futex_waitv),
#endif
#ifdef __x86_64__ /* numbers that newer architectures never had */
	WAITS(open),
	WAITS(poll),
	WAITS(select),
	WAITS(epoll_wait),
	WAITS(pause),
#endif
#undef WAITS
};

/* Does the operation of a futex(2) only wake others? */
static bool is_wake(long operation)
{
	switch (operation & FUTEX_CMD_MASK) {
	case FUTEX_WAKE:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_WAKE_OP:
	case FUTEX_UNLOCK_PI:
	case FUTEX_WAKE_BITSET:
		return operation >= 0;
	default:
		return false;
	}
}

const char *gs_inline_name(const struct gs_inline *found)
{
	if (found->number == SYS_futex && is_wake(found->second))
		return NULL;
	for (size_t i = 0; i < GS_ARRAY_SIZE(waiting); i++) {
		if (waiting[i].number == found->number)
			return waiting[i].name;
	}
	return NULL;
}

/* ---- constants in registers ---- */

static const x86_reg wide[] = {X86_REG_RAX, X86_REG_RBX, X86_REG_RCX, X86_REG_RDX, X86_REG_RSI,
	X86_REG_RDI, X86_REG_RBP, X86_REG_R8, X86_REG_R9, X86_REG_R10, X86_REG_R11, X86_REG_R12,
	X86_REG_R13, X86_REG_R14, X86_REG_R15};
static const x86_reg narrow[] = {X86_REG_EAX, X86_REG_EBX, X86_REG_ECX, X86_REG_EDX, X86_REG_ESI,
	X86_REG_EDI, X86_REG_EBP, X86_REG_R8D, X86_REG_R9D, X86_REG_R10D, X86_REG_R11D,
	X86_REG_R12D, X86_REG_R13D, X86_REG_R14D, X86_REG_R15D};

#define RAX 0
#define RSI 4
#define REGISTERS GS_ARRAY_SIZE(wide)
#define UNKNOWN (-1)

struct decoder {
	csh handle;
	cs_insn *instruction;
	long value[REGISTERS]; /* UNKNOWN, or the constant in it */
	long pushed;           /* by the instruction before */
};

/* The index of a register, of any width of it; REGISTERS for others. */
static size_t index_of(csh handle, x86_reg reg)
{
	const char *name;

	for (size_t i = 0; i < REGISTERS; i++) {
		if (wide[i] == reg || narrow[i] == reg)
			return i;
	}
	if (reg == X86_REG_AL || reg == X86_REG_AX || reg == X86_REG_AH)
		return RAX;
	/* r8b, r12w and the like; what is left are bytes and words of the first eight */
	name = cs_reg_name(handle, reg);
	for (size_t i = 0; name && i < REGISTERS; i++) {
		const char *base = cs_reg_name(handle, wide[i]);

		if (base && strlen(name) >= 2 && strncmp(name, base, strlen(base)) == 0)
			return i;
		if (base && i < 4 && strlen(name) == 2 && name[0] == base[1])
			return i;
	}
	return REGISTERS;
}

static void forget(struct decoder *decoder)
{
	for (size_t i = 0; i < REGISTERS; i++)
		decoder->value[i] = UNKNOWN;
	decoder->pushed = UNKNOWN;
}

static bool is_whole(const cs_x86_op *operand)
{
	return operand->type == X86_OP_REG && operand->size >= 4;
}

/* What the instruction leaves in its first operand, if that is a constant. */
static long constant(const struct decoder *decoder, const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	size_t from;

	if (x86->op_count == 1 && instruction->id == X86_INS_POP)
		return decoder->pushed;
	if (x86->op_count != 2)
		return UNKNOWN;
	if (instruction->id == X86_INS_XOR && is_whole(&x86->operands[1]) &&
		x86->operands[0].reg == x86->operands[1].reg)
		return 0;
	if (instruction->id != X86_INS_MOV && instruction->id != X86_INS_MOVABS)
		return UNKNOWN;
	if (x86->operands[1].type == X86_OP_IMM)
		return x86->operands[1].imm >= 0 ? (long) x86->operands[1].imm : UNKNOWN;
	if (!is_whole(&x86->operands[1]))
		return UNKNOWN;
	from = index_of(decoder->handle, x86->operands[1].reg);
	return from < REGISTERS ? decoder->value[from] : UNKNOWN;
}

static void step(struct decoder *decoder, const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	bool is_push = instruction->id == X86_INS_PUSH && x86->operands[0].type == X86_OP_IMM;
	long pushed = is_push ? (long) x86->operands[0].imm : UNKNOWN;
	long value = UNKNOWN;
	size_t to = REGISTERS;
	cs_regs read, written;
	uint8_t reads = 0, writes = 0;

	if (x86->op_count > 0 && is_whole(&x86->operands[0])) {
		to = index_of(decoder->handle, x86->operands[0].reg);
		value = constant(decoder, instruction);
	}
	if (instruction->id == X86_INS_CALL) {
		/* What a callee may change: all but rbx, rbp, r12 and up. */
		static const unsigned char lost[] = {0, 2, 3, 4, 5, 7, 8, 9, 10};

		for (size_t i = 0; i < GS_ARRAY_SIZE(lost); i++)
			decoder->value[lost[i]] = UNKNOWN;
	} else if (cs_regs_access(decoder->handle, instruction, read, &reads, written, &writes) ==
		   CS_ERR_OK) {
		for (uint8_t i = 0; i < writes; i++) {
			size_t index = index_of(decoder->handle, (x86_reg) written[i]);

			if (index < REGISTERS)
				decoder->value[index] = UNKNOWN;
		}
	}
	if (to < REGISTERS && value != UNKNOWN)
		decoder->value[to] = value;
	decoder->pushed = pushed;
	/* What follows is come to from elsewhere. */
	if (instruction->id == X86_INS_JMP || instruction->id == X86_INS_RET)
		decoder->value[RAX] = UNKNOWN;
}

/* ---- functions ---- */

/* Decodes a function, and shows the system calls in it. */
static void decode(struct decoder *decoder, const unsigned char *bytes,
	const struct gs_range *range, void (*see)(void *context, const struct gs_inline *found),
	void *context)
{
	cs_insn *instruction = decoder->instruction;
	uint64_t address = range->start;
	size_t left = range->end - range->start;

	forget(decoder);
	while (cs_disasm_iter(decoder->handle, &bytes, &left, &address, instruction)) {
		/* 0: bytes that are no instruction */
		if (instruction->id == 0) {
			forget(decoder);
			continue;
		}
		if (instruction->id == X86_INS_SYSCALL) {
			struct gs_inline found = {
				decoder->value[RAX], decoder->value[RSI], range->name};

			see(context, &found);
		}
		step(decoder, instruction);
	}
}

/* The next `syscall` in memory, or NULL. */
static const unsigned char *next(const unsigned char *at, const unsigned char *end)
{
	static const unsigned char instruction[] = {0x0f, 0x05};

	return at < end ? memmem(at, (size_t) (end - at), instruction, sizeof(instruction)) : NULL;
}

static void look_into(struct decoder *decoder, struct gs_functions *functions,
	const struct gs_objfile *file, const GElf_Phdr *part,
	void (*see)(void *context, const struct gs_inline *found), void *context)
{
	size_t room;
	const unsigned char *start = gs_objfile_at(file, part->p_vaddr, 1, &room);
	const unsigned char *end = start ? start + room : NULL;
	struct gs_range whole = {part->p_vaddr, part->p_vaddr + (start ? room : 0), NULL}, range;

	for (const unsigned char *at = start; (at = next(at, end)) != NULL;) {
		uint64_t address = part->p_vaddr + (uint64_t) (at - start);

		at += 2;
		if (!functions->file)
			gs_functions_read(functions, file);
		if (gs_functions_none(functions))
			range = whole;
		else if (!gs_functions_at(functions, address, &range) ||
			 range.start < whole.start || range.end > whole.end)
			continue;
		decode(decoder, start + (range.start - whole.start), &range, see, context);
		at = start + (range.end - whole.start);
	}
}

static bool open_decoder(struct decoder *decoder)
{
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle) != CS_ERR_OK)
		return false;
	cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
	cs_option(decoder->handle, CS_OPT_SKIPDATA, CS_OPT_ON);
	decoder->instruction = cs_malloc(decoder->handle);
	if (decoder->instruction)
		return true;
	cs_close(&decoder->handle);
	return false;
}

bool gs_inline_each(const struct gs_objfile *file,
	void (*see)(void *context, const struct gs_inline *found), void *context)
{
	struct gs_functions functions = {.file = NULL}; /* most objects need none */
	struct decoder decoder;
	GElf_Phdr part;
	size_t count;

	if (file->machine != EM_X86_64 || elf_getphdrnum(file->elf, &count) != 0 ||
		!open_decoder(&decoder))
		return false;
	for (size_t i = 0; i < count && gelf_getphdr(file->elf, (int) i, &part); i++) {
		if (part.p_type == PT_LOAD && part.p_flags & PF_X)
			look_into(&decoder, &functions, file, &part, see, context);
	}
	gs_functions_free(&functions);
	cs_free(decoder.instruction, 1);
	cs_close(&decoder.handle);
	return true;
}
