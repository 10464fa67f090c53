#include "site.h"

#include <string.h>

#include "gil.h"
#include "probe.h"
#include "pyframe.h"
#include "store.h"
#include "chain.h"

#define CACHE_BUCKETS 4096
#define CACHE_WAYS 4                  /* half a cache line: sites that meet in a bucket stay */
#define CACHE_INDEX ((uint64_t) 8191) /* low bits of an entry: site index + 1 */
#define CACHE_LOST CACHE_INDEX
_Static_assert(
	GS_MAX_SITES + 1 < CACHE_LOST, "a cache entry holds an index and the mark of a loss");

#define KEY_FREE 0
#define KEY_FILLING 1

/* From an identity to a site. An entry is the identity's hash with the index in its low bits: one
 * word, so that it is never half written. */
static _Atomic uint64_t cache[CACHE_BUCKETS][CACHE_WAYS] __attribute__((aligned(64)));

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static uint64_t identity_hash(const struct gs_identity *identity)
{
	uint64_t hash = mix(0x6773, identity->key);

	hash = mix(hash, identity->caller);
	if (identity->has_python) {
		hash = mix(hash, identity->code);
		hash = mix(hash, identity->instruction);
		hash = mix(hash, identity->content);
	}
	return mix(hash, 1);
}

void gs_site_identify(struct gs_identity *identity, uint32_t key, void *caller, bool deep)
{
	struct gs_pykey python;

	identity->key = key;
	identity->caller = (uintptr_t) caller;
	identity->deep = deep;
	identity->has_python = gs_pyframe_key(&python);
	if (!identity->has_python)
		return;
	identity->code = python.code;
	identity->instruction = python.instruction;
	identity->content = python.content;
	if (deep)
		identity->content ^= gs_pyframe_stack_key();
}

static _Atomic uint64_t *bucket(uint64_t hash)
{
	return cache[(hash >> 20) % CACHE_BUCKETS];
}

bool gs_site_known(const struct gs_identity *identity, uint32_t *index)
{
	uint64_t hash = identity_hash(identity);
	_Atomic uint64_t *way = bucket(hash);

	for (unsigned i = 0; i < CACHE_WAYS; i++) {
		uint64_t entry = atomic_load_explicit(&way[i], memory_order_acquire);

		if (!entry || (entry ^ hash) & ~CACHE_INDEX)
			continue;
		entry &= CACHE_INDEX;
		*index = entry == CACHE_LOST ? GS_NONE : (uint32_t) entry - 1;
		return true;
	}
	return false;
}

/* In a free place, or in one that the identity chooses. */
static void remember(const struct gs_identity *identity, uint32_t index)
{
	uint64_t hash = identity_hash(identity);
	uint64_t low = index == GS_NONE ? CACHE_LOST : (uint64_t) index + 1;
	_Atomic uint64_t *way = bucket(hash);
	unsigned at = 0;

	while (at < CACHE_WAYS && atomic_load_explicit(&way[at], memory_order_relaxed))
		at++;
	if (at == CACHE_WAYS)
		at = (hash >> 60) % CACHE_WAYS;
	atomic_store_explicit(&way[at], (hash & ~CACHE_INDEX) | low, memory_order_release);
}

void gs_site_forget(void)
{
	memset(cache, 0, sizeof(cache));
}

/* The origin, unless the interpreter is coming up or going down. */
static enum gs_origin stage(enum gs_origin origin)
{
	if (gs_gil_starting())
		return GS_ORIGIN_STARTUP;
	return gs_gil_finalizing() ? GS_ORIGIN_SHUTDOWN : origin;
}

/* Native and Python stack of the calling thread into the site's slots. */
static void capture(uint32_t index, void *caller, bool python)
{
	struct gs_site *site = &gs_store.sites[index];
	uint32_t limit = gs_store.header->stacks;
	struct gs_chain chain = {
		.frames = gs_store.native + (uint64_t) index * limit, .limit = limit};
	struct gs_pyline *lines = gs_store.python + (uint64_t) index * limit;

	gs_chain_capture(&chain, caller);
	site->depth_native = (uint8_t) chain.depth;
	site->extension = chain.extension;
	site->extension_frame = chain.extension_frame;
	site->depth_python = python ? (uint8_t) gs_pyframe_stack(lines, limit) : 0;
	site->origin = (uint8_t) stage(chain.origin);
}

void gs_site_capture(uint32_t index, void *caller)
{
	if (!gs_stack_is_small())
		capture(index, caller, true);
}

static void capture_chain(uint32_t index, void *from, bool any)
{
	struct gs_site *site = &gs_store.sites[index];
	uint32_t limit = gs_store.header->stacks;
	struct gs_chain chain = {
		.frames = gs_store.native + (uint64_t) index * limit, .limit = limit};

	if (site->depth_native || gs_stack_is_small())
		return;
	gs_chain_capture(&chain, from);
	if (chain.extension == GS_NONE)
		return;
	if (!any && gs_store.modules[chain.extension].flags & GS_MODULE_IMAGE)
		return;
	site->module = gs_module_at((const char *) from - !any);
	site->caller = (uintptr_t) from;
	site->extension = chain.extension;
	site->extension_frame = chain.extension_frame;
	site->depth_native = (uint8_t) chain.depth;
}

void gs_site_capture_chain(uint32_t index, void *caller)
{
	capture_chain(index, caller, false);
}

void gs_site_sample(uint32_t index, void *interrupted)
{
	capture_chain(index, interrupted, true);
}

/* The texts of the whole Python stack. */
GS_COLD static uint64_t stack_hash(void)
{
	struct gs_pyline lines[GS_STACK_KEY_FRAMES];
	uint32_t n = gs_pyframe_stack(lines, GS_STACK_KEY_FRAMES);
	uint64_t hash = n;

	for (uint32_t i = 0; i < n; i++) {
		hash = mix(hash, (uint64_t) lines[i].file << 32 | lines[i].function);
		hash = mix(hash, lines[i].line);
	}
	return hash;
}

/* What makes a site the same site when code objects and their addresses have changed. */
static uint64_t content_hash(
	const struct gs_identity *identity, uint32_t module, const struct gs_pyline *line)
{
	uint64_t base = module == GS_NONE ? 0 : gs_store.modules[module].base;
	uint64_t hash = mix(0x6774, identity->key);

	hash = mix(hash, module);
	hash = mix(hash, identity->caller - base);
	hash = mix(hash, (uint64_t) line->file << 32 | line->function);
	hash = mix(hash, line->line);
	if (identity->deep)
		hash = mix(hash, stack_hash());
	/* In free-threaded builds every thread may run its own copy of the code. */
	else if (identity->has_python && !gs_gil.free_threaded)
		hash = mix(hash,
			identity->instruction -
				(identity->instruction > identity->code ? identity->code : 0));
	return hash > KEY_FILLING ? hash : KEY_FILLING + 1;
}

static void fill(struct gs_site *site, const struct gs_identity *identity, uint32_t module,
	const struct gs_pyline *line)
{
	unsigned call = GS_KEY_CALL(identity->key), name = GS_KEY_NAME(identity->key);
	const char *bound = gs_name_info[name].symbol;

	site->caller = identity->caller;
	site->module = module;
	site->call = (uint16_t) call;
	site->bound = (uint16_t) name;
	site->call_name = gs_store.functions[call].name;
	site->bound_name = gs_store_string(bound, (uint32_t) strlen(bound));
	site->python = *line;
}

/* The slot with this key, or a free one that is to be filled and published. */
static uint32_t find_slot(uint64_t key, bool *is_new)
{
	*is_new = false;
	for (uint32_t i = 0; i < GS_MAX_SITES; i++) {
		uint32_t at = ((uint32_t) (key >> 16) + i) % GS_MAX_SITES;
		struct gs_site *site = &gs_store.sites[at];
		uint64_t seen = atomic_load_explicit(&site->key, memory_order_acquire);

		if (seen == key)
			return at;
		if (seen != KEY_FREE ||
			!atomic_compare_exchange_strong_explicit(&site->key, &seen, KEY_FILLING,
				memory_order_acquire, memory_order_relaxed))
			continue;
		*is_new = true;
		return at;
	}
	return GS_NONE;
}

static void publish(uint32_t index, uint64_t key)
{
	atomic_store_explicit(&gs_store.sites[index].key, key, memory_order_release);
	atomic_fetch_add_explicit(&gs_store.header->sites, 1, memory_order_relaxed);
}

static uint32_t find_or_fill(const struct gs_identity *identity, uint64_t key, uint32_t module,
	const struct gs_pyline *line, enum gs_class class)
{
	bool is_new;
	uint32_t index = find_slot(key, &is_new);
	struct gs_site *site = &gs_store.sites[index];

	if (!is_new)
		return index;
	fill(site, identity, module, line);
	site->at_most = identity->deep;
	atomic_store_explicit(&site->class, (uint8_t) class, memory_order_relaxed);
	capture(index, (void *) identity->caller, identity->has_python);
	publish(index, key);
	return index;
}

uint32_t gs_site_claim_compute(const struct gs_pyline *lines, uint32_t depth, uint32_t waiter)
{
	struct gs_pyline unknown = {GS_NONE, GS_NONE, 0};
	const struct gs_pyline *innermost = depth ? lines : &unknown;
	uint32_t limit = gs_store.header->stacks, index;
	uint64_t key = mix(0x6775, (uint64_t) innermost->file << 32 | innermost->function);
	struct gs_site *site;
	bool is_new;

	key = mix(key, innermost->line);
	if (!depth) /* then the thread is all that is known */
		key = mix(key, waiter);
	index = find_slot(key > KEY_FILLING ? key : KEY_FILLING + 1, &is_new);
	if (!is_new)
		return index;
	site = &gs_store.sites[index];
	site->kind = GS_KIND_COMPUTE;
	site->waiter = waiter + 1;
	site->module = site->extension = site->extension_frame = GS_NONE;
	site->call_name = site->bound_name = GS_NONE;
	site->origin = (uint8_t) stage(GS_ORIGIN_EXTENSION);
	site->python = *innermost;
	site->depth_python = (uint8_t) (depth < limit ? depth : limit);
	memcpy(gs_store.python + (uint64_t) index * limit, lines,
		site->depth_python * sizeof(*lines));
	publish(index, key > KEY_FILLING ? key : KEY_FILLING + 1);
	return index;
}

uint32_t gs_site_claim(const struct gs_identity *identity, enum gs_class class)
{
	struct gs_pyline line = {GS_NONE, GS_NONE, 0};
	uint32_t module = gs_module_at((const void *) (identity->caller - 1)), index;
	struct gs_identity native = *identity;

	/* A handler on a small signal stack has no room for texts: its site has no Python line, and
	 * is not remembered for callers that could have one. */
	if (gs_stack_is_small()) {
		native.has_python = native.deep = false;
		return find_or_fill(
			&native, content_hash(&native, module, &line), module, &line, class);
	}
	if (identity->has_python)
		gs_pyframe_stack(&line, 1);
	index = find_or_fill(identity, content_hash(identity, module, &line), module, &line, class);
	remember(identity, index);
	return index;
}

void gs_site_class(uint32_t index, enum gs_class class)
{
	struct gs_site *site = &gs_store.sites[index];

	if (atomic_load_explicit(&site->class, memory_order_relaxed) < class)
		atomic_store_explicit(&site->class, (uint8_t) class, memory_order_relaxed);
}

bool gs_site_add(uint32_t index, uint64_t elapsed_ns, enum gs_evidence evidence)
{
	struct gs_site *site = &gs_store.sites[index];
	bool worst = elapsed_ns > atomic_load_explicit(&site->worst_ns, memory_order_relaxed);

	gs_gil_add(&site->elapsed_ns, elapsed_ns);
	gs_store_raise64(&site->worst_ns, elapsed_ns);
	gs_gil_add32(&site->histogram[gs_hist_bucket(elapsed_ns)], 1);
	if (evidence == GS_SLEPT)
		gs_gil_add(&site->slept, 1);
	if (evidence == GS_PREEMPTED)
		gs_gil_add(&site->preempted, 1);
	if (evidence == GS_SLEPT || evidence == GS_LONG) {
		gs_gil_add(&site->blocked_calls, 1);
		gs_gil_add(&site->blocked_ns, elapsed_ns);
	}
	return worst;
}
