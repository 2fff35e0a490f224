/* SPDX-License-Identifier: MIT */
/*
 * The kernel's calls, each against the row that does the same by malloc.
 *
 * A cache is shared by all workers, as caches are; none is merged with another, so that each has
 * sheaves of its own. kmalloc takes the size at run time, a cache has it.
 */
#include "micro.h"
#include <kmem/slab.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct kmem_cache *cache_64, *cache_1024;
static pthread_once_t created = PTHREAD_ONCE_INIT;

static void create_caches(void)
{
	cache_64 = kmem_cache_create("micro-64", 64, 0, SLAB_NO_MERGE, NULL);
	cache_1024 = kmem_cache_create("micro-1024", 1024, 0, SLAB_NO_MERGE, NULL);
	if (!cache_64 || !cache_1024) {
		fprintf(stderr, "micro: no cache\n");
		exit(1);
	}
}

static void use_cache(struct worker *w)
{
	pthread_once(&created, create_caches);
	w->own = w->micro->size == 64 ? cache_64 : cache_1024;
}

static void run_kmalloc(struct worker *w, unsigned long rounds)
{
	size_t size = w->micro->size;

	while (rounds-- > 0)
		kfree(touch(kmalloc(size, GFP_KERNEL)));
}

static void run_pair(struct worker *w, unsigned long rounds)
{
	struct kmem_cache *cache = w->own;

	while (rounds-- > 0)
		kmem_cache_free(cache, touch(kmem_cache_alloc(cache, GFP_KERNEL)));
}

static void run_zalloc(struct worker *w, unsigned long rounds)
{
	struct kmem_cache *cache = w->own;

	while (rounds-- > 0)
		kmem_cache_free(cache, touch(kmem_cache_zalloc(cache, GFP_KERNEL)));
}

static void allocate_all(struct worker *w)
{
	struct kmem_cache *cache = w->own;
	unsigned int i, n = w->micro->live;

	for (i = 0; i < n; i++)
		w->objects[i] = touch(kmem_cache_alloc(cache, GFP_KERNEL));
}

static void run_fifo(struct worker *w, unsigned long rounds)
{
	struct kmem_cache *cache = w->own;
	unsigned int i, n = w->micro->live;

	while (rounds-- > 0) {
		allocate_all(w);
		for (i = 0; i < n; i++)
			kmem_cache_free(cache, w->objects[i]);
	}
}

static void run_random(struct worker *w, unsigned long rounds)
{
	struct kmem_cache *cache = w->own;
	unsigned int i, n = w->micro->live;

	while (rounds-- > 0) {
		allocate_all(w);
		for (i = 0; i < n; i++)
			kmem_cache_free(cache, w->objects[w->order[i]]);
	}
}

static void run_bulk(struct worker *w, unsigned long rounds)
{
	struct kmem_cache *cache = w->own;
	unsigned int i, n = w->micro->live;

	while (rounds-- > 0) {
		if (kmem_cache_alloc_bulk(cache, GFP_KERNEL, n, w->objects) != (int)n)
			abort();
		for (i = 0; i < n; i++)
			touch(w->objects[i]);
		kmem_cache_free_bulk(cache, n, w->objects);
	}
}

#define CACHE(NAME, RUN, SIZE, N, AGAINST, ...)                                         \
	{                                                                               \
		.name = NAME, .run = RUN, .set_up = use_cache, .size = SIZE, .live = N, \
		.pairs = N, .against = AGAINST, __VA_ARGS__                             \
	}

const struct micro cache_rows[] = {
	CACHE("kmalloc/64", run_kmalloc, 64, 1, "pair/64"),
	CACHE("cache-pair/64", run_pair, 64, 1, "pair/64", .threads = ALL_THREADS),
	CACHE("cache-pair/1024", run_pair, 1024, 1, "pair/1024"),
	CACHE("cache-zalloc/64", run_zalloc, 64, 1, "calloc/64"),
	CACHE("cache-fifo/64x100", run_fifo, 64, 100, "fifo/64x100"),
	CACHE("cache-random/64x10000", run_random, 64, 10000, "random/64x10000"),
	CACHE("bulk/64x100", run_bulk, 64, 100, "fifo/64x100"),
	CACHE("bulk/64x10000", run_bulk, 64, 10000, "fifo/64x10000"),
	CACHE("bulk/1024x1000", run_bulk, 1024, 1000, "fifo/1024x1000"),
	{ .name = NULL },
};
