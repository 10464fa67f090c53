/* objfile.h: an ELF file on disk: what it is, what it needs, its symbols and sections. Nothing in
 * the file is trusted. */
#ifndef GS_OBJFILE_H
#define GS_OBJFILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gs_objfile {
	int fd;
	Elf *elf;
	const unsigned char *bytes; /* the whole file */
	size_t size;
	uint16_t type, machine; /* ET_*, EM_* */
	int bits;               /* 32 or 64 */
	bool dynamic;           /* the dynamic linker has something to do for it */
	const char *loader;     /* the dynamic linker that it names; NULL: none */
	const char *soname;     /* NULL: none */
};

/* NULL, or why the file cannot be read, in words; GS_NOT_ELF if it is something else. Only what was
 * opened is to be closed. */
extern const char GS_NOT_ELF[];
const char *gs_objfile_open(struct gs_objfile *file, const char *path);
void gs_objfile_close(struct gs_objfile *file);

/* The SONAME, else the base name of `path`. */
const char *gs_objfile_name(const struct gs_objfile *file, const char *path);

bool gs_objfile_has_section(const struct gs_objfile *file, const char *name);

/* Is there a DT_NEEDED that begins so? */
bool gs_objfile_needs(const struct gs_objfile *file, const char *prefix);

/* Shows every symbol of the dynamic table, or of the full one (SHT_DYNSYM, SHT_SYMTAB), until `see`
 * says false. */
void gs_objfile_symbols(const struct gs_objfile *file, uint32_t table,
	bool (*see)(void *context, const char *name, const GElf_Sym *symbol), void *context);

/* `size` bytes of the file that are loaded at an address, as addresses are in the file; NULL if
 * there are none. `*room`, if wanted, is how many follow in the same segment. */
const unsigned char *gs_objfile_at(
	const struct gs_objfile *file, uint64_t address, size_t size, size_t *room);

#endif
