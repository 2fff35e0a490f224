/*
 * Sizes worth trying: both sides of every edge where an allocator may change its mind.
 *
 * The edges are those of the size classes (steps of 16 to 128, then four a doubling to 32 KiB), of
 * pages above them, and of the powers of two up to a few MiB.
 */
#ifndef KMEM_TESTS_SIZES_H
#define KMEM_TESTS_SIZES_H

#include "outside.h"

#define MAX_EDGE_SIZES 512

static inline size_t add_edge(size_t *sizes, size_t count, size_t edge)
{
	CHECK(count + 3 <= MAX_EDGE_SIZES, "too many edges");
	sizes[count++] = edge - 1;
	sizes[count++] = edge;
	sizes[count++] = edge + 1;
	return count;
}

/* Fills sizes[], ascending, with edges up to and around limit; the number filled in. */
static inline size_t edge_sizes(size_t sizes[MAX_EDGE_SIZES], size_t limit)
{
	size_t count = 0;

	for (size_t edge = 16; edge <= 128 && edge <= limit; edge += 16)
		count = add_edge(sizes, count, edge);
	for (size_t base = 128; base < 32 * KIB; base *= 2)
		for (size_t k = 1; k <= 4; k++)
			if (base + k * base / 4 <= limit)
				count = add_edge(sizes, count, base + k * base / 4);
	for (size_t edge = 36 * KIB; edge <= 96 * KIB && edge <= limit; edge += 12 * KIB)
		count = add_edge(sizes, count, edge);
	for (size_t edge = 128 * KIB; edge <= limit; edge *= 2)
		count = add_edge(sizes, count, edge);
	return count;
}

#endif
