/* SPDX-License-Identifier: MIT */
/* For tests of shared slabs: objects straight from them, by lane. */
#ifndef KMEM_UNIT_RUN_H
#define KMEM_UNIT_RUN_H

#include "slab_run.h"
#include "unit_slab.h"

static inline struct per_cpu_pages *lane(unsigned int nr)
{
	return pcp_of_lane(nr);
}

static inline struct slab_lane *units(unsigned int nr)
{
	return &unit_cache.node.lane[nr];
}

static inline struct kmem_cache *class_of(size_t size)
{
	return &kmalloc_caches[kmalloc_class(size)];
}

static inline char *take(unsigned int nr, size_t size)
{
	void *object = NULL;

	slab_alloc_bulk(class_of(size), lane(nr), &object, 1, GFP_KERNEL);
	return object;
}

static inline void give(unsigned int nr, void *object)
{
	slab_free_bulk(cache_of(object), lane(nr), &object, 1);
}

static inline struct slab *slab_of(const void *object)
{
	struct slab *slab = slab_containing(object);

	EXPECT(slab && slab->cache == &unit_cache);
	return slab;
}

static inline int setup(void **state)
{
	(void)state;
	kmem_trim();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	expect_caches_sound();
	expect_nothing_left();
	EXPECT_EQ(cache_slabs(&unit_cache), 0);
	return 0;
}

#endif
