#include "synthetic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Without CUnit: the maker of the golden records has none. */
static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

#define START_NS 1000000000u
#define START_REALTIME_NS 1700000000000000000u

void synthetic_make(struct synthetic *record, uint32_t stacks)
{
	struct gs_record_header layout;
	struct gs_record_header *header;

	memset(&layout, 0, sizeof(layout));
	gs_record_layout(&layout, stacks);
	record->fd = memfd_create("record", MFD_CLOEXEC);
	must(record->fd >= 0, "memfd_create");
	must(ftruncate(record->fd, (off_t) layout.file_size) == 0, "ftruncate");
	header = mmap(NULL, layout.file_size, PROT_READ | PROT_WRITE, MAP_SHARED, record->fd, 0);
	must(header != MAP_FAILED, "mmap");
	memcpy(header, &layout, sizeof(layout));
	record->header = header;
	snprintf(record->path, sizeof(record->path), "/proc/self/fd/%d", record->fd);

	memcpy(header->magic, GS_RECORD_MAGIC, sizeof(header->magic));
	header->version = GS_RECORD_VERSION;
	header->oldest = GS_RECORD_OLDEST;
	header->endian = GS_RECORD_ENDIAN;
	header->header_size = sizeof(*header);
	header->pid = 4711;
	header->ppid = 4700;
	header->start_realtime_ns = START_REALTIME_NS;
	header->start_ns = START_NS;
	header->last_ns = START_NS + 2000000000u;
	header->ended = GS_ENDED_EXIT;
	header->argv =
		synthetic_string(record, "/usr/bin/python3\n-X\ndev\n/srv/app.py\n--port\n80\n");
	header->python_version = synthetic_string(record, "3.11.2");
	header->implementation = synthetic_string(record, "cpython");
	header->options = GS_NONE;
	header->interpreters = 1;
	header->blocked_ns = 1000000;
}

void synthetic_free(struct synthetic *record)
{
	munmap(record->header, record->header->file_size);
	close(record->fd);
}

void *synthetic_entry(struct synthetic *record, unsigned section, uint32_t index)
{
	const struct gs_section *table = &record->header->section[section];

	return (char *) record->header + table->offset + (size_t) index * table->size;
}

uint32_t synthetic_string(struct synthetic *record, const char *text)
{
	char *strings = synthetic_entry(record, GS_SECTION_STRINGS, 0);
	uint32_t at = (uint32_t) record->header->strings;

	strcpy(strings + at, text);
	record->header->strings += strlen(text) + 1;
	return at;
}

uint32_t synthetic_module(struct synthetic *record, const char *name, uint64_t start)
{
	uint32_t index = record->header->modules++;
	struct gs_module *module = synthetic_entry(record, GS_SECTION_MODULES, index);
	char path[256];

	snprintf(path, sizeof(path), "/nowhere/%s", name);
	module->base = start;
	module->start = start;
	module->end = start + 0x10000;
	module->path = synthetic_string(record, path);
	module->name = synthetic_string(record, name);
	module->build_id_size = 20;
	memset(module->build_id, (int) (0xa0 + index), 20);
	return index;
}

struct gs_function *synthetic_function(struct synthetic *record, uint32_t call, const char *name)
{
	struct gs_function *function = synthetic_entry(record, GS_SECTION_FUNCTIONS, call);

	function->name = synthetic_string(record, name);
	function->group = synthetic_string(record, "group");
	return function;
}

struct gs_thread_entry *synthetic_thread(struct synthetic *record, uint32_t tid, uint32_t had_gil)
{
	uint32_t index = record->header->threads++;
	struct gs_thread_entry *thread = synthetic_entry(record, GS_SECTION_THREADS, index);

	thread->tid = tid;
	thread->had_gil = had_gil;
	thread->site = GS_NONE;
	snprintf(thread->name, sizeof(thread->name), "worker-%u", index);
	return thread;
}

uint64_t *synthetic_counts(struct synthetic *record, uint32_t thread)
{
	return synthetic_entry(record, GS_SECTION_COUNTS, thread);
}

struct gs_site *synthetic_site(
	struct synthetic *record, uint32_t call, uint64_t calls, uint32_t module, uint32_t line)
{
	struct gs_function *function = synthetic_entry(record, GS_SECTION_FUNCTIONS, call);
	uint32_t index = record->header->sites++;
	struct gs_site *site = synthetic_entry(record, GS_SECTION_SITES, index);
	const struct gs_module *object = synthetic_entry(record, GS_SECTION_MODULES, module);
	uint64_t *native = synthetic_entry(record, GS_SECTION_NATIVE, index);
	struct gs_pyline *python = synthetic_entry(record, GS_SECTION_PYTHON, index);

	site->call = (uint16_t) call;
	site->calls = calls;
	function->held += calls;
	site->module = module;
	site->caller = object->start + 0x100 + line;
	site->call_name = function->name;
	site->bound_name = function->name;
	site->extension = module;
	site->extension_frame = 0;
	site->python.file = synthetic_string(record, "/srv/app.py");
	site->python.function = synthetic_string(record, "fetch");
	site->python.line = line;
	if (record->header->stacks > 0) {
		site->depth_native = 1;
		native[0] = site->caller;
		site->depth_python = 1;
		python[0] = site->python;
	} else {
		site->extension_frame = GS_NONE;
	}
	site->histogram[0] = (uint32_t) calls;
	site->key = 1000 + index;
	return site;
}

static void fill_sites(struct synthetic *record)
{
	struct gs_site *site = synthetic_site(record, 0, 40, 0, 31);
	uint64_t *native = synthetic_entry(record, GS_SECTION_NATIVE, 0);
	const struct gs_module *extension = synthetic_entry(record, GS_SECTION_MODULES, 1);

	native[1] = extension->start + 0x200;
	site->depth_native = 2;
	site->extension = 1;
	site->extension_frame = 1;
	site->class = GS_CLASS_WAIT;
	site->elapsed_ns = 1300000000;
	site->worst_ns = 456000000;
	site->blocked_calls = 12;
	site->blocked_ns = 1230000000;
	site->slept = 12;
	site->stalled_ns = 3400000000;

	site = synthetic_site(record, 1, 7, 1, 40);
	site->class = GS_CLASS_WAIT;
	site->elapsed_ns = 7000;
	site->worst_ns = 1500;

	site = synthetic_site(record, 0, 1, 2, 50);
	site->class = GS_CLASS_DISK;
	site->origin = GS_ORIGIN_INTERPRETER;
	site->elapsed_ns = site->worst_ns = site->blocked_ns = 5000000;
	site->blocked_calls = 1;

	site = synthetic_site(record, 1, 3, 2, 60);
	site->class = GS_CLASS_WAIT;
	site->origin = GS_ORIGIN_STARTUP;
}

void synthetic_fill(struct synthetic *record)
{
	struct gs_function *function;

	synthetic_module(record, "libwait.so.1", 0x10000);
	synthetic_module(record, "_ext.cpython-311-x86_64-linux-gnu.so", 0x40000);
	synthetic_module(record, "python3.11", 0x400000);
	function = synthetic_function(record, 0, "recv");
	function->held_ns = 1305000000;
	function->worst_ns = 456000000;
	function->slept = 12;
	function->retired[0] = 2;
	function->retired[1] = 100;
	function = synthetic_function(record, 1, "nanosleep");
	function->held_ns = 7000;
	function = synthetic_function(record, 2, "getpid");
	function->held = 5;
	record->header->harmless = 5;
	synthetic_thread(record, 4711, 1);
	synthetic_thread(record, 4712, 0);
	synthetic_counts(record, 0)[0] = 1000;
	synthetic_counts(record, 1)[0] = 30;
	synthetic_counts(record, 1)[2] = 4;
	fill_sites(record);
}

struct gs_waiter *synthetic_waiter(struct synthetic *record, uint32_t tid, const char *name)
{
	uint32_t index = record->header->waiters++;
	struct gs_waiter *waiter = synthetic_entry(record, GS_SECTION_WAITERS, index);

	waiter->tid = tid;
	waiter->name = name ? synthetic_string(record, name) : GS_NONE;
	return waiter;
}

struct gs_site *synthetic_compute(struct synthetic *record, uint64_t stretches, uint32_t line)
{
	uint32_t index = record->header->sites++;
	struct gs_site *site = synthetic_entry(record, GS_SECTION_SITES, index);
	struct gs_pyline *python = synthetic_entry(record, GS_SECTION_PYTHON, index);

	site->kind = GS_KIND_COMPUTE;
	site->calls = stretches;
	site->module = site->extension = site->extension_frame = GS_NONE;
	site->python.file = synthetic_string(record, "/srv/app.py");
	site->python.function = synthetic_string(record, "crunch");
	site->python.line = line;
	if (record->header->stacks > 0) {
		site->depth_python = 1;
		python[0] = site->python;
	}
	/* What means nothing in such an entry. */
	site->call = UINT16_MAX;
	site->bound = UINT16_MAX;
	site->caller = 0xdead;
	site->class = UINT8_MAX;
	site->call_name = site->bound_name = UINT32_MAX - 1;
	site->key = 1000 + index;
	return site;
}

struct gs_delay *synthetic_delay(struct synthetic *record, uint32_t call, uint64_t delayed,
	uint64_t call_ns, uint64_t wait_ns)
{
	struct gs_delay *delay = synthetic_entry(record, GS_SECTION_DELAYS, call);

	if (record->header->delays <= call)
		record->header->delays = call + 1;
	delay->calls = delay->delayed = delayed;
	delay->call_ns = delayed * call_ns;
	delay->call_worst_ns = call_ns;
	delay->wait_ns = delayed * wait_ns;
	delay->wait_worst_ns = wait_ns;
	delay->call_histogram[gs_hist_bucket(call_ns)] = (uint32_t) delayed;
	delay->wait_histogram[gs_hist_bucket(wait_ns)] = (uint32_t) delayed;
	return delay;
}

void synthetic_stalls(struct synthetic *record)
{
	struct gs_gil_entry *gil = synthetic_entry(record, GS_SECTION_GILS, 0);
	struct gs_site *site = synthetic_entry(record, GS_SECTION_SITES, 0);
	struct gs_waiter *waiter;

	waiter = synthetic_waiter(record, 4713, "ticker");
	waiter->waits = 2000;
	waiter->waited_ns = 5000000000;
	waiter->worst_ns = 456000000;
	waiter->histogram[20] = 2000;
	waiter = synthetic_waiter(record, 4714, "pool-1");
	waiter->waits = 310;
	waiter->waited_ns = 1500000000;
	waiter->worst_ns = 400000000;
	waiter->histogram[21] = 310;
	waiter = synthetic_waiter(record, 4712, "worker");
	waiter->computed_ns = 2300000000;
	gil->waits = 2310;
	gil->waited_ns = 6500000000;
	gil->worst_ns = 456000000;
	gil->held_ns = 3400000000;
	gil->computed_ns = 2500000000;
	gil->free_ns = 200000000;
	gil->histogram[20] = 2000;
	gil->histogram[21] = 310;
	site->stalled_threads = 2;
	site->victims[0] = 1;
	site->victims[1] = 2;

	site = synthetic_compute(record, 4, 12);
	site->waiter = 3;
	site->elapsed_ns = 1200000000;
	site->worst_ns = 400000000;
	site->stalled_ns = 2300000000;
	site->stalled_threads = 2;
	site->victims[0] = 2;
	site->histogram[21] = 4;
	synthetic_delay(record, 0, 1200, 12000, 5000000)->calls = 1500;
}

char *synthetic_report(struct gs_view *view, void (*format)(FILE *, struct gs_view *))
{
	char *report = NULL;
	size_t size;
	FILE *stream = open_memstream(&report, &size);

	must(stream != NULL, "open_memstream");
	format(stream, view);
	must(fclose(stream) == 0, "fclose");
	return report;
}
