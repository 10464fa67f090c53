/* The record in memory and in a file. What complains runs in a child. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "core.h"
#include "life.h"

static char directory[1200];

static void make_directory(void)
{
	snprintf(directory, sizeof(directory), "%s", core_directory());
}

/* Where the record of this life lies in `directory`. */
static const char *record_path(void)
{
	static char path[1300];

	snprintf(path, sizeof(path), "%s/%u.%llx.gilshim", directory, gs_life.pid,
		(unsigned long long) gs_life.start_realtime_ns);
	return path;
}

static bool works(void)
{
	uint32_t text = gs_store_string("a text", 6);

	return text != GS_NONE && strcmp(gs_store_text(text), "a text") == 0 &&
	       strcmp(gs_store_text(gs_store.functions[GS_CALL_READ].name), "read") == 0;
}

static void test_without_a_directory_the_record_is_private(void)
{
	core_begin(NULL);
	CU_ASSERT_FALSE(gs_store.is_file);
	CU_ASSERT_STRING_EQUAL(gs_store.header->magic, GS_RECORD_MAGIC);
	CU_ASSERT_PTR_NULL(gs_record_check(gs_store.header, gs_store.header->file_size));
	CU_ASSERT_TRUE(works());
}

static void test_tables_lie_where_the_header_says(void)
{
	const char *base;
	const struct gs_section *section;

	core_begin(NULL);
	base = (const char *) gs_store.header;
	section = gs_store.header->section;
	CU_ASSERT_PTR_EQUAL(gs_store.modules, base + section[GS_SECTION_MODULES].offset);
	CU_ASSERT_PTR_EQUAL(gs_store.functions, base + section[GS_SECTION_FUNCTIONS].offset);
	CU_ASSERT_PTR_EQUAL(gs_store.threads, base + section[GS_SECTION_THREADS].offset);
	CU_ASSERT_PTR_EQUAL(gs_store.counts, base + section[GS_SECTION_COUNTS].offset);
	CU_ASSERT_PTR_EQUAL(gs_store.sites, base + section[GS_SECTION_SITES].offset);
	CU_ASSERT_PTR_EQUAL(gs_store.native, base + section[GS_SECTION_NATIVE].offset);
	CU_ASSERT_PTR_EQUAL(gs_store.python, base + section[GS_SECTION_PYTHON].offset);
	CU_ASSERT_PTR_EQUAL(gs_store.strings, base + section[GS_SECTION_STRINGS].offset);
}

static void test_a_new_record_is_empty(void)
{
	core_begin(NULL);
	CU_ASSERT_EQUAL(gs_store.header->modules, 0);
	CU_ASSERT_EQUAL(gs_store.header->sites, 0);
	CU_ASSERT_EQUAL(gs_store.header->threads, 0);
	CU_ASSERT_EQUAL(gs_store.header->harmless, 0);
	CU_ASSERT_EQUAL(gs_store.header->lost.strings, 0);
	CU_ASSERT_EQUAL(core_sites(), 0);
}

static void test_every_function_is_named(void)
{
	core_begin(NULL);
	for (unsigned i = 0; i < GS_CALLS; i++) {
		const struct gs_function *function = &gs_store.functions[i];

		CU_ASSERT_STRING_EQUAL(
			gs_record_string(gs_store.header, function->name), gs_call_info[i].name);
		CU_ASSERT_STRING_EQUAL(
			gs_record_string(gs_store.header, function->group), gs_call_info[i].group);
	}
}

static int open_with_stacks(void *argument)
{
	gs_life.options.stacks = *(uint64_t *) argument;
	if (!gs_store_open(&gs_life.options) || !works())
		return 1;
	core_describe();
	return gs_store.header->stacks != gs_life.options.stacks ||
	       gs_record_check(gs_store.header, gs_store.header->file_size) != NULL;
}

static void test_stacks_may_be_as_deep_as_the_option_allows(void)
{
	for (uint64_t stacks = 0; stacks <= GS_MAX_STACK; stacks += 32)
		CU_ASSERT_EQUAL(core_child(open_with_stacks, &stacks)->status, 0);
}

/* ---- files ---- */

static void test_a_record_file_has_its_name_and_size(void)
{
	static struct gs_record_header header;
	struct stat st = {0};
	int fd;

	make_directory();
	core_begin(directory);
	CU_ASSERT_TRUE(gs_store.is_file);
	CU_ASSERT_TRUE(works());
	CU_ASSERT_EQUAL(core_files_in(directory), 1);
	fd = open(record_path(), O_RDONLY);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(fstat(fd, &st), 0);
	CU_ASSERT_EQUAL((uint64_t) st.st_size, gs_store.header->file_size);
	CU_ASSERT((uint64_t) st.st_blocks * 512 >= gs_store.header->file_size); /* reserved */
	CU_ASSERT_EQUAL(read(fd, &header, sizeof(header)), sizeof(header));
	CU_ASSERT_STRING_EQUAL(header.magic, GS_RECORD_MAGIC);
	close(fd);
	core_remove(directory);
}

/* Until the process has described itself in it there is no file: who dies before that leaves none.
 */
static int open_unpublished(void *argument)
{
	(void) argument;
	gs_life.options.record = directory;
	gs_life.start_realtime_ns++;
	if (!gs_store_open(&gs_life.options) || core_files_in(directory) != 0)
		return 1;
	gs_store_publish();
	return core_files_in(directory) != 1;
}

static void test_a_record_file_appears_when_it_is_whole(void)
{
	make_directory();
	core_begin(NULL);
	CU_ASSERT_EQUAL(core_child(open_unpublished, NULL)->status, 0);
	core_remove(directory);
}

/* A record is not opened for writing by mistake: not even by its owner, unless that is root. */
static void test_a_record_file_is_read_only(void)
{
	struct stat st = {0};

	make_directory();
	core_begin(directory);
	CU_ASSERT_EQUAL(stat(record_path(), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0222, 0);
	core_remove(directory);
}

static void test_a_record_file_can_be_read_while_it_is_written(void)
{
	const struct gs_record_header *seen;
	uint64_t size;
	int fd;

	make_directory();
	core_begin(directory);
	size = gs_store.header->file_size;
	fd = open(record_path(), O_RDONLY);
	seen = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	CU_ASSERT_FATAL(seen != MAP_FAILED);
	close(fd);
	CU_ASSERT_PTR_NULL(gs_record_check(seen, size));
	gs_store.header->harmless = 42;
	CU_ASSERT_EQUAL(seen->harmless, 42);
	CU_ASSERT_STRING_EQUAL(gs_record_string(seen, gs_store_string("a text", 6)), "a text");
	munmap((void *) (uintptr_t) seen, size);
	core_remove(directory);
}

static void test_the_directory_is_made(void)
{
	char parent[1200];

	make_directory();
	snprintf(parent, sizeof(parent), "%s", directory);
	strcat(directory, "/records");
	core_begin(directory);
	CU_ASSERT_TRUE(gs_store.is_file);
	CU_ASSERT_EQUAL(core_files_in(directory), 1);
	core_remove(directory);
	core_remove(parent);
}

static int open_again(void *argument)
{
	(void) argument;
	gs_life.options.record = directory;
	if (!gs_store_open(&gs_life.options))
		return 1;
	gs_store_publish();
	if (!works())
		return 2;
	return gs_store.is_file ? 3 : 0;
}

/* The words of a record that could not be made; everything else went on. */
static const char *refused(void)
{
	const struct core_said *said = core_child(open_again, NULL);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL(said->writes, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(said->text, "keeps no record"));
	return said->text;
}

static void test_a_file_that_is_there_is_never_overwritten(void)
{
	char text[16];
	FILE *file;

	make_directory();
	core_begin(NULL);
	file = fopen(record_path(), "w");
	CU_ASSERT_FATAL(file != NULL);
	fputs("precious", file);
	fclose(file);
	CU_ASSERT_PTR_NOT_NULL(strstr(refused(), "cannot be created"));
	CU_ASSERT_EQUAL(core_read(record_path(), text, sizeof(text)), 8);
	CU_ASSERT_STRING_EQUAL(text, "precious");
	core_remove(directory);
}

static void test_a_symbolic_link_is_not_followed(void)
{
	char target[1300];

	make_directory();
	core_begin(NULL);
	snprintf(target, sizeof(target), "%s/target", directory);
	CU_ASSERT_EQUAL(symlink(target, record_path()), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(refused(), "cannot be created"));
	CU_ASSERT_NOT_EQUAL(access(target, F_OK), 0);
	core_remove(directory);
}

static void test_a_directory_that_cannot_be_made_is_named(void)
{
	const char *said;

	core_begin(NULL);
	strcpy(directory, "/nonexistent/records");
	said = refused();
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "gilshim: record /nonexistent/records: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "no such directory"));
	strcpy(directory, "/dev/null");
	CU_ASSERT_PTR_NOT_NULL(strstr(refused(), "not a directory"));
}

static void test_too_long_a_path_is_refused(void)
{
	core_begin(NULL);
	memset(directory, '/', sizeof(directory) - 1);
	directory[sizeof(directory) - 1] = '\0';
	memcpy(directory, "/tmp", 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(refused(), "cannot be created"));
}

/* ---- full disks ---- */

/* What is left of a record that there was no room for. */
static bool one_empty_file(void)
{
	char pattern[sizeof(directory) + 16];
	struct stat file;
	glob_t found;
	bool good;

	snprintf(pattern, sizeof(pattern), "%s/*.gilshim", directory);
	good = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1 &&
	       stat(found.gl_pathv[0], &file) == 0 && file.st_size == 0 &&
	       core_files_in(directory) == 1;
	globfree(&found);
	return good;
}

/* The file may not grow as large as a record, and who tries gets a SIGXFSZ. */
static int open_limited(void *argument)
{
	struct rlimit limit = {64 * 1024, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_DFL);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 4;
	return open_again(argument);
}

static void test_a_file_that_may_not_grow_stays_empty(void)
{
	const struct core_said *said;

	make_directory();
	core_begin(NULL);
	said = core_child(open_limited, NULL);
	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(said->text, "no space could be reserved"));
	CU_ASSERT_PTR_NOT_NULL(strstr(said->text, "ulimit -f"));
	CU_ASSERT_TRUE(one_empty_file());
	core_remove(directory);
}

/* In a mount namespace of its own, so that nothing is left of it. */
static int open_on_full_disk(void *argument)
{
	int status;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("small", directory, "tmpfs", 0, "size=256k") != 0)
		return 77;
	status = open_again(argument);
	if (status == 0 && !one_empty_file())
		return 5;
	return status;
}

static void test_a_full_disk_gives_a_private_record_and_an_empty_file(void)
{
	const struct core_said *said;

	make_directory();
	core_begin(NULL);
	said = core_child(open_on_full_disk, NULL);
	if (said->status == 77) {
		core_skip("nothing can be mounted");
	} else {
		CU_ASSERT_EQUAL(said->status, 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(said->text, "no space left"));
	}
	core_remove(directory);
}

/* ---- forks and lives ---- */

static int look_at_record(void *argument)
{
	struct gs_record_header *header = argument;

	if (msync((void *) ((uintptr_t) header & ~(uintptr_t) 4095), 4096, MS_ASYNC) == 0)
		return 1;
	return errno == ENOMEM ? 0 : 2;
}

static void test_a_forked_child_has_no_record(void)
{
	make_directory();
	core_begin(NULL);
	CU_ASSERT_EQUAL(core_child(look_at_record, gs_store.header)->status, 0);
	core_begin(directory);
	CU_ASSERT_EQUAL(core_child(look_at_record, gs_store.header)->status, 0);
	core_remove(directory);
}

static void test_a_new_life_knows_no_old_text(void)
{
	uint32_t before, after;

	core_begin(NULL);
	gs_store_string("filler", 6);
	before = gs_store_string("a text", 6);
	core_begin(NULL);
	after = gs_store_string("a text", 6);
	CU_ASSERT_NOT_EQUAL(before, after);
	CU_ASSERT_STRING_EQUAL(gs_store_text(after), "a text");
}

static void test_raising_keeps_the_highest(void)
{
	_Atomic uint32_t small = 5;
	_Atomic uint64_t large = 5;

	gs_store_raise(&small, 4);
	CU_ASSERT_EQUAL(small, 5);
	gs_store_raise(&small, UINT32_MAX);
	CU_ASSERT_EQUAL(small, UINT32_MAX);
	gs_store_raise64(&large, 5);
	CU_ASSERT_EQUAL(large, 5);
	gs_store_raise64(&large, UINT64_MAX);
	gs_store_raise64(&large, 1);
	CU_ASSERT_EQUAL(large, UINT64_MAX);
}

CU_TestInfo gs_tests_store[] = {
	{"without_a_directory_it_is_private", test_without_a_directory_the_record_is_private},
	{"tables_lie_where_the_header_says", test_tables_lie_where_the_header_says},
	{"a_new_record_is_empty", test_a_new_record_is_empty},
	{"every_function_is_named", test_every_function_is_named},
	{"stacks_may_be_deep", test_stacks_may_be_as_deep_as_the_option_allows},
	{"a_record_file_has_its_name_and_size", test_a_record_file_has_its_name_and_size},
	{"it_appears_when_it_is_whole", test_a_record_file_appears_when_it_is_whole},
	{"it_is_read_only", test_a_record_file_is_read_only},
	{"it_can_be_read_while_it_is_written", test_a_record_file_can_be_read_while_it_is_written},
	{"the_directory_is_made", test_the_directory_is_made},
	{"a_file_is_never_overwritten", test_a_file_that_is_there_is_never_overwritten},
	{"a_symbolic_link_is_not_followed", test_a_symbolic_link_is_not_followed},
	{"a_directory_that_cannot_be_made", test_a_directory_that_cannot_be_made_is_named},
	{"too_long_a_path_is_refused", test_too_long_a_path_is_refused},
	{"a_file_that_may_not_grow", test_a_file_that_may_not_grow_stays_empty},
	{"a_full_disk", test_a_full_disk_gives_a_private_record_and_an_empty_file},
	{"a_forked_child_has_no_record", test_a_forked_child_has_no_record},
	{"a_new_life_knows_no_old_text", test_a_new_life_knows_no_old_text},
	{"raising_keeps_the_highest", test_raising_keeps_the_highest},
	CU_TEST_INFO_NULL,
};
