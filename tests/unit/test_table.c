#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "unit.h"

static void test_a_map_finds_what_was_added(void)
{
	enum { COUNT = 5000 };
	struct {
		uint64_t key, payload;
	} *entries = gs_alloc(COUNT, sizeof(*entries));
	struct gs_map map = {NULL, 0, 0};
	uint32_t count = 0;

	for (uint64_t i = 0; i < 2 * COUNT; i++) {
		uint64_t key = i % COUNT * 4096;
		uint32_t at =
			gs_map_find(&map, entries, sizeof(*entries), &key, sizeof(key), count);

		if (i < COUNT)
			CU_ASSERT_EQUAL_FATAL(at, count);
		if (at == count)
			entries[count++].key = key;
		CU_ASSERT_EQUAL(at, i % COUNT);
	}
	CU_ASSERT_EQUAL(count, COUNT);
	gs_map_free(&map);
	free(entries);
}

static void test_equal_texts_have_one_address(void)
{
	struct gs_pool pool = {NULL, 0, 0};
	const char *first = gs_pool_text(&pool, "recv", 100);
	char text[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "name %d", i);
		CU_ASSERT_STRING_EQUAL(gs_pool_text(&pool, text, 100), text);
	}
	CU_ASSERT_PTR_EQUAL(gs_pool_text(&pool, "recv", 100), first);
	CU_ASSERT_PTR_EQUAL(gs_pool_text(&pool, "recvmsg", 4), first);
	CU_ASSERT_PTR_NOT_EQUAL(gs_pool_text(&pool, "recvmsg", 100), first);
	CU_ASSERT_PTR_NULL(gs_pool_text(&pool, NULL, 100));
	CU_ASSERT_EQUAL(pool.used, 2002);
	gs_pool_free(&pool);
}

/* Good UTF-8 stays, bad bytes become U+FFFD each. */
static void test_texts_become_utf8(void)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
		{"\xe2\x82\xac \xf0\x9f\x90\x8d \xf4\x8f\xbf\xbf",
			"\xe2\x82\xac \xf0\x9f\x90\x8d \xf4\x8f\xbf\xbf"},
		{"caf\xe9.py", "caf\xef\xbf\xbd.py"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"}, /* ends too early */
		{"\xff", "\xef\xbf\xbd"},
	};
	struct gs_pool pool = {NULL, 0, 0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_STRING_EQUAL(gs_pool_text(&pool, cases[i].from, 100), cases[i].to);
	gs_pool_free(&pool);
}

static void test_arrays_grow(void)
{
	size_t capacity = 0;
	int *numbers = NULL;

	for (int i = 0; i < 1000; i++) {
		numbers = gs_grow(numbers, &capacity, (size_t) i + 1, sizeof(*numbers));
		CU_ASSERT_FATAL(capacity > (size_t) i);
		numbers[i] = i;
	}
	CU_ASSERT_EQUAL(numbers[0], 0);
	CU_ASSERT_EQUAL(numbers[999], 999);
	free(numbers);
}

CU_TestInfo gs_tests_table[] = {
	{"a map finds what was added", test_a_map_finds_what_was_added},
	{"equal texts have one address", test_equal_texts_have_one_address},
	{"texts become UTF-8", test_texts_become_utf8},
	{"arrays grow", test_arrays_grow},
	CU_TEST_INFO_NULL,
};
