/* SPDX-License-Identifier: MIT */
/* See lent.h. */
#include "lent.h"

#include "cache.h"
#include "cpu.h"
#include "limit.h"
#include "os.h"
#include "purge.h"
#include "report.h"
#include "slab_lists.h"

#define LENT_PAGES 512u		 /* of a lane: 2 MiB, */
#define LENT_SHARE (512UL << 10) /* or fewer: a page for so much memory that the process may use */
#define NOTE_PAGES 64u		 /* more that are lent, and the purge is told of it */

bool may_stay(const struct slab_lane *lane, const struct slab *slab)
{
	const struct kmem_cache *s = slab->cache;
	unsigned int lent;

	if (lane->nr_empty < READ_ONCE(s->max_empty))
		return true;
	if (!s->lends)
		return false;
	lent = READ_ONCE(lender(slab->lane)->nr_lent);
	return lent + (1u << slab->order) <= limits_share(LENT_PAGES, LENT_SHARE);
}

/* That may be how the heap empties: see purge.h. */
void lent_add(const struct slab *slab)
{
	unsigned int *nr = &lender(slab->lane)->nr_lent, before;

	if (!slab->cache->lends)
		return;
	before = __atomic_fetch_add(nr, 1u << slab->order, __ATOMIC_RELAXED);
	if (before / NOTE_PAGES != (before + (1u << slab->order)) / NOTE_PAGES)
		purge_note_lent(page_zone((const struct page *)slab), NOTE_PAGES);
}

void lent_remove(const struct slab *slab)
{
	if (slab->cache->lends)
		__atomic_fetch_sub(&lender(slab->lane)->nr_lent, 1u << slab->order,
				   __ATOMIC_RELAXED);
}

/* Time would pass with each, and purge what is wanted now. */
static void give_back(struct kmem_cache *s, struct list_head *slabs)
{
	struct slab *slab, *next;

	(void)s;
	list_for_each_entry_safe(slab, next, slabs, list) {
		unsigned int pages = 1u << slab->order;
		struct page *page = slab_retire(slab);

		zone_free_quietly(page_zone(page), page, pages);
	}
}

static void give_back_cache(struct kmem_cache *s, void *arg)
{
	(void)arg;
	/* Those that share slabs have none of their own. */
	if (!s->units || s->shared)
		cache_release_empty(s, give_back);
}

/* While a fork holds all locks nothing is given back. */
void lent_take_back(void)
{
	if (!lock_is_mine(&cpus_lock))
		kmalloc_caches_for_each(give_back_cache, NULL);
}

void lent_pass_time(void)
{
	static uint64_t last_ms;
	uint64_t now = os_clock_ms();

	if (!purge_pass_ms() || now <= READ_ONCE(last_ms) + purge_pass_ms())
		return;
	WRITE_ONCE(last_ms, now);
	lent_take_back();
}

struct counting {
	const struct per_cpu_pages *pcp;
	unsigned long pages;
};

static void add_empty(struct kmem_cache *s, void *arg)
{
	struct counting *counting = arg;
	struct kmem_cache_node *node;
	struct slab_lane *lane;
	struct slab *slab;

	for_each_lane(lane, node, s) {
		lock_acquire(&lane->lock);
		list_for_each_entry(slab, &lane->empty, list)
			if (lender(slab->lane) == counting->pcp)
				counting->pages += 1u << slab->order;
		lock_release(&lane->lock);
	}
}

bool lent_is_valid(void)
{
	struct zone *zone;
	unsigned int lane;

	for (zone = first_zone(); zone; zone = next_zone(zone))
		for (lane = 0; lane < NR_LANES; lane++) {
			struct counting counting = { &zone->pcp[lane], 0 };

			kmalloc_caches_for_each(add_empty, &counting);
			KMEM_ASSERT(counting.pages == counting.pcp->nr_lent);
		}
	return true;
}
