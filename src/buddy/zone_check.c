/* SPDX-License-Identifier: MIT */
/* The walker over a zone: what zone.h calls its invariants, as assertions. */
#include "pcp.h"
#include "report.h"
#include "zone.h"

static void check_oldest(const struct zone *zone)
{
	struct section *const *oldest = zone->oldest_with;
	unsigned int order;

	for (order = 1; order < NR_ORDERS; order++)
		KMEM_ASSERT(!oldest[order] ||
			    (oldest[order - 1] && oldest[order - 1]->age <= oldest[order]->age));
}

/* No two free buddies; and a bit for each free page, for no other. */
static void check_blocks(struct section *s)
{
	unsigned int order;
	struct page *page;

	for (order = 0; order < NR_ORDERS; order++)
		list_for_each_entry(page, &s->free_area[order].free_list, lru) {
			KMEM_ASSERT(!zone_free_buddy(s, page_index(page), order));
			KMEM_ASSERT(bitmap_weight(s->free, page_index(page), 1u << order) ==
				    1u << order);
		}
	KMEM_ASSERT(bitmap_weight(s->free, 0, PAGES_PER_SECTION) == s->nr_free);
}

bool zone_is_valid(struct zone *zone)
{
	unsigned long nr_free = 0, nr_online = 0, nr_dirty = 0, nr_blocks[NR_ORDERS] = { 0 };
	struct section *s;
	struct page *page;
	unsigned int order;

	lock_acquire(&zone->lock);
	check_oldest(zone);
	list_for_each_entry(s, &zone->sections, list) {
		KMEM_ASSERT(section_is_valid(s));
		check_blocks(s);
		nr_free += s->nr_free;
		nr_online += s->nr_online;
		for (order = 0; order < NR_ORDERS; order++) {
			struct section *oldest = zone->oldest_with[order];

			KMEM_ASSERT(!(s->free_orders >> order) ||
				    (oldest && oldest->age <= s->age));
			list_for_each_entry(page, &s->free_area[order].free_list, lru) {
				nr_dirty += page->nr_dirty;
				nr_blocks[order] += page->nr_dirty != 0;
			}
		}
	}
	for (order = 0; order < NR_ORDERS; order++)
		KMEM_ASSERT(nr_blocks[order] == zone->nr_dirty_blocks[order] &&
			    (nr_blocks[order] != 0) == (zone->dirty_orders >> order & 1));
	KMEM_ASSERT(nr_free == zone->nr_free && nr_online == zone->nr_online);
	KMEM_ASSERT(nr_dirty == zone->nr_dirty);
	KMEM_ASSERT(pcp_is_valid(zone));
	lock_release(&zone->lock);
	return true;
}
