/* SPDX-License-Identifier: MIT */
/*
 * Reclaim: what is tried before an allocation fails.
 *
 * In this order, with a try at the allocation after each: the library's own caches (the thread's
 * sheaves, all barns, empty slabs, dirty pages, unused sections); then the program's shrinkers
 * (kmem/shrinker.h), asked for a quarter, half, and all of what they have, and the library's caches
 * again, since that is where what they free comes to lie. The same is done, by quarters, while the
 * cgroup is near its limit.
 *
 * A shrinker runs within somebody's malloc, so it runs with no lock held. Two things are kept for
 * that: the list of shrinkers, and for each thread that runs one a struct reclaimer on its stack
 * that says which. Whoever unregisters a shrinker marks it, waits until no reclaimer has it, and
 * takes it off the list; a reclaimer steps on from a shrinker before it lets go of it. A thread
 * with a reclaimer does not begin a second: that is what makes reclaim not recursive. A child of
 * fork keeps its own alone.
 *
 * Lock: shrinker_lock, outermost, for list and reclaimers.
 */
#ifndef KMEM_SLAB_SHRINKER_H
#define KMEM_SLAB_SHRINKER_H

#include <kmem/shrinker.h>

#include "lock.h"

/*
 * To be called when an allocation of @bytes was refused for the @attempt-th time (from 0), with no
 * lock held and not between cpu_enter() and cpu_leave(): whether to try once more. Keeps errno.
 */
bool kmem_reclaim(gfp_t flags, size_t bytes, unsigned int attempt);

/* One more failed allocation, for which nothing was found: reported, if it is to be. */
void kmem_alloc_failed(gfp_t flags, size_t bytes);

/*
 * For every slow path: looks at memory pressure, if there are shrinkers and the last look was long
 * ago.
 */
extern unsigned int nr_shrinkers;
void shrinkers_check_pressure(void);

static inline void shrinkers_tick(gfp_t flags)
{
	if (unlikely(READ_ONCE(nr_shrinkers)) && (flags & __GFP_DIRECT_RECLAIM))
		shrinkers_check_pressure();
}

/* All shrinkers, until they have no more. Returns the objects they freed. */
unsigned long shrinkers_run_all(void);

/* Registers, and ends that. See kmem/shrinker.h. */
void shrinkers_add(struct shrinker *shrinker);
void shrinkers_remove(struct shrinker *shrinker);

/* For fork.c. */
extern struct lock shrinker_lock;
void shrinkers_fork_child(void);

#endif
