/* supervise.h: runs a program as if it had been started without us: in our process group and on our
 * terminal, with our descriptors, signal mask and dispositions, stopped and continued with us. */
#ifndef GS_SUPERVISE_H
#define GS_SUPERVISE_H

#include <stdbool.h>

/* Runs argv[0], found as a shell would, until it ends. *status is then its exit status, or 128 +
 * the signal that killed it. False if it was not run, after one line that says why: *status is then
 * 127 (not found) or 126 as with env(1), or 2 if no process could be made.
 *
 * From here on this process has nothing open but standard error (on 0 and 1 is the null device, so
 * that who reads the program's output sees its end when the program ends), and no signal disturbs
 * what it still does. */
bool gs_supervise(char **argv, int *status);

#endif
