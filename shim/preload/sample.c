#include "sample.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "life.h"
#include "say.h"
#include "site.h"
#include "store.h"
#include "sys.h"
#include "watch.h"

static int in_use; /* 0: none */

/* Who is asked, and for which site: tid in the upper half. 0: nobody. */
static _Atomic uint64_t question;

static void *interrupted(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (void *) context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (void *) context->uc_mcontext.pc;
#endif
}

static void handle(int number, siginfo_t *info, void *context)
{
	struct gs_thread *thread = &gs_thread;
	uint64_t asked = atomic_load_explicit(&question, memory_order_acquire);
	int saved = errno;

	(void) number;
	(void) info;
	if (asked && asked >> 32 == thread->tid && !thread->busy && thread->epoch == gs_epoch() &&
		atomic_compare_exchange_strong(&question, &asked, 0)) {
		gs_enter(thread);
		gs_site_sample((uint32_t) asked, interrupted(context));
		gs_leave(thread);
	}
	errno = saved;
}

void gs_sample_setup(int number)
{
	struct sigaction ours = {
		.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
	struct sigaction now;

	sigemptyset(&ours.sa_mask);
	if (sigaction(number, NULL, &now) != 0 || now.sa_handler != SIG_DFL ||
		sigaction(number, &ours, NULL) != 0) {
		gs_say_words("option stall_signal: that signal is in use or cannot be handled; "
			     "no native stacks of computing threads are taken");
		return;
	}
	in_use = number;
}

void gs_sample_ask(struct gs_thread_entry *entry, uint32_t site)
{
	uint64_t tid = atomic_load_explicit(&entry->tid, memory_order_relaxed);
	struct sigaction now;

	if (!in_use || gs_store.sites[site].depth_native || sigaction(in_use, NULL, &now) != 0 ||
		now.sa_sigaction != handle)
		return;
	atomic_store_explicit(&question, tid << 32 | site, memory_order_release);
	gs_sys3(SYS_tgkill, gs_life.pid, (long) tid, in_use);
}
