/* SPDX-License-Identifier: MIT */
/*
 * cache_cost MODE NUMBER ROUNDS: takes and gives back NUMBER objects, ROUNDS times. For
 * cache_cost.sh, which counts instructions.
 *
 *	single   one at a time, from a cache
 *	late     the same, from one that came after all class numbers were taken
 *	bulk     all at once
 *	malloc   one at a time, by malloc and free
 *	init     the same, and what a constructor would do is done for each
 *	ctor     one at a time, from a cache with that constructor
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kmem/slab.h>

#define MOST	1024
#define NUMBERS 256

static void *objects[MOST];

/* Something to lock, something to wait for, and lists of what hangs on it. */
struct session {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct {
		void *next, *prev;
	} lists[16];
};

static void construct(void *object)
{
	struct session *s = object;
	size_t i;

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	for (i = 0; i < sizeof(s->lists) / sizeof(s->lists[0]); i++)
		s->lists[i].next = s->lists[i].prev = &s->lists[i];
}

static void *opaque(void *p)
{
	__asm__ volatile("" : "+r"(p));
	return p;
}

static void by_malloc(size_t n, size_t size, void (*init)(void *))
{
	size_t i;

	for (i = 0; i < n; i++) {
		objects[i] = opaque(malloc(size));
		if (init)
			init(objects[i]);
	}
	for (i = 0; i < n; i++)
		free(objects[i]);
}

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

static struct kmem_cache *make_late(void)
{
	struct kmem_cache *s = NULL;
	char name[20];
	int i;

	for (i = 0; i < NUMBERS; i++) {
		snprintf(name, sizeof(name), "late-%d", i);
		s = kmem_cache_create(name, 128, 0, SLAB_NO_MERGE, NULL);
		if (!s)
			abort();
	}
	return s;
}

int main(int argc, char **argv)
{
	struct kmem_cache *s = kmem_cache_create("cost", 128, 0, SLAB_NO_MERGE, NULL);
	struct kmem_cache *made =
		kmem_cache_create("session", sizeof(struct session), 0, 0, construct);
	struct kmem_cache *late = NULL;
	size_t n, rounds;

	if (argc != 4 || !s || !made)
		return 1;
	n = strtoul(argv[2], NULL, 10);
	rounds = strtoul(argv[3], NULL, 10);
	if (n == 0 || n > MOST)
		return 1;
	if (strcmp(argv[1], "late") == 0)
		late = make_late();
	for (; rounds > 0; rounds--) {
		if (strcmp(argv[1], "single") == 0)
			one_at_a_time(s, n);
		else if (late)
			one_at_a_time(late, n);
		else if (strcmp(argv[1], "bulk") == 0)
			all_at_once(s, n);
		else if (strcmp(argv[1], "malloc") == 0)
			by_malloc(n, 128, NULL);
		else if (strcmp(argv[1], "init") == 0)
			by_malloc(n, sizeof(struct session), construct);
		else
			one_at_a_time(made, n);
	}
	return kmem_cache_destroy(s) || kmem_cache_destroy(made);
}
