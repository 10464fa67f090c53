/* Objects in memory: what the loader's own functions say of an address, we say too. */
#include "modules.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding.h"
#include "core.h"
#include "gil.h"
#include "objects.h"
#include "real.h"
#include "store.h"

/* A library made for one test. */
static char directory[PATH_MAX], path[PATH_MAX + 64];
static void *library;

static bool open_library(const char *name, const char *flags)
{
	snprintf(directory, sizeof(directory), "%s", core_directory());
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	library = core_library(path, flags) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	if (!library) {
		core_skip("no library can be compiled here");
		core_remove(directory);
	}
	return library != NULL;
}

static void close_library(void)
{
	dlclose(library);
	core_remove(directory);
}

static struct gs_object object_of(const void *address)
{
	struct gs_object object;

	CU_ASSERT_FATAL(gs_object_at(address, &object));
	return object;
}

/* ---- objects ---- */

static void test_a_function_of_libc(void)
{
	objects_compare(gs_object_at, dlsym(RTLD_DEFAULT, "hsearch"));
	CU_ASSERT_PTR_NOT_NULL(strstr(object_of(dlsym(RTLD_DEFAULT, "hsearch")).path, "libc.so.6"));
}

static void test_a_function_of_this_program(void)
{
	objects_compare(gs_object_at, (const void *) test_a_function_of_this_program);
	CU_ASSERT_STRING_EQUAL(object_of((const void *) test_a_function_of_libc).path, "");
}

static void test_the_vdso(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	if (!vdso) {
		core_skip("this kernel gives none");
		return;
	}
	objects_compare(gs_object_at, (const void *) (vdso + 64));
	CU_ASSERT_EQUAL(object_of((const void *) (vdso + 64)).start, vdso);
}

static void test_a_library_that_was_opened(void)
{
	if (!open_library("libopened.so", ""))
		return;
	objects_compare(gs_object_at, dlsym(library, "library_exported"));
	CU_ASSERT_STRING_EQUAL(object_of(dlsym(library, "library_exported")).path, path);
	close_library();
}

static void test_the_edges_of_an_object(void)
{
	struct gs_object object = object_of(dlsym(RTLD_DEFAULT, "hsearch")), other;

	CU_ASSERT_TRUE(gs_object_at((const void *) object.start, &other));
	CU_ASSERT_EQUAL(other.start, object.start);
	CU_ASSERT_TRUE(gs_object_at((const void *) (object.end - 1), &other));
	CU_ASSERT_EQUAL(other.start, object.start);
	CU_ASSERT_TRUE(!gs_object_at((const void *) (object.start - 1), &other) ||
		       other.start != object.start);
	CU_ASSERT_TRUE(
		!gs_object_at((const void *) object.end, &other) || other.start != object.start);
}

static void test_no_object(void)
{
	struct gs_object object;
	char *memory = malloc(100);

	CU_ASSERT_FALSE(gs_object_at(NULL, &object));
	CU_ASSERT_FALSE(gs_object_at(&object, &object));
	CU_ASSERT_FALSE(gs_object_at(memory, &object));
	CU_ASSERT_FALSE(gs_object_at((const void *) UINTPTR_MAX, &object));
	free(memory);
}

static void test_a_library_that_was_closed(void)
{
	struct gs_object object;
	void *function;

	if (!open_library("libclosed.so", ""))
		return;
	function = dlsym(library, "library_exported");
	CU_ASSERT_TRUE(gs_object_at(function, &object));
	close_library();
	CU_ASSERT_FALSE(gs_object_at(function, &object));
}

/* ---- symbols ---- */

static void test_exported_symbols_are_found(void)
{
	void *inside = dlsym(RTLD_DEFAULT, "hsearch");
	struct gs_object object = object_of(inside);

	CU_ASSERT_PTR_EQUAL(gs_object_symbol(&object, "hsearch"), inside);
	CU_ASSERT_PTR_EQUAL(gs_object_symbol(&object, "hcreate"), dlsym(RTLD_DEFAULT, "hcreate"));
	CU_ASSERT_PTR_EQUAL(gs_object_symbol(&object, "environ"), dlsym(RTLD_DEFAULT, "environ"));
}

static void test_other_symbols_are_not(void)
{
	struct gs_object object = object_of(dlsym(RTLD_DEFAULT, "hsearch"));

	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "hsearc"));
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "hsearchx"));
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, ""));
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "PyGILState_Check"));
}

/* Both kinds of hash table; a library may have the older one alone. */
static void check_symbols(const char *name, const char *flags)
{
	struct gs_object object;

	if (!open_library(name, flags))
		return;
	object = object_of(dlsym(library, "library_exported"));
	CU_ASSERT_PTR_EQUAL(
		gs_object_symbol(&object, "library_exported"), dlsym(library, "library_exported"));
	CU_ASSERT_PTR_EQUAL(
		gs_object_symbol(&object, "library_hidden"), dlsym(library, "library_hidden"));
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "library_static"));
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "library_nothing"));
	/* has the GNU hash of library_exported */
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "library_exportd\x85"));
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "atoi")); /* used, not defined */
	CU_ASSERT_PTR_NULL(gs_object_symbol(&object, "strtol"));
	close_library();
}

static void test_symbols_by_either_hash_table(void)
{
	check_symbols("libgnu.so", "-Wl,--hash-style=gnu");
	check_symbols("libsysv.so", "-Wl,--hash-style=sysv");
	check_symbols("libboth.so", "-Wl,--hash-style=both");
}

static void test_the_extent_of_a_function(void)
{
	void *function = dlsym(RTLD_DEFAULT, "hsearch");
	struct gs_object object = object_of(function);
	struct gs_extent extent = gs_object_extent(&object, "hsearch");
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	CU_ASSERT_NOT_EQUAL(dladdr1(function, &info, (void **) &symbol, RTLD_DL_SYMENT), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(symbol);
	CU_ASSERT_EQUAL(extent.start, (uintptr_t) function);
	CU_ASSERT_EQUAL(extent.end - extent.start, symbol->st_size);
	extent = gs_object_extent(&object, "no such function");
	CU_ASSERT_TRUE(extent.start == 0 && extent.end == 0);
}

/* ---- modules of the record ---- */

static struct gs_module *module_at(const void *address)
{
	uint32_t index = gs_module_at(address);

	CU_ASSERT_FATAL(index < GS_MAX_MODULES);
	return &gs_store.modules[index];
}

static const char *build_id(const struct gs_module *module)
{
	static char text[80];

	text[0] = '\0';
	for (uint32_t i = 0; i < module->build_id_size && i < sizeof(module->build_id); i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", module->build_id[i]);
	return text;
}

static void test_an_object_is_noted_once(void)
{
	void *a = dlsym(RTLD_DEFAULT, "hsearch"), *b = dlsym(RTLD_DEFAULT, "hcreate");
	uint32_t libc, program;

	core_begin(NULL);
	libc = gs_module_at(a);
	program = gs_module_at((const void *) test_an_object_is_noted_once);
	CU_ASSERT_NOT_EQUAL(libc, program);
	CU_ASSERT_EQUAL(gs_module_at(b), libc);
	CU_ASSERT_EQUAL(gs_module_at((const void *) test_no_object), program);
	CU_ASSERT_EQUAL(gs_store.header->modules, 2);
}

static void test_no_object_is_no_module(void)
{
	core_begin(NULL);
	CU_ASSERT_EQUAL(gs_module_at(NULL), GS_NONE);
	CU_ASSERT_EQUAL(gs_module_at(gs_store.header), GS_NONE);
	CU_ASSERT_EQUAL(gs_store.header->modules, 0);
	CU_ASSERT_EQUAL(gs_module_at(&library), gs_module_at((const void *) test_no_object));
	CU_ASSERT_EQUAL(gs_store.header->modules, 1);
	CU_ASSERT_EQUAL(gs_store.header->lost.modules, 0);
}

static void test_a_module_says_where_it_lies(void)
{
	void *function = dlsym(RTLD_DEFAULT, "hsearch");
	struct gs_object object = object_of(function);
	struct gs_module *module;

	core_begin(NULL);
	module = module_at(function);
	CU_ASSERT_EQUAL(module->base, object.base);
	CU_ASSERT_EQUAL(module->start, object.start);
	CU_ASSERT_EQUAL(module->end, object.end);
	CU_ASSERT_STRING_EQUAL(gs_store_text(module->path), object.path);
	CU_ASSERT_STRING_EQUAL(gs_store_text(module->name), "libc.so.6");
}

static void check_name(const char *name, const char *flags, const char *expected)
{
	if (!open_library(name, flags))
		return;
	core_begin(NULL);
	CU_ASSERT_STRING_EQUAL(
		gs_store_text(module_at(dlsym(library, "library_exported"))->name), expected);
	close_library();
}

static void test_a_module_is_named_after_its_soname_or_file(void)
{
	check_name("libfile.so.1.2", "-Wl,-soname,libsoname.so.1", "libsoname.so.1");
	check_name("ordinary.so", "", "ordinary.so");
	/* an extension module may carry the SONAME of the library that it was built as */
	check_name("x.cpython-311.so", "-Wl,-soname,libsoname.so.1", "x.cpython-311.so");
	check_name("x.abi3.so", "-Wl,-soname,libsoname.so.1", "x.abi3.so");
}

static void test_build_ids_are_what_readelf_says(void)
{
	Dl_info libc;

	core_begin(NULL);
	CU_ASSERT_NOT_EQUAL(dladdr(dlsym(RTLD_DEFAULT, "hsearch"), &libc), 0);
	CU_ASSERT_STRING_EQUAL(build_id(module_at(libc.dli_saddr)), core_build_id(libc.dli_fname));
	CU_ASSERT_STRING_EQUAL(
		build_id(module_at((const void *) test_no_object)), core_build_id(core_program()));
}

static void check_build_id(const char *name, const char *flags)
{
	struct gs_module *module;

	if (!open_library(name, flags))
		return;
	core_begin(NULL);
	module = module_at(dlsym(library, "library_exported"));
	CU_ASSERT_STRING_EQUAL(build_id(module), core_build_id(path));
	close_library();
}

static void test_build_ids_of_every_kind(void)
{
	check_build_id("libsha1.so", "-Wl,--build-id=sha1");
	check_build_id("libmd5.so", "-Wl,--build-id=md5");
	check_build_id("libnone.so", "-Wl,--build-id=none");
	check_build_id("liblong.so", "-Wl,--build-id=0x0123456789abcdef0123456789abcdef"
				     "0123456789abcdef0123456789abcdef");
}

static void check_flags(const char *name, uint32_t flags)
{
	if (!open_library(name, ""))
		return;
	core_begin(NULL);
	CU_ASSERT_EQUAL(module_at(dlsym(library, "library_exported"))->flags, flags);
	close_library();
}

static void test_who_a_module_is(void)
{
	core_begin(NULL);
	CU_ASSERT_EQUAL(module_at(dlsym(RTLD_DEFAULT, "hsearch"))->flags, GS_MODULE_LOADER);
	CU_ASSERT_EQUAL(module_at((const void *) test_no_object)->flags, GS_MODULE_PROGRAM);
	CU_ASSERT_STRING_EQUAL(
		gs_store_text(module_at((const void *) test_no_object)->path), core_program());
	check_flags("libordinary.so", 0);
	check_flags("_ctypes.cpython-311.so", GS_MODULE_FOREIGN);
	check_flags("libffi.so.8", GS_MODULE_FOREIGN);
	check_flags("_cffi_backend.abi3.so", GS_MODULE_FOREIGN);
	check_flags("notlibffi.so.8", 0);
}

/* Some loaders call it "", as they call the program. */
static void test_the_vdso_is_the_loaders(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);
	struct gs_module *module;

	if (!vdso) {
		core_skip("this kernel gives none");
		return;
	}
	core_begin(NULL);
	module = module_at((const void *) (vdso + 64));
	CU_ASSERT_STRING_EQUAL(gs_store_text(module->name), "linux-vdso.so.1");
	CU_ASSERT_EQUAL(module->flags, GS_MODULE_LOADER);
}

static void test_the_interpreter_and_its_library(void)
{
	char parent[PATH_MAX], below[PATH_MAX + 32];

	core_begin(NULL);
	gs_gil.start = (uintptr_t) dlsym(RTLD_DEFAULT, "hsearch");
	CU_ASSERT_EQUAL(module_at(dlsym(RTLD_DEFAULT, "hsearch"))->flags,
		GS_MODULE_LOADER | GS_MODULE_IMAGE);
	memset(&gs_gil, 0, sizeof(gs_gil));
	snprintf(parent, sizeof(parent), "%s", core_directory());
	snprintf(below, sizeof(below), "%s/lib-dynload", parent);
	CU_ASSERT_EQUAL(mkdir(below, 0700), 0);
	snprintf(path, sizeof(path), "%s/_json.so", below);
	library = core_library(path, "") ? dlopen(path, RTLD_NOW) : NULL;
	if (library) {
		CU_ASSERT_EQUAL(
			module_at(dlsym(library, "library_exported"))->flags, GS_MODULE_STDLIB);
		dlclose(library);
	}
	core_remove(below);
	core_remove(parent);
}

static void test_a_full_table_counts_what_it_loses(void)
{
	uint32_t libc;

	core_begin(NULL);
	libc = gs_module_at(dlsym(RTLD_DEFAULT, "hsearch"));
	gs_store.reserved_modules = GS_MAX_MODULES;
	CU_ASSERT_EQUAL(gs_module_at((const void *) test_no_object), GS_NONE);
	CU_ASSERT_EQUAL(gs_store.header->lost.modules, 1);
	CU_ASSERT_EQUAL(gs_module_at(dlsym(RTLD_DEFAULT, "hsearch")), libc);
	CU_ASSERT_EQUAL(gs_store.header->modules, 1);
}

/* ---- many threads ---- */

static const void *places[4];
static _Atomic unsigned wrong;

static void note_modules(unsigned number)
{
	for (unsigned i = 0; i < 1000; i++) {
		const void *place = places[(i + number) % GS_ARRAY_SIZE(places)];
		uint32_t index = gs_module_at(place);
		struct gs_module *module;

		if (index >= GS_MAX_MODULES) {
			wrong++;
			continue;
		}
		module = &gs_store.modules[index];
		wrong += (uintptr_t) place < module->start || (uintptr_t) place >= module->end;
		wrong += !gs_store_text(module->name)[0];
	}
}

static void test_threads_note_modules_at_once(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	places[0] = dlsym(RTLD_DEFAULT, "hsearch");
	places[1] = (const void *) test_no_object;
	places[2] = dlsym(RTLD_DEFAULT, "CU_get_error_msg");
	places[3] = vdso ? (const void *) (vdso + 64) : places[0];
	wrong = 0;
	for (unsigned round = 0; round < 50; round++) {
		core_begin(NULL);
		core_threads(8, note_modules);
		CU_ASSERT(gs_store.header->modules <= 8 * GS_ARRAY_SIZE(places));
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static bool is_noted(const char *name)
{
	for (unsigned i = 0; i < gs_store.header->modules; i++)
		if (strcmp(gs_store_text(gs_store.modules[i].name), name) == 0)
			return true;
	return false;
}

static void test_all_that_is_loaded_is_noted(void)
{
	core_begin(NULL);
	CU_ASSERT_FALSE(is_noted("libc.so.6"));
	gs_modules_note_all();
	CU_ASSERT_TRUE(is_noted("libc.so.6"));
	CU_ASSERT_TRUE(is_noted("libcunit.so.1"));
	CU_ASSERT_FALSE(is_noted("libgomp.so.1"));
}

/* In this program nobody stands before libc: who calls what is watched is bound past us. */
static void test_who_is_bound_past_us(void)
{
	struct gs_object object;

	core_begin(NULL);
	gs_real_resolve_all();
	object = object_of((const void *) test_no_object);
	CU_ASSERT_EQUAL(gs_binding_past_us(&object), GS_MODULE_DEEP);
	object = object_of(dlsym(RTLD_DEFAULT, "CU_get_error_msg"));
	CU_ASSERT_EQUAL(gs_binding_past_us(&object), GS_MODULE_DEEP);
	if (!open_library("libbound.so", "-Wl,-z,now"))
		return;
	object = object_of(dlsym(library, "library_exported")); /* calls strtol() */
	CU_ASSERT_EQUAL(gs_binding_past_us(&object), 0);
	close_library();
	if (!open_library("libbound.so", "-Wl,-z,now -D__NO_INLINE__ -Datoi=sleep"))
		return;
	object = object_of(dlsym(library, "library_exported"));
	CU_ASSERT_EQUAL(gs_binding_past_us(&object), GS_MODULE_DEEP);
	close_library();
	/* Unloaded meanwhile: what was known of it leads nowhere. */
	CU_ASSERT_EQUAL(gs_binding_past_us(&object), 0);
	object.dynamic = NULL;
	CU_ASSERT_EQUAL(gs_binding_past_us(&object), 0);
}

CU_TestInfo gs_tests_modules[] = {
	{"a_function_of_libc", test_a_function_of_libc},
	{"a_function_of_this_program", test_a_function_of_this_program},
	{"the_vdso", test_the_vdso},
	{"a_library_that_was_opened", test_a_library_that_was_opened},
	{"the_edges_of_an_object", test_the_edges_of_an_object},
	{"no_object", test_no_object},
	{"a_library_that_was_closed", test_a_library_that_was_closed},
	{"exported_symbols_are_found", test_exported_symbols_are_found},
	{"other_symbols_are_not", test_other_symbols_are_not},
	{"symbols_by_either_hash_table", test_symbols_by_either_hash_table},
	{"the_extent_of_a_function", test_the_extent_of_a_function},
	{"an_object_is_noted_once", test_an_object_is_noted_once},
	{"no_object_is_no_module", test_no_object_is_no_module},
	{"a_module_says_where_it_lies", test_a_module_says_where_it_lies},
	{"named_after_soname_or_file", test_a_module_is_named_after_its_soname_or_file},
	{"build_ids_are_what_readelf_says", test_build_ids_are_what_readelf_says},
	{"build_ids_of_every_kind", test_build_ids_of_every_kind},
	{"who_a_module_is", test_who_a_module_is},
	{"the_vdso_is_the_loaders", test_the_vdso_is_the_loaders},
	{"the_interpreter_and_its_library", test_the_interpreter_and_its_library},
	{"a_full_table_counts_what_it_loses", test_a_full_table_counts_what_it_loses},
	{"threads_note_modules_at_once", test_threads_note_modules_at_once},
	{"all_that_is_loaded_is_noted", test_all_that_is_loaded_is_noted},
	{"who_is_bound_past_us", test_who_is_bound_past_us},
	CU_TEST_INFO_NULL,
};
