/* signals.c: a handler that makes calls while a held or released call is under way.
 *
 *	signals handler held|released SIZE	the handler runs on an alternate stack of SIZE bytes;
 *						0: on the thread's own
 *	signals shown SIZE			as above, held; reads standard input, says `handled`
 * SIZE `minimum` is MINSIGSTKSZ, or the kernel's signal frame and little more if that is larger. */
#include "guest.h"

#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>

#define TIMES 4

static int data[2], side[2];
static volatile unsigned handled;
static volatile bool asks_live, held;

static void on_alarm(int number)
{
	struct iovec vec = {(char[]) {'s'}, 1};

	(void) number;
	if (handled >= TIMES)
		return;
	errno = EXDEV;
	CHECK(writev(side[1], &vec, 1) == 1);
	CHECK(errno == EXDEV);
	handled = handled + 1;
	if (handled == TIMES && asks_live)
		syscall(SYS_write, 1, "handled\n", 8);
	if (handled == TIMES && !asks_live)
		syscall(SYS_write, data[1], "d", 1);
}

/* The stack ends in a page that nobody may touch: an overflow kills. */
static void use_stack(const char *word)
{
	size_t size = strtoul(word, NULL, 10), least = getauxval(AT_MINSIGSTKSZ) + 256;
	size_t page = (size_t) sysconf(_SC_PAGESIZE), room;
	stack_t stack;
	char *low;

	if (strcmp(word, "minimum") == 0)
		size = least > 2048 ? least : 2048;
	room = (size + page - 1) / page * page;
	low = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(low != MAP_FAILED && mprotect(low, page, PROT_NONE) == 0);
	stack = (stack_t){.ss_sp = low + page, .ss_size = size};
	CHECK(size == 0 || sigaltstack(&stack, NULL) == 0);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART | SA_ONSTACK};
	struct itimerval often = {{0, 5000}, {0, 5000}};
	char byte = 0;
	int from;

	CHECK(argc > 2);
	introduce();
	asks_live = strcmp(argv[1], "shown") == 0;
	held = asks_live || strcmp(argv[2], "held") == 0;
	CHECK(pipe(data) == 0 && pipe(side) == 0);
	use_stack(argv[argc - 1]);
	sigaction(SIGALRM, &action, NULL);
	x_hold(held);
	setitimer(ITIMER_REAL, &often, NULL);
	from = asks_live ? 0 : data[0];
	CHECK(read(from, &byte, 1) == 1);
	CHECK(byte == 'd' && handled == TIMES);
	x_hold(false);
	made(held ? "held" : "released", "read", 1);
	made(held ? "held" : "released", "writev", TIMES);
	return 0;
}
