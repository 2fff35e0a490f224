/* SPDX-License-Identifier: MIT */
/*
 * The zone's part in giving back a heap that emptied: what goes, what is counted when it is taken
 * again, and when it is time for a look.
 */
#include "unit_buddy.h"

static bool not_now(void)
{
	return false;
}

/* What an emptied heap gave back is counted when it is taken again, be it for slabs or whole. */
static void test_emptied(void **state)
{
	struct page *page, *bulk[16];
	struct zone zone;
	unsigned int n;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 2048, 11);
	zone_free(&zone, page, 2048);
	EXPECT_EQ(purge_emptied(&zone, NULL), 2048);
	EXPECT_EQ(nr_resident(page, 2048), 0);
	EXPECT_EQ(zone.nr_refilled, 0);

	page = take_and_write(&zone, 500, 9);
	EXPECT_EQ(zone.nr_refilled, 500);
	zone_free(&zone, page, 500);
	/* dirty pages are no refills */
	page = take_and_write(&zone, 100, 7);
	EXPECT_EQ(zone.nr_refilled, 500);
	zone_free(&zone, page, 100);
	EXPECT_EQ(purge_emptied(&zone, NULL), 500);
	n = zone_alloc_bulk(&zone, 1, bulk, ARRAY_SIZE(bulk), 0);
	EXPECT_EQ(n, ARRAY_SIZE(bulk));
	EXPECT_EQ(zone.nr_refilled, 500 + 2 * n);
	unit_free_blocks(&zone, 1, bulk, n);

	/* nor is what was never given back, or went otherwise */
	page = zone_alloc(&zone, PAGES_PER_SECTION / 2, 13);
	EXPECT_EQ(zone.nr_refilled, 2048 + 500);
	zone_free(&zone, page, PAGES_PER_SECTION / 2);
	purge_all(&zone);
	page = zone_alloc(&zone, 2048, 11);
	EXPECT_EQ(zone.nr_refilled, 2048 + 500);
	zone_free(&zone, page, 2048);

	/* nothing goes against the caller's will, or the user's */
	EXPECT_EQ(purge_emptied(&zone, not_now), 0);
	set_decay("decay_ms=-1");
	EXPECT_EQ(purge_emptied(&zone, NULL), 0);
	EXPECT_EQ(zone.nr_dirty, 2048);
	zone_fini(&zone);
}

/* So it is by a block that grows where it is, by what it grows. */
static void test_refilled_in_place(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 2048, 11);
	zone_free(&zone, page + 100, 1948);
	EXPECT_EQ(purge_emptied(&zone, NULL), 1948);
	EXPECT(zone_claim(&zone, page + 100, 300));
	EXPECT_EQ(zone.nr_refilled, 300);
	zone_free(&zone, page + 400 - 50, 50);
	EXPECT(zone_claim(&zone, page + 400 - 50, 60));
	EXPECT_EQ(zone.nr_refilled, 310);
	zone_free(&zone, page, 410);
	zone_fini(&zone);
}

/* While another purges, what is in use may exceed the peak, which then has not far to sink. */
static void test_peak_beside_a_purge(void **state)
{
	struct page *page, *more;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 300, 9);
	purge_tick(&zone, os_clock_ms(), 0);
	EXPECT_EQ(zone.peak_used, 300);
	more = take_and_write(&zone, 200, 8);
	lock_acquire(&zone.purge_lock);
	purge_tick(&zone, os_clock_ms() + NEVER_MS, 0);
	EXPECT_EQ(zone.peak_used, 300);
	lock_release(&zone.purge_lock);
	purge_tick(&zone, os_clock_ms(), 0);
	EXPECT_EQ(zone.peak_used, 500);
	zone_free(&zone, more, 200);
	zone_free(&zone, page, 300);
	zone_fini(&zone);
}

/* A thread that read the clock before another purged is no decay ahead of it. */
static void test_clock_read_earlier(void **state)
{
	uint64_t now = os_clock_ms() + 3 * NEVER_MS;
	struct page *page;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 64, 6);
	purge_tick(&zone, now, 0);
	zone_free(&zone, page, 64);
	zone.last_purge_ms = now;
	purge_tick(&zone, now - 1, 0);
	EXPECT_EQ(zone.nr_dirty, 64);
	purge_tick(&zone, now + NEVER_MS, 0);
	EXPECT_EQ(zone.nr_dirty, 0);
	zone_fini(&zone);
}

/* What describes free pages goes with them, but for the first page of each block. */
static void test_mem_map_goes(void **state)
{
	const unsigned int a_page = PAGE_SIZE / sizeof(struct page);
	unsigned char vec[2048 * sizeof(struct page) / PAGE_SIZE];
	unsigned int i, resident = 0;
	struct page *page, *first;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = zone_alloc(&zone, 2048, 11);
	for (i = 0; i < 2048; i += 2)
		zone_free(&zone, page + i, 1);
	for (i = 1; i < 2048; i += 2)
		zone_free(&zone, page + i, 1);
	purge_emptied(&zone, NULL);
	/* before anybody reads them */
	first = (struct page *)align_up((uintptr_t)page, PAGE_SIZE);
	EXPECT_EQ(mincore(first, (ARRAY_SIZE(vec) - 1) * PAGE_SIZE, vec), 0);
	for (i = 0; i < ARRAY_SIZE(vec) - 1; i++)
		resident += vec[i] & 1;
	EXPECT(resident <= 1);
	/* and is good for another life */
	for (i = 0; i < a_page; i++) {
		first = take_and_write(&zone, 3, 0);
		zone_free(&zone, first + 1, 2);
		zone_free(&zone, first, 1);
	}
	zone_fini(&zone);
}

/*
 * It is time for a look when much less is in use than lately, and at once when it is little enough,
 * or much was freed by one call, though not each time.
 */
static void test_heap_state(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = zone_alloc(&zone, 1024, 10);
	heap_state = HEAP_STEADY;
	heap_look_below = 500;
	zone_free(&zone, page + 900, 124);
	EXPECT_EQ(heap_state, HEAP_STEADY);
	zone_free(&zone, page + 700, 200);
	EXPECT_EQ(heap_state, HEAP_SANK);
	zone_free(&zone, page + 499, 201);
	EXPECT_EQ(heap_state, HEAP_LOOK);
	heap_state = HEAP_STEADY;
	heap_look_below = 0;
	zone_free(&zone, page + 479, 20);
	EXPECT_EQ(heap_state, HEAP_SANK);
	/* the last of that kind may have been a moment ago */
	os_nap(100000000);
	zone_free(&zone, page + 20, 459);
	EXPECT_EQ(heap_state, HEAP_LOOK);
	heap_state = HEAP_STEADY;
	set_decay("decay_ms=-1");
	zone_free(&zone, page, 20);
	EXPECT_EQ(heap_state, HEAP_STEADY);
	zone_fini(&zone);
}

/*
 * What large blocks fault in again of another purge lets more stay dirty; in a heap that is not
 * large, if it is a great deal.
 */
static void test_refaults_of_any_heap(void **state)
{
	struct page *used, *page;
	struct zone zone;
	uint64_t later;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	used = take_and_write(&zone, 2000, 0);
	page = take_and_write(&zone, 900, 0);
	zone.nr_refault = 1000000;
	zone_free(&zone, page, 900);
	EXPECT_EQ(zone.nr_dirty, 900);
	zone.peak_used = 2000;
	later = os_clock_ms() + 1000;
	purge_tick(&zone, later, 0);
	EXPECT_EQ(zone.nr_dirty, 900);
	zone.nr_refault = 10000;
	purge_tick(&zone, later, 0);
	EXPECT(zone.nr_dirty < 900);
	zone_free(&zone, used, 2000);
	zone_fini(&zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_emptied),
		cmocka_unit_test(test_refilled_in_place),
		cmocka_unit_test(test_peak_beside_a_purge),
		cmocka_unit_test(test_clock_read_earlier),
		cmocka_unit_test(test_mem_map_goes),
		cmocka_unit_test(test_heap_state),
		cmocka_unit_test(test_refaults_of_any_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
