/* hist.c: see hist.h. No stdio, no malloc, no I/O. */
#include "hist.h"

/* The longest duration of bucket b, or the worst that was seen if that is shorter. */
static uint64_t ceiling(unsigned b, uint64_t worst_ns)
{
	if (b + 1 < GS_HIST_BUCKETS && gs_hist_floor(b + 1) < worst_ns)
		return gs_hist_floor(b + 1);
	return worst_ns > gs_hist_floor(b) ? worst_ns : gs_hist_floor(b);
}

uint64_t gs_hist_median(const uint64_t counts[GS_HIST_BUCKETS], uint64_t worst_ns)
{
	double total = 0, before = 0;

	for (unsigned b = 0; b < GS_HIST_BUCKETS; b++)
		total += (double) counts[b];
	for (unsigned b = 0; b < GS_HIST_BUCKETS; b++) {
		double count = (double) counts[b];
		uint64_t floor = gs_hist_floor(b);

		if (count > 0 && before + count >= total / 2) {
			double part = (total / 2 - before) / count;

			return floor + (uint64_t) (part * (double) (ceiling(b, worst_ns) - floor));
		}
		before += count;
	}
	return 0;
}
