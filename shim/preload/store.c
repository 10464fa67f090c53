#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "calls.h"
#include "life.h"
#include "say.h"
#include "sys.h"

#define INTERN_SLOTS 16384 /* a power of two; a text that finds no slot is stored each time */
#define INTERN_TRIES 64

GS_HIDDEN struct gs_store gs_store;

/* Where each string is, by hash: its offset + 1, 0 if free. Not in the record: readers have no use
 * for it. A new life of the record gets a new table. */
static _Atomic uint32_t *interned;

/* A record file gets its name when its header says all that readers rely on, so that who dies
 * before that leaves nothing that looks like a record. Until then it has none; or, where the file
 * system has no such files, DIR/PID.START.new. */
static struct {
	int fd;
	bool is_nameless;
	char path[1024]; /* DIR/PID.START.gilshim */
	char before[1024];
} unborn = {.fd = -1};

/* Nobody but this process has reason to write into the file: a stray redirection or truncate(1)
 * would be a SIGBUS here. */
#define MODE 0444

static bool put_path(char *buffer, size_t size, const char *directory, const char *suffix)
{
	struct gs_text path;

	gs_text_init(&path, buffer, size);
	gs_text_put(&path, directory);
	gs_text_char(&path, '/');
	gs_text_id(&path, gs_life.pid);
	gs_text_char(&path, '.');
	gs_text_hex(&path, gs_life.start_realtime_ns);
	gs_text_put(&path, suffix);
	return !path.cut;
}

static void say_none(const char *path, const char *what, int err)
{
	bool is_told = strcmp(gs_life.options.summary, "none") != 0;

	gs_say_unusable("record", path, what, err,
		is_told ? "this process keeps no record, only the summary"
			: "this process keeps no record");
}

/* A new file in the directory. Returns a descriptor or -errno. */
static int create(const char *directory)
{
	long made;
	int fd;

	if (!put_path(unborn.path, sizeof(unborn.path), directory, ".gilshim") ||
		!put_path(unborn.before, sizeof(unborn.before), directory, ".new"))
		return -ENAMETOOLONG;
	made = gs_sys3(SYS_mkdirat, AT_FDCWD, (long) directory, 0777);
	fd = (int) gs_sys4(
		SYS_openat, AT_FDCWD, (long) directory, O_RDWR | O_TMPFILE | O_CLOEXEC, MODE);
	if (fd == -ENOENT && made < 0 && made != -EEXIST)
		return (int) made;
	unborn.is_nameless = fd != -EOPNOTSUPP && fd != -EISDIR;
	if (unborn.is_nameless)
		return fd;
	return (int) gs_sys4(SYS_openat, AT_FDCWD, (long) unborn.before,
		O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);
}

static void close_unborn(void)
{
	gs_sys1(SYS_close, unborn.fd);
	unborn.fd = -1;
}

static void discard_unborn(void)
{
	close_unborn();
	if (!unborn.is_nameless)
		gs_sys3(SYS_unlinkat, AT_FDCWD, (long) unborn.before, 0);
}

/* Reserves the space first: a mapped page that the file system cannot back is a SIGBUS. To ask for
 * more than the process may write would be a SIGXFSZ. */
static long reserve(int fd, uint64_t size)
{
	struct rlimit limit = {0, 0};
	long err;

	if (gs_sys4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long) &limit) == 0 && limit.rlim_cur < size)
		return -EFBIG;
	do
		err = gs_sys4(SYS_fallocate, fd, 0, 0, (long) size);
	while (err == -EINTR);
	return err;
}

static long name_unborn(void)
{
	char link[64];
	struct gs_text text;
	long err;

	if (!unborn.is_nameless)
		return gs_sys5(SYS_renameat2, AT_FDCWD, (long) unborn.before, AT_FDCWD,
			(long) unborn.path, RENAME_NOREPLACE);
	gs_text_init(&text, link, sizeof(link));
	gs_text_put(&text, "/proc/self/fd/");
	gs_text_id(&text, (uint64_t) unborn.fd);
	err = gs_sys5(
		SYS_linkat, AT_FDCWD, (long) link, AT_FDCWD, (long) unborn.path, AT_SYMLINK_FOLLOW);
	/* Without /proc root can do so all the same. */
	if (err == -ENOENT)
		err = gs_sys5(SYS_linkat, unborn.fd, (long) "", AT_FDCWD, (long) unborn.path,
			AT_EMPTY_PATH);
	return err;
}

/* A file without a byte under the record's name tells readers that a process is missing. */
static void leave_empty(void)
{
	gs_sys2(SYS_ftruncate, unborn.fd, 0);
	if (name_unborn() == 0)
		close_unborn();
	else
		discard_unborn();
}

static void *map_file(const char *directory, uint64_t size)
{
	const char *what = "cannot be created";
	long err = unborn.fd = create(directory);

	if (err >= 0) {
		what = "no space could be reserved";
		err = reserve(unborn.fd, size);
		if (err == 0) {
			what = "cannot be mapped";
			err = gs_sys6(SYS_mmap, 0, (long) size, PROT_READ | PROT_WRITE, MAP_SHARED,
				unborn.fd, 0);
		}
		if (err > 0 || err <= -4096)
			return (void *) err;
		leave_empty();
	}
	say_none(directory, what, (int) err);
	return MAP_FAILED;
}

void gs_store_publish(void)
{
	long err;

	if (unborn.fd < 0)
		return;
	err = name_unborn();
	if (err == 0) {
		close_unborn();
		return;
	}
	discard_unborn();
	gs_store.is_file = false;
	say_none(unborn.path, "cannot be created", (int) err);
}

static void *map_private(uint64_t size)
{
	long memory = gs_sys6(SYS_mmap, 0, (long) size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory < 0 && memory > -4096 ? MAP_FAILED : (void *) memory;
}

/* The mappings that no child is given. */
static struct {
	void *at;
	size_t size;
} ours[2];

static void keep_from_children(unsigned which, void *at, size_t size)
{
	gs_sys3(SYS_madvise, (long) at, (long) size, MADV_DONTFORK);
	ours[which].at = at;
	ours[which].size = size;
}

/* A signal handler may fork and return in the child, to bookkeeping of ours that it interrupted:
 * that goes on in memory at which nobody looks. */
static void leave_blank(void)
{
	for (size_t i = 0; i < GS_ARRAY_SIZE(ours) && ours[i].at; i++) {
		gs_sys6(SYS_mmap, (long) ours[i].at, (long) ours[i].size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
		gs_sys3(SYS_madvise, (long) ours[i].at, (long) ours[i].size, MADV_DONTFORK);
	}
}

/* pthread_atfork(3), which no object of libc's exports. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
	void *object) __attribute__((weak));

void gs_store_setup(void)
{
	if (__register_atfork)
		__register_atfork(NULL, NULL, leave_blank, NULL);
}

static void point(char *base)
{
	struct gs_record_header *header = (struct gs_record_header *) base;
	const struct gs_section *section = header->section;

	gs_store.header = header;
	gs_store.modules = (void *) (base + section[GS_SECTION_MODULES].offset);
	gs_store.functions = (void *) (base + section[GS_SECTION_FUNCTIONS].offset);
	gs_store.threads = (void *) (base + section[GS_SECTION_THREADS].offset);
	gs_store.counts = (void *) (base + section[GS_SECTION_COUNTS].offset);
	gs_store.sites = (void *) (base + section[GS_SECTION_SITES].offset);
	gs_store.native = (void *) (base + section[GS_SECTION_NATIVE].offset);
	gs_store.python = (void *) (base + section[GS_SECTION_PYTHON].offset);
	gs_store.gils = (void *) (base + section[GS_SECTION_GILS].offset);
	gs_store.waiters = (void *) (base + section[GS_SECTION_WAITERS].offset);
	gs_store.delays = (void *) (base + section[GS_SECTION_DELAYS].offset);
	gs_store.strings = base + section[GS_SECTION_STRINGS].offset;
	gs_store.reserved_modules = 0;
}

/* Names the rows, so that a reader with another table can read this record. */
static void name_functions(void)
{
	for (unsigned call = 0; call < GS_CALLS; call++) {
		const struct gs_call_info *info = &gs_call_info[call];

		gs_store.functions[call].name =
			gs_store_string(info->name, (uint32_t) strlen(info->name));
		gs_store.functions[call].group =
			gs_store_string(info->group, (uint32_t) strlen(info->group));
	}
}

bool gs_store_open(const struct gs_options *options)
{
	struct gs_record_header header = {
		.magic = GS_RECORD_MAGIC,
		.version = GS_RECORD_VERSION,
		.oldest = GS_RECORD_OLDEST,
		.endian = GS_RECORD_ENDIAN,
		.header_size = sizeof(header),
	};
	void *memory = MAP_FAILED, *table = map_private(INTERN_SLOTS * sizeof(*interned));

	if (table == MAP_FAILED)
		return false;
	gs_record_layout(&header, (uint32_t) options->stacks);
	if (options->record)
		memory = map_file(options->record, header.file_size);
	gs_store.is_file = memory != MAP_FAILED;
	if (memory == MAP_FAILED)
		memory = map_private(header.file_size);
	if (memory == MAP_FAILED)
		return false;
	keep_from_children(0, memory, header.file_size);
	keep_from_children(1, table, INTERN_SLOTS * sizeof(*interned));
	interned = table;
	memcpy(memory, &header, sizeof(header));
	point(memory);
	gs_store.header->strings = 1; /* offset 0 is the empty string */
	name_functions();
	return true;
}

static uint32_t hash_of(const char *text, uint32_t length)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) text[i]) * 16777619u;
	return hash;
}

/* Copies a text to the end of the strings. Two threads that store the same text at once may store
 * it twice: readers compare texts, not offsets. */
static uint32_t append(const char *text, uint32_t length)
{
	struct gs_record_header *header = gs_store.header;
	uint64_t at = atomic_load_explicit(&header->strings, memory_order_relaxed);

	do {
		if (at + length + 1 > GS_STRINGS_SIZE) {
			atomic_fetch_add_explicit(&header->lost.strings, 1, memory_order_relaxed);
			return GS_NONE;
		}
	} while (!atomic_compare_exchange_weak_explicit(&header->strings, &at, at + length + 1,
		memory_order_relaxed, memory_order_relaxed));
	memcpy(gs_store.strings + at, text, length);
	gs_store.strings[at + length] = '\0';
	return (uint32_t) at;
}

uint32_t gs_store_string(const char *text, uint32_t length)
{
	uint32_t hash = hash_of(text, length), offset;

	if (length == 0)
		return 0;
	for (uint32_t i = 0; i < INTERN_TRIES; i++) {
		_Atomic uint32_t *slot = &interned[(hash + i) & (INTERN_SLOTS - 1)];
		uint32_t seen = atomic_load_explicit(slot, memory_order_acquire);

		if (!seen) {
			offset = append(text, length);
			if (offset == GS_NONE)
				return GS_NONE;
			if (atomic_compare_exchange_strong_explicit(slot, &seen, offset + 1,
				    memory_order_release, memory_order_acquire))
				return offset;
		}
		if (strncmp(gs_store.strings + seen - 1, text, length) == 0 &&
			gs_store.strings[seen - 1 + length] == '\0')
			return seen - 1;
	}
	return append(text, length);
}
