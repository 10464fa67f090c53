#include "conda.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "distribution.h"
#include "err.h"

#define NAME_LIMIT 256
#define LARGEST (64L * 1024 * 1024)

/* The whole text; NULL if there is none. The caller frees. */
static char *read_text(FILE *stream)
{
	char *text = NULL;
	long size;

	if (!stream)
		return NULL;
	if (fseek(stream, 0, SEEK_END) == 0 && (size = ftell(stream)) >= 0 && size <= LARGEST) {
		rewind(stream);
		text = gs_alloc((size_t) size + 1, 1);
		text[fread(text, 1, (size_t) size, stream)] = '\0';
	}
	fclose(stream);
	return text;
}

static bool lists(const json_t *package, const char *relative)
{
	const json_t *files = json_object_get(package, "files");

	for (size_t i = 0; i < json_array_size(files); i++) {
		const char *file = json_string_value(json_array_get(files, i));

		if (file && strcmp(file, relative) == 0)
			return true;
	}
	return false;
}

/* `text` is the package's file: name, version, and the files in it among much else. */
static bool take(
	struct gs_pool *pool, const char *text, const char *relative, struct gs_owner *owner)
{
	json_t *package = json_loads(text, 0, NULL);
	const char *name = json_string_value(json_object_get(package, "name"));
	const char *version = json_string_value(json_object_get(package, "version"));
	bool found = name && lists(package, relative);

	if (found) {
		owner->distribution = gs_pool_text(pool, name, NAME_LIMIT);
		owner->version = gs_pool_text(pool, version, NAME_LIMIT);
	}
	json_decref(package);
	return found;
}

static bool search(
	struct gs_pool *pool, const char *directory, const char *relative, struct gs_owner *owner)
{
	DIR *entries = opendir(directory);
	const char *name = strrchr(relative, '/');
	const struct dirent *entry;
	bool found = false;

	name = name ? name + 1 : relative;
	while (entries && !found && (entry = readdir(entries))) {
		size_t length = strlen(entry->d_name);
		char *text;

		if (length <= 5 || strcmp(entry->d_name + length - 5, ".json") != 0)
			continue;
		text = read_text(gs_distribution_open(directory, entry->d_name));
		/* Most of the hundreds do not name the file at all. */
		found = text && strstr(text, name) && take(pool, text, relative, owner);
		free(text);
	}
	if (entries)
		closedir(entries);
	return found;
}

bool gs_conda_find(struct gs_pool *pool, const char *path, struct gs_owner *owner)
{
	size_t length = strlen(path);
	bool found = false;

	/* Every directory above the file may be an environment. */
	while (!found && length > 1) {
		char *directory;

		while (path[--length] != '/')
			;
		if (asprintf(&directory, "%.*s/conda-meta", (int) length, path) < 0)
			gs_out_of_memory();
		found = search(pool, directory, path + length + 1, owner);
		free(directory);
	}
	return found;
}
