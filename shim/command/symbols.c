#include "symbols.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <libiberty/demangle.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "table.h"

#define NAME_LIMIT 1024
#define PATH_LIMIT 4096
#define SECOND 1000000000u

struct found {
	uint64_t address; /* first: it is looked up */
	struct gs_symbol symbol;
};

struct gs_symbols {
	Dwfl *session;
	Dwfl_Module *module;
	struct gs_pool pool;
	struct gs_map map; /* of what was asked before */
	struct found *found;
	size_t found_count, found_capacity;
};

/* Separate debugging information is looked for by build-id on this machine only:
 * dwfl_standard_find_debuginfo() would ask servers. */
static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_build_id_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

bool gs_symbols_is_same(
	int fd, const uint8_t *build_id, size_t build_id_size, uint64_t unchanged_since)
{
	const void *id = NULL;
	struct stat file;
	ssize_t size;
	Elf *elf;
	bool same;

	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
		return false;
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return false;
	if (elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		return false;
	}
	size = dwelf_elf_gnu_build_id(elf, &id);
	if (build_id_size > 0)
		same = size == (ssize_t) build_id_size && memcmp(id, build_id, build_id_size) == 0;
	else
		same = size <= 0 && (uint64_t) file.st_mtim.tv_sec < unchanged_since / SECOND;
	elf_end(elf);
	return same;
}

struct gs_symbols *gs_symbols_open(
	const char *path, const uint8_t *build_id, size_t build_id_size, uint64_t unchanged_since)
{
	struct gs_symbols *symbols;
	Dwfl *session;
	Dwfl_Module *module;
	int fd;

	if (!path || *path != '/' || elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return NULL;
	session = gs_symbols_is_same(fd, build_id, build_id_size, unchanged_since)
			  ? dwfl_begin(&callbacks)
			  : NULL;
	if (!session) {
		close(fd);
		return NULL;
	}
	/* Addresses are those of the file: its load bias is 0. The session closes fd. */
	dwfl_report_begin(session);
	module = dwfl_report_elf(session, "", path, fd, 0, true);
	if (!module || dwfl_report_end(session, NULL, NULL) != 0) {
		if (!module)
			close(fd);
		dwfl_end(session);
		return NULL;
	}
	symbols = gs_alloc(1, sizeof(*symbols));
	symbols->session = session;
	symbols->module = module;
	return symbols;
}

static const char *demangled(struct gs_pool *pool, const char *name)
{
	char *clear = cplus_demangle(name, DMGL_AUTO);
	const char *kept = gs_pool_text(pool, clear ? clear : name, NAME_LIMIT);

	free(clear);
	return kept;
}

static struct gs_symbol look_up(struct gs_symbols *symbols, uint64_t address)
{
	struct gs_symbol symbol = {NULL, NULL, 0};
	GElf_Off offset;
	GElf_Sym entry;
	Dwfl_Line *line;
	const char *name;
	int number;

	name = dwfl_module_addrinfo(symbols->module, address, &offset, &entry, NULL, NULL, NULL);
	if (name && *name)
		symbol.name = demangled(&symbols->pool, name);
	line = dwfl_module_getsrc(symbols->module, address);
	name = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	if (name && number > 0) {
		symbol.file = gs_pool_text(&symbols->pool, name, PATH_LIMIT);
		symbol.line = (uint32_t) number;
	}
	return symbol;
}

struct gs_symbol gs_symbols_find(struct gs_symbols *symbols, uint64_t address)
{
	uint32_t index = gs_map_find(&symbols->map, symbols->found, sizeof(*symbols->found),
		&address, sizeof(address), (uint32_t) symbols->found_count);

	if (index == symbols->found_count) {
		symbols->found = gs_grow(symbols->found, &symbols->found_capacity,
			symbols->found_count + 1, sizeof(*symbols->found));
		symbols->found[symbols->found_count++] =
			(struct found){address, look_up(symbols, address)};
	}
	return symbols->found[index].symbol;
}

void gs_symbols_close(struct gs_symbols *symbols)
{
	if (!symbols)
		return;
	dwfl_end(symbols->session);
	gs_map_free(&symbols->map);
	gs_pool_free(&symbols->pool);
	free(symbols->found);
	free(symbols);
}
