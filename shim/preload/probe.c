#include "probe.h"

#include <errno.h>

#include "gil.h"
#include "life.h"
#include "log.h"
#include "site.h"
#include "store.h"
#include "tally.h"
#include "waits.h"

/* From this duration on the CPU time of getrusage, up to a tick off, tells whether a thread ran. */
#define TICKS_TELL_NS 10000000

/* One long call in more than so many is an outlier. */
#define OUTLIER 64

/* A site's class is looked at again once in so many calls. */
#define LOOK_AGAIN 64

void gs_probe_judge(struct gs_probe *probe, unsigned call)
{
	if (gs_life.timed)
		probe->state = (uint8_t) gs_state_now(&gs_thread, call);
}

bool gs_probe_may_skip(const struct gs_probe *probe)
{
	return probe->state == GS_STATE_HELD && !gs_log_wants(GS_STATE_HELD, false);
}

void gs_probe_contended(void)
{
	gs_gil_add(&gs_store.header->harmless, -UINT64_C(1));
}

void gs_probe_log_uncontended(uint32_t key, void *caller)
{
	struct gs_probe probe = {.key = key,
		.caller = caller,
		.site = GS_NONE,
		.state = GS_STATE_HELD,
		.harmless = true};

	if (!gs_log_wants(GS_STATE_HELD, false))
		return;
	probe.error = errno;
	probe.begin_ns = probe.end_ns = gs_now();
	gs_enter(&gs_thread);
	gs_log_call(&probe, GS_QUICK);
	gs_leave(&gs_thread);
	errno = probe.error;
}

/* Finds the site of a held call, unless its descriptor says that it cannot wait. */
static void locate(struct gs_probe *probe)
{
	struct gs_identity identity;
	enum gs_class class = GS_CLASS_DISK;

	gs_site_identify(&identity, probe->key, probe->caller, false);
	if (!gs_site_known(&identity, &probe->site)) {
		class = gs_claim_settle(probe->claim);
		probe->first = true;
		if (class == GS_CLASS_NEVER) {
			probe->harmless = true;
			gs_tally_harmless();
			return;
		}
		probe->site = gs_site_claim(&identity, class);
		if (probe->site != GS_NONE)
			gs_site_class(probe->site, class);
	}
	gs_tally_call(probe->site);
}

/* Says in the record what the thread is in, for readers of a live or a dead process. */
static void show_progress(struct gs_thread *thread, struct gs_probe *probe)
{
	struct gs_thread_entry *entry = thread->entry;

	/* What is left of a call that never returned to us is nobody's outer call. */
	if (thread->mark && (char *) probe->frame >= (char *) thread->mark)
		gs_clear_progress(thread);
	probe->outer_mark = thread->mark;
	probe->outer_composite = thread->composite;
	probe->outer_begin_ns = atomic_load_explicit(&entry->begin_ns, memory_order_relaxed);
	probe->outer_site = atomic_load_explicit(&entry->site, memory_order_relaxed);
	probe->outer_call = atomic_load_explicit(&entry->call, memory_order_relaxed);
	probe->outer_nested_ns = thread->mark ? thread->nested_ns : 0;
	thread->nested_ns = 0;
	thread->mark = probe->frame;
	thread->loose = true;
	if (gs_call_info[GS_KEY_CALL(probe->key)].composite) {
		thread->composite = probe->frame;
		thread->plain = thread->follows = false;
	}
	atomic_store_explicit(&entry->begin_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->site, probe->site, memory_order_release);
	atomic_store_explicit(&entry->call, GS_KEY_CALL(probe->key), memory_order_relaxed);
}

static void hide_progress(struct gs_thread *thread, const struct gs_probe *probe)
{
	struct gs_thread_entry *entry = thread->entry;

	gs_waits_charge(thread, probe->end_ns);
	thread->charge_site = probe->outer_charge;
	thread->mark = probe->outer_mark;
	thread->loose = probe->outer_mark || thread->was_late;
	thread->composite = probe->outer_composite;
	thread->nested_ns =
		probe->outer_nested_ns + (probe->harmless ? 0 : probe->end_ns - probe->begin_ns);
	if (!entry)
		return;
	atomic_store_explicit(&entry->begin_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->site, probe->outer_site, memory_order_release);
	atomic_store_explicit(&entry->call, probe->outer_call, memory_order_relaxed);
	if (!probe->outer_begin_ns && !probe->harmless && !probe->dropped)
		atomic_fetch_add_explicit(
			&entry->held_ns, probe->end_ns - probe->begin_ns, memory_order_relaxed);
	atomic_store_explicit(&entry->begin_ns, probe->outer_begin_ns, memory_order_release);
}

/* From here on others wait for this call. */
static void charge_to(struct gs_thread *thread, struct gs_probe *probe)
{
	probe->outer_charge = thread->charge_site;
	if (probe->site == GS_NONE) {
		gs_waits_charge(thread, probe->begin_ns);
		return;
	}
	gs_waits_call(thread, probe->begin_ns, probe->caller);
	thread->charge_site = probe->site + 1;
}

void gs_probe_begin(
	struct gs_probe *probe, uint32_t key, gs_claim_t claim, void *caller, void *frame)
{
	struct gs_thread *thread = &gs_thread;

	probe->key = key;
	probe->epoch = thread->epoch;
	probe->claim = claim;
	probe->caller = caller;
	probe->frame = (char *) frame + 2 * sizeof(void *);
	probe->site = GS_NONE;
	probe->first = false;
	probe->harmless = probe->dropped = false;
	probe->outer_mark = NULL;
	if (probe->state != GS_STATE_HELD) {
		probe->begin_ns = gs_now();
		return;
	}
	gs_enter(thread);
	locate(probe);
	show_progress(thread, probe);
	if (!probe->harmless)
		gs_thread_name(thread->entry);
	probe->begin_ns = gs_now();
	if (probe->begin_ns - thread->reading.at_ns > GS_READING_KEEPS) {
		gs_usage_read(&thread->reading.usage);
		probe->begin_ns = thread->reading.at_ns = gs_now();
	}
	probe->before = thread->reading;
	atomic_store_explicit(&thread->entry->begin_ns, probe->begin_ns, memory_order_release);
	charge_to(thread, probe);
	gs_leave(thread);
}

void gs_probe_returned(struct gs_probe *probe)
{
	probe->error = errno;
	probe->end_ns = gs_now();
	if (probe->state != GS_STATE_HELD)
		return;
	if (probe->end_ns - probe->begin_ns < GS_SWITCHES_TAKE) {
		probe->after = probe->before.usage;
		return;
	}
	gs_usage_read(&probe->after);
	gs_thread.reading = (struct gs_reading){probe->after, probe->end_ns};
}

/* A call without a voluntary switch took long. Was it the call, or was the CPU taken away (by
 * another thread, which the kernel counts, or by a hypervisor, which nobody counts)? */
static enum gs_evidence weigh_long(const struct gs_probe *probe, uint64_t elapsed)
{
	const struct gs_site *site = &gs_store.sites[probe->site];
	const struct gs_usage *before = &probe->before.usage;
	uint64_t calls, candidates;

	if (elapsed >= TICKS_TELL_NS)
		return probe->after.cpu_ns - before->cpu_ns >= elapsed / 2 ? GS_LONG : GS_PREEMPTED;
	if (probe->after.involuntary != before->involuntary)
		return GS_PREEMPTED;
	if (probe->site == GS_NONE)
		return GS_LONG;
	/* A lone outlier at a site whose calls come back at once is not the call's doing. */
	calls = atomic_load_explicit(&site->calls, memory_order_relaxed);
	candidates = 1 + atomic_load_explicit(&site->preempted, memory_order_relaxed) +
		     atomic_load_explicit(&site->blocked_calls, memory_order_relaxed);
	return candidates * OUTLIER >= calls ? GS_LONG : GS_PREEMPTED;
}

static enum gs_evidence weigh(const struct gs_probe *probe)
{
	uint64_t elapsed = probe->end_ns - probe->begin_ns;

	/* What calls within it waited is theirs. */
	if (probe->own_ns < elapsed && probe->own_ns < gs_life.options.blocked)
		return GS_QUICK;
	elapsed = probe->own_ns;
	/* A switch may have been before the call, if that was read before: then rather there than
	 * in a call that was shorter. */
	if (probe->after.voluntary != probe->before.usage.voluntary &&
		elapsed >= probe->begin_ns - probe->before.at_ns)
		return GS_SLEPT;
	return elapsed < gs_life.options.blocked ? GS_QUICK : weigh_long(probe, elapsed);
}

/* A call that turned out not to have been able to wait (a buffered write) is only counted. */
static void withdraw(struct gs_probe *probe)
{
	gs_gil_add(&gs_store.sites[probe->site].calls, -UINT64_C(1));
	gs_tally_harmless();
	probe->harmless = true;
}

static bool has_blocked(enum gs_evidence evidence)
{
	return evidence == GS_SLEPT || evidence == GS_LONG;
}

/* A call whose descriptor says that it cannot wait, and that did: it has a site after all. */
static void blame(struct gs_thread *thread, struct gs_probe *probe)
{
	struct gs_identity identity;

	gs_gil_add(&gs_store.header->harmless, -UINT64_C(1));
	probe->harmless = false;
	gs_site_identify(&identity, probe->key, probe->caller, false);
	if (!gs_site_known(&identity, &probe->site))
		probe->site = gs_site_claim(&identity, GS_CLASS_DISK);
	gs_tally_call(probe->site);
	if (probe->site != GS_NONE)
		thread->charge_site = probe->site + 1;
}

/* What of the call's time was its own, with the GIL: nothing is known of one that let Python run
 * that dropped it. */
static void measure(const struct gs_thread *thread, struct gs_probe *probe)
{
	uint64_t elapsed = probe->end_ns - probe->begin_ns;

	probe->dropped = thread->mark != probe->frame;
	if (probe->dropped)
		probe->own_ns = 0;
	else
		probe->own_ns = elapsed > thread->nested_ns ? elapsed - thread->nested_ns : 0;
}

static void add_held(struct gs_probe *probe, gs_claim_t claim, enum gs_evidence evidence)
{
	uint64_t elapsed = probe->own_ns;
	bool blocked = has_blocked(evidence);
	struct gs_function *function = &gs_store.functions[GS_KEY_CALL(probe->key)];
	enum gs_class class;
	uint64_t calls;

	gs_tally_function(function, elapsed, evidence);
	if (probe->site == GS_NONE)
		return;
	if (claim == GS_NEVER_WAITS && !blocked) {
		withdraw(probe);
		return;
	}
	calls = atomic_load_explicit(&gs_store.sites[probe->site].calls, memory_order_relaxed);
	if (claim <= GS_WAITS || probe->first || blocked || calls % LOOK_AGAIN == 0) {
		class = gs_claim_settle(claim);
		gs_site_class(probe->site, class);
	}
	if (gs_site_add(probe->site, elapsed, evidence) && blocked && !probe->first &&
		elapsed >= gs_life.options.blocked &&
		gs_gil_held(&gs_thread, GS_KEY_CALL(probe->key)))
		gs_site_capture(probe->site, probe->caller);
}

void gs_probe_end(struct gs_probe *probe, gs_claim_t claim)
{
	struct gs_thread *thread = &gs_thread;
	enum gs_evidence evidence = GS_QUICK;

	/* In a forked child, and once the process has ended its record, there is nothing to add to.
	 */
	if (probe->epoch != gs_epoch() || thread->epoch != probe->epoch) {
		errno = probe->error;
		return;
	}
	gs_enter(thread);
	if (probe->state == GS_STATE_HELD) {
		measure(thread, probe);
		evidence = weigh(probe);
		if (probe->harmless && has_blocked(evidence))
			blame(thread, probe);
		hide_progress(thread, probe);
		add_held(probe, claim, evidence);
	} else {
		gs_tally_timed(&gs_store.functions[GS_KEY_CALL(probe->key)],
			probe->end_ns - probe->begin_ns);
	}
	if (gs_life.options.log != GS_LOG_NONE && gs_log_wants(probe->state, has_blocked(evidence)))
		gs_log_call(probe, evidence);
	gs_leave(thread);
	errno = probe->error;
}
