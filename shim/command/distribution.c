#include "distribution.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler.h"
#include "err.h"

#define NAME_LIMIT 256

/* One question, passed down to each *-info found. */
struct query {
	struct gs_pool *pool;
	struct gs_owner *owner;
	const char *path;     /* of the module */
	const char *relative; /* the same from the directory that is searched */
	size_t longest;       /* editable: of the tree that owns it so far */
};

/* `info` is the path of a *.dist-info or *.egg-info. */
typedef bool visit(struct query *query, const char *info);

static char *join(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		gs_out_of_memory();
	return path;
}

static char *copy(const char *text, size_t length)
{
	char *made = strndup(text, length);

	if (!made)
		gs_out_of_memory();
	return made;
}

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length > end_length && strcmp(text + length - end_length, end) == 0;
}

FILE *gs_distribution_open(const char *directory, const char *name)
{
	char *path = join(directory, name);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat file;
	FILE *stream;

	free(path);
	if (fd < 0)
		return NULL;
	stream = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) ? fdopen(fd, "re") : NULL;
	if (!stream)
		close(fd);
	return stream;
}

/* A line without its end; false at the end of the file. */
static bool read_line(FILE *stream, char **line, size_t *size)
{
	ssize_t length = getline(line, size, stream);

	while (length > 0 && ((*line)[length - 1] == '\n' || (*line)[length - 1] == '\r'))
		(*line)[--length] = '\0';
	return length >= 0;
}

/* ---- name and version ---- */

static const char *field(struct gs_pool *pool, const char *line, const char *key)
{
	size_t length = strlen(key);

	if (strncasecmp(line, key, length) != 0 || line[length] != ':')
		return NULL;
	line += length + 1;
	line += strspn(line, " \t");
	return *line ? gs_pool_text(pool, line, NAME_LIMIT) : NULL;
}

/* Name and Version are headers, as of a mail; the description comes after an empty line. */
static bool read_metadata(struct query *query, FILE *stream)
{
	struct gs_owner found = {NULL, NULL};
	char *line = NULL;
	size_t size = 0;

	if (!stream)
		return false;
	while (read_line(stream, &line, &size) && *line) {
		if (!found.distribution)
			found.distribution = field(query->pool, line, "Name");
		if (!found.version)
			found.version = field(query->pool, line, "Version");
	}
	free(line);
	fclose(stream);
	if (!found.distribution)
		return false;
	*query->owner = found;
	return true;
}

/* distutils wrote one file, not a directory. */
static bool take(struct query *query, const char *info)
{
	static const char *const names[] = {"METADATA", "PKG-INFO"};
	FILE *stream = NULL;

	for (size_t i = 0; i < GS_ARRAY_SIZE(names) && !stream; i++)
		stream = gs_distribution_open(info, names[i]);
	if (!stream) {
		const char *slash = strrchr(info, '/');
		char *directory = copy(info, (size_t) (slash - info));

		stream = gs_distribution_open(directory, slash + 1);
		free(directory);
	}
	return read_metadata(query, stream);
}

/* ---- lists of files ---- */

/* The first field of a line of CSV, unquoted in place. */
static void cut_field(char *line)
{
	char *from = line + 1, *to = line;

	if (*line != '"') {
		line[strcspn(line, ",")] = '\0';
		return;
	}
	while (*from && (*from != '"' || from[1] == '"')) {
		from += *from == '"';
		*to++ = *from++;
	}
	*to = '\0';
}

static bool record_lists(const struct query *query, const char *info)
{
	FILE *stream = gs_distribution_open(info, "RECORD");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (!stream)
		return false;
	while (!found && read_line(stream, &line, &size)) {
		cut_field(line);
		found = strcmp(line, *line == '/' ? query->path : query->relative) == 0;
	}
	free(line);
	fclose(stream);
	return found;
}

/* Its paths begin in the *.egg-info itself. */
static bool installed_files_list(const struct query *query, const char *info)
{
	FILE *stream = gs_distribution_open(info, "installed-files.txt");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (!stream)
		return false;
	while (!found && read_line(stream, &line, &size))
		found = strncmp(line, "../", 3) == 0 && strcmp(line + 3, query->relative) == 0;
	free(line);
	fclose(stream);
	return found;
}

static bool visit_listing(struct query *query, const char *info)
{
	return (record_lists(query, info) || installed_files_list(query, info)) &&
	       take(query, info);
}

/* ---- names ---- */

/* "_foo.cpython-311.so" and "foo/_bar.so" come from the top-level names "_foo" and "foo". */
static bool is_top_level(const struct query *query, const char *name)
{
	size_t length = strcspn(query->relative, "/.");

	if (strlen(name) != length || length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		int a = tolower((unsigned char) name[i]);
		int b = tolower((unsigned char) query->relative[i]);

		if (a != b && !(a == '-' && b == '_'))
			return false;
	}
	return true;
}

static bool visit_named(struct query *query, const char *info)
{
	FILE *stream = gs_distribution_open(info, "top_level.txt");
	struct gs_owner before = *query->owner;
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (stream) {
		while (!found && read_line(stream, &line, &size))
			found = is_top_level(query, line);
		free(line);
		fclose(stream);
		return found && take(query, info);
	}
	if (take(query, info) && is_top_level(query, query->owner->distribution))
		return true;
	*query->owner = before;
	return false;
}

/* ---- editable installs ---- */

static int digit(char c)
{
	return isdigit((unsigned char) c) ? c - '0' : tolower((unsigned char) c) - 'a' + 10;
}

/* The path of a file URL of this machine, in place; NULL if it is none. */
static char *path_of_url(char *url)
{
	char *path, *from, *to;

	if (strncasecmp(url, "file://", 7) != 0)
		return NULL;
	path = strncasecmp(url + 7, "localhost/", 10) == 0 ? url + 16 : url + 7;
	if (*path != '/')
		return NULL;
	for (from = to = path; *from; from++, to++) {
		*to = *from;
		if (*from == '%' && isxdigit((unsigned char) from[1]) &&
			isxdigit((unsigned char) from[2])) {
			*to = (char) (digit(from[1]) * 16 + digit(from[2]));
			from += 2;
		}
	}
	while (to > path + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	return path;
}

/* The source tree of an editable install; the caller frees. NULL: it is none. */
static char *source_tree(const char *info)
{
	FILE *stream = gs_distribution_open(info, "direct_url.json");
	json_t *root = stream ? json_loadf(stream, 0, NULL) : NULL;
	json_t *where = json_object_get(root, "dir_info");
	const char *url = json_string_value(json_object_get(root, "url"));
	char *tree = NULL;

	if (url && json_is_true(json_object_get(where, "editable"))) {
		char *text = copy(url, strlen(url));
		const char *path = path_of_url(text);

		if (path)
			tree = join(path, "");
		free(text);
	}
	json_decref(root);
	if (stream)
		fclose(stream);
	return tree;
}

/* Never the last: a tree may lie in another. */
static bool visit_editable(struct query *query, const char *info)
{
	char *tree = source_tree(info);
	size_t length = tree ? strlen(tree) : 0;

	if (length > query->longest && strncmp(query->path, tree, length) == 0 && take(query, info))
		query->longest = length;
	free(tree);
	return false;
}

/* ---- directories ---- */

static bool search(struct query *query, const char *directory, visit *ask)
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;
	bool found = false;

	if (!entries)
		return false;
	while (!found && (entry = readdir(entries))) {
		char *info;

		if (!ends_in(entry->d_name, ".dist-info") && !ends_in(entry->d_name, ".egg-info") &&
			strcmp(entry->d_name, "EGG-INFO") != 0)
			continue;
		info = join(directory, entry->d_name);
		found = ask(query, info);
		free(info);
	}
	closedir(entries);
	return found;
}

/* Asks in every directory above the file, the innermost first. */
static bool search_above(struct gs_pool *pool, const char *path, struct gs_owner *owner, visit *ask)
{
	struct query query = {.pool = pool, .owner = owner, .path = path};
	char *directory = copy(path, strlen(path));
	char *slash;
	bool found = false;

	while (!found && (slash = strrchr(directory, '/')) && slash > directory) {
		*slash = '\0';
		query.relative = path + (slash - directory) + 1;
		found = search(&query, directory, ask);
	}
	free(directory);
	return found;
}

bool gs_distribution_listing(struct gs_pool *pool, const char *path, struct gs_owner *owner)
{
	return search_above(pool, path, owner, visit_listing);
}

bool gs_distribution_named(struct gs_pool *pool, const char *path, struct gs_owner *owner)
{
	return search_above(pool, path, owner, visit_named);
}

bool gs_distribution_editable(struct gs_pool *pool, const char *path,
	const char *const *directories, size_t count, struct gs_owner *owner)
{
	struct query query = {.pool = pool, .owner = owner, .path = path, .relative = ""};

	for (size_t i = 0; i < count; i++)
		search(&query, directories[i], visit_editable);
	return query.longest > 0;
}
