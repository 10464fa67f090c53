#include "peek.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core.h"

/* Two pages, of which only the first can be read. */
static char *make_pages(size_t page)
{
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CU_ASSERT_FATAL(pages != MAP_FAILED);
	mprotect(pages + page, page, PROT_NONE);
	return pages;
}

static void test_what_can_be_read_can_be_peeked_at(void)
{
	static const char constant[] = "text";
	int local = 0;

	CU_ASSERT_TRUE(gs_can_peek_at(&local, sizeof(local)));
	CU_ASSERT_TRUE(gs_can_peek_at(constant, sizeof(constant)));
	CU_ASSERT_TRUE(gs_can_peek((uintptr_t) &test_what_can_be_read_can_be_peeked_at));
}

static void test_what_leads_nowhere_cannot(void)
{
	CU_ASSERT_FALSE(gs_can_peek(0));
	CU_ASSERT_FALSE(gs_can_peek(4095));
	CU_ASSERT_FALSE(gs_can_peek(UINTPTR_MAX));
	CU_ASSERT_FALSE(gs_can_peek(0x8000000000000000u));
	CU_ASSERT_FALSE(gs_can_peek_at(NULL, 16));
	CU_ASSERT_FALSE(gs_can_peek_at((void *) (UINTPTR_MAX - 3), 16)); /* the end wraps around */
}

static void test_both_ends_count(void)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	char *pages = make_pages(page);

	CU_ASSERT_TRUE(gs_can_peek_at(pages, page));
	CU_ASSERT_TRUE(gs_can_peek_at(pages + page - 16, 16));
	CU_ASSERT_FALSE(gs_can_peek_at(pages + page - 15, 16));
	CU_ASSERT_FALSE(gs_can_peek_at(pages + page, 1));
	munmap(pages, 2 * page);
}

/* Only good answers are remembered: what was bad may have become good. */
static void test_a_page_may_appear(void)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	char *pages = make_pages(page);

	CU_ASSERT_FALSE(gs_can_peek((uintptr_t) pages + page));
	mprotect(pages + page, page, PROT_READ);
	CU_ASSERT_TRUE(gs_can_peek((uintptr_t) pages + page));
	munmap(pages, 2 * page);
}

static void test_copies_are_whole_or_none(void)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	char *pages = make_pages(page), copy[16] = "";

	memcpy(pages + page - 16, "sixteen letters", 16);
	CU_ASSERT_TRUE(gs_peek_copy(copy, (uintptr_t) pages + page - 16, 16));
	CU_ASSERT_STRING_EQUAL(copy, "sixteen letters");
	CU_ASSERT_FALSE(gs_peek_copy(copy, (uintptr_t) pages + page - 8, 16));
	/* What could be read once is asked for again. */
	munmap(pages, 2 * page);
	CU_ASSERT_FALSE(gs_peek_copy(copy, (uintptr_t) pages + page - 16, 16));
	CU_ASSERT_FALSE(gs_peek_copy(copy, 0, 16));
}

static void test_peeking_keeps_errno(void)
{
	errno = 12345;
	CU_ASSERT_FALSE(gs_can_peek(UINTPTR_MAX));
	CU_ASSERT_TRUE(gs_can_peek((uintptr_t) &errno));
	CU_ASSERT_EQUAL(errno, 12345);
}

static _Atomic unsigned wrong;

static void peek_everywhere(unsigned number)
{
	char local = (char) number;

	for (unsigned i = 0; i < 2000; i++) {
		wrong += !gs_can_peek((uintptr_t) &local);
		wrong += !gs_can_peek((uintptr_t) &peek_everywhere);
		wrong += gs_can_peek(UINTPTR_MAX - i);
	}
}

static void test_threads_peek_at_once(void)
{
	wrong = 0;
	core_threads(8, peek_everywhere);
	CU_ASSERT_EQUAL(wrong, 0);
}

CU_TestInfo gs_tests_peek[] = {
	{"what_can_be_read", test_what_can_be_read_can_be_peeked_at},
	{"what_leads_nowhere", test_what_leads_nowhere_cannot},
	{"both_ends_count", test_both_ends_count},
	{"a_page_may_appear", test_a_page_may_appear},
	{"copies_are_whole_or_none", test_copies_are_whole_or_none},
	{"peeking_keeps_errno", test_peeking_keeps_errno},
	{"threads_peek_at_once", test_threads_peek_at_once},
	CU_TEST_INFO_NULL,
};
