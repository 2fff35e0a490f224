/* SPDX-License-Identifier: MIT */
/* Caches on several nodes, which options pretend. */
#include <errno.h>

#include "numa.h"
#include "unit_cache.h"

static void on_three_nodes(void *arg)
{
	struct kmem_cache *old = make((struct cache_wish){ .size = 300, .flags = SLAB_NO_MERGE });
	struct kmem_cache *s;
	void *objects[3][50];
	unsigned int nid, i;

	(void)arg;
	options_parse("numa=fake=3", &numa_params, 1);
	numa_init();
	caches_init_nodes();
	EXPECT_EQ(nr_node_ids, 3);
	EXPECT(old->nodes && old->nodes[0] == &old->node);
	s = make((struct cache_wish){ .size = 300, .flags = SLAB_NO_MERGE });
	for (nid = 0; nid < 3; nid++) {
		for (i = 0; i < 50; i++) {
			objects[nid][i] =
				cache_alloc_node(s, GFP_KERNEL | __GFP_THISNODE, (int)nid, NULL);
			EXPECT(objects[nid][i] != NULL);
			EXPECT_EQ(page_nid(page_at(objects[nid][i])), nid);
		}
		EXPECT_EQ(node_sum(s->nodes[nid]).nr_inuse, 50);
	}
	cache_is_valid(s);
	EXPECT_EQ(cache_inuse(s), 150);
	/* freed in any order, through sheaves or not, each comes back to its node */
	for (i = 0; i < 50; i++)
		for (nid = 0; nid < 3; nid++)
			give(s, objects[nid][i]);
	cache_is_valid(s);
	cache_shrink_all(s);
	for (nid = 0; nid < 3; nid++)
		EXPECT_EQ(node_sum(s->nodes[nid]).nr_inuse, 0);
	give(old, take(old));
	for (i = 0; i < 100; i++)
		unit_kfree(unit_kmalloc(i * 20));
	kmem_trim();
	EXPECT_EQ(cache_destroy(old), 0);
	EXPECT_EQ(cache_destroy(s), 0);
}

static void make_dirty(struct zone *zone)
{
	struct page *page = zone_alloc(zone, 16, 4);

	EXPECT(page != NULL);
	zone_free(zone, page, 16);
}

/* Where a node has room for two slabs, and another has more, a batch has slabs on both. */
static void batch_on_two_nodes(void *arg)
{
	struct zone *full, *other;
	struct page *taken[20000];
	struct kmem_cache *s;
	unsigned int n = 0, i;
	void *objects[8];

	(void)arg;
	options_parse("numa=fake=2", &numa_params, 1);
	numa_init();
	caches_init_nodes();
	s = make((struct cache_wish){ .size = 4096, .flags = SLAB_NO_MERGE });
	EXPECT_EQ(s->order, 1);
	EXPECT_EQ(s->objects, 2);
	full = &NODE_DATA(0)->node_zones[ZONE_NORMAL];
	other = &NODE_DATA(1)->node_zones[ZONE_NORMAL];
	make_dirty(full);
	make_dirty(other);
	unit_os_hook = unit_refuse;
	while ((taken[n] = zone_alloc(full, 2, 1)))
		EXPECT(++n < ARRAY_SIZE(taken));
	EXPECT(n > 2);
	zone_free(full, taken[--n], 2);
	zone_free(full, taken[--n], 2);
	EXPECT_EQ(slab_alloc_node(s, pcp_of_lane(0), objects, 8, 0, GFP_KERNEL), 8);
	/* the first slab's come last */
	for (i = 0; i < 8; i++) {
		struct slab *slab = slab_containing(objects[i]);
		int nid = page_nid(page_at(objects[i]));

		EXPECT_EQ(slab->lane, lane_number((unsigned int)nid, 0));
		EXPECT_EQ(nid, i < 4);
	}
	EXPECT_EQ(node_sum(s->nodes[0]).nr_inuse, 4);
	EXPECT_EQ(node_sum(s->nodes[1]).nr_inuse, 4);
	cache_is_valid(s);
	unit_os_hook = NULL;
	slab_free_bulk(s, pcp_of_lane(0), objects, 8);
	EXPECT_EQ(cache_inuse(s), 0);
	end(s);
}

/* Objects of more than a page, in shared slabs, come from where they are asked for. */
static void runs_on_two_nodes(void *arg)
{
	struct kmem_cache *s = &kmalloc_caches[kmalloc_class(5000)];
	void *object[4], *more[400];
	unsigned int i, nid, n = 0;

	(void)arg;
	options_parse("numa=fake=2", &numa_params, 1);
	numa_init();
	caches_init_nodes();
	for (i = 0; i < ARRAY_SIZE(object); i++) {
		nid = i % 2;
		EXPECT_EQ(slab_alloc_node(s, pcp_of_lane(0), &object[i], 1, (int)nid, GFP_KERNEL),
			  1);
		EXPECT_EQ(page_nid(page_at(object[i])), nid);
		EXPECT_EQ(slab_containing(object[i])->lane, lane_number(nid, 0));
		EXPECT_EQ(node_sum(s->nodes[nid]).nr_inuse, i / 2 + 1);
	}
	unit_os_hook = unit_refuse;
	/* there and nowhere else, until there is no more */
	while (slab_alloc_node(s, pcp_of_lane(0), &more[n], 1, 1, GFP_KERNEL | __GFP_THISNODE)) {
		EXPECT_EQ(page_nid(page_at(more[n])), 1);
		EXPECT(++n < ARRAY_SIZE(more));
	}
	EXPECT_EQ(slab_alloc_node(s, pcp_of_lane(0), &more[n], 1, 1, GFP_KERNEL), 1);
	EXPECT_EQ(page_nid(page_at(more[n++])), 0);
	unit_os_hook = NULL;
	cache_is_valid(&unit_cache);
	slab_free_bulk(s, pcp_of_lane(0), more, n);
	slab_free_bulk(s, pcp_of_lane(0), object, ARRAY_SIZE(object));
	EXPECT_EQ(cache_inuse(s) + cache_inuse(&unit_cache), 0);
}

static void test_runs_on_two_nodes(void **state)
{
	(void)state;
	unit_passes(runs_on_two_nodes, NULL);
}

static void test_nodes(void **state)
{
	(void)state;
	unit_passes(on_three_nodes, NULL);
}

static void test_batch_on_two_nodes(void **state)
{
	(void)state;
	unit_passes(batch_on_two_nodes, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nodes, setup_library),
		cmocka_unit_test_setup(test_batch_on_two_nodes, setup_library),
		cmocka_unit_test_setup(test_runs_on_two_nodes, setup_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
