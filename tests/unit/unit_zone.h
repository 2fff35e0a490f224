/* SPDX-License-Identifier: MIT */
/* The zone that a process with one node has its pages from, and what lanes keep of it. */
#ifndef UNIT_ZONE_H
#define UNIT_ZONE_H

#include "numa.h"

#define zone_normal (NODE_DATA(0)->node_zones[ZONE_NORMAL])

static inline unsigned long used_pages(void)
{
	return zone_normal.nr_online - zone_normal.nr_free;
}

/* All page lists of all zones are empty then. */
static inline void unit_return_lists(void)
{
	struct zone *zone;

	for (zone = first_zone(); zone; zone = next_zone(zone)) {
		lock_acquire(&zone->lock);
		pcp_return(zone, true);
		lock_release(&zone->lock);
	}
}

static inline void unit_free_blocks(struct zone *zone, unsigned int order, struct page **pages,
				    unsigned int n)
{
	while (n)
		zone_free(zone, pages[--n], 1u << order);
}

#endif
