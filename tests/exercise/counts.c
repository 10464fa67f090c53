#include "counts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "record.h"

static const void *entry(
	const struct gs_record_header *header, enum gs_section_id id, uint32_t index)
{
	const struct gs_section *section = &header->section[id];

	return (const char *) header + section->offset + (uint64_t) index * section->size;
}

/* Every held call is in a site, harmless or lost: totals are worth nothing if they do not agree.
 * The sites of the call under test must bear the name that was bound. */
static const char *check_sites(
	const struct gs_record_header *header, unsigned call, const char *symbol, uint64_t held)
{
	uint64_t found = header->harmless + header->lost.sites;

	for (unsigned i = 0; i < header->section[GS_SECTION_SITES].count; i++) {
		const struct gs_site *site = entry(header, GS_SECTION_SITES, i);

		if (site->key <= 1)
			continue;
		found += site->calls;
		if (site->call == call &&
			strcmp(gs_record_string(header, site->bound_name), symbol) != 0)
			return "a site of the call bears another bound name";
	}
	return held == found ? NULL : "held calls are not the sum of sites, harmless and lost";
}

static const char *read_counts(const struct gs_record_header *header, unsigned call,
	const char *symbol, struct x_counts *counts)
{
	const struct gs_function *function = entry(header, GS_SECTION_FUNCTIONS, call);

	if (function->name != GS_NONE &&
		strcmp(gs_record_string(header, function->name), gs_call_info[call].name) != 0)
		return "the record has another name for the call";
	counts->held = function->held;
	counts->others = function->retired[0] + function->retired[1];
	for (unsigned i = 0; i < header->section[GS_SECTION_COUNTS].count; i++)
		counts->others += ((const uint64_t *) entry(header, GS_SECTION_COUNTS, i))[call];
	counts->held_total = 0;
	for (unsigned i = 0; i < GS_CALLS; i++) {
		function = entry(header, GS_SECTION_FUNCTIONS, i);
		counts->held_total += function->held;
	}
	return check_sites(header, call, symbol, counts->held_total);
}

static const char *read_file(
	const char *path, unsigned call, const char *symbol, struct x_counts *counts)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *wrong = "the record cannot be read";
	struct stat st;
	void *base;

	if (fd < 0)
		return wrong;
	if (fstat(fd, &st) == 0) {
		base = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (base != MAP_FAILED) {
			wrong = gs_record_check(base, (size_t) st.st_size);
			if (!wrong)
				wrong = read_counts(base, call, symbol, counts);
			munmap(base, (size_t) st.st_size);
		}
	}
	close(fd);
	return wrong;
}

const char *x_counts_read(
	const char *directory, unsigned call, const char *symbol, struct x_counts *counts)
{
	const char *wrong = "no record was made";
	char path[4096];
	unsigned files = 0;
	struct dirent *found;
	DIR *dir = opendir(directory);

	if (!dir)
		return wrong;
	while ((found = readdir(dir))) {
		if (found->d_name[0] == '.')
			continue;
		if (files++)
			wrong = "more than one record was made";
		else if (snprintf(path, sizeof(path), "%s/%s", directory, found->d_name) <
			 (int) sizeof(path))
			wrong = read_file(path, call, symbol, counts);
	}
	closedir(dir);
	return wrong;
}
