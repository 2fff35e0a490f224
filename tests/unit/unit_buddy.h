/* SPDX-License-Identifier: MIT */
/*
 * A zone for tests, and a look at it that trusts none of its counts.
 *
 * zone_is_valid() asserts in checked builds only, and is the library's own. expect_zone_sound()
 * holds in every build: it reads each section's pages from the first to the last, as a row of
 * blocks, and compares what it saw with lists and counts.
 */
#ifndef UNIT_BUDDY_H
#define UNIT_BUDDY_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "numa.h"
#include "os.h"
#include "purge.h"
#include "unit.h"
#include "unit_zone.h"
#include "zone.h"

#define NEVER_MS 1000000 /* a decay that no test lives to see */

/* Blocks of one section, or of all. */
struct survey {
	unsigned long blocks[NR_ORDERS];
	unsigned long nr_free, nr_dirty, nr_online;
	unsigned int nr_sections;
};

static inline void set_decay(const char *option)
{
	options_parse(option, &purge_params, 1);
}

static inline bool page_is_dirty(const struct page *page)
{
	return bitmap_weight(page_section(page)->dirty, page_index(page), 1) != 0;
}

static inline void survey_section(const struct section *s, struct survey *sum)
{
	unsigned int index, order, i;

	for (index = 0; index < s->nr_online;) {
		const struct page *page = &s->mem_map[index];
		unsigned int dirty = 0;

		if (page->type != PAGE_FREE) {
			index++;
			continue;
		}
		order = page->order;
		EXPECT(order <= MAX_ORDER && index % (1u << order) == 0);
		EXPECT(index + (1u << order) <= s->nr_online);
		for (i = 0; i < 1u << order; i++) {
			EXPECT(i == 0 || s->mem_map[index + i].type == PAGE_NONE);
			dirty += page_is_dirty(&s->mem_map[index + i]);
		}
		EXPECT_EQ(page->nr_dirty, dirty);
		/* A free buddy of the same order would have been merged with. */
		if (order < MAX_ORDER && (index ^ (1u << order)) + (1u << order) <= s->nr_online) {
			const struct page *buddy = &s->mem_map[index ^ (1u << order)];

			EXPECT(buddy->type != PAGE_FREE || buddy->order != order);
		}
		sum->blocks[order]++;
		sum->nr_free += 1u << order;
		sum->nr_dirty += dirty;
		index += 1u << order;
	}
	sum->nr_online += s->nr_online;
	sum->nr_sections++;
}

static inline void expect_lists(const struct section *s, const struct survey *seen)
{
	unsigned int order;
	unsigned long n;

	for (order = 0; order < NR_ORDERS; order++) {
		const struct list_head *head = &s->free_area[order].free_list, *node;
		bool clean = false;

		for (node = head->next, n = 0; node != head; node = node->next, n++) {
			const struct page *page = list_entry(node, struct page, lru);

			EXPECT(page->type == PAGE_FREE && page->order == order);
			EXPECT(!clean || !page->nr_dirty);
			clean = !page->nr_dirty;
		}
		EXPECT_EQ(n, seen->blocks[order]);
		EXPECT_EQ(s->free_area[order].nr_free, n);
		EXPECT_EQ(s->free_orders >> order & 1, n != 0);
	}
	EXPECT_EQ(s->nr_free, seen->nr_free);
}

/* What the zone's pages say; its lists and counts must say the same. */
static inline struct survey expect_zone_sound(struct zone *zone)
{
	struct survey all = { { 0 }, 0, 0, 0, 0 };
	const struct list_head *node;
	unsigned long age = 0;
	unsigned int order;

	zone_is_valid(zone);
	for (order = 1; order < NR_ORDERS; order++)
		EXPECT(!zone->oldest_with[order] ||
		       (zone->oldest_with[order - 1] &&
			zone->oldest_with[order - 1]->age <= zone->oldest_with[order]->age));
	for (node = zone->sections.next; node != &zone->sections; node = node->next) {
		const struct section *s = list_entry(node, struct section, list);
		struct survey one = { { 0 }, 0, 0, 0, 0 };

		EXPECT(section_of((void *)s->start) == s);
		EXPECT(node == zone->sections.next || s->age > age);
		age = s->age;
		survey_section(s, &one);
		expect_lists(s, &one);
		for (order = 0; order < NR_ORDERS; order++) {
			EXPECT(!(s->free_orders >> order) ||
			       (zone->oldest_with[order] && zone->oldest_with[order]->age <= age));
			all.blocks[order] += one.blocks[order];
		}
		all.nr_free += one.nr_free;
		all.nr_dirty += one.nr_dirty;
		all.nr_online += one.nr_online;
		all.nr_sections++;
	}
	EXPECT_EQ(zone->nr_free, all.nr_free);
	EXPECT_EQ(zone->nr_dirty, all.nr_dirty);
	EXPECT_EQ(zone->nr_online, all.nr_online);
	return all;
}

/* All that was taken came back: whatever is online is free, in as few blocks as there can be. */
static inline void expect_all_free(struct zone *zone)
{
	struct survey all = expect_zone_sound(zone);
	const struct list_head *node;
	unsigned long fewest = 0, blocks = 0;
	unsigned int order;

	for (node = zone->sections.next; node != &zone->sections; node = node->next)
		fewest += (unsigned long)__builtin_popcount(
			list_entry(node, struct section, list)->nr_online);
	for (order = 0; order < NR_ORDERS; order++)
		blocks += all.blocks[order];
	EXPECT_EQ(all.nr_free, all.nr_online);
	EXPECT_EQ(blocks, fewest);
}

/* The end of a test: everything is free, and goes back. */
static inline void zone_fini(struct zone *zone)
{
	unsigned int order;

	expect_all_free(zone);
	purge_all(zone);
	expect_all_free(zone);
	EXPECT_EQ(zone->nr_dirty, 0);
	while (!list_empty(&zone->sections)) {
		struct section *s = list_first_entry(&zone->sections, struct section, list);

		EXPECT(s->list.next == &zone->sections);
		for (order = 0; order < NR_ORDERS; order++)
			while (s->free_area[order].nr_free)
				zone_remove_free(zone,
						 list_first_entry(&s->free_area[order].free_list,
								  struct page, lru));
		zone_forget_section(zone, s);
		EXPECT_EQ(section_destroy(s), 0);
	}
}

static inline unsigned int nr_resident(const struct page *page, unsigned int nr)
{
	unsigned char *vec = malloc(nr);
	unsigned int i, n = 0;

	EXPECT(vec != NULL);
	EXPECT_EQ(mincore(page_start(page), (size_t)nr << PAGE_SHIFT, vec), 0);
	for (i = 0; i < nr; i++)
		n += vec[i] & 1;
	free(vec);
	return n;
}

static inline struct page *take_and_write(struct zone *zone, unsigned int nr, unsigned int order)
{
	struct page *page = zone_alloc(zone, nr, order);

	EXPECT(page != NULL);
	memset(page_start(page), 0xa5, (size_t)nr << PAGE_SHIFT);
	EXPECT_EQ(nr_resident(page, nr), nr);
	return page;
}

#define SECTION_PAGES_NR PAGES_PER_SECTION

/* A zone with one section, all online, in one free block. */
static inline void whole_section(struct zone *zone)
{
	struct page *page;

	zone_init(zone, 0, ZONE_NORMAL);
	page = zone_alloc(zone, SECTION_PAGES_NR, MAX_ORDER);
	EXPECT(page != NULL);
	EXPECT_EQ(page_index(page), 0);
	EXPECT_EQ(zone->nr_online, SECTION_PAGES_NR);
	EXPECT_EQ(zone->nr_free, 0);
	zone_free(zone, page, SECTION_PAGES_NR);
	EXPECT_EQ(expect_zone_sound(zone).blocks[MAX_ORDER], 1);
}

#endif
