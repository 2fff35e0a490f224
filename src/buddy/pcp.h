/* SPDX-License-Identifier: MIT */
/*
 * Page lists: what a lane's threads take pages from and give them back to, before the zone (the
 * kernel's struct per_cpu_pages).
 *
 * Slabs come and go in small orders, large blocks in all sizes. Through the zone each time, two
 * threads would spend most of their time handing each other its lock and the lines of its blocks.
 * So each lane of threads (slab.h), of which there are about as many as CPUs, keeps some free
 * blocks of each small order, and some ranges for large blocks (hot.h). An empty list is refilled
 * by what is wanted, and half of its room of blocks that are dirty; one that is too long gives half
 * of it, the coldest blocks first. The room doubles when a thread on its way to the zone meets
 * another there, up to PCP_RAISES times, or wants what it gave back on its last way.
 *
 * To the zone these pages are in use. It takes all lanes' back before it touches memory that costs
 * nothing yet, and each time it looks for old pages, when the room becomes what it was as well.
 *
 * What the layer above could give back at once is lent as well (`nr_lent`, see slab/lent.h), and
 * wanted back when all of these were not enough.
 *
 * The lists hold pages of one zone, a node's ZONE_NORMAL; other zones have them and do not use
 * them. Their lock may be taken with zone->lock held, not the other way round, and nobody waits
 * long for it: who does not get it passes them by. What a thread has in hand on the way between
 * zone and list, or between these and what it keeps (large_keep()), is lost in a child that another
 * thread forks, some batches at most.
 *
 * Invariants: pcp_is_valid().
 */
#ifndef KMEM_PCP_H
#define KMEM_PCP_H

#include <kmem/gfp.h>

#include "hot.h"
#include "list.h"
#include "lock.h"

#define NR_LANES	 4u  /* a power of two */
#define PCP_ORDERS	 4   /* orders 0 to 3: 4 to 32 KiB */
#define PCP_LOW		 16u /* pages that a list may hold, */
#define PCP_RAISES	 4u  /* doubled so often at most: 1 MiB; */
#define PCP_RAISES_ALONE 2u  /* without having met anybody: 256 KiB */
#define PCP_BATCH	 16u /* blocks that are taken or given at a time, at most */

struct page_list {
	struct list_head
		blocks; /* type PAGE_PCP, hottest first; not initialised while there are none */
	unsigned int nr;
	bool gave; /* the last visit to the zone was to give: the next to take wants it back */
};

struct per_cpu_pages {
	struct lock lock;      /* RANK_PCP; guards the rest */
	uint8_t lane;	       /* constant */
	uint8_t raised;	       /* how often the room was doubled */
	unsigned int nr_pages; /* on the lists */
	unsigned int nr_frees; /* into lists and ranges */
	unsigned int nr_lent;  /* pages of slabs of which nothing is in use; atomic */
	struct page_list list[PCP_ORDERS];
	struct hot_pages hot;
} __aligned(CACHE_LINE);

#define PCP_INIT(n)                                                                   \
	{                                                                             \
		.lock = LOCK_INIT(RANK_PCP), .lane = (n), .hot = {.most = HOT_FIRST } \
	}

struct page;
struct zone;

/*
 * The lists of a lane's threads. They are handed to all below, which find those of the right node.
 */
struct per_cpu_pages *pcp_of_lane(unsigned int lane);

/*
 * A block of 1 << @order pages; @pcp may be NULL. Node and flags are those of page_alloc(). NULL
 * when refused.
 */
struct page *pcp_alloc(struct per_cpu_pages *pcp, unsigned int order, int nid, gfp_t gfp);
void pcp_free(struct per_cpu_pages *pcp, struct page *page, unsigned int order);

/* The same of up to @n blocks, PCP_BATCH at most; returns how many. */
unsigned int pcp_alloc_bulk(struct per_cpu_pages *pcp, unsigned int order, int nid, gfp_t gfp,
			    struct page **pages, unsigned int n);
/* And of any number. */
void pcp_free_bulk(struct per_cpu_pages *pcp, unsigned int order, struct page *const *pages,
		   unsigned int n);

/*
 * The same of any number of pages that lie in the ranges (a power of two is aligned); NULL: there
 * are none.
 */
struct page *pcp_alloc_range(struct per_cpu_pages *pcp, unsigned int nr, int nid, gfp_t gfp);
void pcp_free_range(struct per_cpu_pages *pcp, struct page *page, unsigned int nr);

/*
 * Time passes for old pages of the thread's node, as with each visit there: for who frees without
 * coming to it.
 */
void pcp_pass_time(struct per_cpu_pages *pcp);

/* All that the zone's lanes have goes back to it, whose lock is held; if @forgets, what they
 * learned is forgotten as well. */
void pcp_return(struct zone *zone, bool forgets);

/* Whether the page lies in what some lane has, or a thread keeps; a guess while they run. */
bool pcp_holds(const struct page *page);

/* Free pages that the zone's lanes have, and those lent. */
unsigned long pcp_pages(const struct zone *zone);
unsigned long pcp_lent(const struct zone *zone);

bool pcp_is_valid(struct zone *zone);

#endif
