/* SPDX-License-Identifier: MIT */
/* What the tests of kmalloc's family share: sizes, and contents that are known again. */
#ifndef KMEM_TESTS_API_KMALLOC_H
#define KMEM_TESTS_API_KMALLOC_H

#include "api.h"

#include <kmem/slab.h>

/* Sizes about every boundary there is: classes, pages, sections. */
static const size_t sizes[] = {
	1,     7,	8,     15,	16,	 17,	   96,		 100,
	127,   128,	129,   1000,	1024,	 1025,	   4095,	 4096,
	4097,  8192,	10000, 32767,	32768,	 32769,	   40000,	 65536,
	65537, MIB - 1, MIB,   4 * MIB, 5 * MIB, 64 * MIB, 64 * MIB + 1, 100 * MIB
};
#define NR_LARGEST 5
/* valgrind takes its time over each byte. */
#define NR_SIZES   (sizeof(sizes) / sizeof(sizes[0]) - (RUNNING_ON_VALGRIND ? NR_LARGEST : 0))

static inline void fill(char *object, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		object[i] = (char)(i * 31 + 7);
}

static inline bool is_filled(const char *object, size_t n)
{
	size_t i;

	for (i = 0; i < n && object[i] == (char)(i * 31 + 7); i++)
		;
	return i == n;
}

#endif
