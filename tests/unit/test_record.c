#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void make(struct gs_record_header *header, uint32_t stacks)
{
	memset(header, 0, sizeof(*header));
	gs_record_layout(header, stacks);
	memcpy(header->magic, GS_RECORD_MAGIC, sizeof(header->magic));
	header->version = GS_RECORD_VERSION;
	header->oldest = GS_RECORD_OLDEST;
	header->endian = GS_RECORD_ENDIAN;
	header->header_size = sizeof(*header);
}

static const char *check(const struct gs_record_header *header)
{
	return gs_record_check(header, header->file_size);
}

static void test_sections_lie_one_behind_the_other(void)
{
	for (uint32_t stacks = 0; stacks <= GS_MAX_STACK; stacks++) {
		struct gs_record_header header;
		uint64_t end = sizeof(header);

		make(&header, stacks);
		for (unsigned i = 0; i < GS_SECTIONS; i++) {
			const struct gs_section *section = &header.section[i];

			CU_ASSERT_EQUAL(section->offset % 64, 0);
			CU_ASSERT(section->offset >= end);
			end = section->offset + (uint64_t) section->count * section->size;
		}
		CU_ASSERT(header.file_size >= end);
		CU_ASSERT(header.file_size - end < 4096);
		CU_ASSERT_EQUAL(header.file_size % 4096, 0);
		CU_ASSERT_PTR_NULL(check(&header));
	}
}

static void test_the_stated_capacities(void)
{
	struct gs_record_header header;
	const struct gs_section *section = header.section;

	make(&header, 16);
	CU_ASSERT_EQUAL(section[GS_SECTION_MODULES].count, GS_MAX_MODULES);
	CU_ASSERT_EQUAL(section[GS_SECTION_FUNCTIONS].count, GS_MAX_CALLS);
	CU_ASSERT_EQUAL(section[GS_SECTION_THREADS].count, GS_MAX_THREADS + 1);
	CU_ASSERT_EQUAL(section[GS_SECTION_COUNTS].count, GS_MAX_THREADS + 1);
	CU_ASSERT_EQUAL(section[GS_SECTION_COUNTS].size, GS_MAX_CALLS * 8);
	CU_ASSERT_EQUAL(section[GS_SECTION_SITES].count, GS_MAX_SITES);
	CU_ASSERT_EQUAL(section[GS_SECTION_NATIVE].size, 16 * 8);
	CU_ASSERT_EQUAL(section[GS_SECTION_PYTHON].size, 16 * sizeof(struct gs_pyline));
	CU_ASSERT_EQUAL(section[GS_SECTION_STRINGS].size, GS_STRINGS_SIZE);
}

static void test_more_frames_than_the_limit_are_the_limit(void)
{
	struct gs_record_header header;

	make(&header, 1000);
	CU_ASSERT_EQUAL(header.stacks, GS_MAX_STACK);
	CU_ASSERT_PTR_NULL(check(&header));
}

static void expect_reason(const struct gs_record_header *header, size_t size, const char *begins)
{
	const char *reason = gs_record_check(header, size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reason);
	CU_ASSERT_EQUAL(strncmp(reason, begins, strlen(begins)), 0);
}

static void test_what_is_no_record_is_told_apart(void)
{
	struct gs_record_header header;

	make(&header, 16);
	expect_reason(&header, 0, "empty");
	expect_reason(&header, 10, "too short");
	header.magic[0] = 'g';
	expect_reason(&header, header.file_size, "not a gilshim record");
	make(&header, 16);
	header.endian = __builtin_bswap32(GS_RECORD_ENDIAN);
	expect_reason(&header, header.file_size, "made on a machine of the other byte order");
	header.endian = 7;
	expect_reason(&header, header.file_size, "damaged: no such byte order");
}

static void test_versions(void)
{
	struct gs_record_header header;

	make(&header, 16);
	header.version = 9;
	CU_ASSERT_PTR_NULL(check(&header)); /* what it appended can be skipped */
	header.oldest = GS_RECORD_VERSION + 1;
	expect_reason(&header, header.file_size, "made by a newer gilshim");
	header.oldest = 0;
	expect_reason(&header, header.file_size, "damaged: no such format version");
	header.version = 0;
	expect_reason(&header, header.file_size, "damaged: no such format version");
}

static void test_wrong_sizes(void)
{
	struct gs_record_header header;

	make(&header, 16);
	expect_reason(&header, sizeof(header) - 1, "truncated: the header");
	expect_reason(&header, header.file_size - 1, "truncated: shorter");
	expect_reason(&header, header.file_size + 1, "damaged: longer");
	header.header_size--;
	expect_reason(&header, header.file_size, "damaged: impossible header size");
	header.header_size = UINT32_MAX;
	expect_reason(&header, header.file_size, "damaged: impossible header size");
	make(&header, 16);
	header.stacks = GS_MAX_STACK + 1;
	expect_reason(&header, header.file_size, "damaged: impossible stack depth");
}

static void test_a_section_must_lie_inside_and_be_aligned(void)
{
	for (unsigned i = 0; i < GS_SECTIONS; i++) {
		struct gs_record_header header;
		struct gs_section good;
		struct gs_section *section = &header.section[i];

		make(&header, 16);
		good = *section;
		section->offset = header.file_size + 8;
		expect_reason(&header, header.file_size, "damaged");
		section->offset = UINT64_MAX - 7;
		expect_reason(&header, header.file_size, "damaged");
		section->offset = 0; /* over the header */
		expect_reason(&header, header.file_size, "damaged");
		section->offset = good.offset + 4;
		expect_reason(&header, header.file_size, "damaged");
		*section = good;
		section->count = UINT32_MAX;
		section->size = UINT32_MAX;
		expect_reason(&header, header.file_size, "damaged");
		*section = good;
		section->size -= i == GS_SECTION_STRINGS ? section->size : 1;
		expect_reason(&header, header.file_size, "damaged");
		*section = good;
		CU_ASSERT_PTR_NULL(check(&header));
	}
}

static void test_tables_of_the_same_things_have_as_many(void)
{
	static const unsigned char twins[] = {
		GS_SECTION_COUNTS, GS_SECTION_NATIVE, GS_SECTION_PYTHON};

	for (unsigned i = 0; i < sizeof(twins); i++) {
		struct gs_record_header header;

		make(&header, 16);
		header.section[twins[i]].count--;
		expect_reason(&header, header.file_size, "damaged: the sections do not belong");
	}
}

static void test_an_empty_table_has_entries_of_possible_size(void)
{
	static const unsigned char together[] = {
		GS_SECTION_SITES, GS_SECTION_NATIVE, GS_SECTION_PYTHON};
	struct gs_record_header header;
	struct gs_section *sites = &header.section[GS_SECTION_SITES];

	make(&header, 16);
	for (unsigned i = 0; i < sizeof(together); i++)
		header.section[together[i]].count = 0;
	CU_ASSERT_PTR_NULL(check(&header));
	sites->size = 0xff000000;
	expect_reason(&header, header.file_size, "damaged: a section does not fit");
}

static void test_larger_entries_of_a_later_version_are_read(void)
{
	struct gs_record_header header;

	make(&header, 16);
	header.section[GS_SECTION_MODULES].size += 8;
	header.section[GS_SECTION_MODULES].count /= 2;
	CU_ASSERT_PTR_NULL(check(&header));
}

static void test_strings(void)
{
	struct gs_record_header layout;
	struct gs_record_header *header;
	struct gs_section *section;
	char *strings;

	make(&layout, 0);
	header = calloc(1, layout.file_size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(header);
	*header = layout;
	section = &header->section[GS_SECTION_STRINGS];
	strings = (char *) header + section->offset;
	strcpy(strings, "first");
	strcpy(strings + 6, "second");
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, 0), "first");
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, 6), "second");
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, 12), "");
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, section->size), "?");
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, GS_NONE), "?");
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, section->size - 1), "");
	memset(strings, 'x', section->size);
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, 0), "?");
	CU_ASSERT_STRING_EQUAL(gs_record_string(header, section->size - 1), "?");
	free(header);
}

CU_TestInfo gs_tests_record[] = {
	{"sections lie one behind the other", test_sections_lie_one_behind_the_other},
	{"the stated capacities", test_the_stated_capacities},
	{"more frames than the limit are the limit", test_more_frames_than_the_limit_are_the_limit},
	{"what is no record is told apart", test_what_is_no_record_is_told_apart},
	{"versions", test_versions},
	{"wrong sizes", test_wrong_sizes},
	{"a section must lie inside and be aligned", test_a_section_must_lie_inside_and_be_aligned},
	{"tables of the same things have as many", test_tables_of_the_same_things_have_as_many},
	{"an empty table has entries of possible size",
		test_an_empty_table_has_entries_of_possible_size},
	{"larger entries of a later version are read",
		test_larger_entries_of_a_later_version_are_read},
	{"strings", test_strings},
	CU_TEST_INFO_NULL,
};
