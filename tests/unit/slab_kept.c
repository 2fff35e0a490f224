/* SPDX-License-Identifier: MIT */
/*
 * The large block that a thread freed last, which it keeps for its next request of as many pages.
 */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "emptied.h"
#include "limit.h"
#include "slabinfo.h"
#include "unit_slab.h"

#define BYTES 60000UL
#define PAGES 15u

static int teardown(void **state)
{
	(void)state;
	expect_nothing_left();
	EXPECT(!this_cpu->kept);
	return 0;
}

static void *kept(void)
{
	return this_cpu->kept ? page_start(this_cpu->kept) : NULL;
}

static void *make_kept(void)
{
	void *block = unit_kmalloc(BYTES);

	unit_fill(block, BYTES, 1);
	unit_kfree(block);
	EXPECT(kept() == block);
	return block;
}

/* As anybody is told who asks. */
static void expect_large(unsigned long blocks, unsigned long pages)
{
	struct kmem_totals totals;

	kmem_get_totals(&totals);
	EXPECT_EQ(totals.nr_large, blocks);
	EXPECT_EQ(totals.large, pages * PAGE_SIZE);
}

/* It is not in use, and next in turn: for as many pages, whatever the bytes. */
static void test_comes_back(void **state)
{
	void *block = make_kept();

	(void)state;
	expect_large(0, 0);
	EXPECT_EQ(large_size(block), 0);
	EXPECT(pcp_holds(page_at(block)));
	EXPECT(pcp_holds(page_at(block) + PAGES - 1));
	EXPECT(!pcp_holds(page_at(block) + PAGES));
	EXPECT(unit_kmalloc(BYTES - 1000) == block);
	EXPECT(!kept());
	EXPECT(!pcp_holds(page_at(block)));
	expect_large(1, PAGES);
	EXPECT_EQ(kmalloc_usable(block), PAGES * PAGE_SIZE);
	unit_kfree(block);
	EXPECT(kept() == block);
}

/* For anything else, and for the next that is freed, it gives way. */
static void test_gives_way(void **state)
{
	void *block = make_kept(), *other;

	(void)state;
	other = unit_kmalloc(BYTES - PAGE_SIZE);
	EXPECT(!kept());
	/* it was the lane's for a moment, which has the rest */
	EXPECT(other == block);
	EXPECT_EQ(pcp_pages(&zone_normal), 1);
	block = unit_kmalloc(BYTES);
	unit_kfree(block);
	EXPECT(kept() == block);
	unit_return_lists();
	unit_kfree(other);
	EXPECT(kept() == other);
	EXPECT_EQ(pcp_pages(&zone_normal), PAGES);
	EXPECT(pcp_holds(page_at(block)));
}

static void test_zeroed(void **state)
{
	void *block = make_kept(), *zeroed;

	(void)state;
	zeroed = kmalloc_zeroed(BYTES);
	EXPECT(zeroed == block);
	EXPECT(unit_is_zero(zeroed, PAGES * PAGE_SIZE));
	unit_kfree(zeroed);
	zeroed = kmalloc_flags(BYTES, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO);
	EXPECT(zeroed == block);
	EXPECT(unit_is_zero(zeroed, PAGES * PAGE_SIZE));
	unit_kfree(zeroed);
}

/* An alignment or a node is more than it can promise, and it may lie too high. */
static void test_not_for_everyone(void **state)
{
	void *block = make_kept(), *other[3];
	unsigned int i;

	(void)state;
	other[0] = kmalloc_aligned(BYTES, 1 << 16);
	other[1] = kmalloc_flags(BYTES, 0, GFP_KERNEL);
	other[2] = kmalloc_flags(BYTES, NUMA_NO_NODE, GFP_KERNEL | __GFP_DMA32);
	EXPECT(kept() == block);
	/* nor is such memory kept */
	unit_kfree(other[2]);
	EXPECT(kept() == block);
	for (i = 0; i < 2; i++)
		unit_kfree(other[i]);
	EXPECT(kept() == other[1]);
}

/* No more than the lane may keep, which grows by what is wanted. */
static void test_room(void **state)
{
	unsigned int i;
	void *block;

	(void)state;
	make_kept();
	for (i = 0; i < 10; i++) {
		block = unit_kmalloc(200 * PAGE_SIZE);
		EXPECT(!kept());
		unit_kfree(block);
		EXPECT(kept() == (i < 4 ? NULL : block));
	}
	block = unit_kmalloc((HOT_LARGEST + 100) * PAGE_SIZE);
	unit_kfree(block);
	EXPECT(!kept());
}

/*
 * A block may have become a power of two of pages where none is born: such a size is aligned to
 * itself.
 */
static void test_natural(void **state)
{
	void *before, *block, *after;

	(void)state;
	unit_kfree(unit_kmalloc(30 * PAGE_SIZE));
	unit_drop_kept();
	before = unit_kmalloc(9 * PAGE_SIZE);
	block = unit_kmalloc(17 * PAGE_SIZE);
	EXPECT(page_index(page_at(block)) % 16 != 0);
	EXPECT(kmalloc_resize(block, 17 * PAGE_SIZE, 16 * PAGE_SIZE, true) == block);
	unit_kfree(block);
	EXPECT(!kept());
	after = unit_kmalloc(16 * PAGE_SIZE);
	EXPECT_EQ((uintptr_t)after % (16 * PAGE_SIZE), 0);
	unit_kfree(after);
	EXPECT(kept() == after);
	unit_kfree(before);
}

/* With two nodes pretended a thread is on that of its CPU's number: it must not move. */
static bool run_on_node_1(void)
{
	cpu_set_t all;
	unsigned int cpu;

	EXPECT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	for (cpu = 1; cpu < CPU_SETSIZE; cpu += 2)
		if (CPU_ISSET(cpu, &all)) {
			unit_run_on(cpu);
			EXPECT_EQ(numa_own_node(), 1);
			return true;
		}
	return false;
}

/* What lies on another node would be met by no request of this thread. */
static void on_two_nodes(void *arg)
{
	unsigned int own;
	void *near, *far;

	(void)arg;
	options_parse("numa=fake=2", &numa_params, 1);
	numa_init();
	EXPECT_EQ(nr_node_ids, 2);
	unit_run_on((unsigned int)sched_getcpu());
	own = numa_own_node();
	/* as a thread that begins here, and not on the node that it looked from last */
	this_cpu->may_keep.pages = 0;
	far = kmalloc_flags(BYTES, (int)(1 - own), GFP_KERNEL);
	EXPECT_EQ(page_nid(page_at(far)), 1 - own);
	unit_kfree(far);
	EXPECT(!kept());
	near = kmalloc_flags(BYTES, (int)own, GFP_KERNEL);
	unit_kfree(near);
	EXPECT(kept() == near);
}

static void test_nodes(void **state)
{
	(void)state;
	unit_passes(on_two_nodes, NULL);
}

/* What does not fit would have to go, and that may enter the OS: who must not leaves it. */
static void test_no_waiting(void **state)
{
	void *block = make_kept(), *other;
	unsigned long calls = unit_os_calls;

	(void)state;
	other = kmalloc_flags(2 * BYTES, NUMA_NO_NODE, GFP_NOWAIT);
	EXPECT_EQ(unit_os_calls, calls);
	EXPECT(kept() == block);
	unit_kfree(other);
}

/*
 * Where one block comes and goes and nothing else, old pages go all the same; those of this node.
 */
static void time_passes(void *arg)
{
	struct zone *zone;
	struct page *page;
	unsigned int i;

	if (arg) {
		options_parse("numa=fake=2", &numa_params, 1);
		numa_init();
		if (!run_on_node_1())
			return;
	}
	/* not because the heap is empty */
	options_parse("give_back_empty=0", &emptied_params, 1);
	options_parse("decay_ms=10", &purge_params, 1);
	make_kept();
	zone = page_zone(this_cpu->kept);
	EXPECT_EQ(zone->nid, arg ? 1 : 0);
	page = zone_alloc(zone, 512, 9);
	zone_free(zone, page, 512);
	EXPECT(zone->nr_dirty >= 512);
	for (i = 0; i < 100000 && zone->nr_dirty >= 512; i++) {
		make_kept();
		usleep(10);
	}
	EXPECT(zone->nr_dirty < 512);
}

static void test_time_passes(void **state)
{
	(void)state;
	unit_passes(time_passes, NULL);
	/* nor, where there is such a CPU, on another */
	unit_passes(time_passes, state);
}

/* A heap that empties is as empty with it. */
static void heap_empties(void *arg)
{
	static void *objects[40000];
	unsigned int i;

	(void)arg;
	options_parse("decay_ms=1000000", &purge_params, 1);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = unit_kmalloc(256);
	/*
	 * as large as it may be, once that was learned: more than what an empty heap of this size
	 * may need
	 */
	for (i = 0; i < 8; i++)
		unit_kfree(unit_kmalloc(HOT_LARGEST * PAGE_SIZE));
	EXPECT(kept() != NULL);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		unit_kfree(objects[i]);
	EXPECT(!kept());
	EXPECT(zone_normal.nr_online - zone_normal.nr_free < 300);
}

static void test_heap_empties(void **state)
{
	(void)state;
	unit_passes(heap_empties, NULL);
}

static void *kept_by_other;

static void keep_one(void *arg, unsigned int id)
{
	(void)arg;
	(void)id;
	kept_by_other = unit_kmalloc(BYTES);
	unit_kfree(kept_by_other);
	EXPECT(kept() == kept_by_other);
}

/* It goes with the thread, at once. */
static void test_exit(void **state)
{
	unsigned long used;

	(void)state;
	unit_kfree(unit_kmalloc(64));
	kmem_trim();
	used = zone_normal.nr_online - zone_normal.nr_free;
	unit_threads(1, keep_one, NULL);
	EXPECT(pcp_holds(page_at(kept_by_other)));
	unit_return_lists();
	EXPECT(zone_page_is_free(&zone_normal, page_at(kept_by_other)));
	EXPECT(zone_normal.nr_online - zone_normal.nr_free < used + PAGES);
}

/* Of many threads none keeps anything, nor what it did: that is seen now and then. */
static void test_crowd(void **state)
{
	struct limits whole = limits;
	void *block = make_kept();
	unsigned int i;

	(void)state;
	limits.cpus = 0;
	for (i = 0; i < 64 && kept(); i++)
		unit_kfree(unit_kmalloc(BYTES));
	EXPECT(!kept());
	expect_large(0, 0);
	EXPECT(page_at(block)->type != PAGE_KEPT);
	unit_kfree(unit_kmalloc(BYTES));
	EXPECT(!kept());
	limits = whole;
	make_kept();
}

/* A handler that interrupted a slow path leaves it alone: it could give nothing back. */
static void test_interrupted(void **state)
{
	void *block = make_kept(), *nested;
	struct kmem_cpu *cpu = cpu_enter();

	(void)state;
	nested = unit_kmalloc(BYTES);
	EXPECT_EQ(section_of(nested)->type, SECTION_AREA);
	EXPECT(kept() == block);
	unit_kfree(nested);
	EXPECT(kept() == block);
	cpu_leave(cpu);
	nested = unit_kmalloc(BYTES);
	EXPECT(nested == block);
	cpu = cpu_enter();
	unit_kfree(nested);
	EXPECT(!kept());
	cpu_leave(cpu);
	/* it was put off until then */
	EXPECT(kept() == block);
}

static void test_trim(void **state)
{
	void *block = make_kept();

	(void)state;
	EXPECT(kmem_trim_unasked());
	EXPECT(!kept());
	EXPECT(zone_page_is_free(&zone_normal, page_at(block)));
	make_kept();
	kmem_trim();
	EXPECT(!kept());
}

/* Before a request fails it has what this thread keeps. */
static void test_when_memory_is_out(void **state)
{
	void *last = NULL, *next;

	(void)state;
	make_kept();
	unit_os_hook = unit_refuse;
	while ((next = kmalloc_aligned(32 * PAGE_SIZE, 2 * PAGE_SIZE))) {
		*(void **)next = last;
		last = next;
	}
	EXPECT(!kept());
	unit_os_hook = NULL;
	for (; last; last = next) {
		next = *(void **)last;
		unit_kfree(last);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_comes_back, teardown),
		cmocka_unit_test_teardown(test_gives_way, teardown),
		cmocka_unit_test_teardown(test_zeroed, teardown),
		cmocka_unit_test_teardown(test_not_for_everyone, teardown),
		cmocka_unit_test_teardown(test_room, teardown),
		cmocka_unit_test_teardown(test_natural, teardown),
		cmocka_unit_test_teardown(test_nodes, teardown),
		cmocka_unit_test_teardown(test_no_waiting, teardown),
		cmocka_unit_test_teardown(test_time_passes, teardown),
		cmocka_unit_test_teardown(test_heap_empties, teardown),
		cmocka_unit_test_teardown(test_exit, teardown),
		cmocka_unit_test_teardown(test_crowd, teardown),
		cmocka_unit_test_teardown(test_interrupted, teardown),
		cmocka_unit_test_teardown(test_trim, teardown),
		cmocka_unit_test_teardown(test_when_memory_is_out, teardown),
	};

	return cmocka_run_group_tests(tests, setup_library, NULL);
}
