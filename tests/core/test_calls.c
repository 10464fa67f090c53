#include "calls.h"

#include <dlfcn.h>
#include <string.h>

#include "core.h"
#include "record.h"

static enum gs_call find(const char *name)
{
	return gs_call_find(name, (unsigned) strlen(name));
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void test_every_call_has_a_name_and_a_group(void)
{
	CU_ASSERT(GS_CALLS <= GS_MAX_CALLS);
	for (unsigned i = 0; i < GS_CALLS; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(gs_call_info[i].name);
		CU_ASSERT_PTR_NOT_NULL_FATAL(gs_call_info[i].group);
		CU_ASSERT_TRUE(gs_call_info[i].name[0] && gs_call_info[i].group[0]);
	}
}

static void test_no_two_calls_share_a_name(void)
{
	for (unsigned i = 0; i < GS_CALLS; i++)
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(gs_call_info[i].name, gs_call_info[j].name);
}

static void test_no_two_rows_export_the_same_symbol_and_node(void)
{
	for (unsigned i = 0; i < GS_NAMES; i++)
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT_FALSE(same(gs_name_info[i].symbol, gs_name_info[j].symbol) &&
					same(gs_name_info[i].node, gs_name_info[j].node));
}

/* A symbol that has nodes has no row without one: it could not be told which was bound. */
static void test_a_symbol_has_nodes_or_none(void)
{
	for (unsigned i = 0; i < GS_NAMES; i++)
		for (unsigned j = 0; j < i; j++)
			if (same(gs_name_info[i].symbol, gs_name_info[j].symbol))
				CU_ASSERT_TRUE(gs_name_info[i].node && gs_name_info[j].node &&
					       gs_name_info[i].call == gs_name_info[j].call);
}

static void test_every_call_has_an_exported_name(void)
{
	unsigned names[GS_CALLS] = {0};

	for (unsigned i = 0; i < GS_NAMES; i++) {
		CU_ASSERT_FATAL(gs_name_info[i].call < GS_CALLS);
		CU_ASSERT_TRUE(gs_name_info[i].symbol[0]);
		names[gs_name_info[i].call]++;
	}
	for (unsigned i = 0; i < GS_CALLS; i++)
		CU_ASSERT(names[i] >= 1);
}

static void test_ids_lead_to_their_rows(void)
{
	CU_ASSERT_STRING_EQUAL(gs_call_info[GS_CALL_READ].name, "read");
	CU_ASSERT_STRING_EQUAL(gs_call_info[GS_CALL_READ].group, "file");
	CU_ASSERT_STRING_EQUAL(gs_name_info[GS_NAME___read_chk].symbol, "__read_chk");
	CU_ASSERT_EQUAL(gs_name_info[GS_NAME___read_chk].call, GS_CALL_READ);
	CU_ASSERT_PTR_NULL(gs_name_info[GS_NAME___read_chk].node);
	CU_ASSERT_STRING_EQUAL(gs_name_info[GS_NAME_realpath__old].symbol, "realpath");
	CU_ASSERT_STRING_EQUAL(gs_name_info[GS_NAME_realpath__old].node, "GLIBC_2.2.5");
	CU_ASSERT_STRING_EQUAL(gs_name_info[GS_NAME_realpath__new].node, "GLIBC_2.3");
}

static void test_flags_come_from_the_table(void)
{
	CU_ASSERT_TRUE(gs_call_info[GS_CALL_READ].on);
	CU_ASSERT_FALSE(gs_call_info[GS_CALL_MMAP].on);
	CU_ASSERT_FALSE(gs_call_info[GS_CALL_READ].composite);
	CU_ASSERT_TRUE(gs_call_info[GS_CALL_GETADDRINFO].composite);
}

static void test_every_call_is_found_by_its_name(void)
{
	for (unsigned i = 0; i < GS_CALLS; i++)
		CU_ASSERT_EQUAL(find(gs_call_info[i].name), i);
}

/* A symbol that is also the name of another row's call means that call. */
static void test_every_exported_name_leads_to_its_call(void)
{
	for (unsigned i = 0; i < GS_NAMES; i++) {
		enum gs_call found = find(gs_name_info[i].symbol);

		CU_ASSERT_TRUE(found == gs_name_info[i].call ||
			       same(gs_call_info[found].name, gs_name_info[i].symbol));
	}
	CU_ASSERT_EQUAL(find("__read_chk"), GS_CALL_READ);
	CU_ASSERT_EQUAL(find("pread64"), GS_CALL_PREAD);
}

static void test_what_is_no_call_is_not_found(void)
{
	CU_ASSERT_EQUAL(find(""), GS_CALLS);
	CU_ASSERT_EQUAL(find("rea"), GS_CALLS);
	CU_ASSERT_EQUAL(find("readx"), GS_CALLS);
	CU_ASSERT_EQUAL(find("READ"), GS_CALLS);
	CU_ASSERT_EQUAL(find("strlen"), GS_CALLS);
}

static void test_only_the_given_length_of_a_name_counts(void)
{
	CU_ASSERT_EQUAL(gs_call_find("readv", 4), GS_CALL_READ);
	CU_ASSERT_EQUAL(gs_call_find("readv", 5), GS_CALL_READV);
	CU_ASSERT_EQUAL(gs_call_find("read,write", 4), GS_CALL_READ);
	CU_ASSERT_EQUAL(gs_call_find("read", 0), GS_CALLS);
}

/* One word in calls= may not mean a group and a call of another group. */
static void test_groups_are_not_taken_for_calls(void)
{
	CU_ASSERT_EQUAL(find("all"), GS_CALLS);
	for (unsigned i = 0; i < GS_CALLS; i++) {
		enum gs_call found = find(gs_call_info[i].group);

		CU_ASSERT_STRING_NOT_EQUAL(gs_call_info[i].group, "all");
		CU_ASSERT_TRUE(found == GS_CALLS ||
			       same(gs_call_info[found].group, gs_call_info[i].group));
	}
}

/* Of two nodes the first is the older; this libc has both where it has the symbol. */
static void test_version_nodes_exist(void)
{
#if defined(__GLIBC__) && defined(__x86_64__)
	for (unsigned i = 0; i < GS_NAMES; i++)
		if (gs_name_info[i].node && dlsym(RTLD_DEFAULT, gs_name_info[i].symbol))
			CU_ASSERT_PTR_NOT_NULL(
				dlvsym(RTLD_DEFAULT, gs_name_info[i].symbol, gs_name_info[i].node));
#else
	core_skip("the nodes are those of glibc for x86-64");
#endif
}

CU_TestInfo gs_tests_calls[] = {
	{"every_call_has_a_name_and_a_group", test_every_call_has_a_name_and_a_group},
	{"no_two_calls_share_a_name", test_no_two_calls_share_a_name},
	{"no_symbol_and_node_twice", test_no_two_rows_export_the_same_symbol_and_node},
	{"a_symbol_has_nodes_or_none", test_a_symbol_has_nodes_or_none},
	{"every_call_has_an_exported_name", test_every_call_has_an_exported_name},
	{"ids_lead_to_their_rows", test_ids_lead_to_their_rows},
	{"flags_come_from_the_table", test_flags_come_from_the_table},
	{"every_call_is_found_by_its_name", test_every_call_is_found_by_its_name},
	{"every_exported_name_leads_to_its_call", test_every_exported_name_leads_to_its_call},
	{"what_is_no_call_is_not_found", test_what_is_no_call_is_not_found},
	{"only_the_given_length_counts", test_only_the_given_length_of_a_name_counts},
	{"groups_are_not_taken_for_calls", test_groups_are_not_taken_for_calls},
	{"version_nodes_exist", test_version_nodes_exist},
	CU_TEST_INFO_NULL,
};
