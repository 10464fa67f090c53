#include "owner.h"

#include <stdlib.h>
#include <string.h>

#include "conda.h"
#include "debian.h"
#include "distribution.h"
#include "err.h"
#include "table.h"

#define DPKG "/var/lib/dpkg"
#define PATH_LIMIT 4096

/* What is known of a file. */
struct answer {
	const char *path; /* first: it is looked up */
	struct gs_owner owner;
};

/* For as long as the command runs: files are asked for again by each format. */
static struct {
	struct gs_pool pool;
	struct gs_map map;
	struct answer *answers;
	size_t count, capacity;
	struct gs_debian *debian;
	/* where *.dist-info of editable installs may be */
	const char **directories;
	size_t directory_count, directory_capacity;
	const struct gs_view *view; /* whose directories these are */
} known;

void gs_owner_forget(void)
{
	gs_pool_free(&known.pool);
	gs_map_free(&known.map);
	gs_debian_close(known.debian);
	free(known.answers);
	free(known.directories);
	memset(&known, 0, sizeof(known));
}

/* ---- where installers may have put something ---- */

static void add_directory(const char *format, const char *first, size_t length, const char *version)
{
	const char *directory;
	char *path;

	if (asprintf(&path, format, (int) length, first, version) < 0)
		gs_out_of_memory();
	directory = gs_pool_text(&known.pool, path, PATH_LIMIT);
	free(path);
	for (size_t i = 0; i < known.directory_count; i++) {
		if (known.directories[i] == directory)
			return;
	}
	known.directories = gs_grow(known.directories, &known.directory_capacity,
		known.directory_count + 1, sizeof(*known.directories));
	known.directories[known.directory_count++] = directory;
}

/* The directory of installed packages that a file lies in, or that its Python has. */
static void add_of_path(const char *path)
{
	static const char *const names[] = {"/site-packages/", "/dist-packages/"};
	const char *found;

	if (!path)
		return;
	for (size_t i = 0; i < GS_ARRAY_SIZE(names); i++) {
		found = strstr(path, names[i]);
		if (found)
			add_directory(
				"%.*s%s", path, (size_t) (found - path) + strlen(names[i]) - 1, "");
	}
	found = strstr(path, "/lib-dynload/");
	if (found)
		add_directory("%.*s/site-packages%s", path, (size_t) (found - path), "");
}

static void add_of_prefix(const char *prefix, size_t length, const char *version)
{
	if (!prefix)
		return;
	add_directory("%.*s/lib/python%s/site-packages", prefix, length, version);
	add_directory("%.*s/lib/python%s/dist-packages", prefix, length, version);
}

/* "/venv/bin/python3" lies in the prefix "/venv". */
static void add_of_program(const char *argv, const char *version)
{
	size_t length = argv ? strcspn(argv, "\n") : 0;

	for (int level = 0; level < 2 && length > 0; level++) {
		while (length > 0 && argv[--length] != '/')
			;
	}
	if (length > 0 && *argv == '/')
		add_of_prefix(argv, length, version);
}

static void add_of_process(const struct gs_process *process)
{
	static const char *const variables[] = {"VIRTUAL_ENV", "CONDA_PREFIX"};
	const char *text = process->python_version;
	size_t length = text ? strcspn(text, ".") : 0;
	const char *home = getenv("HOME");
	bool is_t = process->free_threaded || process->has_gil;
	char *version;

	if (length == 0 || text[length] == '\0')
		return;
	length += 1 + strspn(text + length + 1, "0123456789");
	if (asprintf(&version, "%.*s%s", (int) length, text, is_t ? "t" : "") < 0)
		gs_out_of_memory();
	add_of_program(process->argv, version);
	for (size_t i = 0; i < GS_ARRAY_SIZE(variables); i++) {
		const char *prefix = getenv(variables[i]);

		add_of_prefix(prefix, prefix ? strlen(prefix) : 0, version);
	}
	if (home)
		add_directory(
			"%.*s/.local/lib/python%s/site-packages", home, strlen(home), version);
	add_of_prefix("/usr/local", strlen("/usr/local"), version);
	free(version);
}

static void find_directories(const struct gs_view *view)
{
	if (known.view == view)
		return;
	known.view = view;
	for (size_t i = 0; i < view->process_count; i++)
		add_of_process(&view->processes[i]);
	for (size_t i = 0; i < view->module_count; i++)
		add_of_path(view->modules[i].key.path);
	for (size_t i = 0; i < view->site_count; i++) {
		for (unsigned j = 0; j < view->sites[i].depth_python; j++)
			add_of_path(view->sites[i].python[j].file);
	}
}

/* ---- the owner ---- */

/* A Python's own: a module of its standard library, its library, or itself. */
static bool is_of_python(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	const char *digits = strstr(name, "python");

	if (strstr(path, "/lib-dynload/"))
		return true;
	if (!digits || (digits != name && strncmp(name, "libpython", 9) != 0))
		return false;
	digits += strlen("python");
	digits += strspn(digits, "0123456789.tdm");
	return *digits == '\0' || strncmp(digits, "so", 2) == 0;
}

static const struct gs_process *process_of(
	const struct gs_view *view, const struct gs_view_site *site)
{
	for (size_t i = 0; i < view->process_count && site->pids.count > 0; i++) {
		if (view->processes[i].pid == site->pids.list[0] &&
			view->processes[i].python_version)
			return &view->processes[i];
	}
	return gs_view_first_process(view);
}

static bool own_python(
	const struct gs_view *view, const struct gs_view_site *site, struct gs_owner *owner)
{
	const struct gs_process *process = process_of(view, site);

	if (!process)
		return false;
	owner->distribution = gs_pool_text(&known.pool,
		process->implementation ? process->implementation : "cpython", PATH_LIMIT);
	owner->version = gs_pool_text(&known.pool, process->python_version, PATH_LIMIT);
	return true;
}

/* Lists of files first: they cannot be wrong about a file that they name. */
static bool look(const struct gs_view *view, const struct gs_view_site *site, const char *path,
	struct gs_owner *owner)
{
	if (gs_distribution_listing(&known.pool, path, owner))
		return true;
	if (!known.debian)
		known.debian = gs_debian_open(DPKG);
	if (gs_debian_find(known.debian, &known.pool, path, owner))
		return true;
	if (is_of_python(path))
		return own_python(view, site, owner);
	if (gs_conda_find(&known.pool, path, owner))
		return true;
	find_directories(view);
	return gs_distribution_editable(
		       &known.pool, path, known.directories, known.directory_count, owner) ||
	       gs_distribution_named(&known.pool, path, owner);
}

static struct gs_owner look_everywhere(
	const struct gs_view *view, const struct gs_view_site *site, const char *path)
{
	struct gs_owner owner = {NULL, NULL};
	char *resolved;

	if (*path != '/' || look(view, site, path, &owner))
		return owner;
	/* The dynamic linker keeps the path that it was given, symbolic links and all. */
	resolved = realpath(path, NULL);
	if (resolved && strcmp(resolved, path) != 0)
		look(view, site, resolved, &owner);
	free(resolved);
	return owner;
}

struct gs_owner gs_owner_find(const struct gs_view *view, const struct gs_view_site *site)
{
	uint32_t module = site->extension_frame != GS_NONE
				  ? site->native[site->extension_frame].module
				  : site->extension;
	struct answer answer = {.owner = {NULL, NULL}};
	uint32_t index;

	if (module == GS_NONE || !view->modules[module].key.path)
		return answer.owner;
	answer.path = gs_pool_text(&known.pool, view->modules[module].key.path, PATH_LIMIT);
	index = gs_map_find(&known.map, known.answers, sizeof(answer), &answer.path,
		sizeof(answer.path), (uint32_t) known.count);
	if (index < known.count)
		return known.answers[index].owner;
	answer.owner = look_everywhere(view, site, answer.path);
	known.answers =
		gs_grow(known.answers, &known.capacity, known.count + 1, sizeof(*known.answers));
	known.answers[known.count++] = answer;
	return answer.owner;
}
