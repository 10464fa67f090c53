#include "debian.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "compiler.h"
#include "distribution.h"
#include "err.h"

#define PATH_LIMIT 4096

/* That the package lists the path. Texts live in the pool, so addresses can be compared. */
struct listed {
	const char *path;
	const char *package; /* as its list is called: "libc6:amd64" */
};

/* dpkg-divert: every package but `package` finds its file at `to`. */
struct diverted {
	const char *from, *to;
	const char *package; /* ":": the administrator */
};

struct gs_debian {
	const char *directory;
	struct gs_pool pool;
	struct listed *files;
	struct diverted *diversions;
	size_t file_count, file_capacity;
	size_t diversion_count, diversion_capacity;
};

static const char *keep(struct gs_debian *debian, const char *text)
{
	return gs_pool_text(&debian->pool, text, PATH_LIMIT);
}

static bool read_line(FILE *stream, char **line, size_t *size)
{
	ssize_t length = getline(line, size, stream);

	if (length > 0 && (*line)[length - 1] == '\n')
		(*line)[length - 1] = '\0';
	return length >= 0;
}

/* ---- reading ---- */

/* Shared objects and Pythons; the rest of what is installed is nine tenths. */
static bool is_of_interest(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strstr(name, ".so") || strncmp(name, "python", 6) == 0 ||
	       strncmp(name, "pypy", 4) == 0;
}

static void read_list(struct gs_debian *debian, const char *directory, const char *name)
{
	FILE *stream = gs_distribution_open(directory, name);
	char *title = strndup(name, strlen(name) - strlen(".list"));
	const char *package;
	char *line = NULL;
	size_t size = 0;

	if (!title)
		gs_out_of_memory();
	package = keep(debian, title);
	free(title);
	while (stream && read_line(stream, &line, &size)) {
		if (!is_of_interest(line))
			continue;
		debian->files = gs_grow(debian->files, &debian->file_capacity,
			debian->file_count + 1, sizeof(*debian->files));
		debian->files[debian->file_count++] = (struct listed){keep(debian, line), package};
	}
	free(line);
	if (stream)
		fclose(stream);
}

static int compare_listed(const void *a, const void *b)
{
	return strcmp(((const struct listed *) a)->path, ((const struct listed *) b)->path);
}

static void read_lists(struct gs_debian *debian)
{
	char *directory;
	DIR *entries;
	const struct dirent *entry;

	if (asprintf(&directory, "%s/info", debian->directory) < 0)
		gs_out_of_memory();
	entries = opendir(directory);
	while (entries && (entry = readdir(entries))) {
		size_t length = strlen(entry->d_name);

		if (length > 5 && strcmp(entry->d_name + length - 5, ".list") == 0)
			read_list(debian, directory, entry->d_name);
	}
	if (entries)
		closedir(entries);
	free(directory);
	if (debian->file_count)
		qsort(debian->files, debian->file_count, sizeof(*debian->files), compare_listed);
}

/* Three lines each: from, to, package. */
static void read_diversions(struct gs_debian *debian)
{
	FILE *stream = gs_distribution_open(debian->directory, "diversions");
	const char *lines[3];
	char *line = NULL;
	size_t size = 0, at = 0;

	while (stream && read_line(stream, &line, &size)) {
		lines[at++] = keep(debian, line);
		if (at < GS_ARRAY_SIZE(lines))
			continue;
		at = 0;
		debian->diversions = gs_grow(debian->diversions, &debian->diversion_capacity,
			debian->diversion_count + 1, sizeof(*debian->diversions));
		debian->diversions[debian->diversion_count++] =
			(struct diverted){lines[0], lines[1], lines[2]};
	}
	free(line);
	if (stream)
		fclose(stream);
}

struct gs_debian *gs_debian_open(const char *directory)
{
	struct gs_debian *debian = gs_alloc(1, sizeof(*debian));

	debian->directory = keep(debian, directory);
	read_lists(debian);
	read_diversions(debian);
	return debian;
}

void gs_debian_close(struct gs_debian *debian)
{
	if (!debian)
		return;
	gs_pool_free(&debian->pool);
	free(debian->files);
	free(debian->diversions);
	free(debian);
}

/* ---- finding ---- */

/* "libc6" of "libc6:amd64" */
static size_t name_length(const char *package)
{
	return strcspn(package, ":");
}

static bool is_package(const char *package, const char *name)
{
	return strlen(name) == name_length(package) && strncmp(package, name, strlen(name)) == 0;
}

/* The package that lists the path, and is not `but`, or is `only`. */
static const char *who_lists(
	const struct gs_debian *debian, const char *path, const char *only, const char *but)
{
	size_t low = 0, high = debian->file_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(debian->files[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < debian->file_count && strcmp(debian->files[low].path, path) == 0; low++) {
		const char *package = debian->files[low].package;

		if ((!only || is_package(package, only)) && (!but || !is_package(package, but)))
			return package;
	}
	return NULL;
}

static const char *find_package(const struct gs_debian *debian, const char *path)
{
	for (size_t i = 0; i < debian->diversion_count; i++) {
		const struct diverted *diversion = &debian->diversions[i];

		if (strcmp(diversion->to, path) == 0)
			return who_lists(debian, diversion->from, NULL, diversion->package);
		if (strcmp(diversion->from, path) == 0)
			return who_lists(debian, path, diversion->package, NULL);
	}
	return who_lists(debian, path, NULL, NULL);
}

/* Where /lib is a link to /usr/lib, packages list the one, and processes have the other. */
static const char *find_merged(const struct gs_debian *debian, const char *path)
{
	const char *package = find_package(debian, path);
	char *other;

	if (package)
		return package;
	if (strncmp(path, "/usr/lib", 8) == 0 || strncmp(path, "/usr/bin/", 9) == 0 ||
		strncmp(path, "/usr/sbin/", 10) == 0)
		return find_package(debian, path + strlen("/usr"));
	if (strncmp(path, "/lib", 4) != 0 && strncmp(path, "/bin/", 5) != 0 &&
		strncmp(path, "/sbin/", 6) != 0)
		return NULL;
	if (asprintf(&other, "/usr%s", path) < 0)
		gs_out_of_memory();
	package = find_package(debian, other);
	free(other);
	return package;
}

static bool has_value(const char *line, const char *key, const char *value)
{
	size_t length = strlen(key);

	return strncmp(line, key, length) == 0 && strcmp(line + length, value) == 0;
}

/* The version in the status file's paragraph of that package and architecture. */
static const char *find_version(const struct gs_debian *debian, struct gs_pool *pool,
	const char *name, const char *architecture)
{
	FILE *stream = gs_distribution_open(debian->directory, "status");
	bool named = false, meant = false;
	const char *version = NULL;
	char *line = NULL;
	size_t size = 0;

	while (stream && read_line(stream, &line, &size)) {
		if (*line == '\0') {
			if (named && meant && version)
				break;
			named = meant = false;
			version = NULL;
		}
		named |= has_value(line, "Package: ", name);
		meant |= !*architecture || has_value(line, "Architecture: ", architecture);
		if (named && strncmp(line, "Version: ", 9) == 0)
			version = gs_pool_text(pool, line + 9, PATH_LIMIT);
	}
	free(line);
	if (stream)
		fclose(stream);
	return named && meant ? version : NULL;
}

bool gs_debian_find(
	struct gs_debian *debian, struct gs_pool *pool, const char *path, struct gs_owner *owner)
{
	const char *package = find_merged(debian, path);
	size_t length;
	char *name;

	if (!package)
		return false;
	length = name_length(package);
	name = strndup(package, length);
	if (!name)
		gs_out_of_memory();
	owner->distribution = gs_pool_text(pool, name, PATH_LIMIT);
	owner->version = find_version(
		debian, pool, name, package[length] == ':' ? package + length + 1 : "");
	free(name);
	return true;
}
