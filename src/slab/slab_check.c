/* SPDX-License-Identifier: MIT */
/* The walkers over slabs and caches: what slab.h calls their invariants, as assertions. */
#include "report.h"
#include "slab_run.h"

bool slab_is_valid(const struct kmem_cache *s, const struct slab *slab)
{
	const struct page *page = (const struct page *)slab;
	const struct section *section = page_section(page);
	unsigned int index = page_index(page), i;

	KMEM_ASSERT(slab->type == PAGE_SLAB && slab->cache == s);
	KMEM_ASSERT(slab->order == s->order);
	KMEM_ASSERT(slab->inuse <= s->objects);
	KMEM_ASSERT(bitmap_weight(slab->free_map, 0, SLAB_MAX_OBJECTS) ==
		    (unsigned int)(s->objects - slab->inuse));
	KMEM_ASSERT(bitmap_next(slab->free_map, true, s->objects, SLAB_MAX_OBJECTS) ==
		    SLAB_MAX_OBJECTS);
	if (s->tracks)
		KMEM_ASSERT(bitmap_weight(slab->free_map, slab->constructed,
					  s->objects - slab->constructed) ==
			    (unsigned int)(s->objects - slab->constructed));
	KMEM_ASSERT((index & ((1u << slab->order) - 1)) == 0);
	for (i = 0; i < 1u << slab->order; i++)
		KMEM_ASSERT(section->page_class[index + i] == s->index);
	return true;
}

enum list_kind { PARTIAL, FULL, EMPTY };

static unsigned long check_list(struct kmem_cache *s, const struct slab_lane *lane,
				const struct list_head *head, enum list_kind kind,
				unsigned long *inuse)
{
	struct slab *slab;
	unsigned long nr = 0;

	list_for_each_entry(slab, head, list) {
		KMEM_ASSERT(slab_is_valid(s, slab) && lane_of(s, slab->lane) == lane);
		KMEM_ASSERT((slab->inuse == 0) == (kind == EMPTY));
		KMEM_ASSERT((slab->inuse == s->objects) == (kind == FULL));
		*inuse += slab->inuse;
		nr++;
	}
	return nr;
}

static void check_lane(struct kmem_cache *s, struct slab_lane *lane)
{
	unsigned long inuse = 0;

	lock_acquire(&lane->lock);
	KMEM_ASSERT(check_list(s, lane, &lane->partial, PARTIAL, &inuse) == lane->nr_partial);
	KMEM_ASSERT(check_list(s, lane, &lane->full, FULL, &inuse) == lane->nr_full);
	KMEM_ASSERT(check_list(s, lane, &lane->empty, EMPTY, &inuse) == lane->nr_empty);
	KMEM_ASSERT(inuse == lane->nr_inuse);
	lock_release(&lane->lock);
}

bool cache_is_valid(struct kmem_cache *s)
{
	struct kmem_cache_node *node;
	struct slab_lane *lane;

	if (s->units)
		return run_cache_is_valid(s);
	for_each_lane(lane, node, s)
		check_lane(s, lane);
	return true;
}
