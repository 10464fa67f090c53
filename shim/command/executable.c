#include "executable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "compiler.h"
#include "err.h"

#define LINE_LIMIT 256 /* of #!, as the kernel has it */

static char *copy(const char *text)
{
	char *made = strdup(text);

	if (!made)
		gs_out_of_memory();
	return made;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- reading ---- */

/* #!INTERPRETER [ARGUMENT] */
static void read_script(struct gs_executable *executable, int fd)
{
	char line[LINE_LIMIT + 1], *rest = line + 2, *word;
	ssize_t got = pread(fd, line, LINE_LIMIT, 0);

	line[got < 0 ? 0 : got] = '\0';
	if (strncmp(line, "#!", 2) != 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	rest += strspn(rest, " \t");
	word = strsep(&rest, " \t");
	executable->script = copy(word);
	if (rest && *(rest += strspn(rest, " \t")))
		executable->argument = copy(rest);
}

/* Does an exec of the file raise privileges? Then the kernel says so to the dynamic linker. */
static bool is_secure(const char *path, const struct stat *file)
{
	struct statvfs system;

	if (statvfs(path, &system) == 0 && system.f_flag & ST_NOSUID)
		return false;
	if (file->st_mode & S_ISUID && file->st_uid != getuid())
		return true;
	if (file->st_mode & S_ISGID && file->st_mode & S_IXGRP && file->st_gid != getgid())
		return true;
	return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

static bool see_python(void *context, const char *name, const GElf_Sym *symbol)
{
	if (symbol->st_shndx != SHN_UNDEF &&
		(strcmp(name, "PyGILState_Check") == 0 || strcmp(name, "PyPyGILState_Ensure") == 0))
		*(bool *) context = true;
	return !*(bool *) context;
}

static void read_elf(struct gs_executable *executable, const struct gs_objfile *file)
{
	executable->is_elf = true;
	executable->bits = file->bits;
	executable->machine = file->machine;
	executable->dynamic = file->dynamic;
	if (file->loader)
		executable->loader = copy(file->loader);
	executable->has_python =
		gs_objfile_needs(file, "libpython") || gs_objfile_needs(file, "libpypy");
	if (!executable->has_python)
		gs_objfile_symbols(file, SHT_DYNSYM, see_python, &executable->has_python);
	if (!executable->has_python && !file->loader)
		gs_objfile_symbols(file, SHT_SYMTAB, see_python, &executable->has_python);
}

const char *gs_executable_read(struct gs_executable *executable, const char *path)
{
	struct gs_objfile file;
	struct stat status;
	const char *reason;
	int fd;

	memset(executable, 0, sizeof(*executable));
	executable->path = copy(path);
	reason = gs_objfile_open(&file, path);
	if (reason == NULL) {
		read_elf(executable, &file);
		gs_objfile_close(&file);
	} else if (reason != GS_NOT_ELF) {
		return reason;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status) < 0) {
		reason = strerror(errno);
	} else {
		executable->secure = executable->is_elf && is_secure(path, &status);
		if (!executable->is_elf)
			read_script(executable, fd);
		reason = executable->is_elf || executable->script ? NULL : "neither ELF nor script";
	}
	if (fd >= 0)
		close(fd);
	return reason;
}

void gs_executable_free(struct gs_executable *executable)
{
	free(executable->path);
	free(executable->script);
	free(executable->argument);
	free(executable->loader);
	memset(executable, 0, sizeof(*executable));
}

char *gs_executable_search(const char *name)
{
	const char *at = getenv("PATH");
	char *path;

	if (strchr(name, '/'))
		return copy(name);
	for (at = at ? at : "/usr/bin:/bin"; at; at = *at ? at + 1 : NULL) {
		int length = (int) strcspn(at, ":");
		struct stat file;

		if (asprintf(&path, "%.*s%s%s", length, at, length ? "/" : "", name) < 0)
			gs_out_of_memory();
		if (access(path, X_OK) == 0 && stat(path, &file) == 0 && S_ISREG(file.st_mode))
			return path;
		free(path);
		at += length;
	}
	return NULL;
}

/* ---- in words ---- */

static const char *machine_name(uint16_t machine)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} machines[] = {{EM_386, "x86"}, {EM_X86_64, "x86-64"}, {EM_ARM, "ARM"},
		{EM_AARCH64, "AArch64"}, {EM_RISCV, "RISC-V"}, {EM_PPC64, "PowerPC"},
		{EM_S390, "s390"}};

	for (size_t i = 0; i < GS_ARRAY_SIZE(machines); i++) {
		if (machines[i].machine == machine)
			return machines[i].name;
	}
	return "another machine";
}

char *gs_executable_words(const struct gs_executable *executable)
{
	char *words;
	int length;

	if (executable->script)
		length = asprintf(&words, "script for %s%s%s", executable->script,
			executable->argument ? " " : "",
			executable->argument ? executable->argument : "");
	else if (!executable->is_elf)
		length = asprintf(&words, "not an executable");
	else
		length = asprintf(&words, "%d-bit %s, %s%s%s", executable->bits,
			machine_name(executable->machine),
			executable->loader ? "dynamic (" : "static",
			executable->loader ? base_name(executable->loader) : "",
			executable->loader ? ")" : "");
	if (length < 0)
		gs_out_of_memory();
	return words;
}

char *gs_executable_fault(const struct gs_executable *executable, const struct gs_objfile *library)
{
	char *words = NULL;
	int length = 0;

	if (!executable->is_elf)
		return NULL;
	if (!executable->loader)
		length = asprintf(&words, "statically linked: no dynamic linker runs, nothing can "
					  "be preloaded");
	else if (executable->bits != library->bits || executable->machine != library->machine)
		length = asprintf(&words, "%d-bit %s, the library is %d-bit %s: not loaded",
			executable->bits, machine_name(executable->machine), library->bits,
			machine_name(library->machine));
	else if (strstr(executable->loader, "ld-musl"))
		length = asprintf(&words,
			"for musl libc (%s), the library is for glibc: nothing "
			"is judged there",
			base_name(executable->loader));
	else if (executable->secure)
		length = asprintf(&words, "set-user-ID, set-group-ID or with capabilities: its "
					  "dynamic linker ignores LD_PRELOAD and takes it out");
	if (length < 0)
		gs_out_of_memory();
	return words;
}

bool gs_executable_takes_code(const char *path)
{
	static const char *const names[] = {"python", "pypy"};
	static const char *const flags[] = {"", "t", "d", "td", "-dbg"}; /* of its ABI */
	const char *name = base_name(path);

	for (size_t i = 0; i < GS_ARRAY_SIZE(names); i++) {
		const char *rest = name + strlen(names[i]);

		if (strncmp(name, names[i], strlen(names[i])) != 0)
			continue;
		rest += strspn(rest, "0123456789.");
		for (size_t j = 0; j < GS_ARRAY_SIZE(flags); j++) {
			if (strcmp(rest, flags[j]) == 0)
				return true;
		}
	}
	return false;
}
