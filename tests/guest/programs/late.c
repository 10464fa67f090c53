/* late.c: a library whose destructor waits, if it was built to. */
#include <unistd.h>

__attribute__((destructor)) static void end(void)
{
	if (WAITS)
		usleep(2000);
}
