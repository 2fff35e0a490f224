/* SPDX-License-Identifier: MIT */
/*
 * Random traces over everything that kmalloc.h has, against a shadow model.
 *
 * The model is a table of live blocks: address, size, and the key of the pattern that fills it. A
 * step allocates (plain, aligned, zeroed), frees, resizes with or without the library's help, asks
 * for a size, or trims. Contents are compared at the end of a block's life and whenever it moves,
 * so that two blocks that overlap, or memory given back too early, show as a wrong pattern.
 *
 * With four threads each has a table of its own and hands blocks over to the next through a
 * mailbox: what one took another frees. Between the phases all threads stand still and the walkers
 * look at every cache, barn, zone and thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "init.h"
#include "large.h"
#include "os.h"
#include "purge.h"
#include "slabinfo.h"
#include "unit_slab.h"

#define MAX_BLOCKS  1500
#define MAX_THREADS 4
#define MAILBOX	    64
#define PHASES	    8

struct block {
	char *start;
	size_t size;
	uint64_t key;
};

struct player {
	uint64_t rng;
	unsigned int nr;
	struct block block[MAX_BLOCKS];

	pthread_mutex_t lock; /* of what follows */
	unsigned int nr_mail;
	struct block mail[MAILBOX];
};

static struct player players[MAX_THREADS];
static unsigned int nr_players, steps_a_phase;
static pthread_barrier_t phase_end;

/* Mostly small, sometimes pages, rarely many; now and then right at a class's edge. */
static size_t some_size(struct player *p)
{
	unsigned int kind = unit_below(&p->rng, 1000), class;

	if (kind < 700)
		return unit_below(&p->rng, 512);
	if (kind < 850)
		return unit_below(&p->rng, KMALLOC_MAX_SIZE + 1);
	if (kind < 930) {
		class = unit_below(&p->rng, NR_KMALLOC_CLASSES - 1) + 1;
		return kmalloc_caches[class].size + unit_below(&p->rng, 2);
	}
	if (kind < 997)
		return unit_below(&p->rng, 300000);
	return unit_below(&p->rng, 6000000);
}

/* What every block must be, from whichever call. */
static void check_new(const char *start, size_t size, size_t align)
{
	EXPECT(start != NULL);
	EXPECT_EQ((uintptr_t)start % align, 0);
	EXPECT((uintptr_t)start % 16 == 0);
	EXPECT(kmalloc_usable(start) >= size);
}

static void remember(struct player *p, char *start, size_t size)
{
	struct block *block = &p->block[p->nr++];

	*block = (struct block){ start, size, unit_random(&p->rng) };
	unit_fill(start, size, block->key);
}

static void step_alloc(struct player *p)
{
	size_t size = some_size(p), align;
	char *start;

	switch (unit_below(&p->rng, 8)) {
	case 0:
		align = 1UL << unit_below(&p->rng, 14);
		start = kmalloc_aligned(size, align);
		check_new(start, size, align);
		break;
	case 1:
		start = kmalloc_zeroed(size);
		check_new(start, size, 16);
		EXPECT(unit_is_zero(start, size));
		break;
	default:
		start = unit_kmalloc(size);
		check_new(start, size, 16);
		break;
	}
	remember(p, start, size);
}

static void finish(struct block *block)
{
	EXPECT(unit_holds(block->start, block->size, block->key));
	unit_kfree(block->start);
}

static void step_free(struct player *p)
{
	unsigned int i = unit_below(&p->rng, p->nr);

	finish(&p->block[i]);
	p->block[i] = p->block[--p->nr];
}

/* As realloc does it: in place or by moving pages if the library can, else by a copy. */
static void step_resize(struct player *p)
{
	struct block *block = &p->block[unit_below(&p->rng, p->nr)];
	size_t old = kmalloc_usable(block->start), size = some_size(p), kept;
	char *to;

	if (unit_below(&p->rng, 4) == 0)
		size = block->size + block->size / 2;
	kept = size < block->size ? size : block->size;
	to = kmalloc_resize(block->start, old, size, true);
	if (!to) {
		to = unit_kmalloc(size);
		EXPECT(to != NULL);
		memcpy(to, block->start, kept);
		EXPECT(unit_holds(block->start, block->size, block->key));
		unit_kfree(block->start);
	}
	EXPECT(kmalloc_usable(to) >= size);
	EXPECT(unit_holds(to, kept & ~7UL, block->key));
	block->start = to;
	block->size = size;
	unit_fill(to, size, block->key);
}

static void step_hand_over(struct player *p)
{
	struct player *to = &players[(p - players + 1) % nr_players];
	unsigned int i = unit_below(&p->rng, p->nr);
	bool sent = false;

	pthread_mutex_lock(&to->lock);
	if (to->nr_mail < MAILBOX) {
		to->mail[to->nr_mail++] = p->block[i];
		sent = true;
	}
	pthread_mutex_unlock(&to->lock);
	if (sent)
		p->block[i] = p->block[--p->nr];
}

static void step_receive(struct player *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->nr_mail && p->nr < MAX_BLOCKS)
		p->block[p->nr++] = p->mail[--p->nr_mail];
	pthread_mutex_unlock(&p->lock);
}

static void step(struct player *p, bool rising)
{
	unsigned int action = unit_below(&p->rng, 100);

	if (action == 0 && unit_below(&p->rng, 20) == 0)
		kmem_trim();
	else if (action < 3)
		step_receive(p);
	else if (p->nr && action < 10)
		step_resize(p);
	else if (p->nr && action < 20 && nr_players > 1)
		step_hand_over(p);
	else if (p->nr < MAX_BLOCKS && action < (rising ? 75 : 45))
		step_alloc(p);
	else if (p->nr)
		step_free(p);
}

static void check_everything(void)
{
	struct kmem_totals totals;
	unsigned long nr = 0;
	unsigned int class, i;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		expect_cache_sound(&kmalloc_caches[class]);
	zone_is_valid(&zone_normal);
	for (i = 0; i < nr_players; i++)
		nr += players[i].nr + players[i].nr_mail;
	kmem_get_totals(&totals);
	EXPECT_EQ(totals.nr_objects + totals.nr_large, nr);
}

static void play(void *arg, unsigned int id)
{
	struct player *p = &players[id];
	unsigned int phase, i;

	(void)arg;
	for (phase = 0; phase < PHASES; phase++) {
		for (i = 0; i < steps_a_phase; i++)
			step(p, phase % 2 == 0);
		if (this_cpu->kind == CPU_LIVE)
			cpu_is_valid(this_cpu);
		pthread_barrier_wait(&phase_end);
		if (id == 0)
			check_everything();
		pthread_barrier_wait(&phase_end);
	}
	step_receive(p);
	while (p->nr)
		step_free(p);
	step_receive(p);
	while (p->nr)
		step_free(p);
}

/* Plays in @threads threads, or in this one if there is but one. */
static void trace(unsigned int threads, uint64_t seed, unsigned int steps)
{
	struct kmem_totals totals;
	unsigned int i;

	nr_players = threads;
	steps_a_phase = unit_steps(steps) / PHASES + 1;
	seed = unit_seed(seed);
	pthread_barrier_init(&phase_end, NULL, threads);
	for (i = 0; i < threads; i++) {
		players[i] = (struct player){ .rng = seed + i };
		pthread_mutex_init(&players[i].lock, NULL);
	}
	if (threads == 1)
		play(NULL, 0);
	else
		unit_threads(threads, play, NULL);
	pthread_barrier_destroy(&phase_end);

	for (i = 0; i < threads; i++)
		EXPECT(players[i].nr == 0 && players[i].nr_mail == 0);
	kmem_trim();
	kmem_get_totals(&totals);
	EXPECT_EQ(totals.nr_objects, 0);
	EXPECT_EQ(totals.slab_used + totals.slab_cached + totals.slab_free, 0);
	EXPECT_EQ(totals.large + totals.areas + totals.nr_large + totals.nr_areas, 0);
	EXPECT_EQ(totals.free_pages, totals.online);
	EXPECT_EQ(totals.dirty, 0);
	for (i = 1; i < NR_KMALLOC_CLASSES; i++)
		EXPECT_EQ(cache_inuse(&kmalloc_caches[i]), 0);
}

static void with_decay(const char *option)
{
	options_parse(option, &purge_params, 1);
}

static void test_one_thread(void **state)
{
	(void)state;
	with_decay("decay_ms=500");
	trace(1, 11, 60000);
}

static void test_one_thread_without_decay(void **state)
{
	(void)state;
	with_decay("decay_ms=0");
	trace(1, 12, 10000);
}

static void test_four_threads(void **state)
{
	(void)state;
	with_decay("decay_ms=500");
	trace(4, 13, 20000);
}

static void test_four_threads_without_decay(void **state)
{
	(void)state;
	with_decay("decay_ms=0");
	trace(4, 14, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_thread),
		cmocka_unit_test(test_one_thread_without_decay),
		cmocka_unit_test(test_four_threads),
		cmocka_unit_test(test_four_threads_without_decay),
	};

	kmem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
