/* SPDX-License-Identifier: MIT */
/* The walkers over shared slabs: what slab_run.h calls their invariants, as assertions. */
#include "kmalloc.h"
#include "report.h"
#include "slab_run.h"

/* Objects of each class in the slabs of a lane. */
struct census {
	unsigned long nr[NR_KMALLOC_CLASSES];
};

/*
 * The object that begins with @unit is one of its class, and nothing else is where it lies. Returns
 * its units.
 */
static unsigned int check_run(struct slab *slab, unsigned int unit, struct census *census)
{
	const struct page *page = (const struct page *)slab + unit / UNITS_A_PAGE;
	uint8_t class = page_section(page)->page_class[page_index(page)];
	const struct kmem_cache *s = class < NR_KMALLOC_CLASSES ? kmem_caches[class] : NULL;

	KMEM_ASSERT(s && s->units && !s->shared);
	KMEM_ASSERT(unit + s->units <= run_units(slab));
	KMEM_ASSERT((unit & (s->align / UNIT_BYTES - 1)) == 0);
	KMEM_ASSERT(bitmap_weight(slab->free_map, unit, s->units) == 0);
	KMEM_ASSERT(bitmap_weight(run_starts(slab), unit, s->units) == 1);
	census->nr[class]++;
	return s->units;
}

static unsigned int longest_free(const struct slab *slab)
{
	unsigned int first, last = 0, longest = 0;

	while ((first = bitmap_next(slab->free_map, true, last, run_units(slab))) <
	       run_units(slab)) {
		last = bitmap_next(slab->free_map, false, first, run_units(slab));
		longest = (unsigned int)max_ul(longest, last - first);
	}
	return longest;
}

static void check_slab(struct slab *slab, struct census *census)
{
	unsigned int units = run_units(slab), unit, inuse = 0;

	KMEM_ASSERT(slab->type == PAGE_SLAB && slab->cache == &unit_cache);
	KMEM_ASSERT(slab->order == SHARED_ORDER || slab->order == SHARED_SMALL_ORDER);
	KMEM_ASSERT((page_index((const struct page *)slab) & ((1u << slab->order) - 1)) == 0);
	KMEM_ASSERT(bitmap_weight(slab->free_map, 0, SLAB_MAX_OBJECTS) == units - slab->inuse);
	KMEM_ASSERT(bitmap_weight(slab->free_map, 0, units) == units - slab->inuse);
	for (unit = 0; unit < units; unit++)
		if (bitmap_has(run_starts(slab), unit))
			inuse += check_run(slab, unit, census);
	KMEM_ASSERT(inuse == slab->inuse);
	KMEM_ASSERT(min_ul(longest_free(slab), MOST_RUN) <= slab->room);
}

/* In which of the lists a slab belongs. */
static const struct list_head *list_of(const struct slab_lane *lane, const struct slab *slab)
{
	if (slab->room < LEAST_RUN)
		return &lane->full;
	return slab->inuse ? &lane->by_room[room_list(slab->room)] : &lane->empty;
}

static unsigned int check_list(struct slab_lane *lane, const struct list_head *head,
			       struct census *census, unsigned int *pages, unsigned long *inuse)
{
	struct slab *slab;
	unsigned int nr = 0;

	list_for_each_entry(slab, head, list) {
		check_slab(slab, census);
		KMEM_ASSERT(lane_of(&unit_cache, slab->lane) == lane);
		KMEM_ASSERT(list_of(lane, slab) == head);
		*pages += 1u << slab->order;
		*inuse += slab->inuse;
		nr++;
	}
	return nr;
}

/* The same lane of each class: exact where the caches have the same nodes. */
static void check_classes(unsigned int number, const struct census *census)
{
	unsigned int class;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		struct kmem_cache *s = kmem_caches[class];

		if (s && s->units && !s->nodes == !unit_cache.nodes)
			KMEM_ASSERT(lane_of(s, number)->nr_inuse == census->nr[class]);
	}
}

static void check_lane(struct slab_lane *lane, unsigned int number)
{
	struct census census = { { 0 } };
	unsigned int pages = 0, partial = 0, i;
	unsigned long inuse = 0;

	lock_acquire(&lane->lock);
	for (i = 0; i < NR_ROOMS; i++)
		partial += check_list(lane, &lane->by_room[i], &census, &pages, &inuse);
	KMEM_ASSERT(partial == lane->nr_partial && list_empty(&lane->partial));
	KMEM_ASSERT(check_list(lane, &lane->full, &census, &pages, &inuse) == lane->nr_full);
	KMEM_ASSERT(check_list(lane, &lane->empty, &census, &pages, &inuse) == lane->nr_empty);
	KMEM_ASSERT(pages == lane->nr_pages && inuse == lane->nr_inuse);
	check_classes(number, &census);
	lock_release(&lane->lock);
}

bool run_cache_is_valid(const struct kmem_cache *s)
{
	unsigned int nid, lane;

	/* Those that use its slabs have none. */
	if (!s->shared)
		return true;
	for (nid = 0; nid < nr_node_ids; nid++)
		if (nid == 0 || (unit_cache.nodes && unit_cache.nodes[nid]))
			for (lane = 0; lane < NR_LANES; lane++)
				check_lane(lane_of(&unit_cache, lane_number(nid, lane)),
					   lane_number(nid, lane));
	return true;
}
