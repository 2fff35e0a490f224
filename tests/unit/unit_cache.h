/* SPDX-License-Identifier: MIT */
/* Caches of a program's own in tests: made, used, ended. */
#ifndef KMEM_TESTS_UNIT_CACHE_H
#define KMEM_TESTS_UNIT_CACHE_H

#include "cache.h"
#include "cache_alloc.h"
#include "unit_slab.h"

static inline struct kmem_cache *make(struct cache_wish wish)
{
	struct kmem_cache *s;
	int error;

	if (!wish.name)
		wish.name = "unit";
	s = cache_create(&wish, &error);
	EXPECT(s != NULL);
	EXPECT_EQ(error, 0);
	return s;
}

/* What kmem_cache_alloc() does, and kmem_cache_free(). */
static inline void *take(struct kmem_cache *s)
{
	void *object = slot_pop((struct cpu_slot *)((char *)this_cpu + s->slot));

	return object ? object : cache_alloc_slow(s, GFP_KERNEL, NULL);
}

static inline void give(struct kmem_cache *s, void *object)
{
	if (cache_of(object) == s &&
	    slot_push((struct cpu_slot *)((char *)this_cpu + s->slot), object))
		return;
	cache_free_slow(s, object, NULL);
}

static inline void end(struct kmem_cache *s)
{
	expect_cache_sound(s);
	EXPECT_EQ(cache_destroy(s), 0);
}

#endif
