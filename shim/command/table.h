/* table.h: the command's two containers. A map finds the number of an entry in an array by a key of
 * fixed size that the entry begins with; a pool keeps one copy of each text, so that texts can be
 * compared by address. */
#ifndef GS_TABLE_H
#define GS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define GS_HASH_START 0xcbf29ce484222325u

/* FNV-1a, 64 bit: stable, it is part of the ids in reports. */
uint64_t gs_hash(uint64_t hash, const void *bytes, size_t size);

struct gs_map {
	struct gs_map_slot {
		uint64_t hash;
		uint32_t index; /* + 1; 0: free */
	} * slots;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

/* The number of the entry in `array` (entries of `stride` bytes) that begins with `key_size` bytes
 * like `key`. If there is none, `next` is noted for it and returned: the caller then appends it. */
uint32_t gs_map_find(struct gs_map *map, const void *array, size_t stride, const void *key,
	size_t key_size, uint32_t next);
void gs_map_free(struct gs_map *map);

struct gs_pool {
	char **texts; /* open addressing */
	size_t size;
	size_t used;
};

/* The pool's copy of a text of which nothing is trusted: what is no UTF-8 becomes U+FFFD, and no
 * more than `limit` bytes are kept. Lives as long as the pool. NULL stays NULL. */
const char *gs_pool_text(struct gs_pool *pool, const char *text, size_t limit);
void gs_pool_free(struct gs_pool *pool);

#endif
