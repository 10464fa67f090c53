#include "objects.h"

#include <CUnit/CUnit.h>
#include <dlfcn.h>

#define PAGE ((uintptr_t) 4095)

struct search {
	uintptr_t address;
	bool found;
	uintptr_t base, start, end, dynamic;
};

/* Of the object that holds the address: what is loaded of it, by its program headers. */
static int visit(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct search *search = argument;
	uintptr_t start = UINTPTR_MAX, end = 0, dynamic = 0;

	(void) size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + header->p_vaddr;

		if (header->p_type == PT_DYNAMIC)
			dynamic = at;
		if (header->p_type != PT_LOAD)
			continue;
		start = at < start ? at : start;
		end = at + header->p_memsz > end ? at + header->p_memsz : end;
	}
	if (search->address < start || search->address >= end)
		return 0;
	*search = (struct search){search->address, true, info->dlpi_addr, start, end, dynamic};
	return 1;
}

void objects_compare(
	bool (*find)(const void *address, struct gs_object *object), const void *address)
{
	struct search search = {.address = (uintptr_t) address};
	struct gs_object object = {0};
	Dl_info info = {0};

	CU_ASSERT_TRUE_FATAL(find(address, &object));
	dl_iterate_phdr(visit, &search);
	CU_ASSERT_TRUE_FATAL(search.found);
	CU_ASSERT_EQUAL(object.base, search.base);
	/* The loader rounds to pages, where it rounds. */
	CU_ASSERT_EQUAL(object.start & ~PAGE, search.start & ~PAGE);
	CU_ASSERT_EQUAL((object.end + PAGE) & ~PAGE, (search.end + PAGE) & ~PAGE);
	CU_ASSERT_EQUAL((uintptr_t) object.dynamic, search.dynamic);
	CU_ASSERT_PTR_NOT_NULL(object.path);
	CU_ASSERT_NOT_EQUAL(dladdr(address, &info), 0);
	CU_ASSERT_EQUAL(object.start, (uintptr_t) info.dli_fbase & ~PAGE);
	if (object.path[0])
		CU_ASSERT_STRING_EQUAL(object.path, info.dli_fname);
}
