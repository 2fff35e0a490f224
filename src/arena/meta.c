/* SPDX-License-Identifier: MIT */
/* See meta.h. */
#include "meta.h"

#include "bits.h"
#include "page.h"
#include "place.h"
#include "report.h"

#define CHUNK_SIZE (256UL << 10)

struct lock meta_lock = LOCK_INIT(RANK_META);

/* The chunk that is being cut up; meta_lock. */
static char *chunk_next, *chunk_end;
size_t meta_chunk_bytes;

static bool new_chunk(void)
{
	char *chunk = place_metadata(CHUNK_SIZE, "kmem metadata");

	if (!chunk)
		return false;
	chunk_next = chunk;
	chunk_end = chunk + CHUNK_SIZE;
	WRITE_ONCE(meta_chunk_bytes, meta_chunk_bytes + CHUNK_SIZE);
	return true;
}

/* Memory of a chunk reads as zero until it was used. */
static void *carve(struct meta_pool *pool, bool may_ask)
{
	/* Of a large one only the start may ever be used: that should be as few pages as can be. */
	size_t align = pool->size >= PAGE_SIZE ? PAGE_SIZE : CACHE_LINE;
	char *object = (char *)align_up((uintptr_t)chunk_next, align);

	KMEM_ASSERT(pool->size <= CHUNK_SIZE);
	if (object + pool->size > chunk_end) {
		if (!may_ask || !new_chunk())
			return NULL;
		object = chunk_next;
	}
	chunk_next = object + align_up(pool->size, CACHE_LINE);
	pool->nr_total++;
	return object;
}

/* With the lock held. */
static void *take(struct meta_pool *pool, bool may_ask)
{
	void *object = pool->free;

	if (!object)
		return carve(pool, may_ask);
	pool->free = *(void **)object;
	pool->nr_free--;
	return object;
}

void *meta_alloc(struct meta_pool *pool)
{
	void *object;

	lock_acquire(&meta_lock);
	object = take(pool, true);
	lock_release(&meta_lock);
	return object;
}

/* Who holds the lock may be in a call to the OS. */
void *meta_alloc_atomic(struct meta_pool *pool)
{
	void *object;

	if (!lock_spin(&meta_lock))
		return NULL;
	object = take(pool, false);
	lock_release(&meta_lock);
	return object;
}

void meta_free(struct meta_pool *pool, void *object)
{
	lock_acquire(&meta_lock);
	*(void **)object = pool->free;
	pool->free = object;
	pool->nr_free++;
	lock_release(&meta_lock);
}

size_t meta_bytes(void)
{
	return READ_ONCE(meta_chunk_bytes);
}
