/* SPDX-License-Identifier: MIT */
/*
 * Shared slabs: objects of more than a page, of whatever class, side by side.
 *
 * Slabs of its own cost a class of large objects dear. Few fit in one, so that each of many classes
 * has some that are partly used, and what one class has free serves no other. The classes of
 * kmalloc beyond a page take their objects from the slabs of one cache, kmalloc-units. Its objects
 * are units of 512 bytes, and what is handed out is a run of neighbours, the first that is long
 * enough: the idea of Linux's SLOB, with bitmaps instead of a list.
 *
 *	slab->free_map      a bit for each unit that is free
 *	run_starts(slab)    a bit for each that an object begins with
 *
 * A page has eight units and an object at least nine, so at most one object begins in a page.
 * page_class[] has the class of the last that did: a free is a push to that class's sheaf like any
 * other, and only the way between sheaves and slabs is another one.
 *
 * What costs is a visit to a slab, so slabs have 128 KiB. But where many of them are used in part,
 * a survivor in each, they keep much, and few free blocks in the zone are as long: a lane that has
 * MANY_SHARED in use makes slabs of 32 KiB.
 *
 * A slab in which no object has room counts as full, and is on that list; slab->room says how long
 * a free run can be at most, or as much as any object needs. Partial ones are on one of a few
 * lists by that: a request begins with those that may have as little room as it needs, so that
 * long runs are kept for large objects, and passes by whatever has less. Shared slabs stay in
 * their lane, but empty ones. A class counts what it has in them in its own lanes, by the number
 * of the slab's.
 *
 * Lock: the lane's, of kmalloc-units. Invariants: run_cache_is_valid().
 */
#ifndef KMEM_SLAB_RUN_H
#define KMEM_SLAB_RUN_H

#include "slab.h"

#define UNIT_BYTES	   512u
#define UNITS_A_PAGE	   ((unsigned int)PAGE_SIZE / UNIT_BYTES)
#define LEAST_RUN	   (UNITS_A_PAGE + 1) /* units of an object */
#define MOST_RUN	   64u		      /* a word of bits: see bitmap_set_run() */

#define SHARED_ORDER	   5u  /* of a slab, */
#define SHARED_SMALL_ORDER 3u  /* or of one more where there are many: */
#define MANY_SHARED	   16u /* partial and full ones of a lane */
#define SHARED_UNITS	   (UNITS_A_PAGE << SHARED_ORDER)

#define NR_ROOMS	   7u /* lists of partial slabs: from 9, 12, 16, 24, 32, 48, 64 units on */

_Static_assert(SHARED_UNITS <= SLAB_MAX_OBJECTS, "each has a bit");

/* kmalloc-units: of no class, and on slab_caches. */
extern struct kmem_cache unit_cache;

static inline unsigned int run_units(const struct slab *slab)
{
	return UNITS_A_PAGE << slab->order;
}

/* They are in the descriptor of the slab's second page, which has no other use. */
static inline unsigned long *run_starts(struct slab *slab)
{
	return (slab + 1)->free_map;
}

/* Which of them is for so much room. */
extern const uint8_t room_lists[MOST_RUN + 1];

static inline unsigned int room_list(unsigned int room)
{
	return room_lists[room];
}

/* The lanes of kmalloc-units on that node get their lists. */
void run_init_node(struct kmem_cache_node *node, unsigned int nid);

/* Prepares it; and a cache, before cache_init_sheaves(), whose objects are to lie there. */
void unit_cache_init(void);
void cache_share_slabs(struct kmem_cache *s);

/*
 * As slab_alloc_node(), of a cache whose objects lie in shared slabs. run_alloc_listed() takes only
 * from slabs that the lane has and that are in use.
 */
unsigned int run_alloc(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
		       unsigned int n, int nid, gfp_t gfp);
unsigned int run_alloc_listed(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			      unsigned int n);

/* As slab_free.c gives a batch back to one lane. */
unsigned int run_free_to_lane(struct kmem_cache *s, unsigned int number, void *const *objects,
			      unsigned int n, void **left, struct list_head *released);

/* As slab_forget_contents(): all pages of the slab in which there are no objects but this. */
bool run_forget_contents(const struct kmem_cache *s, const void *object);

/* As slab_check_start() and slab_check_object(); and the number of the slab's lane. */
void run_check_start(const struct kmem_cache *s, const void *object);
void run_check_object(const struct kmem_cache *s, const void *object);
unsigned int run_lane_number(const struct kmem_cache *s, const void *object);

/*
 * The class of the object in use that @addr lies in, a slab's address, and where it begins; NULL:
 * there is none.
 */
const struct kmem_cache *run_object_at(struct slab *slab, const void *addr, const char **start);

bool run_cache_is_valid(const struct kmem_cache *s);

#endif
