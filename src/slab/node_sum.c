/* SPDX-License-Identifier: MIT */
/* The sum over the lanes of a node: for the library, and for readers of a copy of it. */
#include "slab_run.h"

static void add_slabs(struct node_sum *sum, const struct slab_lane *lane)
{
	sum->nr_partial += READ_ONCE(lane->nr_partial);
	sum->nr_full += READ_ONCE(lane->nr_full);
	sum->nr_empty += READ_ONCE(lane->nr_empty);
	sum->nr_pages += READ_ONCE(lane->nr_pages);
	sum->nr_inuse += READ_ONCE(lane->nr_inuse);
	sum->counters.takes += READ_ONCE(lane->counters.takes);
	sum->counters.taken += READ_ONCE(lane->counters.taken);
	sum->counters.gives += READ_ONCE(lane->counters.gives);
	sum->counters.made += READ_ONCE(lane->counters.made);
}

static void add_sheaves(struct node_sum *sum, const struct barn *barn)
{
	sum->full_sheaves += READ_ONCE(barn->nr_full);
	sum->empty_sheaves += READ_ONCE(barn->nr_empty);
	sum->nr_get += READ_ONCE(barn->nr_get);
	sum->nr_put += READ_ONCE(barn->nr_put);
	sum->nr_put_fail += READ_ONCE(barn->nr_put_fail);
}

/*
 * Shared slabs differ in size: each larger one, as all that are empty, counts as so many of the
 * smaller.
 */
static void count_as_small(struct node_sum *sum)
{
	sum->nr_slabs = sum->nr_pages >> SHARED_SMALL_ORDER;
	sum->nr_empty <<= SHARED_ORDER - SHARED_SMALL_ORDER;
	sum->nr_partial = sum->nr_slabs - min_ul(sum->nr_slabs, sum->nr_empty + sum->nr_full);
}

struct node_sum node_sum(const struct kmem_cache_node *node)
{
	struct node_sum sum = { 0 };
	const struct slab_lane *lane;

	for (lane = node->lane; lane < node->lane + NR_LANES; lane++) {
		add_slabs(&sum, lane);
		add_sheaves(&sum, &lane->barn);
	}
	sum.nr_slabs = sum.nr_partial + sum.nr_full + sum.nr_empty;
	if (sum.nr_pages)
		count_as_small(&sum);
	return sum;
}

unsigned long node_capacity(const struct kmem_cache *s, const struct node_sum *sum)
{
	return s->units && !s->shared ? sum->nr_inuse : sum->nr_slabs * s->objects;
}
