/* SPDX-License-Identifier: MIT */
/*
 * Lanes: which threads a slab serves, and what a thread frees that is another lane's.
 *
 * Two threads that are none, driven by turns: two struct kmem_cpu of the test's own, of two lanes,
 * and a cache of the test's own.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "purge.h"
#include "slabinfo.h"
#include "unit_slab.h"

#define CLASS 200
#define SIZE  96u

static struct kmem_cache cache;
static struct kmem_cpu cpus[2];
static unsigned int per_slab;

static struct cpu_slot *slot_of(unsigned int id)
{
	return &cpus[id].slot[CLASS];
}

static int setup(void **state)
{
	unsigned int id;

	(void)state;
	options_parse("decay_ms=-1", &purge_params, 1);
	nr_lanes = NR_LANES;
	cache = (struct kmem_cache){ .size = 0 };
	cache_init(&cache, "test-96", SIZE, 32, CLASS);
	cache_init_sheaves(&cache);
	per_slab = cache.objects;
	for (id = 0; id < ARRAY_SIZE(cpus); id++) {
		cpus[id] = (struct kmem_cpu){ .kind = CPU_LIVE, .pcp = pcp_of_lane(id) };
		slot_init(slot_of(id));
	}
	return 0;
}

/* Nothing is in use; nothing may stay. */
static int teardown(void **state)
{
	unsigned int id;

	(void)state;
	for (id = 0; id < ARRAY_SIZE(cpus); id++)
		sheaf_flush_slot(&cpus[id], &cache);
	barn_drain(&cache);
	EXPECT_EQ(cache_inuse(&cache), 0);
	cache_shrink(&cache);
	expect_cache_sound(&cache);
	EXPECT_EQ(cache_slabs(&cache), 0);
	unit_return_lists();
	EXPECT_EQ(zone_normal.nr_free, zone_normal.nr_online);
	kmem_caches[CLASS] = NULL;
	return 0;
}

static void expect_counts(unsigned long partial, unsigned long full)
{
	expect_cache_sound(&cache);
	EXPECT_EQ(node_sum(&cache.node).nr_partial, partial);
	EXPECT_EQ(node_sum(&cache.node).nr_full, full);
}

static void *get(unsigned int id)
{
	void *object = slot_pop(slot_of(id));

	return object ? object : sheaf_alloc(&cpus[id], &cache, GFP_KERNEL);
}

static void put(unsigned int id, void *object)
{
	if (!slot_push(slot_of(id), object))
		sheaf_free(&cpus[id], &cache, object);
}

static struct slab *take_one(struct per_cpu_pages *pcp, void **object)
{
	EXPECT_EQ(slab_alloc_bulk(&cache, pcp, object, 1, GFP_KERNEL), 1);
	EXPECT_EQ(slab_at(*object)->lane, pcp->lane);
	return slab_at(*object);
}

static int refuse_all(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	return ENOMEM;
}

/* From here on there is no memory for a slab. */
static void take_all_pages(struct list_head *pages)
{
	struct page *page;

	unit_os_hook = refuse_all;
	list_init(pages);
	while ((page = zone_alloc(&zone_normal, 1, 0)))
		list_add(&page->lru, pages);
}

static void give_all_pages(struct list_head *pages)
{
	struct page *page, *next;

	unit_os_hook = NULL;
	list_for_each_entry_safe(page, next, pages, lru)
		zone_free(&zone_normal, page, 1);
}

static void *lane_object;
static bool lane_settled;

/*
 * One asks for an object's lane, the other makes the slab, empty in between, change it all the
 * time: for the thread sanitizer, which sees whether the two agree on how.
 */
static void ask_or_change(void *arg, unsigned int id)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);
	unsigned int i;
	void *object;

	(void)arg;
	while (id == 0 && !READ_ONCE(lane_settled))
		EXPECT(slab_lane(&cache, lane_object) <= 1);
	for (i = 0; id == 1 && i < unit_steps(20000); i++) {
		pcp = pcp_of_lane(i % 2);
		take_one(pcp, &object);
		EXPECT(object == lane_object);
		slab_free_bulk(&cache, NULL, &object, 1);
	}
	WRITE_ONCE(lane_settled, true);
}

static void test_lane_in_motion(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(0);

	(void)state;
	take_one(pcp, &lane_object);
	slab_free_bulk(&cache, NULL, &lane_object, 1);
	unit_threads(2, ask_or_change, NULL);
}

/*
 * A partial slab serves its lane, others when it is nearly empty, and anybody when memory is out.
 */
static void test_lanes(void **state)
{
	struct per_cpu_pages *one = pcp_of_lane(0), *two = pcp_of_lane(1);
	unsigned int few, total = 4 * cache.objects, i;
	void **objects = calloc(total, sizeof(*objects));
	struct slab *first, *second, *third, *serving;
	struct list_head pages;

	(void)state;
	few = per_slab / 8;
	EXPECT_EQ(slab_alloc_bulk(&cache, one, objects, per_slab, GFP_KERNEL), per_slab);
	first = slab_at(objects[0]);
	serving = take_one(one, &objects[3 * per_slab]);
	slab_free_bulk(&cache, NULL, objects + per_slab - 3, 3);
	second = take_one(two, &objects[per_slab]);
	EXPECT(second != first && second != serving);
	expect_counts(3, 0);
	/* of the first nearly nothing is left, but the second serves as long as it can */
	slab_free_bulk(&cache, NULL, objects + few, per_slab - 3 - few);
	EXPECT_EQ(first->inuse, few);
	for (i = 1; i < per_slab; i++)
		EXPECT(take_one(two, &objects[per_slab + i]) == second);
	for (i = few; i < per_slab; i++)
		EXPECT(take_one(two, &objects[i]) == first);
	/* but not the one that the other lane takes from, as little as is in use of it */
	third = take_one(two, &objects[2 * per_slab]);
	EXPECT(third != first && third != second && third != serving);
	for (i = 1; i < per_slab; i++)
		EXPECT(take_one(one, &objects[3 * per_slab + i]) == serving);
	expect_counts(1, 3);
	unit_return_lists();
	take_all_pages(&pages);
	EXPECT(take_one(one, &objects[2 * per_slab + 1]) == third);
	give_all_pages(&pages);
	slab_free_bulk(&cache, NULL, objects, 2 * per_slab + 2);
	slab_free_bulk(&cache, NULL, objects + 3 * per_slab, per_slab);
	free(objects);
}

/*
 * What a thread frees before it has a sheaf is another's: it is not to be the first that it gets.
 */
static void test_handed_over(void **state)
{
	void *kept = get(0), *object = get(0), *other;

	(void)state;
	put(1, object);
	EXPECT_EQ(slot_objects(slot_of(1)), 0);
	/* it is the first alone: who only frees has full sheaves for the barn */
	EXPECT(slot_of(1)->main != NULL);
	other = get(1);
	EXPECT(slab_at(other) != slab_at(object));
	put(1, other);
	/* once it has one, what it frees stays with it, as does what is of its own lane */
	object = get(0);
	put(1, object);
	EXPECT(get(1) == object);
	put(1, object);
	cpus[1].pcp = pcp_of_lane(0);
	sheaf_flush_slot(&cpus[1], &cache);
	object = get(0);
	put(1, object);
	EXPECT(get(1) == object);
	put(1, object);
	cpus[1].pcp = pcp_of_lane(1);
	put(0, kept);
}

/* What comes back at once goes to the lists it is from, whose turn in the batch it ever is. */
static void test_mixed_batch(void **state)
{
	struct per_cpu_pages *pcp[3] = { pcp_of_lane(0), pcp_of_lane(1), pcp_of_lane(3) };
	struct slab_counters before, after;
	void *objects[60];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		take_one(pcp[i % 7 % 3], &objects[i]);
	expect_counts(3, 0);
	EXPECT_EQ(cache.node.lane[0].nr_inuse + cache.node.lane[1].nr_inuse +
			  cache.node.lane[3].nr_inuse,
		  ARRAY_SIZE(objects));
	before = node_sum(&cache.node).counters;
	slab_free_bulk(&cache, pcp[1], objects, ARRAY_SIZE(objects));
	after = node_sum(&cache.node).counters;
	EXPECT_EQ(after.gives - before.gives, 3);
	EXPECT_EQ(cache_inuse(&cache), 0);
	expect_counts(0, 0);
	unit_return_lists();
}

/* Rather than that a slab is made, a lane gets an empty one of another's. */
static void test_empty_of_another(void **state)
{
	struct per_cpu_pages *one = pcp_of_lane(0), *two = pcp_of_lane(2);
	void *object, *other;
	struct slab *slab;

	(void)state;
	slab = take_one(one, &object);
	slab_free_bulk(&cache, one, &object, 1);
	EXPECT_EQ(cache.node.lane[0].nr_empty, 1);
	EXPECT(take_one(two, &object) == slab);
	EXPECT_EQ(cache.node.lane[0].nr_empty, 0);
	EXPECT_EQ(node_sum(&cache.node).counters.made, 1);
	/* the first lane has to make one now */
	EXPECT(take_one(one, &other) != slab);
	slab_free_bulk(&cache, one, &object, 1);
	EXPECT_EQ(cache.node.lane[2].nr_empty, 1);
	slab_free_bulk(&cache, one, &other, 1);
	unit_return_lists();
}

static void *given_back;

/* Refuses memory, and while the caller waits for the answer gives an object back. */
static int give_back_and_refuse(long nr, unsigned long args[6])
{
	void *object = given_back;

	(void)nr;
	(void)args;
	given_back = NULL;
	if (object) {
		lock_order_relax(true);
		slab_free_bulk(&cache, NULL, &object, 1);
		lock_order_relax(false);
	}
	return ENOMEM;
}

/*
 * What another thread of the lane gives back meanwhile is there when the OS has no memory for a
 * slab.
 */
static void test_given_back_meanwhile(void **state)
{
	struct per_cpu_pages *one = pcp_of_lane(1);
	void **objects = calloc(per_slab + 1, sizeof(*objects));
	struct list_head pages;

	(void)state;
	EXPECT_EQ(slab_alloc_bulk(&cache, one, objects, per_slab, GFP_KERNEL), per_slab);
	unit_return_lists();
	take_all_pages(&pages);
	EXPECT_EQ(slab_alloc_bulk(&cache, one, objects + per_slab, 1, GFP_KERNEL), 0);
	given_back = objects[3];
	unit_os_hook = give_back_and_refuse;
	EXPECT_EQ(slab_alloc_bulk(&cache, one, objects + per_slab, 1, GFP_KERNEL), 1);
	EXPECT(given_back == NULL && objects[per_slab] == objects[3]);
	give_all_pages(&pages);
	slab_free_bulk(&cache, NULL, objects, per_slab);
	free(objects);
}

#define SHARED_PLACES 512u

static void *place[SHARED_PLACES]; /* exchanged atomically */

/* Each takes for its own lane and puts back what any had: slabs change their lanes meanwhile. */
static void take_and_exchange(void *arg, unsigned int id)
{
	struct per_cpu_pages *pcp = pcp_of_lane(id % NR_LANES);
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, steps = unit_steps(4000);
	void *objects[24];

	for (i = 0; i < steps; i++) {
		unsigned int n = 1 + unit_below(&rng, ARRAY_SIZE(objects)), k, back = 0;

		n = slab_alloc_bulk(&cache, pcp, objects, n, GFP_KERNEL);
		for (k = 0; k < n; k++) {
			/* all of it goes now and then, so that slabs are empty, and full */
			unsigned int at = unit_below(&rng, i % 64 < 32 ? 8 : SHARED_PLACES);
			void *other = __atomic_exchange_n(&place[at], objects[k], __ATOMIC_ACQ_REL);

			if (other)
				objects[back++] = other;
		}
		if (back)
			slab_free_bulk(&cache, pcp, objects, back);
	}
	unit_return_lists();
}

static void test_lanes_at_once(void **state)
{
	uint64_t seed = unit_seed(77);
	unsigned int i;

	(void)state;
	unit_threads(3, take_and_exchange, &seed);
	expect_cache_sound(&cache);
	for (i = 0; i < SHARED_PLACES; i++)
		if (place[i])
			slab_free_bulk(&cache, NULL, &place[i], 1);
	memset(place, 0, sizeof(place));
}

static bool looking, looked;

/*
 * One is at a lane's lists for longer than the other needs to look: what that is told must be what
 * there is before or after.
 */
static void change_or_look(void *arg, unsigned int id)
{
	struct slab_lane *lane = &cache.node.lane[2];
	struct cache_info info;

	(void)arg;
	if (id == 0) {
		while (!READ_ONCE(looking))
			sched_yield();
		cache_get_info(&cache, &info);
		EXPECT_EQ(cache_slabs(&cache), 1);
		EXPECT_EQ(info.active_objs, 1);
		EXPECT_EQ(info.num_slabs, 1);
		WRITE_ONCE(looked, true);
		return;
	}
	lock_acquire(&lane->lock);
	lane->nr_partial += 5;
	lane->nr_inuse += 1000;
	WRITE_ONCE(looking, true);
	usleep(20000);
	EXPECT(!READ_ONCE(looked));
	lane->nr_partial -= 5;
	lane->nr_inuse -= 1000;
	lock_release(&lane->lock);
}

static void test_figures_add_up(void **state)
{
	struct per_cpu_pages *pcp = pcp_of_lane(2);
	void *object;

	(void)state;
	take_one(pcp, &object);
	unit_threads(2, change_or_look, NULL);
	slab_free_bulk(&cache, pcp, &object, 1);
	unit_return_lists();
}

#define lane_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lane_test(test_lanes),
		lane_test(test_lane_in_motion),
		lane_test(test_handed_over),
		lane_test(test_mixed_batch),
		lane_test(test_empty_of_another),
		lane_test(test_given_back_meanwhile),
		lane_test(test_lanes_at_once),
		lane_test(test_figures_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
