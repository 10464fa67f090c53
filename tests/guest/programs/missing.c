/* missing.c: names that the library exports and this libc lacks: each must fail with ENOSYS.
 * Usage: missing NAME... */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

void x_hold(bool held);

/* The result of any of them travels in one register; some return the error number itself. */
static bool fails(void *function, bool held)
{
	static int number;
	long result;
	int error;

	x_hold(held);
	errno = 0;
	result = ((int (*)(void *, const void *, void *, long, long, long)) function)(
		stdin, L"%d", &number, 0, 0, 0);
	error = errno;
	x_hold(false);
	return (result == -1 && error == ENOSYS) || result == ENOSYS;
}

int main(int argc, char **argv)
{
	int wrong = 0;

	for (int i = 1; i < argc; i++) {
		void *function = dlsym(RTLD_DEFAULT, argv[i]);

		for (int held = 0; held < 2; held++) {
			if (function && fails(function, held))
				continue;
			printf("%s %s\n", argv[i], held ? "held" : "released");
			wrong++;
		}
	}
	return wrong != 0;
}
