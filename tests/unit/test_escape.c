#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"
#include "executable.h"
#include "functions.h"
#include "unit.h"

#define SELF "/proc/self/exe"
#define HEAD 4096 /* where file and program headers are */

static char path[] = "/tmp/gilshim-escape-XXXXXX";

static void write_file(const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	CU_ASSERT(fd >= 0 && write(fd, bytes, size) == (ssize_t) size);
	close(fd);
}

/* Looks at the file in every way that there is. */
static void look(void)
{
	struct gs_escapes escapes = {.list = NULL};
	struct gs_executable executable;
	struct gs_objfile file;

	gs_escapes_add(&escapes, path);
	json_decref(gs_escapes_json(&escapes));
	gs_escapes_free(&escapes);
	gs_executable_read(&executable, path);
	gs_executable_free(&executable);
	if (gs_objfile_open(&file, path) == NULL)
		gs_objfile_close(&file);
}

/* A small object of this machine. */
static unsigned char *read_object(size_t *size)
{
	static const char *const places[] = {"/lib/x86_64-linux-gnu/libgomp.so.1",
		"/usr/lib/x86_64-linux-gnu/libgomp.so.1", "/lib64/libgomp.so.1", "/bin/true"};
	unsigned char *bytes = NULL;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !bytes; i++) {
		FILE *file = fopen(places[i], "rb");

		if (!file)
			continue;
		bytes = malloc(1 << 20);
		*size = bytes ? fread(bytes, 1, 1 << 20, file) : 0;
		fclose(file);
	}
	return bytes;
}

static void damaged_objects(void)
{
	size_t size = 0;
	unsigned char *bytes = read_object(&size);
	unsigned seed = 1;
	int fd = mkstemp(path);

	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	CU_ASSERT_FATAL(fd >= 0 && size > HEAD);
	close(fd);
	for (size_t length = 0; length < size; length += length < HEAD ? 61 : size / 37) {
		write_file(bytes, length);
		look();
	}
	for (unsigned round = 0; round < 400; round++) {
		unsigned char kept[8];
		size_t at[8];

		for (unsigned i = 0; i < 8; i++) {
			/* Half of them where the headers are: at both ends. */
			at[i] = (size_t) rand_r(&seed) % (i < 3 ? HEAD / 8 : size);
			if (i == 3)
				at[i] = size - 1 - at[i] % HEAD;
			kept[i] = bytes[at[i]];
			bytes[at[i]] = (unsigned char) rand_r(&seed);
		}
		write_file(bytes, size);
		look();
		for (unsigned i = 8; i > 0; i--)
			bytes[at[i - 1]] = kept[i - 1];
	}
	unlink(path);
	free(bytes);
}

/* Symbols and the unwind table agree about where a function ends. */
static void function_ranges(void)
{
	struct gs_functions functions, unnamed;
	struct gs_range by_symbol, by_table;
	struct gs_objfile file;
	unsigned compared = 0;

	CU_ASSERT_PTR_NULL_FATAL(gs_objfile_open(&file, SELF));
	gs_functions_read(&functions, &file);
	CU_ASSERT_FALSE(gs_functions_none(&functions));
	unnamed = functions;
	unnamed.count = 0;
	for (size_t i = 0; i < functions.count; i++) {
		const struct gs_range *symbol = &functions.symbols[i];

		if (!symbol->name || strncmp(symbol->name, "gs_", 3) != 0)
			continue;
		CU_ASSERT(gs_functions_at(&functions, symbol->end - 1, &by_symbol));
		if (!gs_functions_at(&unnamed, symbol->end - 1, &by_table))
			continue;
		CU_ASSERT_EQUAL(by_symbol.end, by_table.end);
		compared++;
	}
	CU_ASSERT(compared > 50);
	CU_ASSERT_FALSE(gs_functions_at(&functions, 0, &by_symbol));
	CU_ASSERT_FALSE(gs_functions_at(&functions, UINT64_MAX, &by_symbol));
	gs_functions_free(&functions);
	gs_objfile_close(&file);
}

static void files_that_are_none(void)
{
	struct gs_escapes escapes = {.list = NULL};
	struct gs_objfile file;

	CU_ASSERT_PTR_NOT_NULL(gs_objfile_open(&file, "/nowhere/at/all"));
	CU_ASSERT_PTR_NOT_NULL(gs_objfile_open(&file, "/tmp"));
	CU_ASSERT_PTR_NOT_NULL(gs_objfile_open(&file, "/dev/null"));
	CU_ASSERT_PTR_EQUAL(gs_objfile_open(&file, "/etc/passwd"), GS_NOT_ELF);
	gs_escapes_add(&escapes, "/nowhere/at/all");
	gs_escapes_add(&escapes, "/etc/passwd");
	CU_ASSERT_EQUAL(escapes.count, 0);
	gs_escapes_free(&escapes);
}

static void interpreter_names(void)
{
	static const char *const good[] = {"python", "python3", "/usr/bin/python3.11",
		"/opt/python3.13t", "python3.14td", "python3-dbg", "pypy3.9", "./pypy"};
	static const char *const bad[] = {"pythonw.sh", "ipython", "python3-config.py",
		"/usr/bin/python3/uwsgi", "py", "python3.11-gdb.py", ""};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CU_ASSERT(gs_executable_takes_code(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CU_ASSERT_FALSE(gs_executable_takes_code(bad[i]));
}

CU_TestInfo gs_tests_escape[] = {
	{"damaged objects harm nobody", damaged_objects},
	{"function ranges", function_ranges},
	{"files that are no objects", files_that_are_none},
	{"names of interpreters", interpreter_names},
	CU_TEST_INFO_NULL,
};
