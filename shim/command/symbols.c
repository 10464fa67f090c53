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

#include "compiler.h"
#include "err.h"
#include "fetch.h"
#include "table.h"

#define NAME_LIMIT 1024
#define PATH_LIMIT 4096
#define SECOND 1000000000u
#define SERVERS "DEBUGINFOD_URLS"

struct found {
	uint64_t address; /* first: it is looked up */
	const char *name;
	bool named; /* it was looked for */
	bool lined; /* likewise */
	struct gs_symbol_line *lines;
	size_t line_count, line_capacity;
};

struct gs_symbols {
	Dwfl *session;
	Dwfl_Module *module;
	struct gs_pool pool;
	struct gs_map map; /* of what was asked before */
	struct found *found;
	size_t found_count, found_capacity;
};

/* Separate debugging information of an object, on this machine first: the library would ask servers
 * as part of its search, and for as long as they like. Without a file name it asks for what several
 * packages share, of a file that has just been found; that it may do as it likes. */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
	const char *file, const char *link, GElf_Word checksum, char **found)
{
	const char *environment = getenv(SERVERS);
	char *servers = environment && file ? strdup(environment) : NULL;
	const unsigned char *build_id;
	GElf_Addr address;
	int fd, size;

	if (servers)
		unsetenv(SERVERS);
	fd = dwfl_standard_find_debuginfo(
		module, userdata, name, base, file, link, checksum, found);
	if (!servers)
		return fd;
	setenv(SERVERS, servers, 1);
	free(servers);
	if (fd >= 0)
		return fd;
	size = dwfl_module_build_id(module, &build_id, &address);
	return size > 0 ? gs_fetch_debuginfo(name, build_id, (size_t) size) : -1;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = find_debuginfo,
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

static const char *file_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* A session with one module, the open file; it closes fd. */
static struct gs_symbols *begin(const char *path, int fd)
{
	struct gs_symbols *symbols;
	Dwfl *session = dwfl_begin(&callbacks);
	Dwfl_Module *module;

	if (!session) {
		close(fd);
		return NULL;
	}
	/* Addresses are those of the file: its load bias is 0. */
	dwfl_report_begin(session);
	module = dwfl_report_elf(session, file_name(path), path, fd, 0, true);
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

struct gs_symbols *gs_symbols_open(const char *path, const uint8_t *build_id, size_t build_id_size,
	uint64_t unchanged_since, const char **reason)
{
	struct gs_symbols *symbols = NULL;
	int fd;

	*reason = "no file";
	if (!path || *path != '/' || elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		*reason = strerror(errno);
		return NULL;
	}
	*reason = "not the file that was loaded";
	if (gs_symbols_is_same(fd, build_id, build_id_size, unchanged_since)) {
		*reason = "not readable as an object";
		symbols = begin(path, fd);
	} else {
		close(fd);
	}
	return symbols;
}

static const char *demangled(struct gs_pool *pool, const char *name)
{
	char *clear = cplus_demangle(name, DMGL_AUTO);
	const char *kept = gs_pool_text(pool, clear ? clear : name, NAME_LIMIT);

	free(clear);
	return kept;
}

/* What is known of that address so far. */
static struct found *find(struct gs_symbols *symbols, uint64_t address)
{
	uint32_t index = gs_map_find(&symbols->map, symbols->found, sizeof(*symbols->found),
		&address, sizeof(address), (uint32_t) symbols->found_count);

	if (index == symbols->found_count) {
		symbols->found = gs_grow(symbols->found, &symbols->found_capacity,
			symbols->found_count + 1, sizeof(*symbols->found));
		memset(&symbols->found[index], 0, sizeof(*symbols->found));
		symbols->found[index].address = address;
		symbols->found_count++;
	}
	return &symbols->found[index];
}

const char *gs_symbols_name(struct gs_symbols *symbols, uint64_t address)
{
	struct found *found = find(symbols, address);
	const char *name;
	GElf_Off offset;
	GElf_Sym entry;

	if (found->named)
		return found->name;
	found->named = true;
	name = dwfl_module_addrinfo(symbols->module, address, &offset, &entry, NULL, NULL, NULL);
	if (name && *name)
		found->name = demangled(&symbols->pool, name);
	return found->name;
}

/* ---- lines ---- */

/* The compilation unit of an address. What clang and rustc make has no table of that: then all
 * units are asked. */
static Dwarf_Die *find_unit(struct gs_symbols *symbols, uint64_t address, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(symbols->module, address, bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(symbols->module, unit, bias))) {
		if (dwarf_haspc(unit, address - *bias) > 0)
			return unit;
	}
	return NULL;
}

/* clang names files from the directory that it ran in. */
static const char *whole_path(struct gs_symbols *symbols, Dwarf_Die *unit, const char *file)
{
	Dwarf_Attribute attribute;
	const char *directory, *kept;
	char *path;

	if (!file || *file == '/')
		return gs_pool_text(&symbols->pool, file, PATH_LIMIT);
	directory = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
	if (asprintf(&path, "%s%s%s", directory ? directory : "", directory ? "/" : "", file) < 0)
		gs_out_of_memory();
	kept = gs_pool_text(&symbols->pool, path, PATH_LIMIT);
	free(path);
	return kept;
}

static void add_line(struct gs_symbols *symbols, struct found *found, Dwarf_Die *unit,
	struct gs_symbol_line line)
{
	line.file = whole_path(symbols, unit, line.file);
	found->lines = gs_grow(
		found->lines, &found->line_capacity, found->line_count + 1, sizeof(*found->lines));
	found->lines[found->line_count++] = line;
}

static const char *inlined_name(struct gs_symbols *symbols, Dwarf_Die *die)
{
	static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
	Dwarf_Attribute attribute;
	const char *name;

	for (size_t i = 0; i < GS_ARRAY_SIZE(names); i++) {
		name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &attribute));
		if (name)
			return demangled(&symbols->pool, name);
	}
	name = dwarf_diename(die);
	return gs_pool_text(&symbols->pool, name ? name : "?", NAME_LIMIT);
}

/* Where an inlined function was called, as far as it is told. */
static struct gs_symbol_line call_of(Dwarf_Die *unit, Dwarf_Die *die)
{
	struct gs_symbol_line call = {NULL, NULL, 0};
	Dwarf_Word line = 0, index = 0;
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	size_t count;

	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &index) == 0 &&
		dwarf_getsrcfiles(unit, &files, &count) == 0)
		call.file = dwarf_filesrc(files, index, NULL, NULL);
	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line) == 0)
		call.line = line <= UINT32_MAX ? (uint32_t) line : 0;
	return call;
}

/* From the innermost scope, where `line` is, outwards to the function that has the address. */
static void add_scopes(struct gs_symbols *symbols, struct found *found, Dwarf_Die *unit,
	Dwarf_Addr address, struct gs_symbol_line line)
{
	Dwarf_Die *inner = NULL, *scopes = NULL;
	int count = 0;

	/* Behind the first inlined function the former continues in its declaration; the latter
	 * goes on where it was inlined. */
	if (dwarf_getscopes(unit, address, &inner) > 0)
		count = dwarf_getscopes_die(&inner[0], &scopes);
	for (int i = 0; i < count && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		line.inlined = inlined_name(symbols, &scopes[i]);
		add_line(symbols, found, unit, line);
		line = call_of(unit, &scopes[i]);
	}
	add_line(symbols, found, unit, line);
	free(inner);
	free(scopes);
}

static void look_up_lines(struct gs_symbols *symbols, struct found *found)
{
	struct gs_symbol_line place = {NULL, NULL, 0};
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = find_unit(symbols, found->address, &bias);
	Dwarf_Line *line;
	int number = 0;

	if (!unit)
		return;
	line = dwarf_getsrc_die(unit, found->address - bias);
	place.file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	if (!place.file || dwarf_lineno(line, &number) != 0 || number <= 0)
		return;
	place.line = (uint32_t) number;
	add_scopes(symbols, found, unit, found->address - bias, place);
}

size_t gs_symbols_lines(
	struct gs_symbols *symbols, uint64_t address, const struct gs_symbol_line **lines)
{
	struct found *found = find(symbols, address);

	if (!found->lined)
		look_up_lines(symbols, found);
	found->lined = true;
	*lines = found->lines;
	return found->line_count;
}

void gs_symbols_close(struct gs_symbols *symbols)
{
	if (!symbols)
		return;
	dwfl_end(symbols->session);
	gs_map_free(&symbols->map);
	gs_pool_free(&symbols->pool);
	for (size_t i = 0; i < symbols->found_count; i++)
		free(symbols->found[i].lines);
	free(symbols->found);
	free(symbols);
}
