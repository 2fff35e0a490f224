/* SPDX-License-Identifier: MIT */
/* See stats.h. */
#include "stats.h"

static unsigned long less(unsigned long from, unsigned long what)
{
	return from > what ? from - what : 0;
}

/* What all nodes have counted. */
static struct slab_counters add_up(const struct cache_view *view, struct cache_stats *stats)
{
	struct slab_counters sum = { 0 };
	size_t i;

	for (i = 0; i < view->nr_nodes; i++) {
		struct node_sum node = node_sum(&view->node[i]);

		sum.takes += node.counters.takes;
		sum.taken += node.counters.taken;
		sum.gives += node.counters.gives;
		sum.made += node.counters.made;
		stats->barn_get += node.nr_get;
		stats->barn_put += node.nr_put;
		stats->barn_put_fail += node.nr_put_fail;
	}
	return sum;
}

struct cache_stats cache_stats(const struct cache_view *view)
{
	const struct kmem_cache *s = &view->cache;
	struct cache_stats stats = { 0 };
	struct slab_counters sum = add_up(view, &stats);
	unsigned long given = less(sum.taken, view->info.active_objs);

	stats.alloc_slab = sum.made;
	stats.free_slab = less(sum.made, view->info.num_slabs + s->nr_waiting);
	stats.alloc_slowpath = sum.takes + stats.barn_get;
	stats.free_slowpath = sum.gives + stats.barn_put;
	/*
	 * Without sheaves each object is a visit; of shared slabs others' sheaves take the units.
	 */
	if (s->single || s->shared)
		return stats;
	stats.sheaf_refill = sum.taken;
	stats.sheaf_flush = given;
	stats.barn_get_fail = sum.takes;
	/* The barn takes and gives whole sheaves. */
	stats.alloc_fastpath = less(sum.taken + stats.barn_get * s->sheaf_capacity,
				    view->objects_in_slots + stats.alloc_slowpath);
	stats.free_fastpath = less(given + stats.barn_put * s->sheaf_capacity, stats.free_slowpath);
	return stats;
}
