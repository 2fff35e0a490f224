/* SPDX-License-Identifier: MIT */
/*
 * The kernel's counters by path, as far as the library's allow.
 *
 * The library counts what happens behind the sheaves (struct slab_counters) and nothing on a hit.
 * So:
 *
 *   counted       alloc_slab, barn_get, barn_put, barn_put_fail
 *   from others   free_slab: slabs made that are no more; sheaf_refill, sheaf_flush: objects
 *                 taken from slabs and given back; alloc_slowpath, free_slowpath: visits to a barn
 *                 or to slabs; barn_get_fail: whoever visits slabs for a sheaf found no full one in
 *                 the barn
 *   estimated     alloc_fastpath, free_fastpath: objects that came to threads' sheaves and are
 *                 there no more, and that left them, less one for each visit, which the visit
 *                 itself served. What a thread frees and takes again out of the same sheaf leaves
 *                 no trace; an object that came and left without having been used counts as if it
 *                 had
 */
#ifndef KMEM_STATS_H
#define KMEM_STATS_H

#include "view.h"

/* counter(name): in the order in which the kernel lists them */
/* clang-format off */
#define CACHE_COUNTERS(counter)                                                          \
	counter(alloc_fastpath) counter(alloc_slowpath) counter(free_fastpath)           \
	counter(free_slowpath) counter(alloc_slab) counter(free_slab)                    \
	counter(sheaf_flush) counter(sheaf_refill) counter(barn_get)                     \
	counter(barn_get_fail) counter(barn_put) counter(barn_put_fail)
/* clang-format on */

#define CACHE_COUNTER_MEMBER(name) unsigned long name;
struct cache_stats {
	CACHE_COUNTERS(CACHE_COUNTER_MEMBER)
};

struct cache_stats cache_stats(const struct cache_view *view);

#endif
