#include "text.h"

#include <string.h>

#include "unit.h"

static char buffer[128];

static void expect(const struct gs_text *text, const char *words)
{
	CU_ASSERT_STRING_EQUAL(buffer, words);
	CU_ASSERT_EQUAL(gs_text_length(text), strlen(words));
	CU_ASSERT_FALSE(text->cut);
}

static const char *duration(uint64_t ns)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_duration(&text, ns);
	return buffer;
}

static void test_durations_have_three_digits(void)
{
	CU_ASSERT_STRING_EQUAL(duration(0), "0 ns");
	CU_ASSERT_STRING_EQUAL(duration(12), "12 ns");
	CU_ASSERT_STRING_EQUAL(duration(999), "999 ns");
	CU_ASSERT_STRING_EQUAL(duration(1000), "1.00 us");
	CU_ASSERT_STRING_EQUAL(duration(789000), "789 us");
	CU_ASSERT_STRING_EQUAL(duration(45600000), "45.6 ms");
	CU_ASSERT_STRING_EQUAL(duration(1230000000), "1.23 s");
	CU_ASSERT_STRING_EQUAL(duration(10050000000), "10.1 s");
	CU_ASSERT_STRING_EQUAL(duration(4000000000000), "4,000 s");
}

static void test_durations_are_rounded_into_the_next_unit(void)
{
	CU_ASSERT_STRING_EQUAL(duration(9994), "9.99 us");
	CU_ASSERT_STRING_EQUAL(duration(9995), "10.0 us");
	CU_ASSERT_STRING_EQUAL(duration(99949), "99.9 us");
	CU_ASSERT_STRING_EQUAL(duration(99950), "100 us");
	CU_ASSERT_STRING_EQUAL(duration(999499), "999 us");
	CU_ASSERT_STRING_EQUAL(duration(999500), "1.00 ms");
	CU_ASSERT_STRING_EQUAL(duration(999999999), "1.00 s");
	CU_ASSERT_STRING_EQUAL(duration(UINT64_MAX), "18,446,744,074 s");
}

static void test_numbers_have_thousands_and_ids_do_not(void)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_number(&text, 0);
	gs_text_char(&text, ' ');
	gs_text_number(&text, 999);
	gs_text_char(&text, ' ');
	gs_text_number(&text, 1234567);
	gs_text_char(&text, ' ');
	gs_text_number(&text, UINT64_MAX);
	gs_text_char(&text, ' ');
	gs_text_id(&text, 1234567);
	expect(&text, "0 999 1,234,567 18,446,744,073,709,551,615 1234567");
}

static void test_what_does_not_fit_is_cut(void)
{
	char small[6] = "XXXXX";
	struct gs_text text;

	gs_text_init(&text, small, 5);
	gs_text_put(&text, "abc");
	CU_ASSERT_FALSE(text.cut);
	gs_text_put(&text, "def");
	CU_ASSERT_TRUE(text.cut);
	CU_ASSERT_STRING_EQUAL(small, "abcd");
	CU_ASSERT_EQUAL(gs_text_length(&text), 4);
	gs_text_char(&text, 'x');
	CU_ASSERT_STRING_EQUAL(small, "abcd");
}

static void test_a_buffer_of_one_byte_holds_nothing(void)
{
	char one[1] = {'X'};
	struct gs_text text;

	gs_text_init(&text, one, sizeof(one));
	gs_text_number(&text, 42);
	CU_ASSERT_EQUAL(one[0], '\0');
	CU_ASSERT_TRUE(text.cut);
}

static void test_control_characters_of_names_are_replaced(void)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_name(&text,
		"a\x1b[2Jb\nc\x7f\xc2\x9b"
		"d\xc3\xa9",
		64);
	expect(&text, "a?[2Jb?c??d\xc3\xa9");
}

static void test_long_names_end_in_dots_and_whole_characters(void)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_name(&text, "abcdefgh", 8);
	gs_text_char(&text, '|');
	gs_text_name(&text, "abcdefghi", 8);
	gs_text_char(&text, '|');
	gs_text_name(&text,
		"abcd\xc3\xa9"
		"fghi",
		8); /* the cut would split the e-acute */
	gs_text_char(&text, '|');
	gs_text_name(&text, "abcdefghi", 0);
	expect(&text, "abcdefgh|abcde...|abcd...|...");
}

static const char *flow(const char *before, const char *words, unsigned indent)
{
	static char wide[512];
	struct gs_text text;

	gs_text_init(&text, wide, sizeof(wide));
	gs_text_put(&text, before);
	gs_text_flow(&text, words, indent);
	CU_ASSERT_FALSE(text.cut);
	return wide;
}

#define TEN "123456789 "
#define FIFTY TEN TEN TEN TEN TEN

static void test_words_flow_to_column_80(void)
{
	CU_ASSERT_STRING_EQUAL(flow("", "", 2), "");
	CU_ASSERT_STRING_EQUAL(flow("a: ", "b  c", 2), "a: b  c");
	CU_ASSERT_STRING_EQUAL(flow(FIFTY TEN, TEN "abcdefghij", 4), FIFTY TEN TEN "abcdefghij");
	CU_ASSERT_STRING_EQUAL(
		flow(FIFTY TEN, TEN "abcdefghijk l", 4), FIFTY TEN "123456789\n    abcdefghijk l");
	/* A line before it does not count, nor does a second byte of a character. */
	CU_ASSERT_STRING_EQUAL(flow("x\n" FIFTY TEN, TEN "abcdefghi\xc3\xa9", 4),
		"x\n" FIFTY TEN TEN "abcdefghi\xc3\xa9");
	/* What is too long by itself stays whole. */
	CU_ASSERT_STRING_EQUAL(flow(FIFTY FIFTY, "abc def", 0), FIFTY FIFTY "abc\ndef");
}

static void test_a_number_keeps_its_unit(void)
{
	CU_ASSERT_STRING_EQUAL(
		flow(FIFTY TEN, TEN "abcdef 12 ms, x", 2), FIFTY TEN TEN "abcdef\n  12 ms, x");
	CU_ASSERT_STRING_EQUAL(
		flow(FIFTY TEN, TEN "abcdef 12 s", 2), FIFTY TEN TEN "abcdef\n  12 s");
	CU_ASSERT_STRING_EQUAL(
		flow(FIFTY TEN, TEN "abcdef 12 sites", 2), FIFTY TEN TEN "abcdef 12\n  sites");
	CU_ASSERT_STRING_EQUAL(flow("", "12 ", 2), "12");
}

static void test_counts_have_their_number(void)
{
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_count(&text, 0, "call ", "calls ");
	gs_text_count(&text, 1, "call ", "calls ");
	gs_text_count(&text, 1000, "call", "calls");
	expect(&text, "0 calls 1 call 1,000 calls");
}

CU_TestInfo gs_tests_text[] = {
	{"words flow to column 80", test_words_flow_to_column_80},
	{"a number keeps its unit", test_a_number_keeps_its_unit},
	{"counts have their number", test_counts_have_their_number},
	{"durations have three digits", test_durations_have_three_digits},
	{"durations are rounded into the next unit", test_durations_are_rounded_into_the_next_unit},
	{"numbers have thousands and ids do not", test_numbers_have_thousands_and_ids_do_not},
	{"what does not fit is cut", test_what_does_not_fit_is_cut},
	{"a buffer of one byte holds nothing", test_a_buffer_of_one_byte_holds_nothing},
	{"control characters of names are replaced", test_control_characters_of_names_are_replaced},
	{"long names end in dots and whole characters",
		test_long_names_end_in_dots_and_whole_characters},
	CU_TEST_INFO_NULL,
};
