/* symbols.h: names and source lines for addresses in an object's file, from its symbol tables and
 * debugging information as far as they are on this machine. Nothing is fetched from elsewhere. */
#ifndef GS_SYMBOLS_H
#define GS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gs_symbols;

struct gs_symbol {
	const char *name; /* demangled (C++, Rust); NULL: not known */
	const char *file; /* NULL: not known */
	uint32_t line;
};

/* Opens an object's file if it is still the one that was loaded: by its build-id, or, where
 * neither has one, because it was not changed since `unchanged_since` (realtime, ns). NULL if it is
 * not there, or another. Trusts neither the path nor the file. */
struct gs_symbols *gs_symbols_open(
	const char *path, const uint8_t *build_id, size_t build_id_size, uint64_t unchanged_since);

/* Is the open file the object that was loaded, by the same token? */
bool gs_symbols_is_same(
	int fd, const uint8_t *build_id, size_t build_id_size, uint64_t unchanged_since);

/* What lies at an address, as addresses are in the file. The texts live as long as `symbols`. */
struct gs_symbol gs_symbols_find(struct gs_symbols *symbols, uint64_t address);

void gs_symbols_close(struct gs_symbols *symbols);

#endif
