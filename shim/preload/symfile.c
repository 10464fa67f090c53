#include "symfile.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "store.h"
#include "sys.h"

struct file {
	const char *base;
	uint64_t size;
};

static bool map_file(const char *path, struct file *file)
{
	struct stat st = {0};
	long memory = -1;
	int fd = (int) gs_sys4(
		SYS_openat, AT_FDCWD, (long) path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0)
		return false;
	if (gs_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_size > (long) sizeof(ElfW(Ehdr)))
		memory = gs_sys6(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	gs_sys1(SYS_close, fd);
	if (memory < 0 && memory > -4096)
		return false;
	file->base = (const char *) memory;
	file->size = (uint64_t) st.st_size;
	if (memcmp(file->base, ELFMAG, SELFMAG) == 0)
		return true;
	gs_sys2(SYS_munmap, memory, st.st_size);
	return false;
}

/* `size` bytes at `offset` if they lie in the file. */
static const void *part(const struct file *file, uint64_t offset, uint64_t size)
{
	if (offset > file->size || size > file->size - offset)
		return NULL;
	return file->base + offset;
}

static const ElfW(Shdr) * sections(const struct file *file, unsigned *count)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *) (const void *) file->base;

	*count = header->e_shnum;
	if (header->e_shentsize != sizeof(ElfW(Shdr)))
		return NULL;
	return part(file, header->e_shoff, (uint64_t) *count * sizeof(ElfW(Shdr)));
}

static bool is_build_id(const ElfW(Nhdr) * note, uint32_t size)
{
	return note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && note->n_descsz == size &&
	       memcmp(note + 1, "GNU", 4) == 0;
}

/* Is this still the file that was loaded? Files without a build-id are believed. */
static bool same_build(const struct file *file, const struct gs_module *module)
{
	unsigned count;
	const ElfW(Shdr) *section = sections(file, &count);

	if (!module->build_id_size)
		return true;
	for (unsigned i = 0; section && i < count; i++) {
		const char *note;
		uint64_t need = sizeof(ElfW(Nhdr)) + 4 + module->build_id_size;

		if (section[i].sh_type != SHT_NOTE || section[i].sh_size < need)
			continue;
		note = part(file, section[i].sh_offset, need);
		if (note && is_build_id((const void *) note, module->build_id_size))
			return memcmp(note + sizeof(ElfW(Nhdr)) + 4, module->build_id,
				       module->build_id_size) == 0;
	}
	return false;
}

/* The function of one symbol table that holds the address, preferring a global name. */
static const char *search(const struct file *file, const ElfW(Shdr) * table,
	const ElfW(Shdr) * names, uint64_t address)
{
	const ElfW(Sym) *symbol = part(file, table->sh_offset, table->sh_size);
	const char *text = part(file, names->sh_offset, names->sh_size);
	const char *found = NULL;

	if (!symbol || !text || table->sh_entsize != sizeof(*symbol) || !names->sh_size ||
		text[names->sh_size - 1] != '\0')
		return NULL;
	for (uint64_t i = 0; i < table->sh_size / sizeof(*symbol); i++) {
		unsigned char type = ELF64_ST_TYPE(symbol[i].st_info);

		if ((type != STT_FUNC && type != STT_GNU_IFUNC) ||
			symbol[i].st_shndx == SHN_UNDEF || symbol[i].st_name >= names->sh_size ||
			address - symbol[i].st_value >= symbol[i].st_size)
			continue;
		found = text + symbol[i].st_name;
		if (ELF64_ST_BIND(symbol[i].st_info) != STB_LOCAL)
			break;
	}
	return found;
}

static const char *find(const struct file *file, uint64_t address)
{
	unsigned count;
	const ElfW(Shdr) *section = sections(file, &count);
	const char *found = NULL;

	for (int kind = 0; kind < 2 && !found; kind++) {
		uint32_t type = kind ? SHT_DYNSYM : SHT_SYMTAB;

		for (unsigned i = 0; section && i < count && !found; i++)
			if (section[i].sh_type == type && section[i].sh_link < count)
				found = search(
					file, &section[i], &section[section[i].sh_link], address);
	}
	return found;
}

uint32_t gs_symfile_name(const struct gs_module *module, uint64_t address)
{
	struct file file;
	const char *name = NULL;
	uint32_t result = GS_NONE;

	if (!map_file(gs_store_text(module->path), &file))
		return GS_NONE;
	/* A return address may lie behind the end of a function that never returns. */
	if (same_build(&file, module))
		name = find(&file, address - 1 - module->base);
	if (name)
		result = gs_store_string(name, (uint32_t) strlen(name));
	gs_sys2(SYS_munmap, (long) file.base, (long) file.size);
	return result;
}
