/* Names of functions, read from the files of modules that are, or were, loaded. */
#include "symfile.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "modules.h"
#include "store.h"

static char directory[512], path[600], other[600];
static void *library;
static const struct gs_module *module;
static const char *exported, *hidden;

/* Loads a new library, and notes it as a module. The record is a new one. */
static bool begin(const char *flags)
{
	void *(*get_hidden)(void);

	core_begin(NULL);
	snprintf(directory, sizeof(directory), "%s", core_directory());
	snprintf(path, sizeof(path), "%s/libsymbols.so", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	library = core_library(path, flags) ? dlopen(path, RTLD_NOW) : NULL;
	if (!library) {
		core_skip("no library can be compiled here");
		core_remove(directory);
		return false;
	}
	exported = dlsym(library, "library_exported");
	get_hidden = (void *(*) (void) ) dlsym(library, "library_hidden");
	hidden = get_hidden();
	CU_ASSERT_FATAL(gs_module_at(exported) < GS_MAX_MODULES);
	module = &gs_store.modules[gs_module_at(exported)];
	return true;
}

static void end(void)
{
	dlclose(library);
	core_remove(directory);
}

/* The name of the function that returns to `address`, "?" if there is none. */
static const char *name_at(const char *address)
{
	return gs_store_text(gs_symfile_name(module, (uintptr_t) address));
}

static void test_a_static_function_is_named(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_STRING_EQUAL(name_at(hidden + 1), "library_static");
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "library_exported");
	end();
}

/* A return address is behind its call; a call may be the last thing in its function. */
static void test_an_address_belongs_to_the_byte_before_it(void)
{
	struct gs_object object;
	struct gs_extent extent;

	if (!begin(""))
		return;
	CU_ASSERT_FATAL(gs_object_at(exported, &object));
	extent = gs_object_extent(&object, "library_exported");
	CU_ASSERT_STRING_EQUAL(name_at((const char *) extent.end), "library_exported");
	CU_ASSERT_STRING_NOT_EQUAL(name_at((const char *) extent.end + 1), "library_exported");
	CU_ASSERT_STRING_NOT_EQUAL(name_at(exported), "library_exported");
	end();
}

static void test_a_stripped_library_has_its_exports(void)
{
	if (!begin("-s"))
		return;
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "library_exported");
	CU_ASSERT_STRING_EQUAL(name_at(hidden + 1), "?");
	end();
}

static void test_a_function_of_libc_is_named(void)
{
	const char *function = dlsym(RTLD_DEFAULT, "hsearch");

	core_begin(NULL);
	CU_ASSERT_FATAL(gs_module_at(function) < GS_MAX_MODULES);
	module = &gs_store.modules[gs_module_at(function)];
	CU_ASSERT_STRING_EQUAL(name_at(function + 1), "hsearch");
	CU_ASSERT_STRING_EQUAL(name_at((const char *) module->base + 1), "?");
}

static void test_the_same_name_is_the_same_string(void)
{
	uint32_t name;

	if (!begin(""))
		return;
	name = gs_symfile_name(module, (uintptr_t) exported + 1);
	CU_ASSERT_EQUAL(gs_symfile_name(module, (uintptr_t) exported + 2), name);
	end();
}

static void test_addresses_outside_have_no_name(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_STRING_EQUAL(name_at(NULL), "?");
	CU_ASSERT_STRING_EQUAL(name_at((const char *) module->base), "?");
	CU_ASSERT_STRING_EQUAL(name_at((const char *) module->end + 4096), "?");
	CU_ASSERT_STRING_EQUAL(name_at((const char *) UINTPTR_MAX), "?");
	end();
}

/* Do the library and the file beside it have the same build-id? */
static bool builds_agree(void)
{
	char id[128];

	snprintf(id, sizeof(id), "%s", core_build_id(path));
	CU_ASSERT_NOT_EQUAL(id[0], '\0');
	return strcmp(id, core_build_id(other)) == 0;
}

static void test_a_missing_file_names_nothing(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(gs_symfile_name(module, (uintptr_t) exported + 1), GS_NONE);
	end();
}

static void test_a_replaced_file_names_nothing(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_TRUE(core_library(other, "-UEDITION -DEDITION=2"));
	CU_ASSERT_FALSE(builds_agree());
	CU_ASSERT_EQUAL(rename(other, path), 0);
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "?");
	end();
}

static void test_the_same_build_in_a_new_file_is_believed(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_TRUE(core_library(other, ""));
	CU_ASSERT_TRUE(builds_agree());
	CU_ASSERT_EQUAL(rename(other, path), 0);
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "library_exported");
	end();
}

static void test_a_file_without_a_build_id_is_believed(void)
{
	if (!begin("-Wl,--build-id=none"))
		return;
	CU_ASSERT_EQUAL(module->build_id_size, 0);
	CU_ASSERT_STRING_EQUAL(name_at(hidden + 1), "library_static");
	end();
}

static void test_a_file_that_lost_its_build_id_names_nothing(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_TRUE(core_library(other, "-Wl,--build-id=none"));
	CU_ASSERT_EQUAL(rename(other, path), 0);
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "?");
	end();
}

/* Puts `size` bytes of the library, or of nothing in particular, in its place. */
static void replace(bool of_library, size_t size)
{
	static char bytes[64 * 1024];
	FILE *file = fopen(path, "r");

	CU_ASSERT_FATAL(file != NULL && size <= sizeof(bytes));
	memset(bytes, 'x', sizeof(bytes));
	if (of_library)
		CU_ASSERT(fread(bytes, 1, sizeof(bytes), file) >= size);
	fclose(file);
	file = fopen(other, "w");
	CU_ASSERT_FATAL(file != NULL);
	fwrite(bytes, 1, size, file);
	fclose(file);
	CU_ASSERT_EQUAL(rename(other, path), 0);
}

static void check_damaged(bool of_library, size_t size)
{
	if (!begin(""))
		return;
	replace(of_library, size);
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "?");
	end();
}

static void test_damaged_files_name_nothing(void)
{
	check_damaged(false, 0);
	check_damaged(false, 10000);
	check_damaged(true, 4);
	check_damaged(true, 64);
	check_damaged(true, 65);
	check_damaged(true, 4096);
	check_damaged(true, 10000);
}

static void test_what_is_no_file_names_nothing(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0); /* is not waited for */
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "?");
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "?");
	end();
}

/* Is the file at `path`, as it is now, mapped by anybody but the loader? */
static bool is_mapped(void)
{
	static char maps[1024 * 1024];
	char inode[32];
	struct stat st;

	CU_ASSERT_EQUAL(stat(path, &st), 0);
	snprintf(inode, sizeof(inode), " %lu ", (unsigned long) st.st_ino);
	core_read("/proc/self/maps", maps, sizeof(maps));
	return strstr(maps, inode) != NULL;
}

static void test_nothing_stays_mapped(void)
{
	if (!begin(""))
		return;
	CU_ASSERT_TRUE(is_mapped());
	CU_ASSERT_TRUE(core_library(other, ""));
	CU_ASSERT_EQUAL(rename(other, path), 0);
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "library_exported");
	CU_ASSERT_FALSE(is_mapped());
	end();
}

static void test_nothing_of_a_file_that_is_no_object_stays_mapped(void)
{
	if (!begin(""))
		return;
	replace(false, 10000);
	CU_ASSERT_STRING_EQUAL(name_at(exported + 1), "?");
	CU_ASSERT_FALSE(is_mapped());
	end();
}

CU_TestInfo gs_tests_symfile[] = {
	{"a_static_function_is_named", test_a_static_function_is_named},
	{"the_byte_before_counts", test_an_address_belongs_to_the_byte_before_it},
	{"a_stripped_library_has_its_exports", test_a_stripped_library_has_its_exports},
	{"a_function_of_libc_is_named", test_a_function_of_libc_is_named},
	{"the_same_name_is_the_same_string", test_the_same_name_is_the_same_string},
	{"addresses_outside_have_no_name", test_addresses_outside_have_no_name},
	{"a_missing_file_names_nothing", test_a_missing_file_names_nothing},
	{"a_replaced_file_names_nothing", test_a_replaced_file_names_nothing},
	{"the_same_build_in_a_new_file", test_the_same_build_in_a_new_file_is_believed},
	{"a_file_without_a_build_id", test_a_file_without_a_build_id_is_believed},
	{"a_file_that_lost_its_build_id", test_a_file_that_lost_its_build_id_names_nothing},
	{"damaged_files_name_nothing", test_damaged_files_name_nothing},
	{"what_is_no_file_names_nothing", test_what_is_no_file_names_nothing},
	{"nothing_stays_mapped", test_nothing_stays_mapped},
	{"no_object_stays_mapped", test_nothing_of_a_file_that_is_no_object_stays_mapped},
	CU_TEST_INFO_NULL,
};
