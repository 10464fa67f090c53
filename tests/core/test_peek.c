#include "peek.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

	CU_ASSERT_TRUE(gs_can_read(&local, sizeof(local)));
	CU_ASSERT_TRUE(gs_can_read(constant, sizeof(constant)));
	CU_ASSERT_TRUE(gs_can_peek((uintptr_t) &test_what_can_be_read_can_be_peeked_at));
}

static void test_what_leads_nowhere_cannot(void)
{
	CU_ASSERT_FALSE(gs_can_peek(0));
	CU_ASSERT_FALSE(gs_can_peek(4095));
	CU_ASSERT_FALSE(gs_can_peek(UINTPTR_MAX));
	CU_ASSERT_FALSE(gs_can_peek(0x8000000000000000u));
	CU_ASSERT_FALSE(gs_can_read(NULL, 16));
	CU_ASSERT_FALSE(gs_can_read((void *) (UINTPTR_MAX - 3), 16)); /* the end wraps around */
}

static void test_all_of_it_counts(void)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	char *pages = make_pages(page);

	CU_ASSERT_TRUE(gs_can_read(pages, page));
	CU_ASSERT_TRUE(gs_can_read(pages + page - 16, 16));
	CU_ASSERT_FALSE(gs_can_read(pages + page - 15, 16));
	CU_ASSERT_FALSE(gs_can_read(pages + page, 1));
	/* Nothing is remembered. */
	munmap(pages, 2 * page);
	CU_ASSERT_FALSE(gs_can_read(pages, page));
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

/* A filter that lets nobody read another process's memory, nor its own that way. */
static int peek_where_refused(void *unused)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {GS_ARRAY_SIZE(rules), rules};
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	char *pages = make_pages(page), copy[16] = "";

	(void) unused;
	strcpy(pages + page - 16, "sixteen letters");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &filter))
		return 77;
	return !gs_peek_copy(copy, (uintptr_t) pages + page - 16, 16) ||
	       strcmp(copy, "sixteen letters") != 0 ||
	       gs_peek_copy(copy, (uintptr_t) pages + page - 8, 16);
}

static void test_where_copies_are_refused_it_is_asked_first(void)
{
	const struct core_said *said;

	core_begin(NULL);
	said = core_child(peek_where_refused, NULL);
	if (said->status == 77)
		core_skip("no filter of system calls");
	else
		CU_ASSERT_EQUAL(said->status, 0);
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
	{"all_of_it_counts", test_all_of_it_counts},
	{"a_page_may_appear", test_a_page_may_appear},
	{"copies_are_whole_or_none", test_copies_are_whole_or_none},
	{"where_copies_are_refused", test_where_copies_are_refused_it_is_asked_first},
	{"peeking_keeps_errno", test_peeking_keeps_errno},
	{"threads_peek_at_once", test_threads_peek_at_once},
	CU_TEST_INFO_NULL,
};
