/* SPDX-License-Identifier: MIT */
/*
 * Slabs and the caches they serve.
 *
 * A cache hands out objects of one size. It gets them from slabs: naturally aligned blocks of pages
 * cut into at most 256 objects, each described by one cache line (struct slab, which is the slab's
 * first struct page). No word of the allocator lies in the slab itself.
 *
 * States of a slab, by `inuse`, and the list that it is on:
 *
 *	inuse == 0         empty     at most cache->max_empty of them, the rest goes to the buddy
 *	0 < inuse < objects  partial   serves the next request
 *	inuse == objects   full      waits for a free
 *
 * Objects that lie in sheaves count as in use here, as they do in the kernel.
 *
 * A set bit in free_map is a free object. Taking objects scans the map upwards, so that addresses
 * ascend, and touches neither their memory nor the slab's pages. Giving one back finds its index by
 * multiplication with the reciprocal of the size: a remainder is a pointer into an object, a bit
 * that is set already a double free.
 *
 * Lock order: barn, node, zone, sections, metadata (enum lock_rank). Slabs are made and released
 * with no lock held.
 *
 * Invariants: slab_is_valid(), cache_is_valid().
 */
#ifndef KMEM_SLAB_H
#define KMEM_SLAB_H

#include "lock.h"
#include "pcp.h"
#include "section.h"

#define SLAB_MAX_OBJECTS 256u
#define SLAB_MAX_ORDER	 5u
#define NR_CLASSES	 256 /* values of a page_class byte: 0 is for no cache */

struct kmem_cache;

struct slab {
	struct list_head list;	   /* node's partial, full or empty */
	unsigned long free_map[4]; /* bit per object; node's lock, as inuse */
	uint16_t inuse, objects;   /* objects is constant while the slab lives, as all below */
	uint8_t type, order, class, colour;
	struct kmem_cache *cache;
};

_Static_assert(sizeof(struct slab) == sizeof(struct page), "a slab is a page");
_Static_assert(offsetof(struct slab, list) == offsetof(struct page, lru), "of the same shape");
_Static_assert(offsetof(struct slab, free_map) == offsetof(struct page, free_map), "");
_Static_assert(offsetof(struct slab, inuse) == offsetof(struct page, inuse), "");
_Static_assert(offsetof(struct slab, type) == offsetof(struct page, type), "");
_Static_assert(offsetof(struct slab, order) == offsetof(struct page, order), "");
_Static_assert(offsetof(struct slab, cache) == offsetof(struct page, owner), "");

/* Full and empty sheaves between the threads of a cache; see sheaf.h. */
struct barn {
	struct lock lock; /* RANK_BARN */
	struct sheaf *full, *empty;
	unsigned int nr_full, nr_empty;
	unsigned int max_full; /* cache_limit_barn() */
};

struct kmem_cache_node {
	struct lock lock; /* RANK_NODE */
	struct list_head partial, full, empty;
	unsigned long nr_partial, nr_full, nr_empty;
	unsigned long nr_inuse; /* objects taken from the slabs, those in sheaves included */
	uint16_t next_colour;
};

struct kmem_cache {
	/* what it hands out; constant, as all up to the barn */
	char name[24];
	unsigned int size;  /* bytes from one object to the next */
	unsigned int align; /* every object starts at a multiple of it */
	uint8_t index;	    /* its page_class, and its slot in every kmem_cpu */

	/* how slabs are cut */
	uint8_t order;
	uint16_t objects;    /* in a slab */
	uint32_t reciprocal; /* 2^32 / size, rounded up */
	uint16_t colours;    /* different offsets of the first object, `align` bytes apart */
	uint16_t max_empty;  /* empty slabs that are kept */

	/* how they reach the threads */
	uint16_t sheaf_capacity;
	struct meta_pool *sheaf_pool;
	struct barn barn;
	struct kmem_cache_node node;
};

extern struct kmem_cache *kmem_caches[NR_CLASSES]; /* by index; NULL: none */

/* Describes a cache in @s and enters it in kmem_caches[]. @size is a multiple of @align. */
void cache_init(struct kmem_cache *s, const char *name, unsigned int size, unsigned int align,
		uint8_t index);

/* Chooses anew how many empty slabs are kept: when the limits of the process are known (limit.h). */
void cache_limit_empty(struct kmem_cache *s);

/*
 * Takes up to @n objects, at least one unless the OS refuses: what partial slabs have, or else a new
 * slab's. Addresses ascend within a slab.
 */
unsigned int slab_alloc_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n);

/* Gives @n objects back. A bad one ends the program with a report. */
void slab_free_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
		    unsigned int n);

/* Ends the program with a report unless @object is one of @s, and is taken. */
void slab_check_object(const struct kmem_cache *s, const void *object);

/* Only that @object starts where one of @s does, used or not; cheaper. */
void slab_check_start(const struct kmem_cache *s, const void *object);

/*
 * A number that differs between most objects of @s. An @object that does not start where one does
 * ends the program with a report.
 */
unsigned int slab_object_hash(const struct kmem_cache *s, const void *object);

/* Releases all empty slabs. Returns how many. */
unsigned long cache_shrink(struct kmem_cache *s);

bool slab_is_valid(const struct kmem_cache *s, const struct slab *slab);
bool cache_is_valid(struct kmem_cache *s);

#endif
