/* out_json_waits.c: `waits`, and what released calls cost until the GIL was back. */
#include "out_json_waits.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "err.h"
#include "out_site.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY)

/* json_pack() of texts that are UTF-8 can only fail for want of memory. */
static json_t *pack(const char *format, ...)
{
	va_list list;
	json_t *made;

	va_start(list, format);
	made = json_vpack_ex(NULL, 0, format, list);
	va_end(list);
	if (!made)
		gs_out_of_memory();
	return made;
}

static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		gs_out_of_memory();
}

static json_int_t number(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (json_int_t) value;
}

static void push_number(json_t *array, uint64_t value)
{
	if (json_array_append_new(array, pack("I", number(value))) != 0)
		gs_out_of_memory();
}

static json_t *histogram(const uint64_t counts[GS_HIST_BUCKETS])
{
	json_t *list = pack("[]");

	for (unsigned i = 0; i < GS_HIST_BUCKETS; i++)
		push_number(list, counts[i]);
	return list;
}

static json_t *pids(struct gs_view_pids *from)
{
	json_t *list = pack("[]");

	gs_view_sort_pids(from);
	for (size_t i = 0; i < from->count; i++)
		push_number(list, from->list[i]);
	return list;
}

static void write_value(FILE *stream, json_t *value)
{
	/* A write error stays in the stream, where the caller looks for it. */
	if (json_dumpf(value, stream, DUMP_FLAGS) != 0 && !ferror(stream))
		gs_out_of_memory();
	json_decref(value);
}

static void write_entry(FILE *stream, size_t index, json_t *value)
{
	fputs(index ? ",\n" : "\n", stream);
	write_value(stream, value);
}

/* ---- delays ---- */

static json_t *delay_object(struct gs_view_delay *delay)
{
	char id[GS_SITE_ID];
	json_t *made;

	gs_delay_id(id, delay);
	made = pack("{s:s,s:s,s:s,s:s*,s:I,s:I,s:I,s:I,s:I}", "id", id, "rule",
		gs_rank_rule_name(GS_RULE_REACQUIRE_DELAY), "call", delay->call ? delay->call : "?",
		"group", delay->group, "calls", number(delay->calls), "delayed",
		number(delay->delayed), "elapsed_ns", number(delay->call_ns), "worst_ns",
		number(delay->call_worst_ns), "median_ns",
		number(gs_hist_median(delay->call_histogram, delay->call_worst_ns)));
	put(made, "waited_ns", pack("I", number(delay->wait_ns)));
	put(made, "waited_worst_ns", pack("I", number(delay->wait_worst_ns)));
	put(made, "waited_median_ns",
		pack("I", number(gs_hist_median(delay->wait_histogram, delay->wait_worst_ns))));
	put(made, "histogram", histogram(delay->call_histogram));
	put(made, "waited_histogram", histogram(delay->wait_histogram));
	put(made, "pids", pids(&delay->pids));
	return made;
}

void gs_out_json_delays(FILE *stream, struct gs_view *view, size_t before)
{
	for (size_t i = 0; i < view->delay_count; i++) {
		if (view->delays[i].delayed > 0)
			write_entry(stream, before++, delay_object(&view->delays[i]));
	}
}

/* ---- waits ---- */

static json_t *waits_object(const struct gs_waits *waits)
{
	return pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "ns", number(waits->waited_ns), "calls",
		number(waits->waits), "worst_ns", number(waits->worst_ns), "held_ns",
		number(waits->held_ns), "computed_ns", number(waits->computed_ns), "free_ns",
		number(waits->free_ns), "uncharged_ns", number(gs_view_uncharged(waits)));
}

static json_t *gil_object(const struct gs_view_gil *gil)
{
	json_t *made = waits_object(&gil->waits);

	put(made, "pid", pack("I", number(gil->pid)));
	put(made, "index", pack("I", number(gil->index)));
	if (gil->index == GS_WORLD)
		put(made, "kind", pack("s", "stop-the-world"));
	put(made, "histogram", histogram(gil->histogram));
	return made;
}

static json_t *thread_object(const struct gs_view_waiter *waiter)
{
	json_t *made = pack("{s:I,s:I,s:s*,s:I,s:I,s:I,s:I}", "pid", number(waiter->pid), "tid",
		number(waiter->tid), "name", waiter->name, "waits", number(waiter->waits), "ns",
		number(waiter->waited_ns), "worst_ns", number(waiter->worst_ns), "computed_ns",
		number(waiter->computed_ns));

	if (waiter->waiting_since_ns)
		put(made, "waiting_since_ns", pack("I", number(waiter->waiting_since_ns)));
	if (waiter->waiting_known)
		put(made, "waiting_ns", pack("I", number(waiter->waiting_ns)));
	put(made, "histogram", histogram(waiter->histogram));
	return made;
}

void gs_out_json_waits(FILE *stream, const struct gs_view *view)
{
	const struct gs_waits sum = gs_view_waits(view);
	json_t *sums = waits_object(&sum);

	fputs(",\n\"waits\": {", stream);
	for (void *at = json_object_iter(sums); at; at = json_object_iter_next(sums, at))
		fprintf(stream, "\"%s\":%" JSON_INTEGER_FORMAT ",", json_object_iter_key(at),
			json_integer_value(json_object_iter_value(at)));
	json_decref(sums);
	fputs("\"gils\":[", stream);
	for (size_t i = 0; i < view->gil_count; i++)
		write_entry(stream, i, gil_object(&view->gils[i]));
	fputs("],\"threads\":[", stream);
	for (size_t i = 0; i < view->waiter_count; i++)
		write_entry(stream, i, thread_object(&view->waiters[i]));
	fputs("]}", stream);
}
