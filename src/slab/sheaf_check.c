/* SPDX-License-Identifier: MIT */
/*
 * What is freed is looked at when it comes back to its slab. A sheaf that goes to the barn, or
 * waits for another thread, may not see the slabs for long, so its objects are looked at before:
 * whether one is there twice, and whether each is where an object can be.
 *
 * Two equal pointers fall on one bit of a filter; so do a few others, which costs a second look.
 * The addresses alone tell: no slab's line is read, unless the cache has colours.
 */
#include "fault.h"
#include "sheaf.h"

#define FILTER_WORDS 8u		 /* of a filter with some eight bits for each object of a sheaf, */
#define LARGE_FILTER 128u	 /* or of the largest that can be asked for */
#define HASH_FACTOR  0x9e3779b1u /* 2^32 over the golden ratio: the high bits mix all below */

static __noinline void fault_if_among(const struct kmem_cache *s, const void *object,
				      void *const *objects, unsigned int n)
{
	while (n--)
		if (objects[n] == object)
			fault_double_free(s, object);
}

static __always_inline void check_by(const struct kmem_cache *s, const struct sheaf *sheaf,
				     unsigned long *filter, unsigned int words)
{
	unsigned int i, shift = 32 - __fls(words * BITS_PER_LONG);

	for (i = 0; i < sheaf->size; i++) {
		const void *object = sheaf->objects[i];
		unsigned int bit = (uint32_t)((uintptr_t)object >> 4) * HASH_FACTOR >> shift;
		unsigned long seen = filter[bit / BITS_PER_LONG];

		if (unlikely(set_bit_of(&seen, bit)))
			fault_if_among(s, object, sheaf->objects, i);
		filter[bit / BITS_PER_LONG] = seen;
	}
}

static __noinline void check_large(const struct kmem_cache *s, const struct sheaf *sheaf)
{
	unsigned long filter[LARGE_FILTER] = { 0 };

	check_by(s, sheaf, filter, LARGE_FILTER);
}

void sheaf_check_twice(const struct kmem_cache *s, const struct sheaf *sheaf)
{
	unsigned long filter[FILTER_WORDS] = { 0 };

	if (unlikely(sheaf->size > FILTER_WORDS * BITS_PER_LONG / 8))
		check_large(s, sheaf);
	else
		check_by(s, sheaf, filter, FILTER_WORDS);
}

/* To look up all of them would cost threads that come and go too much: see docs/design.md. */
void sheaf_check_rest(const struct kmem_cache *s, const struct sheaf *sheaf)
{
	if (!sheaf->size)
		return;
	slab_check_object(s, sheaf->objects[0]);
	slab_check_object(s, sheaf->objects[sheaf->size - 1]);
	sheaf_check_twice(s, sheaf);
}

void sheaf_check(const struct kmem_cache *s, const struct sheaf *sheaf)
{
	slab_check_starts(s, sheaf->objects, sheaf->size);
	sheaf_check_twice(s, sheaf);
}
