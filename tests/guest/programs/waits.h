/* waits.h: calls that wait for ever, each in a form that nothing ends but what the test does. */
#ifndef WAITS_H
#define WAITS_H

#include "guest.h"

struct wait_act {
	const char *name; /* the row of the report */
	long (*make)(void);
	bool point; /* a cancellation point */
	bool deaf;  /* what a signal does to it is not looked at */
};

extern const struct wait_act wait_acts[];
extern const unsigned wait_act_count;

/* New things to wait for. */
void waits_prepare(void);
/* What would outlive the process: children, queues. */
void waits_end(void);

#endif
