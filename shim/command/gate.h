/* gate.h: what `gilshim check` judges by, and what it says of a run: the policy with its
 * suppressions and its baseline, and the verdict on each site. */
#ifndef GS_GATE_H
#define GS_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "arguments.h"
#include "baseline.h"
#include "policy.h"
#include "suppress.h"

struct gs_gate {
	struct gs_policy policy;
	struct gs_arguments_list files; /* of suppressions */
	const char *baseline;           /* NULL: none */
	bool no_builtin;

	struct gs_suppressions suppressions;
	struct gs_baseline compared;
	enum gs_verdict *verdicts; /* of each site of the view */
	size_t failing;            /* sites */
	/* functions whose calls blocked with no site to judge, and one of them; NULL: none */
	size_t missed;
	char *missed_call;
};

/* Reads what the policy is made of. False, and said, if any of it cannot be had: nothing is judged
 * by half of it. */
bool gs_gate_read(struct gs_gate *gate);

/* Judges every site of the view, once, and marks them for the formats. */
void gs_gate_judge(struct gs_gate *gate, struct gs_view *view);

/* Calls made with the GIL held or released in what was judged. */
uint64_t gs_gate_judged(const struct gs_gate *gate);

/* In words: what fails, what is only reported, what is suppressed. Nothing of a clean run. */
void gs_gate_text(FILE *stream, const struct gs_gate *gate, struct gs_view *view);

void gs_gate_free(struct gs_gate *gate);

#endif
