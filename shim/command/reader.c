#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "sums.h"

#define LARGEST ((off_t) 256 * 1024 * 1024)
#define ALIGNMENT 64
#define ATTEMPTS 8
#define CHUNK (64 * 1024)

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static const char *read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	char *at = buffer;

	while (size > 0) {
		ssize_t got = pread(fd, at, size, (off_t) offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return strerror(errno);
		if (got == 0)
			return "truncated while it was read";
		at += got;
		offset += (uint64_t) got;
		size -= (size_t) got;
	}
	return NULL;
}

/* The header as it is now, checked against the file's size. gs_record_check() looks at nothing but
 * the header. */
static const char *read_header(int fd, struct gs_record_header *header, off_t size)
{
	const char *reason;

	memset(header, 0, sizeof(*header));
	reason = read_at(fd, header, smaller((uint64_t) size, sizeof(*header)), 0);
	return reason ? reason : gs_record_check(header, (size_t) size);
}

/* How much of a table is in use. */
static struct gs_section used_part(const struct gs_record_header *header, unsigned id)
{
	struct gs_section part = header->section[id];

	switch (id) {
	case GS_SECTION_MODULES:
		part.count = (uint32_t) smaller(part.count, header->modules);
		break;
	case GS_SECTION_THREADS:
	case GS_SECTION_COUNTS:
		part.count = (uint32_t) smaller(part.count, header->threads);
		break;
	case GS_SECTION_STRINGS:
		part.size = (uint32_t) smaller(part.size, header->strings);
		break;
	case GS_SECTION_GILS:
		if (!header->world)
			part.count = (uint32_t) smaller(part.count, header->interpreters);
		break;
	case GS_SECTION_WAITERS:
		part.count = (uint32_t) smaller(part.count, header->waiters);
		break;
	case GS_SECTION_DELAYS:
		part.count = (uint32_t) smaller(part.count, header->delays);
		break;
	case GS_SECTION_FUNCTIONS:
	default:
		break;
	}
	return part;
}

struct copy {
	int fd;
	char *bytes; /* begins with the header */
	size_t capacity;
	uint64_t end;
	struct gs_record_header header; /* as it was read */
	struct gs_section placed[GS_SECTIONS];
	uint32_t *slots; /* the slot in the file of each site, ascending */
	size_t slot_count, slot_capacity;
};

static void *make_room(struct copy *copy, uint64_t size)
{
	copy->bytes = gs_grow(copy->bytes, &copy->capacity, copy->end + size, 1);
	return copy->bytes + copy->end;
}

static void begin_section(struct copy *copy, unsigned id, struct gs_section part)
{
	copy->end = (copy->end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	part.offset = copy->end;
	copy->placed[id] = part;
}

/* Appends the used part of a table to the copy. */
static const char *copy_section(struct copy *copy, unsigned id)
{
	struct gs_section part = used_part(&copy->header, id);
	uint64_t size = (uint64_t) part.count * part.size;
	const char *reason;

	begin_section(copy, id, part);
	reason = read_at(copy->fd, make_room(copy, size), size, part.offset);
	copy->end += size;
	return reason;
}

/* Sites lie scattered over their table. A slot without a call is no site: free, left behind half
 * filled, or all its calls turned out to be harmless. */
static void keep_sites(struct copy *copy, const char *entries, uint32_t first, uint32_t count)
{
	uint32_t size = copy->placed[GS_SECTION_SITES].size;

	for (uint32_t i = 0; i < count; i++) {
		const struct gs_site *site = (const void *) (entries + (size_t) i * size);

		if (site->key <= 1 || site->calls == 0)
			continue;
		memcpy(make_room(copy, size), site, size);
		copy->end += size;
		copy->slots = gs_grow(copy->slots, &copy->slot_capacity, copy->slot_count + 1,
			sizeof(*copy->slots));
		copy->slots[copy->slot_count++] = first + i;
	}
}

/* The entries from `first` on that lie in one piece of data, `count` of them at most; *first moves
 * behind what was never written. Most of a table is that: to read it would fill the page cache with
 * zeros, for milliseconds a record. Where the file system cannot tell, all is data. */
static uint32_t find_data(
	const struct copy *copy, const struct gs_section *table, uint32_t *first, uint32_t count)
{
	off_t begin = (off_t) (table->offset + (uint64_t) *first * table->size);
	off_t data = lseek(copy->fd, begin, SEEK_DATA);
	off_t hole = data < 0 ? data : lseek(copy->fd, data, SEEK_HOLE);

	if (data < 0 && errno == ENXIO)
		*first = table->count;
	else if (data > begin)
		*first += (uint32_t) smaller(
			(uint64_t) (data - begin) / table->size, table->count - *first);
	count = (uint32_t) smaller(count, table->count - *first);
	begin = (off_t) (table->offset + (uint64_t) *first * table->size);
	if (hole > begin)
		count = (uint32_t) smaller(count, (uint64_t) (hole - begin) / table->size + 1);
	return count;
}

static const char *copy_sites(struct copy *copy)
{
	const struct gs_section *table = &copy->header.section[GS_SECTION_SITES];
	uint32_t at_once = table->size < CHUNK ? CHUNK / table->size : 1;
	char *entries = gs_alloc(at_once, table->size);
	const char *reason = NULL;
	uint32_t i = 0;

	copy->slot_count = 0;
	begin_section(copy, GS_SECTION_SITES, *table);
	while (i < table->count && !reason) {
		uint32_t count = find_data(copy, table, &i, at_once);

		reason = read_at(copy->fd, entries, (size_t) count * table->size,
			table->offset + (uint64_t) i * table->size);
		if (!reason)
			keep_sites(copy, entries, i, count);
		i += count;
	}
	copy->placed[GS_SECTION_SITES].count = (uint32_t) copy->slot_count;
	free(entries);
	return reason;
}

/* The stacks of the sites that were kept. */
static const char *copy_stacks(struct copy *copy, unsigned id)
{
	struct gs_section part = copy->header.section[id];
	const char *reason = NULL;

	begin_section(copy, id, part);
	copy->placed[id].count = (uint32_t) copy->slot_count;
	for (size_t i = 0; i < copy->slot_count && !reason; i++) {
		reason = read_at(copy->fd, make_room(copy, part.size), part.size,
			part.offset + (uint64_t) copy->slots[i] * part.size);
		copy->end += part.size;
	}
	return reason;
}

static int compare_slots(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	return (left > right) - (left < right);
}

/* A thread's note of its call in progress names a slot of the file: from here on its number in the
 * copy. A note about no site that was kept is dropped. */
static void renumber_threads(struct copy *copy)
{
	const struct gs_section *table = &copy->placed[GS_SECTION_THREADS];

	for (uint32_t i = 0; i < table->count; i++) {
		struct gs_thread_entry *thread =
			(void *) (copy->bytes + table->offset + (uint64_t) i * table->size);
		uint32_t slot = thread->site;
		const uint32_t *found = NULL;

		if (slot == GS_NONE)
			continue;
		if (copy->slot_count)
			found = bsearch(
				&slot, copy->slots, copy->slot_count, sizeof(slot), compare_slots);
		if (found)
			thread->site = (uint32_t) (found - copy->slots);
		else
			thread->begin_ns = 0;
	}
}

/* Copies the tables so that whatever an entry refers to is newer than the entry: GILs, waiters,
 * modules and strings last, as far as they are full by then. */
static const char *copy_tables(struct copy *copy, off_t size)
{
	static const unsigned char before[] = {
		GS_SECTION_FUNCTIONS, GS_SECTION_THREADS, GS_SECTION_COUNTS, GS_SECTION_DELAYS};
	static const unsigned char after[] = {
		GS_SECTION_GILS, GS_SECTION_WAITERS, GS_SECTION_MODULES, GS_SECTION_STRINGS};
	struct gs_record_header first = copy->header;
	const char *reason = copy_sites(copy);

	if (!reason)
		reason = copy_stacks(copy, GS_SECTION_NATIVE);
	if (!reason)
		reason = copy_stacks(copy, GS_SECTION_PYTHON);
	for (unsigned i = 0; i < sizeof(before) && !reason; i++)
		reason = copy_section(copy, before[i]);
	if (!reason)
		reason = read_header(copy->fd, &copy->header, size);
	if (reason)
		return reason;
	if (memcmp(copy->header.section, first.section, sizeof(first.section)) != 0 ||
		copy->header.stacks != first.stacks)
		return "damaged: its layout changes while it is read";
	for (unsigned i = 0; i < sizeof(after) && !reason; i++)
		reason = copy_section(copy, after[i]);
	return reason;
}

static void *copied(const struct copy *copy, unsigned id, uint64_t index)
{
	const struct gs_section *table = &copy->placed[id];

	return copy->bytes + table->offset + index * table->size;
}

/* The process died while it moved a count of a thread that had ended to the totals. If it has
 * arrived there, it is taken out of where it came from. */
static void settle_moving(struct copy *copy)
{
	const struct gs_section *counts = &copy->placed[GS_SECTION_COUNTS];
	uint64_t width = counts->size / sizeof(uint64_t), cell = copy->header.moving - 1;
	uint64_t thread = cell / width, call = cell % width, *count;
	const struct gs_thread_entry *entry;
	const struct gs_function *function;

	if (thread >= counts->count || call >= copy->placed[GS_SECTION_FUNCTIONS].count)
		return;
	entry = copied(copy, GS_SECTION_THREADS, thread);
	function = copied(copy, GS_SECTION_FUNCTIONS, call);
	count = copied(copy, GS_SECTION_COUNTS, thread);
	if (function->retired[entry->had_gil != 0] >= copy->header.moving_to)
		count[call] = 0;
}

static const char *copy_record(struct copy *copy, off_t size)
{
	const char *reason = read_header(copy->fd, &copy->header, size);

	copy->end = sizeof(copy->header);
	if (!reason)
		reason = copy_tables(copy, size);
	if (reason)
		return reason;
	renumber_threads(copy);
	if (copy->header.moving)
		settle_moving(copy);
	memcpy(copy->header.section, copy->placed, sizeof(copy->placed));
	copy->header.file_size = copy->end;
	memcpy(copy->bytes, &copy->header, sizeof(copy->header));
	return NULL;
}

/* ---- what an entry may refer to ---- */

static bool is_index(uint32_t index, uint32_t count)
{
	return index == GS_NONE || index < count;
}

/* Waiters are named by their index + 1. */
static const char *check_names(const struct gs_snapshot *snapshot, const struct gs_site *site)
{
	uint32_t waiters = gs_snapshot_count(snapshot, GS_SECTION_WAITERS);

	for (unsigned i = 0; i < GS_VICTIMS; i++) {
		if (site->victims[i] > waiters)
			return "damaged: a site that stalled a thread that there is not";
	}
	if (site->kind == GS_KIND_COMPUTE && site->waiter > waiters)
		return "damaged: a site of a thread that there is not";
	return NULL;
}

static const char *check_site(const struct gs_snapshot *snapshot, const struct gs_site *site)
{
	const struct gs_record_header *header = snapshot->header;
	uint32_t modules = gs_snapshot_count(snapshot, GS_SECTION_MODULES);
	bool is_call = site->kind == GS_KIND_CALL;

	if (is_call && site->call >= gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS))
		return "damaged: a site of a call that there is not";
	if ((is_call && site->class >= GS_CLASSES) || site->origin >= GS_ORIGINS ||
		site->kind >= GS_KINDS)
		return "damaged: a site of no known class, origin or kind";
	if (site->depth_native > header->stacks || site->depth_python > header->stacks)
		return "damaged: a stack deeper than there is room for";
	if ((is_call && !is_index(site->module, modules)) ||
		((is_call || site->depth_native) && !is_index(site->extension, modules)))
		return "damaged: a site in a module that there is not";
	return check_names(snapshot, site);
}

static const char *check_entries(const struct gs_snapshot *snapshot)
{
	uint32_t i;

	if (snapshot->header->ended >= GS_ENDEDS)
		return "damaged: no such way to end";
	for (i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_SITES); i++) {
		const struct gs_site *site = gs_snapshot_entry(snapshot, GS_SECTION_SITES, i);
		const char *reason = check_site(snapshot, site);

		if (reason)
			return reason;
	}
	for (i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_MODULES); i++) {
		const struct gs_module *module = gs_snapshot_entry(snapshot, GS_SECTION_MODULES, i);

		if (module->build_id_size > sizeof(module->build_id))
			return "damaged: an impossible build-id";
	}
	return NULL;
}

/* ---- the file ---- */

static const char *open_record(const char *path, int *fd, struct stat *file)
{
	/* A FIFO must not keep us waiting. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, file) < 0)
		return strerror(errno);
	if (!S_ISREG(file->st_mode))
		return "not a regular file";
	if (file->st_size == 0)
		return "empty: its process could keep no record (no space, or ulimit -f)";
	return file->st_size > LARGEST ? "larger than any record" : NULL;
}

bool gs_snapshot_read(const char *path, struct gs_snapshot *snapshot, const char **reason)
{
	struct copy copy = {.fd = -1};
	bool settled = false;

	*reason = open_record(path, &copy.fd, &snapshot->file);
	for (int i = 1; i <= ATTEMPTS && !*reason && !settled; i++) {
		*reason = copy_record(&copy, snapshot->file.st_size);
		snapshot->header = (struct gs_record_header *) (void *) copy.bytes;
		if (!*reason)
			*reason = check_entries(snapshot);
		if (!*reason)
			settled = gs_sums_settle(snapshot, i == ATTEMPTS);
	}
	if (copy.fd >= 0)
		close(copy.fd);
	free(copy.slots);
	if (*reason) {
		free(copy.bytes);
		snapshot->header = NULL;
	}
	return !*reason;
}

void gs_snapshot_free(struct gs_snapshot *snapshot)
{
	free(snapshot->header);
	snapshot->header = NULL;
}

const char *gs_snapshot_text(const struct gs_snapshot *snapshot, uint32_t offset)
{
	const char *text;

	if (offset == GS_NONE)
		return NULL;
	text = gs_record_string(snapshot->header, offset);
	return *text == '\0' || strcmp(text, "?") == 0 ? NULL : text;
}
