/* SPDX-License-Identifier: MIT */
/*
 * Sheaves and barns: Bonwick's magazines and depot, by their Linux names.
 *
 * A sheaf is an array of pointers to free objects of one cache. Each thread has two of them for
 * each cache it uses, main and spare; of objects larger than a page only main, and there is no
 * barn. The fast paths push to and pop from main; the slow paths here run when it is full or empty,
 * and do the first of these that helps:
 *
 *	alloc, main empty	swap with a spare that has objects
 *				trade it at the barn for a full one
 *				refill it from slabs
 *	free, no main yet	give what is another lane's to its slab (see lanes in slab.h)
 *	free, main full		raise its limit (see below)
 *				swap with a spare that has room
 *				trade it at the barn for an empty one
 *				flush it to the slabs
 *
 * A thread that only allocates and one that only frees so meet at the barn once per sheaf, not once
 * per object. A full sheaf waits there for the threads whose slabs its newest object comes from
 * (see lanes in slab.h): two threads that allocate and free alike do not get each other's cache
 * lines.
 *
 * Slow start: `limit` is how many objects a sheaf may hold now. It starts at one and doubles with
 * each visit here while they are few bytes; from then on it takes the more visits the more bytes
 * they are, up to the capacity. A visit that frees after one that took, or the other way round,
 * counts for many: a larger sheaf would have saved both. A thread that used a class for a while
 * does not hoard for it; one that goes on using it soon has full sheaves. Only these have a spare
 * and are put into the barn. Among many threads limits take longer to rise, and those of larger
 * objects do not rise up to the capacity.
 */
#ifndef KMEM_SHEAF_H
#define KMEM_SHEAF_H

#include "slab.h"

struct sheaf {
	struct sheaf *next; /* in a barn; barn's lock */
	uint16_t capacity;  /* constant */
	uint16_t limit;	    /* objects it may hold now */
	uint16_t size; /* objects it holds; of an open slot's main sheaf: empty places below them */
	uint8_t visits;	     /* to the slow paths since the limit was last raised, as they count */
	bool frees : 1;	     /* the last of them was made to free objects */
	uint8_t regains : 7; /* raises that a visit is enough for: the limit was as high before */
	void *none;	     /* always NULL: what a pop from an empty sheaf finds */
	void *objects[];     /* the last was freed last */
};

/*
 * What a thread has of one cache. How many places of the main sheaf are in use is where `top`
 * points. The lowest are empty in a hollow one, see slot_hollow().
 */
struct cpu_slot {
	void **top;	    /* one past the newest object of main */
	void **end;	    /* where main is at its limit */
	struct sheaf *main; /* NULL: none yet */
	struct sheaf *spare;
};

struct kmem_cpu;

/* Where a slot without a sheaf points: at a NULL to pop, with no room behind it. */
extern void *const no_sheaf[2];
#define NO_ROOM ((void **)&no_sheaf[1])

static inline void slot_init(struct cpu_slot *slot)
{
	*slot = (struct cpu_slot){ .top = NO_ROOM, .end = NO_ROOM };
}

/*
 * Chooses capacity, if none is set, and barn of a cache by the size of its objects, and its slot.
 */
void cache_init_sheaves(struct kmem_cache *s);

#define MAX_SHEAF_CAPACITY 1024u

/*
 * Full sheaves of objects larger than a page are more memory than they save time: no barn, and no
 * spare.
 */
static inline bool cache_has_barn(const struct kmem_cache *s)
{
	return s->size <= PAGE_SIZE;
}

/* Chooses the barn's size anew: when the limits of the process are known (limit.h). */
void cache_limit_barn(struct kmem_cache *s);

/* The slow paths of a thread: its slot was found empty, or full. */
void *sheaf_alloc(struct kmem_cpu *cpu, struct kmem_cache *s, gfp_t gfp);
void sheaf_free(struct kmem_cpu *cpu, struct kmem_cache *s, void *object);

/*
 * Takes up to @n objects from the thread's sheaves and the barn; gives up to @n to its sheaves.
 * Returns how many it did: the rest is the slabs' business.
 */
size_t sheaf_alloc_bulk(struct kmem_cpu *cpu, struct kmem_cache *s, void **objects, size_t n);
size_t sheaf_free_bulk(struct kmem_cpu *cpu, struct kmem_cache *s, void **objects, size_t n);

/*
 * For caches whose fresh objects are constructed by the caller, where sheaf_alloc() finds only what
 * is already: how many objects it is time to take from the slabs for a sheaf.
 */
unsigned int sheaf_appetite(struct kmem_cpu *cpu, struct kmem_cache *s, gfp_t gfp);

/*
 * sheaf_check.c: an object that is there twice, or no object of @s, ends the program with a report.
 */
void sheaf_check(const struct kmem_cache *s, const struct sheaf *sheaf);
/* Only what is there twice. */
void sheaf_check_twice(const struct kmem_cache *s, const struct sheaf *sheaf);
/* That, and whether the first and the last to come are objects that nobody gave back before. */
void sheaf_check_rest(const struct kmem_cache *s, const struct sheaf *sheaf);

/* All objects of the slot, if there is one, go to the slabs, and its sheaves to their pool. */
void slot_flush(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp);
void sheaf_flush_slot(struct kmem_cpu *cpu, struct kmem_cache *s);

/*
 * The same for a slot that goes from one thread to another, but only with what is more than the
 * next one should begin with. Of sheaves with large objects the limit sinks as well.
 */
void slot_settle(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp);

/*
 * As slot_flush(), for a thread that may have been interrupted in one of the fast paths: what these
 * may have read is left, which is where `top` points and the newest object. NULLs take the place of
 * the others. The limit begins anew, and is regained by a visit for each step: so what is freed
 * next comes to the slow paths soon, where somebody looks how empty the heap is by then.
 */
void slot_hollow(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp);

/* All sheaves of the barn go the same way. */
void barn_drain(struct kmem_cache *s);

/* Objects that lie in a slot; safe to ask of another thread's, and then approximate. */
unsigned int slot_objects(const struct cpu_slot *slot);
unsigned long barn_objects(struct kmem_cache *s);

bool barn_is_valid(struct kmem_cache *s);
bool slot_is_valid(const struct kmem_cache *s, const struct cpu_slot *slot);

#endif
