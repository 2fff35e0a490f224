/* SPDX-License-Identifier: MIT */
/*
 * Slabs: their lists, their addresses, and the faults that they find.
 *
 * The cache is one of the test's own, driven without sheaves, so that each call is one step between
 * the states empty, partial and full. Objects are told by their address alone; the slab that an
 * object lies in is found from its pages.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "purge.h"
#include "unit_slab.h"

#define CLASS	   200
#define SIZE	   96u
#define ALIGN	   32u
#define MANY_SLABS 12

static struct kmem_cache cache;
static unsigned int per_slab;

static int setup(void **state)
{
	(void)state;
	options_parse("decay_ms=-1", &purge_params, 1);
	cache = (struct kmem_cache){ .size = 0 };
	cache_init(&cache, "test-96", SIZE, ALIGN, CLASS);
	cache_init_sheaves(&cache);
	per_slab = cache.objects;
	return 0;
}

/* Nothing is in use; nothing may stay. */
static int teardown(void **state)
{
	(void)state;
	EXPECT_EQ(cache_inuse(&cache), 0);
	cache_shrink(&cache);
	expect_cache_sound(&cache);
	EXPECT_EQ(node_sum(&cache.node).nr_empty + node_sum(&cache.node).nr_partial +
			  node_sum(&cache.node).nr_full,
		  0);
	kmem_caches[CLASS] = NULL;
	EXPECT_EQ(zone_normal.nr_free, zone_normal.nr_online);
	zone_is_valid(&zone_normal);
	return 0;
}

static void expect_counts(unsigned long partial, unsigned long full, unsigned long empty)
{
	expect_cache_sound(&cache);
	EXPECT_EQ(node_sum(&cache.node).nr_partial, partial);
	EXPECT_EQ(node_sum(&cache.node).nr_full, full);
	EXPECT_EQ(node_sum(&cache.node).nr_empty, empty);
}

static unsigned int take(void **objects, unsigned int n)
{
	return slab_alloc_bulk(&cache, NULL, objects, n, GFP_KERNEL);
}

static void give(void *object)
{
	slab_free_bulk(&cache, NULL, &object, 1);
}

/* One slab through all of its states, an object at a time. */
static void test_states(void **state)
{
	void **objects = calloc(per_slab, sizeof(*objects));
	struct slab *slab = NULL;
	unsigned int i;

	(void)state;
	expect_counts(0, 0, 0);
	for (i = 0; i < per_slab; i++) {
		EXPECT_EQ(take(&objects[i], 1), 1);
		slab = slab_at(objects[i]);
		EXPECT_EQ(slab->inuse, i + 1);
		EXPECT((char *)objects[i] == slab_object(&cache, slab, i));
		EXPECT_EQ((uintptr_t)objects[i] % ALIGN, 0);
		expect_counts(i + 1 < per_slab, i + 1 == per_slab, 0);
	}
	for (i = 0; i < per_slab; i++) {
		give(objects[i]);
		EXPECT_EQ(slab->inuse, per_slab - i - 1);
		expect_counts(i + 1 < per_slab, 0, i + 1 == per_slab);
	}
	/* empty is used again, not a new one */
	EXPECT_EQ(take(objects, 1), 1);
	EXPECT(slab_at(objects[0]) == slab);
	expect_counts(1, 0, 0);
	give(objects[0]);
	free(objects);
}

/*
 * What partial and empty slabs have, together, or else what some new slabs have, of eight pages in
 * all.
 */
static void test_bulk(void **state)
{
	void **objects = calloc(4 * per_slab, sizeof(*objects));
	unsigned int n, i;

	(void)state;
	cache.max_empty = 2;
	EXPECT_EQ(cache.order, 2);
	EXPECT_EQ(take(objects, 4 * per_slab), 2 * per_slab);
	expect_counts(0, 2, 0);
	slab_free_bulk(&cache, NULL, objects, 2 * per_slab);
	cache_shrink(&cache);
	EXPECT_EQ(take(objects, per_slab), per_slab);
	expect_counts(0, 1, 0);
	EXPECT_EQ(take(objects + per_slab, per_slab), per_slab);
	expect_counts(0, 2, 0);
	/* three from each, and all at once again */
	for (i = 0; i < 3; i++) {
		give(objects[i * 2]);
		give(objects[per_slab + i * 2]);
	}
	expect_counts(2, 0, 0);
	n = take(objects + 2 * per_slab, per_slab);
	EXPECT_EQ(n, 6);
	expect_counts(0, 2, 0);
	for (i = 0; i < 3; i++) {
		objects[i * 2] = objects[2 * per_slab + i];
		objects[per_slab + i * 2] = objects[2 * per_slab + 3 + i];
	}
	slab_free_bulk(&cache, NULL, objects, 2 * per_slab);
	expect_counts(0, 0, 2);
	EXPECT_EQ(take(objects, 4 * per_slab), 2 * per_slab);
	expect_counts(0, 2, 0);
	slab_free_bulk(&cache, NULL, objects, 2 * per_slab);
	free(objects);
}

/* Addresses descend, in a new slab and among the holes of an old one. */
static void test_addresses_descend(void **state)
{
	void **objects = calloc(per_slab, sizeof(*objects)), **holes;
	uint64_t rng = unit_seed(0xa5c);
	unsigned int i, n = 0;

	(void)state;
	holes = calloc(per_slab, sizeof(*holes));
	EXPECT_EQ(take(objects, per_slab), per_slab);
	for (i = 1; i < per_slab; i++)
		EXPECT_EQ((char *)objects[i - 1] - (char *)objects[i], SIZE);
	/* freed from the top down */
	for (i = per_slab; i-- > 0;)
		if (unit_below(&rng, 3) == 0) {
			give(objects[i]);
			n++;
		}
	EXPECT(n > 2);
	EXPECT_EQ(take(holes, per_slab), n);
	for (i = 1; i < n; i++)
		EXPECT((char *)holes[i] < (char *)holes[i - 1]);
	EXPECT(slab_at(holes[0]) == slab_at(objects[0]));
	slab_free_bulk(&cache, NULL, objects, per_slab);
	free(objects);
	free(holes);
}

/* The slab that serves goes on to serve until it is full; one that a free made partial waits. */
static void test_one_slab_at_a_time(void **state)
{
	void **objects = calloc(3 * per_slab, sizeof(*objects));
	struct slab *slabs[3];
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(take(objects + i * per_slab, per_slab), per_slab);
		slabs[i] = slab_at(objects[i * per_slab]);
	}
	for (i = 0; i < 3; i++)
		slab_free_bulk(&cache, NULL, objects + i * per_slab, 5);
	expect_counts(3, 0, 0);
	/* first freed into, first taken from, and wholly */
	for (i = 0; i < 15; i++) {
		void **object = &objects[i / 5 * per_slab + i % 5];

		EXPECT_EQ(take(object, 1), 1);
		EXPECT(slab_at(*object) == slabs[i / 5]);
	}
	expect_counts(0, 3, 0);
	slab_free_bulk(&cache, NULL, objects, 3 * per_slab);
	free(objects);
}

/* A few empty slabs are kept, the others' pages go back to the zone. */
static void test_max_empty(void **state)
{
	void **objects = calloc(MANY_SLABS * per_slab, sizeof(*objects));
	struct slab *slabs[MANY_SLABS];
	unsigned int i, kept = 0;

	(void)state;
	for (i = 0; i < MANY_SLABS; i++) {
		EXPECT_EQ(take(objects + i * per_slab, per_slab), per_slab);
		slabs[i] = slab_at(objects[i * per_slab]);
	}
	EXPECT(MANY_SLABS > cache.max_empty);
	EXPECT_EQ(zone_normal.nr_online - zone_normal.nr_free, MANY_SLABS << cache.order);
	for (i = 0; i < MANY_SLABS; i++) {
		slab_free_bulk(&cache, NULL, objects + i * per_slab, per_slab);
		expect_counts(0, MANY_SLABS - i - 1,
			      i + 1 < cache.max_empty ? i + 1 : cache.max_empty);
	}
	EXPECT_EQ(zone_normal.nr_online - zone_normal.nr_free, cache.max_empty << cache.order);
	for (i = 0; i < MANY_SLABS; i++) {
		const struct page *page = (const struct page *)slabs[i];
		unsigned int class = page_section(page)->page_class[page_index(page)];

		EXPECT_EQ(class, page->type == PAGE_SLAB ? CLASS : 0);
		EXPECT_EQ(zone_page_is_free(&zone_normal, page), class == 0);
		kept += class == CLASS;
	}
	EXPECT_EQ(kept, cache.max_empty);
	EXPECT_EQ(cache_shrink(&cache), cache.max_empty);
	expect_counts(0, 0, 0);
	free(objects);
}

/* Slab after slab starts at another of the offsets that its left-over bytes allow. */
static void test_colours(void **state)
{
	static struct kmem_cache wide;
	void *objects[64];
	unsigned int i, n;

	(void)state;
	wide = (struct kmem_cache){ .size = 0 };
	cache_init(&wide, "test-1344", 1344, 64, CLASS + 1);
	EXPECT(wide.colours > 1 && wide.colours < 20);
	for (i = 0; i < 2u * wide.colours; i++) {
		struct slab *slab;

		n = slab_alloc_bulk(&wide, NULL, objects, wide.objects, GFP_KERNEL);
		EXPECT_EQ(n, wide.objects);
		slab = slab_at(objects[0]);
		EXPECT_EQ(slab->colour, i % wide.colours);
		EXPECT_EQ((char *)objects[n - 1] - (char *)page_start((struct page *)slab),
			  i % wide.colours * 64);
		EXPECT_EQ((uintptr_t)objects[0] % 64, 0);
		EXPECT((char *)objects[0] + 1344 <=
		       (char *)page_start((struct page *)slab) + (PAGE_SIZE << wide.order));
		expect_cache_sound(&wide);
	}
	while (node_sum(&wide.node).nr_full) {
		struct slab *slab = list_first_entry(&wide.node.lane[0].full, struct slab, list);

		for (i = 0; i < wide.objects; i++)
			objects[i] = slab_object(&wide, slab, i);
		slab_free_bulk(&wide, NULL, objects, wide.objects);
	}
	cache_shrink(&wide);
	kmem_caches[CLASS + 1] = NULL;
}

/* Neither making a slab nor taking its objects, nor giving them back, touches its memory. */
static void test_memory_is_not_touched(void **state)
{
	static struct kmem_cache tall;
	unsigned char vec[1 << SLAB_MAX_ORDER];
	unsigned int i, n;
	void *objects[8];
	void *start;

	(void)state;
	tall = (struct kmem_cache){ .size = 0 };
	cache_init(&tall, "test-16384", 16384, 64, CLASS + 1);
	purge_all(&zone_normal);
	n = slab_alloc_bulk(&tall, NULL, objects, tall.objects, GFP_KERNEL);
	EXPECT_EQ(n, tall.objects);
	start = page_start((struct page *)slab_at(objects[0]));
	EXPECT_EQ(mincore(start, PAGE_SIZE << tall.order, vec), 0);
	for (i = 0; i < 1u << tall.order; i++)
		EXPECT((vec[i] & 1) == 0);
	slab_free_bulk(&tall, NULL, objects, n);
	EXPECT_EQ(mincore(start, PAGE_SIZE << tall.order, vec), 0);
	for (i = 0; i < 1u << tall.order; i++)
		EXPECT((vec[i] & 1) == 0);
	cache_shrink(&tall);
	kmem_caches[CLASS + 1] = NULL;
}

/* ---- Faults ---- */

static void free_it(void *object)
{
	give(object);
}

static void check_it(void *object)
{
	slab_check_object(&cache, object);
}

static void test_double_free(void **state)
{
	void **objects = calloc(per_slab, sizeof(*objects));
	unsigned int i;

	(void)state;
	EXPECT_EQ(take(objects, per_slab), per_slab);
	for (i = 0; i < per_slab; i++)
		slab_check_object(&cache, objects[i]);
	/* in a partial slab, whatever its bit's word; then in an empty one; then in none at all */
	for (i = 0; i < per_slab; i += 20) {
		give(objects[i]);
		unit_dies_saying(free_it, objects[i], "kmem: BUG test-96: double free of 0x%lx",
				 (unsigned long)objects[i]);
		unit_dies_saying(check_it, objects[i], "kmem: BUG test-96: double free of 0x%lx",
				 (unsigned long)objects[i]);
	}
	for (i = 0; i < per_slab; i++)
		if (i % 20)
			give(objects[i]);
	expect_counts(0, 0, 1);
	unit_dies_saying(free_it, objects[1], "kmem: BUG test-96: double free of 0x%lx",
			 (unsigned long)objects[1]);
	cache_shrink(&cache);
	unit_dies_saying(free_it, objects[1], "kmem: BUG test-96: double free of 0x%lx",
			 (unsigned long)objects[1]);
	free(objects);
}

/* Twice in one call. */
static void free_two(void *arg)
{
	void *objects[] = { arg, arg };

	slab_free_bulk(&cache, NULL, objects, 2);
}

static void test_double_free_in_bulk(void **state)
{
	void *objects[2];

	(void)state;
	EXPECT_EQ(take(objects, 2), 2);
	unit_dies_saying(free_two, objects[0], "kmem: BUG test-96: double free of 0x%lx",
			 (unsigned long)objects[0]);
	slab_free_bulk(&cache, NULL, objects, 2);
}

static void expect_interior(char *object)
{
	unit_dies_saying(free_it, object,
			 "kmem: BUG test-96: invalid free (not the start of an object) of 0x%lx",
			 (unsigned long)object);
	unit_dies_saying(check_it, object,
			 "kmem: BUG test-96: invalid free (not the start of an object) of 0x%lx",
			 (unsigned long)object);
}

/* Within an object, before the first, behind the last. */
static void test_interior_free(void **state)
{
	void **objects = calloc(2 * per_slab, sizeof(*objects));
	static const unsigned int offsets[] = { 1, 7, 8, 16, 48, SIZE - 1 };
	struct slab *slab;
	unsigned int i;

	(void)state;
	EXPECT_EQ(take(objects, per_slab), per_slab);
	EXPECT_EQ(take(objects + per_slab, per_slab), per_slab);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		expect_interior((char *)objects[0] + offsets[i]);
		expect_interior((char *)objects[per_slab / 2] + offsets[i]);
	}
	slab = slab_at(objects[0]);
	if (slab->colour == 0)
		slab = slab_at(objects[per_slab]);
	EXPECT(slab->colour > 0);
	expect_interior(slab_object(&cache, slab, 0) - ALIGN);
	expect_interior(page_start((struct page *)slab));
	slab = slab_at(objects[slab == slab_at(objects[0]) ? per_slab : 0]);
	if (first_offset(&cache, slab) + per_slab * SIZE < PAGE_SIZE << cache.order)
		expect_interior(slab_object(&cache, slab, per_slab));
	expect_counts(0, 2, 0);
	slab_free_bulk(&cache, NULL, objects, 2 * per_slab);
	free(objects);
}

/* ---- Refusals and threads ---- */

/* With no block left and no more to be had; then with one. */
static void test_refusal(void **state)
{
	struct page **pages = calloc(PAGES_PER_SECTION, sizeof(*pages));
	unsigned int n = 0;
	void *objects[2];

	(void)state;
	purge_all(&zone_normal);
	unit_os_hook = unit_refuse;
	while (n < PAGES_PER_SECTION &&
	       (pages[n] = zone_alloc(&zone_normal, 1u << cache.order, cache.order)))
		n++;
	EXPECT(n > 0 && n < PAGES_PER_SECTION);
	EXPECT_EQ(take(objects, 2), 0);
	expect_counts(0, 0, 0);
	zone_free(&zone_normal, pages[--n], 1u << cache.order);
	EXPECT_EQ(take(objects, 2), 2);
	expect_counts(1, 0, 0);
	unit_os_hook = NULL;
	unit_free_blocks(&zone_normal, cache.order, pages, n);
	slab_free_bulk(&cache, NULL, objects, 2);
	free(pages);
}

#define HELD 200

static void churn(void *arg, unsigned int id)
{
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, n, nr = 0, steps = unit_steps(4000);
	void *objects[HELD];

	for (i = 0; i < steps; i++) {
		if (nr < HELD && unit_below(&rng, 2)) {
			unsigned int want = unit_below(&rng, HELD - nr) + 1;
			unsigned int got =
				slab_alloc_bulk(&cache, NULL, objects + nr, want, GFP_KERNEL);

			EXPECT(got > 0 && got <= want);
			for (n = nr; n < nr + got; n++)
				unit_fill(objects[n], SIZE, (uintptr_t)objects[n] + id);
			nr += got;
		} else if (nr) {
			unsigned int some = unit_below(&rng, nr) + 1;

			for (n = nr - some; n < nr; n++)
				EXPECT(unit_holds(objects[n], SIZE, (uintptr_t)objects[n] + id));
			slab_free_bulk(&cache, NULL, objects + nr - some, some);
			nr -= some;
		}
	}
	slab_free_bulk(&cache, NULL, objects, nr);
}

static void test_threads(void **state)
{
	uint64_t seed = unit_seed(0x51ab);

	(void)state;
	unit_threads(4, churn, &seed);
	expect_cache_sound(&cache);
	EXPECT_EQ(node_sum(&cache.node).nr_partial + node_sum(&cache.node).nr_full, 0);
}

#define slab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		slab_test(test_states),
		slab_test(test_bulk),
		slab_test(test_addresses_descend),
		slab_test(test_max_empty),
		slab_test(test_one_slab_at_a_time),
		slab_test(test_colours),
		slab_test(test_memory_is_not_touched),
		slab_test(test_double_free),
		slab_test(test_double_free_in_bulk),
		slab_test(test_interior_free),
		slab_test(test_refusal),
		slab_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
