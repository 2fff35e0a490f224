/* SPDX-License-Identifier: MIT */
/* See meta.h. */
#include "meta.h"

#include <string.h>

#include "bits.h"
#include "place.h"
#include "report.h"

#define CHUNK_SIZE (256UL << 10)
#define LINE_SIZE  64UL

struct lock meta_lock = LOCK_INIT(RANK_META);

/* The chunk that is being cut up; meta_lock. */
static char *chunk_next, *chunk_end;
static size_t chunk_bytes;

static bool new_chunk(void)
{
	char *chunk = place_metadata(CHUNK_SIZE, "kmem:meta");

	if (!chunk)
		return false;
	chunk_next = chunk;
	chunk_end = chunk + CHUNK_SIZE;
	WRITE_ONCE(chunk_bytes, chunk_bytes + CHUNK_SIZE);
	return true;
}

/* Memory of a chunk reads as zero until it was used. */
static void *carve(struct meta_pool *pool)
{
	size_t size = align_up(pool->size, LINE_SIZE);
	void *object;

	KMEM_ASSERT(size <= CHUNK_SIZE);
	if ((size_t)(chunk_end - chunk_next) < size && !new_chunk())
		return NULL;
	object = chunk_next;
	chunk_next += size;
	pool->nr_total++;
	return object;
}

void *meta_alloc(struct meta_pool *pool)
{
	void *object;

	lock_acquire(&meta_lock);
	object = pool->free;
	if (object) {
		pool->free = *(void **)object;
		pool->nr_free--;
		memset(object, 0, pool->size);
	} else {
		object = carve(pool);
	}
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
	return READ_ONCE(chunk_bytes);
}
