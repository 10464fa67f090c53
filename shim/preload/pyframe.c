/* Offsets: 3.6 to 3.12 from each version's own headers (Include/frameobject.h, Include/code.h,
 * Include/internal/pycore_frame.h, Include/cpython/code.h), x86-64 and other 64-bit ABIs alike;
 * from 3.13 on the interpreter describes itself in _Py_DebugOffsets (Include/internal/
 * pycore_debug_offsets.h), the first bytes of _PyRuntime. */
#include "pyframe.h"

#include <stddef.h>
#include <string.h>

#include "gil.h"
#include "peek.h"
#include "pylayout.h"
#include "pytext.h"
#include "store.h"

#define DEEPEST 512 /* frames looked at: a broken chain must end */

static const struct gs_pylayout old_layouts[] = {
	/* minor, state: frame, cframe, its frame, frame: previous, code, instr, owner, size,
	   code: filename, name, first line, bytecode, first traceable, type, length, hash,
	   code: lines, bytes, string: state, ascii, compact */
	{6, 24, false, 0, 24, 32, 120, 0, 4, 96, 104, 36, 0, 0, 8, 16, 24, 112, 32, 32, 48, 72},
	{7, 24, false, 0, 24, 32, 104, 0, 4, 96, 104, 36, 0, 0, 8, 16, 24, 112, 32, 32, 48, 72},
	{8, 24, false, 0, 24, 32, 104, 0, 4, 104, 112, 40, 0, 0, 8, 16, 24, 120, 32, 32, 48, 72},
	{9, 24, false, 0, 24, 32, 104, 0, 4, 104, 112, 40, 0, 0, 8, 16, 24, 120, 32, 32, 48, 72},
	{10, 24, false, 0, 24, 32, 96, 0, 4, 104, 112, 40, 0, 0, 8, 16, 24, 120, 32, 32, 48, 72},
	{11, 56, true, 8, 48, 32, 56, 69, 8, 112, 120, 72, 184, 168, 8, 16, 24, 136, 32, 32, 48,
		72},
	{12, 56, true, 0, 8, 0, 56, 70, 8, 112, 120, 68, 192, 176, 8, 16, 24, 136, 32, 32, 40, 56},
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

GS_HIDDEN struct gs_pylayout gs_pylayout;
GS_HIDDEN uintptr_t gs_pycode_type;
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
	frame = word_if(state + gs_pylayout.state_frame);
	if (gs_pylayout.through_cframe && frame)
		frame = word_if(frame + gs_pylayout.cframe_frame);
	return frame;
}

/* Reads the frame at `at`: false if it is not one that runs Python code. */
static bool read_frame(uintptr_t at, struct frame *out)
{
	uintptr_t code = word(at + gs_pylayout.code) & ~(uintptr_t) 3;
	const volatile unsigned char *owner =
		(const volatile unsigned char *) at + gs_pylayout.owner;

	if (!is_readable(code + gs_pylayout.type) ||
		word(code + gs_pylayout.type) != gs_pycode_type)
		return false;
	out->frame = at;
	out->code = code;
	if (gs_pylayout.instruction_size == 4) {
		out->instruction = *(const volatile uint32_t *) (at + gs_pylayout.instruction);
		return true;
	}
	if (*owner >= 3)
		return false;
	out->instruction = word(at + gs_pylayout.instruction);
	if (!gs_pylayout.first_traceable || *owner == 1)
		return true;
	/* A frame that has not run its first instruction yet is no line of anybody's. */
	return out->instruction >=
	       code + gs_pylayout.bytecode +
		       2 * *(const volatile uint32_t *) (code + gs_pylayout.first_traceable);
}

/* The next frame that runs Python code, from `at` outwards. */
static bool next_frame(uintptr_t *at, struct frame *out)
{
	for (int i = 0; *at && i < DEEPEST; i++) {
		uintptr_t here = *at, previous;

		if (!is_readable(here) || !is_readable(here + gs_pylayout.instruction))
			return false;
		previous = word(here + gs_pylayout.previous);
		*at = previous == here ? 0 : previous;
		if (read_frame(here, out))
			return true;
	}
	return false;
}

/* ---- texts ---- */

/* The text of a str as a string of the record. */
static uint32_t store_text(uintptr_t text)
{
	char buffer[GS_PYTEXT_SIZE];
	uint32_t at = sizeof(buffer);
	long left;

	if (!text)
		return GS_NONE;
	left = text_length((void *) text);
	while (left > 0 && gs_pytext_before(buffer, &at, text_char((void *) text, left - 1)))
		left--;
	return gs_store_string(buffer + at, (uint32_t) sizeof(buffer) - at);
}

/* Of the old layouts: a compact ASCII str has its characters behind its head; one up to 3.11 has a
 * pointer in between (struct PyASCIIObject, Include/unicodeobject.h,
 * Include/cpython/unicodeobject.h). NULL where the characters lie elsewhere. */
static const unsigned char *ascii_characters(uintptr_t text)
{
	uintptr_t state = text + gs_pylayout.hash + 8;

	/* The bits after the two of `interned`: kind 1, compact, ascii. */
	if (gs_pylayout.minor > 12 || (*(const volatile uint32_t *) state >> 2 & 31) != 25)
		return NULL;
	return (const unsigned char *) state + (gs_pylayout.minor < 12 ? 16 : 8);
}

static uint64_t mix_text(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

/* A number that differs where the content of a str differs: its own hash where it has one. */
static uint64_t text_content(uintptr_t text)
{
	const unsigned char *characters;
	uint64_t hash, length, i = 0;

	if (!text)
		return 0;
	hash = word(text + gs_pylayout.hash);
	if (hash != UINT64_MAX)
		return hash;
	length = (uint64_t) text_length((void *) text);
	hash = length;
	characters = ascii_characters(text);
	for (; characters && i + 8 <= length; i += 8)
		hash = mix_text(hash, word((uintptr_t) characters + i));
	for (; i < length; i++)
		hash = mix_text(
			hash, characters ? characters[i] : text_char((void *) text, (long) i));
	return hash;
}

static uint32_t line_of(const struct frame *frame)
{
	int line;

	if (frame_line)
		line = frame_line((void *) frame->frame);
	else
		line = addr2line((void *) frame->code,
			(int) (frame->instruction - (frame->code + gs_pylayout.bytecode)));
	return line > 0 ? (uint32_t) line : 0;
}

/* ---- the interface ---- */

bool gs_pyframe_available(void)
{
	return gs_pylayout.minor != 0;
}

bool gs_pyframe_key(struct gs_pykey *key)
{
	struct frame frame;
	uintptr_t at;

	if (!gs_pylayout.minor)
		return false;
	at = first_frame();
	if (!next_frame(&at, &frame))
		return false;
	key->code = frame.code;
	key->instruction = frame.instruction;
	key->content = text_content(word(frame.code + gs_pylayout.filename)) * 31 +
		       text_content(word(frame.code + gs_pylayout.name)) * 7 +
		       *(const volatile uint32_t *) (frame.code + gs_pylayout.first_line);
	return true;
}

uint64_t gs_pyframe_stack_key(void)
{
	struct frame frame;
	uintptr_t at;
	uint64_t key = 0;

	if (!gs_pylayout.minor)
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

	if (!gs_pylayout.minor)
		return 0;
	at = first_frame();
	while (n < limit && next_frame(&at, &frame)) {
		lines[n].file = store_text(word(frame.code + gs_pylayout.filename));
		lines[n].function = store_text(word(frame.code + gs_pylayout.name));
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
static bool describe(const uint64_t *words, uint32_t minor, struct gs_pylayout *out)
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
	out->lines = offset16(words, at->code + 4);
	out->bytes = (uint16_t) (out->type + 24);
	/* Strings of free-threaded builds from 3.14 on say what they are otherwise, and a thread
	 * may run its own copy of the code: they are read by the interpreter alone. */
	if (!gs_gil.free_threaded || minor == 13) {
		out->state = (uint16_t) (out->type + 24);
		out->ascii = (uint16_t) (out->type + 32);
		out->compact = (uint16_t) (out->type + 48);
	}
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
	struct gs_pylayout found = {0};

	if (gs_gil.hex >> 24 != 3 || !gs_gil.unchecked)
		return;
	for (unsigned i = 0; i < GS_ARRAY_SIZE(old_layouts); i++)
		if (old_layouts[i].minor == minor)
			found = old_layouts[i];
	if (minor >= 13 && (!runtime || !describe(runtime, minor, &found)))
		return;
	gs_pycode_type = (uintptr_t) gs_object_symbol(object, "PyCode_Type");
	text_length = (long (*)(void *)) gs_object_symbol(object, "PyUnicode_GetLength");
	text_char = (uint32_t(*)(void *, long)) gs_object_symbol(object, "PyUnicode_ReadChar");
	addr2line = (int (*)(void *, int)) gs_object_symbol(object, "PyCode_Addr2Line");
	if (minor >= 12)
		frame_line = (int (*)(void *)) gs_object_symbol(
			object, "PyUnstable_InterpreterFrame_GetLine");
	else if (minor <= 10)
		frame_line = (int (*)(void *)) gs_object_symbol(object, "PyFrame_GetLineNumber");
	if (!gs_pycode_type || !text_length || !text_char || !(frame_line || addr2line))
		return;
	gs_pylayout = found;
}
