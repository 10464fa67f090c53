#include "chain.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unwind.h>

#include "gil.h"
#include "store.h"
#include "sys.h"

#define DEEPEST 1024 /* frames walked, kept or not */
#define UNWINDER_NEEDS                                                            \
	(12 * 1024) /* bytes of stack: less on a signal stack, and we do not walk \
		     */

/* Functions in which Python code is run, or the interpreter itself: what lies outside of them did
 * not make the call. Several names, because a compiler may split the first one. */
static const char *const evaluators[] = {"_PyEval_EvalFrameDefault", "_PyFunction_Vectorcall",
	"PyEval_EvalCode", "PyEval_EvalCodeEx", "_PyEval_EvalCodeWithName",
	"_PyFunction_FastCallDict", "_PyFunction_FastCallKeywords", "Py_RunMain", "Py_BytesMain",
	"Py_Main", "_Py_UnixMain"};
static struct gs_extent extents[GS_ARRAY_SIZE(evaluators)];

struct walk {
	struct gs_chain *chain;
	uintptr_t caller;
	bool started;
	bool own;  /* every frame so far is CPython's own */
	bool back; /* an object that is not the interpreter, and then the interpreter: what Python
		      called is found */
	uint32_t walked;
};

void gs_chain_setup(const struct gs_object *image)
{
	for (size_t i = 0; i < GS_ARRAY_SIZE(evaluators); i++)
		extents[i] = gs_object_extent(image, evaluators[i]);
}

static bool evaluates(uintptr_t address)
{
	for (size_t i = 0; i < GS_ARRAY_SIZE(extents); i++)
		if (address - extents[i].start < extents[i].end - extents[i].start)
			return true;
	return false;
}

/* Sorts one frame: who is it? */
static void judge_frame(struct walk *walk, uintptr_t address)
{
	struct gs_chain *chain = walk->chain;
	uint32_t module = gs_module_at((const void *) address);
	uint32_t flags = module == GS_NONE ? 0 : gs_store.modules[module].flags;
	bool cpython = flags & (GS_MODULE_IMAGE | GS_MODULE_STDLIB);
	bool neutral = flags & GS_MODULE_LOADER;

	if (walk->back || neutral)
		return;
	if (flags & GS_MODULE_IMAGE && chain->extension != GS_NONE) {
		walk->back = !(gs_store.modules[chain->extension].flags & GS_MODULE_IMAGE);
		return;
	}
	if (!cpython || flags & GS_MODULE_FOREIGN)
		walk->own = false;
	chain->extension = module;
	chain->extension_frame = chain->depth < chain->limit ? chain->depth : GS_NONE;
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *argument)
{
	struct walk *walk = argument;
	struct gs_chain *chain = walk->chain;
	int before = 0;
	uintptr_t address = _Unwind_GetIPInfo(context, &before);

	if (++walk->walked > DEEPEST || !address)
		return _URC_END_OF_STACK;
	if (!walk->started) {
		walk->started = address == walk->caller;
		if (!walk->started)
			return _URC_NO_REASON;
	}
	judge_frame(walk, address - !before);
	if (chain->depth < chain->limit)
		chain->frames[chain->depth++] = address;
	return evaluates(address - !before) ? _URC_END_OF_STACK : _URC_NO_REASON;
}

bool gs_stack_is_small(void)
{
	stack_t now = {0};

	return gs_sys2(SYS_sigaltstack, 0, (long) &now) == 0 && now.ss_flags & SS_ONSTACK &&
	       now.ss_size < UNWINDER_NEEDS;
}

void gs_chain_capture(struct gs_chain *chain, const void *caller)
{
	struct walk walk = {.chain = chain, .caller = (uintptr_t) caller, .own = true};

	chain->depth = 0;
	chain->extension = GS_NONE;
	chain->extension_frame = GS_NONE;
	if (!gs_stack_is_small())
		_Unwind_Backtrace(visit, &walk);
	/* Further out lies what Python called. */
	if (walk.walked > DEEPEST && !walk.back)
		chain->extension = chain->extension_frame = GS_NONE;
	if (!walk.started) { /* no unwind tables on the way: the caller is all there is */
		walk.own = true;
		judge_frame(&walk, (uintptr_t) caller - 1);
		if (chain->limit)
			chain->frames[chain->depth++] = (uintptr_t) caller;
	}
	/* A stack of libc's frames alone leads nowhere: it is not CPython's. */
	if (chain->extension == GS_NONE)
		walk.own = false;
	chain->origin = walk.own ? GS_ORIGIN_INTERPRETER : GS_ORIGIN_EXTENSION;
}
