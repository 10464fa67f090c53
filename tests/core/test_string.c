/* Texts in the record: each once, and never torn. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "pytext.h"
#include "store.h"

#define THREADS 8

static uint32_t put(const char *text)
{
	return gs_store_string(text, (uint32_t) strlen(text));
}

static uint64_t lost(void)
{
	return gs_store.header->lost.strings;
}

/* Leaves exactly `room` bytes, and the strings as they are. */
static void fill_up(uint64_t room)
{
	gs_store.header->strings = GS_STRINGS_SIZE - room;
}

static void test_the_same_text_has_the_same_place(void)
{
	uint32_t a, b;

	core_begin(NULL);
	a = put("libpq.so.5");
	b = put("libc.so.6");
	CU_ASSERT_NOT_EQUAL(a, b);
	CU_ASSERT_EQUAL(put("libpq.so.5"), a);
	CU_ASSERT_EQUAL(put("libc.so.6"), b);
	CU_ASSERT_STRING_EQUAL(gs_store_text(a), "libpq.so.5");
	CU_ASSERT_STRING_EQUAL(gs_store_text(b), "libc.so.6");
}

static void test_a_text_is_stored_once(void)
{
	uint64_t used;

	core_begin(NULL);
	used = gs_store.header->strings;
	put("once");
	CU_ASSERT_EQUAL(gs_store.header->strings, used + 5);
	put("once");
	CU_ASSERT_EQUAL(gs_store.header->strings, used + 5);
}

static void test_the_empty_text_is_at_zero(void)
{
	core_begin(NULL);
	CU_ASSERT_EQUAL(put(""), 0);
	CU_ASSERT_EQUAL(gs_store_string("unseen", 0), 0);
	CU_ASSERT_STRING_EQUAL(gs_store_text(0), "");
}

static void test_only_the_given_length_counts(void)
{
	uint32_t a, b, c;

	core_begin(NULL);
	a = gs_store_string("abcdef", 3);
	b = gs_store_string("abcdef", 6);
	c = gs_store_string("abXYZ", 2);
	CU_ASSERT_STRING_EQUAL(gs_store_text(a), "abc");
	CU_ASSERT_STRING_EQUAL(gs_store_text(b), "abcdef");
	CU_ASSERT_STRING_EQUAL(gs_store_text(c), "ab");
	CU_ASSERT_EQUAL(put("abc"), a);
}

static void test_what_is_not_there_is_a_question_mark(void)
{
	CU_ASSERT_STRING_EQUAL(gs_store_text(GS_NONE), "?");
}

static void test_a_full_pool_counts_what_it_loses(void)
{
	core_begin(NULL);
	fill_up(4);
	CU_ASSERT_EQUAL(put("four"), GS_NONE); /* it needs five */
	CU_ASSERT_EQUAL(lost(), 1);
	CU_ASSERT_EQUAL(put("four"), GS_NONE);
	CU_ASSERT_EQUAL(lost(), 2);
	CU_ASSERT_EQUAL(gs_store.header->strings, GS_STRINGS_SIZE - 4);
}

static void test_the_last_bytes_can_be_used(void)
{
	uint32_t text;

	core_begin(NULL);
	fill_up(4);
	CU_ASSERT_EQUAL(put("much too long"), GS_NONE);
	text = put("end");
	CU_ASSERT_EQUAL(text, GS_STRINGS_SIZE - 4);
	CU_ASSERT_STRING_EQUAL(gs_record_string(gs_store.header, text), "end");
	CU_ASSERT_EQUAL(put("x"), GS_NONE);
	CU_ASSERT_EQUAL(lost(), 2);
}

static void test_a_full_pool_still_knows_its_texts(void)
{
	uint32_t text;

	core_begin(NULL);
	text = put("early");
	fill_up(0);
	CU_ASSERT_EQUAL(put("early"), text);
	CU_ASSERT_EQUAL(put("late"), GS_NONE);
	CU_ASSERT_EQUAL(lost(), 1);
}

static void test_thousands_of_texts_are_told_apart(void)
{
	static uint32_t places[8000];
	char text[32];
	unsigned wrong = 0;

	core_begin(NULL);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < GS_ARRAY_SIZE(places); i++) {
			uint32_t place;

			snprintf(text, sizeof(text), "function_%u", i);
			place = put(text);
			wrong += place == GS_NONE || strcmp(gs_store_text(place), text) != 0;
			wrong += round && place != places[i];
			places[i] = place;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(lost(), 0);
}

/* ---- many threads ---- */

static _Atomic unsigned torn;

static void put_shared_texts(unsigned number)
{
	char text[32];

	for (unsigned i = 0; i < 20000; i++) {
		uint32_t place;

		snprintf(text, sizeof(text), "text_%u", (i * 7 + number) % 3000);
		place = put(text);
		if (place == GS_NONE || strcmp(gs_store_text(place), text) != 0)
			torn++;
	}
}

static void test_threads_store_the_same_texts(void)
{
	char text[32];
	unsigned wrong = 0;

	core_begin(NULL);
	torn = 0;
	core_threads(THREADS, put_shared_texts);
	CU_ASSERT_EQUAL(torn, 0);
	CU_ASSERT_EQUAL(lost(), 0);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "text_%u", i);
		wrong += put(text) != put(text);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

#define FILLERS 4
#define ROUNDS 400
#define TEXTS 16
#define ROOM 120

static pthread_barrier_t round_ends;

/* The text of one thread, round and turn, which nobody else has: long ones, which do not fit, and
 * short ones, which may. No byte of it is 0. */
static uint32_t make_text(char *text, unsigned number, unsigned round, unsigned turn)
{
	uint32_t length = (turn + number) % 3 == 0 ? 90 : 5 + (turn * 7 + number) % 9;

	memset(text, 'a' + (int) number, length);
	text[0] = (char) (1 + round % 100);
	text[1] = (char) (1 + round / 100);
	text[2] = (char) (1 + turn);
	text[length] = '\0';
	return length;
}

/* Puts texts into a pool that has room for a few. Those that were stored must stay. */
static void put_until_full(unsigned number)
{
	uint32_t places[TEXTS];
	char text[128];

	for (unsigned round = 0; round < ROUNDS; round++) {
		if (number == 0) {
			core_begin(NULL);
			fill_up(ROOM);
		}
		pthread_barrier_wait(&round_ends);
		for (unsigned turn = 0; turn < TEXTS; turn++)
			places[turn] = gs_store_string(text, make_text(text, number, round, turn));
		for (unsigned turn = 0; turn < TEXTS; turn++) {
			make_text(text, number, round, turn);
			if (places[turn] != GS_NONE &&
				strcmp(gs_store_text(places[turn]), text) != 0)
				torn++;
		}
		pthread_barrier_wait(&round_ends);
	}
}

static void test_threads_fill_the_pool_and_tear_nothing(void)
{
	core_begin(NULL);
	torn = 0;
	pthread_barrier_init(&round_ends, NULL, FILLERS);
	core_threads(FILLERS, put_until_full);
	pthread_barrier_destroy(&round_ends);
	CU_ASSERT_EQUAL(torn, 0);
	CU_ASSERT(lost() > 0);
	CU_ASSERT(gs_store.header->strings <= GS_STRINGS_SIZE);
}

/* Characters of Python, last first, as many as there is room for; returns what was stored. */
static const char *cut(uint32_t character, unsigned count)
{
	static char buffer[GS_PYTEXT_SIZE + 1];
	uint32_t at = GS_PYTEXT_SIZE;

	while (count && gs_pytext_before(buffer, &at, character))
		count--;
	buffer[GS_PYTEXT_SIZE] = '\0';
	return buffer + at;
}

static void test_of_long_names_the_end_is_kept(void)
{
	CU_ASSERT_STRING_EQUAL(cut('x', 0), "");
	CU_ASSERT_STRING_EQUAL(cut('x', 3), "xxx");
	CU_ASSERT_EQUAL(strlen(cut('x', GS_PYTEXT_SIZE - 3)), GS_PYTEXT_SIZE - 3);
	CU_ASSERT_EQUAL(cut('x', GS_PYTEXT_SIZE - 3)[0], 'x');
	CU_ASSERT_EQUAL(strlen(cut('x', GS_PYTEXT_SIZE)), GS_PYTEXT_SIZE);
	CU_ASSERT_NSTRING_EQUAL(cut('x', GS_PYTEXT_SIZE), "...x", 4);
	/* Three bytes each: no character is torn. */
	CU_ASSERT_NSTRING_EQUAL(cut(0x76ee, 1000), "...\xe7\x9b\xae", 6);
	CU_ASSERT_EQUAL(strlen(cut(0x76ee, 1000)), 3 + (GS_PYTEXT_SIZE - 3) / 3 * 3);
}

CU_TestInfo gs_tests_string[] = {
	{"the_same_text_has_the_same_place", test_the_same_text_has_the_same_place},
	{"a_text_is_stored_once", test_a_text_is_stored_once},
	{"the_empty_text_is_at_zero", test_the_empty_text_is_at_zero},
	{"only_the_given_length_counts", test_only_the_given_length_counts},
	{"what_is_not_there", test_what_is_not_there_is_a_question_mark},
	{"a_full_pool_counts_what_it_loses", test_a_full_pool_counts_what_it_loses},
	{"the_last_bytes_can_be_used", test_the_last_bytes_can_be_used},
	{"a_full_pool_still_knows_its_texts", test_a_full_pool_still_knows_its_texts},
	{"thousands_of_texts_are_told_apart", test_thousands_of_texts_are_told_apart},
	{"threads_store_the_same_texts", test_threads_store_the_same_texts},
	{"threads_fill_the_pool", test_threads_fill_the_pool_and_tear_nothing},
	{"of_long_names_the_end_is_kept", test_of_long_names_the_end_is_kept},
	CU_TEST_INFO_NULL,
};
