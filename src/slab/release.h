/* SPDX-License-Identifier: MIT */
/*
 * Slabs that do not go back to the buddy at once, and the constructed state of their objects.
 *
 * An object is constructed when it is first taken from its slab and stays so, in use or free, until
 * the slab goes. Both the constructor and the destructor are the program's: they may allocate and
 * free, from any cache. So they run outside of the slow paths, with no lock held and the thread's
 * slots open:
 *
 *  - a slow path that finds fresh objects leaves before it constructs them, see cache_alloc.c;
 *  - a slab whose last object comes back goes on the list of waiting slabs instead of back to the
 *    buddy, and the thread sees to the list when it leaves the slow path it is in (cpu_leave()). No
 *    other thread does: it may hold just the lock that a destructor wants. A destructor's own slow
 *    paths do not either: one slab is seen to after the other, not within.
 *
 * A slab of a SLAB_TYPESAFE_BY_RCU cache waits on for its readers, with rcu.c or whatever scheme
 * the program registered, and is then destructed and released by whoever is told.
 *
 * A waiting slab is no slab by its page type any more, so that a second free of its objects is
 * noticed; its pages keep their class.
 *
 * States: on `waiting` -> in hand (on `in_hand`, so that a child of fork can tell which were lost
 * with their thread) or with the readers -> in hand -> the buddy's. cache->nr_waiting counts all of
 * these. Everything under release_lock.
 */
#ifndef KMEM_RELEASE_H
#define KMEM_RELEASE_H

#include "slab.h"

extern struct lock release_lock; /* RANK_RELEASE */

/* Takes over all slabs of the list, which belong to @s and are on no list of it. */
void release_later(struct kmem_cache *s, struct list_head *slabs);

/* Sees to the waiting slabs; from outside of the slow paths. */
void release_waiting(void);

/* The same until @s has no slab left in anybody's hands. */
void release_wait(struct kmem_cache *s);

/* Runs the constructor where @object is marked as fresh; the object without its mark. */
void *construct(struct kmem_cache *s, void *object);

/* In a child of fork: slabs that other threads had in hand are lost. */
void release_fork_child(void);

#endif
