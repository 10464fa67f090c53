/* record.c: a record file from anywhere: reader, view, every format of a report.
 *
 * A random change to a record rarely survives the checks of its header. So most changes are made
 * inside an entry, and the header is repaired afterwards: sections that fit, counts that agree. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "out.h"
#include "reader.h"
#include "view.h"

/* ---- the target ---- */

/* Every table of the copy lies inside it. */
static void check_copy(const struct gs_record_header *header)
{
	for (unsigned id = 0; id < GS_SECTIONS; id++) {
		const struct gs_section *table = &header->section[id];

		MUST(table->offset >= sizeof(*header) && table->offset <= header->file_size);
		MUST((uint64_t) table->count * table->size <= header->file_size - table->offset);
	}
}

/* A report in JSON is JSON, whatever texts the record held. */
static void write_formats(struct gs_view *view)
{
	static void (*const formats[])(FILE *, struct gs_view *) = {
		gs_out_json, gs_out_sarif, gs_out_text, gs_out_junit, gs_out_github};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		char *text = NULL;
		size_t size;
		FILE *stream = open_memstream(&text, &size);
		json_t *json;

		MUST(stream);
		formats[i](stream, view);
		MUST(fclose(stream) == 0);
		if (i < 2) {
			json = json_loadb(text, size, 0, NULL);
			MUST(json);
			json_decref(json);
		}
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gs_snapshot snapshot;
	struct gs_view view;
	const char *reason = NULL;
	char path[64];
	int fd = fuzz_file(data, size, path);

	memset(&view, 0, sizeof(view));
	if (gs_snapshot_read(path, &snapshot, &reason)) {
		check_copy(snapshot.header);
		gs_view_add(&view, &snapshot);
		gs_view_add(&view, &snapshot);
		for (size_t i = 0; i < view.site_count; i++)
			PLANT(view.sites[i].worst_ns > view.sites[i].elapsed_ns);
		write_formats(&view);
		gs_snapshot_free(&snapshot);
	} else {
		MUST(reason && *reason);
	}
	gs_view_free(&view);
	close(fd);
	return 0;
}

/* ---- the mutator ---- */

#define MOST 64 /* entries of a table */

static uint32_t entry_size(unsigned id, uint32_t stacks, uint32_t given)
{
	static const uint32_t fixed[GS_SECTIONS] = {
		[GS_SECTION_MODULES] = sizeof(struct gs_module),
		[GS_SECTION_FUNCTIONS] = sizeof(struct gs_function),
		[GS_SECTION_THREADS] = sizeof(struct gs_thread_entry),
		[GS_SECTION_SITES] = sizeof(struct gs_site),
		[GS_SECTION_GILS] = sizeof(struct gs_gil_entry),
		[GS_SECTION_WAITERS] = sizeof(struct gs_waiter),
		[GS_SECTION_DELAYS] = sizeof(struct gs_delay),
	};

	switch (id) {
	case GS_SECTION_NATIVE:
		return stacks * (uint32_t) sizeof(uint64_t);
	case GS_SECTION_PYTHON:
		return stacks * (uint32_t) sizeof(struct gs_pyline);
	case GS_SECTION_COUNTS:
		return (given % 16 + 1) * (uint32_t) sizeof(uint64_t);
	case GS_SECTION_STRINGS:
		return given % 4096 + 1;
	default:
		return fixed[id];
	}
}

static void repair_section(struct gs_record_header *header, unsigned id, size_t size)
{
	struct gs_section *section = &header->section[id];
	uint64_t room;

	section->size = entry_size(id, header->stacks, section->size);
	section->count = id == GS_SECTION_STRINGS ? 1 : section->count % MOST;
	if (section->offset < sizeof(*header) || section->offset >= size)
		section->offset = sizeof(*header) + section->offset % (size - sizeof(*header));
	section->offset = section->offset / 8 * 8;
	room = size - section->offset;
	if (section->size > room && id == GS_SECTION_STRINGS)
		section->size = (uint32_t) room;
	else if ((uint64_t) section->count * section->size > room)
		section->count = (uint32_t) (room / section->size);
}

/* Tables that go together have as many entries: the fewest. */
static void agree(struct gs_section *a, struct gs_section *b)
{
	a->count = b->count = a->count < b->count ? a->count : b->count;
}

static void repair_sites(uint8_t *data, const struct gs_record_header *header)
{
	const struct gs_section *table = &header->section[GS_SECTION_SITES];
	uint32_t functions = header->section[GS_SECTION_FUNCTIONS].count;
	uint32_t modules = header->modules < header->section[GS_SECTION_MODULES].count
				   ? header->modules
				   : header->section[GS_SECTION_MODULES].count;

	for (uint32_t i = 0; i < table->count; i++) {
		struct gs_site *site = (void *) (data + table->offset + (size_t) i * table->size);

		site->call = (uint16_t) (functions ? site->call % functions : 0);
		site->class %= GS_CLASSES;
		site->origin %= GS_ORIGINS;
		site->kind %= GS_KINDS;
		site->depth_native = (uint8_t) (site->depth_native % (header->stacks + 1));
		site->depth_python = (uint8_t) (site->depth_python % (header->stacks + 1));
		site->module = modules ? site->module % modules : GS_NONE;
		site->extension = modules ? site->extension % modules : GS_NONE;
	}
}

static void repair(uint8_t *data, size_t size, bool sites_too)
{
	struct gs_record_header *header = (void *) data;
	struct gs_section *section = header->section;

	memcpy(header->magic, GS_RECORD_MAGIC, sizeof(header->magic));
	header->version = GS_RECORD_VERSION;
	header->oldest = GS_RECORD_OLDEST;
	header->endian = GS_RECORD_ENDIAN;
	header->header_size = sizeof(*header);
	header->file_size = size;
	header->stacks %= 8;
	header->ended %= GS_ENDEDS;
	for (unsigned id = 0; id < GS_SECTIONS; id++)
		repair_section(header, id, size);
	agree(&section[GS_SECTION_SITES], &section[GS_SECTION_NATIVE]);
	agree(&section[GS_SECTION_SITES], &section[GS_SECTION_PYTHON]);
	agree(&section[GS_SECTION_SITES], &section[GS_SECTION_NATIVE]);
	agree(&section[GS_SECTION_THREADS], &section[GS_SECTION_COUNTS]);
	if (sites_too)
		repair_sites(data, header);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	unsigned random = seed * 2654435761u;

	if (size > sizeof(struct gs_record_header) + 16 && random >> 30) {
		size_t at = (random >> 8) % (size - 16), span = 1 + (seed >> 3) % 16;

		LLVMFuzzerMutate(data + at, span, span);
	} else {
		size = LLVMFuzzerMutate(data, size, room);
	}
	/* Entries of eight bytes, and a header to repair. */
	if (size > sizeof(struct gs_record_header) + 64 && seed % 8)
		repair(data, size, seed % 8 > 2);
	return size;
}
