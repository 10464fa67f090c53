#include "log.h"

#include <stdatomic.h>
#include <sys/syscall.h>

#include "gil.h"
#include "life.h"
#include "modules.h"
#include "pyframe.h"
#include "say.h"
#include "store.h"
#include "sys.h"

bool gs_log_wants(enum gs_state state, bool blocked)
{
	switch (gs_life.options.log) {
	case GS_LOG_ALL:
		return true;
	case GS_LOG_HELD:
		return state == GS_STATE_HELD;
	case GS_LOG_BLOCKED:
		return state == GS_STATE_HELD && blocked;
	default:
		return false;
	}
}

static const char *state_word(const struct gs_probe *probe)
{
	if (probe->state == GS_STATE_HELD)
		return "held";
	if (probe->state == GS_STATE_UNKNOWN)
		return "unknown";
	return gs_thread.had_gil ? "released" : "none";
}

/* What the kernel said, for held calls only. */
static const char *evidence_word(const struct gs_probe *probe, enum gs_evidence evidence)
{
	static const char *const words[] = {"quick", "slept", "long", "preempted"};

	if (probe->state != GS_STATE_HELD)
		return "-";
	return probe->harmless ? "harmless" : words[evidence];
}

static void put_python(struct gs_text *line, const struct gs_pyline *python)
{
	if (python->file == GS_NONE) {
		gs_text_put(line, "\t-\t-\n");
		return;
	}
	gs_text_char(line, '\t');
	gs_text_name(line, gs_store_text(python->file), 512);
	gs_text_char(line, ':');
	gs_text_id(line, python->line);
	gs_text_char(line, '\t');
	gs_text_name(line, gs_store_text(python->function), 128);
	gs_text_char(line, '\n');
}

static void put_line(uint64_t begin_ns, uint64_t elapsed_ns, const char *const words[4],
	const struct gs_pyline *python)
{
	char buffer[1024];
	uint64_t numbers[] = {gs_life.pid, gs_thread.tid, begin_ns, elapsed_ns};
	static _Atomic bool complained;
	struct gs_text line;
	int err;

	gs_text_init(&line, buffer, sizeof(buffer));
	gs_text_put(&line, "gilshim");
	for (size_t i = 0; i < GS_ARRAY_SIZE(numbers); i++) {
		gs_text_char(&line, '\t');
		gs_text_id(&line, numbers[i]);
	}
	for (size_t i = 0; i < 4; i++) {
		gs_text_char(&line, '\t');
		gs_text_name(&line, words[i], 128);
	}
	put_python(&line, python);
	err = gs_say_to(gs_life.options.log_to, buffer, gs_text_length(&line));
	if (err < 0 && !atomic_exchange(&complained, true))
		gs_say_unusable("log_to", gs_life.options.log_to, "cannot be written", err,
			"lines of the log are lost");
}

void gs_log_call(const struct gs_probe *probe, enum gs_evidence evidence)
{
	struct gs_pyline python = {GS_NONE, GS_NONE, 0};
	uint32_t module = gs_module_at((const char *) probe->caller - 1);
	const char *words[] = {state_word(probe), evidence_word(probe, evidence),
		gs_call_info[GS_KEY_CALL(probe->key)].name,
		module == GS_NONE ? "-" : gs_store_text(gs_store.modules[module].name)};

	if (probe->site != GS_NONE)
		python = gs_store.sites[probe->site].python;
	else if (probe->state == GS_STATE_HELD && gs_gil_held(&gs_thread, GS_KEY_CALL(probe->key)))
		gs_pyframe_stack(&python, 1);
	put_line(probe->begin_ns, probe->end_ns - probe->begin_ns, words, &python);
}

void gs_log_wait_line(uint32_t gil, uint64_t begin_ns, uint64_t elapsed_ns)
{
	const char *const words[] = {"released", "waited", gil == GS_WORLD ? "world" : "gil", "-"};
	const struct gs_pyline nowhere = {GS_NONE, GS_NONE, 0};

	put_line(begin_ns, elapsed_ns, words, &nowhere);
}

void gs_log_stall(uint32_t site, uint64_t begin_ns, uint64_t elapsed_ns)
{
	static const char *const words[] = {"held", "computed", "gil", "-"};

	if (gs_life.options.log >= GS_LOG_HELD)
		put_line(begin_ns, elapsed_ns, words, &gs_store.sites[site].python);
}
