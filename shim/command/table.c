#include "table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

uint64_t gs_hash(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 0x100000001b3u;
	return hash;
}

/* ---- map ---- */

static void map_place(struct gs_map *map, struct gs_map_slot entry)
{
	size_t at = entry.hash & (map->size - 1);

	while (map->slots[at].index)
		at = (at + 1) & (map->size - 1);
	map->slots[at] = entry;
}

static void map_widen(struct gs_map *map)
{
	struct gs_map old = *map;

	map->size = old.size ? old.size * 2 : 64;
	map->slots = gs_alloc(map->size, sizeof(*map->slots));
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].index)
			map_place(map, old.slots[i]);
	}
	free(old.slots);
}

uint32_t gs_map_find(struct gs_map *map, const void *array, size_t stride, const void *key,
	size_t key_size, uint32_t next)
{
	uint64_t hash = gs_hash(GS_HASH_START, key, key_size);
	size_t at;

	if (map->used * 2 >= map->size)
		map_widen(map);
	at = hash & (map->size - 1);
	while (map->slots[at].index) {
		uint32_t index = map->slots[at].index - 1;

		if (map->slots[at].hash == hash &&
			memcmp((const char *) array + index * stride, key, key_size) == 0)
			return index;
		at = (at + 1) & (map->size - 1);
	}
	map->slots[at] = (struct gs_map_slot){hash, next + 1};
	map->used++;
	return next;
}

void gs_map_free(struct gs_map *map)
{
	free(map->slots);
	*map = (struct gs_map){NULL, 0, 0};
}

/* ---- pool ---- */

/* The length of the UTF-8 character at `at`, of which `left` bytes are there; 0 if it is none.
 * Overlong forms and surrogates are none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	static const struct {
		unsigned char first, last; /* of the first byte */
		unsigned char low, high;   /* of the second */
		unsigned char length;
	} kinds[] = {
		{0x01, 0x7f, 0, 0, 1},
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	size_t i = 0;

	while (i < sizeof(kinds) / sizeof(kinds[0]) &&
		(*at < kinds[i].first || *at > kinds[i].last))
		i++;
	if (i == sizeof(kinds) / sizeof(kinds[0]) || kinds[i].length > left)
		return 0;
	if (kinds[i].length > 1 && (at[1] < kinds[i].low || at[1] > kinds[i].high))
		return 0;
	for (size_t next = 2; next < kinds[i].length; next++) {
		if ((at[next] & 0xc0) != 0x80)
			return 0;
	}
	return kinds[i].length;
}

/* `clean` has room for three times `length` and a NUL. */
static size_t make_clean(char *clean, const char *text, size_t length)
{
	size_t written = 0;

	for (size_t i = 0; i < length;) {
		size_t one = utf8_length((const unsigned char *) text + i, length - i);

		if (one) {
			memcpy(clean + written, text + i, one);
			written += one;
			i += one;
		} else {
			memcpy(clean + written, REPLACEMENT, 3);
			written += 3;
			i++;
		}
	}
	clean[written] = '\0';
	return written;
}

static char **pool_slot(struct gs_pool *pool, const char *text, size_t length)
{
	size_t at = gs_hash(GS_HASH_START, text, length) & (pool->size - 1);

	while (pool->texts[at] && strcmp(pool->texts[at], text) != 0)
		at = (at + 1) & (pool->size - 1);
	return &pool->texts[at];
}

static void pool_widen(struct gs_pool *pool)
{
	struct gs_pool old = *pool;

	pool->size = old.size ? old.size * 2 : 256;
	pool->texts = gs_alloc(pool->size, sizeof(*pool->texts));
	for (size_t i = 0; i < old.size; i++) {
		if (old.texts[i])
			*pool_slot(pool, old.texts[i], strlen(old.texts[i])) = old.texts[i];
	}
	free(old.texts);
}

static bool is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char) text[i] >= 0x80)
			return false;
	}
	return true;
}

const char *gs_pool_text(struct gs_pool *pool, const char *text, size_t limit)
{
	size_t length;
	char *copy;
	char **slot;

	if (!text)
		return NULL;
	if (pool->used * 2 >= pool->size)
		pool_widen(pool);
	length = strnlen(text, limit);
	if (is_ascii(text, length) && text[length] == '\0') {
		slot = pool_slot(pool, text, length);
		if (*slot)
			return *slot;
		copy = gs_alloc(length + 1, 1);
		memcpy(copy, text, length);
	} else {
		copy = gs_alloc(length * 3 + 1, 1);
		length = make_clean(copy, text, length);
		slot = pool_slot(pool, copy, length);
		if (*slot) {
			free(copy);
			return *slot;
		}
	}
	*slot = copy;
	pool->used++;
	return copy;
}

void gs_pool_free(struct gs_pool *pool)
{
	for (size_t i = 0; i < pool->size; i++)
		free(pool->texts[i]);
	free(pool->texts);
	*pool = (struct gs_pool){NULL, 0, 0};
}
