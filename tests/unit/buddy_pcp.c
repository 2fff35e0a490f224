// SPDX-License-Identifier: MIT
/*
 * The page lists of lanes; buddy_hot.c has their ranges for large blocks.
 */
#include <errno.h>
#include <unistd.h>

#include "unit_pcp.h"

/* ---- Blocks ---- */

static void test_lists(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	struct page *pages[4 * PCP_LOW];
	unsigned int order, i, j, room;
	unsigned long used;

	(void)state;
	for (order = 0; order < PCP_ORDERS; order++) {
		room = PCP_LOW >> order;
		/* the first is asked for with some more, up to half of the room */
		pages[0] = pcp_alloc(pcp, order, NUMA_NO_NODE, GFP_KERNEL);
		EXPECT(pages[0] != NULL);
		EXPECT(listed() < room << order);
		EXPECT_EQ(used_pages(), listed() + (1u << order));
		for (i = 1; i < 4 * room; i++) {
			pages[i] = pcp_alloc(pcp, order, NUMA_NO_NODE, GFP_KERNEL);
			EXPECT_EQ(page_index(pages[i]) % (1u << order), 0);
			EXPECT_EQ(used_pages(), listed() + ((i + 1ul) << order));
			for (j = 0; j < i; j++)
				EXPECT(pages[i] != pages[j]);
		}
		unit_return_lists();
		used = used_pages();
		for (i = 0; i < 4 * room; i++) {
			pcp_free(pcp, pages[i], order);
			expect_held(pages[i], 1u << order);
			EXPECT(listed() <= room << order);
			EXPECT_EQ(used_pages() - listed(), used - ((i + 1ul) << order));
		}
		/* the last freed is the first taken */
		EXPECT(pcp_alloc(pcp, order, NUMA_NO_NODE, GFP_KERNEL) == pages[4 * room - 1]);
		pcp_free(pcp, pages[4 * room - 1], order);
		unit_return_lists();
		EXPECT_EQ(listed(), 0);
		expect_all_free(&zone_normal);
		for (i = 0; i < 4 * room; i++)
			EXPECT(!pcp_holds(pages[i]));
	}
}

static void expect_apart(struct page *const *pages, unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			EXPECT(pages[i] != pages[j]);
}

/* Many at a time: what the list has, the last freed first, and the rest from the zone. */
static void test_bulk(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	struct page *pages[3 * PCP_BATCH], *more[PCP_BATCH + 1];
	unsigned int order, i;

	(void)state;
	for (order = 0; order < PCP_ORDERS + 2; order++) {
		for (i = 0; i < 3; i++)
			EXPECT_EQ(pcp_alloc_bulk(pcp, order, NUMA_NO_NODE, GFP_KERNEL,
						 pages + i * PCP_BATCH, PCP_BATCH),
				  PCP_BATCH);
		expect_apart(pages, 3 * PCP_BATCH);
		EXPECT_EQ(used_pages(), listed() + (3ul * PCP_BATCH << order));
		unit_return_lists();
		pcp_free_bulk(pcp, order, pages, 2);
		EXPECT_EQ(listed(), order < PCP_ORDERS ? 2 << order : 0);
		EXPECT_EQ(pcp_alloc_bulk(pcp, order, NUMA_NO_NODE, GFP_KERNEL, more, 4), 4);
		EXPECT(order >= PCP_ORDERS || (more[0] == pages[1] && more[1] == pages[0]));
		expect_apart(more, 4);
		pcp_free_bulk(pcp, order, more, 4);
		pcp_free_bulk(pcp, order, pages + 2, 3 * PCP_BATCH - 2);
		EXPECT(listed() <= PCP_LOW << pcp->raised);
		EXPECT_EQ(pcp_alloc_bulk(pcp, order, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO, more,
					 PCP_BATCH + 1),
			  PCP_BATCH);
		for (i = 0; i < PCP_BATCH; i++)
			EXPECT(unit_is_zero(page_start(more[i]), PAGE_SIZE << order));
		pcp_free_bulk(pcp, order, more, PCP_BATCH);
		unit_return_lists();
		expect_all_free(&zone_normal);
	}
}

/* Of a block that is dirty in part one is taken: others have more. */
static void test_bulk_takes_dirty(void **state)
{
	struct page *page, *pages[8];
	struct zone zone;
	unsigned int i, nr;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = zone_alloc(&zone, 512, 9);
	zone_free_clean(&zone, page, 64);
	EXPECT(zone_alloc(&zone, 1, 0) == page);
	zone_free(&zone, page, 1);
	zone_free(&zone, page + 128, 128);
	EXPECT_EQ(zone.nr_dirty, 129);
	nr = zone_alloc_bulk(&zone, 3, pages, 8, 0);
	EXPECT_EQ(nr, 8);
	EXPECT_EQ(zone.nr_dirty, 128 - 7 * 8);
	EXPECT(pages[0] == page);
	for (i = 1; i < nr; i++)
		EXPECT(pages[i] == page + 128 + 8 * (i - 1));
	expect_zone_sound(&zone);
	for (i = 0; i < nr; i++)
		zone_free(&zone, pages[i], 8);
	zone_free(&zone, page + 64, 64);
	zone_free(&zone, page + 256, 256);
	zone_fini(&zone);
}

/* Refused, it is what there was. */
static void test_bulk_refused(void **state)
{
	static struct page *all[1u << 16];
	struct page *few[4];
	unsigned int n = 0;

	(void)state;
	unit_os_hook = unit_refuse;
	while ((all[n] = zone_alloc(&zone_normal, 1, 0)))
		EXPECT(++n < ARRAY_SIZE(all));
	EXPECT(n > PCP_BATCH);
	EXPECT_EQ(pcp_alloc_bulk(pcp_of_lane(0), 0, NUMA_NO_NODE, GFP_KERNEL, few, 4), 0);
	pcp_free(pcp_of_lane(0), all[--n], 0);
	zone_free(&zone_normal, all[--n], 1);
	EXPECT_EQ(pcp_alloc_bulk(pcp_of_lane(0), 0, NUMA_NO_NODE, GFP_KERNEL, few, 4), 2);
	unit_os_hook = NULL;
	pcp_free_bulk(pcp_of_lane(0), 0, few, 2);
	while (n)
		zone_free(&zone_normal, all[--n], 1);
}

static void make_dirty(unsigned int nr)
{
	zone_free(&zone_normal, zone_alloc(&zone_normal, nr, 0), nr);
}

/*
 * What was fetched for a list whose room became less on the way is more than goes back at a time.
 */
static void test_list_too_long(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	struct page *pages[PCP_BATCH];

	(void)state;
	make_dirty(2 * PCP_BATCH << 3);
	pcp->raised = PCP_RAISES;
	EXPECT_EQ(pcp_alloc_bulk(pcp, 3, NUMA_NO_NODE, GFP_KERNEL, pages, PCP_BATCH), PCP_BATCH);
	pcp->raised = 0;
	EXPECT_EQ(pcp->list[3].nr, PCP_BATCH - 1);
	pcp_free_bulk(pcp, 3, pages, PCP_BATCH);
	EXPECT_EQ(pcp->list[3].nr, PCP_BATCH - 1);
	pcp_free(pcp, pcp_alloc(pcp, 3, NUMA_NO_NODE, GFP_KERNEL), 3);
	EXPECT_EQ(pcp->list[3].nr, PCP_LOW >> 3);
}

/*
 * Who wants back what was given to the zone a moment ago has more room, but less than for two
 * threads.
 */
static void test_in_vain(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	struct page *pages[20 * PCP_LOW];
	unsigned int turn, i;

	(void)state;
	for (turn = 0; turn < 2 * PCP_RAISES; turn++) {
		EXPECT_EQ(pcp->raised, turn ? min_ul(turn - 1, PCP_RAISES_ALONE) : 0);
		for (i = 0; i < ARRAY_SIZE(pages); i++)
			pages[i] = pcp_alloc(pcp, 0, NUMA_NO_NODE, GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(pages); i++)
			pcp_free(pcp, pages[i], 0);
		EXPECT(pcp->list[0].nr <= PCP_LOW << PCP_RAISES_ALONE);
		/* what another order gave is not wanted */
		pcp_free(pcp, pcp_alloc(pcp, 1, NUMA_NO_NODE, GFP_KERNEL), 1);
	}
	unit_return_lists();
	EXPECT_EQ(pcp->raised, 0);
}

/* Without a lane, and in orders that the lists do not have, it is the zone's. */
static void test_without_lists(void **state)
{
	struct page *page;
	unsigned int order;

	(void)state;
	for (order = 0; order < 8; order++) {
		page = pcp_alloc(NULL, order, NUMA_NO_NODE, GFP_KERNEL);
		EXPECT_EQ(used_pages(), 1u << order);
		pcp_free(NULL, page, order);
		expect_all_free(&zone_normal);
		if (order < PCP_ORDERS)
			continue;
		page = pcp_alloc(pcp_of_lane(1), order, NUMA_NO_NODE, GFP_KERNEL);
		EXPECT_EQ(used_pages(), 1u << order);
		pcp_free(pcp_of_lane(1), page, order);
		EXPECT_EQ(listed(), 0);
		expect_all_free(&zone_normal);
	}
}

/*
 * Each lane has its own, which the zone leaves it as long as there is something else that holds
 * memory.
 */
static void test_lanes_apart(void **state)
{
	struct page *dirty = zone_alloc(&zone_normal, 64, 6), *rest, *page, *other;

	(void)state;
	zone_free(&zone_normal, dirty, 64);
	page = pcp_alloc(pcp_of_lane(0), 3, NUMA_NO_NODE, GFP_KERNEL);
	pcp_free(pcp_of_lane(0), page, 3);
	other = pcp_alloc(pcp_of_lane(1), 3, NUMA_NO_NODE, GFP_KERNEL);
	EXPECT(other != page);
	EXPECT(pcp_alloc(pcp_of_lane(0), 3, NUMA_NO_NODE, GFP_KERNEL) == page);
	pcp_free(pcp_of_lane(0), page, 3);
	/* with all of it in use the next is what the other lane had */
	dirty = zone_alloc(&zone_normal, 32, 0);
	rest = zone_alloc(&zone_normal, 16, 0);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
	EXPECT(pcp_holds(page));
	EXPECT(zone_alloc(&zone_normal, 8, 3) == page);
	zone_free(&zone_normal, page, 8);
	zone_free(&zone_normal, dirty, 32);
	zone_free(&zone_normal, rest, 16);
	pcp_free(pcp_of_lane(1), other, 3);
}

/* Who meets another thread at the zone may have more, until the zone takes all back. */
static void test_room_grows(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(2);
	struct page *pages[2 * PCP_LOW];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = zone_alloc(&zone_normal, 1, 0);
	lock_acquire(&zone_normal.lock);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pcp_free(pcp, pages[i], 0);
	lock_release(&zone_normal.lock);
	EXPECT_EQ(pcp->raised, 1);
	EXPECT_EQ(listed(), 2 * PCP_LOW);
	unit_return_lists();
	EXPECT_EQ(pcp->raised, 0);
	/* and nobody is there now */
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = zone_alloc(&zone_normal, 1, 0);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pcp_free(pcp, pages[i], 0);
	EXPECT_EQ(pcp->raised, 0);
	EXPECT(listed() <= PCP_LOW);
}

/* Whose lists are in another's hands, or its own from before a signal, goes to the zone. */
static void test_busy_lists(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(1);
	struct page *page = pcp_alloc(pcp, 2, NUMA_NO_NODE, GFP_KERNEL), *other;
	struct page *range = zone_alloc(&zone_normal, 16, 4);

	(void)state;
	unit_return_lists();
	lock_order_relax(true);
	lock_acquire(&pcp->lock);
	EXPECT(zones_are_mine());
	pcp_free(pcp, page, 2);
	pcp_free_range(pcp, range, 16);
	EXPECT_EQ(pcp_pages(&zone_normal), 0);
	EXPECT_EQ(used_pages(), 0);
	EXPECT(pcp_alloc_range(pcp, 16, NUMA_NO_NODE, GFP_KERNEL) == NULL);
	other = pcp_alloc(pcp, 2, NUMA_NO_NODE, GFP_KERNEL);
	EXPECT_EQ(used_pages(), 4);
	lock_release(&pcp->lock);
	lock_order_relax(false);
	EXPECT(!zones_are_mine());
	pcp_free(pcp, other, 2);
}

/* Who may not wait takes what is there, and fetches nothing for later. */
static void test_no_waiting(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	struct page *page = pcp_alloc(pcp, 0, NUMA_NO_NODE, GFP_KERNEL), *other;

	(void)state;
	unit_return_lists();
	other = pcp_alloc(pcp, 0, NUMA_NO_NODE, GFP_NOWAIT);
	EXPECT(other != NULL);
	EXPECT_EQ(listed(), 0);
	pcp_free(pcp, page, 0);
	EXPECT(pcp_alloc(pcp, 0, NUMA_NO_NODE, GFP_NOWAIT) == page);
	pcp_free(pcp, page, 0);
	pcp_free(pcp, other, 0);
}

/* A list fetches what costs nothing: of clean memory only what is wanted, of dirty memory more. */
static void test_clean_stays_clean(void **state)
{
	struct page *page = pcp_alloc(pcp_of_lane(0), 0, NUMA_NO_NODE, GFP_KERNEL);

	(void)state;
	EXPECT_EQ(listed(), 0);
	pcp_free(pcp_of_lane(0), page, 0);
	unit_return_lists();
	EXPECT_EQ(zone_normal.nr_dirty, 1);
	page = pcp_alloc(pcp_of_lane(0), 0, NUMA_NO_NODE, GFP_KERNEL);
	EXPECT_EQ(listed(), 0);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
	pcp_free(pcp_of_lane(0), page, 0);
	unit_return_lists();
	/* the last page of a batch may be the first of a clean block */
	make_dirty(PCP_LOW / 2 - 1);
	page = pcp_alloc(pcp_of_lane(0), 0, NUMA_NO_NODE, GFP_KERNEL);
	EXPECT_EQ(listed(), PCP_LOW / 2 - 2);
	unit_return_lists();
	EXPECT_EQ(zone_normal.nr_dirty, PCP_LOW / 2 - 2);
	pcp_free(pcp_of_lane(0), page, 0);
}

/* And as old: what its pages said in an earlier life, inside of another block, is nothing. */
static void test_old_stays_old(void **state)
{
	struct page *page = zone_alloc(&zone_normal, 64, 6), *taken, *free;
	struct section *s = page_section(page);
	unsigned int i;

	(void)state;
	zone_free(&zone_normal, page, 64);
	for (i = 1; i < 64; i++)
		page[i].freed_ms = ~0UL;
	taken = pcp_alloc(pcp_of_lane(0), 0, NUMA_NO_NODE, GFP_KERNEL);
	EXPECT(taken == page);
	EXPECT(listed() > 1);
	unit_return_lists();
	for (i = 0; i < NR_ORDERS; i++)
		list_for_each_entry(free, &s->free_area[i].free_list, lru)
			EXPECT(free->freed_ms <= os_clock_ms());
	pcp_free(pcp_of_lane(0), taken, 0);
}

/*
 * Before a list is refilled with memory that costs nothing yet, the zone has what the lanes have.
 */
static void test_returned_for_a_list(void **state)
{
	struct page *page = pcp_alloc(pcp_of_lane(0), 3, NUMA_NO_NODE, GFP_KERNEL), *block;

	(void)state;
	unit_return_lists();
	pcp_free(pcp_of_lane(0), page, 3);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
	block = pcp_alloc(pcp_of_lane(1), 3, NUMA_NO_NODE, GFP_KERNEL);
	EXPECT(block == page);
	pcp_free(pcp_of_lane(1), block, 3);
}

static void swap_range(struct per_cpu_pages *pcp)
{
	EXPECT_EQ(large_free(pcp,
			     large_alloc(pcp, 10 * PAGE_SIZE, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL)),
		  0);
}

static void swap_block(struct per_cpu_pages *pcp)
{
	pcp_free(pcp, pcp_alloc(pcp, 0, NUMA_NO_NODE, GFP_NOWAIT), 0);
}

/*
 * Where nothing comes to the zone, since all stays in lists or ranges, old pages go all the same.
 * Those that are swapped have no free neighbours: merged with them, the old ones would be as young.
 */
static void time_passes(void (*swap)(struct per_cpu_pages *pcp))
{
	struct page *page = zone_alloc(&zone_normal, 512, 9);
	unsigned int i;

	set_decay("decay_ms=10");
	zone_free(&zone_normal, page, 512);
	EXPECT(zone_normal.nr_dirty > 400);
	for (i = 0; i < 100000 && zone_normal.nr_dirty > 20; i++) {
		swap(pcp_of_lane(0));
		usleep(10);
	}
	EXPECT(zone_normal.nr_dirty <= 20);
}

static void test_time_passes(void **state)
{
	struct page *few = zone_alloc(&zone_normal, 32, 5);

	(void)state;
	pcp_free_range(pcp_of_lane(0), few + 10, 10);
	time_passes(swap_range);
	unit_return_lists();
	zone_free(&zone_normal, few, 10);
	zone_free(&zone_normal, few + 20, 12);
	few = zone_alloc(&zone_normal, 4, 2);
	pcp_free(pcp_of_lane(0), few + 1, 0);
	time_passes(swap_block);
	zone_free(&zone_normal, few, 1);
	zone_free(&zone_normal, few + 2, 2);
}

/*
 * What lies in the lists of lanes that do nothing ages as well, even when the zone has nothing
 * dirty.
 */
static void test_lists_age(void **state)
{
	struct page *page = zone_alloc(&zone_normal, 64, 6), *other;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=10");
	other = zone_alloc(&zone_normal, 1, 0);
	pcp_free_range(pcp_of_lane(3), page, 8);
	pcp_free(pcp_of_lane(2), page + 8, 3);
	zone_free(&zone_normal, page + 16, 48);
	pcp_of_lane(1)->raised = 1;
	for (i = 0; i < 100000 && (listed() > 1 || pcp_of_lane(1)->raised); i++) {
		pcp_free(pcp_of_lane(0), other, 0);
		other = pcp_alloc(pcp_of_lane(0), 0, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO);
		usleep(10);
	}
	EXPECT(listed() <= 1);
	EXPECT_EQ(pcp_of_lane(1)->raised, 0);
	pcp_free(pcp_of_lane(0), other, 0);
}

/* ---- Threads ---- */

struct held {
	struct page *page;
	unsigned int order; /* or else a large block */
};

#define LARGE 5u

static void free_held(struct per_cpu_pages *pcp, struct held *h)
{
	if (h->order < LARGE)
		pcp_free(pcp, h->page, h->order);
	else
		EXPECT_EQ(large_free(pcp, page_start(h->page)), 0);
	h->page = NULL;
}

static void alloc_held(struct per_cpu_pages *pcp, struct held *h, size_t bytes, gfp_t gfp)
{
	if (h->order < LARGE)
		h->page = pcp_alloc(pcp, h->order, NUMA_NO_NODE, gfp);
	else
		h->page = page_at(large_alloc(pcp, bytes, PAGE_SIZE, NUMA_NO_NODE, gfp));
	EXPECT(h->page != NULL);
}

static void swap_blocks(void *arg, unsigned int id)
{
	struct per_cpu_pages *pcp = pcp_of_lane(id % 2);
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, steps = unit_steps(4000);
	struct held held[48] = { { NULL, 0 } };

	/* Three threads of two lanes, and one that looks and takes all back. */
	for (i = 0; i < steps && id == 0; i++) {
		if (i % 16 == 0)
			unit_return_lists();
		EXPECT(listed() <=
		       NR_LANES * (PCP_ORDERS * (PCP_LOW << PCP_RAISES) + HOT_FIRST + HOT_LARGEST));
	}
	for (i = 0; i < steps * 8 && id; i++) {
		struct held *h = &held[unit_below(&rng, ARRAY_SIZE(held))];

		if (h->page) {
			EXPECT(unit_holds(page_start(h->page), 64, id));
			free_held(pcp, h);
			continue;
		}
		h->order = unit_below(&rng, LARGE + 1);
		alloc_held(pcp, h, 4096 + unit_below(&rng, 100000),
			   GFP_KERNEL | (i % 8 ? 0 : __GFP_ZERO));
		if (i % 8 == 0)
			EXPECT(unit_is_zero(page_start(h->page),
					    h->order < LARGE ? PAGE_SIZE << h->order : 4096));
		unit_fill(page_start(h->page), 64, id);
	}
	for (i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i].page)
			free_held(pcp, &held[i]);
}

static void test_threads(void **state)
{
	uint64_t seed = unit_seed(0x9c9);

	(void)state;
	set_decay("decay_ms=5");
	unit_threads(4, swap_blocks, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pcp_test(test_lists),
		pcp_test(test_bulk),
		pcp_test(test_bulk_takes_dirty),
		pcp_test(test_bulk_refused),
		pcp_test(test_list_too_long),
		pcp_test(test_in_vain),
		pcp_test(test_without_lists),
		pcp_test(test_lanes_apart),
		pcp_test(test_room_grows),
		pcp_test(test_busy_lists),
		pcp_test(test_no_waiting),
		pcp_test(test_clean_stays_clean),
		pcp_test(test_old_stays_old),
		pcp_test(test_returned_for_a_list),
		pcp_test(test_time_passes),
		pcp_test(test_lists_age),
		pcp_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
