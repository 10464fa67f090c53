#include "cases.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "calls.h"
#include "witness.h"

struct x_case x_cases[GS_NAMES + GS_CALLS];
unsigned x_case_count;

static void (*const exercises[GS_CALLS])(struct exercise *) = {
#define GS_CALL(ID, ...) exercise_##ID,
#include "calls.def"
};

void x_cases_make(void)
{
	for (unsigned row = 0; row < GS_CALLS; row++) {
		unsigned before = x_case_count;

		for (unsigned i = 0; i < GS_NAMES; i++)
			if (gs_name_info[i].call == row)
				x_cases[x_case_count++] = (struct x_case){
					row, gs_name_info[i].symbol, gs_name_info[i].node};
		if (x_case_count == before)
			x_cases[x_case_count++] =
				(struct x_case){row, gs_call_info[row].name, NULL};
	}
}

const char *x_case_text(const struct x_case *c, char *buffer, size_t size)
{
	snprintf(buffer, size, c->node ? "%s@%s" : "%s", c->symbol, c->node);
	return buffer;
}

/* What a program gets that was linked against this name: the default definition, or the one of the
 * node. Names that libc keeps for old programs only are found by the node of their time. */
static void *find(const struct x_case *c)
{
	static const char *const nodes[] = {"GLIBC_2.2.5", "GLIBC_2.2.6", "GLIBC_2.17"};
	void *fn = NULL;

#ifdef __x86_64__
	if (c->node)
		return dlvsym(RTLD_DEFAULT, c->symbol, c->node);
#endif
	fn = dlsym(RTLD_DEFAULT, c->symbol);
	for (unsigned i = 0; i < GS_ARRAY_SIZE(nodes) && !fn; i++)
		fn = dlvsym(RTLD_DEFAULT, c->symbol, nodes[i]);
	return fn;
}

static struct x_report *map_report(void)
{
	int fd = x_open("report", O_RDWR | O_CLOEXEC);
	void *base = REAL(mmap)(
		NULL, sizeof(struct x_report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (base == MAP_FAILED)
		return NULL;
	REAL(close)(fd);
	return base;
}

/* ---- with a cancellation pending ---- */

struct call {
	void (*exercise)(struct exercise *x);
	struct exercise *x;
	sigset_t signals;
};

static void clean(void *report)
{
	((struct x_report *) report)->cleaned++;
}

static void *cancelled(void *argument)
{
	const struct call *call = argument;

	pthread_sigmask(SIG_SETMASK, &call->signals, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	REAL(pthread_cancel)(pthread_self());
	pthread_cleanup_push(clean, call->x->report);
	x_witness(call->exercise, call->x, &call->x->report->destroyed);
	pthread_cleanup_pop(0);
	return NULL;
}

/* The process has one more thread than without: signals are for the exercise's. After a call that
 * acted, nothing is cleaned up: what the libc had in progress may be gone with the thread. */
static void run_cancelled(void (*exercise)(struct exercise *), struct exercise *x)
{
	struct call call = {.exercise = exercise, .x = x};
	void *result = NULL;
	pthread_t thread;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &call.signals);
	if (REAL(pthread_create)(&thread, NULL, cancelled, &call) != 0)
		REAL(abort)();
	REAL(pthread_join)(thread, &result);
	if (result == PTHREAD_CANCELED) {
		x->report->acted = x->report->calls;
		REAL(_exit)(0);
	}
}

int x_case_run(const struct x_case *c, const char *directory, bool held, bool cancel)
{
	struct exercise x = {.name = c->symbol, .node = c->node, .held = held, .cancel = cancel};

	if (c->row != GS_CALL_DLOPEN)
		x_real_open();
	if (REAL(chdir)(directory) < 0)
		return 2;
	x.report = map_report();
	if (!x.report || REAL(chdir)("scratch") < 0)
		return 2;
	x.report->state = X_RUNNING;
	x.fn = find(c);
	if (!x.fn)
		x_skip(&x, "this libc has no such name");
	if (cancel)
		run_cancelled(exercises[c->row], &x);
	else
		exercises[c->row](&x);
	if (x.report->state == X_RUNNING)
		x.report->state = X_DONE;
	return 0;
}
