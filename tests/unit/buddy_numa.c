/* SPDX-License-Identifier: MIT */
/*
 * Nodes: counted, ordered, bound, and asked for pages.
 *
 * Nodes come once and stay, so every test that wants several is a child of its own. The machine's
 * are played by a hook on get_mempolicy and mbind.
 */
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "page_alloc.h"
#include "pcp.h"
#include "unit_buddy.h"
#include "zoneinfo.h"

static void set_numa(const char *option)
{
	options_parse(option, &numa_params, 1);
}

static struct zone *normal(unsigned int nid)
{
	return &NODE_DATA(nid)->node_zones[ZONE_NORMAL];
}

/* ---- One node ---- */

static void test_one_node(void **state)
{
	struct zone *zone;
	unsigned int n = 0;

	(void)state;
	EXPECT_EQ(nr_node_ids, 1);
	EXPECT_EQ(numa_own_node(), 0);
	EXPECT(node_online(0) && !node_online(1) && !node_online(-1) && !node_online(15));
	EXPECT(numa_node(NUMA_NO_NODE) == NODE_DATA(0) && numa_node(0) == NODE_DATA(0));
	EXPECT(numa_node(1) == NULL);
	for (zone = first_zone(); zone; zone = next_zone(zone), n++) {
		EXPECT_EQ(zone->nid, 0);
		EXPECT_EQ(zone->type, n);
		EXPECT(zone_lock(n) == &zone->lock);
	}
	EXPECT_EQ(n, MAX_NR_ZONES);
	EXPECT_EQ(nr_zones(), MAX_NR_ZONES);
	EXPECT_EQ(node_distance(0, 0), LOCAL_DISTANCE);
	EXPECT_EQ(node_distance(0, 1), REMOTE_DISTANCE);
	EXPECT_EQ(node_distance(99, 99), LOCAL_DISTANCE);
	EXPECT(!zones_are_mine());
	for (n = 0; n < nr_zones(); n++) {
		lock_acquire(zone_lock(n));
		EXPECT(zones_are_mine());
		lock_release(zone_lock(n));
	}
}

/*
 * Time passes in all zones until it has nothing left to give back; and who waits, but nobody else,
 * is told of memory that it has.
 */
static void time_passes(void *arg)
{
	struct zone *zone = normal(0);
	uint32_t ticket;
	unsigned int i;

	(void)arg;
	set_decay("decay_ms=40");
	EXPECT_EQ(purge_pass_ms(), 10);
	ticket = prepare_to_wait(&purge_waiters);
	EXPECT(!zones_pass_time());
	EXPECT_EQ(purge_waiters.events, ticket);
	zone_free(zone, take_and_write(zone, 4, 2), 4);
	EXPECT_EQ(purge_waiters.events, ticket + 1);
	finish_wait(&purge_waiters);
	for (i = 0; i < 1000 && zones_pass_time(); i++)
		os_nap(10000000);
	EXPECT(i && i < 1000);
	EXPECT_EQ(zone->nr_dirty, 0);
	EXPECT_EQ(purge_waiters.events, ticket + 1);
	set_decay("decay_ms=-1");
	EXPECT_EQ(purge_pass_ms(), 0);
}

static void test_time_passes(void **state)
{
	(void)state;
	unit_passes(time_passes, NULL);
}

/* A process that sees one node of several has nothing to choose. */
static unsigned long played_nodes;
static struct {
	unsigned int calls;
	unsigned long addr, bytes, mode, mask;
} bound;

static int play_nodes(long nr, unsigned long args[6])
{
	if (nr == SYS_get_mempolicy) {
		EXPECT_EQ(args[4], MPOL_F_MEMS_ALLOWED);
		*(unsigned long *)args[1] = played_nodes;
		return UNIT_OS_DONE;
	}
	if (nr == SYS_mbind) {
		bound.calls++;
		bound.addr = args[0];
		bound.bytes = args[1];
		bound.mode = args[2];
		bound.mask = *(unsigned long *)args[3];
		return bound.calls % 2 ? UNIT_OS_DONE : 1;
	}
	return 0;
}

static void count_one(void *arg)
{
	played_nodes = *(unsigned long *)arg;
	unit_os_hook = play_nodes;
	numa_init();
	EXPECT_EQ(nr_node_ids, 1);
	EXPECT_EQ(nr_zones(), MAX_NR_ZONES);
	EXPECT_EQ(bound.calls, 0);
}

static int refuse_policy(long nr, unsigned long args[6])
{
	(void)args;
	return nr == SYS_get_mempolicy ? 1 : 0;
}

static void cannot_be_told(void *arg)
{
	(void)arg;
	unit_os_hook = refuse_policy;
	numa_init();
	EXPECT_EQ(nr_node_ids, 1);
}

static void switched_off(void *arg)
{
	played_nodes = 7;
	unit_os_hook = play_nodes;
	set_numa(arg);
	numa_init();
	EXPECT_EQ(nr_node_ids, 1);
}

static void test_nothing_to_choose(void **state)
{
	unsigned long masks[] = { 1, 2, 8, 0, 1UL << 20 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(masks); i++)
		unit_passes(count_one, &masks[i]);
	unit_passes(cannot_be_told, NULL);
	unit_passes(switched_off, (void *)"numa=off");
	unit_passes(switched_off, (void *)"numa=fake=1");
}

/* ---- Options ---- */

static void bad_option(void *arg)
{
	set_numa(arg);
	numa_init();
	EXPECT_EQ(nr_node_ids, 1);
}

static void test_bad_options(void **state)
{
	static const char *const bad[] = { "numa",	   "numa=",	  "numa=fake",
					   "numa=fake=",   "numa=fake=0", "numa=fake=17",
					   "numa=fake=-1", "numa=fake=x", "numa=on" };
	char text[300];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(unit_child(bad_option, (void *)bad[i], text, sizeof(text)), 0);
		EXPECT(strcmp(text, "kmem: bad value for option 'numa'\n") == 0);
	}
}

/* ---- Several nodes ---- */

static void fake_nodes(void *arg)
{
	unsigned int n = (unsigned int)(uintptr_t)arg, nid, i;
	char option[32];
	struct out out;

	out_init(&out, -1, option, sizeof(option) - 1);
	out_printf(&out, "numa=fake=%u", n);
	option[out.len] = '\0';
	set_numa(option);
	unit_os_hook = play_nodes;
	numa_init();
	EXPECT_EQ(nr_node_ids, n);
	EXPECT_EQ(nr_zones(), n * MAX_NR_ZONES);
	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		const struct pglist_data *node = NODE_DATA(nid);

		EXPECT_EQ(node != NULL, nid < n);
		EXPECT_EQ(node_online((int)nid), nid < n);
		if (!node)
			continue;
		EXPECT_EQ(node->node_id, nid);
		EXPECT_EQ(node->nr_near, n);
		/* all as far: the next one up, and so on around */
		for (i = 0; i < n; i++)
			EXPECT_EQ(node->near[i], (nid + i) % n);
		for (i = 0; i < MAX_NR_ZONES; i++) {
			EXPECT_EQ(node->node_zones[i].nid, nid);
			EXPECT_EQ(node->node_zones[i].type, i);
			zone_is_valid(normal(nid));
		}
	}
	EXPECT(numa_own_node() < n);
	/* once is enough */
	set_numa("numa=fake=2");
	numa_init();
	EXPECT_EQ(nr_node_ids, n);
	EXPECT_EQ(bound.calls, 0);
}

static void test_fake_nodes(void **state)
{
	uintptr_t n;

	(void)state;
	for (n = 2; n <= MAX_NUMNODES; n++)
		unit_passes(fake_nodes, (void *)n);
}

static void three_fake_nodes(void)
{
	set_numa("numa=fake=3");
	numa_init();
	EXPECT_EQ(nr_node_ids, 3);
}

static void own_node(void *arg)
{
	cpu_set_t all;
	unsigned int cpu;

	(void)arg;
	three_fake_nodes();
	EXPECT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		unit_run_on(cpu);
		EXPECT_EQ(numa_own_node(), cpu % 3);
		EXPECT(numa_node(NUMA_NO_NODE) == NODE_DATA(cpu % 3));
	}
}

static void test_own_node(void **state)
{
	(void)state;
	unit_passes(own_node, NULL);
}

/* Nodes with gaps; their sections are bound to them, and a refusal of that is nobody's affair. */
static void nodes_of_the_machine(void *arg)
{
	struct page *before = zone_alloc(normal(0), 1, 0), *page;
	unsigned int nid, calls;

	(void)arg;
	played_nodes = 0xd; /* 0, 2, 3 */
	unit_os_hook = play_nodes;
	numa_init();
	EXPECT_EQ(nr_node_ids, 4);
	EXPECT_EQ(nr_zones(), 3 * MAX_NR_ZONES);
	EXPECT(NODE_DATA(1) == NULL && !node_online(1));
	EXPECT_EQ(NODE_DATA(3)->nr_near, 3);
	EXPECT_EQ(NODE_DATA(3)->near[0], 3);
	EXPECT_EQ(bound.calls, 0);
	for (nid = 2; nid < 4; nid++) {
		calls = bound.calls;
		page = page_alloc(5, 3, (int)nid, GFP_KERNEL);
		EXPECT_EQ(page_nid(page), nid);
		EXPECT_EQ(bound.calls, calls + 1);
		EXPECT_EQ(bound.addr, page_section(page)->start);
		EXPECT_EQ(bound.bytes, page_section(page)->bytes);
		EXPECT_EQ(bound.mode, MPOL_PREFERRED);
		EXPECT_EQ(bound.mask, 1UL << nid);
		memset(page_start(page), 1, 5 * PAGE_SIZE);
		zone_free(page_zone(page), page, 5);
	}
	/* what came before the nodes stays where it is */
	EXPECT_EQ(page_nid(before), 0);
	zone_free(page_zone(before), before, 1);
	EXPECT(NODE_DATA(numa_own_node()) != NULL);
	/* one that is not there */
	EXPECT(page_alloc(1, 0, 1, GFP_KERNEL | __GFP_THISNODE) == NULL);
	page = page_alloc(1, 0, 1, GFP_KERNEL);
	EXPECT(page != NULL);
	zone_free(page_zone(page), page, 1);
}

static void test_nodes_of_the_machine(void **state)
{
	(void)state;
	unit_passes(nodes_of_the_machine, NULL);
}

static void distances(void *arg)
{
	(void)arg;
	/* the machine has nodes 0, 1, 3 and 5; we may use 0, 1 and 3 */
	node_set_distances(0, 0x2b, "10 30 20 40\n");
	node_set_distances(1, 0x2b, "30 10 12 40\n");
	node_set_distances(3, 0x2b, "20 99999 7 40\n");
	EXPECT_EQ(node_distance(0, 1), 30);
	EXPECT_EQ(node_distance(0, 3), 20);
	EXPECT_EQ(node_distance(0, 5), 40);
	EXPECT_EQ(node_distance(0, 2), REMOTE_DISTANCE);
	/* what cannot be is not believed */
	EXPECT_EQ(node_distance(3, 1), REMOTE_DISTANCE);
	EXPECT_EQ(node_distance(3, 3), LOCAL_DISTANCE);
	node_set_distances(5, 0x2b, "");
	EXPECT_EQ(node_distance(5, 0), REMOTE_DISTANCE);
	set_numa("numa=fake=4");
	numa_init();
	EXPECT_EQ(NODE_DATA(0)->near[0], 0);
	EXPECT_EQ(NODE_DATA(0)->near[1], 2);
	EXPECT_EQ(NODE_DATA(0)->near[2], 3);
	EXPECT_EQ(NODE_DATA(0)->near[3], 1);
	EXPECT_EQ(NODE_DATA(1)->near[0], 1);
	EXPECT_EQ(NODE_DATA(1)->near[1], 3);
	EXPECT_EQ(NODE_DATA(1)->near[2], 2);
	EXPECT_EQ(NODE_DATA(1)->near[3], 0);
}

static void test_distances(void **state)
{
	(void)state;
	unit_passes(distances, NULL);
}

static int refuse_all(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	return 12;
}

static void no_memory_for_nodes(void *arg)
{
	(void)arg;
	unit_os_hook = refuse_all;
	set_numa("numa=fake=3");
	numa_init();
	unit_os_hook = NULL;
	EXPECT_EQ(nr_node_ids, 1);
	EXPECT_EQ(nr_zones(), MAX_NR_ZONES);
	EXPECT_EQ(page_nid(page_alloc(1, 0, 2, GFP_KERNEL)), 0);
}

static void test_no_memory_for_nodes(void **state)
{
	(void)state;
	unit_passes(no_memory_for_nodes, NULL);
}

/* ---- Requests ---- */

static void requests(void *arg)
{
	struct page *page, *low, *kept[3];
	unsigned long calls;
	int nid;

	(void)arg;
	set_decay("decay_ms=-1");
	three_fake_nodes();
	for (nid = 0; nid < 3; nid++) {
		kept[nid] = page_alloc(200, 8, nid, GFP_KERNEL);
		EXPECT_EQ(page_nid(kept[nid]), nid);
		EXPECT_EQ(normal((unsigned int)nid)->nr_online, 256);
	}
	/* own pages first; then the others' in order, however many there are */
	unit_os_hook = refuse_all;
	page = page_alloc(32, 3, 1, GFP_KERNEL);
	EXPECT_EQ(page_nid(page), 1);
	EXPECT(page_alloc(32, 3, 1, GFP_KERNEL | __GFP_THISNODE) == NULL);
	low = page_alloc(32, 3, 1, GFP_KERNEL);
	EXPECT_EQ(page_nid(low), 2);
	zone_free(page_zone(low), low, 32);
	calls = unit_all_calls;
	low = page_alloc(32, 3, 1, GFP_NOWAIT);
	EXPECT_EQ(page_nid(low), 2);
	EXPECT(page_alloc(32, 3, 2, GFP_NOWAIT | __GFP_THISNODE) == NULL);
	EXPECT(page_alloc(100, 3, 2, GFP_ATOMIC) == NULL);
	EXPECT(page_alloc(1, 0, 2, GFP_ATOMIC | __GFP_DMA32) == NULL);
	EXPECT_EQ(unit_all_calls, calls);
	zone_free(page_zone(low), low, 32);
	zone_free(page_zone(page), page, 32);
	EXPECT(page_alloc(1, 0, 2, GFP_KERNEL | __GFP_DMA32) == NULL);
	unit_os_hook = NULL;
	low = page_alloc(1, 0, 2, GFP_KERNEL | __GFP_DMA);
	EXPECT(page_zone(low) == &NODE_DATA(2)->node_zones[ZONE_DMA32]);
	zone_free(page_zone(low), low, 1);
	for (nid = 0; nid < 3; nid++)
		zone_free(page_zone(kept[nid]), kept[nid], 200);
	for (nid = 0; nid < 3; nid++)
		expect_all_free(normal((unsigned int)nid));
}

static void test_requests(void **state)
{
	(void)state;
	unit_passes(requests, NULL);
}

/* Bulk: as many as there are, from wherever, zeroed if asked. */
static void bulk(void *arg)
{
	struct page *pages[700];
	unsigned int n, i, of[3] = { 0 };

	(void)arg;
	set_decay("decay_ms=-1");
	three_fake_nodes();
	for (i = 0; i < 3; i++) {
		struct page *page = page_alloc(256, 8, (int)i, GFP_KERNEL);

		memset(page_start(page), 0xee, 256 * PAGE_SIZE);
		zone_free(page_zone(page), page, 256);
	}
	unit_os_hook = refuse_all;
	n = page_alloc_bulk(pages, 700, 1, GFP_KERNEL | __GFP_ZERO);
	EXPECT_EQ(n, 700);
	for (i = 0; i < n; i++) {
		EXPECT(unit_is_zero(page_start(pages[i]), PAGE_SIZE));
		of[page_nid(pages[i])]++;
	}
	EXPECT_EQ(of[1], 256);
	EXPECT_EQ(of[2], 256);
	EXPECT_EQ(of[0], 188);
	EXPECT_EQ(page_alloc_bulk(pages, 700, 1, GFP_KERNEL | __GFP_THISNODE), 0);
	EXPECT_EQ(page_alloc_bulk(pages, 700, 1, GFP_ATOMIC), 68);
	EXPECT_EQ(page_alloc_bulk(pages, 700, 1, GFP_KERNEL), 0);
}

static void test_bulk(void **state)
{
	(void)state;
	unit_passes(bulk, NULL);
}

/*
 * What is freed goes to the lists of its own zone; requests are met from those of the node that
 * runs the thread.
 */
static void page_lists(void *arg)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	unsigned int own, other;
	struct page *page, *far, *low;

	(void)arg;
	three_fake_nodes();
	page = pcp_alloc(pcp, 0, NUMA_NO_NODE, GFP_KERNEL);
	/* the scheduler may have moved us since */
	own = (unsigned int)page_nid(page);
	other = (own + 1) % 3 == numa_own_node() ? (own + 2) % 3 : (own + 1) % 3;
	far = pcp_alloc(pcp, 0, (int)other, GFP_KERNEL);
	EXPECT_EQ(page_nid(far), other);
	low = pcp_alloc(pcp, 0, (int)own, GFP_KERNEL | __GFP_DMA32);
	EXPECT_EQ(page_zone(low)->type, ZONE_DMA32);
	unit_return_lists();
	pcp_free(pcp, far, 0);
	pcp_free(pcp, low, 0);
	pcp_free(pcp, page, 0);
	EXPECT_EQ(pcp_pages(page_zone(far)), 1);
	EXPECT_EQ(pcp_pages(page_zone(page)), 1);
	EXPECT(zone_page_is_free(page_zone(low), low));
	unit_return_lists();
	EXPECT(zone_page_is_free(page_zone(far), far));
	EXPECT(zone_page_is_free(page_zone(page), page));
}

static void test_page_lists(void **state)
{
	(void)state;
	unit_passes(page_lists, NULL);
}

/* Sums, purges and locks go over all zones. */
static void all_zones(void *arg)
{
	struct zone_totals sum;
	struct page *page[3];
	struct zone_info info;
	unsigned int nid, n;

	(void)arg;
	set_decay("decay_ms=-1");
	three_fake_nodes();
	for (nid = 0; nid < 3; nid++) {
		page[nid] = page_alloc(256, 8, (int)nid, GFP_KERNEL | (nid ? 0 : __GFP_DMA32));
		memset(page_start(page[nid]), 1, 256 * PAGE_SIZE);
	}
	zones_total(&sum);
	EXPECT_EQ(sum.nr_online, 768);
	EXPECT_EQ(sum.nr_free, 0);
	EXPECT_EQ(sum.nr_sections, 3);
	for (nid = 0; nid < 3; nid++)
		zone_free(page_zone(page[nid]), page[nid], 10 * nid + 1);
	zones_total(&sum);
	EXPECT_EQ(sum.nr_free, 33);
	EXPECT_EQ(sum.nr_dirty, 33);
	EXPECT_EQ(zones_purge(), 33);
	zones_total(&sum);
	EXPECT_EQ(sum.nr_dirty, 0);
	zone_get_info(page_zone(page[2]), &info);
	EXPECT_EQ(info.nid, 2);
	EXPECT(strcmp(info.name, "Normal") == 0);
	EXPECT_EQ(info.nr_free, 21);
	EXPECT_EQ(info.blocks[0] + 4 * info.blocks[2] + 16 * info.blocks[4], 21);
	EXPECT_EQ(info.start_pfn, page_section(page[2])->start >> PAGE_SHIFT);
	EXPECT_EQ(info.nr_spanned, PAGES_PER_SECTION);
	for (n = 0; n < nr_zones(); n++) {
		lock_acquire(zone_lock(n));
		EXPECT(zones_are_mine());
		lock_release(zone_lock(n));
	}
	EXPECT_EQ(n, 6);
}

static void test_all_zones(void **state)
{
	(void)state;
	unit_passes(all_zones, NULL);
}

static bool has_grown;

/* One looks at the totals, the other makes sections: for the thread sanitizer. */
static void look_or_grow(void *arg, unsigned int id)
{
	struct zone *zone = &zone_normal;
	struct page *pages[2];
	struct zone_totals sum;
	unsigned int i;

	(void)arg;
	while (id == 0 && !READ_ONCE(has_grown)) {
		zones_total(&sum);
		EXPECT(sum.nr_free <= 8 * PAGES_PER_SECTION);
	}
	for (i = 0; id == 1 && i < 10; i++) {
		pages[0] = zone_alloc(zone, PAGES_PER_SECTION, MAX_ORDER);
		pages[1] = zone_alloc(zone, PAGES_PER_SECTION, MAX_ORDER);
		EXPECT(pages[0] && pages[1]);
		zone_free(zone, pages[0], PAGES_PER_SECTION);
		zone_free(zone, pages[1], PAGES_PER_SECTION);
		purge_all(zone);
	}
	WRITE_ONCE(has_grown, true);
}

static void test_totals_in_motion(void **state)
{
	(void)state;
	set_decay("decay_ms=-1");
	unit_threads(2, look_or_grow, NULL);
}

/* A handler that interrupted the purge of one zone does not begin with another's. */
static void test_purge_within_a_purge(void **state)
{
	struct zone *low = &NODE_DATA(0)->node_zones[ZONE_DMA32];
	struct page *page = zone_alloc(low, 16, 4);

	(void)state;
	set_decay("decay_ms=1000000");
	zone_free(low, page, 16);
	lock_acquire(&zone_normal.purge_lock);
	EXPECT_EQ(purge_all(low), 0);
	lock_release(&zone_normal.purge_lock);
	EXPECT_EQ(purge_all(low), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_node),
		cmocka_unit_test(test_time_passes),
		cmocka_unit_test(test_nothing_to_choose),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_fake_nodes),
		cmocka_unit_test(test_own_node),
		cmocka_unit_test(test_nodes_of_the_machine),
		cmocka_unit_test(test_distances),
		cmocka_unit_test(test_no_memory_for_nodes),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_page_lists),
		cmocka_unit_test(test_all_zones),
		cmocka_unit_test(test_totals_in_motion),
		cmocka_unit_test(test_purge_within_a_purge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
