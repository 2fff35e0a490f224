/* SPDX-License-Identifier: MIT */
/* What a cache has on each node of the machine: see struct kmem_cache_node in slab.h. */
#include "sheaf.h"
#include "slab_run.h"

#include <sched.h>
#include <string.h>

unsigned int nr_lanes = 1;

static struct meta_pool nodes_pool =
	META_POOL_INIT("cache nodes", MAX_NUMNODES * sizeof(struct kmem_cache_node *));
static struct meta_pool node_pool = META_POOL_INIT("cache node", sizeof(struct kmem_cache_node));

void cache_init_node(struct kmem_cache_node *node)
{
	struct slab_lane *lane;

	for (lane = node->lane; lane < node->lane + NR_LANES; lane++) {
		lock_init(&lane->barn.lock, RANK_BARN);
		lock_init(&lane->lock, RANK_LANE);
		list_init(&lane->partial);
		list_init(&lane->full);
		list_init(&lane->empty);
	}
}

struct kmem_cache_node *next_of_nodes(struct kmem_cache *s, const struct kmem_cache_node *node)
{
	unsigned int nid = 0;

	while (s->nodes[nid] != node)
		nid++;
	while (++nid < nr_node_ids)
		if (s->nodes[nid])
			return s->nodes[nid];
	return NULL;
}

void cache_init_nodes(struct kmem_cache *s)
{
	struct kmem_cache_node **nodes;
	unsigned int nid;

	if (nr_node_ids == 1 || s->nodes)
		return;
	nodes = meta_alloc(&nodes_pool);
	if (!nodes)
		return;
	memset(nodes, 0, MAX_NUMNODES * sizeof(*nodes));
	nodes[0] = &s->node;
	for (nid = 1; nid < nr_node_ids; nid++) {
		nodes[nid] = NODE_DATA(nid) ? meta_alloc(&node_pool) : NULL;
		if (!nodes[nid])
			continue;
		memset(nodes[nid], 0, sizeof(*nodes[nid]));
		cache_init_node(nodes[nid]);
		if (s->shared)
			run_init_node(nodes[nid], nid);
	}
	smp_store_release(&s->nodes, nodes);
	cache_limit_barn(s);
}

void cache_free_nodes(struct kmem_cache *s)
{
	unsigned int nid;

	if (!s->nodes)
		return;
	for (nid = 1; nid < nr_node_ids; nid++)
		if (s->nodes[nid])
			meta_free(&node_pool, s->nodes[nid]);
	meta_free(&nodes_pool, s->nodes);
	s->nodes = NULL;
}

void node_lock_lanes(struct kmem_cache_node *node)
{
	unsigned int lane;

	for (;;) {
		lock_acquire(&node->lane[0].lock);
		for (lane = 1; lane < NR_LANES; lane++)
			if (!lock_try_next(&node->lane[lane].lock))
				break;
		if (lane == NR_LANES)
			return;
		while (lane--)
			lock_release(&node->lane[lane].lock);
		sched_yield();
	}
}

void node_unlock_lanes(struct kmem_cache_node *node)
{
	unsigned int lane;

	for (lane = 0; lane < NR_LANES; lane++)
		lock_release(&node->lane[lane].lock);
}

struct node_sum node_sum_locked(struct kmem_cache_node *node)
{
	struct node_sum sum;

	node_lock_lanes(node);
	sum = node_sum(node);
	node_unlock_lanes(node);
	return sum;
}

unsigned long cache_slabs(struct kmem_cache *s)
{
	struct kmem_cache_node *node;
	unsigned long nr = 0;

	for_each_node(node, s)
		nr += node_sum_locked(node).nr_slabs;
	return nr;
}

unsigned long cache_inuse(struct kmem_cache *s)
{
	struct kmem_cache_node *node;
	unsigned long nr = 0;

	for_each_node(node, s)
		nr += node_sum_locked(node).nr_inuse;
	return nr;
}
