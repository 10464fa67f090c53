#include "symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static const char *reason; /* why the last was not opened */

/* An object as a record would describe it. */
struct object {
	uint64_t base;
	char path[4096];
	uint8_t build_id[32];
	size_t build_id_size;
	const void *address; /* that lies in it */
};

static size_t round_note(size_t size)
{
	return (size + 3) & ~(size_t) 3;
}

static void find_build_id(struct object *object, const char *note, size_t size)
{
	while (size >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *header = (const void *) note;
		const char *name = note + sizeof(*header);
		size_t length = sizeof(*header) + round_note(header->n_namesz) +
				round_note(header->n_descsz);

		if (length > size)
			return;
		if (header->n_type == NT_GNU_BUILD_ID && strcmp(name, "GNU") == 0) {
			object->build_id_size = header->n_descsz;
			memcpy(object->build_id, name + round_note(header->n_namesz),
				header->n_descsz);
		}
		note += length;
		size -= length;
	}
}

static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
	struct object *object = context;
	bool here = false;

	(void) size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD &&
			(uintptr_t) object->address - start < segment->p_memsz)
			here = true;
	}
	if (!here)
		return 0;
	object->base = info->dlpi_addr;
	if (!realpath(*info->dlpi_name ? info->dlpi_name : "/proc/self/exe", object->path))
		return 1;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_NOTE)
			find_build_id(object, (const char *) info->dlpi_addr + segment->p_vaddr,
				segment->p_memsz);
	}
	return 1;
}

static struct object object_of(const void *address)
{
	struct object object;

	memset(&object, 0, sizeof(object));
	object.address = address;
	CU_ASSERT_EQUAL_FATAL(dl_iterate_phdr(visit, &object), 1);
	return object;
}

static uint64_t file_address(const struct object *object)
{
	return (uint64_t) (uintptr_t) object->address - object->base;
}

static void test_a_function_of_libc_has_its_name(void)
{
	struct object libc = object_of(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
	struct gs_symbols *symbols;

	CU_ASSERT_FATAL(libc.build_id_size > 0);
	symbols = gs_symbols_open(libc.path, libc.build_id, libc.build_id_size, 0, &reason);
	CU_ASSERT_PTR_NOT_NULL_FATAL(symbols);
	CU_ASSERT_STRING_EQUAL(
		gs_symbols_name(symbols, file_address(&libc)), "gnu_get_libc_version");
	CU_ASSERT_STRING_EQUAL(
		gs_symbols_name(symbols, file_address(&libc) + 1), "gnu_get_libc_version");
	CU_ASSERT_PTR_NULL(gs_symbols_name(symbols, UINT64_MAX / 2));
	CU_ASSERT_PTR_EQUAL(gs_symbols_name(symbols, file_address(&libc)),
		gs_symbols_name(symbols, file_address(&libc)));
	gs_symbols_close(symbols);
}

/* A local function, known from the full symbol table and the debugging information. */
static void test_this_program_has_names_and_lines(void)
{
	struct object self = object_of((const void *) (uintptr_t) round_note);
	struct gs_symbols *symbols =
		gs_symbols_open(self.path, self.build_id, self.build_id_size, UINT64_MAX, &reason);
	const struct gs_symbol_line *lines;

	CU_ASSERT_PTR_NOT_NULL_FATAL(symbols);
	CU_ASSERT_STRING_EQUAL(gs_symbols_name(symbols, file_address(&self)), "round_note");
	if (gs_symbols_lines(symbols, file_address(&self), &lines) > 0) {
		CU_ASSERT_PTR_NULL(lines[0].inlined);
		CU_ASSERT_PTR_NOT_NULL(strstr(lines[0].file, "test_symbols.c"));
		CU_ASSERT(lines[0].line > 0);
	}
	gs_symbols_close(symbols);
}

static void test_another_build_is_another_object(void)
{
	struct object libc = object_of(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));

	libc.build_id[0] ^= 1;
	CU_ASSERT_PTR_NULL(
		gs_symbols_open(libc.path, libc.build_id, libc.build_id_size, 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open(libc.path, libc.build_id, 1, 0, &reason));
	/* The record knows of no build-id, the file has one. */
	CU_ASSERT_PTR_NULL(gs_symbols_open(libc.path, NULL, 0, UINT64_MAX, &reason));
}

static void test_what_is_no_object_is_not_opened(void)
{
	static const uint8_t id[20];

	CU_ASSERT_PTR_NULL(gs_symbols_open(NULL, id, sizeof(id), 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open("", id, sizeof(id), 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open("linux-vdso.so.1", id, sizeof(id), 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open("/nonexistent", id, sizeof(id), 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open("/tmp", id, sizeof(id), 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open("/dev/zero", id, sizeof(id), 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open("/etc/passwd", id, sizeof(id), 0, &reason));
	CU_ASSERT_PTR_NULL(gs_symbols_open("/etc/passwd", NULL, 0, UINT64_MAX, &reason));
}

CU_TestInfo gs_tests_symbols[] = {
	{"a function of libc has its name", test_a_function_of_libc_has_its_name},
	{"this program has names and lines", test_this_program_has_names_and_lines},
	{"another build is another object", test_another_build_is_another_object},
	{"what is no object is not opened", test_what_is_no_object_is_not_opened},
	CU_TEST_INFO_NULL,
};
