/* SPDX-License-Identifier: MIT */
/*
 * Memory pools: a reserve that an allocation may fall back on. See kmem/mempool.h.
 *
 * The reserve is an array of element pointers, in a list of pieces since it can grow. NULL is an
 * empty place. Whoever takes or returns an element exchanges one place atomically, so that there is
 * no lock that a fork could leave held. `missing` is how many elements the reserve lacks, and may
 * be too high for a moment, never too low: it goes up before an element is taken and down after one
 * was put. So whoever returns an element that came from the reserve sees that the reserve wants
 * one, and as long as all is well a free looks at one number. When the reserve is made smaller, an
 * element that is being put may still land behind its new end: it counts, and whoever takes it
 * makes up for it as for any other.
 *
 * Whoever finds neither memory nor reserve takes a ticket, looks once more, and sleeps until an
 * element was put (wait_queue.h), or for a while: memory may come back by other ways than this
 * pool.
 */
#include <errno.h>
#include <kmem/mempool.h>
#include <kmem/slab.h>

#include "bits.h"
#include "compiler.h"
#include "wait_queue.h"

#define RETRY_MS 50 /* between two tries at an allocation while waiting */

struct reserve {
	struct reserve *next; /* set once */
	int nr;
	void *place[];
};

struct mempool {
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	void *data;
	int min_nr;   /* places that count; a reserve that was made smaller has more */
	int missing;  /* elements it wants; below 0 while some lie behind those places */
	int capacity; /* places there are; the one who resizes */
	struct wait_queue wait;
	struct reserve *reserve;
};

/* ---- The reserve ---- */

/* What lies in the place, which is missed from now on; NULL when there is nothing. */
static void *take_from(struct mempool *pool, void **place)
{
	void *element;

	__atomic_fetch_add(&pool->missing, 1, __ATOMIC_SEQ_CST);
	element = __atomic_exchange_n(place, NULL, __ATOMIC_ACQ_REL);
	if (!element)
		__atomic_fetch_sub(&pool->missing, 1, __ATOMIC_SEQ_CST);
	return element;
}

static void *take(struct mempool *pool)
{
	struct reserve *r;
	void *element;
	int i;

	for (r = pool->reserve; r; r = smp_load_acquire(&r->next))
		for (i = 0; i < r->nr; i++) {
			if (!READ_ONCE(r->place[i]))
				continue;
			element = take_from(pool, &r->place[i]);
			if (element)
				return element;
		}
	return NULL;
}

/* False when the reserve is full. */
static bool put(struct mempool *pool, void *element)
{
	int left = READ_ONCE(pool->min_nr), i;
	struct reserve *r;

	for (r = pool->reserve; r && left > 0; r = smp_load_acquire(&r->next))
		for (i = 0; i < r->nr && left > 0; i++, left--) {
			void *empty = NULL;

			if (!__atomic_compare_exchange_n(&r->place[i], &empty, element, false,
							 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
				continue;
			__atomic_fetch_sub(&pool->missing, 1, __ATOMIC_SEQ_CST);
			wake_up_all(&pool->wait);
			return true;
		}
	return false;
}

/* Adds empty places until there are @nr. */
static bool add_places(struct mempool *pool, int nr)
{
	struct reserve **last = &pool->reserve, *r;
	int more = nr - pool->capacity;

	if (more <= 0)
		return true;
	r = kzalloc(sizeof(*r) + (size_t)more * sizeof(void *), GFP_KERNEL);
	if (!r)
		return false;
	r->nr = more;
	while (*last)
		last = &(*last)->next;
	smp_store_release(last, r);
	pool->capacity = nr;
	return true;
}

/* The reserve gets @nr places; what lies in those beyond is freed. */
static void shrink(struct mempool *pool, int nr)
{
	int old = pool->min_nr, index = 0, i;
	struct reserve *r;

	WRITE_ONCE(pool->min_nr, nr);
	for (r = pool->reserve; r; r = r->next)
		for (i = 0; i < r->nr; i++, index++) {
			void *element;

			if (index < nr)
				continue;
			element = take_from(pool, &r->place[i]);
			if (index < old)
				__atomic_fetch_sub(&pool->missing, 1, __ATOMIC_SEQ_CST);
			if (element)
				pool->free(element, pool->data);
		}
}

static bool grow(struct mempool *pool, int nr, gfp_t gfp)
{
	int old = pool->min_nr, i;

	if (!add_places(pool, nr))
		return false;
	__atomic_fetch_add(&pool->missing, nr - old, __ATOMIC_SEQ_CST);
	WRITE_ONCE(pool->min_nr, nr);
	for (i = old; i < nr; i++) {
		void *element = pool->alloc(gfp, pool->data);

		if (!element) {
			shrink(pool, old);
			return false;
		}
		/* Somebody else's element may have taken the place. */
		if (!put(pool, element))
			pool->free(element, pool->data);
	}
	return true;
}

/* ---- Pools ---- */

mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			       void *pool_data, gfp_t gfp_mask, int node)
{
	struct mempool *pool;

	if (min_nr < 0 || !alloc_fn || !free_fn) {
		errno = EINVAL;
		return NULL;
	}
	pool = kzalloc_node(sizeof(*pool), gfp_mask, node);
	if (!pool)
		return NULL;
	pool->alloc = alloc_fn;
	pool->free = free_fn;
	pool->data = pool_data;
	if (grow(pool, min_nr, gfp_mask))
		return pool;
	mempool_destroy(pool);
	errno = ENOMEM;
	return NULL;
}

mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			  void *pool_data)
{
	return mempool_create_node(min_nr, alloc_fn, free_fn, pool_data, GFP_KERNEL, NUMA_NO_NODE);
}

void mempool_destroy(mempool_t *pool)
{
	struct reserve *r, *next;

	if (!pool)
		return;
	shrink(pool, 0);
	for (r = pool->reserve; r; r = next) {
		next = r->next;
		kfree(r);
	}
	kfree(pool);
}

int mempool_resize(mempool_t *pool, int new_min_nr)
{
	int saved = errno;

	if (new_min_nr < 1)
		return -EINVAL;
	if (new_min_nr <= pool->min_nr)
		shrink(pool, new_min_nr);
	else if (!grow(pool, new_min_nr, GFP_KERNEL)) {
		errno = saved;
		return -ENOMEM;
	}
	return 0;
}

int mempool_min_nr(const mempool_t *pool)
{
	return READ_ONCE(pool->min_nr);
}

int mempool_curr_nr(const mempool_t *pool)
{
	struct reserve *r;
	int nr = 0, i;

	for (r = pool->reserve; r; r = smp_load_acquire(&r->next))
		for (i = 0; i < r->nr; i++)
			nr += READ_ONCE(r->place[i]) != NULL;
	return nr;
}

/* ---- Elements ---- */

/* With a ticket, so that an element put after the look ends the sleep. */
static void *take_or_wait(struct mempool *pool)
{
	uint32_t ticket = prepare_to_wait(&pool->wait);
	void *element = take(pool);

	if (element)
		finish_wait(&pool->wait);
	else
		wait_for_event(&pool->wait, ticket, RETRY_MS);
	return element;
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp_mask)
{
	gfp_t flags = (gfp_mask & ~(__GFP_ZERO | __GFP_NOFAIL)) | __GFP_NOWARN;
	int saved = errno;
	void *element;

	do {
		element = pool->alloc(flags | __GFP_NORETRY, pool->data);
		if (!element)
			element = take(pool);
		if (element || !(flags & __GFP_DIRECT_RECLAIM))
			break;
		/* Rather bother the shrinkers than wait. */
		if (!(flags & __GFP_NORETRY))
			element = pool->alloc(flags, pool->data);
		if (!element)
			element = take_or_wait(pool);
	} while (!element);
	if (element)
		errno = saved;
	return element;
}

void *mempool_alloc_preallocated(mempool_t *pool)
{
	return take(pool);
}

void mempool_free(void *element, mempool_t *pool)
{
	if (!element)
		return;
	if (__atomic_load_n(&pool->missing, __ATOMIC_SEQ_CST) <= 0 || !put(pool, element))
		pool->free(element, pool->data);
}
