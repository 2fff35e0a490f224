/* SPDX-License-Identifier: MIT */
/* See pcp.h. */
#include "pcp.h"

#include <string.h>

#include "report.h"

static unsigned int room(unsigned int order)
{
	return PCP_PAGES >> order;
}

static unsigned int half(unsigned int order)
{
	return room(order) > 1 ? room(order) / 2 : 1;
}

struct page *pcp_alloc(struct per_cpu_pages *pcp, unsigned int order)
{
	unsigned int i, n;

	if (!pcp || order >= PCP_ORDERS)
		return zone_alloc(&zone_normal, 1u << order, order);
	if (!pcp->nr[order]) {
		n = zone_alloc_bulk(&zone_normal, order, pcp->block[order], half(order));
		for (i = 0; i < n; i++) {
			page_set_type(pcp->block[order][i], PAGE_PCP);
			WRITE_ONCE(pcp->block[order][i]->order, (uint8_t)order);
		}
		WRITE_ONCE(pcp->nr[order], (uint8_t)n);
		if (!n)
			return NULL;
	}
	WRITE_ONCE(pcp->nr[order], (uint8_t)(pcp->nr[order] - 1));
	return pcp->block[order][pcp->nr[order]];
}

/* The coldest @n blocks of a list go to the zone. */
static void drain(struct per_cpu_pages *pcp, unsigned int order, unsigned int n)
{
	struct page **block = pcp->block[order];

	zone_free_bulk(&zone_normal, order, block, n);
	WRITE_ONCE(pcp->nr[order], (uint8_t)(pcp->nr[order] - n));
	memmove(block, block + n, pcp->nr[order] * sizeof(*block));
}

void pcp_free(struct per_cpu_pages *pcp, struct page *page, unsigned int order)
{
	if (!pcp || order >= PCP_ORDERS) {
		zone_free(&zone_normal, page, 1u << order);
		return;
	}
	if (pcp->nr[order] == room(order))
		drain(pcp, order, half(order));
	page_set_type(page, PAGE_PCP);
	WRITE_ONCE(page->order, (uint8_t)order);
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
