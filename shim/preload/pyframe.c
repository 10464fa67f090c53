/* Offsets: 3.6 to 3.12 from each version's own headers (Include/frameobject.h, Include/code.h,
 * Include/internal/pycore_frame.h, Include/cpython/code.h), x86-64 and other 64-bit ABIs alike;
 * from 3.13 on the interpreter describes itself in _Py_DebugOffsets (Include/internal/
 * pycore_debug_offsets.h), the first bytes of _PyRuntime. */
#include "pyframe.h"

#include <stddef.h>
#include <string.h>

#include "gil.h"
#include "peek.h"
#include "store.h"

#define DEEPEST 512 /* frames looked at: a broken chain must end */

struct layout {
	uint32_t minor; /* 0: lines are not available */
	uint16_t state_frame;
	bool through_cframe; /* 3.11 and 3.12: the state points to a structure on the C stack */
	uint16_t cframe_frame;
	uint16_t previous, code, instruction, owner;
	uint16_t instruction_size;
	uint16_t filename, name, first_line, bytecode, first_traceable;
	uint16_t type, length, hash; /* in objects and strings */
};

static const struct layout old_layouts[] = {
	/* minor, state: frame, cframe, its frame, frame: previous, code, instr, owner, size,
	   code: filename, name, first line, bytecode, first traceable, type, length, hash */
	{6, 24, false, 0, 24, 32, 120, 0, 4, 96, 104, 36, 0, 0, 8, 16, 24},
	{7, 24, false, 0, 24, 32, 104, 0, 4, 96, 104, 36, 0, 0, 8, 16, 24},
	{8, 24, false, 0, 24, 32, 104, 0, 4, 104, 112, 40, 0, 0, 8, 16, 24},
	{9, 24, false, 0, 24, 32, 104, 0, 4, 104, 112, 40, 0, 0, 8, 16, 24},
	{10, 24, false, 0, 24, 32, 96, 0, 4, 104, 112, 40, 0, 0, 8, 16, 24},
	{11, 56, true, 8, 48, 32, 56, 69, 8, 112, 120, 72, 184, 168, 8, 16, 24},
	{12, 56, true, 0, 8, 0, 56, 70, 8, 112, 120, 68, 192, 176, 8, 16, 24},
};

/* Word indices into _Py_DebugOffsets: where each structure's words begin, per version. */
struct debug_layout {
	uint8_t minor, thread_state, frame, code, object;
};
static const struct debug_layout debug_layouts[] = {
	{13, 19, 28, 34, 44},
	{14, 22, 31, 39, 50},
	{15, 22, 39, 47, 58},
};

static struct layout layout;
static uintptr_t code_type;
static int (*addr2line)(void *code, int offset);
static int (*frame_line)(void *frame);
static long (*text_length)(void *text);
static uint32_t (*text_char)(void *text, long index);

/* ---- reading safely ---- */

/* A frame chain is sound except when a signal handler interrupts the interpreter as it links a
 * frame (3.11 and 3.12): then a pointer may be anything, and what tells is whether it can be read.
 */
static bool is_readable(uintptr_t address)
{
	return !(address & 7) && gs_can_peek(address);
}

static uintptr_t word(uintptr_t address)
{
	return *(const volatile uintptr_t *) address;
}

static uintptr_t word_if(uintptr_t address)
{
	return is_readable(address) ? word(address) : 0;
}

/* ---- the frame chain ---- */

struct frame {
	uintptr_t frame, code;
	uint64_t instruction;
};

static uintptr_t first_frame(void)
{
	uintptr_t state = (uintptr_t) gs_gil_thread_state();
	uintptr_t frame;

	if (!state)
		return 0;
	frame = word_if(state + layout.state_frame);
	if (layout.through_cframe && frame)
		frame = word_if(frame + layout.cframe_frame);
	return frame;
}

/* Reads the frame at `at`: false if it is not one that runs Python code. */
static bool read_frame(uintptr_t at, struct frame *out)
{
	uintptr_t code = word(at + layout.code) & ~(uintptr_t) 3;
	const volatile unsigned char *owner = (const volatile unsigned char *) at + layout.owner;

	if (!is_readable(code + layout.type) || word(code + layout.type) != code_type)
		return false;
	out->frame = at;
	out->code = code;
	if (layout.instruction_size == 4) {
		out->instruction = *(const volatile uint32_t *) (at + layout.instruction);
		return true;
	}
	if (*owner >= 3)
		return false;
	out->instruction = word(at + layout.instruction);
	if (!layout.first_traceable || *owner == 1)
		return true;
	/* A frame that has not run its first instruction yet is no line of anybody's. */
	return out->instruction >=
	       code + layout.bytecode +
		       2 * *(const volatile uint32_t *) (code + layout.first_traceable);
}

/* The next frame that runs Python code, from `at` outwards. */
static bool next_frame(uintptr_t *at, struct frame *out)
{
	for (int i = 0; *at && i < DEEPEST; i++) {
		uintptr_t here = *at, previous;

		if (!is_readable(here) || !is_readable(here + layout.instruction))
			return false;
		previous = word(here + layout.previous);
		*at = previous == here ? 0 : previous;
		if (read_frame(here, out))
			return true;
	}
	return false;
}

/* ---- texts ---- */

static uint32_t encode(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = c ? (char) c : '?';
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char) (0xc0 | c >> 6);
		to[1] = (char) (0x80 | (c & 0x3f));
		return 2;
	}
	if (c >= 0xd800 && c < 0xe000) { /* an undecodable byte of a file name */
		to[0] = '?';
		return 1;
	}
	if (c < 0x10000) {
		to[0] = (char) (0xe0 | c >> 12);
		to[1] = (char) (0x80 | (c >> 6 & 0x3f));
		to[2] = (char) (0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char) (0xf0 | c >> 18);
	to[1] = (char) (0x80 | (c >> 12 & 0x3f));
	to[2] = (char) (0x80 | (c >> 6 & 0x3f));
	to[3] = (char) (0x80 | (c & 0x3f));
	return 4;
}

/* The text of a str as a string of the record. Over 500 bytes only the end is kept: of a path, that
 * is the part that tells. */
static uint32_t store_text(uintptr_t text)
{
	char buffer[512];
	uint32_t used = 0;
	long length, start;

	if (!text)
		return GS_NONE;
	length = text_length((void *) text);
	start = length > 500 ? length - 500 : 0;
	for (long i = start; i < length && used < sizeof(buffer) - 4; i++)
		used += encode(text_char((void *) text, i), buffer + used);
	return gs_store_string(buffer, used);
}

/* A number that differs where the content of a str differs: its own hash where it has one. */
static uint64_t text_content(uintptr_t text)
{
	uint64_t hash, length;

	if (!text)
		return 0;
	hash = word(text + layout.hash);
	if (hash != UINT64_MAX)
		return hash;
	length = (uint64_t) text_length((void *) text);
	hash = length;
	for (uint64_t i = 0; i < length; i++)
		hash = (hash ^ text_char((void *) text, (long) i)) * 1099511628211u;
	return hash;
}

static uint32_t line_of(const struct frame *frame)
{
	int line;

	if (frame_line)
		line = frame_line((void *) frame->frame);
	else
		line = addr2line((void *) frame->code,
			(int) (frame->instruction - (frame->code + layout.bytecode)));
	return line > 0 ? (uint32_t) line : 0;
}

/* ---- the interface ---- */

bool gs_pyframe_available(void)
{
	return layout.minor != 0;
}

bool gs_pyframe_key(struct gs_pykey *key)
{
	struct frame frame;
	uintptr_t at;

	if (!layout.minor)
		return false;
	at = first_frame();
	if (!next_frame(&at, &frame))
		return false;
	key->code = frame.code;
	key->instruction = frame.instruction;
	key->content = text_content(word(frame.code + layout.filename)) * 31 +
		       text_content(word(frame.code + layout.name)) * 7 +
		       *(const volatile uint32_t *) (frame.code + layout.first_line);
	return true;
}

uint64_t gs_pyframe_stack_key(void)
{
	struct frame frame;
	uintptr_t at;
	uint64_t key = 0;

	if (!layout.minor)
		return 0;
	at = first_frame();
	for (int i = 0; i < GS_STACK_KEY_FRAMES && next_frame(&at, &frame); i++)
		key = (key ^ frame.code ^ frame.instruction << 1) * 0x9e3779b97f4a7c15u;
	return key;
}

uint32_t gs_pyframe_stack(struct gs_pyline *lines, uint32_t limit)
{
	struct frame frame;
	uintptr_t at;
	uint32_t n = 0;

	if (!layout.minor)
		return 0;
	at = first_frame();
	while (n < limit && next_frame(&at, &frame)) {
		lines[n].file = store_text(word(frame.code + layout.filename));
		lines[n].function = store_text(word(frame.code + layout.name));
		lines[n].line = line_of(&frame);
		n++;
	}
	return n;
}

/* ---- finding the layout ---- */

static uint16_t offset16(const uint64_t *words, unsigned index)
{
	return words[index] < 4096 ? (uint16_t) words[index] : 0;
}

/* From what a 3.13 or newer interpreter says of itself. */
static bool describe(const uint64_t *words, uint32_t minor, struct layout *out)
{
	const struct debug_layout *at = NULL;

	if (memcmp(words, "xdebugpy", 8) != 0 || (words[1] >> 16 & 0xff) != minor)
		return false;
	for (unsigned i = 0; i < GS_ARRAY_SIZE(debug_layouts); i++)
		if (debug_layouts[i].minor == minor)
			at = &debug_layouts[i];
	if (!at)
		return false;
	memset(out, 0, sizeof(*out));
	out->state_frame = offset16(words, at->thread_state + 4);
	out->previous = offset16(words, at->frame + 1);
	out->code = offset16(words, at->frame + 2);
	out->instruction = offset16(words, at->frame + 3);
	out->instruction_size = 8;
	out->owner = offset16(words, at->frame + 5);
	out->filename = offset16(words, at->code + 1);
	out->name = offset16(words, at->code + 2);
	out->first_line = offset16(words, at->code + 5);
	out->bytecode = offset16(words, at->code + 9);
	out->type = offset16(words, at->object + 1);
	out->length = (uint16_t) (out->type + 8);
	out->hash = (uint16_t) (out->type + 16);
	if (!out->state_frame || !out->previous || !out->instruction || !out->filename ||
		!out->type)
		return false;
	out->minor = minor;
	return true;
}

void gs_pyframe_setup(const struct gs_object *object)
{
	const uint64_t *runtime = gs_object_symbol(object, "_PyRuntime");
	uint32_t minor = gs_gil.hex >> 16 & 0xff;
	struct layout found = {0};

	if (gs_gil.hex >> 24 != 3 || !gs_gil.unchecked)
		return;
	for (unsigned i = 0; i < GS_ARRAY_SIZE(old_layouts); i++)
		if (old_layouts[i].minor == minor)
			found = old_layouts[i];
	if (minor >= 13 && (!runtime || !describe(runtime, minor, &found)))
		return;
	code_type = (uintptr_t) gs_object_symbol(object, "PyCode_Type");
	text_length = (long (*)(void *)) gs_object_symbol(object, "PyUnicode_GetLength");
	text_char = (uint32_t(*)(void *, long)) gs_object_symbol(object, "PyUnicode_ReadChar");
	addr2line = (int (*)(void *, int)) gs_object_symbol(object, "PyCode_Addr2Line");
	if (minor >= 12)
		frame_line = (int (*)(void *)) gs_object_symbol(
			object, "PyUnstable_InterpreterFrame_GetLine");
	else if (minor <= 10)
		frame_line = (int (*)(void *)) gs_object_symbol(object, "PyFrame_GetLineNumber");
	if (!code_type || !text_length || !text_char || !(frame_line || addr2line))
		return;
	layout = found;
}
