#include "binding.h"

#include <stdbool.h>
#include <string.h>

#include "calls.h"
#include "life.h"
#include "peek.h"
#include "real.h"

#define PAGE 4096
#define PLACES 2048 /* a power of two */
#define PARTS 8     /* the objects that the functions of libc lie in: one since glibc 2.34 */

_Static_assert(PLACES >= 2 * GS_NAMES, "the table must not become full");

static uintptr_t places[PLACES]; /* of the functions that are watched, hashed; 0: free */
static struct gs_object parts[PARTS];
static unsigned part_count;

/* Copies of pages of the object that is looked at: another thread may unload it meanwhile. Its
 * slots lie in few pages, mostly those of its dynamic section. */
static struct copy {
	uintptr_t page; /* 0: none */
	char bytes[PAGE];
} table, data[4];
static struct gs_object neighbour; /* where its last name led that is not behind us */

/* ---- the functions behind us ---- */

static uintptr_t *place_of(uintptr_t function)
{
	unsigned i = (unsigned) (function >> 4) * 2654435761u % PLACES;

	while (places[i] && places[i] != function)
		i = (i + 1) % PLACES;
	return &places[i];
}

static const struct gs_object *part_at(uintptr_t address)
{
	for (unsigned i = 0; i < part_count; i++) {
		if (parts[i].start <= address && address < parts[i].end)
			return &parts[i];
	}
	return NULL;
}

/* Where a name leads from here on. What stands in for a name that libc lacks is our own. */
static void add_real(uintptr_t function, const struct gs_object *self)
{
	if (self->start <= function && function < self->end)
		return;
	*place_of(function) = function;
	if (!part_at(function) && part_count < PARTS &&
		gs_object_at((const void *) function, &parts[part_count]))
		part_count++;
}

/* Behind us there may be another preload, or two libraries with the same name: who is bound past us
 * may have met either. */
static void add_others(const char *symbol, uintptr_t real)
{
	for (unsigned i = 0; i < part_count; i++) {
		uintptr_t function;

		if (parts[i].start <= real && real < parts[i].end)
			continue;
		function = (uintptr_t) gs_object_symbol(&parts[i], symbol);
		if (function)
			*place_of(function) = function;
	}
}

static void learn_places(void)
{
	unsigned char watched[GS_CALLS];
	struct gs_object self;

	if (part_count || !gs_object_at(places, &self))
		return;
	gs_options_calls(&gs_life.options, watched, NULL, NULL);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < GS_NAMES; i++) {
			uintptr_t real = (uintptr_t) gs_real[i];

			if (!real || !watched[gs_name_info[i].call])
				continue;
			if (pass == 0)
				add_real(real, &self);
			else if (part_count > 1)
				add_others(gs_name_info[i].symbol, real);
		}
	}
}

/* What a slot's value says. A libc of another namespace is the same file elsewhere in memory. */
static uint32_t judge(uintptr_t function)
{
	struct gs_object there;

	if (part_at(function))
		return *place_of(function) ? GS_MODULE_DEEP : 0;
	if (function < neighbour.start || function >= neighbour.end) {
		if (!gs_object_at((const void *) function, &there))
			return 0;
		neighbour = there;
	}
	for (unsigned i = 0; i < part_count; i++) {
		if (strcmp(parts[i].path, neighbour.path) == 0 &&
			*place_of(function - neighbour.base + parts[i].base))
			return GS_MODULE_APART;
	}
	return 0;
}

/* ---- the object's memory ---- */

static void forget_last(void)
{
	memset(&neighbour, 0, sizeof(neighbour));
	table.page = 0;
	for (unsigned i = 0; i < GS_ARRAY_SIZE(data); i++)
		data[i].page = 0;
}

static struct copy *data_at(uintptr_t at)
{
	return &data[at / PAGE % GS_ARRAY_SIZE(data)];
}

/* The bytes at an address, from the copy if its page is the one that was copied last. */
static bool read_bytes(struct copy *copy, uintptr_t at, void *to, size_t size)
{
	char *bytes = to;

	while (size > 0) {
		uintptr_t page = at - at % PAGE;
		size_t here = PAGE - at % PAGE;

		if (here > size)
			here = size;
		if (copy->page != page) {
			copy->page = 0;
			if (!gs_peek_copy(copy->bytes, page, PAGE))
				return false;
			copy->page = page;
		}
		memcpy(bytes, copy->bytes + at % PAGE, here);
		bytes += here;
		at += here;
		size -= here;
	}
	return true;
}

/* ---- the object's slots ---- */

/* The relocations that name symbols: those of the data behind the relative ones, and the calls'. */
struct tables {
	uintptr_t data, calls, hash;
	size_t data_size, calls_size, relative;
	uint32_t defined; /* the number of the first symbol that may be the object's own */
};

static bool read_tables(const struct gs_object *object, struct tables *tables)
{
	uintptr_t at = (uintptr_t) object->dynamic;
	ElfW(Dyn) entry;

	memset(tables, 0, sizeof(*tables));
	tables->defined = UINT32_MAX;
	for (; at && read_bytes(data_at(at), at, &entry, sizeof(entry)); at += sizeof(entry)) {
		if (entry.d_tag == DT_NULL)
			return !tables->hash ||
			       read_bytes(&table, tables->hash + sizeof(tables->defined),
				       &tables->defined, sizeof(tables->defined));
		if (entry.d_tag == DT_GNU_HASH)
			tables->hash = gs_object_place(object, entry.d_un.d_ptr);
		else if (entry.d_tag == DT_RELA)
			tables->data = gs_object_place(object, entry.d_un.d_ptr);
		else if (entry.d_tag == DT_RELASZ)
			tables->data_size = entry.d_un.d_val;
		else if (entry.d_tag == DT_RELACOUNT)
			tables->relative = entry.d_un.d_val;
		else if (entry.d_tag == DT_JMPREL)
			tables->calls = gs_object_place(object, entry.d_un.d_ptr);
		else if (entry.d_tag == DT_PLTRELSZ)
			tables->calls_size = entry.d_un.d_val;
	}
	return false;
}

/* Symbols that are another object's come before its own. */
static uint32_t look_at_slot(
	const struct gs_object *object, const struct tables *tables, const ElfW(Rela) * relocation)
{
	uintptr_t number = ELF64_R_SYM(relocation->r_info), value;
	uintptr_t slot = object->base + relocation->r_offset;

	if (number == 0 || number >= tables->defined ||
		!read_bytes(data_at(slot), slot, &value, sizeof(value)))
		return 0;
	/* It leads back into the object until its first call binds it. */
	return value >= object->start && value < object->end ? 0 : judge(value);
}

static uint32_t look_at_table(
	const struct gs_object *object, const struct tables *tables, uintptr_t at, size_t size)
{
	ElfW(Rela) relocation;
	uint32_t flags = 0;

	for (; at && !flags && size >= sizeof(relocation); size -= sizeof(relocation)) {
		if (!read_bytes(&table, at, &relocation, sizeof(relocation)))
			break;
		flags = look_at_slot(object, tables, &relocation);
		at += sizeof(relocation);
	}
	return flags;
}

uint32_t gs_binding_past_us(const struct gs_object *object)
{
	struct tables tables;
	size_t relative;
	uint32_t flags;

	learn_places();
	forget_last();
	if (!read_tables(object, &tables))
		return 0;
	relative = tables.relative * sizeof(ElfW(Rela));
	if (relative > tables.data_size)
		relative = tables.data_size;
	flags = look_at_table(object, &tables, tables.calls, tables.calls_size);
	if (flags)
		return flags;
	return look_at_table(object, &tables, tables.data + relative, tables.data_size - relative);
}
