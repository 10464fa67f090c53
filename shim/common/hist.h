/* hist.h: log2 histogram of durations, used by the writer and by readers.
 * Bucket b counts durations of [2^(b+7), 2^(b+8)) ns; bucket 0 also holds everything shorter, the
 * last everything longer (275 s and up). */
#ifndef GS_HIST_H
#define GS_HIST_H

#include <stdint.h>

#define GS_HIST_BUCKETS 32
#define GS_HIST_SHIFT 7

static inline unsigned gs_hist_bucket(uint64_t ns)
{
	unsigned bits;

	if (ns >> (GS_HIST_SHIFT + 1) == 0)
		return 0;
	bits = 63 - (unsigned) __builtin_clzll(ns) - GS_HIST_SHIFT;
	return bits < GS_HIST_BUCKETS ? bits : GS_HIST_BUCKETS - 1;
}

/* The shortest duration that falls into bucket b, in ns (0 for the first). */
static inline uint64_t gs_hist_floor(unsigned b)
{
	return b ? (uint64_t) 1 << (b + GS_HIST_SHIFT) : 0;
}

/* The median of the durations counted in a histogram, of which the longest took `worst_ns`. Within
 * a bucket they are taken to lie evenly: an estimate, wrong by less than a factor of two. 0 where
 * nothing was counted. Pure. */
uint64_t gs_hist_median(const uint64_t counts[GS_HIST_BUCKETS], uint64_t worst_ns);

#endif
