/* SPDX-License-Identifier: MIT */
/*
 * What the tests of page lists share. All of them work on zone_normal; between two of them nothing
 * is in use, and the lists are empty.
 */
#ifndef KMEM_TESTS_UNIT_PCP_H
#define KMEM_TESTS_UNIT_PCP_H

#include "large.h"
#include "pcp.h"
#include "unit_buddy.h"

static inline int setup(void **state)
{
	(void)state;
	set_decay("decay_ms=-1");
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	EXPECT_EQ(large_count(), 0);
	EXPECT_EQ(large_bytes(), 0);
	unit_return_lists();
	EXPECT_EQ(pcp_pages(&zone_normal), 0);
	purge_all(&zone_normal);
	expect_all_free(&zone_normal);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
	return 0;
}

static inline unsigned long listed(void)
{
	pcp_is_valid(&zone_normal);
	return pcp_pages(&zone_normal);
}

static inline void expect_held(struct page *page, unsigned int nr)
{
	EXPECT(pcp_holds(page));
	EXPECT(pcp_holds(page + nr - 1));
	EXPECT_EQ(large_fault(page_start(page)), FAULT_DOUBLE_FREE);
	EXPECT_EQ(large_fault((char *)page_start(page + nr) - 16), FAULT_DOUBLE_FREE);
}

static inline struct page *take(unsigned int nr)
{
	return pcp_alloc_range(pcp_of_lane(0), nr, NUMA_NO_NODE, GFP_KERNEL);
}

static inline void give(struct page *page, unsigned int nr)
{
	pcp_free_range(pcp_of_lane(0), page, nr);
}

#define pcp_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
