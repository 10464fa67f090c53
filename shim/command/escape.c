#include "escape.h"

#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "compiler.h"
#include "err.h"
#include "inline.h"
#include "line.h"
#include "objfile.h"

#define NAME_LIMIT 256
#define NAMED_AT_MOST 4

/* ---- the ways ---- */

static const struct way {
	const char *word; /* in JSON */
	bool certain;
	const char *says; /* behind the object, or the objects; %s: the calls */
	const char *advice;
} ways[GS_ESCAPES] = {
	[GS_ESCAPE_GO] = {"go", true, "runs Go, which makes its own system calls: not seen",
		"take care that its functions are called without the GIL"},
	[GS_ESCAPE_LIBC] = {"own-libc", true, "has its own %s: not seen",
		"link it with the libc of the system"},
	[GS_ESCAPE_INLINE] = {"inline", true, "waits by inline %s: not seen",
		"look at where Python calls it: is the GIL released there?"},
	[GS_ESCAPE_DEFINES] = {"defines", true, "defines %s before any library: not seen",
		"watch a build without it (a sanitizer's runtime, a static libc)"},
	[GS_ESCAPE_DEEP] = {"deepbind", true, GS_LINE_DEEP("%s"), "open it without RTLD_DEEPBIND"},
	[GS_ESCAPE_APART] = {"other-libc", true, GS_LINE_APART("%s"), "open it with dlopen"},
	[GS_ESCAPE_OPENS] = {"opens-libc", true, GS_LINE_OPENS,
		"from ctypes: CDLL(None) instead of CDLL(\"libc.so.6\")"},
	[GS_ESCAPE_COMPUTED] = {"computed", false,
		"may wait by inline system calls (computed numbers): not seen", NULL},
	[GS_ESCAPE_NAMESPACE] = {"namespace", false,
		"may load objects with dlmopen: their calls are not seen", NULL},
	[GS_ESCAPE_HANDLE] = {"handle", false,
		"may fetch functions from a handle of libc: not seen",
		"from ctypes: CDLL(None) instead of CDLL(\"libc.so.6\")"},
};

bool gs_escape_is_certain(enum gs_escape_how how)
{
	return ways[how].certain;
}

/* ---- what there is ---- */

struct scan {
	struct gs_escapes *escapes;
	const char *object;
	/* of the dynamic symbols */
	bool opens, fetches, namespaces, is_python, is_program;
	/* of the system calls in the code */
	bool computed, known;
	enum gs_escape_how past; /* how it takes functions from libc; then some are `known` */
};

static void add(struct scan *scan, enum gs_escape_how how, const char *call)
{
	struct gs_escapes *escapes = scan->escapes;
	const char *name = gs_pool_text(&escapes->pool, scan->object, NAME_LIMIT);

	call = gs_pool_text(&escapes->pool, call, NAME_LIMIT);
	for (size_t i = escapes->count; i > 0; i--) {
		const struct gs_escape *old = &escapes->list[i - 1];

		if (old->object == name && old->how == how && old->call == call)
			return;
	}
	escapes->list = gs_grow(
		escapes->list, &escapes->capacity, escapes->count + 1, sizeof(*escapes->list));
	escapes->list[escapes->count++] = (struct gs_escape){name, how, call};
}

/* The name in reports, if the symbol is one of the names that are watched. */
static const char *watched(const char *symbol)
{
	enum gs_call call = symbol ? gs_call_find(symbol, (unsigned) strlen(symbol)) : GS_CALLS;

	return call < GS_CALLS && gs_call_info[call].on ? gs_call_info[call].name : NULL;
}

static void see_inline(void *context, const struct gs_inline *found)
{
	struct scan *scan = context;
	const char *own = watched(found->function), *name = gs_inline_name(found);

	if (own)
		add(scan, GS_ESCAPE_LIBC, own);
	else if (name)
		add(scan, GS_ESCAPE_INLINE, name);
	scan->known |= own || name;
	scan->computed |= found->number < 0;
}

static bool see_symbol(void *context, const char *name, const GElf_Sym *symbol)
{
	static const char *const python[] = {"PyGILState_Check", "PyPyGILState_Ensure"};
	struct scan *scan = context;
	bool defined = symbol->st_shndx != SHN_UNDEF;

	for (size_t i = 0; i < GS_ARRAY_SIZE(python); i++)
		scan->is_python |= defined && strcmp(name, python[i]) == 0;
	if (defined) {
		if (scan->is_program && GELF_ST_TYPE(symbol->st_info) == STT_FUNC && watched(name))
			add(scan, GS_ESCAPE_DEFINES, watched(name));
		return true;
	}
	scan->opens |= strcmp(name, "dlopen") == 0;
	scan->fetches |= strcmp(name, "dlsym") == 0 || strcmp(name, "dlvsym") == 0;
	scan->namespaces |= strcmp(name, "dlmopen") == 0;
	return true;
}

static bool see_taken(void *context, const char *name, const GElf_Sym *symbol)
{
	struct scan *scan = context;

	if (symbol->st_shndx == SHN_UNDEF && watched(name)) {
		add(scan, scan->past, watched(name));
		scan->known = true;
	}
	return true;
}

/* ---- whose code is looked into ---- */

/* Libc and its parts: theirs are the calls that are watched, and what they do inside. */
static bool is_of_libc(const char *name)
{
	static const char *const parts[] = {"libc.so", "ld-linux", "ld-musl", "ld64.so",
		"libc.musl", "libpthread.so", "librt.so", "libdl.so", "libm.so", "libresolv.so",
		"libanl.so", "libutil.so", "libnss_", "libthread_db.so", "libgilshim.so"};

	for (size_t i = 0; i < GS_ARRAY_SIZE(parts); i++) {
		if (strncmp(name, parts[i], strlen(parts[i])) == 0)
			return true;
	}
	return false;
}

/* Where CPython keeps the modules of its standard library; _ctypes calls what others name. */
static bool is_of_python(const char *path)
{
	return strstr(path, "/lib-dynload/") && !strstr(path, "/lib-dynload/_ctypes.");
}

static bool is_go(const struct gs_objfile *file)
{
	return gs_objfile_has_section(file, ".note.go.buildid") ||
	       gs_objfile_has_section(file, ".go.buildinfo");
}

static void look(struct scan *scan, const struct gs_objfile *file)
{
	gs_objfile_symbols(file, SHT_DYNSYM, see_symbol, scan);
	if (scan->is_python)
		return;
	if (is_go(file))
		add(scan, GS_ESCAPE_GO, NULL);
	else
		gs_inline_each(file, see_inline, scan);
	/* Where some are known, the others are taken to be more of them. */
	if (scan->computed && !scan->known)
		add(scan, GS_ESCAPE_COMPUTED, NULL);
	if (scan->namespaces)
		add(scan, GS_ESCAPE_NAMESPACE, NULL);
	if (scan->fetches && scan->opens)
		add(scan, GS_ESCAPE_HANDLE, NULL);
}

static void add_file(struct gs_escapes *escapes, const struct gs_objfile *file, const char *path)
{
	struct scan scan = {.escapes = escapes, .object = gs_objfile_name(file, path)};

	scan.is_program = file->type == ET_EXEC || file->loader;
	if (!is_of_libc(scan.object))
		look(&scan, file);
}

void gs_escapes_add(struct gs_escapes *escapes, const char *path)
{
	struct gs_objfile file;

	if (is_of_python(path) || gs_objfile_open(&file, path) != NULL)
		return;
	add_file(escapes, &file, path);
	gs_objfile_close(&file);
}

/* Opens the file of a module, if it still is what was loaded. */
static bool open_module(struct gs_objfile *file, const struct gs_view_module *module)
{
	const char *path = module->key.path;

	if (!path || *path != '/' || gs_objfile_open(file, path) != NULL)
		return false;
	if (gs_symbols_is_same(file->fd, module->key.build_id, module->key.build_id_size,
		    module->unchanged_since))
		return true;
	gs_objfile_close(file);
	return false;
}

/* A module whose calls go past us: which these are its file says. */
static void add_past(struct gs_escapes *escapes, const struct gs_view_module *module)
{
	struct scan scan = {.escapes = escapes, .object = module->key.name};
	struct gs_objfile file;

	if (!scan.object)
		scan.object = "?";
	if (module->flags & GS_MODULE_OPENS)
		add(&scan, GS_ESCAPE_OPENS, NULL);
	if (!(module->flags & (GS_MODULE_DEEP | GS_MODULE_APART)))
		return;
	scan.past = module->flags & GS_MODULE_DEEP ? GS_ESCAPE_DEEP : GS_ESCAPE_APART;
	if (open_module(&file, module)) {
		gs_objfile_symbols(&file, SHT_DYNSYM, see_taken, &scan);
		gs_objfile_close(&file);
	}
	if (!scan.known)
		add(&scan, scan.past, NULL);
}

void gs_escapes_add_view(struct gs_escapes *escapes, const struct gs_view *view)
{
	for (size_t i = 0; i < view->module_count; i++) {
		const struct gs_view_module *module = &view->modules[i];
		struct gs_objfile file;

		if (module->flags)
			add_past(escapes, module);
		if ((module->key.path && is_of_python(module->key.path)) ||
			!open_module(&file, module))
			continue;
		add_file(escapes, &file, module->key.path);
		gs_objfile_close(&file);
	}
}

void gs_escapes_free(struct gs_escapes *escapes)
{
	gs_pool_free(&escapes->pool);
	free(escapes->list);
	memset(escapes, 0, sizeof(*escapes));
}

/* ---- in words ---- */

static int compare(const void *a, const void *b)
{
	const struct gs_escape *left = a, *right = b;
	int order = (left->how > right->how) - (left->how < right->how);

	if (order == 0)
		order = strcmp(left->object, right->object);
	if (order == 0)
		order = strcmp(left->call ? left->call : "", right->call ? right->call : "");
	return order;
}

/* What an object may do says nothing more where it has done it. */
static bool is_known_to_open(const struct gs_escapes *escapes, const char *object)
{
	for (size_t i = 0; i < escapes->count; i++) {
		if (escapes->list[i].how == GS_ESCAPE_OPENS && escapes->list[i].object == object)
			return true;
	}
	return false;
}

static void sort(struct gs_escapes *escapes)
{
	size_t kept = 0;

	for (size_t i = 0; i < escapes->count; i++) {
		if (escapes->list[i].how != GS_ESCAPE_HANDLE ||
			!is_known_to_open(escapes, escapes->list[i].object))
			escapes->list[kept++] = escapes->list[i];
	}
	escapes->count = kept;
	if (escapes->count)
		qsort(escapes->list, escapes->count, sizeof(*escapes->list), compare);
}

/* "a, b, c, d and 7 more": the calls, or the objects, of `count` entries. */
static void write_names(FILE *stream, const struct gs_escape *first, size_t count, bool calls)
{
	for (size_t i = 0; i < count && i < NAMED_AT_MOST; i++)
		fprintf(stream, "%s%s", i ? ", " : "",
			calls ? first[i].call ? first[i].call : "functions" : first[i].object);
	if (count > NAMED_AT_MOST)
		fprintf(stream, " and %zu more", count - NAMED_AT_MOST);
}

static void write_line(FILE *stream, const struct gs_escape *first, size_t count)
{
	const struct way *way = &ways[first->how];
	const char *calls = strstr(way->says, "%s");

	if (way->certain)
		fprintf(stream, "%s ", first->object);
	else
		write_names(stream, first, count, false);
	if (!way->certain)
		fputc(' ', stream);
	if (!calls) {
		fputs(way->says, stream);
		return;
	}
	fprintf(stream, "%.*s", (int) (calls - way->says), way->says);
	write_names(stream, first, count, true);
	fputs(calls + 2, stream);
}

/* How many of the entries from `first` on share its line. */
static size_t run_length(const struct gs_escape *first, size_t left)
{
	size_t count = 1;

	while (count < left && first[count].how == first->how &&
		(!ways[first->how].certain || first[count].object == first->object))
		count++;
	return count;
}

void gs_escapes_write(struct gs_escapes *escapes, FILE *stream, const char *indent, bool all)
{
	size_t count;

	sort(escapes);
	for (size_t i = 0; i < escapes->count; i += count) {
		const struct gs_escape *first = &escapes->list[i];

		count = run_length(first, escapes->count - i);
		if (!all && !ways[first->how].certain)
			continue;
		fputs(indent, stream);
		write_line(stream, first, count);
		if (all && ways[first->how].advice)
			fprintf(stream, "; %s", ways[first->how].advice);
		fputc('\n', stream);
	}
}

json_t *gs_escapes_json(struct gs_escapes *escapes)
{
	json_t *list = json_array();

	sort(escapes);
	for (size_t i = 0; i < escapes->count; i++) {
		const struct gs_escape *escape = &escapes->list[i];
		json_t *made = json_pack("{ss ss ss*}", "object", escape->object, "how",
			ways[escape->how].word, "call", escape->call);

		if (!list || !made || json_array_append_new(list, made) != 0)
			gs_out_of_memory();
	}
	if (!list)
		gs_out_of_memory();
	return list;
}
