#include "modules.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "binding.h"
#include "gil.h"
#include "store.h"
#include "sys.h"

/* The loader's list, for C libraries without _dl_find_object. */
extern struct r_debug _r_debug __attribute__((weak));

#ifdef DLFO_STRUCT_HAS_EH_DBASE
typedef int (*find_object_function)(void *pc, struct dl_find_object *result);

static find_object_function real_find_object(void)
{
	static _Atomic(uintptr_t) known; /* 1: this C library has none */
	uintptr_t found = atomic_load_explicit(&known, memory_order_relaxed);

	if (!found) {
		found = (uintptr_t) dlsym(RTLD_NEXT, "_dl_find_object");
		if (!found) {
			(void) dlerror();
			found = 1;
		}
		atomic_store_explicit(&known, found, memory_order_relaxed);
	}
	return found == 1 ? NULL : (find_object_function) found;
}
#endif

/* The program headers of the object whose file header is mapped at `start`. */
static const ElfW(Phdr) * headers_at(uintptr_t start, unsigned *count)
{
	const ElfW(Ehdr) *file = (const ElfW(Ehdr) *) start;

	if (memcmp(file->e_ident, ELFMAG, SELFMAG) != 0)
		return NULL;
	*count = file->e_phnum;
	return (const ElfW(Phdr) *) (start + file->e_phoff);
}

/* The extent of what is loaded, from the program headers. */
static bool measure(
	uintptr_t base, const ElfW(Phdr) * headers, unsigned count, struct gs_object *object)
{
	object->base = base;
	object->start = UINTPTR_MAX;
	object->end = 0;
	for (unsigned i = 0; i < count; i++) {
		if (headers[i].p_type != PT_LOAD)
			continue;
		if (base + headers[i].p_vaddr < object->start)
			object->start = base + (headers[i].p_vaddr & ~(uintptr_t) 4095);
		if (base + headers[i].p_vaddr + headers[i].p_memsz > object->end)
			object->end = base + headers[i].p_vaddr + headers[i].p_memsz;
	}
	return object->start < object->end;
}

static bool find_in_list(const void *address, struct gs_object *object)
{
	const struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;

	for (bool first = true; map; map = map->l_next, first = false) {
		const ElfW(Phdr) * headers;
		unsigned count = 0;

		if (first) { /* the main program: its base need not be where its header is */
			headers = (const ElfW(Phdr) *) getauxval(AT_PHDR);
			count = (unsigned) getauxval(AT_PHNUM);
		} else if (map->l_addr && map->l_ld) {
			headers = headers_at(map->l_addr, &count);
		} else {
			continue;
		}
		if (!headers || !measure(map->l_addr, headers, count, object))
			continue;
		if ((uintptr_t) address < object->start || (uintptr_t) address >= object->end)
			continue;
		object->path = map->l_name ? map->l_name : "";
		object->dynamic = map->l_ld;
		return true;
	}
	return false;
}

bool gs_object_at(const void *address, struct gs_object *object)
{
#ifdef DLFO_STRUCT_HAS_EH_DBASE
	find_object_function find = real_find_object();
	struct dl_find_object found;

	if (find) {
		const struct link_map *map;

		if (find((void *) (uintptr_t) address, &found) != 0)
			return false;
		map = found.dlfo_link_map;
		object->base = map ? map->l_addr : 0;
		object->start = (uintptr_t) found.dlfo_map_start;
		object->end = (uintptr_t) found.dlfo_map_end;
		object->path = map && map->l_name ? map->l_name : "";
		object->dynamic = map ? map->l_ld : NULL;
		return true;
	}
#endif
	return find_in_list(address, object);
}

#ifdef DLFO_STRUCT_HAS_EH_DBASE
/* The static unwinder's way to an object's tables: the real function where there is one, so that
 * the library loads under C libraries that have none. */
GS_HIDDEN int _dl_find_object(void *pc, struct dl_find_object *result);
GS_HIDDEN int _dl_find_object(void *pc, struct dl_find_object *result)
{
	find_object_function find = real_find_object();
	struct gs_object object;
	const ElfW(Phdr) * headers;
	unsigned count;

	if (find)
		return find(pc, result);
	if (!find_in_list(pc, &object))
		return -1;
	headers = headers_at(object.start, &count);
	memset(result, 0, sizeof(*result));
	for (unsigned i = 0; headers && i < count; i++)
		if (headers[i].p_type == PT_GNU_EH_FRAME)
			result->dlfo_eh_frame = (void *) (object.base + headers[i].p_vaddr);
	result->dlfo_map_start = (void *) object.start;
	result->dlfo_map_end = (void *) object.end;
	return result->dlfo_eh_frame ? 0 : -1;
}
#endif

/* What the dynamic section says. */
struct dynamic {
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *gnu_hash;
	const uint32_t *hash;
	const char *soname;
};

static const void *relocate(const struct gs_object *object, uintptr_t address)
{
	return (const void *) gs_object_place(object, address);
}

static bool read_dynamic(const struct gs_object *object, struct dynamic *out)
{
	uintptr_t soname = 0;

	memset(out, 0, sizeof(*out));
	if (!object->dynamic)
		return false;
	for (const ElfW(Dyn) *d = object->dynamic; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			out->symbols = relocate(object, d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			out->strings = relocate(object, d->d_un.d_ptr);
		else if (d->d_tag == DT_GNU_HASH)
			out->gnu_hash = relocate(object, d->d_un.d_ptr);
		else if (d->d_tag == DT_HASH)
			out->hash = relocate(object, d->d_un.d_ptr);
		else if (d->d_tag == DT_SONAME)
			soname = d->d_un.d_val;
	}
	if (soname && out->strings)
		out->soname = out->strings + soname;
	return out->symbols && out->strings;
}

/* The GNU hash section: buckets of symbol indices, each a chain ended by an odd hash. */
static const ElfW(Sym) * find_gnu(const struct dynamic *dynamic, const char *name)
{
	const uint32_t *table = dynamic->gnu_hash;
	uint32_t buckets = table[0], first = table[1], words = table[2];
	const uint32_t *bucket = table + 4 + words * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + buckets;
	uint32_t hash = 5381, index;

	for (const unsigned char *c = (const unsigned char *) name; *c; c++)
		hash = hash * 33 + *c;
	if (!buckets)
		return NULL;
	index = bucket[hash % buckets];
	if (index < first)
		return NULL;
	for (;; index++) {
		uint32_t entry = chain[index - first];
		const ElfW(Sym) *symbol = &dynamic->symbols[index];

		if ((entry | 1) == (hash | 1) &&
			strcmp(dynamic->strings + symbol->st_name, name) == 0)
			return symbol;
		if (entry & 1)
			return NULL;
	}
}

static const ElfW(Sym) * find_symbol(const struct gs_object *object, const char *name)
{
	struct dynamic dynamic;
	const ElfW(Sym) *found = NULL;

	if (!read_dynamic(object, &dynamic))
		return NULL;
	if (dynamic.gnu_hash) {
		found = find_gnu(&dynamic, name);
	} else if (dynamic.hash) {
		for (uint32_t i = 0; i < dynamic.hash[1] && !found; i++)
			if (strcmp(dynamic.strings + dynamic.symbols[i].st_name, name) == 0)
				found = &dynamic.symbols[i];
	}
	return found && found->st_shndx != SHN_UNDEF ? found : NULL;
}

void *gs_object_symbol(const struct gs_object *object, const char *name)
{
	const ElfW(Sym) *found = find_symbol(object, name);

	return found ? (void *) (object->base + found->st_value) : NULL;
}

struct gs_extent gs_object_extent(const struct gs_object *object, const char *name)
{
	const ElfW(Sym) *found = find_symbol(object, name);
	struct gs_extent extent = {0, 0};

	if (found) {
		extent.start = object->base + found->st_value;
		extent.end = extent.start + found->st_size;
	}
	return extent;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static uint32_t flags_of(const struct gs_object *object, const char *path, const char *name)
{
	static const char *const loader[] = {"libc.so", "ld-linux", "ld64.so", "ld-musl",
		"libpthread.so", "libdl.so", "librt.so", "linux-vdso", "libgilshim.so"};
	static const char *const foreign[] = {"_ctypes.", "libffi.so", "_cffi_backend."};
	uint32_t flags = object->path[0] ? 0 : GS_MODULE_PROGRAM;

	if (gs_gil.start && object->start <= gs_gil.start && gs_gil.start < object->end)
		flags |= GS_MODULE_IMAGE;
	if (strstr(path, "/lib-dynload/"))
		flags |= GS_MODULE_STDLIB;
	for (size_t i = 0; i < GS_ARRAY_SIZE(loader); i++)
		if (starts_with(name, loader[i]))
			flags |= GS_MODULE_LOADER;
	for (size_t i = 0; i < GS_ARRAY_SIZE(foreign); i++)
		if (starts_with(name, foreign[i]))
			flags |= GS_MODULE_FOREIGN;
	return flags;
}

static void read_build_id(const struct gs_object *object, struct gs_module *module)
{
	unsigned count = 0;
	const ElfW(Phdr) *headers = headers_at(object->start, &count);

	for (unsigned i = 0; headers && i < count; i++) {
		const char *at = (const char *) (object->base + headers[i].p_vaddr);
		const char *end = at + headers[i].p_memsz;

		if (headers[i].p_type != PT_NOTE)
			continue;
		while (end - at > (long) sizeof(ElfW(Nhdr))) {
			const ElfW(Nhdr) *note = (const ElfW(Nhdr) *) at;
			const char *name = at + sizeof(*note);
			const char *id = name + ((note->n_namesz + 3) & ~3u);

			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
				memcmp(name, "GNU", 4) == 0 &&
				note->n_descsz <= sizeof(module->build_id)) {
				memcpy(module->build_id, id, note->n_descsz);
				module->build_id_size = note->n_descsz;
				return;
			}
			at = id + ((note->n_descsz + 3) & ~3u);
		}
	}
}

/* An extension module is known by its file: some carry the SONAME of the library they were built
 * as. */
static bool is_extension_file(const char *name)
{
	return strstr(name, ".cpython-") || strstr(name, ".abi3.so");
}

static uint32_t note_module(const struct gs_object *object, uint32_t path_id)
{
	struct gs_record_header *header = gs_store.header;
	const char *path = gs_store_text(path_id);
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct dynamic dynamic;
	struct gs_module *module;
	uint32_t index =
		atomic_fetch_add_explicit(&gs_store.reserved_modules, 1, memory_order_relaxed);

	if (index >= GS_MAX_MODULES) {
		atomic_fetch_add_explicit(&header->lost.modules, 1, memory_order_relaxed);
		return GS_NONE;
	}
	module = &gs_store.modules[index];
	module->base = object->base;
	module->start = object->start;
	module->end = object->end;
	if (!is_extension_file(name) && read_dynamic(object, &dynamic) && dynamic.soname &&
		dynamic.soname[0])
		name = dynamic.soname;
	module->name = gs_store_string(name, (uint32_t) strlen(name));
	module->flags = flags_of(object, path, name);
	read_build_id(object, module);
	atomic_store_explicit(&module->path, path_id, memory_order_release);
	gs_store_raise(&header->modules, index + 1);
	return index;
}

uint32_t gs_module_at(const void *address)
{
	struct gs_object object;
	uint32_t count, path_id;

	if (!gs_object_at(address, &object))
		return GS_NONE;
	if (object.path[0]) /* the loader calls the main program and the vdso "" */
		path_id = gs_store_string(object.path, (uint32_t) strlen(object.path));
	else if (object.start == getauxval(AT_SYSINFO_EHDR))
		path_id = gs_store_string("linux-vdso.so.1", 15);
	else
		path_id = gs_store.program;
	count = atomic_load_explicit(&gs_store.header->modules, memory_order_acquire);
	for (uint32_t i = 0; i < count && i < GS_MAX_MODULES; i++) {
		const struct gs_module *module = &gs_store.modules[i];

		if (atomic_load_explicit(&module->path, memory_order_acquire) == path_id &&
			module->start == object.start && module->end == object.end &&
			module->base == object.base)
			return i;
	}
	return note_module(&object, path_id);
}

static void add_flags(struct gs_module *module, uint32_t flags)
{
	__atomic_fetch_or(&module->flags, flags, __ATOMIC_RELAXED);
}

void gs_module_opens(const void *caller, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;
	uint32_t index;

	if (!name || !(starts_with(name, "libc.so.") || starts_with(name, "libc.musl")))
		return;
	index = gs_module_at(caller);
	if (index != GS_NONE)
		add_flags(&gs_store.modules[index], GS_MODULE_OPENS);
}

/* ---- all of them ---- */

/* Libc and the loader call each other past us, and are no secret. */
static void note_loaded(const void *address)
{
	uint32_t index = gs_module_at(address);
	struct gs_module *module = &gs_store.modules[index % GS_MAX_MODULES];
	struct gs_object object;

	if (index == GS_NONE || module->flags & GS_MODULE_LOADER || !gs_object_at(address, &object))
		return;
	add_flags(module, gs_binding_past_us(&object));
}

/* "7f5c6e400000-7f5c6e428000 r-xp ...": the start, if the range is executable, else 0. */
static uintptr_t executable_range(const char *line)
{
	uintptr_t start = 0;

	for (; *line && *line != '-'; line++) {
		unsigned digit =
			*line <= '9' ? (unsigned) (*line - '0') : (unsigned) (*line - 'a') + 10;

		if (digit > 15)
			return 0;
		start = start << 4 | digit;
	}
	line += strcspn(line, " ");
	return strlen(line) > 3 && line[3] == 'x' ? start : 0;
}

static void note_all(void)
{
	static char buffer[4096 + 512];
	size_t used = 0, length;
	long got, fd = gs_sys4(
			  SYS_openat, AT_FDCWD, (long) "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	uintptr_t start;
	char *line;

	while (fd >= 0 && (got = gs_sys3(SYS_read, fd, (long) (buffer + used),
				   (long) (sizeof(buffer) - 1 - used))) > 0) {
		used += (size_t) got;
		buffer[used] = '\0';
		for (line = buffer; (length = strcspn(line, "\n")) && line[length];
			line += length + 1) {
			start = executable_range(line);
			if (start)
				note_loaded((const void *) start);
		}
		used -= (size_t) (line - buffer);
		memmove(buffer, line, used);
	}
	if (fd >= 0)
		gs_sys1(SYS_close, fd);
}

void gs_modules_note_all(void)
{
	static _Atomic uint32_t noting; /* the process, so that a fork leaves no child waiting */
	uint32_t pid = (uint32_t) gs_sys0(SYS_getpid);

	if (atomic_exchange_explicit(&noting, pid, memory_order_acquire) == pid)
		return;
	note_all();
	atomic_store_explicit(&noting, 0, memory_order_release);
}
