/* SPDX-License-Identifier: MIT */
/*
 * Empty slabs are lent.
 *
 * A burst of objects fills some slabs and leaves them empty, and the next one wants them again. To
 * make them anew each time, and to give them back, takes as long as all the objects. But what an
 * empty slab holds serves nobody else, and other classes and large blocks would take memory that
 * costs nothing yet. So the empty slabs of kmalloc's caches stay in their lane, up to LENT_PAGES of
 * all classes together, and are lent as page lists are (pcp.h): all go back
 *
 *	- before a thread takes memory that costs nothing yet, for a slab or a large block;
 *	- as often as old pages are looked for (purge.h), by the clock that each so many slow paths
 *	  of a thread look at: where bursts live from what is lent no page is freed;
 *	- with everything else, when the heap has emptied.
 *
 * To the zone they are in use; whoever asks how full the heap is takes them for free.
 *
 * Where to count them is the lane's page lists. The caches of a lane have a lock each, so the count
 * is atomic: it changes when a slab becomes empty or is one no more. Caches that programs made keep
 * max_empty of theirs, as kmem_cache_shrink() expects, and lend nothing.
 *
 * Invariant: nr_lent is the sum over the lane's lists of empty slabs (lent_is_valid(), while nobody
 * else runs).
 */
#ifndef KMEM_LENT_H
#define KMEM_LENT_H

#include "slab.h"

/* The page lists of a slab's lane, given its number. */
static inline struct per_cpu_pages *lender(unsigned int number)
{
	struct zone *zones = NODE_DATA(number / NR_LANES)->node_zones;

	return &zones[ZONE_NORMAL].pcp[number % NR_LANES];
}

/* A slab comes to its lane's list of empty ones, or goes. */
void lent_add(const struct slab *slab);
void lent_remove(const struct slab *slab);

/*
 * Whether a slab of which nothing is in use any more may stay on the list of @lane, whose lock is
 * held.
 */
bool may_stay(const struct slab_lane *lane, const struct slab *slab);

/* All that is lent, in all lanes, goes back: with no lock held, and may enter the OS. */
void lent_take_back(void);

/* The same if a request for a block of @order has to touch clean memory; @pcp may be NULL. */
static inline void lent_want(struct per_cpu_pages *pcp, unsigned int order, gfp_t gfp)
{
	if (pcp && gfpflags_allow_blocking(gfp) && pcp_lacks(pcp, order))
		lent_take_back();
}

/* The same if it is time to: now and then at the end of a slow path, or by a thread for it. */
void lent_pass_time(void);

bool lent_is_valid(void);

#endif
