/* SPDX-License-Identifier: MIT */
/*
 * Slabs and the caches they serve.
 *
 * A cache hands out objects of one size. It gets them from slabs: naturally aligned blocks of pages
 * cut into at most 256 objects, each described by one cache line (struct slab, which is the slab's
 * first struct page). No word of the allocator lies in the slab itself. kmalloc's caches beyond a
 * page have no slabs of their own: see slab_run.h.
 *
 * States of a slab, by `inuse`, and the list that it is on:
 *
 *	inuse == 0         empty     stays for a while (see lent.h), or goes to the buddy
 *	0 < inuse < objects  partial   serves the next request
 *	inuse == objects   full      waits for a free; cache->objects is meant
 *
 * Objects that lie in sheaves count as in use here, as they do in the kernel.
 *
 * Threads are spread over a few lanes, and a slab serves those of one: the thread that last took
 * from it, and who shares its lane. Two threads that fill the same slab write to the same cache
 * lines ever after. Lists, lock and barn are the lane's as well. A slab changes its lane when
 * nothing or nearly nothing of it is in use, its lane has another to take from, and a thread would
 * have to make a new one; or cannot. There are as many lanes as CPUs, up to NR_LANES.
 *
 * A set bit in free_map is a free object; a slab that nothing was taken from yet has none. Taking
 * objects scans the map upwards, so that addresses ascend, and touches neither their memory nor the
 * slab's pages. Giving one back finds its index by multiplication with an inverse of the size: a
 * product that is no index means a pointer into an object, a bit that is set already a double free.
 *
 * Lock order: barn, lane, zone, sections, metadata (enum lock_rank). Slabs are made and released
 * with no lock held; to change its lane takes both lanes' locks.
 *
 * Invariants: slab_is_valid(), cache_is_valid().
 */
#ifndef KMEM_SLAB_H
#define KMEM_SLAB_H

#include <kmem/slab.h>

#include "lock.h"
#include "numa.h"
#include "pcp.h"

#define SLAB_MAX_OBJECTS 256u
#define SLAB_MAX_ORDER	 5u
#define NR_CLASSES	 256 /* values of a page_class byte: 0 is for no cache, */
#define CLASS_ASK	 255 /* and this for those without one of their own: ask the slab */

struct kmem_cache;

struct slab {
	struct list_head list; /* lane's partial, full or empty; release.c */
	union {
		unsigned long free_map[4]; /* bit per object; lane's lock, as inuse */
		struct kmem_rcu_head rcu;  /* while it waits for readers, off the lists */
	};
	uint16_t inuse;
	uint16_t lane;	     /* whose threads it serves, see lane_of(); its lock, read without */
	uint8_t type, order; /* constant while the slab lives, as all below but one */
	union {
		uint8_t constructed; /* how many were ever taken, if cache->tracks */
		uint8_t room;	     /* see slab_run.h; lane's lock */
	};
	uint8_t colour;
	struct kmem_cache *cache;
};

/* In what slab_alloc_bulk() finds for a cache that tracks: the object was never taken before. */
#define FRESH_OBJECT 1UL

_Static_assert(sizeof(struct slab) == sizeof(struct page), "a slab is a page");
_Static_assert(offsetof(struct slab, list) == offsetof(struct page, lru), "of the same shape");
_Static_assert(offsetof(struct slab, free_map) == offsetof(struct page, free_map), "");
_Static_assert(offsetof(struct slab, inuse) == offsetof(struct page, inuse), "");
_Static_assert(offsetof(struct slab, lane) == offsetof(struct page, lane), "");
_Static_assert(offsetof(struct slab, type) == offsetof(struct page, type), "");
_Static_assert(offsetof(struct slab, order) == offsetof(struct page, order), "");
_Static_assert(offsetof(struct slab, constructed) == offsetof(struct page, constructed), "");
_Static_assert(offsetof(struct slab, cache) == offsetof(struct page, owner), "");

/* Full and empty sheaves between the threads of a lane; see sheaf.h. */
struct barn {
	struct lock lock; /* RANK_BARN */
	struct sheaf *full, *empty;
	unsigned int nr_full, nr_empty;
	unsigned int max_full; /* cache_limit_barn(); 0: it has none */

	/* since the cache was made; see slab_counters */
	uint32_t nr_put_fail; /* without the lock: some are lost when threads are refused at once */
	unsigned long nr_get, nr_put;
};

/*
 * What happened to a lane's slabs since the cache was made. Counted where the lock is held anyway;
 * what follows from these and the lists' lengths, such as the slabs released, is not counted. No
 * hit counts.
 */
struct slab_counters {
	unsigned long takes; /* visits that took objects, */
	unsigned long taken; /* and how many */
	unsigned long gives; /* visits that gave some back, FREE_BATCH at most */
	unsigned long made;  /* slabs */
};

/*
 * What serves the threads of one lane, in cache lines of its own: threads of other lanes come here
 * to bring back what they were handed, or when they find nothing of theirs.
 */
struct slab_lane {
	struct barn barn;
	struct lock lock;	/* RANK_LANE; guards the rest, and the slabs of this lane */
	unsigned long nr_inuse; /* objects taken from the slabs, those in sheaves included */
	struct slab_counters counters;
	struct list_head partial, full, empty;
	uint32_t nr_partial, nr_full, nr_empty;
	uint32_t nr_pages;	   /* of shared slabs, which differ in size, */
	struct list_head *by_room; /* and the lists of partial ones: see slab_run.h; constant */
} __aligned(CACHE_LINE);

/* What a cache has on one node of the machine: the slabs whose pages are there. */
struct kmem_cache_node {
	struct slab_lane lane[NR_LANES];
	uint16_t next_colour; /* relaxed atomic */
};

/* The way of a cache that a program made; those of kmalloc are alive for ever. */
enum cache_state { CACHE_ALIVE, CACHE_ENDING, CACHE_DEAD };

struct kmem_cache {
	/* the fast paths; constant, as all up to the node but the state */
	uint16_t slot; /* its place in every kmem_cpu; without one, that of slot 0 */
	uint8_t index; /* its page_class; CLASS_ASK: none of its own */
	uint8_t state; /* enum cache_state; slab_mutex */

	/* what it hands out */
	bool tracks;   /* keeps slab->constructed: has a constructor or destructor */
	bool waits;    /* releases slabs by way of release.c: destructor or readers */
	bool old_form; /* its functions take three arguments, as in Linux 2.6 */
	bool single;   /* each object comes and goes by itself: no sheaves, debugging */
	bool shared;   /* its slabs serve other caches: see slab_run.h */
	bool lends;    /* empty slabs, see lent.h: one of kmalloc's */
	uint8_t units; /* of those that an object takes (the least, if shared); 0: of none */
	uint16_t far;  /* with CLASS_ASK: its slot in the threads' chunks; 0: none */
	const char *name;
	unsigned int object_size; /* bytes that were asked for */
	unsigned int size;	  /* bytes from one object to the next */
	unsigned int align;	  /* every object starts at a multiple of it */
	slab_flags_t flags;
	union {
		void (*ctor)(void *object);
		void (*old_ctor)(void *object, struct kmem_cache *s, unsigned long flags);
	};
	union {
		void (*dtor)(void *object);
		void (*old_dtor)(void *object, struct kmem_cache *s, unsigned long flags);
	};

	/* how slabs are cut */
	uint8_t order;
	uint16_t objects;   /* in a slab */
	uint8_t shift;	    /* size is odd << shift, */
	uint32_t inverse;   /* and odd * inverse is 1 in 32 bits */
	uint16_t colours;   /* different offsets of the first object, `align` bytes apart */
	uint16_t max_empty; /* empty slabs that a lane keeps whatever it lends */

	/* how they reach the threads */
	uint16_t sheaf_capacity;
	struct meta_pool *sheaf_pool;
	struct kmem_cache_node node;	/* node 0, nearly always the only one */
	struct kmem_cache_node **nodes; /* by number; NULL while there is one */

	/* for cache.c, under slab_mutex */
	struct list_head list;	  /* slab_caches, ending_caches, or those that wait for reuse */
	struct list_head aliases; /* struct cache_name */
	unsigned long serial;	  /* of the program's: grows along the list; constant */
	bool unmergeable;	  /* constant */
	unsigned int refcount;	  /* names; 1 more of a kmalloc cache, which never ends */

	unsigned int nr_waiting;      /* slabs in the hands of release.c; its lock */
	unsigned int nr_with_readers; /* of these, until a grace period is over */
};

extern struct kmem_cache *kmem_caches[NR_CLASSES]; /* by index; NULL: none */

/*
 * Lanes that threads were given so far: the others have nothing. Grows under cpus_lock, read
 * without.
 */
extern unsigned int nr_lanes;

/* What @s has on node @nid; what it could get no memory for is on node 0. */
static inline struct kmem_cache_node *cache_node(struct kmem_cache *s, unsigned int nid)
{
	if (likely(!s->nodes) || !s->nodes[nid])
		return &s->node;
	return s->nodes[nid];
}

/* A slab's: node and lane in one number. */
static inline unsigned int lane_number(unsigned int nid, unsigned int lane)
{
	return nid * NR_LANES + lane;
}

static inline struct slab_lane *lane_of(struct kmem_cache *s, unsigned int number)
{
	return &cache_node(s, number / NR_LANES)->lane[number % NR_LANES];
}

/* The same of the node that this thread runs on. */
static inline struct kmem_cache_node *cache_own_node(struct kmem_cache *s)
{
	return likely(!s->nodes) ? &s->node : cache_node(s, numa_own_node());
}

struct kmem_cache_node *next_of_nodes(struct kmem_cache *s, const struct kmem_cache_node *node);

/* The node after @node, which may be NULL for the first; NULL behind the last. */
static inline struct kmem_cache_node *next_node(struct kmem_cache *s,
						const struct kmem_cache_node *node)
{
	if (!node)
		return &s->node;
	return likely(!s->nodes) ? NULL : next_of_nodes(s, node);
}

#define for_each_node(node, s) for (node = next_node(s, NULL); node; node = next_node(s, node))

/* All lanes of all nodes, one after the other. */
#define for_each_lane(l, n, s) \
	for_each_node(n, s)    \
		for (l = n->lane; l < n->lane + NR_LANES; l++)

/*
 * node_sum.c: what the lanes of a node have and have counted, in all. Approximate while others run.
 */
struct node_sum {
	unsigned long nr_partial, nr_full, nr_empty, nr_slabs, nr_pages, nr_inuse;
	struct slab_counters counters;
	unsigned long full_sheaves, empty_sheaves;
	unsigned long nr_get, nr_put, nr_put_fail;
};

struct node_sum node_sum(const struct kmem_cache_node *node);

/*
 * How many objects of @s there is room for in what a node has. Of one with shared slabs: those it
 * has.
 */
unsigned long node_capacity(const struct kmem_cache *s, const struct node_sum *sum);

/* The same of one moment, as far as slabs and objects go. */
struct node_sum node_sum_locked(struct kmem_cache_node *node);

/* Nothing of the node's slabs changes, nor moves between lanes, while all lanes are locked. */
void node_lock_lanes(struct kmem_cache_node *node);
void node_unlock_lanes(struct kmem_cache_node *node);

/* Empty lists and an empty barn of no size yet, in zeroed memory. */
void cache_init_node(struct kmem_cache_node *node);

/* Gives @s what it needs when there are several nodes; without memory it does with node 0's. */
void cache_init_nodes(struct kmem_cache *s);
/* For one that no thread can use any more. */
void cache_free_nodes(struct kmem_cache *s);

/*
 * Describes a cache in @s, which is zeroed but for what its maker wants to be special, and enters
 * it in kmem_caches[]. @size is a multiple of @align; @name is not copied.
 */
void cache_init(struct kmem_cache *s, const char *name, unsigned int size, unsigned int align,
		uint8_t index);

/*
 * Chooses anew how many empty slabs are kept: when the limits of the process are known (limit.h).
 */
void cache_limit_empty(struct kmem_cache *s);

/*
 * Takes up to @n objects, at least one unless the OS refuses: what partial slabs have, or else a
 * new slab's. Addresses descend within a slab: a sheaf is used from its end. Of a cache that
 * tracks, objects that nobody had before are marked with FRESH_OBJECT.
 */
unsigned int slab_alloc_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n, gfp_t gfp);

/* The same from slabs on node @nid, and others when it has no memory, but with __GFP_THISNODE. */
unsigned int slab_alloc_node(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n, int nid, gfp_t gfp);

/* Gives @n objects back. A bad one ends the program with a report. */
void slab_free_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
		    unsigned int n);

/* Ends the program with a report unless @object is one of @s, and is taken. */
void slab_check_object(const struct kmem_cache *s, const void *object);

/* Only that it, or each of @n objects, starts where one of @s does, used or not; cheaper. */
void slab_check_start(const struct kmem_cache *s, const void *object);
void slab_check_starts(const struct kmem_cache *s, void *const *objects, unsigned int n);

/* The lane of the slab that @object, one of @s, lies in; it may change at any time. */
unsigned int slab_lane(const struct kmem_cache *s, const void *object);

/*
 * What a slab holds goes back to the OS if @object, one of @s that is the caller's and has no
 * contents, is the only one taken from it. Not where objects are constructed, or may have readers.
 */
bool slab_forget_contents(struct kmem_cache *s, const void *object);

/* Releases all empty slabs. Returns how many. */
unsigned long cache_shrink(struct kmem_cache *s);

/* Slabs on all nodes, and objects taken from them. */
unsigned long cache_slabs(struct kmem_cache *s);
unsigned long cache_inuse(struct kmem_cache *s);

/* A slab that is on no list is one no more: its pages. */
struct page *slab_retire(struct slab *slab);

/* These go back to the buddy as well. */
void slab_release(struct per_cpu_pages *pcp, struct slab *slab);

/* Where the first object is; the others follow, cache->size bytes apart. */
char *slab_base(const struct kmem_cache *s, const struct slab *slab);

/* The slab that @object lies in; NULL for any other address. */
struct slab *slab_containing(const void *object);

/* The same slab's cache, for which it need not be found as a rule. */
static __always_inline struct kmem_cache *cache_of(const void *object)
{
	struct section *section = section_of(object);
	unsigned int class;
	struct slab *slab;

	if (!section)
		return NULL;
	class = section->page_class[section_page_index(object)];
	if (likely(class != CLASS_ASK))
		return kmem_caches[class];
	slab = slab_containing(object);
	return slab ? READ_ONCE(slab->cache) : NULL;
}

/* What the flags of a cache say about the pages of its slabs. */
static inline gfp_t cache_gfp(const struct kmem_cache *s)
{
	return likely(!(s->flags & (SLAB_CACHE_DMA32 | SLAB_CACHE_DMA))) ? 0 : __GFP_DMA32;
}

/* Bytes of an object that its owner may use. */
static inline unsigned int cache_usable(const struct kmem_cache *s)
{
	return s->single ? s->object_size : s->size;
}

bool slab_is_valid(const struct kmem_cache *s, const struct slab *slab);
bool cache_is_valid(struct kmem_cache *s);

#endif
