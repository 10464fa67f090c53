/* symbols.h: names and source lines for addresses in an object's file, from its symbol tables and
 * debugging information: its own, that of a separate file on this machine (by build-id, or by
 * .gnu_debuglink), or one that the servers of DEBUGINFOD_URLS have (fetch.h). */
#ifndef GS_SYMBOLS_H
#define GS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gs_symbols;

/* A place in the source of a function, or of one that was inlined there. */
struct gs_symbol_line {
	const char *inlined; /* its name, demangled; NULL: the function itself */
	const char *file;    /* NULL: not known */
	uint32_t line;
};

/* Opens an object's file if it is still the one that was loaded: by its build-id, or, where
 * neither has one, because it was not changed since `unchanged_since` (realtime, ns). NULL if it is
 * not there, or another, with the reason in words. Trusts neither the path nor the file. */
struct gs_symbols *gs_symbols_open(const char *path, const uint8_t *build_id, size_t build_id_size,
	uint64_t unchanged_since, const char **reason);

/* Is the open file the object that was loaded, by the same token? */
bool gs_symbols_is_same(
	int fd, const uint8_t *build_id, size_t build_id_size, uint64_t unchanged_since);

/* The function at an address, as addresses are in the file, demangled (C++, Rust); NULL: not known.
 * Texts and lines live as long as `symbols`. */
const char *gs_symbols_name(struct gs_symbols *symbols, uint64_t address);

/* Where that is in the source: what was inlined there, innermost first, and last the function
 * itself. Their number; 0: not known. Reads debugging information, which may be large, or far. */
size_t gs_symbols_lines(
	struct gs_symbols *symbols, uint64_t address, const struct gs_symbol_line **lines);

void gs_symbols_close(struct gs_symbols *symbols);

#endif
