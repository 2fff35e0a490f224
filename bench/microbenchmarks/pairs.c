/* SPDX-License-Identifier: MIT */
/*
 * Pairs of malloc and free, by what lies between the two.
 *
 *	pair	nothing: what was freed last is what is wanted next
 *	lifo	a number of other objects, freed in the reverse order; fifo: in the same; random
 *	cold	a hundred thousand other objects: what is freed was last seen long ago, and its
 *		slab, run or page too
 */
#include "micro.h"
#include <stdlib.h>

static void run_pair(struct worker *w, unsigned long rounds)
{
	size_t size = w->micro->size;

	while (rounds-- > 0)
		free(touch(malloc(size)));
}

static void run_mixed_pair(struct worker *w, unsigned long rounds)
{
	while (rounds-- > 0)
		free(touch(malloc(size_of(w, rounds))));
}

static void allocate_all(struct worker *w)
{
	unsigned int i, n = w->micro->live;

	for (i = 0; i < n; i++)
		w->objects[i] = touch(malloc(size_of(w, i)));
}

static void run_lifo(struct worker *w, unsigned long rounds)
{
	unsigned int i;

	while (rounds-- > 0) {
		allocate_all(w);
		for (i = w->micro->live; i-- > 0;)
			free(w->objects[i]);
	}
}

static void run_fifo(struct worker *w, unsigned long rounds)
{
	unsigned int i, n = w->micro->live;

	while (rounds-- > 0) {
		allocate_all(w);
		for (i = 0; i < n; i++)
			free(w->objects[i]);
	}
}

static void run_random(struct worker *w, unsigned long rounds)
{
	unsigned int i, n = w->micro->live;

	while (rounds-- > 0) {
		allocate_all(w);
		for (i = 0; i < n; i++)
			free(w->objects[w->order[i]]);
	}
}

/* ---- Cold frees ---- */

static void run_cold(struct worker *w, unsigned long rounds)
{
	unsigned int i, half = w->micro->live / 2;

	while (rounds-- > 0) {
		i = next_random(w, half);
		free(w->objects[i]);
		w->objects[i] = touch(malloc(size_of(w, rounds)));
	}
}

/*
 * The heap of a program that has run for a while: every other object of it gone, at random, and
 * most of the others replaced.
 */
static void fill_sparsely(struct worker *w)
{
	unsigned int i, half = w->micro->live / 2;

	allocate_all(w);
	shuffle(w, w->objects, w->micro->live);
	for (i = 0; i < half; i++)
		free(w->objects[half + i]);
	run_cold(w, half);
}

static void free_half(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < w->micro->live / 2; i++)
		free(w->objects[i]);
}

#define PAIR(SIZE, ...)                                                                      \
	{                                                                                    \
		.name = "pair/" #SIZE, .run = run_pair, .size = SIZE, .live = 1, .pairs = 1, \
		__VA_ARGS__                                                                  \
	}
#define BATCH(HOW, WHAT, SIZE, N, ...)                                                   \
	{                                                                                \
		.name = #HOW "/" WHAT "x" #N, .run = run_##HOW, .size = SIZE, .live = N, \
		.pairs = N, __VA_ARGS__                                                  \
	}
#define COLD(WHAT, SIZE, ...)                                                                 \
	{                                                                                     \
		.name = "cold/" WHAT, .run = run_cold, .set_up = fill_sparsely,               \
		.tear_down = free_half, .size = SIZE, .live = 200000, .pairs = 1, __VA_ARGS__ \
	}

const struct micro pair_rows[] = {
	PAIR(8),
	PAIR(16),
	PAIR(64, .threads = ALL_THREADS),
	PAIR(256),
	PAIR(1024),
	PAIR(4096),
	PAIR(16384),
	PAIR(65536),
	PAIR(262144, .bulky = 10),
	PAIR(1048576, .bulky = 20),
	{ .name = "pair/mixed",
	  .run = run_mixed_pair,
	  .live = 1,
	  .pairs = 1,
	  .threads = ALL_THREADS },
	BATCH(lifo, "64", 64, 100),
	BATCH(fifo, "64", 64, 100),
	BATCH(random, "64", 64, 100),
	BATCH(lifo, "64", 64, 10000),
	BATCH(fifo, "64", 64, 10000),
	BATCH(random, "64", 64, 10000, .threads = ALL_THREADS),
	BATCH(lifo, "1024", 1024, 1000),
	BATCH(fifo, "1024", 1024, 1000),
	BATCH(random, "1024", 1024, 1000),
	BATCH(random, "16384", 16384, 100),
	BATCH(lifo, "mixed", 0, 1000),
	BATCH(fifo, "mixed", 0, 1000),
	BATCH(random, "mixed", 0, 1000, .threads = ALL_THREADS),
	COLD("64", 64),
	COLD("mixed", 0, .threads = ALL_THREADS),
	{ .name = NULL },
};
