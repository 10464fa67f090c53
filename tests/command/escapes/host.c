/* host.c: looks like an interpreter to who asks for symbols. It answers that the GIL is held, always,
 * and sleeps six times. -DPLAIN: is none. */
#include <unistd.h>

#ifndef PLAIN
int PyGILState_Check(void);
int PyGILState_Check(void)
{
	return 1;
}

const char *Py_GetVersion(void);
const char *Py_GetVersion(void)
{
	return "3.11.0 (none)";
}
#endif

int main(void)
{
	for (int i = 0; i < 6; i++)
		usleep(10);
	return 0;
}
