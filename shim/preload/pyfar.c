/* Line tables: Objects/lnotab_notes.txt (3.6 to 3.10) and Objects/locations.md, later
 * InternalDocs/code_objects.md (3.11 and newer); strings: Include/cpython/unicodeobject.h. */
#include "pyfar.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "pylayout.h"
#include "pytext.h"
#include "store.h"
#include "sys.h"

#define DEEPEST 512         /* frames looked at: a broken chain must end */
#define LONGEST_TABLE 65536 /* bytes of a line table: those of longer functions are not read */

/* Copies; false where that is not possible. */
static bool copy(void *to, uintptr_t from, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *) from, size};

	return gs_sys6(SYS_process_vm_readv, gs_sys0(SYS_getpid), (long) &local, 1, (long) &remote,
		       1, 0) == (long) size;
}

static uintptr_t word(uintptr_t address)
{
	uintptr_t value = 0;

	return address && !(address & 7) && copy(&value, address, sizeof(value)) ? value : 0;
}

/* ---- frames ---- */

static uintptr_t first_frame(uintptr_t state)
{
	uintptr_t frame = word(state + gs_pylayout.state_frame);

	return gs_pylayout.through_cframe && frame ? word(frame + gs_pylayout.cframe_frame) : frame;
}

static bool read_frame(uintptr_t at, struct gs_pyfar_stand *out)
{
	const struct gs_pylayout *layout = &gs_pylayout;
	uint32_t instruction = 0, first = 0;
	unsigned char owner = 0;

	out->frame = at;
	out->code = word(at + layout->code) & ~(uintptr_t) 3;
	if (!out->code || word(out->code + layout->type) != gs_pycode_type)
		return false;
	if (layout->instruction_size == 4) {
		if (!copy(&instruction, at + layout->instruction, sizeof(instruction)))
			return false;
		out->instruction = instruction;
		return true;
	}
	if (!copy(&owner, at + layout->owner, 1) || owner >= 3)
		return false;
	out->instruction = word(at + layout->instruction);
	if (!layout->first_traceable || owner == 1)
		return true;
	return copy(&first, out->code + layout->first_traceable, sizeof(first)) &&
	       out->instruction >= out->code + layout->bytecode + 2 * (uintptr_t) first;
}

static bool next_frame(uintptr_t *at, struct gs_pyfar_stand *out)
{
	for (int i = 0; *at && i < DEEPEST; i++) {
		uintptr_t here = *at, previous = word(here + gs_pylayout.previous);

		*at = previous == here ? 0 : previous;
		if (read_frame(here, out))
			return true;
	}
	return false;
}

/* ---- texts ---- */

/* The characters of a str, one to four bytes each; at most the last `room` of them. Returns how
 * many bytes each has, 0 if it cannot be read. */
static unsigned read_text(uintptr_t text, void *buffer, size_t room, size_t *length)
{
	uint32_t state = 0;
	uintptr_t from;
	unsigned kind;
	size_t skip;

	if (!text || !gs_pylayout.state || !copy(&state, text + gs_pylayout.state, sizeof(state)))
		return 0;
	kind = state >> 2 & 7;
	*length = word(text + gs_pylayout.length);
	if (!(state & 1u << 5) || (kind != 1 && kind != 2 && kind != 4) || *length > UINT32_MAX)
		return 0;
	from = text + (state & 1u << 6 ? gs_pylayout.ascii : gs_pylayout.compact);
	skip = *length > room ? *length - room : 0;
	*length -= skip;
	return !*length || copy(buffer, from + skip * kind, *length * kind) ? kind : 0;
}

static uint32_t character(const void *text, unsigned kind, size_t i)
{
	if (kind == 1)
		return ((const uint8_t *) text)[i];
	return kind == 2 ? ((const uint16_t *) text)[i] : ((const uint32_t *) text)[i];
}

static uint32_t store_text(uintptr_t text)
{
	uint32_t characters[GS_PYTEXT_SIZE];
	char buffer[GS_PYTEXT_SIZE];
	uint32_t at = sizeof(buffer);
	size_t left = 0;
	unsigned kind = read_text(text, characters, GS_PYTEXT_SIZE, &left);

	if (!kind)
		return GS_NONE;
	while (left > 0 && gs_pytext_before(buffer, &at, character(characters, kind, left - 1)))
		left--;
	return gs_store_string(buffer + at, (uint32_t) sizeof(buffer) - at);
}

/* ---- lines ---- */

struct table {
	uintptr_t at, end;
	unsigned char bytes[256]; /* a window on it */
	size_t used, filled;
};

static int next_byte(struct table *table)
{
	size_t size = table->end - table->at;

	if (table->used == table->filled) {
		if (!size)
			return -1;
		size = size < sizeof(table->bytes) ? size : sizeof(table->bytes);
		if (!copy(table->bytes, table->at, size))
			return -1;
		table->at += size;
		table->filled = size;
		table->used = 0;
	}
	return table->bytes[table->used++];
}

/* Up to 3.9: pairs of a step in the bytecode and a signed step in lines. */
static int line_by_lnotab(struct table *table, int line, uint32_t offset)
{
	uint32_t at = 0;

	for (;;) {
		int step = next_byte(table), lines = next_byte(table);

		if (step < 0 || lines < 0 || (at += (uint32_t) step) > offset)
			return line;
		line += (int8_t) lines;
	}
}

/* 3.10: pairs of a range's length and a signed step to its line; -128: it has none. */
static int line_by_ranges(struct table *table, int line, uint32_t offset)
{
	uint32_t end = 0;

	for (;;) {
		int length = next_byte(table), lines = next_byte(table);

		if (length < 0 || lines < 0)
			return 0;
		end += (uint32_t) length;
		if ((int8_t) lines != -128)
			line += (int8_t) lines;
		if (offset < end)
			return (int8_t) lines == -128 ? 0 : line;
	}
}

static int signed_varint(struct table *table)
{
	uint32_t value = 0;
	int byte, shift = 0;

	do {
		byte = next_byte(table);
		if (byte < 0 || shift > 24)
			return 0;
		value |= (uint32_t) (byte & 63) << shift;
		shift += 6;
	} while (byte & 64);
	return value & 1 ? -(int) (value >> 1) : (int) (value >> 1);
}

/* 3.11 and newer: entries that begin with a byte whose high bit is set. */
static int line_by_locations(struct table *table, int line, uint32_t offset)
{
	uint32_t end = 0;
	int byte = next_byte(table);

	while (byte >= 0) {
		int code = byte >> 3 & 15;

		end += 2 * ((uint32_t) (byte & 7) + 1);
		if (code == 13 || code == 14)
			line += signed_varint(table);
		else if (code >= 10 && code <= 12)
			line += code - 10;
		if (offset < end)
			return code == 15 ? 0 : line;
		do
			byte = next_byte(table);
		while (byte >= 0 && !(byte & 128));
	}
	return 0;
}

static uint32_t line_of(const struct gs_pyfar_stand *frame)
{
	const struct gs_pylayout *layout = &gs_pylayout;
	struct table table = {.at = word(frame->code + layout->lines)};
	uintptr_t size = word(table.at + layout->length), offset = frame->instruction;
	int line = 0;

	if (!table.at || !size || size > LONGEST_TABLE ||
		!copy(&line, frame->code + layout->first_line, sizeof(line)))
		return 0;
	table.at += layout->bytes;
	table.end = table.at + size;
	if (layout->instruction_size == 8)
		offset -= frame->code + layout->bytecode;
	if (layout->minor == 10)
		offset *= 2;
	if (layout->minor <= 9)
		line = line_by_lnotab(&table, line, (uint32_t) offset);
	else if (layout->minor == 10)
		line = line_by_ranges(&table, line, (uint32_t) offset);
	else
		line = line_by_locations(&table, line, (uint32_t) offset);
	return line > 0 ? (uint32_t) line : 0;
}

/* ---- the interface ---- */

static bool innermost(uintptr_t state, struct gs_pyfar_stand *frame)
{
	uintptr_t at = gs_pylayout.minor && state ? first_frame(state) : 0;

	return next_frame(&at, frame);
}

bool gs_pyfar_stands(uintptr_t state, const struct gs_pyfar_stand *stand)
{
	struct gs_pyfar_stand now;

	return innermost(state, &now) && now.frame == stand->frame && now.code == stand->code &&
	       now.instruction == stand->instruction;
}

enum gs_pyfar gs_pyfar_stack(uintptr_t state, struct gs_pyline *lines, uint32_t limit,
	uint32_t *depth, struct gs_pyfar_stand *stand)
{
	struct gs_pyfar_stand frame;
	uintptr_t at;
	uint32_t n = 0;

	*depth = 0;
	if (!innermost(state, stand))
		return GS_PYFAR_UNKNOWN;
	at = first_frame(state);
	while (n < limit && next_frame(&at, &frame)) {
		lines[n].file = store_text(word(frame.code + gs_pylayout.filename));
		lines[n].function = store_text(word(frame.code + gs_pylayout.name));
		lines[n].line = line_of(&frame);
		n++;
	}
	if (!gs_pyfar_stands(state, stand))
		return GS_PYFAR_MOVED;
	*depth = n;
	return n ? GS_PYFAR_READ : GS_PYFAR_UNKNOWN;
}

static bool is_threading(uintptr_t file)
{
	static const char name[] = "threading.py";
	char end[4 * sizeof(name)];
	size_t length = 0;

	return read_text(file, end, sizeof(name) - 1, &length) == 1 && length == sizeof(name) - 1 &&
	       memcmp(end, name, length) == 0;
}

uint32_t gs_pyfar_outermost(uintptr_t state)
{
	struct gs_pyfar_stand frame;
	uintptr_t at = gs_pylayout.minor && state ? first_frame(state) : 0, function = 0;

	for (int i = 0; i < DEEPEST && next_frame(&at, &frame); i++)
		if (!is_threading(word(frame.code + gs_pylayout.filename)))
			function = word(frame.code + gs_pylayout.name);
	return function ? store_text(function) : GS_NONE;
}
