/* SPDX-License-Identifier: MIT */
/* Blocks of pages with a count: found from any of their pages, referenced, cut, and given up. */
#include "large.h"
#include "page_alloc.h"
#include "page_block.h"
#include "pcp.h"
#include "unit_buddy.h"

static struct page *take(enum page_block_kind kind, unsigned int order, unsigned int nr)
{
	struct page *page = page_alloc(nr, order, NUMA_NO_NODE, GFP_KERNEL);

	EXPECT(page != NULL);
	page_block_init(page, kind, order, nr);
	return page;
}

static void give(struct page *page)
{
	unsigned int nr;

	EXPECT_EQ(page_block_put(page), 0);
	nr = page_block_fini(page);
	zone_free(page_zone(page), page, nr);
}

static int teardown(void **state)
{
	(void)state;
	EXPECT_EQ(page_block_pages(), 0);
	purge_all(&zone_normal);
	expect_all_free(&zone_normal);
	return 0;
}

/* Every page of a block leads to its first one, and none beyond it does. */
static void test_heads(void **state)
{
	unsigned int order, nr, i;

	(void)state;
	for (order = 0; order <= 7; order++)
		for (nr = (1u << order) / 2 + 1; nr <= 1u << order; nr++) {
			struct page *page = take(BLOCK_EXACT, order, nr);

			EXPECT_EQ(page_block_pages(), nr);
			for (i = 0; i < 1u << order; i++)
				EXPECT(page_block_head(page + i) == (i < nr ? page : NULL));
			give(page);
			for (i = 0; i < nr; i++)
				EXPECT(page_block_head(page + i) == NULL);
		}
}

/* Blocks side by side are not taken for each other. */
static void test_neighbours(void **state)
{
	struct page *pages[64];
	unsigned int n = 0, i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pages); i++, n++)
		pages[i] = take(i % 2 ? BLOCK_COMPOUND : BLOCK_PLAIN, i % 4, 1u << i % 4);
	for (i = 0; i < n; i++)
		for (j = 0; j < 1u << i % 4; j++) {
			EXPECT(page_block_head(pages[i] + j) == pages[i]);
			EXPECT(page_block_counter(pages[i] + j) == (i % 2 || !j ? pages[i] : NULL));
		}
	for (i = 0; i < n; i++)
		give(pages[i]);
}

static void test_counts(void **state)
{
	struct page *page = take(BLOCK_COMPOUND, 3, 8);

	(void)state;
	EXPECT_EQ(page_block_get(page), 2);
	EXPECT_EQ(page_block_get(page), 3);
	EXPECT_EQ(page_block_put(page), 2);
	EXPECT_EQ(page_block_put(page), 1);
	EXPECT_EQ(page_block_put(page), 0);
	/* from nothing there is no way back, nor further down */
	EXPECT_EQ(page_block_get(page), (unsigned long)-1);
	EXPECT_EQ(page_block_put(page), (unsigned long)-1);
	EXPECT_EQ(page_block_fini(page), 8);
	zone_free(page_zone(page), page, 8);
}

static void test_cut(void **state)
{
	struct page *page = take(BLOCK_PLAIN, 4, 16);

	(void)state;
	page_block_cut(page);
	EXPECT_EQ(page_block_pages(), 1);
	EXPECT(page_block_head(page + 1) == NULL);
	zone_free(page_zone(page), page + 1, 15);
	give(page);
}

/* free() of such a block is told from everything else that is not its own. */
static void test_faults(void **state)
{
	struct page *page = take(BLOCK_PLAIN, 2, 4);
	char *addr = page_start(page);
	struct per_cpu_pages *pcp = pcp_of_lane(0);

	(void)state;
	EXPECT_EQ(large_size(addr), 0);
	EXPECT(large_free(NULL, addr) < 0);
	EXPECT_EQ(large_fault(addr), FAULT_PAGES);
	EXPECT_EQ(large_fault(addr + 3 * PAGE_SIZE + 5), FAULT_PAGES);
	give(page);
	EXPECT_EQ(large_fault(addr), FAULT_DOUBLE_FREE);
	page = take(BLOCK_PLAIN, 0, 1);
	addr = page_start(page);
	EXPECT_EQ(page_block_put(page), 0);
	EXPECT_EQ(page_block_fini(page), 1);
	pcp_free(pcp, page, 0);
	EXPECT_EQ(large_fault(addr), FAULT_DOUBLE_FREE);
	unit_return_lists();
}

/* What cannot be freed now waits as a large block. */
static void test_adopted(void **state)
{
	struct page *page = take(BLOCK_EXACT, 3, 5);

	(void)state;
	EXPECT_EQ(page_block_put(page), 0);
	large_adopt(page, page_block_fini(page));
	EXPECT_EQ(large_bytes(), 5 * PAGE_SIZE);
	EXPECT_EQ(large_size(page_start(page)), 5 * PAGE_SIZE);
	EXPECT_EQ(large_free(NULL, page_start(page)), 0);
	EXPECT_EQ(large_bytes(), 0);
}

/* Pages of a list are zeroed when their bits do not know that they were written to. */
static void test_zeroed_page_lists(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	unsigned int order, round;

	(void)state;
	for (order = 0; order < PCP_ORDERS + 1; order++)
		for (round = 0; round < 10; round++) {
			struct page *page =
				pcp_alloc(pcp, order, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO);

			EXPECT(unit_is_zero(page_start(page), PAGE_SIZE << order));
			memset(page_start(page), 0xee, PAGE_SIZE << order);
			pcp_free(pcp, page, order);
			if (round == 5)
				unit_return_lists();
			if (round == 7) {
				unit_return_lists();
				purge_all(&zone_normal);
			}
		}
	unit_return_lists();
}

/* Threads that get and put: one of them, and only one, is told that it was the last. */
static struct page *shared;
static unsigned int lasts;

static void get_and_put(void *arg, unsigned int id)
{
	unsigned int i, steps = unit_steps(20000);
	long left;

	(void)arg;
	(void)id;
	for (i = 0; i < steps; i++) {
		EXPECT(page_block_get(shared) > 1);
		EXPECT(page_block_put(shared) >= 1);
	}
	left = page_block_put(shared);
	EXPECT(left >= 0);
	if (!left)
		__atomic_fetch_add(&lasts, 1, __ATOMIC_RELAXED);
}

static void test_threads(void **state)
{
	unsigned int i;

	(void)state;
	shared = take(BLOCK_COMPOUND, 1, 2);
	lasts = 0;
	for (i = 1; i < 4; i++)
		page_block_get(shared);
	unit_threads(4, get_and_put, NULL);
	EXPECT_EQ(lasts, 1);
	EXPECT_EQ(page_block_fini(shared), 2);
	zone_free(page_zone(shared), shared, 2);
}

static void warn_often(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < 100; i++)
		page_alloc_warn(i, GFP_KERNEL);
}

/* A few lines, and no more for a while. */
static void test_warnings(void **state)
{
	char text[4000], *line;
	unsigned int lines = 0;

	(void)state;
	EXPECT_EQ(unit_child(warn_often, NULL, text, sizeof(text)), 0);
	EXPECT(strncmp(text, "kmem: page allocation failure: order:0, mode:0x1c01\n", 52) == 0);
	for (line = text; (line = strchr(line, '\n')); line++)
		lines++;
	EXPECT_EQ(lines, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_heads, teardown),
		cmocka_unit_test_teardown(test_neighbours, teardown),
		cmocka_unit_test_teardown(test_counts, teardown),
		cmocka_unit_test_teardown(test_cut, teardown),
		cmocka_unit_test_teardown(test_faults, teardown),
		cmocka_unit_test_teardown(test_adopted, teardown),
		cmocka_unit_test_teardown(test_zeroed_page_lists, teardown),
		cmocka_unit_test_teardown(test_threads, teardown),
		cmocka_unit_test(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
