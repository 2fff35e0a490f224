/* SPDX-License-Identifier: MIT */
/*
 * Empty slabs that are lent: how many stay, and when they go.
 */
#include <stdlib.h>
#include <unistd.h>

#include "emptied.h"
#include "lent.h"
#include "limit.h"
#include "slabinfo.h"
#include "unit_slab.h"

#define SIZE	   1024u
#define MANY	   1000u
#define LENT_PAGES 512u /* as in lent.c */

static void *objects[16 * MANY];

static int setup(void **state)
{
	emptied_wanted = false;
	return setup_library(state);
}

static int teardown(void **state)
{
	(void)state;
	expect_nothing_left();
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
	return 0;
}

static void take(unsigned int size, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		objects[i] = unit_kmalloc(size);
}

static void drop(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		unit_kfree(objects[i]);
	expect_caches_sound();
	lent_is_valid();
}

static void burst(unsigned int size, unsigned int n)
{
	take(size, n);
	drop(n);
}

static unsigned long made(size_t size)
{
	return node_sum(&kmalloc_caches[kmalloc_class(size)].node).counters.made;
}

/* The next burst needs no new slab, nor the lists of pages. */
static void test_comes_again(void **state)
{
	unsigned long before, lent;

	(void)state;
	burst(SIZE, MANY);
	lent = pcp_lent(&zone_normal);
	/* all but what lies in sheaves and the barn */
	EXPECT(lent > MANY / 4 * 3 / 4);
	before = made(SIZE);
	burst(SIZE, MANY);
	EXPECT_EQ(made(SIZE), before);
	EXPECT(pcp_lent(&zone_normal) + 8 > lent);
	take(SIZE, MANY);
	EXPECT(pcp_lent(&zone_normal) < 8);
	drop(MANY);
}

/* Of all classes together so much stays, or less where the process may not have as much. */
static void test_most(void **state)
{
	const struct limits before = limits;

	(void)state;
	burst(SIZE, 4 * MANY);
	EXPECT_EQ(pcp_lent(&zone_normal), LENT_PAGES);
	burst(512, 8 * MANY);
	burst(8192, MANY / 2);
	/* but each keeps the few that it always did */
	EXPECT(pcp_lent(&zone_normal) >= LENT_PAGES);
	EXPECT(pcp_lent(&zone_normal) <= LENT_PAGES + 2 * 4 + 32);

	lent_take_back();
	limits.memory_bytes = 16UL << 20;
	burst(SIZE, 4 * MANY);
	EXPECT_EQ(pcp_lent(&zone_normal), 32);
	limits = before;
}

/* Before memory is touched that costs nothing yet, be it for a slab or for a large block. */
static void test_before_clean(void **state)
{
	unsigned long lent;
	void *large;

	(void)state;
	kmem_trim();
	burst(SIZE, MANY);
	lent = pcp_lent(&zone_normal);
	EXPECT(lent > 100);
	large = unit_kmalloc(100 * PAGE_SIZE);
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
	unit_kfree(large);

	kmem_trim();
	burst(SIZE, MANY);
	EXPECT_EQ(pcp_lent(&zone_normal), lent);
	take(8192, MANY / 8);
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
	drop(MANY / 8);

	kmem_trim();
	burst(SIZE, MANY);
	EXPECT_EQ(pcp_lent(&zone_normal), lent);
	take(256, MANY);
	EXPECT(pcp_lent(&zone_normal) < 8);
	drop(MANY);

	/* for which there is no need while others have freed as much */
	kmem_trim();
	large = unit_kmalloc(2000 * PAGE_SIZE);
	burst(SIZE, MANY);
	lent = pcp_lent(&zone_normal);
	unit_kfree(large);
	large = unit_kmalloc(1000 * PAGE_SIZE);
	EXPECT_EQ(pcp_lent(&zone_normal), lent);
	unit_kfree(large);
}

/* Nor is anybody refused what is lent: here who may not enter the OS, and does not. */
static void test_no_waiting(void **state)
{
	unsigned long lent, calls;
	unsigned int n = 0;

	(void)state;
	kmem_trim();
	burst(SIZE, MANY);
	burst(8192, 64);
	lent = pcp_lent(&zone_normal);
	calls = unit_os_calls;
	while (n < ARRAY_SIZE(objects) &&
	       (objects[n] = kmalloc_flags(8192, NUMA_NO_NODE, GFP_NOWAIT)))
		n++;
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
	EXPECT(n < ARRAY_SIZE(objects) && 2 * n > lent / 4 * 3);
	EXPECT_EQ(unit_os_calls, calls);
	drop(n);
}

/* Whoever asks the zone, for whatever. */
static void test_pages(void **state)
{
	struct page *page;

	(void)state;
	kmem_trim();
	burst(SIZE, MANY);
	EXPECT(pcp_lent(&zone_normal) > 100);
	page = zone_alloc(&zone_normal, 8, 3);
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
	EXPECT(zone_normal.nr_dirty > 100);
	zone_free(&zone_normal, page, 8);
}

static unsigned int nr_woken;

static void count_futex(unsigned long args[6])
{
	(void)args;
	nr_woken++;
}

/* A thread that waits for memory to give back is told of it. */
static void test_wakes_purger(void **state)
{
	(void)state;
	kmem_trim();
	options_parse("decay_ms=1000000", &purge_params, 1);
	unit_futex_hook = count_futex;
	purge_waiters.sleepers = 1;
	burst(SIZE, MANY);
	purge_waiters.sleepers = 0;
	unit_futex_hook = NULL;
	EXPECT(nr_woken > 0);
	EXPECT(pcp_lent(&zone_normal) > 100);
	options_parse("decay_ms=-1", &purge_params, 1);
}

static void visit(unsigned int n)
{
	while (n--)
		cpu_leave(cpu_enter());
}

/* As old pages go, also if nobody frees a page. */
static void test_time(void **state)
{
	(void)state;
	burst(SIZE, MANY);
	usleep(5000);
	visit(2 * LOOK_AFTER);
	/* not if nothing is to be given back by itself */
	EXPECT(pcp_lent(&zone_normal) > 100);
	options_parse("decay_ms=8", &purge_params, 1);
	visit(2 * LOOK_AFTER);
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
	options_parse("decay_ms=1000000", &purge_params, 1);
	burst(SIZE, MANY);
	visit(2 * LOOK_AFTER);
	EXPECT(pcp_lent(&zone_normal) > 100);
	options_parse("decay_ms=-1", &purge_params, 1);
}

/* The purge takes it for what was in use until it was lent, and is free since. */
static void test_peak(void **state)
{
	const unsigned long pages = MANY * 2;
	void *large;

	(void)state;
	kmem_trim();
	zone_normal.peak_used = 0;
	burst(8192, MANY);
	EXPECT(zone_normal.peak_used >= pages && zone_normal.peak_used < pages + 100);
	EXPECT_EQ(pcp_lent(&zone_normal), LENT_PAGES);
	zone_normal.peak_used = 0;
	large = unit_kmalloc(400 * PAGE_SIZE);
	unit_kfree(large);
	EXPECT(zone_normal.peak_used >= 400 && zone_normal.peak_used < 500);
	EXPECT_EQ(pcp_lent(&zone_normal), LENT_PAGES);
}

/* It counts as free: a heap that lends all it has has emptied, though no page was freed. */
static void test_empties(void **state)
{
	struct zone_totals sum;
	unsigned int i;

	(void)state;
	kmem_trim();
	options_parse("decay_ms=1000000", &purge_params, 1);
	emptied_wanted = true;
	take(SIZE, MANY);
	for (i = 0; i < MANY; i++)
		unit_kfree(objects[i]);
	zones_total(&sum);
	EXPECT(sum.nr_online - sum.nr_free + sum.nr_dirty < MANY / 4 / 2);
	emptied_wanted = false;
	options_parse("decay_ms=-1", &purge_params, 1);
}

/* But counted once: what is in use beside it is not idle. */
static void test_in_use(void **state)
{
	(void)state;
	kmem_trim();
	options_parse("decay_ms=1000000", &purge_params, 1);
	take(SIZE, MANY);
	memcpy(objects + 8 * MANY, objects, MANY * sizeof(*objects));
	emptied_wanted = true;
	burst(SIZE, 2 * MANY);
	visit(2 * LOOK_AFTER);
	EXPECT(pcp_lent(&zone_normal) > 2 * MANY / 4 * 3 / 4);
	emptied_wanted = false;
	lent_take_back();
	burst(8192, MANY / 4);
	emptied_wanted = true;
	heap_state = HEAP_LOOK;
	visit(2 * LOOK_AFTER);
	EXPECT(pcp_lent(&zone_normal) > MANY / 2 * 3 / 4);
	emptied_wanted = false;
	memcpy(objects, objects + 8 * MANY, MANY * sizeof(*objects));
	drop(MANY);
	options_parse("decay_ms=-1", &purge_params, 1);
}

/* While a fork holds all locks nothing goes. */
static void test_locked(void **state)
{
	unsigned long lent;

	(void)state;
	burst(SIZE, MANY);
	lent = pcp_lent(&zone_normal);
	lock_acquire(&cpus_lock);
	lent_take_back();
	EXPECT_EQ(pcp_lent(&zone_normal), lent);
	lock_release(&cpus_lock);
	lent_take_back();
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
}

/* A program's cache keeps a few, and lends none. */
static void test_programs(void **state)
{
	static struct kmem_cache cache;
	unsigned int n;

	(void)state;
	cache_init(&cache, "test-1024", SIZE, 8, 200);
	cache_init_sheaves(&cache);
	lent_take_back();
	for (n = 0; n < MANY; n++)
		EXPECT_EQ(slab_alloc_bulk(&cache, NULL, &objects[n], 1, GFP_KERNEL), 1);
	slab_free_bulk(&cache, NULL, objects, MANY);
	EXPECT_EQ(node_sum(&cache.node).nr_empty, cache.max_empty);
	EXPECT_EQ(pcp_lent(&zone_normal), 0);
	cache_shrink(&cache);
	kmem_caches[200] = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_comes_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_most, setup, teardown),
		cmocka_unit_test_setup_teardown(test_before_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wakes_purger, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empties, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peak, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
