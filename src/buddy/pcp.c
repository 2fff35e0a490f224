/* SPDX-License-Identifier: MIT */
/* See pcp.h. */
#include "pcp.h"

#include <string.h>

#include "page_alloc.h"
#include "report.h"

static unsigned int room(unsigned int order)
{
	return PCP_PAGES >> order;
}

static unsigned int half(unsigned int order)
{
	return room(order) > 1 ? room(order) / 2 : 1;
}

static struct zone *zone_of(const struct per_cpu_pages *pcp)
{
	return &NODE_DATA(pcp->nid)->node_zones[ZONE_NORMAL];
}

/* Takes half a list from the zone, all but the one that is returned for the list. */
static struct page *refill(struct per_cpu_pages *pcp, unsigned int order)
{
	struct page **block = pcp->block[order];
	unsigned int i, n = zone_alloc_bulk(zone_of(pcp), order, block, half(order));

	if (!n)
		return NULL;
	for (i = 0; i < n - 1; i++) {
		page_set_type(block[i], PAGE_PCP);
		WRITE_ONCE(block[i]->order, (uint8_t)order);
		block[i]->nr_dirty = 0;
	}
	WRITE_ONCE(pcp->nr[order], (uint8_t)(n - 1));
	return block[n - 1];
}

static struct page *pop(struct per_cpu_pages *pcp, unsigned int order)
{
	WRITE_ONCE(pcp->nr[order], (uint8_t)(pcp->nr[order] - 1));
	return pcp->block[order][pcp->nr[order]];
}

/* Whether requests for @nid are met from the lists. A thread that has moved takes them along. */
static bool serves(struct per_cpu_pages *pcp, int nid)
{
	unsigned int own = numa_own_node();

	if (nid != NUMA_NO_NODE && nid != (int)own)
		return false;
	if (pcp->nid != own) {
		pcp_drain(pcp);
		pcp->nid = (uint8_t)own;
	}
	return true;
}

/* A block of the list says whether its bits in the section know what was written to it. */
static struct page *pop_zeroed(struct per_cpu_pages *pcp, unsigned int order)
{
	struct page *page = pop(pcp, order);

	if (page->nr_dirty)
		memset(page_start(page), 0, PAGE_SIZE << order);
	else
		zone_zero(page, 1u << order);
	return page;
}

/* With several nodes, or with flags that say more than GFP_KERNEL. */
static __noinline struct page *alloc_by_flags(struct per_cpu_pages *pcp, unsigned int order,
					      int nid, gfp_t gfp)
{
	if (gfp_zone(gfp) == ZONE_NORMAL && serves(pcp, nid)) {
		struct page *page = NULL;

		if (pcp->nr[order])
			return gfp & __GFP_ZERO ? pop_zeroed(pcp, order) : pop(pcp, order);
		if (!(gfp & __GFP_ZERO) && gfpflags_allow_blocking(gfp))
			page = refill(pcp, order);
		if (page)
			return page;
	}
	return page_alloc(1u << order, order, nid, gfp);
}

struct page *pcp_alloc(struct per_cpu_pages *pcp, unsigned int order, int nid, gfp_t gfp)
{
	const gfp_t looked_at = __GFP_DIRECT_RECLAIM | __GFP_ZERO | __GFP_DMA | __GFP_DMA32;

	if (unlikely(!pcp || order >= PCP_ORDERS))
		return page_alloc(1u << order, order, nid, gfp);
	if (unlikely(READ_ONCE(nr_node_ids) > 1 || nid > 0 ||
		     (gfp & looked_at) != __GFP_DIRECT_RECLAIM))
		return alloc_by_flags(pcp, order, nid, gfp);
	return pcp->nr[order] ? pop(pcp, order) : refill(pcp, order);
}

/* The coldest @n blocks of a list go to the zone. */
static void drain(struct per_cpu_pages *pcp, unsigned int order, unsigned int n)
{
	struct page **block = pcp->block[order];

	zone_free_bulk(zone_of(pcp), order, block, n);
	WRITE_ONCE(pcp->nr[order], (uint8_t)(pcp->nr[order] - n));
	memmove(block, block + n, pcp->nr[order] * sizeof(*block));
}

void pcp_free(struct per_cpu_pages *pcp, struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);

	if (!pcp || order >= PCP_ORDERS || zone != zone_of(pcp)) {
		zone_free(zone, page, 1u << order);
		return;
	}
	if (pcp->nr[order] == room(order))
		drain(pcp, order, half(order));
	page_set_type(page, PAGE_PCP);
	WRITE_ONCE(page->order, (uint8_t)order);
	/* Its bits in the section are the zone's to write: they do not say what was written since. */
	page->nr_dirty = 1u << order;
	pcp->block[order][pcp->nr[order]] = page;
	WRITE_ONCE(pcp->nr[order], (uint8_t)(pcp->nr[order] + 1));
}

void pcp_drain(struct per_cpu_pages *pcp)
{
	unsigned int order;

	for (order = 0; order < PCP_ORDERS; order++)
		if (pcp->nr[order])
			drain(pcp, order, pcp->nr[order]);
}

bool pcp_holds(const struct page *page)
{
	const struct section *s = page_section(page);
	unsigned int order;

	for (order = 0; order < PCP_ORDERS; order++) {
		const struct page *head = &s->mem_map[align_down(page_index(page), 1UL << order)];

		if (page_is(head, PAGE_PCP, order))
			return true;
	}
	return false;
}

unsigned long pcp_pages(const struct per_cpu_pages *pcp)
{
	unsigned long pages = 0;
	unsigned int order;

	for (order = 0; order < PCP_ORDERS; order++)
		pages += (unsigned long)READ_ONCE(pcp->nr[order]) << order;
	return pages;
}

bool pcp_is_valid(const struct per_cpu_pages *pcp)
{
	unsigned int order, i;

	for (order = 0; order < PCP_ORDERS; order++) {
		KMEM_ASSERT(pcp->nr[order] <= room(order));
		for (i = 0; i < pcp->nr[order]; i++)
			KMEM_ASSERT(pcp->block[order][i]->type == PAGE_PCP &&
				    pcp->block[order][i]->order == order);
	}
	return true;
}
