#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "adding.h"
#include "err.h"
#include "process.h"

#define WORD_LIMIT 256
#define NAME_LIMIT 1024
#define PATH_LIMIT 4096

/* ---- modules ---- */

static uint32_t add_module(struct gs_adding *adding, const struct gs_module *module)
{
	struct gs_view *view = adding->view;
	struct gs_view_module new;
	uint32_t index;

	memset(&new, 0, sizeof(new));
	new.key.name = gs_adding_text(adding, module->name, NAME_LIMIT);
	new.key.path = gs_adding_text(adding, module->path, PATH_LIMIT);
	new.key.build_id_size = module->build_id_size;
	memcpy(new.key.build_id, module->build_id, module->build_id_size);
	new.unchanged_since = adding->process->start_realtime_ns;
	index = gs_map_find(&view->module_map, view->modules, sizeof(new), &new.key,
		sizeof(new.key), (uint32_t) view->module_count);
	if (index == view->module_count) {
		view->modules = gs_grow(
			view->modules, &view->module_capacity, view->module_count + 1, sizeof(new));
		view->modules[view->module_count++] = new;
	} else if (view->modules[index].unchanged_since > new.unchanged_since) {
		view->modules[index].unchanged_since = new.unchanged_since;
	}
	view->modules[index].flags |= module->flags & GS_MODULE_ESCAPES;
	return index;
}

static void add_modules(struct gs_adding *adding)
{
	uint32_t count = gs_snapshot_count(adding->snapshot, GS_SECTION_MODULES);

	adding->modules = gs_alloc(count, sizeof(*adding->modules));
	for (uint32_t i = 0; i < count; i++)
		adding->modules[i] = add_module(
			adding, gs_snapshot_entry(adding->snapshot, GS_SECTION_MODULES, i));
}

/* The record's module at an address. An address range may have been used again after a dlclose():
 * the later module is the likelier one. */
static uint32_t module_at(const struct gs_adding *adding, uint64_t address)
{
	uint32_t i = gs_snapshot_count(adding->snapshot, GS_SECTION_MODULES);

	while (i-- > 0) {
		const struct gs_module *module =
			gs_snapshot_entry(adding->snapshot, GS_SECTION_MODULES, i);

		/* A return address may be the first behind a module. */
		if (address > module->start && address <= module->end)
			return i;
	}
	return GS_NONE;
}

/* The frame of a return address; `module` is the record's number, GS_NONE: none. */
static struct gs_view_frame make_frame(
	const struct gs_adding *adding, uint64_t address, uint32_t module)
{
	const struct gs_module *object;

	if (module == GS_NONE)
		return (struct gs_view_frame){GS_NONE, address};
	object = gs_snapshot_entry(adding->snapshot, GS_SECTION_MODULES, module);
	return (struct gs_view_frame){adding->modules[module], address - object->base};
}

/* ---- sites ---- */

static struct gs_view_line make_line(const struct gs_adding *adding, const struct gs_pyline *line)
{
	return (struct gs_view_line){
		.file = gs_adding_text(adding, line->file, PATH_LIMIT),
		.function = gs_adding_text(adding, line->function, NAME_LIMIT),
		.line = line->line,
	};
}

/* Takes the record's stacks of a site over into the view. */
static void take_stacks(struct gs_adding *adding, struct gs_view_site *to,
	const struct gs_site *from, uint32_t slot)
{
	const uint64_t *native = gs_snapshot_entry(adding->snapshot, GS_SECTION_NATIVE, slot);
	const struct gs_pyline *python =
		gs_snapshot_entry(adding->snapshot, GS_SECTION_PYTHON, slot);
	bool is_call = from->kind == GS_KIND_CALL;
	unsigned i;

	/* Where no stack was kept there is still its innermost frame. */
	to->depth_native = from->depth_native;
	if (is_call && to->depth_native == 0)
		to->depth_native = from->caller != 0;
	to->depth_python = from->depth_python;
	if (to->depth_python == 0)
		to->depth_python = to->key.file || to->key.function;
	to->native = reallocarray(to->native, to->depth_native + 1, sizeof(*to->native));
	to->python = reallocarray(to->python, to->depth_python + 1, sizeof(*to->python));
	if (!to->native || !to->python)
		gs_out_of_memory();
	for (i = 0; i < to->depth_native; i++) {
		uint64_t address = from->depth_native ? native[i] : from->caller;
		uint32_t module = is_call && address == from->caller ? from->module
								     : module_at(adding, address);

		if (i == from->extension_frame)
			module = from->extension;
		to->native[i] = make_frame(adding, address, module);
	}
	for (i = 0; i < to->depth_python; i++)
		to->python[i] = make_line(adding, from->depth_python ? &python[i] : &from->python);
	to->extension = from->extension == GS_NONE || (!is_call && !from->depth_native)
				? GS_NONE
				: adding->modules[from->extension];
	/* The frame may lie deeper than stacks are kept. */
	to->extension_frame =
		from->extension_frame < to->depth_native ? from->extension_frame : GS_NONE;
}

/* Code in no object lies elsewhere in every process. */
static struct gs_view_frame make_lasting(struct gs_view_frame frame)
{
	return (struct gs_view_frame){frame.module, frame.module == GS_NONE ? 0 : frame.address};
}

/* A place that computes is found again by all its frames: the innermost is where it happened to be
 * looked at. */
static void take_chain(struct gs_site_key *key, const struct gs_adding *adding,
	const struct gs_site *site, uint32_t slot)
{
	const uint64_t *native = gs_snapshot_entry(adding->snapshot, GS_SECTION_NATIVE, slot);

	key->module = GS_NONE;
	for (unsigned i = 0; i < site->depth_native; i++) {
		struct gs_view_frame frame =
			make_lasting(make_frame(adding, native[i], module_at(adding, native[i])));

		key->chain = gs_hash(
			i ? key->chain : GS_HASH_START, &frame.module, sizeof(frame.module));
		key->chain = gs_hash(key->chain, &frame.address, sizeof(frame.address));
		if (i == 0) {
			key->module = frame.module;
			key->address = frame.address;
		}
	}
}

static struct gs_site_key make_key(
	const struct gs_adding *adding, const struct gs_site *site, uint32_t slot)
{
	struct gs_view_line line = make_line(adding, &site->python);
	struct gs_site_key key;

	memset(&key, 0, sizeof(key));
	key.kind = site->kind;
	key.file = line.file;
	key.function = line.function;
	key.line = line.line;
	key.origin = site->origin;
	if (site->kind == GS_KIND_COMPUTE) {
		take_chain(&key, adding, site, slot);
	} else {
		struct gs_view_frame frame =
			make_lasting(make_frame(adding, site->caller, site->module));

		key.call = gs_adding_text(adding, site->call_name, WORD_LIMIT);
		key.bound = gs_adding_text(adding, site->bound_name, WORD_LIMIT);
		key.module = frame.module;
		key.address = frame.address;
		key.at_most = site->at_most != 0;
	}
	return key;
}

static const char *waiter_name(const struct gs_adding *adding, uint32_t one_more)
{
	const struct gs_waiter *waiter;

	if (one_more == 0)
		return NULL;
	waiter = gs_snapshot_entry(adding->snapshot, GS_SECTION_WAITERS, one_more - 1);
	return gs_adding_text(adding, waiter->name, WORD_LIMIT);
}

void gs_view_add_victim(struct gs_view_site *site, const char *name)
{
	unsigned i = 0;

	if (!name)
		return;
	while (i < GS_VICTIMS && site->victims[i] && site->victims[i] != name)
		i++;
	if (i < GS_VICTIMS)
		site->victims[i] = name;
}

void gs_view_note_pid(struct gs_view_pids *pids, uint32_t pid)
{
	/* Records are added one after the other: a pid seen before is the last one. */
	if (pids->count && pids->list[pids->count - 1] == pid)
		return;
	pids->list = gs_grow(pids->list, &pids->capacity, pids->count + 1, sizeof(*pids->list));
	pids->list[pids->count++] = pid;
}

static uint32_t add_site(struct gs_adding *adding, const struct gs_site *site, uint32_t slot)
{
	struct gs_view *view = adding->view;
	struct gs_site_key key = make_key(adding, site, slot);
	uint32_t index = gs_map_find(&view->site_map, view->sites, sizeof(*view->sites), &key,
		sizeof(key), (uint32_t) view->site_count);
	bool is_new = index == view->site_count;
	struct gs_view_site *to;

	if (is_new) {
		view->sites = gs_grow(view->sites, &view->site_capacity, view->site_count + 1,
			sizeof(*view->sites));
		memset(&view->sites[view->site_count], 0, sizeof(*view->sites));
		view->sites[view->site_count++].key = key;
	}
	to = &view->sites[index];
	if (is_new || site->worst_ns > to->worst_ns) {
		take_stacks(adding, to, site, slot);
		to->thread =
			site->kind == GS_KIND_COMPUTE ? waiter_name(adding, site->waiter) : NULL;
	}
	if (site->kind == GS_KIND_CALL && to->class < site->class)
		to->class = site->class;
	gs_sum(&to->calls, site->calls);
	gs_sum(&to->elapsed_ns, site->elapsed_ns);
	gs_sum(&to->slept, site->slept);
	gs_sum(&to->blocked_calls, site->blocked_calls);
	gs_sum(&to->blocked_ns, site->blocked_ns);
	gs_sum(&to->stalled_ns, site->stalled_ns);
	gs_raise(&to->worst_ns, site->worst_ns);
	gs_raise(&to->stalled_threads, site->stalled_threads);
	for (unsigned i = 0; i < GS_VICTIMS; i++)
		gs_view_add_victim(to, waiter_name(adding, site->victims[i]));
	for (unsigned i = 0; i < GS_HIST_BUCKETS; i++)
		gs_sum(&to->histogram[i], site->histogram[i]);
	gs_view_note_pid(&to->pids, adding->process->pid);
	return index;
}

static void add_sites(struct gs_adding *adding)
{
	uint32_t count = gs_snapshot_count(adding->snapshot, GS_SECTION_SITES);

	adding->sites = gs_alloc(count, sizeof(*adding->sites));
	for (uint32_t i = 0; i < count; i++) {
		const struct gs_site *site =
			gs_snapshot_entry(adding->snapshot, GS_SECTION_SITES, i);

		adding->sites[i] = add_site(adding, site, i);
	}
}

/* ---- functions ---- */

static struct gs_view_function *find_function(struct gs_adding *adding, uint32_t call)
{
	const struct gs_function *from =
		gs_snapshot_entry(adding->snapshot, GS_SECTION_FUNCTIONS, call);
	struct gs_view *view = adding->view;
	struct gs_view_function new;
	uint32_t index;

	memset(&new, 0, sizeof(new));
	new.call = gs_adding_text(adding, from->name, WORD_LIMIT);
	new.group = gs_adding_text(adding, from->group, WORD_LIMIT);
	index = gs_map_find(&view->function_map, view->functions, sizeof(new), &new.call,
		sizeof(new.call), (uint32_t) view->function_count);
	if (index == view->function_count) {
		view->functions = gs_grow(view->functions, &view->function_capacity,
			view->function_count + 1, sizeof(new));
		view->functions[view->function_count++] = new;
	}
	return &view->functions[index];
}

/* The calls of a function that were not held: [0] by threads that never held a GIL, [1] others. */
static void sum_counts(const struct gs_snapshot *snapshot, uint32_t call, uint64_t counts[2])
{
	const struct gs_function *function =
		gs_snapshot_entry(snapshot, GS_SECTION_FUNCTIONS, call);
	uint32_t threads = gs_snapshot_count(snapshot, GS_SECTION_COUNTS);
	uint32_t width = snapshot->header->section[GS_SECTION_COUNTS].size / sizeof(uint64_t);

	counts[0] = function->retired[0];
	counts[1] = function->retired[1];
	for (uint32_t i = 0; i < threads && call < width; i++) {
		const struct gs_thread_entry *thread =
			gs_snapshot_entry(snapshot, GS_SECTION_THREADS, i);
		const uint64_t *row = gs_snapshot_entry(snapshot, GS_SECTION_COUNTS, i);

		gs_sum(&counts[thread->had_gil != 0], row[call]);
	}
}

static void add_unlisted(struct gs_view_function *to, const struct gs_unlisted *from)
{
	gs_sum(&to->unlisted.slept, from->slept);
	if (from->slept)
		gs_raise(&to->unlisted.at_most, from->at_most);
	gs_raise(&to->unlisted.worst_ns, from->worst_ns);
}

static void add_functions(struct gs_adding *adding)
{
	const struct gs_snapshot *snapshot = adding->snapshot;
	struct gs_unlisted *unlisted = gs_sums_unlisted(snapshot);

	for (uint32_t i = 0; i < gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS); i++) {
		const struct gs_function *from =
			gs_snapshot_entry(snapshot, GS_SECTION_FUNCTIONS, i);
		struct gs_view_function *to;
		uint64_t counts[2];

		sum_counts(snapshot, i, counts);
		if (from->held == 0 && counts[0] == 0 && counts[1] == 0)
			continue;
		to = find_function(adding, i);
		gs_sum(&to->held, from->held);
		gs_sum(&to->held_ns, from->held_ns);
		gs_sum(&to->slept, from->slept);
		gs_raise(&to->worst_ns, from->worst_ns);
		gs_sum(&to->released_ns, from->released_ns);
		gs_raise(&to->released_worst_ns, from->released_worst_ns);
		if (snapshot->header->unknown) {
			gs_sum(&to->unknown, counts[0]);
			gs_sum(&to->unknown, counts[1]);
			gs_sum(&adding->process->unknown, counts[0]);
			gs_sum(&adding->process->unknown, counts[1]);
		} else {
			gs_sum(&to->none, counts[0]);
			gs_sum(&to->released, counts[1]);
		}
		add_unlisted(to, &unlisted[i]);
	}
	free(unlisted);
}

/* ---- calls in progress ---- */

/* A call that has not returned is in the counts already; its time so far is not. */
static void add_time_so_far(
	struct gs_adding *adding, struct gs_view_site *site, uint32_t call, uint64_t elapsed_ns)
{
	struct gs_view_function *function = find_function(adding, call);

	gs_sum(&function->held_ns, elapsed_ns);
	gs_raise(&function->worst_ns, elapsed_ns);
	if (!site) {
		gs_raise(&function->unlisted.worst_ns, elapsed_ns);
		return;
	}
	gs_sum(&site->elapsed_ns, elapsed_ns);
	gs_raise(&site->worst_ns, elapsed_ns);
	gs_sum(&site->histogram[gs_hist_bucket(elapsed_ns)], 1);
	if (elapsed_ns < adding->snapshot->header->blocked_ns)
		return;
	gs_sum(&site->blocked_calls, 1);
	gs_sum(&site->blocked_ns, elapsed_ns);
}

static void add_progress(struct gs_adding *adding, const struct gs_thread_entry *thread)
{
	struct gs_view *view = adding->view;
	uint32_t slots = gs_snapshot_count(adding->snapshot, GS_SECTION_SITES);
	uint32_t index = thread->site < slots ? adding->sites[thread->site] : GS_NONE;
	uint64_t until_ns = adding->process->until_ns;
	struct gs_view_site *site = index == GS_NONE ? NULL : &view->sites[index];
	struct gs_in_progress progress = {
		.pid = adding->process->pid,
		.tid = thread->tid,
		.since_ns = thread->begin_ns,
		.known = until_ns > thread->begin_ns,
	};
	char name[sizeof(thread->name) + 1] = "";

	if (progress.known) {
		progress.elapsed_ns = until_ns - progress.since_ns;
		add_time_so_far(adding, site, thread->call, progress.elapsed_ns);
	}
	if (!site)
		return;
	memcpy(name, thread->name, sizeof(thread->name));
	progress.thread = *name ? gs_pool_text(&view->pool, name, sizeof(name)) : NULL;
	site->progress = gs_grow(site->progress, &site->progress_capacity, site->progress_count + 1,
		sizeof(*site->progress));
	site->progress[site->progress_count++] = progress;
}

bool gs_view_is_in_progress(
	const struct gs_snapshot *snapshot, const struct gs_thread_entry *thread)
{
	const struct gs_function *function;

	if (thread->begin_ns < snapshot->header->start_ns || thread->begin_ns == 0 ||
		thread->tid == 0 ||
		thread->call >= gs_snapshot_count(snapshot, GS_SECTION_FUNCTIONS))
		return false;
	function = gs_snapshot_entry(snapshot, GS_SECTION_FUNCTIONS, thread->call);
	if (function->held == 0)
		return false;
	if (thread->site < gs_snapshot_count(snapshot, GS_SECTION_SITES)) {
		const struct gs_site *site =
			gs_snapshot_entry(snapshot, GS_SECTION_SITES, thread->site);

		return site->kind == GS_KIND_CALL && site->call == thread->call;
	}
	return thread->site == GS_NONE;
}

static void add_calls_in_progress(struct gs_adding *adding)
{
	for (uint32_t i = 0; i < gs_snapshot_count(adding->snapshot, GS_SECTION_THREADS); i++) {
		const struct gs_thread_entry *thread =
			gs_snapshot_entry(adding->snapshot, GS_SECTION_THREADS, i);

		if (gs_view_is_in_progress(adding->snapshot, thread))
			add_progress(adding, thread);
	}
}

/* ---- the view ---- */

void gs_view_add(struct gs_view *view, const struct gs_snapshot *snapshot)
{
	const struct gs_record_header *header = snapshot->header;
	struct gs_adding adding = {.view = view, .snapshot = snapshot};

	view->processes = gs_grow(view->processes, &view->process_capacity, view->process_count + 1,
		sizeof(*view->processes));
	gs_process_read(&view->processes[view->process_count], &view->pool, snapshot);
	adding.process = &view->processes[view->process_count++];
	add_modules(&adding);
	add_sites(&adding);
	add_functions(&adding);
	add_calls_in_progress(&adding);
	gs_waits_add(&adding);
	gs_sum(&view->totals.harmless, header->harmless);
	gs_sum(&view->totals.lost_sites, header->lost.sites);
	gs_sum(&view->totals.lost_threads, header->lost.threads);
	gs_sum(&view->totals.lost_strings, header->lost.strings);
	gs_sum(&view->totals.lost_modules, header->lost.modules);
	view->totals.timing_all |= header->timing_all != 0;
	free(adding.modules);
	free(adding.sites);
}

void gs_view_free(struct gs_view *view)
{
	for (size_t i = 0; i < view->site_count; i++) {
		free(view->sites[i].native);
		free(view->sites[i].python);
		free(view->sites[i].pids.list);
		free(view->sites[i].progress);
	}
	for (size_t i = 0; i < view->module_count; i++)
		gs_symbols_close(view->modules[i].symbols);
	gs_map_free(&view->module_map);
	gs_map_free(&view->site_map);
	for (size_t i = 0; i < view->delay_count; i++)
		free(view->delays[i].pids.list);
	gs_map_free(&view->function_map);
	gs_map_free(&view->delay_map);
	gs_pool_free(&view->pool);
	free(view->processes);
	free(view->modules);
	free(view->sites);
	free(view->functions);
	free(view->gils);
	free(view->waiters);
	free(view->delays);
	memset(view, 0, sizeof(*view));
}
