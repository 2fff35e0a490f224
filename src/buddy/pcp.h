/* SPDX-License-Identifier: MIT */
/*
 * Per-thread page lists (the kernel's per_cpu_pages).
 *
 * Slabs come and go in small orders. Each thread keeps a few free blocks of each of them, so that
 * most slabs are made and dropped without the zone's lock, and on pages that are still in the cache.
 * A list is refilled and drained by halves.
 *
 * The lists hold pages of one node's ZONE_NORMAL, the node that the thread was last seen on. Others
 * pass them by on both ways.
 */
#ifndef KMEM_PCP_H
#define KMEM_PCP_H

#include "zone.h"

#define PCP_ORDERS 2 /* orders 0 and 1 */
#define PCP_PAGES  2 /* pages that one list may hold: two blocks, or one */

struct per_cpu_pages {
	uint8_t nr[PCP_ORDERS];
	uint8_t nid;				   /* the node that the blocks belong to */
	uint8_t lane;				   /* of the thread's: which slabs serve it */
	struct page *block[PCP_ORDERS][PCP_PAGES]; /* type PAGE_PCP; the last is the hottest */
};

/*
 * A block of 1 << @order pages; @pcp may be NULL. Node and flags are those of page_alloc(). NULL when
 * refused.
 */
struct page *pcp_alloc(struct per_cpu_pages *pcp, unsigned int order, int nid, gfp_t gfp);
void pcp_free(struct per_cpu_pages *pcp, struct page *page, unsigned int order);

/* All blocks go back to the zone. */
void pcp_drain(struct per_cpu_pages *pcp);

/* Whether the page lies in a block on some thread's list; a guess while that thread runs. */
bool pcp_holds(const struct page *page);

/* Free pages on the lists. */
unsigned long pcp_pages(const struct per_cpu_pages *pcp);

bool pcp_is_valid(const struct per_cpu_pages *pcp);

#endif
