#include "functions.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

/* ---- symbols ---- */

static bool add_symbol(void *context, const char *name, const GElf_Sym *symbol)
{
	struct gs_functions *functions = context;

	if (GELF_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
		symbol->st_size == 0 || symbol->st_size > UINT64_MAX - symbol->st_value)
		return true;
	functions->symbols = gs_grow(functions->symbols, &functions->capacity, functions->count + 1,
		sizeof(*functions->symbols));
	functions->symbols[functions->count++] =
		(struct gs_range){symbol->st_value, symbol->st_value + symbol->st_size, name};
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct gs_range *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

static bool find_symbol(
	const struct gs_functions *functions, uint64_t address, struct gs_range *range)
{
	size_t low = 0, high = functions->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (functions->symbols[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* Aliases and entry points within a function begin at or before it. */
	for (size_t i = low; i > 0 && low - i < 8; i--) {
		*range = functions->symbols[i - 1];
		if (address < range->end)
			return true;
	}
	return false;
}

/* ---- the unwind table ---- */

static uint32_t read32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static int64_t signed32(const unsigned char *at)
{
	return (int32_t) read32(at);
}

static void find_table(struct gs_functions *functions)
{
	enum { HEAD = 12, ENTRY = 8 };
	const struct gs_objfile *file = functions->file;
	const unsigned char *bytes = NULL;
	size_t count, room = 0;
	GElf_Phdr part;

	if (elf_getphdrnum(file->elf, &count) != 0)
		return;
	for (size_t i = 0; i < count && gelf_getphdr(file->elf, (int) i, &part); i++) {
		if (part.p_type == PT_GNU_EH_FRAME) {
			functions->header = part.p_vaddr;
			bytes = gs_objfile_at(file, part.p_vaddr, HEAD, &room);
		}
	}
	/* Version 1, and the encodings that every linker writes. */
	if (!bytes || bytes[0] != 1 || bytes[1] != (DW_EH_PE_pcrel | DW_EH_PE_sdata4) ||
		bytes[2] != DW_EH_PE_udata4 || bytes[3] != (DW_EH_PE_datarel | DW_EH_PE_sdata4))
		return;
	functions->entries = read32(bytes + 8);
	if (functions->entries > (room - HEAD) / ENTRY)
		functions->entries = (room - HEAD) / ENTRY;
	functions->table = bytes + HEAD;
}

static size_t encoded_size(unsigned char encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return 8;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		return 4;
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		return 2;
	default:
		return 0;
	}
}

static const unsigned char *skip_leb128(const unsigned char *at, const unsigned char *end)
{
	while (at < end && *at & 0x80)
		at++;
	return at < end ? at + 1 : end;
}

/* How a common entry (CIE) says that the addresses of its functions are written; its augmentation
 * is a string of letters, each with its own data. */
static unsigned char address_encoding(const unsigned char *cie, size_t room)
{
	const unsigned char *end = cie + (room < 256 ? room : 256);
	const unsigned char *letters = cie + 9, *at;

	if (room < 16 || !memchr(letters, '\0', (size_t) (end - letters)))
		return DW_EH_PE_omit;
	if (*letters != 'z')
		return DW_EH_PE_absptr;
	at = letters + strlen((const char *) letters) + 1;
	at = skip_leb128(skip_leb128(at, end), end);      /* alignment of code and data */
	at = cie[8] == 1 ? at + 1 : skip_leb128(at, end); /* return address */
	at = skip_leb128(at, end);                        /* size of what follows */
	for (letters++; *letters && at < end; letters++) {
		if (*letters == 'R')
			return *at;
		if (*letters == 'P')
			at += encoded_size(*at);
		if (*letters == 'P' || *letters == 'L')
			at++;
	}
	return DW_EH_PE_absptr;
}

/* The size of the function of an entry (FDE) at an address, 0 if it cannot be read. */
static uint64_t function_size(const struct gs_objfile *file, uint64_t address)
{
	enum { LENGTH = 4, BACK = 4, LONGEST = LENGTH + BACK + 16 };
	const unsigned char *entry = gs_objfile_at(file, address, LONGEST, NULL), *cie;
	uint64_t size = 0;
	size_t width, room;

	if (!entry || read32(entry) == UINT32_MAX)
		return 0;
	cie = gs_objfile_at(file, address + LENGTH - read32(entry + LENGTH), LENGTH + BACK, &room);
	width = cie ? encoded_size(address_encoding(cie, room)) : 0;
	memcpy(&size, entry + LENGTH + BACK + width, width);
	return size;
}

static bool find_entry(
	const struct gs_functions *functions, uint64_t address, struct gs_range *range)
{
	size_t low = 0, high = functions->entries;
	const unsigned char *entry;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (functions->header + (uint64_t) signed32(functions->table + 8 * middle) <=
			address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	entry = functions->table + 8 * (low - 1);
	range->start = functions->header + (uint64_t) signed32(entry);
	range->end = range->start + function_size(functions->file,
					    functions->header + (uint64_t) signed32(entry + 4));
	range->name = NULL;
	return address < range->end;
}

/* ---- both ---- */

void gs_functions_read(struct gs_functions *functions, const struct gs_objfile *file)
{
	memset(functions, 0, sizeof(*functions));
	functions->file = file;
	gs_objfile_symbols(file, SHT_SYMTAB, add_symbol, functions);
	if (functions->count == 0)
		gs_objfile_symbols(file, SHT_DYNSYM, add_symbol, functions);
	if (functions->count)
		qsort(functions->symbols, functions->count, sizeof(*functions->symbols), compare);
	find_table(functions);
}

void gs_functions_free(struct gs_functions *functions)
{
	free(functions->symbols);
	memset(functions, 0, sizeof(*functions));
}

bool gs_functions_none(const struct gs_functions *functions)
{
	return functions->count == 0 && functions->entries == 0;
}

bool gs_functions_at(const struct gs_functions *functions, uint64_t address, struct gs_range *range)
{
	return find_symbol(functions, address, range) || find_entry(functions, address, range);
}
