/* cases.h: what there is to run: each exported name of each row. */
#ifndef CASES_H
#define CASES_H

#include "exercise.h"

struct x_case {
	unsigned row;       /* enum gs_call */
	const char *symbol; /* the exported name; the row's own where the table has none */
	const char *node;   /* version node, or NULL */
};

extern struct x_case x_cases[];
extern unsigned x_case_count;

/* Fills x_cases in the order of the table. */
void x_cases_make(void);

/* "name" or "name@node", in the caller's buffer. */
const char *x_case_text(const struct x_case *c, char *buffer, size_t size);

/* The child's side: runs one case in this process, which reports into DIRECTORY/report and works in
 * DIRECTORY/scratch. Returns the exit status.
 * `cancel`: the exercise runs in a thread that has a cancellation pending at each call. If a call
 * acts on it, the thread ends there: the report tells the call, and how often the cleanup handler and
 * the destructor of the frames around it ran. */
int x_case_run(const struct x_case *c, const char *directory, bool held, bool cancel);

#endif
