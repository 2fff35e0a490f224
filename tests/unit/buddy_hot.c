/* SPDX-License-Identifier: MIT */
/* The ranges that lanes keep for large blocks, a part of their page lists. */
#include "unit_pcp.h"

static void test_ranges(void **state)
{
	struct page *page = zone_alloc(&zone_normal, HOT_FIRST, 0), *part[4];
	unsigned int i;

	(void)state;
	EXPECT(take(1) == NULL);
	/* cut from the front, merged whatever the order */
	give(page, HOT_FIRST);
	expect_held(page, HOT_FIRST);
	EXPECT_EQ(listed(), HOT_FIRST);
	for (i = 0; i < 4; i++) {
		part[i] = take(HOT_FIRST / 4);
		EXPECT(part[i] == page + i * (HOT_FIRST / 4));
		EXPECT(!pcp_holds(part[i]));
	}
	EXPECT_EQ(listed(), 0);
	give(part[2], HOT_FIRST / 4);
	give(part[0], HOT_FIRST / 4);
	EXPECT(take(HOT_FIRST / 4 + 1) == NULL);
	give(part[1], HOT_FIRST / 4);
	give(part[3], HOT_FIRST / 4);
	EXPECT(take(HOT_FIRST) == page);
	/* the smallest that is large enough */
	give(page, 12);
	give(page + 13, 5);
	give(page + 19, 9);
	EXPECT(take(6) == page + 19);
	EXPECT(take(5) == page + 13);
	EXPECT(take(5) == page);
	EXPECT(take(9) == NULL);
	/* what is left starts at 5 and at 25; a power of two of pages starts at its multiples */
	EXPECT(take(2) == NULL);
	EXPECT(take(3) == page + 25);
	give(page + 25, 3);
	unit_return_lists();
	zone_free(&zone_normal, page, 5);
	zone_free(&zone_normal, page + 12, 1);
	zone_free(&zone_normal, page + 13, 12);
	zone_free(&zone_normal, page + 28, 4);
}

/* Of too many ranges, or pages, those go that were freed first. */
static void test_excess(void **state)
{
	const unsigned int nr = 4 * (HOT_RANGES + HOT_FIRST), behind = 2 * (HOT_RANGES + 1);
	struct page *page = zone_alloc(&zone_normal, nr, 0), *range = page + behind;
	unsigned int i;

	(void)state;
	for (i = 0; i < HOT_RANGES + 1; i++)
		give(page + 2 * i, 1);
	EXPECT_EQ(listed(), HOT_RANGES);
	EXPECT(zone_page_is_free(&zone_normal, page));
	for (i = 1; i < HOT_RANGES + 1; i++)
		expect_held(page + 2 * i, 1);
	/* and of one that became too long its end */
	give(range, HOT_FIRST - 3);
	EXPECT_EQ(listed(), HOT_FIRST);
	EXPECT(!pcp_holds(page + 2 * (HOT_RANGES - 3)));
	expect_held(page + 2 * (HOT_RANGES - 2), 1);
	give(range + HOT_FIRST - 3, 15);
	EXPECT_EQ(listed(), HOT_FIRST);
	expect_held(range, HOT_FIRST);
	EXPECT(zone_page_is_free(&zone_normal, range + HOT_FIRST));
	unit_return_lists();
	for (i = 0; i < HOT_RANGES + 1; i++)
		zone_free(&zone_normal, page + 2 * i + 1, 1);
	zone_free(&zone_normal, range + HOT_FIRST + 12, nr - behind - HOT_FIRST - 12);
}

/*
 * Where another thread is met on the way to the zone, more is kept, until the zone takes all back.
 */
static void test_ranges_grow(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	struct page *page = zone_alloc(&zone_normal, 2 * HOT_FIRST, 0);
	unsigned int i;

	(void)state;
	lock_acquire(&zone_normal.lock);
	give(page, 2 * HOT_FIRST);
	EXPECT_EQ(listed(), 0);
	EXPECT(zone_alloc(&zone_normal, 2 * HOT_FIRST, 0) == page);
	give(page, 2 * HOT_FIRST);
	EXPECT_EQ(listed(), 2 * HOT_FIRST);
	EXPECT(take(2 * HOT_FIRST) == page);
	/* nobody is there */
	lock_release(&zone_normal.lock);
	EXPECT(take(1) == NULL);
	EXPECT_EQ(pcp->hot.most, 2 * HOT_FIRST);
	/* what is small, but more than there is room for */
	unit_return_lists();
	EXPECT_EQ(pcp->hot.most, HOT_FIRST);
	lock_acquire(&zone_normal.lock);
	give(page, HOT_FIRST - 1);
	give(page + HOT_FIRST, HOT_FIRST);
	EXPECT_EQ(pcp->hot.most, 2 * HOT_FIRST);
	EXPECT_EQ(listed(), 2 * HOT_FIRST - 1);
	for (i = 0; i < 10; i++)
		EXPECT(take(HOT_LARGEST) == NULL);
	lock_release(&zone_normal.lock);
	EXPECT_EQ(pcp->hot.most, HOT_MET);
	give(page + HOT_FIRST - 1, 1);
	unit_return_lists();
	EXPECT_EQ(pcp->hot.most, HOT_FIRST);
}

/* What a block teaches that is wanted again does not lessen what meetings gave. */
static void test_learns_no_less(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	struct page *page = zone_alloc(&zone_normal, HOT_FIRST + 8, 0);
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		EXPECT(!hot_put(&pcp->hot, page, HOT_FIRST + 8));
		if (i == 3)
			pcp->hot.most = HOT_MET;
		EXPECT(take(HOT_FIRST + 8) == NULL);
	}
	EXPECT_EQ(pcp->hot.most, HOT_MET);
	zone_free(&zone_normal, page, HOT_FIRST + 8);
}

/* With room for more pages it is the number of ranges that ends it. */
static void test_many_ranges(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	const unsigned int nr = 4 * (HOT_RANGES + 1);
	struct page *page = zone_alloc(&zone_normal, nr, 0);
	unsigned int i;

	(void)state;
	pcp->hot.most = HOT_MET;
	for (i = 0; i < nr; i += 4)
		give(page + i, 3);
	EXPECT_EQ(pcp->hot.nr_ranges, HOT_RANGES);
	EXPECT_EQ(listed(), 3 * HOT_RANGES);
	EXPECT(zone_page_is_free(&zone_normal, page));
	expect_held(page + 4, 3);
	unit_return_lists();
	for (i = 0; i < nr; i += 4) {
		EXPECT(zone_page_is_free(&zone_normal, page + i + 2));
		zone_free(&zone_normal, page + i + 3, 1);
	}
}

/* A larger block passes by, unless it was just what was wanted next a few times. */
static void test_larger_blocks(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	const size_t bytes = HOT_LARGEST * PAGE_SIZE;
	unsigned int i;
	void *block;

	(void)state;
	for (i = 0; i < 20; i++) {
		block = large_alloc(pcp, bytes, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
		EXPECT_EQ(listed(), 0);
		EXPECT_EQ(large_free(pcp, block), 0);
		EXPECT_EQ(listed(), i < 4 ? 0 : HOT_LARGEST);
	}
	/* any that is not larger, and one that is wanted by others */
	EXPECT(take(HOT_LARGEST - 1) != NULL);
	EXPECT_EQ(listed(), 1);
	zone_free(&zone_normal, page_at(block), HOT_LARGEST - 1);
	unit_return_lists();
	block = large_alloc(pcp, bytes, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	EXPECT_EQ(large_free(pcp, block), 0);
	EXPECT_EQ(listed(), 0);
	/* not when each third time something else is wanted, much less, or more */
	for (i = 0; i < 20; i++) {
		block = large_alloc(pcp, bytes, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
		EXPECT_EQ(large_free(pcp, block), 0);
		if (i % 3 == 2)
			EXPECT(take(i % 2 ? 3 : HOT_LARGEST * 3 / 4) == NULL);
		EXPECT_EQ(listed(), 0);
	}
	for (i = 0; i < 20; i++) {
		block = large_alloc(pcp, bytes + PAGE_SIZE, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
		EXPECT_EQ(large_free(pcp, block), 0);
		EXPECT_EQ(listed(), 0);
	}
}

/* What was written to such pages is not what calloc hands out. */
static void test_zeroed(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	char *block = large_alloc(pcp, 60000, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL), *again;

	(void)state;
	memset(block, 0xee, 60000);
	EXPECT_EQ(large_free(pcp, block), 0);
	again = large_alloc(pcp, 50000, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO);
	EXPECT(again == block);
	EXPECT(unit_is_zero(again, 50000));
	EXPECT_EQ(large_free(pcp, again), 0);
}

/* Before memory is touched that costs nothing yet, the zone has what the lanes have. */
static void test_returned_when_wanted(void **state)
{
	struct page *page = zone_alloc(&zone_normal, 16, 4), *block;

	(void)state;
	give(page, 16);
	block = zone_alloc(&zone_normal, 16, 4);
	EXPECT(block == page);
	EXPECT_EQ(listed(), 0);
	zone_free(&zone_normal, block, 16);
}

/* A block grows into what its neighbour left. */
static void test_growth_into_ranges(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	char *block = large_alloc(pcp, 16 * PAGE_SIZE, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);

	(void)state;
	EXPECT(large_resize(block, 8 * PAGE_SIZE, true) == block);
	EXPECT(zone_claim(&zone_normal, page_at(block) + 8, 8));
	give(page_at(block) + 8, 8);
	EXPECT_EQ(listed(), 8);
	EXPECT(large_resize(block, 16 * PAGE_SIZE, true) == block);
	EXPECT_EQ(listed(), 0);
	EXPECT_EQ(large_free(pcp, block), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pcp_test(test_ranges),
		pcp_test(test_excess),
		pcp_test(test_ranges_grow),
		pcp_test(test_learns_no_less),
		pcp_test(test_many_ranges),
		pcp_test(test_larger_blocks),
		pcp_test(test_zeroed),
		pcp_test(test_returned_when_wanted),
		pcp_test(test_growth_into_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
