/* SPDX-License-Identifier: MIT */
/* See barn.h. */
#include "barn.h"

#include "cpu.h"
#include "limit.h"
#include "report.h"

#define MAX_FULL	 5u	     /* full sheaves in a barn, */
#define MAX_FULL_BYTES	 (64u << 10) /* or fewer: bytes of their objects, */
#define FULL_BYTES_SHARE 4096u	     /* at most this part of the memory; two at least, if any */
#define MAX_EMPTY	 4u

void cache_limit_barn(struct kmem_cache *s)
{
	unsigned long bytes = limits_share(MAX_FULL_BYTES, FULL_BYTES_SHARE);
	unsigned long full =
		max_ul(2, min_ul(MAX_FULL, bytes / ((unsigned long)s->sheaf_capacity * s->size)));
	struct kmem_cache_node *node;
	struct slab_lane *lane;

	for_each_lane(lane, node, s)
		WRITE_ONCE(lane->barn.max_full, cache_has_barn(s) ? (unsigned int)full : 0);
}

static struct sheaf *pop_sheaf(struct sheaf **list, unsigned int *nr)
{
	struct sheaf *sheaf = *list;

	if (sheaf) {
		*list = sheaf->next;
		WRITE_ONCE(*nr, *nr - 1);
	}
	return sheaf;
}

static void push_sheaf(struct sheaf **list, unsigned int *nr, struct sheaf *sheaf)
{
	sheaf->next = *list;
	*list = sheaf;
	WRITE_ONCE(*nr, *nr + 1);
}

static struct barn *barn_of_lane(struct kmem_cache *s, unsigned int lane)
{
	return &cache_own_node(s)->lane[lane].barn;
}

struct sheaf *barn_get_full(struct kmem_cpu *cpu, struct kmem_cache *s, struct sheaf *empty)
{
	struct barn *barn = barn_of_lane(s, cpu->pcp->lane);
	struct sheaf *full, *surplus = NULL;

	if (!READ_ONCE(barn->nr_full))
		return NULL;
	lock_acquire(&barn->lock);
	full = pop_sheaf(&barn->full, &barn->nr_full);
	if (full) {
		WRITE_ONCE(barn->nr_get, barn->nr_get + 1);
		if (barn->nr_empty < MAX_EMPTY)
			push_sheaf(&barn->empty, &barn->nr_empty, empty);
		else
			surplus = empty;
	}
	lock_release(&barn->lock);
	if (surplus)
		drop_sheaf(s, surplus);
	return full;
}

static struct sheaf *put_fail(struct barn *barn)
{
	WRITE_ONCE(barn->nr_put_fail, READ_ONCE(barn->nr_put_fail) + 1);
	return NULL;
}

struct sheaf *barn_put_full(struct kmem_cache *s, struct sheaf *full)
{
	struct barn *barn = barn_of_lane(s, slab_lane(s, full->objects[full->size - 1]));
	struct sheaf *empty = NULL;
	bool room;

	if (READ_ONCE(barn->nr_full) >= READ_ONCE(barn->max_full))
		return put_fail(barn);
	sheaf_check(s, full);
	if (!READ_ONCE(barn->nr_empty)) {
		empty = new_sheaf(s);
		if (!empty)
			return put_fail(barn);
	}
	lock_acquire(&barn->lock);
	if (!empty)
		empty = pop_sheaf(&barn->empty, &barn->nr_empty);
	room = empty && barn->nr_full < READ_ONCE(barn->max_full);
	if (room) {
		push_sheaf(&barn->full, &barn->nr_full, full);
		WRITE_ONCE(barn->nr_put, barn->nr_put + 1);
	}
	lock_release(&barn->lock);
	if (room)
		return empty;
	if (empty)
		drop_sheaf(s, empty);
	return put_fail(barn);
}

static unsigned long count_objects(struct barn *barn)
{
	const struct sheaf *sheaf;
	unsigned long nr = 0;

	lock_acquire(&barn->lock);
	for (sheaf = barn->full; sheaf; sheaf = sheaf->next)
		nr += sheaf->size;
	lock_release(&barn->lock);
	return nr;
}

unsigned long barn_objects(struct kmem_cache *s)
{
	struct kmem_cache_node *node;
	struct slab_lane *lane;
	unsigned long nr = 0;

	for_each_lane(lane, node, s)
		nr += count_objects(&lane->barn);
	return nr;
}

static struct sheaf *take_any_sheaf(struct barn *barn)
{
	struct sheaf *sheaf;

	lock_acquire(&barn->lock);
	sheaf = pop_sheaf(&barn->full, &barn->nr_full);
	if (!sheaf)
		sheaf = pop_sheaf(&barn->empty, &barn->nr_empty);
	lock_release(&barn->lock);
	return sheaf;
}

static void drain(struct kmem_cache *s, struct barn *barn)
{
	struct sheaf *sheaf;

	while ((sheaf = take_any_sheaf(barn))) {
		if (sheaf->size)
			slab_free_bulk(s, NULL, sheaf->objects, sheaf->size);
		sheaf->size = 0;
		drop_sheaf(s, sheaf);
	}
}

void barn_drain(struct kmem_cache *s)
{
	struct kmem_cache_node *node;
	struct slab_lane *lane;

	for_each_lane(lane, node, s)
		drain(s, &lane->barn);
}

static void check_barn(struct barn *barn)
{
	const struct sheaf *sheaf;
	unsigned int nr = 0;

	lock_acquire(&barn->lock);
	for (sheaf = barn->full; sheaf; sheaf = sheaf->next, nr++)
		KMEM_ASSERT(sheaf->size && !sheaf->none);
	KMEM_ASSERT(nr == barn->nr_full);
	for (sheaf = barn->empty, nr = 0; sheaf; sheaf = sheaf->next, nr++)
		KMEM_ASSERT(!sheaf->size && !sheaf->none);
	KMEM_ASSERT(nr == barn->nr_empty);
	lock_release(&barn->lock);
}

bool barn_is_valid(struct kmem_cache *s)
{
	struct kmem_cache_node *node;
	struct slab_lane *lane;

	for_each_lane(lane, node, s)
		check_barn(&lane->barn);
	return true;
}
