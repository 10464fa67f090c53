#include "objfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char GS_NOT_ELF[] = "not an ELF file";

/* ---- what the program headers say ---- */

/* The text at an offset of the file, or NULL if it does not end in `size` bytes. */
static const char *text_at(const struct gs_objfile *file, uint64_t offset, uint64_t size)
{
	if (offset > file->size || size > file->size - offset)
		return NULL;
	return memchr(file->bytes + offset, '\0', size) ? (const char *) file->bytes + offset
							: NULL;
}

static bool section_of_type(
	const struct gs_objfile *file, uint32_t type, Elf_Data **data, GElf_Shdr *header)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(file->elf, section)) != NULL) {
		if (!gelf_getshdr(section, header) || header->sh_type != type)
			continue;
		*data = elf_getdata(section, NULL);
		return *data != NULL;
	}
	return false;
}

/* Shows every entry of the dynamic section that is a text. */
static void each_dynamic_text(const struct gs_objfile *file, int64_t tag,
	bool (*see)(void *context, const char *text), void *context)
{
	GElf_Shdr header;
	Elf_Data *data;
	GElf_Dyn entry;

	if (!section_of_type(file, SHT_DYNAMIC, &data, &header))
		return;
	for (int i = 0; gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
		const char *text;

		if (entry.d_tag != tag)
			continue;
		text = elf_strptr(file->elf, header.sh_link, entry.d_un.d_val);
		if (text && !see(context, text))
			return;
	}
}

static bool keep(void *context, const char *text)
{
	*(const char **) context = text;
	return false;
}

static void read_headers(struct gs_objfile *file)
{
	GElf_Phdr part;
	size_t count;

	if (elf_getphdrnum(file->elf, &count) != 0)
		return;
	for (size_t i = 0; i < count && gelf_getphdr(file->elf, (int) i, &part); i++) {
		if (part.p_type == PT_DYNAMIC)
			file->dynamic = true;
		if (part.p_type == PT_INTERP)
			file->loader = text_at(file, part.p_offset, part.p_filesz);
	}
	each_dynamic_text(file, DT_SONAME, keep, &file->soname);
}

/* ---- the file ---- */

static const char *read_file(struct gs_objfile *file)
{
	GElf_Ehdr header;

	if (elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &header))
		return GS_NOT_ELF;
	file->bytes = (const unsigned char *) elf_rawfile(file->elf, &file->size);
	if (!file->bytes)
		return elf_errmsg(-1);
	file->type = header.e_type;
	file->machine = header.e_machine;
	file->bits = gelf_getclass(file->elf) == ELFCLASS32 ? 32 : 64;
	read_headers(file);
	return NULL;
}

const char *gs_objfile_open(struct gs_objfile *file, const char *path)
{
	const char *reason = NULL;
	struct stat status;

	memset(file, 0, sizeof(*file));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return elf_errmsg(-1);
	/* A FIFO must not keep us waiting. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0)
		return strerror(errno);
	if (fstat(file->fd, &status) < 0 || !S_ISREG(status.st_mode))
		reason = "not a regular file";
	else if (status.st_size == 0)
		reason = GS_NOT_ELF;
	else if (!(file->elf = elf_begin(file->fd, ELF_C_READ_MMAP, NULL)))
		reason = elf_errmsg(-1);
	if (!reason)
		reason = read_file(file);
	if (reason)
		gs_objfile_close(file);
	return reason;
}

void gs_objfile_close(struct gs_objfile *file)
{
	if (file->elf)
		elf_end(file->elf);
	close(file->fd);
	memset(file, 0, sizeof(*file));
}

const char *gs_objfile_name(const struct gs_objfile *file, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (file->soname && *file->soname)
		return file->soname;
	return slash ? slash + 1 : path;
}

bool gs_objfile_has_section(const struct gs_objfile *file, const char *name)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names) != 0)
		return false;
	while ((section = elf_nextscn(file->elf, section)) != NULL) {
		const char *found = gelf_getshdr(section, &header)
					    ? elf_strptr(file->elf, names, header.sh_name)
					    : NULL;

		if (found && strcmp(found, name) == 0)
			return true;
	}
	return false;
}

struct wanted {
	const char *prefix;
	bool found;
};

static bool compare(void *context, const char *text)
{
	struct wanted *wanted = context;

	wanted->found = strncmp(text, wanted->prefix, strlen(wanted->prefix)) == 0;
	return !wanted->found;
}

bool gs_objfile_needs(const struct gs_objfile *file, const char *prefix)
{
	struct wanted wanted = {prefix, false};

	each_dynamic_text(file, DT_NEEDED, compare, &wanted);
	return wanted.found;
}

void gs_objfile_symbols(const struct gs_objfile *file, uint32_t table,
	bool (*see)(void *context, const char *name, const GElf_Sym *symbol), void *context)
{
	GElf_Shdr header;
	GElf_Sym symbol;
	Elf_Data *data;

	if (!section_of_type(file, table, &data, &header))
		return;
	for (int i = 1; gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(file->elf, header.sh_link, symbol.st_name);

		if (name && !see(context, name, &symbol))
			return;
	}
}

const unsigned char *gs_objfile_at(
	const struct gs_objfile *file, uint64_t address, size_t size, size_t *room)
{
	GElf_Phdr part;
	size_t count;

	if (elf_getphdrnum(file->elf, &count) != 0)
		return NULL;
	for (size_t i = 0; i < count && gelf_getphdr(file->elf, (int) i, &part); i++) {
		uint64_t inside = address - part.p_vaddr;

		if (part.p_type != PT_LOAD || address < part.p_vaddr || inside >= part.p_filesz)
			continue;
		if (part.p_offset > file->size || part.p_filesz > file->size - part.p_offset ||
			size > part.p_filesz - inside)
			return NULL;
		if (room)
			*room = part.p_filesz - inside;
		return file->bytes + part.p_offset + inside;
	}
	return NULL;
}
