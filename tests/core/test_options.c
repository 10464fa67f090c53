#include "options.h"

#include <string.h>

#include "calls.h"
#include "core.h"

#define KEPT 8

static struct gs_options options;
static unsigned char watched[GS_CALLS];

/* The complaints of the last parse; texts are copied, for they lie in what was parsed. */
static struct complaint {
	char key[64], value[64], expected[128];
} complaints[KEPT];
static unsigned complained;

static void copy(char *to, size_t size, const char *from, size_t length)
{
	if (length > size - 1)
		length = size - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

static void complain(void *context, const struct gs_option_error *error)
{
	struct complaint *complaint = &complaints[complained % KEPT];

	CU_ASSERT_PTR_EQUAL(context, &options);
	copy(complaint->key, sizeof(complaint->key), error->key, error->key_length);
	copy(complaint->value, sizeof(complaint->value), error->value, error->value_length);
	copy(complaint->expected, sizeof(complaint->expected), error->expected,
		strlen(error->expected));
	complained++;
}

static int parse(const char *text)
{
	int count;

	complained = 0;
	memset(&options, 0xaa, sizeof(options));
	count = gs_options_parse(&options, text, complain, &options);
	CU_ASSERT_EQUAL((unsigned) count, complained);
	return count;
}

static void expect_defaults(void)
{
	CU_ASSERT_STRING_EQUAL(options.summary, "stderr");
	CU_ASSERT_PTR_NULL(options.record);
	CU_ASSERT_EQUAL(options.log, GS_LOG_NONE);
	CU_ASSERT_STRING_EQUAL(options.log_to, "stderr");
	CU_ASSERT_EQUAL(options.blocked, 1000000);
	CU_ASSERT_EQUAL(options.stall, 50000000);
	CU_ASSERT_PTR_NULL(options.calls);
	CU_ASSERT_PTR_NULL(options.skip);
	CU_ASSERT_EQUAL(options.timing, GS_TIMING_HELD);
	CU_ASSERT_EQUAL(options.gil, GS_GIL_AUTO);
	CU_ASSERT_EQUAL(options.children, 1);
	CU_ASSERT_EQUAL(options.top, 20);
	CU_ASSERT_EQUAL(options.stacks, 16);
	CU_ASSERT_FALSE(options.help);
}

/* One option is refused: who, what, why, and the defaults hold. */
static void expect_refused(const char *text, const char *key, const char *value, const char *why)
{
	CU_ASSERT_EQUAL(parse(text), 1);
	CU_ASSERT_STRING_EQUAL(complaints[0].key, key);
	CU_ASSERT_STRING_EQUAL(complaints[0].value, value);
	CU_ASSERT_PTR_NOT_NULL(strstr(complaints[0].expected, why));
	expect_defaults();
}

static void test_nothing_gives_the_defaults(void)
{
	CU_ASSERT_EQUAL(parse(NULL), 0);
	expect_defaults();
	CU_ASSERT_EQUAL(parse(""), 0);
	expect_defaults();
	CU_ASSERT_EQUAL(parse(" :\t\n: "), 0);
	expect_defaults();
}

static void test_every_type_is_understood(void)
{
	CU_ASSERT_EQUAL(parse("summary=/tmp/a.%p:record=dir:log=held:log_to=x:blocked=250us:"
			      "stall=1s:timing=all:gil=check:children=0:top=0:stacks=64"),
		0);
	CU_ASSERT_STRING_EQUAL(options.summary, "/tmp/a.%p");
	CU_ASSERT_STRING_EQUAL(options.record, "dir");
	CU_ASSERT_EQUAL(options.log, GS_LOG_HELD);
	CU_ASSERT_STRING_EQUAL(options.log_to, "x");
	CU_ASSERT_EQUAL(options.blocked, 250000);
	CU_ASSERT_EQUAL(options.stall, 1000000000);
	CU_ASSERT_EQUAL(options.timing, GS_TIMING_ALL);
	CU_ASSERT_EQUAL(options.gil, GS_GIL_CHECK);
	CU_ASSERT_EQUAL(options.children, 0);
	CU_ASSERT_EQUAL(options.top, 0);
	CU_ASSERT_EQUAL(options.stacks, 64);
}

static void test_a_choice_is_its_place_in_the_list(void)
{
	static const char *const words[] = {"log=none", "log=blocked", "log=held", "log=all"};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(words); i++) {
		CU_ASSERT_EQUAL(parse(words[i]), 0);
		CU_ASSERT_EQUAL(options.log, i);
	}
}

static void test_options_are_separated_by_colons_and_white_space(void)
{
	CU_ASSERT_EQUAL(parse("::top=1 stacks=2\tlog=all\nchildren=0:"), 0);
	CU_ASSERT_EQUAL(options.top, 1);
	CU_ASSERT_EQUAL(options.stacks, 2);
	CU_ASSERT_EQUAL(options.log, GS_LOG_ALL);
	CU_ASSERT_EQUAL(options.children, 0);
}

static void test_quotes_protect_separators(void)
{
	CU_ASSERT_EQUAL(parse("record='/a b:c':summary=\"x\ty\":top=3"), 0);
	CU_ASSERT_STRING_EQUAL(options.record, "/a b:c");
	CU_ASSERT_STRING_EQUAL(options.summary, "x\ty");
	CU_ASSERT_EQUAL(options.top, 3);
}

static void test_quotes_may_begin_anywhere_in_a_value(void)
{
	CU_ASSERT_EQUAL(parse("record=/a' b'/c\":d\":top=3"), 0);
	CU_ASSERT_STRING_EQUAL(options.record, "/a b/c:d");
	CU_ASSERT_EQUAL(options.top, 3);
}

static void test_the_other_quote_is_an_ordinary_character_inside(void)
{
	CU_ASSERT_EQUAL(parse("record=\"it's\":summary='\"'"), 0);
	CU_ASSERT_STRING_EQUAL(options.record, "it's");
	CU_ASSERT_STRING_EQUAL(options.summary, "\"");
}

static void test_a_quote_left_open_ends_with_the_text(void)
{
	CU_ASSERT_EQUAL(parse("record='a:top=3"), 0);
	CU_ASSERT_STRING_EQUAL(options.record, "a:top=3");
	CU_ASSERT_EQUAL(options.top, 20);
}

static void test_a_value_may_hold_an_equals_sign(void)
{
	CU_ASSERT_EQUAL(parse("record=a=b"), 0);
	CU_ASSERT_STRING_EQUAL(options.record, "a=b");
}

static void test_the_last_of_two_holds(void)
{
	CU_ASSERT_EQUAL(parse("top=1:top=2"), 0);
	CU_ASSERT_EQUAL(options.top, 2);
	CU_ASSERT_EQUAL(parse("top=1:top=x"), 1);
	CU_ASSERT_EQUAL(options.top, 1);
}

static void test_help_is_a_switch(void)
{
	CU_ASSERT_EQUAL(parse("help=1"), 0);
	CU_ASSERT_TRUE(options.help);
	CU_ASSERT_EQUAL(parse("help"), 0);
	CU_ASSERT_TRUE(options.help);
	CU_ASSERT_EQUAL(parse("help=0"), 0);
	CU_ASSERT_FALSE(options.help);
}

static void test_unknown_keys_are_named(void)
{
	expect_refused("colour=red", "colour", "red", "help=1");
	expect_refused("lo=all", "lo", "all", "help=1");
	expect_refused("logs=all", "logs", "all", "help=1");
	expect_refused("Top=3", "Top", "3", "help=1");
	expect_refused("=3", "", "3", "help=1");
	expect_refused("word", "word", "", "help=1");
}

static void test_bad_durations_are_refused(void)
{
	expect_refused("blocked=5", "blocked", "5", "5ms");
	expect_refused("blocked=", "blocked", "", "5ms");
	expect_refused("stall=ms", "stall", "ms", "5ms");
	expect_refused("stall", "stall", "", "5ms");
}

static void test_bad_choices_are_refused_with_the_choices(void)
{
	expect_refused("log=some", "log", "some", "none|blocked|held|all");
	expect_refused("log=al", "log", "al", "none|blocked|held|all");
	expect_refused("log=none|blocked", "log", "none|blocked", "none|blocked|held|all");
	expect_refused("gil=", "gil", "", "auto|check");
	expect_refused("timing=ALL", "timing", "ALL", "held|all");
}

static void test_empty_texts_are_refused(void)
{
	expect_refused("record=", "record", "", "DIR");
	expect_refused("summary=''", "summary", "", "stderr|none|PATH");
	expect_refused("calls", "calls", "", "LIST");
}

static void test_numbers_have_limits(void)
{
	CU_ASSERT_EQUAL(parse("top=4096:stacks=64:children=1"), 0);
	CU_ASSERT_EQUAL(options.top, 4096);
	expect_refused("top=4097", "top", "4097", "whole number");
	expect_refused("stacks=65", "stacks", "65", "whole number");
	expect_refused("children=2", "children", "2", "0 or 1");
	expect_refused("top=x", "top", "x", "0 to 4096");
	expect_refused("top=-1", "top", "-1", "whole number");
	expect_refused("top=+1", "top", "+1", "whole number");
	expect_refused("top=1x", "top", "1x", "whole number");
	expect_refused("top=", "top", "", "whole number");
	expect_refused("top=18446744073709551617", "top", "18446744073709551617", "whole number");
	CU_ASSERT_EQUAL(parse("top=000000000000000007"), 0);
	CU_ASSERT_EQUAL(options.top, 7);
}

static void test_each_bad_option_is_reported_and_the_good_ones_hold(void)
{
	CU_ASSERT_EQUAL(parse("top=x:stacks=3:nothing=1:log=all"), 2);
	CU_ASSERT_STRING_EQUAL(complaints[0].key, "top");
	CU_ASSERT_STRING_EQUAL(complaints[1].key, "nothing");
	CU_ASSERT_EQUAL(options.top, 20);
	CU_ASSERT_EQUAL(options.stacks, 3);
	CU_ASSERT_EQUAL(options.log, GS_LOG_ALL);
}

static void test_too_long_a_text_is_refused_as_a_whole(void)
{
	char text[GS_OPTIONS_TEXT + 1];

	memset(text, 'x', sizeof(text));
	memcpy(text, "top=3:record=", 13);
	text[GS_OPTIONS_TEXT - 1] = '\0';
	CU_ASSERT_EQUAL(parse(text), 0);
	CU_ASSERT_EQUAL(options.top, 3);
	CU_ASSERT_EQUAL(strlen(options.record), GS_OPTIONS_TEXT - 1 - 13);
	text[GS_OPTIONS_TEXT - 1] = 'x';
	text[GS_OPTIONS_TEXT] = '\0';
	expect_refused(text, GS_OPTIONS_ENV, "top=3:record=xxxxxxx", "4095");
}

/* The densest texts that there are fit the buffer of the values. */
static void test_values_never_outgrow_their_buffer(void)
{
	char text[GS_OPTIONS_TEXT];

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? ':' : 'a';
	text[sizeof(text) - 1] = '\0';
	CU_ASSERT_EQUAL(parse(text), GS_OPTIONS_TEXT / 2);
	memset(text, '=', sizeof(text) - 1);
	CU_ASSERT_EQUAL(parse(text), 1);
	memset(text, '\'', sizeof(text) - 1);
	CU_ASSERT_EQUAL(parse(text), 1);
}

static uint64_t time_of(const char *text)
{
	uint64_t ns = 77;

	return gs_parse_time(text, strlen(text), &ns) ? ns : UINT64_MAX;
}

static void test_durations_have_a_unit(void)
{
	CU_ASSERT_EQUAL(time_of("10ns"), 10);
	CU_ASSERT_EQUAL(time_of("250us"), 250000);
	CU_ASSERT_EQUAL(time_of("5ms"), 5000000);
	CU_ASSERT_EQUAL(time_of("1s"), 1000000000);
	CU_ASSERT_EQUAL(time_of("0s"), 0);
	CU_ASSERT_EQUAL(time_of("007ms"), 7000000);
}

static void test_durations_may_have_a_fraction(void)
{
	CU_ASSERT_EQUAL(time_of("1.5ms"), 1500000);
	CU_ASSERT_EQUAL(time_of("0.25us"), 250);
	CU_ASSERT_EQUAL(time_of("0.999999999s"), 999999999);
	CU_ASSERT_EQUAL(time_of("1.5ns"), 1);
	CU_ASSERT_EQUAL(time_of("0.0000000001s"), UINT64_MAX);
}

static void test_what_is_no_duration(void)
{
	static const char *const words[] = {"", "5", "ms", ".5ms", "1.ms", "1.s", "-1ms", "+1ms",
		"1 ms", " 1ms", "1ms ", "1MS", "1m", "1msx", "1e3ms", "1,5ms", "1.5.5ms", "0x10ms"};

	for (unsigned i = 0; i < GS_ARRAY_SIZE(words); i++)
		CU_ASSERT_EQUAL(time_of(words[i]), UINT64_MAX);
}

static void test_durations_have_limits(void)
{
	CU_ASSERT_EQUAL(time_of("999999999999ms"), 999999999999000000u);
	CU_ASSERT_EQUAL(time_of("1000000000000ms"), UINT64_MAX); /* thirteen digits */
	CU_ASSERT_EQUAL(time_of("4611686018s"), 4611686018000000000u);
	CU_ASSERT_EQUAL(time_of("4611686019s"), UINT64_MAX); /* a quarter of what fits */
	CU_ASSERT_EQUAL(time_of("999999999999s"), UINT64_MAX);
}

static void test_a_refused_duration_leaves_the_value_alone(void)
{
	uint64_t ns = 77;

	CU_ASSERT_FALSE(gs_parse_time("5m", 2, &ns));
	CU_ASSERT_EQUAL(ns, 77);
}

static void test_only_the_given_length_of_a_duration_counts(void)
{
	uint64_t ns = 77;

	CU_ASSERT_TRUE(gs_parse_time("5ms,7", 3, &ns));
	CU_ASSERT_EQUAL(ns, 5000000);
	CU_ASSERT_FALSE(gs_parse_time("5ms,7", 1, &ns));
}

static void test_lists_are_walked(void)
{
	const char *list = ",read, write\t,,x", *item;
	size_t length;

	CU_ASSERT_TRUE(gs_list_next(&list, &item, &length));
	CU_ASSERT_EQUAL(length, 4);
	CU_ASSERT_NSTRING_EQUAL(item, "read", 4);
	CU_ASSERT_TRUE(gs_list_next(&list, &item, &length));
	CU_ASSERT_EQUAL(length, 5);
	CU_ASSERT_NSTRING_EQUAL(item, "write", 5);
	CU_ASSERT_TRUE(gs_list_next(&list, &item, &length));
	CU_ASSERT_EQUAL(length, 1);
	CU_ASSERT_FALSE(gs_list_next(&list, &item, &length));
	CU_ASSERT_FALSE(gs_list_next(&list, &item, &length));
	list = " , ,";
	CU_ASSERT_FALSE(gs_list_next(&list, &item, &length));
}

/* Parses and decides what is watched; returns the number of complaints of the latter. */
static int decide(const char *text)
{
	int count;

	CU_ASSERT_EQUAL(parse(text), 0);
	memset(watched, 0xaa, sizeof(watched));
	count = gs_options_calls(&options, watched, complain, &options);
	CU_ASSERT_EQUAL((unsigned) count, complained);
	CU_ASSERT_EQUAL(gs_options_calls(&options, watched, NULL, NULL), count);
	return count;
}

static unsigned count_watched(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < GS_CALLS; i++) {
		CU_ASSERT(watched[i] <= 1);
		count += watched[i];
	}
	return count;
}

static void test_the_table_says_what_is_watched(void)
{
	CU_ASSERT_EQUAL(decide(NULL), 0);
	for (unsigned i = 0; i < GS_CALLS; i++)
		CU_ASSERT_EQUAL(watched[i], gs_call_info[i].on);
}

static void test_calls_names_all_that_is_watched(void)
{
	CU_ASSERT_EQUAL(decide("calls=read,write"), 0);
	CU_ASSERT_EQUAL(count_watched(), 2);
	CU_ASSERT_TRUE(watched[GS_CALL_READ] && watched[GS_CALL_WRITE]);
	CU_ASSERT_EQUAL(decide("calls='nanosleep, mkdir'"), 0);
	CU_ASSERT_EQUAL(count_watched(), 2);
	CU_ASSERT_TRUE(watched[GS_CALL_MKDIR]);
}

static void test_an_alias_stands_for_its_call(void)
{
	CU_ASSERT_EQUAL(decide("calls=__read_chk,open64"), 0);
	CU_ASSERT_EQUAL(count_watched(), 2);
	CU_ASSERT_TRUE(watched[GS_CALL_READ] && watched[GS_CALL_OPEN]);
}

static void test_a_group_stands_for_all_its_calls(void)
{
	for (unsigned group = 0; group < GS_CALLS; group++) {
		char text[64] = "calls=";

		strcat(text, gs_call_info[group].group);
		CU_ASSERT_EQUAL(decide(text), 0);
		for (unsigned i = 0; i < GS_CALLS; i++)
			CU_ASSERT_EQUAL(watched[i],
				strcmp(gs_call_info[i].group, gs_call_info[group].group) == 0);
	}
}

static void test_all_stands_for_every_call(void)
{
	CU_ASSERT_EQUAL(decide("calls=all"), 0);
	CU_ASSERT_EQUAL(count_watched(), GS_CALLS);
	CU_ASSERT_EQUAL(decide("skip=all"), 0);
	CU_ASSERT_EQUAL(count_watched(), 0);
}

static void test_skip_takes_away(void)
{
	CU_ASSERT_EQUAL(decide("skip=read"), 0);
	for (unsigned i = 0; i < GS_CALLS; i++)
		CU_ASSERT_EQUAL(watched[i], gs_call_info[i].on && i != GS_CALL_READ);
	CU_ASSERT_EQUAL(decide("skip=read:calls=read,write"), 0);
	CU_ASSERT_EQUAL(count_watched(), 1);
	CU_ASSERT_TRUE(watched[GS_CALL_WRITE]);
	CU_ASSERT_EQUAL(decide("calls=all:skip=fs,misc"), 0);
	CU_ASSERT_FALSE(watched[GS_CALL_MKDIR] || watched[GS_CALL_SYSCALL]);
	CU_ASSERT_TRUE(watched[GS_CALL_READ]);
}

static void test_unknown_calls_are_reported_and_the_others_hold(void)
{
	CU_ASSERT_EQUAL(decide("calls=read,reed,write:skip=al,Write"), 3);
	CU_ASSERT_STRING_EQUAL(complaints[0].key, "calls");
	CU_ASSERT_STRING_EQUAL(complaints[0].value, "reed");
	CU_ASSERT_PTR_NOT_NULL(strstr(complaints[0].expected, "gilshim calls"));
	CU_ASSERT_STRING_EQUAL(complaints[1].key, "skip");
	CU_ASSERT_STRING_EQUAL(complaints[1].value, "al");
	CU_ASSERT_STRING_EQUAL(complaints[2].value, "Write");
	CU_ASSERT_EQUAL(count_watched(), 2);
}

static void test_every_option_is_described(void)
{
	CU_ASSERT_EQUAL(gs_option_count, 14);
	for (unsigned i = 0; i < gs_option_count; i++) {
		const struct gs_option_info *info = &gs_option_info[i];

		CU_ASSERT_TRUE(info->key[0] && info->argument[0] && info->meaning[0]);
		CU_ASSERT_TRUE(info->fallback[0]);
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(gs_option_info[j].key, info->key);
	}
}

CU_TestInfo gs_tests_options[] = {
	{"nothing_gives_the_defaults", test_nothing_gives_the_defaults},
	{"every_type_is_understood", test_every_type_is_understood},
	{"a_choice_is_its_place_in_the_list", test_a_choice_is_its_place_in_the_list},
	{"options_are_separated", test_options_are_separated_by_colons_and_white_space},
	{"quotes_protect_separators", test_quotes_protect_separators},
	{"quotes_may_begin_anywhere", test_quotes_may_begin_anywhere_in_a_value},
	{"the_other_quote_is_ordinary", test_the_other_quote_is_an_ordinary_character_inside},
	{"a_quote_left_open", test_a_quote_left_open_ends_with_the_text},
	{"a_value_may_hold_an_equals_sign", test_a_value_may_hold_an_equals_sign},
	{"the_last_of_two_holds", test_the_last_of_two_holds},
	{"help_is_a_switch", test_help_is_a_switch},
	{"unknown_keys_are_named", test_unknown_keys_are_named},
	{"bad_durations_are_refused", test_bad_durations_are_refused},
	{"bad_choices_are_refused", test_bad_choices_are_refused_with_the_choices},
	{"empty_texts_are_refused", test_empty_texts_are_refused},
	{"numbers_have_limits", test_numbers_have_limits},
	{"each_bad_option_is_reported", test_each_bad_option_is_reported_and_the_good_ones_hold},
	{"too_long_a_text_is_refused", test_too_long_a_text_is_refused_as_a_whole},
	{"values_never_outgrow_their_buffer", test_values_never_outgrow_their_buffer},
	{"durations_have_a_unit", test_durations_have_a_unit},
	{"durations_may_have_a_fraction", test_durations_may_have_a_fraction},
	{"what_is_no_duration", test_what_is_no_duration},
	{"durations_have_limits", test_durations_have_limits},
	{"a_refused_duration_changes_nothing", test_a_refused_duration_leaves_the_value_alone},
	{"only_the_given_length_counts", test_only_the_given_length_of_a_duration_counts},
	{"lists_are_walked", test_lists_are_walked},
	{"the_table_says_what_is_watched", test_the_table_says_what_is_watched},
	{"calls_names_all_that_is_watched", test_calls_names_all_that_is_watched},
	{"an_alias_stands_for_its_call", test_an_alias_stands_for_its_call},
	{"a_group_stands_for_all_its_calls", test_a_group_stands_for_all_its_calls},
	{"all_stands_for_every_call", test_all_stands_for_every_call},
	{"skip_takes_away", test_skip_takes_away},
	{"unknown_calls_are_reported", test_unknown_calls_are_reported_and_the_others_hold},
	{"every_option_is_described", test_every_option_is_described},
	CU_TEST_INFO_NULL,
};
