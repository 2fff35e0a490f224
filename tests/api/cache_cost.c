/* SPDX-License-Identifier: MIT */
/*
 * cache_cost single|bulk|none NUMBER ROUNDS: takes and gives back NUMBER objects, ROUNDS times, one at a
 * time or all at once. For bulk_cost.sh, which counts instructions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kmem/slab.h>

#define MOST 1024

static void *objects[MOST];

static void one_at_a_time(struct kmem_cache *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
	for (i = 0; i < n; i++)
		kmem_cache_free(s, objects[i]);
}

static void all_at_once(struct kmem_cache *s, size_t n)
{
	if (kmem_cache_alloc_bulk(s, GFP_KERNEL, n, objects) != (int)n)
		abort();
	kmem_cache_free_bulk(s, n, objects);
}

int main(int argc, char **argv)
{
	struct kmem_cache *s = kmem_cache_create("cost", 128, 0, SLAB_NO_MERGE, NULL);
	size_t n, rounds;

	if (argc != 4 || !s)
		return 1;
	n = strtoul(argv[2], NULL, 10);
	rounds = strtoul(argv[3], NULL, 10);
	if (n == 0 || n > MOST)
		return 1;
	for (; rounds > 0; rounds--) {
		if (strcmp(argv[1], "single") == 0)
			one_at_a_time(s, n);
		else
			all_at_once(s, n);
	}
	return kmem_cache_destroy(s);
}
