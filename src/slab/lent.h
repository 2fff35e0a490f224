/* SPDX-License-Identifier: MIT */
/*
 * Empty slabs are lent.
 *
 * A burst of objects fills some slabs and leaves them empty, and the next one wants them again. To
 * make them anew each time, and to give them back, takes as long as all the objects. But what an
 * empty slab holds serves nobody else, and other classes and large blocks would take memory that
 * costs nothing yet. So the empty slabs of kmalloc's caches stay in their lane, up to LENT_PAGES of
 * all classes together, and are lent as page lists are (pcp.h). They go back
 *
 *	- when a zone has no dirty memory for a request: it asks, by zone_lender, before it touches
 *	  memory that costs nothing yet, or refuses who may not wait;
 *	- with time, as often as old pages are looked for (purge.h). Bursts that live from what is
 *	  lent free no page in which time could pass, so threads look at the clock themselves, once
 *	  in LOOK_AFTER slow paths;
 *	- with everything else, when the heap has emptied, or all is trimmed.
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

/* The page lists of a slab's lane, which has that number: see lane_number(). */
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

/*
 * All that is lent, in all lanes, goes back to its zone: a zone_lender. With no lock of a zone's
 * held; the OS is not called.
 */
void lent_take_back(void);

/* The same if it is time to: at the end of a slow path, or by a thread for it. */
void lent_pass_time(void);

#define LOOK_AFTER 256u /* slow paths of a thread */

bool lent_is_valid(void);

#endif
