/* leaver.c: a library whose constructor does what the program's `leave` says. */
#include <stddef.h>

extern void (*leave)(void) __attribute__((weak));

__attribute__((constructor)) static void begin(void)
{
	if (&leave && leave)
		leave();
}
