/* counts.h: what the record of one run says about one call. */
#ifndef COUNTS_H
#define COUNTS_H

#include <stdint.h>

struct x_counts {
	uint64_t held;
	uint64_t held_total; /* of all calls: nothing else is done with the GIL held */
	uint64_t others;     /* released, or by threads that never held a GIL */
};

/* Reads the one record file in `directory`. `symbol` is the name that was bound: every site of the
 * call must bear it. Returns NULL, or what is wrong with the record. */
const char *x_counts_read(
	const char *directory, unsigned call, const char *symbol, struct x_counts *counts);

#endif
