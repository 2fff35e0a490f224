/* SPDX-License-Identifier: MIT */
/*
 * Sheaves and barns, seen by two threads that are none: two struct kmem_cpu of the test's own,
 * which it drives by turns, so that every visit to the barn happens where the test wants it.
 *
 * The cache is the test's own, too. How many objects left the slabs, node.nr_inuse, tells a refill
 * (it grows), a flush (it falls) and a trade (it stays) apart.
 */
#include <errno.h>
#include <stdlib.h>

#include "purge.h"
#include "unit_slab.h"

#define CLASS 200
#define SIZE  96u
#define MANY  4000

static struct kmem_cache cache;
static struct kmem_cpu cpus[2];
static unsigned int capacity;
static void *objects[MANY];

static int setup(void **state)
{
	unsigned int i;

	(void)state;
	options_parse("decay_ms=-1", &purge_params, 1);
	cache = (struct kmem_cache){ .size = 0 };
	cache_init(&cache, "test-96", SIZE, 32, CLASS);
	cache_init_sheaves(&cache);
	capacity = cache.sheaf_capacity;
	for (i = 0; i < ARRAY_SIZE(cpus); i++) {
		memset(&cpus[i], 0, sizeof(cpus[i]));
		cpus[i].kind = CPU_LIVE;
		cpus[i].pcp = pcp_of_lane(0);
		slot_init(&cpus[i].slot[CLASS]);
	}
	return 0;
}

static struct cpu_slot *slot_of(unsigned int id)
{
	return &cpus[id].slot[CLASS];
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

/* Every object is in the program's hands, in a slot or in the barn; each sheaf is in order. */
static void expect_sound(unsigned long used)
{
	unsigned long held = used;
	unsigned int id;

	expect_cache_sound(&cache);
	for (id = 0; id < ARRAY_SIZE(cpus); id++) {
		const struct cpu_slot *slot = slot_of(id);

		slot_is_valid(&cache, slot);
		held += slot_objects(slot);
		EXPECT(slot_objects(slot) <= 2 * capacity);
		if (slot->main)
			EXPECT(slot->top >= slot->main->objects &&
			       slot->top <= slot->main->objects + slot->main->limit);
	}
	EXPECT_EQ(held + barn_objects(&cache), cache_inuse(&cache));
	EXPECT(cache.node.lane[0].barn.nr_full <= cache.node.lane[0].barn.max_full);
}

static int teardown(void **state)
{
	unsigned int id;

	(void)state;
	for (id = 0; id < ARRAY_SIZE(cpus); id++) {
		sheaf_flush_slot(&cpus[id], &cache);
		EXPECT(slot_pop(slot_of(id)) == NULL);
		EXPECT(!slot_push(slot_of(id), objects));
		EXPECT_EQ(slot_objects(slot_of(id)), 0);
	}
	barn_drain(&cache);
	EXPECT_EQ(barn_objects(&cache), 0);
	EXPECT_EQ(cache.node.lane[0].barn.nr_full + cache.node.lane[0].barn.nr_empty, 0);
	expect_sound(0);
	EXPECT_EQ(cache_inuse(&cache), 0);
	cache_shrink(&cache);
	unit_return_lists();
	EXPECT_EQ(pcp_pages(&zone_normal), 0);
	/* every sheaf went back to its pool */
	EXPECT_EQ(cache.sheaf_pool->nr_free, cache.sheaf_pool->nr_total);
	EXPECT_EQ(zone_normal.nr_free, zone_normal.nr_online);
	kmem_caches[CLASS] = NULL;
	return 0;
}

/* Takes @n objects by @id; each gets its pattern, so that one handed out twice is seen. */
static void get_many(unsigned int id, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		objects[i] = get(id);
		EXPECT(objects[i] != NULL);
		unit_fill(objects[i], SIZE, (uintptr_t)objects[i]);
		*(unsigned int *)objects[i] = i;
	}
	for (i = 0; i < n; i++)
		EXPECT_EQ(*(unsigned int *)objects[i], i);
}

static void put_many(unsigned int id, unsigned int n)
{
	while (n-- > 0) {
		EXPECT_EQ(*(unsigned int *)objects[n], n);
		put(id, objects[n]);
	}
}

/* A slot that was never used pops nothing and takes nothing. */
static void test_no_sheaf(void **state)
{
	(void)state;
	EXPECT(slot_pop(slot_of(0)) == NULL);
	EXPECT(!slot_push(slot_of(0), &cache));
	EXPECT(no_sheaf[0] == NULL && no_sheaf[1] == NULL);
	EXPECT_EQ(slot_objects(slot_of(0)), 0);
	sheaf_flush_slot(&cpus[0], &cache);
	expect_sound(0);
}

/*
 * The limit starts low, and doubles now and then, up to the capacity. A refill brings as much as it
 * says, or else all that the slabs have left.
 */
static void test_slow_start_of_refills(void **state)
{
	unsigned int i, used = 0, refill, limit = 0, refills = 0, raises = 0;
	unsigned long before;

	(void)state;
	while (limit < capacity) {
		before = cache_inuse(&cache);
		limit = refills ? slot_of(0)->main->limit : 0;
		EXPECT(used < MANY);
		objects[used++] = get(0);
		EXPECT(objects[used - 1] != NULL);
		if (cache_inuse(&cache) == before) {
			EXPECT_EQ(slot_of(0)->main->limit, limit);
			continue;
		}
		refill = (unsigned int)(cache_inuse(&cache) - before);
		if (refills++) {
			EXPECT(refill == limit ||
			       (refill < limit && !node_sum(&cache.node).nr_partial));
			if (slot_of(0)->main->limit != limit) {
				raises++;
				EXPECT_EQ(slot_of(0)->main->limit,
					  2 * limit < capacity ? 2 * limit : capacity);
			}
		} else {
			EXPECT(refill < capacity / 4);
		}
		expect_sound(used);
	}
	EXPECT(raises > 3);
	for (i = 0; i < used; i++)
		put(0, objects[i]);
}

/* A thread that only frees holds no more than its limit: that doubles, or objects go back. */
static void test_slow_start_of_frees(void **state)
{
	unsigned int i, limit = 1, was = 0, room = 0;

	(void)state;
	get_many(0, MANY);
	for (i = 0; i < MANY; i++) {
		put(1, objects[MANY - 1 - i]);
		limit = slot_of(1)->main->limit;
		if (limit != was && was)
			EXPECT_EQ(limit, 2 * was < capacity ? 2 * was : capacity);
		was = limit;
		EXPECT(slot_objects(slot_of(1)) <= limit || slot_of(1)->spare);
		/* few are held at first, whatever comes */
		EXPECT(i > 2 || slot_objects(slot_of(1)) <= 4);
		if (slot_of(1)->spare) {
			room = i;
			break;
		}
	}
	/* after a while they are many */
	EXPECT(room > 0);
	EXPECT_EQ(limit, capacity);
	expect_sound(MANY - room - 1);
	for (i = 0; i + room + 1 < MANY; i++)
		put(0, objects[i]);
}

/* By frees of @n objects that were taken elsewhere. Returns how many objects went to the slabs. */
static unsigned long put_some(unsigned int id, unsigned int n, unsigned int *left)
{
	unsigned long before = cache_inuse(&cache);

	while (n--)
		put(id, objects[--*left]);
	return before - cache_inuse(&cache);
}

/*
 * Where each visit no longer raises the limit, at 2 KiB of objects and less than 4, a full sheaf
 * goes back whole while a thread only frees, which takes it 24 visits to the next limit. When it
 * took objects from the slabs in between, half of them stay, and such a visit counts for eight.
 */
static void test_turns(void **state)
{
	const unsigned int limit = 16;
	unsigned int left = MANY / 4, visits;
	struct sheaf *sheaf;
	unsigned long gone;

	(void)state;
	get_many(0, left);
	put(1, objects[--left]);
	sheaf = slot_of(1)->main;
	while (sheaf->limit < limit)
		put(1, objects[--left]);
	put_some(1, limit - slot_objects(slot_of(1)), &left);
	EXPECT_EQ(slot_objects(slot_of(1)), limit);
	for (visits = 1; visits < 24; visits++) {
		EXPECT_EQ(sheaf->limit, limit);
		EXPECT_EQ(put_some(1, limit, &left), limit);
	}
	EXPECT_EQ(put_some(1, limit, &left), 0);
	EXPECT_EQ(sheaf->limit, 2 * limit);
	expect_sound(left);

	for (visits = 0; sheaf->limit == 2 * limit; visits++) {
		while (slot_objects(slot_of(1)))
			objects[left++] = get(1);
		objects[left++] = get(1); /* a refill */
		if (sheaf->limit > 2 * limit)
			break;
		EXPECT_EQ(slot_objects(slot_of(1)), 2 * limit - 1);
		EXPECT_EQ(put_some(1, 1, &left), 0);
		gone = put_some(1, 1, &left);
		EXPECT_EQ(gone, sheaf->limit > 2 * limit ? 0 : limit);
	}
	EXPECT(visits <= 2);
	expect_sound(left);
	while (left)
		put(0, objects[--left]);
}

/*
 * Uses the cache until both sheaves of @id are as large as they get; the barn is empty afterwards.
 */
static void warm_up(unsigned int id)
{
	unsigned int round, i;

	for (round = 0; round < 200; round++) {
		const struct cpu_slot *slot = slot_of(id);

		if (slot->spare && slot->spare->limit == capacity && slot->main->limit == capacity)
			break;
		for (i = 0; i < 3 * capacity; i++)
			objects[i] = get(id);
		for (i = 0; i < 3 * capacity; i++)
			put(id, objects[i]);
	}
	EXPECT(round < 200);
	barn_drain(&cache);
	expect_sound(0);
}

/* What comes out of a refill ascends. */
static void test_refill_ascends(void **state)
{
	char *last = get(0), *object;
	unsigned int i;

	(void)state;
	objects[0] = last;
	for (i = 1; i < cache.objects; i++) {
		objects[i] = object = get(0);
		EXPECT_EQ(object - last, SIZE);
		last = object;
	}
	while (i-- > 0)
		put(0, objects[i]);
}

/* The last freed is the first taken. */
static void test_newest_first(void **state)
{
	unsigned int i;

	(void)state;
	get_many(0, 30);
	put_many(0, 30);
	for (i = 0; i < 30; i++)
		EXPECT(get(0) == objects[i]);
	put_many(0, 30);
}

/*
 * Up and down around the point where main is full, or empty: main and spare swap, no slab is asked.
 */
static void test_swap(void **state)
{
	unsigned int i, round;
	unsigned long inuse;

	(void)state;
	warm_up(0);
	get_many(0, 2 * capacity);
	put_many(0, 2 * capacity);
	get_many(0, capacity);
	inuse = cache_inuse(&cache);
	for (round = 1; round < capacity; round++) {
		for (i = 0; i < round; i++)
			put(0, objects[capacity - 1 - i]);
		for (i = 0; i < round; i++)
			objects[capacity - 1 - i] = get(0);
		EXPECT_EQ(cache_inuse(&cache), inuse);
		expect_sound(capacity);
	}
	for (i = 0; i < capacity; i++)
		put(0, objects[i]);
}

/* One only takes, the other only gives: full sheaves go one way, empty ones the other. */
static void test_trade(void **state)
{
	unsigned int i, n = 8 * capacity, round, full;
	unsigned long inuse, sheaves;

	(void)state;
	warm_up(0);
	warm_up(1);
	get_many(0, n);
	put_many(1, n);
	full = cache.node.lane[0].barn.nr_full;
	EXPECT(full >= 4);
	expect_sound(0);
	EXPECT_EQ(cache.node.lane[0].barn.nr_full * capacity + slot_objects(slot_of(0)) +
			  slot_objects(slot_of(1)),
		  cache_inuse(&cache));
	for (round = 0; round < 5; round++) {
		inuse = cache_inuse(&cache);
		/* not one object comes from a slab */
		get_many(0, full * capacity);
		EXPECT_EQ(cache_inuse(&cache), inuse);
		EXPECT_EQ(cache.node.lane[0].barn.nr_full, 0);
		expect_sound(full * capacity);
		EXPECT(cache.node.lane[0].barn.nr_empty > 0);
		/* nor is a sheaf made while there are empty ones */
		sheaves = cache.sheaf_pool->nr_total - cache.sheaf_pool->nr_free;
		for (i = 0; i < cache.node.lane[0].barn.nr_empty * capacity; i++)
			put(1, objects[i]);
		EXPECT_EQ(cache.sheaf_pool->nr_total - cache.sheaf_pool->nr_free, sheaves);
		for (; i < full * capacity; i++)
			put(1, objects[i]);
		EXPECT_EQ(cache_inuse(&cache), inuse);
		EXPECT_EQ(cache.node.lane[0].barn.nr_full, full);
		expect_sound(0);
	}
}

static unsigned int full_of_lane(unsigned int lane)
{
	return cache.node.lane[lane].barn.nr_full;
}

/* A full sheaf waits for those whose slabs its objects are from, whoever put it there. */
static void test_trade_of_lanes(void **state)
{
	unsigned int n = 8 * capacity, full;

	(void)state;
	cpus[1].pcp = pcp_of_lane(1);
	warm_up(0);
	warm_up(1);
	get_many(0, n);
	put_many(1, n);
	full = full_of_lane(0);
	EXPECT(full >= 4);
	/* more than the second thread has itself: the rest is from slabs */
	get_many(1, 6 * capacity);
	EXPECT_EQ(full_of_lane(0), full);
	EXPECT_EQ(full_of_lane(1), 0);
	put_many(1, 6 * capacity);
	full = full_of_lane(0);
	get_many(0, 4 * capacity);
	EXPECT(full_of_lane(0) <= full - 2);
	put_many(0, 4 * capacity);
	cpus[1].pcp = pcp_of_lane(0);
	expect_sound(0);
}

/* A barn holds so many full sheaves; what does not fit goes to the slabs. */
static void test_barn_is_full(void **state)
{
	unsigned int n = (cache.node.lane[0].barn.max_full + 8) * capacity, i, most = 0;
	unsigned long inuse = 0;

	(void)state;
	warm_up(0);
	warm_up(1);
	EXPECT(n <= MANY);
	get_many(0, n);
	for (i = 0; i < n; i++) {
		inuse = cache_inuse(&cache);
		put(1, objects[i]);
		EXPECT(cache.node.lane[0].barn.nr_full <= cache.node.lane[0].barn.max_full);
		if (cache_inuse(&cache) != inuse) {
			/* a whole sheaf at a time, and only when there is no room */
			EXPECT_EQ(inuse - cache_inuse(&cache), capacity);
			EXPECT_EQ(cache.node.lane[0].barn.nr_full,
				  cache.node.lane[0].barn.max_full);
		}
		most = cache.node.lane[0].barn.nr_full > most ? cache.node.lane[0].barn.nr_full :
								most;
	}
	EXPECT_EQ(most, cache.node.lane[0].barn.max_full);
	expect_sound(0);
	EXPECT(cache_inuse(&cache) <= (cache.node.lane[0].barn.max_full + 4) * capacity);

	/* and so many empty ones, when they come back */
	get_many(0, most * capacity);
	EXPECT_EQ(cache.node.lane[0].barn.nr_full, 0);
	EXPECT(cache.node.lane[0].barn.nr_empty > 0 &&
	       cache.node.lane[0].barn.nr_empty < cache.node.lane[0].barn.max_full);
	put_many(0, most * capacity);
}

/* Flushed, a slot is as new; the other one is not touched. */
static void test_flush(void **state)
{
	unsigned long inuse;

	(void)state;
	warm_up(0);
	get_many(0, 2 * capacity);
	put_many(0, 2 * capacity);
	get_many(1, 10);
	inuse = slot_objects(slot_of(1)) + 10 + barn_objects(&cache);
	sheaf_flush_slot(&cpus[0], &cache);
	EXPECT(slot_of(0)->main == NULL && slot_of(0)->spare == NULL);
	EXPECT_EQ(slot_objects(slot_of(0)), 0);
	EXPECT_EQ(cache_inuse(&cache), inuse);
	expect_sound(10);
	/* it can be used as before */
	put_many(0, 10);
	EXPECT_EQ(slot_objects(slot_of(0)), 10);
	barn_drain(&cache);
	EXPECT_EQ(cache.node.lane[0].barn.nr_full + cache.node.lane[0].barn.nr_empty, 0);
	expect_sound(0);
}

/* The slow paths may find a slot that has what they are to bring: a signal handler was there. */
static void test_slow_path_for_nothing(void **state)
{
	unsigned int i, n = capacity + 7;

	(void)state;
	warm_up(0);
	for (i = 0; i < n; i++) {
		objects[i] = sheaf_alloc(&cpus[0], &cache, GFP_KERNEL);
		EXPECT(objects[i] != NULL);
		*(unsigned int *)objects[i] = i;
		expect_sound(i + 1);
	}
	for (i = 0; i < n; i++) {
		EXPECT_EQ(*(unsigned int *)objects[i], i);
		sheaf_free(&cpus[0], &cache, objects[i]);
		expect_sound(n - i - 1);
	}
	/* main empty, spare full: a free goes to main, an empty sheaf is no full one */
	get_many(0, 2 * capacity);
	put_many(0, 2 * capacity);
	get_many(0, slot_objects(slot_of(0)));
	for (i = 0; i < capacity + 1; i++)
		put(0, objects[i]);
	objects[capacity] = get(0);
	expect_sound(cache_inuse(&cache) - slot_objects(slot_of(0)) - barn_objects(&cache));
	sheaf_free(&cpus[0], &cache, objects[capacity]);
	EXPECT_EQ(cache.node.lane[0].barn.nr_full * capacity, barn_objects(&cache));
	for (i = capacity + 1; cache_inuse(&cache) - slot_objects(slot_of(0)) -
			       slot_objects(slot_of(1)) - barn_objects(&cache);
	     i++)
		put(1, objects[i]);
	expect_sound(0);
}

/* Without memory for a sheaf, objects come and go one at a time. */
static void no_sheaf_to_be_had(void *arg)
{
	unsigned int i, n = 5;

	(void)arg;
	/* a slab that has objects left, and no sheaf, nor memory for one */
	objects[n] = get(1);
	EXPECT(node_sum(&cache.node).nr_partial == 1);
	unit_os_hook = unit_refuse;
	while (meta_alloc(cache.sheaf_pool))
		;
	for (i = 0; i < n; i++) {
		objects[i] = get(0);
		EXPECT(objects[i] != NULL);
		EXPECT(slot_of(0)->main == NULL);
	}
	for (i = 0; i < n; i++)
		put(0, objects[i]);
	EXPECT(slot_of(0)->main == NULL && slot_of(0)->spare == NULL);
	unit_os_hook = NULL;
	expect_cache_sound(&cache);
}

static void test_no_sheaf_to_be_had(void **state)
{
	(void)state;
	unit_passes(no_sheaf_to_be_had, NULL);
}

/* ---- Faults are found when the objects leave the thread ---- */

static void flush_both(void *arg)
{
	(void)arg;
	sheaf_flush_slot(&cpus[0], &cache);
	sheaf_flush_slot(&cpus[1], &cache);
	barn_drain(&cache);
}

static void free_twice(void *object)
{
	put(0, object);
	put(0, object);
	flush_both(NULL);
}

static void free_in_both(void *object)
{
	put(0, object);
	put(1, object);
	flush_both(NULL);
}

static void free_and_flush(void *object)
{
	put(1, object);
	flush_both(NULL);
}

/* A sheaf is looked at before others can have it. */
static void free_twice_and_trade(void *object)
{
	unsigned int i;

	put(0, object);
	put(0, object);
	for (i = 1; i <= 3 * capacity; i++)
		put(0, objects[i]);
}

static void free_inside_and_trade(void *object)
{
	unsigned int i;

	put(0, (char *)object + 1);
	for (i = 1; i <= 3 * capacity; i++)
		put(0, objects[i]);
}

/* When the barn takes no more, what fits in main and spare pushes the bad one out. */
static void free_twice_and_go_on(void *object)
{
	unsigned int n = (cache.node.lane[0].barn.max_full + 2) * capacity, i;

	for (i = 1; i <= n; i++)
		put(0, objects[i]);
	EXPECT_EQ(cache.node.lane[0].barn.nr_full, cache.node.lane[0].barn.max_full);
	put(0, object);
	put(0, object);
	for (; i <= n + 3 * capacity; i++)
		put(0, objects[i]);
}

static void test_faults(void **state)
{
	unsigned int n = (cache.node.lane[0].barn.max_full + 6) * capacity;
	char *object;

	(void)state;
	warm_up(0);
	warm_up(1);
	get_many(1, n);
	object = objects[0];
	unit_dies_saying(free_twice, object, "kmem: BUG test-96: double free of 0x%lx",
			 (unsigned long)object);
	unit_dies_saying(free_in_both, object, "kmem: BUG test-96: double free of 0x%lx",
			 (unsigned long)object);
	unit_dies_saying(free_and_flush, object + 16,
			 "kmem: BUG test-96: invalid free (not the start of an object) of 0x%lx",
			 (unsigned long)object + 16);
	unit_dies_saying(free_twice_and_trade, object, "kmem: BUG test-96: double free of 0x%lx",
			 (unsigned long)object);
	unit_dies_saying(free_inside_and_trade, object,
			 "kmem: BUG test-96: invalid free (not the start of an object) of 0x%lx",
			 (unsigned long)object + 1);
	unit_dies_saying(free_twice_and_go_on, object, "kmem: BUG test-96: double free of 0x%lx",
			 (unsigned long)object);
	put_many(1, n);
}

/* ---- Any order of calls ---- */

static void test_random(void **state)
{
	uint64_t rng = unit_seed(0x5eaf);
	unsigned int i, steps = unit_steps(60000), n = 0, id, some;
	bool rising = true;

	(void)state;
	for (i = 0; i < steps; i++) {
		unsigned int action = unit_below(&rng, 1000);

		id = unit_below(&rng, 2);
		if (action == 0)
			sheaf_flush_slot(&cpus[id], &cache);
		else if (action == 1)
			barn_drain(&cache);
		else if (action == 2)
			cache_shrink(&cache);
		else if (action < 8)
			rising = !rising;
		else if (rising && n < MANY) {
			objects[n] = get(id);
			EXPECT(objects[n] != NULL);
			unit_fill(objects[n], SIZE, (uintptr_t)objects[n]);
			n++;
		} else if (n) {
			some = unit_below(&rng, n);
			EXPECT(unit_holds(objects[some], SIZE, (uintptr_t)objects[some]));
			/* to be seen if the object is used before it is taken again */
			memset(objects[some], 0, SIZE);
			put(id, objects[some]);
			objects[some] = objects[--n];
		}
		if (i % 256 == 0)
			expect_sound(n);
	}
	while (n)
		put(0, objects[--n]);
}

#define sheaf_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		sheaf_test(test_no_sheaf),
		sheaf_test(test_slow_start_of_refills),
		sheaf_test(test_slow_start_of_frees),
		sheaf_test(test_turns),
		sheaf_test(test_refill_ascends),
		sheaf_test(test_newest_first),
		sheaf_test(test_swap),
		sheaf_test(test_trade),
		sheaf_test(test_trade_of_lanes),
		sheaf_test(test_barn_is_full),
		sheaf_test(test_flush),
		sheaf_test(test_slow_path_for_nothing),
		sheaf_test(test_no_sheaf_to_be_had),
		sheaf_test(test_faults),
		sheaf_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
