/* SPDX-License-Identifier: MIT */
/* See pcp.h. */
#include "pcp.h"

#include <string.h>

#include "limit.h"
#include "os.h"
#include "page_alloc.h"
#include "purge.h"
#include "report.h"

#define PCP_SHARE  (16UL << 20) /* or fewer: a page for so much memory that the process may use */
#define TICK_AFTER 64u		/* frees into lists and ranges */

struct per_cpu_pages *pcp_of_lane(unsigned int lane)
{
	return &NODE_DATA(0)->node_zones[ZONE_NORMAL].pcp[lane];
}

static struct zone *zone_of(struct per_cpu_pages *pcp)
{
	return (struct zone *)((char *)(pcp - pcp->lane) - offsetof(struct zone, pcp));
}

/* The lists of the same lane that requests for @nid are met from, or NULL. */
static struct per_cpu_pages *lists_for(struct per_cpu_pages *pcp, int nid, gfp_t gfp)
{
	unsigned int own;

	if (unlikely(!pcp || gfp_zone(gfp) != ZONE_NORMAL))
		return NULL;
	if (likely(READ_ONCE(nr_node_ids) == 1))
		return nid == NUMA_NO_NODE || nid == 0 ? pcp : NULL;
	own = numa_own_node();
	if (nid != NUMA_NO_NODE && nid != (int)own)
		return NULL;
	return &NODE_DATA(own)->node_zones[ZONE_NORMAL].pcp[pcp->lane];
}

/* And those that take the pages of @zone. */
static struct per_cpu_pages *lists_of(const struct per_cpu_pages *pcp, struct zone *zone)
{
	return pcp && zone->type == ZONE_NORMAL ? &zone->pcp[pcp->lane] : NULL;
}

/* ---- Blocks: with the lock held ---- */

static unsigned int room(const struct per_cpu_pages *pcp, unsigned int order)
{
	return (unsigned int)limits_share(PCP_LOW, PCP_SHARE) << pcp->raised >> order;
}

static unsigned int batch(const struct per_cpu_pages *pcp, unsigned int order)
{
	return (unsigned int)min_ul(max_ul(room(pcp, order) / 2, 1), PCP_BATCH);
}

/* On the way to the zone: is anybody there? A look is enough, now and then it will be seen. */
static bool meets_somebody(struct per_cpu_pages *pcp)
{
	return lock_is_taken(&zone_of(pcp)->lock);
}

/*
 * A way @in_vain is for what was given back just before: it costs less than to wait, and is worth
 * less room.
 */
static void note_trip(struct per_cpu_pages *pcp, bool in_vain)
{
	unsigned int most = meets_somebody(pcp) ? PCP_RAISES : in_vain ? PCP_RAISES_ALONE : 0;

	if (pcp->raised < most)
		pcp->raised++;
}

static void add_block(struct per_cpu_pages *pcp, struct page *page, unsigned int order,
		      unsigned int nr_dirty)
{
	struct page_list *list = &pcp->list[order];

	page_set_type(page, PAGE_PCP);
	WRITE_ONCE(page->order, (uint8_t)order);
	page->nr_dirty = nr_dirty;
	if (list->nr++ == 0)
		list_init(&list->blocks);
	list_add(&page->lru, &list->blocks);
	WRITE_ONCE(pcp->nr_pages, pcp->nr_pages + (1u << order));
}

static struct page *remove_block(struct per_cpu_pages *pcp, unsigned int order, bool coldest)
{
	struct page_list *list = &pcp->list[order];
	struct page *page;

	if (!list->nr)
		return NULL;
	page = list_entry(coldest ? list->blocks.prev : list->blocks.next, struct page, lru);
	list_del(&page->lru);
	list->nr--;
	WRITE_ONCE(pcp->nr_pages, pcp->nr_pages - (1u << order));
	return page;
}

/*
 * PCP_BATCH at most: what a list has beyond that, since its room became less, goes the next time.
 */
static unsigned int remove_excess(struct per_cpu_pages *pcp, unsigned int order, struct page **out)
{
	struct page_list *list = &pcp->list[order];
	unsigned int n = 0, most;

	if (list->nr <= room(pcp, order))
		return 0;
	note_trip(pcp, false);
	if (list->nr <= room(pcp, order))
		return 0;
	list->gave = true;
	most = (unsigned int)max_ul(list->nr - room(pcp, order), batch(pcp, order));
	for (most = (unsigned int)min_ul(most, PCP_BATCH); n < most; n++)
		out[n] = remove_block(pcp, order, true);
	return n;
}

/* ---- Blocks ---- */

/*
 * With the zone's lock held. What was refilled and not used since is as clean and as old as it was.
 */
static void put_back(struct zone *zone, struct page *page, unsigned int order, uint64_t now)
{
	if (page->nr_dirty)
		zone_put(zone, page, 1u << order, now);
	else
		zone_insert_free(zone, page, order, page->freed_ms);
}

/* Takes @n blocks from the zone and up to @more, dirty ones, which are for the list. */
static unsigned int refill(struct per_cpu_pages *pcp, unsigned int order, struct page **pages,
			   unsigned int n, unsigned int more)
{
	struct page *block[2 * PCP_BATCH];
	unsigned int got = zone_alloc_bulk(zone_of(pcp), order, block, n, more);

	n = (unsigned int)min_ul(n, got);
	memcpy(pages, block, n * sizeof(*pages));
	if (got > n) {
		lock_acquire(&pcp->lock);
		while (got > n)
			add_block(pcp, block[--got], order, 0);
		lock_release(&pcp->lock);
	}
	return n;
}

static void drain(struct per_cpu_pages *pcp, unsigned int order, struct page **block,
		  unsigned int n)
{
	struct zone *zone = zone_of(pcp);
	uint64_t now = os_clock_ms();
	unsigned int i;

	lock_acquire(&zone->lock);
	for (i = 0; i < n; i++)
		put_back(zone, block[i], order, now);
	lock_release(&zone->lock);
	purge_tick(zone, now, n << order);
}

/* A block of the list says whether its bits in the section know what was written to it. */
static void zero(struct page *page, unsigned int order)
{
	if (page->nr_dirty)
		memset(page_start(page), 0, PAGE_SIZE << order);
	else
		zone_zero(page, 1u << order);
}

/* A list is not refilled for a request of zeroed memory: the zone knows what is zero already. */
static unsigned int take_listed(struct per_cpu_pages *pcp, unsigned int order, gfp_t gfp,
				struct page **pages, unsigned int n)
{
	unsigned int got = 0, more = 0;

	if (!lock_spin(&pcp->lock))
		return 0;
	while (got < n && (pages[got] = remove_block(pcp, order, false)))
		got++;
	if (got < n) {
		note_trip(pcp, pcp->list[order].gave);
		pcp->list[order].gave = false;
		more = batch(pcp, order) - 1;
	}
	lock_release(&pcp->lock);
	if (got == n || (gfp & __GFP_ZERO) || !gfpflags_allow_blocking(gfp))
		return got;
	return got + refill(pcp, order, pages + got, n - got, more);
}

unsigned int pcp_alloc_bulk(struct per_cpu_pages *pcp, unsigned int order, int nid, gfp_t gfp,
			    struct page **pages, unsigned int n)
{
	unsigned int got = 0, i;

	n = (unsigned int)min_ul(n, PCP_BATCH);
	pcp = order < PCP_ORDERS ? lists_for(pcp, nid, gfp) : NULL;
	if (likely(pcp))
		got = take_listed(pcp, order, gfp, pages, n);
	for (i = 0; i < got && (gfp & __GFP_ZERO); i++)
		zero(pages[i], order);
	while (got < n && (pages[got] = page_alloc(1u << order, order, nid, gfp)))
		got++;
	return got;
}

struct page *pcp_alloc(struct per_cpu_pages *pcp, unsigned int order, int nid, gfp_t gfp)
{
	struct page *page;

	return pcp_alloc_bulk(pcp, order, nid, gfp, &page, 1) ? page : NULL;
}

/* Time passes for those as well whose pages never come to the zone. */
static bool is_time(struct per_cpu_pages *pcp)
{
	return ++pcp->nr_frees % TICK_AFTER == 0;
}

/* Their bits in the section are the zone's to write: they do not say what was written since. */
static bool put_listed(struct per_cpu_pages *pcp, unsigned int order, struct page *const *pages,
		       unsigned int n)
{
	struct page *excess[PCP_BATCH];
	bool tick = false;
	unsigned int i;

	if (!lock_spin(&pcp->lock))
		return false;
	for (i = 0; i < n; i++) {
		add_block(pcp, pages[i], order, 1u << order);
		tick |= is_time(pcp);
	}
	n = remove_excess(pcp, order, excess);
	lock_release(&pcp->lock);
	if (n)
		drain(pcp, order, excess, n);
	else if (tick)
		purge_tick(zone_of(pcp), os_clock_ms(), 0);
	return true;
}

/* Of one zone, PCP_BATCH at most. */
static void free_some(struct per_cpu_pages *pcp, struct zone *zone, unsigned int order,
		      struct page *const *pages, unsigned int n)
{
	unsigned int i;

	pcp = order < PCP_ORDERS ? lists_of(pcp, zone) : NULL;
	if (pcp && put_listed(pcp, order, pages, n))
		return;
	for (i = 0; i < n; i++)
		zone_free(zone, pages[i], 1u << order);
}

void pcp_free_bulk(struct per_cpu_pages *pcp, unsigned int order, struct page *const *pages,
		   unsigned int n)
{
	unsigned int some;

	for (; n; pages += some, n -= some) {
		struct zone *zone = page_zone(pages[0]);

		for (some = 1; some < n && some < PCP_BATCH && page_zone(pages[some]) == zone;)
			some++;
		free_some(pcp, zone, order, pages, some);
	}
}

void pcp_free(struct per_cpu_pages *pcp, struct page *page, unsigned int order)
{
	free_some(pcp, page_zone(page), order, &page, 1);
}

/* ---- Ranges ---- */

struct page *pcp_alloc_range(struct per_cpu_pages *pcp, unsigned int nr, int nid, gfp_t gfp)
{
	struct page *page;

	pcp = nr <= HOT_LARGEST ? lists_for(pcp, nid, gfp) : NULL;
	if (!pcp || !lock_spin(&pcp->lock))
		return NULL;
	page = hot_take(&pcp->hot, nr);
	if (!page && meets_somebody(pcp))
		hot_note_meeting(&pcp->hot);
	lock_release(&pcp->lock);
	if (page && (gfp & __GFP_ZERO))
		memset(page_start(page), 0, (size_t)nr << PAGE_SHIFT);
	return page;
}

void pcp_free_range(struct per_cpu_pages *pcp, struct page *page, unsigned int nr)
{
	struct zone *zone = page_zone(page);
	struct page_range excess[HOT_RANGES + 1];
	bool put, tick;
	unsigned int n;

	pcp = nr <= HOT_LARGEST ? lists_of(pcp, zone) : NULL;
	if (!pcp || !lock_spin(&pcp->lock)) {
		zone_free(zone, page, nr);
		return;
	}
	put = hot_put(&pcp->hot, page, nr);
	if ((!put || pcp->hot.nr_pages > pcp->hot.most) && meets_somebody(pcp))
		hot_note_meeting(&pcp->hot);
	n = hot_take_excess(&pcp->hot, excess);
	tick = is_time(pcp);
	lock_release(&pcp->lock);
	if (!put)
		zone_free(zone, page, nr);
	else if (n)
		zone_free_ranges(zone, excess, n);
	else if (tick)
		purge_tick(zone, os_clock_ms(), 0);
}

void pcp_pass_time(struct per_cpu_pages *pcp)
{
	purge_tick(zone_of(lists_for(pcp, NUMA_NO_NODE, GFP_KERNEL)), os_clock_ms(), 0);
}

/* ---- All lanes ---- */

static void return_blocks(struct zone *zone, struct per_cpu_pages *pcp, uint64_t now)
{
	struct page *page;
	unsigned int order;

	for (order = 0; order < PCP_ORDERS; order++)
		while ((page = remove_block(pcp, order, true)))
			put_back(zone, page, order, now);
}

static void forget(struct per_cpu_pages *pcp)
{
	unsigned int order;

	for (order = 0; order < PCP_ORDERS; order++)
		pcp->list[order].gave = false;
	pcp->raised = 0;
	hot_forget(&pcp->hot);
}

void pcp_return(struct zone *zone, bool forgets)
{
	struct page_range range[HOT_RANGES + 1];
	struct per_cpu_pages *pcp;
	unsigned int i, n;
	uint64_t now;

	for (pcp = zone->pcp; pcp < zone->pcp + NR_LANES; pcp++) {
		if (!forgets && !READ_ONCE(pcp->nr_pages) && !READ_ONCE(pcp->hot.nr_pages))
			continue;
		if (!lock_spin(&pcp->lock))
			continue;
		now = os_clock_ms();
		return_blocks(zone, pcp, now);
		n = hot_take_all(&pcp->hot, range);
		for (i = 0; i < n; i++)
			zone_put(zone, range[i].first, range[i].nr, now);
		if (forgets)
			forget(pcp);
		lock_release(&pcp->lock);
	}
}

/* What a thread keeps begins with the first page on the way down that is the first of anything. */
static bool is_kept(const struct page *page)
{
	unsigned int index = page_index(page);
	const struct page *head = page, *first;

	first = page - min_ul(index, HOT_LARGEST + HOT_FIRST);
	while (READ_ONCE(head->type) == PAGE_NONE && head > first)
		head--;
	return READ_ONCE(head->type) == PAGE_KEPT && page < head + head->nr_pages;
}

bool pcp_holds(const struct page *page)
{
	const struct section *s = page_section(page);
	unsigned int order, lane;

	for (order = 0; order < PCP_ORDERS; order++) {
		const struct page *head = &s->mem_map[align_down(page_index(page), 1UL << order)];

		if (page_is(head, PAGE_PCP, order))
			return true;
	}
	for (lane = 0; lane < NR_LANES; lane++)
		if (hot_has(&s->zone->pcp[lane].hot, page))
			return true;
	return is_kept(page);
}

unsigned long pcp_pages(const struct zone *zone)
{
	const struct per_cpu_pages *pcp;
	unsigned long nr = 0;

	for (pcp = zone->pcp; pcp < zone->pcp + NR_LANES; pcp++)
		nr += READ_ONCE(pcp->nr_pages) + READ_ONCE(pcp->hot.nr_pages);
	return nr;
}

unsigned long pcp_lent(const struct zone *zone)
{
	const struct per_cpu_pages *pcp;
	unsigned long nr = 0;

	for (pcp = zone->pcp; pcp < zone->pcp + NR_LANES; pcp++)
		nr += READ_ONCE(pcp->nr_lent);
	return nr;
}

static void check_lists(struct per_cpu_pages *pcp)
{
	unsigned int order, n, nr_pages = 0;
	struct page *page;

	for (order = 0; order < PCP_ORDERS; order++) {
		n = 0;
		if (pcp->list[order].nr)
			list_for_each_entry(page, &pcp->list[order].blocks, lru) {
				KMEM_ASSERT(page_is(page, PAGE_PCP, order));
				n++;
			}
		KMEM_ASSERT(n == pcp->list[order].nr);
		nr_pages += n << order;
	}
	KMEM_ASSERT(nr_pages == pcp->nr_pages);
	hot_check(&pcp->hot);
}

bool pcp_is_valid(struct zone *zone)
{
	struct per_cpu_pages *pcp;

	for (pcp = zone->pcp; pcp < zone->pcp + NR_LANES; pcp++) {
		if (!lock_spin(&pcp->lock))
			continue;
		check_lists(pcp);
		lock_release(&pcp->lock);
	}
	return true;
}
