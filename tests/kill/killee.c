/* killee.c: a make-believe Python (tests/exercise/fakepy.c) that is to be killed: several threads in
 * several processes make calls as fast as they can, and say on a shared board before each call that
 * it begins and after it that it ended. Nothing but a store is made for that, so the board is exact
 * at whatever moment the process dies.
 *
 *	killee BOARD	never ends; BOARD is a file of sizeof(struct board) bytes, see kill.py
 *
 * Each process first makes a call at each of SITES places that were never seen before, then at known
 * ones for ever. Its main thread makes threads that end after a few calls, and the first process
 * makes children that do so too. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

void x_hold(bool held);

enum { SLOTS = 64, THREADS = 4, WORKERS = 2, OUTSIDER = WORKERS, SHORT_LIVED, SITES = 1024 };
enum kind { HELD_SITE, HELD_POLL, HELD_LOCK, RELEASED_READ, RELEASED_WRITE, NONE_WRITEV, KINDS };
enum phase { IDLE, CLAIMING, KNOWN, DONE };

struct count {
	uint64_t begun, ended;
};

struct slot {
	uint32_t pid;
	uint32_t phase[THREADS];
	struct count kind[THREADS][KINDS];
	struct count site[THREADS][SITES];
};

struct board {
	uint32_t slots, pad;
	struct slot slot[SLOTS];
};

static struct board *board;
static struct slot *slot;
static int zero, null;
static pthread_mutex_t locks[THREADS];

#define STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELEASE)
#define BEGIN(count) STORE((count).begun, (count).begun + 1)
#define END(count) STORE((count).ended, (count).ended + 1)

/* ---- the places ---- */

/* The constant keeps the compiler from making one function of all. */
#define SITE(digits)                                                                  \
	static __attribute__((noinline)) void s_##digits(void)                        \
	{                                                                             \
		char byte;                                                            \
		(void) !read(zero, &byte, 1);                                         \
		__asm__ volatile("" : : "i"(0x##digits), "r"(&byte) : "memory");      \
	}
#define NAME(digits) s_##digits,
#define FOUR(X, p, q, r, s) X(p) X(q) X(r) X(s)
#define ROW(X, p)                                                                     \
	FOUR(X, p##0, p##1, p##2, p##3) FOUR(X, p##4, p##5, p##6, p##7)               \
	FOUR(X, p##8, p##9, p##a, p##b) FOUR(X, p##c, p##d, p##e, p##f)
#define FOUR_ROWS(X, p, q, r, s) ROW(X, p) ROW(X, q) ROW(X, r) ROW(X, s)
#define PAGE(X, p)                                                                    \
	FOUR_ROWS(X, p##0, p##1, p##2, p##3) FOUR_ROWS(X, p##4, p##5, p##6, p##7)     \
	FOUR_ROWS(X, p##8, p##9, p##a, p##b) FOUR_ROWS(X, p##c, p##d, p##e, p##f)
#define ALL(X) PAGE(X, 0) PAGE(X, 1) PAGE(X, 2) PAGE(X, 3)
ALL(SITE)
static void (*const sites[SITES])(void) = {ALL(NAME)};

/* ---- one call of each kind ---- */

static void at_site(unsigned thread, unsigned site)
{
	BEGIN(slot->kind[thread][HELD_SITE]);
	BEGIN(slot->site[thread][site]);
	sites[site]();
	END(slot->site[thread][site]);
	END(slot->kind[thread][HELD_SITE]);
}

static void make(unsigned thread, enum kind kind, unsigned random)
{
	struct iovec vec = {"x", 1};
	char byte;

	x_hold(kind <= HELD_LOCK);
	if (kind == HELD_SITE) {
		at_site(thread, random % SITES);
		return;
	}
	BEGIN(slot->kind[thread][kind]);
	switch (kind) {
	case HELD_POLL:
		poll(NULL, 0, 0);
		break;
	case HELD_LOCK:
		pthread_mutex_lock(&locks[thread]);
		break;
	case RELEASED_READ:
		(void) !read(zero, &byte, 1);
		break;
	case RELEASED_WRITE:
		(void) !write(null, "x", 1);
		break;
	default:
		(void) !writev(null, &vec, 1);
		break;
	}
	END(slot->kind[thread][kind]);
	if (kind == HELD_LOCK)
		pthread_mutex_unlock(&locks[thread]);
}

static void *worker(void *argument)
{
	unsigned thread = (unsigned) (uintptr_t) argument, random = thread + 1;

	STORE(slot->phase[thread], CLAIMING);
	x_hold(true);
	for (unsigned i = 0; i < SITES; i++)
		at_site(thread, (i + thread * SITES / WORKERS) % SITES);
	STORE(slot->phase[thread], KNOWN);
	for (;;) {
		random = random * 1664525 + 1013904223;
		make(thread, (enum kind)(random >> 16) % NONE_WRITEV, random >> 8);
	}
	return NULL;
}

/* Never had a GIL. */
static void *outsider(void *argument)
{
	(void) argument;
	for (;;)
		make(OUTSIDER, NONE_WRITEV, 0);
	return NULL;
}

static void *short_lived(void *argument)
{
	unsigned random = (unsigned) (uintptr_t) argument;

	for (unsigned i = 0; i < 4 * NONE_WRITEV; i++)
		make(SHORT_LIVED, (enum kind)(i % NONE_WRITEV), random + i);
	return NULL;
}

/* ---- processes ---- */

static void start(void *(*act)(void *), unsigned thread)
{
	pthread_t id;

	if (pthread_create(&id, NULL, act, (void *) (uintptr_t) thread) != 0)
		abort();
}

/* What CPython does first in a forked child: it makes its GIL anew. */
static void take_slot(void)
{
	static pthread_cond_t conditions[2];
	uint32_t number = __atomic_fetch_add(&board->slots, 1, __ATOMIC_RELAXED);

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left behind, whatever becomes of the test */
	if (number >= SLOTS)
		_exit(0);
	slot = &board->slot[number];
	pthread_cond_init(&conditions[0], NULL);
	pthread_cond_init(&conditions[1], NULL);
	STORE(slot->pid, (uint32_t) getpid());
}

static void short_lived_process(void)
{
	take_slot();
	short_lived((void *) (uintptr_t) slot->pid);
	STORE(slot->phase[SHORT_LIVED], DONE);
	_exit(0);
}

static void run(bool has_children)
{
	pthread_t id;

	for (unsigned i = 0; i < WORKERS; i++)
		start(worker, i);
	start(outsider, 0);
	for (unsigned i = 0;; i++) {
		if (pthread_create(&id, NULL, short_lived, (void *) (uintptr_t) (i * 97)) == 0)
			pthread_join(id, NULL);
		if (has_children && i % 16 == 0 && board->slots < SLOTS) {
			pid_t pid = fork();

			if (pid == 0)
				short_lived_process();
			waitpid(pid, NULL, 0);
		}
	}
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	if (fd < 0 || board == MAP_FAILED || zero < 0 || null < 0)
		return 1;
	for (unsigned i = 0; i < THREADS; i++)
		pthread_mutex_init(&locks[i], NULL);
	take_slot();
	if (fork() == 0) {
		take_slot();
		run(false);
	}
	run(true);
}
