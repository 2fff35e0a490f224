/* SPDX-License-Identifier: MIT */
/* A lane's lists of slabs, whose lock is held; for slab.c, slab_free.c and slab_run.c. */
#ifndef KMEM_SLAB_LISTS_H
#define KMEM_SLAB_LISTS_H

#include "lent.h"
#include "slab_run.h"

/* Readers from outside look at counters at any time. */
static __always_inline void count(unsigned long *counter, unsigned long n)
{
	WRITE_ONCE(*counter, *counter + n);
}

static __always_inline void count32(uint32_t *counter, uint32_t n)
{
	WRITE_ONCE(*counter, *counter + n);
}

static inline bool is_full(const struct slab *slab)
{
	return unlikely(slab->cache->shared) ? slab->room < LEAST_RUN :
					       slab->inuse == slab->cache->objects;
}

/* An empty slab comes to the lane's list, or goes. */
static inline void count_empty(struct slab_lane *lane, const struct slab *slab)
{
	count32(&lane->nr_empty, 1);
	lent_add(slab);
}

static inline void count_empty_gone(struct slab_lane *lane, const struct slab *slab)
{
	count32(&lane->nr_empty, -1u);
	lent_remove(slab);
}

/*
 * All empty slabs of @s, some at a time, with no lock held, go to @release, which may get none.
 * Returns how many.
 */
typedef void slab_releaser(struct kmem_cache *s, struct list_head *slabs);
unsigned long cache_release_empty(struct kmem_cache *s, slab_releaser *release);

/* The block of pages becomes a slab of that lane, on no list yet, with no object free or taken. */
void slab_make(struct kmem_cache *s, struct page *page, unsigned int order, unsigned int lane);

static inline struct list_head *partial_list(struct slab_lane *lane, const struct slab *slab)
{
	return unlikely(lane->by_room) ? &lane->by_room[room_list(slab->room)] : &lane->partial;
}

static inline void link_slab(struct slab_lane *lane, struct slab *slab)
{
	if (is_full(slab)) {
		list_add(&slab->list, &lane->full);
		count32(&lane->nr_full, 1);
	} else if (slab->inuse) {
		list_add_tail(&slab->list, partial_list(lane, slab));
		count32(&lane->nr_partial, 1);
	} else {
		list_add(&slab->list, &lane->empty);
		count_empty(lane, slab);
	}
}

/* The same of one that was taken from: while it has more it is the first to take from again. */
static inline void link_taken(struct slab_lane *lane, struct slab *slab)
{
	if (is_full(slab)) {
		link_slab(lane, slab);
	} else {
		list_add(&slab->list, partial_list(lane, slab));
		count32(&lane->nr_partial, 1);
	}
}

static inline void unlink_slab(struct slab_lane *lane, struct slab *slab)
{
	if (is_full(slab))
		count32(&lane->nr_full, -1u);
	else if (slab->inuse)
		count32(&lane->nr_partial, -1u);
	else
		count_empty_gone(lane, slab);
	list_del(&slab->list);
}

/* The first empty slab, which is on no list now; NULL: there is none. */
static inline struct slab *pop_empty(struct slab_lane *lane)
{
	struct slab *slab;

	if (list_empty(&lane->empty))
		return NULL;
	slab = list_first_entry(&lane->empty, struct slab, list);
	unlink_slab(lane, slab);
	if (slab->cache->shared)
		count32(&lane->nr_pages, -(1u << slab->order));
	return slab;
}

#endif
