/* doctor_machine.c: what can be known without a program: the library, libc, the environment. */
#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "doctor.h"
#include "err.h"
#include "executable.h"
#include "libc.h"
#include "library.h"

#define PRELOAD_FILE "/etc/ld.so.preload"

/* ---- the library ---- */

/* NULL if the dynamic linker takes it, or its words. Tried in a process of its own, where its
 * constructor runs. The caller frees. */
static char *load_error(const char *path)
{
	char text[512];
	size_t used = 0;
	ssize_t got;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0)
		return strdup(strerror(errno));
	if (child == 0) {
		const char *error = dlopen(path, RTLD_NOW | RTLD_LOCAL) ? NULL : dlerror();

		_exit(error && write(ends[1], error, strlen(error)) > 0);
	}
	close(ends[1]);
	while (used < sizeof(text) - 1 &&
		(got = read(ends[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t) got;
	text[used] = '\0';
	close(ends[0]);
	waitpid(child, NULL, 0);
	return used ? strdup(text) : NULL;
}

static const char *build_id(const struct gs_objfile *file, char *digits, size_t size)
{
	const void *id;
	ssize_t length = dwelf_elf_gnu_build_id(file->elf, &id);

	digits[0] = '\0';
	for (ssize_t i = 0; i < length && (size_t) (2 * i + 3) <= size; i++)
		snprintf(digits + 2 * i, 3, "%02x", ((const unsigned char *) id)[i]);
	return *digits ? digits : "none";
}

static void look_at_library(struct gs_doctor *doctor)
{
	const char *reason;
	char digits[65], *error;

	doctor->library = gs_library_find();
	if (!doctor->library) {
		gs_doctor_say(doctor, GS_HEALTH_WRONG, "library",
			"install it, or name it with GILSHIM_LIBRARY", "libgilshim.so: not found");
		return;
	}
	reason = gs_objfile_open(&doctor->file, doctor->library);
	error = reason ? strdup(reason) : load_error(doctor->library);
	if (error)
		gs_doctor_say(doctor, GS_HEALTH_WRONG, "library", "install it anew", "%s: %s",
			doctor->library, error);
	else if (strpbrk(doctor->library, " :"))
		gs_doctor_say(doctor, GS_HEALTH_WRONG, "library", "move it",
			"%s: a path in LD_PRELOAD can hold no space and no colon", doctor->library);
	else
		gs_doctor_say(doctor, GS_HEALTH_OK, "library", NULL, "%s, loads, build-id %s",
			doctor->library, build_id(&doctor->file, digits, sizeof(digits)));
	free(error);
}

/* ---- names ---- */

struct names {
	bool there[GS_NAMES];
};

static bool note_name(void *context, const char *name, const GElf_Sym *symbol)
{
	struct names *names = context;

	for (unsigned i = 0; i < GS_NAMES && symbol->st_shndx != SHN_UNDEF; i++)
		names->there[i] |= strcmp(gs_name_info[i].symbol, name) == 0;
	return true;
}

/* "a, b, c and 4 more" of the names that `is` says true of; their number. */
static size_t list_names(char *text, size_t size, bool (*is)(unsigned name, const void *context),
	const void *context)
{
	enum { MOST = 6 };
	size_t count = 0, used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < GS_NAMES; i++) {
		if (!is(i, context))
			continue;
		if (count++ < MOST && used < size)
			used += (size_t) snprintf(text + used, size - used, "%s%s",
				used ? ", " : "", gs_name_info[i].symbol);
	}
	if (count > MOST && used < size)
		snprintf(text + used, size - used, " and %zu more", count - MOST);
	return count;
}

static bool is_not_exported(unsigned name, const void *context)
{
	return !((const struct names *) context)->there[name];
}

static bool libc_lacks(unsigned name, const void *context)
{
	(void) context;
	return !gs_libc_has(&gs_name_info[name]);
}

static void look_at_names(struct gs_doctor *doctor)
{
	struct names names = {.there = {false}};
	char text[512];
	size_t missing;

	if (doctor->file.elf) {
		gs_objfile_symbols(&doctor->file, SHT_DYNSYM, note_name, &names);
		missing = list_names(text, sizeof(text), is_not_exported, &names);
		if (missing)
			gs_doctor_say(doctor, GS_HEALTH_WRONG, "names",
				"the command and the library are of different versions",
				"the library lacks %zu of %u: %s", missing, (unsigned) GS_NAMES,
				text);
		else
			gs_doctor_say(doctor, GS_HEALTH_OK, "names", NULL,
				"%u names of libc are interposed", (unsigned) GS_NAMES);
	}
	if (!gs_libc_open())
		return;
	missing = list_names(text, sizeof(text), libc_lacks, NULL);
	if (missing)
		gs_doctor_say(doctor, GS_HEALTH_NOTE, "libc", NULL,
			"glibc %s lacks %zu of them, so nobody calls them: %s",
			gnu_get_libc_version(), missing, text);
	else
		gs_doctor_say(doctor, GS_HEALTH_OK, "libc", NULL, "glibc %s has all of them",
			gnu_get_libc_version());
}

/* ---- the environment ---- */

static void look_at_preload_file(struct gs_doctor *doctor)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen(PRELOAD_FILE, "re");

	while (file && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "#\n")] = '\0';
		if (line[strspn(line, " \t:")])
			gs_doctor_say(doctor, GS_HEALTH_NOTE, "preloads", NULL,
				PRELOAD_FILE ": %s (in every process, behind LD_PRELOAD)", line);
	}
	free(line);
	if (file)
		fclose(file);
	else if (errno != ENOENT)
		gs_doctor_say(doctor, GS_HEALTH_NOTE, "preloads", NULL, PRELOAD_FILE ": %s",
			strerror(errno));
}

static void look_at_preloads(struct gs_doctor *doctor)
{
	const char *at = getenv("LD_PRELOAD");

	for (at = at ? at : ""; *(at += strspn(at, " :")); at += strcspn(at, " :")) {
		int length = (int) strcspn(at, " :");
		char *entry, *ours;

		if (asprintf(&entry, "%.*s", length, at) < 0)
			gs_out_of_memory();
		ours = realpath(entry, NULL);
		if (ours && doctor->library && strcmp(ours, doctor->library) == 0)
			gs_doctor_say(doctor, GS_HEALTH_OK, "LD_PRELOAD", NULL,
				"%s: the library is preloaded here already", entry);
		else if (!ours && strchr(entry, '/'))
			gs_doctor_say(doctor, GS_HEALTH_WRONG, "LD_PRELOAD", "take it out",
				"%s: %s", entry, strerror(errno));
		else
			gs_doctor_say(doctor, GS_HEALTH_NOTE, "LD_PRELOAD", NULL,
				"%s is preloaded, too: it comes behind the library", entry);
		free(ours);
		free(entry);
	}
}

struct complaint {
	struct gs_doctor *doctor;
	size_t count;
};

static void complain(void *context, const struct gs_option_error *error)
{
	struct complaint *complaint = context;

	complaint->count++;
	gs_doctor_say(complaint->doctor, GS_HEALTH_WRONG, "options",
		"GILSHIM_OPTIONS=help=1 lists them", "GILSHIM_OPTIONS: %.*s=%.*s: expected %s",
		(int) error->key_length, error->key, (int) error->value_length, error->value,
		error->expected);
}

static void look_at_options(struct gs_doctor *doctor)
{
	const char *text = getenv(GS_OPTIONS_ENV);
	struct complaint complaint = {doctor, 0};
	unsigned char watched[GS_CALLS];

	gs_options_parse(&doctor->options, text, complain, &complaint);
	gs_options_calls(&doctor->options, watched, complain, &complaint);
	if (text && complaint.count == 0)
		gs_doctor_say(doctor, GS_HEALTH_OK, "options", NULL,
			GS_OPTIONS_ENV "=%s: understood", text);
	if (!doctor->options.children)
		gs_doctor_say(doctor, GS_HEALTH_NOTE, "options", NULL,
			"children=0: processes that a program starts are not watched");
}

void gs_doctor_machine(struct gs_doctor *doctor)
{
	look_at_library(doctor);
	look_at_names(doctor);
	look_at_preload_file(doctor);
	look_at_preloads(doctor);
	look_at_options(doctor);
}

/* ---- an interpreter ---- */

static const char *pair_words(struct gs_doctor *doctor, const struct gs_doctor_python *python,
	const char *environment, size_t size, enum gs_pair *result)
{
	const char *options = doctor->options.gil == GS_GIL_CHECK ? "gil=check" : "";
	const char *kept;
	char *words;

	*result = gs_pair_try(python->path, environment, size, doctor->library, options, &words);
	kept = gs_pool_text(&doctor->pool, words, 256);
	free(words);
	return kept;
}

void gs_doctor_pair(struct gs_doctor *doctor, struct gs_doctor_python *python,
	const char *environment, size_t environment_size)
{
	static const enum gs_health health[] = {[GS_PAIR_RIGHT] = GS_HEALTH_OK,
		[GS_PAIR_WRONG] = GS_HEALTH_WRONG,
		[GS_PAIR_UNKNOWN] = GS_HEALTH_WRONG,
		[GS_PAIR_NOT_TRIED] = GS_HEALTH_NOTE};
	const char *words;

	python->pair = GS_PAIR_NOT_TRIED;
	if (!doctor->library || !python->path)
		return;
	if (!gs_executable_takes_code(python->path)) {
		gs_doctor_say(doctor, GS_HEALTH_NOTE, "known pair", NULL,
			"%s: not tried: it is no interpreter that takes -c", python->path);
		return;
	}
	words = pair_words(doctor, python, environment, environment_size, &python->pair);
	gs_doctor_say(doctor, health[python->pair], "known pair",
		python->pair == GS_PAIR_UNKNOWN ? "use CPython 3.6 or newer" : NULL, "%s: %s",
		python->path, words);
}
