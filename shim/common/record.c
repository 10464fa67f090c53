/* record.c: where the sections of a record lie, and what must be true before one is read.
 *
 * Runs in the preloaded library and in the command: no stdio, no malloc, no I/O. The check is
 * written against a hostile file: whatever passes it can be indexed within its sections. */
#include "record.h"

#include <stdbool.h>
#include <string.h>

#define SECTION_ALIGNMENT 64 /* a cache line: tables of different writers do not share one */
#define FILE_ALIGNMENT 4096
#define ENTRY_ALIGNMENT 8

/* Longer texts than this are no names: "?". Bounds the work that a hostile file can cause. */
#define LONGEST_STRING (64 * 1024)

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) / alignment * alignment;
}

void gs_record_layout(struct gs_record_header *header, uint32_t stacks)
{
	static const struct {
		uint32_t count, size;
	} fixed[GS_SECTIONS] = {
		[GS_SECTION_MODULES] = {GS_MAX_MODULES, sizeof(struct gs_module)},
		[GS_SECTION_FUNCTIONS] = {GS_MAX_CALLS, sizeof(struct gs_function)},
		[GS_SECTION_THREADS] = {GS_MAX_THREADS + 1, sizeof(struct gs_thread_entry)},
		[GS_SECTION_COUNTS] = {GS_MAX_THREADS + 1, GS_MAX_CALLS * sizeof(uint64_t)},
		[GS_SECTION_SITES] = {GS_MAX_SITES, sizeof(struct gs_site)},
		[GS_SECTION_NATIVE] = {GS_MAX_SITES, 0},
		[GS_SECTION_PYTHON] = {GS_MAX_SITES, 0},
		[GS_SECTION_STRINGS] = {1, GS_STRINGS_SIZE},
		[GS_SECTION_GILS] = {GS_WORLD + 1, sizeof(struct gs_gil_entry)},
		[GS_SECTION_WAITERS] = {GS_MAX_WAITERS, sizeof(struct gs_waiter)},
		[GS_SECTION_DELAYS] = {GS_MAX_CALLS, sizeof(struct gs_delay)},
	};
	uint64_t offset = round_up(sizeof(*header), SECTION_ALIGNMENT);
	unsigned i;

	if (stacks > GS_MAX_STACK)
		stacks = GS_MAX_STACK;
	header->stacks = stacks;
	for (i = 0; i < GS_SECTIONS; i++) {
		struct gs_section *section = &header->section[i];

		section->count = fixed[i].count;
		section->size = fixed[i].size;
		if (i == GS_SECTION_NATIVE)
			section->size = stacks * (uint32_t) sizeof(uint64_t);
		if (i == GS_SECTION_PYTHON)
			section->size = stacks * (uint32_t) sizeof(struct gs_pyline);
		section->offset = offset;
		offset = round_up(
			offset + (uint64_t) section->count * section->size, SECTION_ALIGNMENT);
	}
	header->file_size = round_up(offset, FILE_ALIGNMENT);
}

/* The smallest entry that this version reads from a section. */
static uint32_t entry_size(enum gs_section_id id, uint32_t stacks)
{
	switch (id) {
	case GS_SECTION_MODULES:
		return sizeof(struct gs_module);
	case GS_SECTION_FUNCTIONS:
		return sizeof(struct gs_function);
	case GS_SECTION_THREADS:
		return sizeof(struct gs_thread_entry);
	case GS_SECTION_COUNTS:
		return sizeof(uint64_t);
	case GS_SECTION_SITES:
		return sizeof(struct gs_site);
	case GS_SECTION_NATIVE:
		return stacks * (uint32_t) sizeof(uint64_t);
	case GS_SECTION_PYTHON:
		return stacks * (uint32_t) sizeof(struct gs_pyline);
	case GS_SECTION_GILS:
		return sizeof(struct gs_gil_entry);
	case GS_SECTION_WAITERS:
		return sizeof(struct gs_waiter);
	case GS_SECTION_DELAYS:
		return sizeof(struct gs_delay);
	case GS_SECTION_STRINGS:
	default:
		return 1;
	}
}

static bool section_fits(const struct gs_record_header *header, enum gs_section_id id)
{
	const struct gs_section *section = &header->section[id];
	uint32_t alignment = id == GS_SECTION_PYTHON ? _Alignof(struct gs_pyline) : ENTRY_ALIGNMENT;
	uint64_t bytes = (uint64_t) section->count * section->size; /* cannot overflow */

	if (section->offset < header->header_size || section->offset > header->file_size)
		return false;
	if (bytes > header->file_size - section->offset)
		return false;
	if (section->size < entry_size(id, header->stacks))
		return false;
	/* Nor may an empty table claim entries that would not fit: readers make room for one. */
	if (section->size > header->file_size)
		return false;
	if (section->offset % ENTRY_ALIGNMENT != 0)
		return false;
	/* The strings are one entry of bytes, everything else is an array of aligned entries. */
	return id == GS_SECTION_STRINGS ? section->count == 1 : section->size % alignment == 0;
}

/* Sections that describe the same things entry by entry must have as many of them. */
static bool sections_agree(const struct gs_record_header *header)
{
	const struct gs_section *section = header->section;

	return section[GS_SECTION_COUNTS].count == section[GS_SECTION_THREADS].count &&
	       section[GS_SECTION_NATIVE].count == section[GS_SECTION_SITES].count &&
	       section[GS_SECTION_PYTHON].count == section[GS_SECTION_SITES].count;
}

static const char *check_kind(const struct gs_record_header *header)
{
	if (memcmp(header->magic, GS_RECORD_MAGIC, sizeof(header->magic)) != 0)
		return "not a gilshim record";
	if (header->endian == __builtin_bswap32(GS_RECORD_ENDIAN))
		return "made on a machine of the other byte order";
	if (header->endian != GS_RECORD_ENDIAN)
		return "damaged: no such byte order";
	if (header->oldest > GS_RECORD_VERSION)
		return "made by a newer gilshim, in a format that this one does not know";
	if (header->version == 0 || header->oldest == 0 || header->oldest > header->version)
		return "damaged: no such format version";
	return NULL;
}

const char *gs_record_check(const void *base, size_t size)
{
	const struct gs_record_header *header = base;
	const char *reason;
	unsigned i;

	if (size == 0)
		return "empty";
	/* Magic, versions and byte order come first in every version. */
	if (size < offsetof(struct gs_record_header, header_size))
		return "too short for a gilshim record";
	reason = check_kind(header);
	if (reason)
		return reason;
	if (size < sizeof(*header))
		return "truncated: the header is not complete";
	if (header->header_size < sizeof(*header) || header->header_size > header->file_size)
		return "damaged: impossible header size";
	if (size < header->file_size)
		return "truncated: shorter than its header says";
	if (size > header->file_size)
		return "damaged: longer than its header says";
	if (header->stacks > GS_MAX_STACK)
		return "damaged: impossible stack depth";
	for (i = 0; i < GS_SECTIONS; i++) {
		if (!section_fits(header, (enum gs_section_id) i))
			return "damaged: a section does not fit";
	}
	return sections_agree(header) ? NULL : "damaged: the sections do not belong together";
}

const char *gs_record_string(const struct gs_record_header *header, uint32_t offset)
{
	const struct gs_section *strings = &header->section[GS_SECTION_STRINGS];
	const char *text;
	size_t room;

	if (offset >= strings->size)
		return "?";
	text = (const char *) header + strings->offset + offset;
	room = strings->size - offset;
	return memchr(text, '\0', room < LONGEST_STRING ? room : LONGEST_STRING) ? text : "?";
}
