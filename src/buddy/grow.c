/* SPDX-License-Identifier: MIT */
/* See grow.h. */
#include "grow.h"

#include "huge.h"
#include "numa.h"

#define LAST_STEP  4096u /* pages put online at a time, at most: 16 MiB */
#define STEP_ALIGN 16u	 /* pages; 64 KiB, the largest OS page */

unsigned int grow_free_end(struct section *s, unsigned int index, unsigned int end)
{
	while (index < end && index < s->nr_online &&
	       READ_ONCE(s->mem_map[index].type) == PAGE_FREE)
		index += 1u << s->mem_map[index].order;
	return index;
}

bool grow_online(struct zone *zone, struct section *s, unsigned int end)
{
	unsigned int first = s->nr_online, least, nr;

	if (end > s->nr_pages)
		return false;
	least = (unsigned int)align_up(end, STEP_ALIGN) - first;
	nr = (unsigned int)min_ul(max_ul(least, zone->online_step), s->nr_pages - first);
	if (section_online(s, nr)) {
		nr = least;
		if (section_online(s, nr))
			return false;
	}
	if (zone->online_step < LAST_STEP)
		zone->online_step *= 2;
	huge_note_online(zone, s, first, nr);
	WRITE_ONCE(zone->nr_online, zone->nr_online + nr);
	zone_free_range(zone, s, first, nr, 0);
	return true;
}

static struct section *new_section(struct zone *zone, size_t min_bytes)
{
	struct section *s = zone->type == ZONE_DMA32 ? section_create_low(min_bytes) :
						       section_create(min_bytes);

	if (s) {
		s->zone = zone;
		s->nid = zone->nid;
		s->age = zone->nr_sections;
		WRITE_ONCE(zone->nr_sections, zone->nr_sections + 1);
		list_add_tail(&s->list, &zone->sections);
		numa_bind(s);
	}
	return s;
}

/*
 * Where the first block of @order would be that is not all online yet: it begins in the free pages
 * below the frontier if these reach down to a multiple of its length.
 */
static unsigned int next_block(struct section *s, unsigned int order)
{
	unsigned int start = (unsigned int)align_down(s->nr_online, 1u << order);

	if (grow_free_end(s, start, s->nr_online) == s->nr_online)
		return start;
	return start + (1u << order);
}

bool grow_zone(struct zone *zone, unsigned int order)
{
	struct section *s;

	list_for_each_entry(s, &zone->sections, list) {
		unsigned int start = next_block(s, order);

		/* Where there is room and it is refused, a new section would be refused as well. */
		if (start + (1u << order) <= s->nr_pages)
			return grow_online(zone, s, start + (1u << order));
	}
	s = new_section(zone, PAGE_SIZE << order);
	if (!s)
		return false;
	if (grow_online(zone, s, 1u << order))
		return true;
	/* Nothing is online, so nothing is lost if the addresses cannot be given back either. */
	list_del(&s->list);
	if (section_destroy(s))
		list_add_tail(&s->list, &zone->sections);
	return false;
}
