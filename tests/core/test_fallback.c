/* The way to objects under C libraries that have no _dl_find_object: through the loader's list.
 * modules.c is compiled here once more as it is compiled there, under other names. */
#include <dlfcn.h>
#include <link.h>
#undef DLFO_STRUCT_HAS_EH_DBASE
#define gs_object_at fallback_object_at
#define gs_object_symbol fallback_object_symbol
#define gs_object_extent fallback_object_extent
#define gs_module_at fallback_module_at
#define gs_module_opens fallback_module_opens
#define gs_modules_note_all fallback_modules_note_all
#include "modules.c"

#include <stdio.h>

#include "core.h"
#include "objects.h"

static void test_the_list_agrees_for_libc(void)
{
	objects_compare(fallback_object_at, dlsym(RTLD_DEFAULT, "hsearch"));
}

static void test_the_list_agrees_for_this_program(void)
{
	struct gs_object object;

	objects_compare(fallback_object_at, (const void *) test_the_list_agrees_for_this_program);
	CU_ASSERT_TRUE(
		fallback_object_at((const void *) test_the_list_agrees_for_this_program, &object));
	CU_ASSERT_STRING_EQUAL(object.path, "");
}

static void test_the_list_agrees_for_the_loader(void)
{
	objects_compare(fallback_object_at, (const void *) &_r_debug);
}

static void test_the_list_agrees_for_the_vdso(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	if (vdso)
		objects_compare(fallback_object_at, (const void *) (vdso + 64));
	else
		core_skip("this kernel gives none");
}

static void test_the_list_knows_what_comes_and_goes(void)
{
	char directory[512], path[600];
	struct gs_object object;
	void *library, *function;

	snprintf(directory, sizeof(directory), "%s", core_directory());
	snprintf(path, sizeof(path), "%s/liblisted.so", directory);
	library = core_library(path, "") ? dlopen(path, RTLD_NOW) : NULL;
	if (library) {
		function = dlsym(library, "library_exported");
		objects_compare(fallback_object_at, function);
		CU_ASSERT_TRUE(fallback_object_at(function, &object));
		CU_ASSERT_PTR_EQUAL(fallback_object_symbol(&object, "library_exported"), function);
		CU_ASSERT_EQUAL(fallback_object_extent(&object, "library_exported").start,
			(uintptr_t) function);
		dlclose(library);
		CU_ASSERT_FALSE(fallback_object_at(function, &object));
	} else {
		core_skip("no library can be compiled here");
	}
	core_remove(directory);
}

static void test_the_list_does_not_hold_everything(void)
{
	struct gs_object object;

	CU_ASSERT_FALSE(fallback_object_at(NULL, &object));
	CU_ASSERT_FALSE(fallback_object_at(&object, &object));
	CU_ASSERT_FALSE(fallback_object_at((const void *) UINTPTR_MAX, &object));
}

static void test_modules_are_noted_by_the_list(void)
{
	uint32_t index;

	core_begin(NULL);
	index = fallback_module_at(dlsym(RTLD_DEFAULT, "hsearch"));
	CU_ASSERT_FATAL(index == 0);
	CU_ASSERT_STRING_EQUAL(gs_store_text(gs_store.modules[0].name), "libc.so.6");
	CU_ASSERT(gs_store.modules[0].build_id_size > 0);
	CU_ASSERT_EQUAL(fallback_module_at(dlsym(RTLD_DEFAULT, "hcreate")), 0);
}

CU_TestInfo gs_tests_fallback[] = {
	{"the_list_agrees_for_libc", test_the_list_agrees_for_libc},
	{"the_list_agrees_for_this_program", test_the_list_agrees_for_this_program},
	{"the_list_agrees_for_the_loader", test_the_list_agrees_for_the_loader},
	{"the_list_agrees_for_the_vdso", test_the_list_agrees_for_the_vdso},
	{"the_list_knows_what_comes_and_goes", test_the_list_knows_what_comes_and_goes},
	{"the_list_does_not_hold_everything", test_the_list_does_not_hold_everything},
	{"modules_are_noted_by_the_list", test_modules_are_noted_by_the_list},
	CU_TEST_INFO_NULL,
};
