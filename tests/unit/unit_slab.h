/* SPDX-License-Identifier: MIT */
/*
 * A cache seen from its slabs, trusting none of its counts, and malloc's fast paths for tests that
 * cannot link malloc.
 *
 * cache_is_valid() asserts in checked builds only, and is the library's own. expect_cache_sound()
 * holds in every build: it counts bits and list entries anew.
 */
#ifndef UNIT_SLAB_H
#define UNIT_SLAB_H

#include <string.h>

#include "init.h"
#include "kmalloc.h"
#include "slab_run.h"
#include "large.h"
#include "numa.h"
#include "options.h"
#include "purge.h"
#include "unit.h"
#include "unit_zone.h"

/* For cmocka: the library as a program finds it, but for what would go back to the OS by and by. */
static inline int setup_library(void **state)
{
	(void)state;
	kmem_init();
	options_parse("decay_ms=-1", &purge_params, 1);
	return 0;
}

static inline struct slab *slab_at(const void *object)
{
	struct page *page = page_at(object);
	struct kmem_cache *s;

	EXPECT(page != NULL);
	s = kmem_caches[page_section(page)->page_class[page_index(page)]];
	EXPECT(s != NULL);
	page -= page_index(page) % (1u << s->order);
	EXPECT(page->type == PAGE_SLAB);
	return (struct slab *)page;
}

/* Bytes from the start of the slab's first page to its first object. */
static inline unsigned int first_offset(const struct kmem_cache *s, const struct slab *slab)
{
	return slab->colour * s->align;
}

static inline char *slab_object(const struct kmem_cache *s, const struct slab *slab, unsigned int i)
{
	return (char *)page_start((const struct page *)slab) + first_offset(s, slab) + i * s->size;
}

static inline void expect_slab_sound(const struct kmem_cache *s, const struct slab *slab)
{
	const struct page *page = (const struct page *)slab;
	unsigned int i, free = 0, bytes = (unsigned int)PAGE_SIZE << s->order;

	EXPECT(slab->type == PAGE_SLAB && slab->cache == s);
	EXPECT(slab->order == s->order);
	EXPECT_EQ(page_index(page) % (1u << s->order), 0);
	for (i = 0; i < 1u << s->order; i++)
		EXPECT_EQ(page_section(page)->page_class[page_index(page) + i], s->index);
	for (i = 0; i < SLAB_MAX_OBJECTS; i++) {
		bool set = slab->free_map[i / 64] >> (i % 64) & 1;

		EXPECT(!set || i < s->objects);
		free += set;
	}
	EXPECT_EQ(slab->inuse + free, s->objects);
	EXPECT(first_offset(s, slab) + s->objects * s->size <= bytes);
}

static inline unsigned long expect_list(struct kmem_cache *s, const struct slab_lane *lane,
					const struct list_head *head, unsigned long *inuse)
{
	const struct list_head *node;
	unsigned long nr = 0;

	for (node = head->next; node != head; node = node->next, nr++) {
		const struct slab *slab = list_entry(node, struct slab, list);

		EXPECT(node->next->prev == node && node->prev->next == node);
		expect_slab_sound(s, slab);
		EXPECT(lane == lane_of(s, slab->lane));
		EXPECT(head == (slab->inuse == s->objects ? &lane->full :
				slab->inuse		  ? &lane->partial :
							    &lane->empty));
		*inuse += slab->inuse;
	}
	return nr;
}

/* Lists, bits and counts of @s agree; nobody else uses it meanwhile. */
static inline void expect_cache_sound(struct kmem_cache *s)
{
	const struct slab_lane *lane;

	cache_is_valid(s);
	barn_is_valid(s);
	if (s->units)
		return;
	for (lane = s->node.lane; lane < s->node.lane + NR_LANES; lane++) {
		unsigned long inuse = 0;

		EXPECT_EQ(expect_list(s, lane, &lane->partial, &inuse), lane->nr_partial);
		EXPECT_EQ(expect_list(s, lane, &lane->full, &inuse), lane->nr_full);
		EXPECT_EQ(expect_list(s, lane, &lane->empty, &inuse), lane->nr_empty);
		EXPECT_EQ(inuse, lane->nr_inuse);
		EXPECT(s->lends || lane->nr_empty <= s->max_empty);
	}
}

/* ---- All caches ---- */

static inline unsigned long all_inuse(void)
{
	unsigned long inuse = 0;
	unsigned int class;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		inuse += cache_inuse(&kmalloc_caches[class]);
	return inuse;
}

static inline unsigned long inuse(size_t size)
{
	return cache_inuse(&kmalloc_caches[kmalloc_class(size)]);
}

static inline void expect_caches_sound(void)
{
	unsigned int class;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		expect_cache_sound(&kmalloc_caches[class]);
	expect_cache_sound(&unit_cache);
	zone_is_valid(&zone_normal);
	if (this_cpu->kind == CPU_LIVE)
		cpu_is_valid(this_cpu);
}

/* Nothing is in use, of nothing, once all was given back. */
static inline void expect_nothing_left(void)
{
	kmem_trim();
	expect_caches_sound();
	EXPECT_EQ(all_inuse(), 0);
	EXPECT_EQ(large_count(), 0);
	EXPECT_EQ(zone_normal.nr_free, zone_normal.nr_online);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
}

static inline int teardown_library(void **state)
{
	(void)state;
	expect_nothing_left();
	return 0;
}

/* ---- malloc ---- */

/* What malloc does, and free. */
static inline void *unit_kmalloc(size_t size)
{
	void *object = NULL;

	if (size <= KMALLOC_MAX_SIZE)
		object = slot_pop(kmalloc_cpu_slot(this_cpu, size));
	return object ? object : kmalloc_slow(size);
}

/* The large block that this thread keeps goes to the page lists. */
static inline void unit_drop_kept(void)
{
	large_drop(this_cpu->pcp, cpu_exchange_kept(this_cpu, NULL));
}

static inline void unit_kfree(void *object)
{
	struct section *section = section_of(object);

	if (section &&
	    slot_push(&this_cpu->slot[section->page_class[section_page_index(object)]], object))
		return;
	if (object)
		kfree_slow(object);
}

#endif
