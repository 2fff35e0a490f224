/* SPDX-License-Identifier: MIT */
/*
 * Counters of what happens behind the sheaves: each is held against what a step was seen to do, by
 * the objects that left or joined the slabs, the sheaves in the barn, and the number of slabs.
 */
#include <errno.h>

#include "purge.h"
#include "unit_slab.h"

#define CLASS 200
#define SIZE  96u
#define MANY  6000
#define STEPS 300000

static struct kmem_cache cache;
static struct kmem_cpu cpus[2];
static void *objects[MANY];

static int setup(void **state)
{
	unsigned int i;

	(void)state;
	cache = (struct kmem_cache){ .size = 0 };
	cache_init(&cache, "test-96", SIZE, 32, CLASS);
	cache_init_sheaves(&cache);
	for (i = 0; i < ARRAY_SIZE(cpus); i++) {
		memset(&cpus[i], 0, sizeof(cpus[i]));
		cpus[i].kind = CPU_LIVE;
		cpus[i].pcp = pcp_of_lane(0);
		slot_init(&cpus[i].slot[CLASS]);
	}
	return 0;
}

static int teardown(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cpus); i++)
		sheaf_flush_slot(&cpus[i], &cache);
	unit_return_lists();
	barn_drain(&cache);
	cache_shrink(&cache);
	EXPECT_EQ(cache_inuse(&cache), 0);
	kmem_caches[CLASS] = NULL;
	return 0;
}

struct seen {
	unsigned long inuse, full, slabs;
	struct slab_counters counters;
	unsigned long get, put, put_fail;
};

static struct seen look(void)
{
	const struct node_sum sum = node_sum(&cache.node);

	return (struct seen){
		.inuse = sum.nr_inuse,
		.full = sum.full_sheaves,
		.slabs = sum.nr_slabs,
		.counters = sum.counters,
		.get = sum.nr_get,
		.put = sum.nr_put,
		.put_fail = sum.nr_put_fail,
	};
}

/* What a step from @a to @b must have counted; @hit: it was one of the fast paths. */
static void expect_counted(const struct seen *a, const struct seen *b, bool hit)
{
	EXPECT_EQ(b->counters.taken - a->counters.taken,
		  b->inuse > a->inuse ? b->inuse - a->inuse : 0);
	EXPECT_EQ(b->counters.takes - a->counters.takes, b->inuse > a->inuse);
	EXPECT_EQ(b->counters.gives - a->counters.gives, b->inuse < a->inuse);
	EXPECT_EQ(b->counters.made - a->counters.made, b->slabs > a->slabs);
	EXPECT_EQ(b->get - a->get, b->full < a->full);
	EXPECT_EQ(b->put - a->put, b->full > a->full);
	if (hit)
		EXPECT(memcmp(a, b, sizeof(*a)) == 0);
	/* A sheaf that the barn refused went to the slabs instead. */
	EXPECT(b->put_fail == a->put_fail ||
	       (b->put_fail == a->put_fail + 1 && b->inuse < a->inuse && a->full == b->full &&
		b->full == cache.node.lane[0].barn.max_full));
}

static void get(unsigned int id, unsigned int n)
{
	struct seen before = look(), after;
	bool hit;

	objects[n] = slot_pop(&cpus[id].slot[CLASS]);
	hit = objects[n];
	if (!hit)
		objects[n] = sheaf_alloc(&cpus[id], &cache, GFP_KERNEL);
	EXPECT(objects[n] != NULL);
	after = look();
	expect_counted(&before, &after, hit);
}

static void put(unsigned int id, unsigned int n)
{
	struct seen before = look(), after;
	bool hit = slot_push(&cpus[id].slot[CLASS], objects[n]);

	if (!hit)
		sheaf_free(&cpus[id], &cache, objects[n]);
	after = look();
	expect_counted(&before, &after, hit);
}

/* Phases of growing and shrinking, by one thread or from one to the other. */
static void test_counts_what_was_done(void **state)
{
	unsigned int steps = unit_steps(STEPS), i, n = 0, up = 60, one = 50;
	uint64_t rng = unit_seed(42);

	(void)state;
	for (i = 0; i < steps; i++) {
		if (i % (steps / 30) == 0) {
			up = 20 + unit_below(&rng, 60);
			one = unit_below(&rng, 101);
		}
		if (n < MANY && (n == 0 || unit_below(&rng, 100) < up))
			get(unit_below(&rng, 100) < one, n), n++;
		else
			put(unit_below(&rng, 100) >= one, --n);
	}
	while (n)
		put(0, --n);
	/* All of it happened. */
	EXPECT(cache.node.lane[0].counters.takes && cache.node.lane[0].counters.gives);
	EXPECT(cache.node.lane[0].counters.made > 1);
	EXPECT(cache.node.lane[0].barn.nr_get && cache.node.lane[0].barn.nr_put);
	EXPECT(cache.node.lane[0].barn.nr_put_fail);
}

/* What the OS refuses counts nothing. */
static void test_counts_no_failure(void **state)
{
	struct seen before = look(), after;
	unsigned long n = 0;
	void *last = NULL;

	(void)state;
	unit_os_hook = unit_refuse;
	/* Enough that what is there does not do. */
	for (;; n++) {
		void *object = sheaf_alloc(&cpus[0], &cache, GFP_KERNEL);

		if (!object)
			break;
		*(void **)object = last;
		last = object;
	}
	after = look();
	unit_os_hook = NULL;
	EXPECT_EQ(after.counters.taken - before.counters.taken, after.inuse - before.inuse);
	EXPECT_EQ(after.counters.made - before.counters.made, after.slabs - before.slabs);
	EXPECT_EQ(n, after.inuse - before.inuse);
	while (last) {
		void *object = last;

		last = *(void **)object;
		sheaf_free(&cpus[0], &cache, object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts_what_was_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts_no_failure, setup, teardown),
	};

	options_parse("decay_ms=-1", &purge_params, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
