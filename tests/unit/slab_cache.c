/* SPDX-License-Identifier: MIT */
/*
 * Caches of a program's own, through cache.h: what is in a slab and in a thread's state while they
 * come, serve and go; an OS that refuses; threads; fork.
 *
 * A model says for each object whose it is and what must be in it. Caches of all kinds take part:
 * one with a slot in each state, ones past the last page class, with a constructor, with readers,
 * without sheaves.
 */
#include <errno.h>
#include <stdlib.h>

#include "fork.h"
#include "rcu.h"
#include "release.h"
#include "slab_debug.h"
#include "unit_cache.h"

#define MAGIC 0xc0457ac7edUL

static unsigned long nr_ctor, nr_dtor;

static int setup(void **state)
{
	setup_library(state);
	nr_ctor = 0;
	nr_dtor = 0;
	return 0;
}

static void ctor(void *object)
{
	*(unsigned long *)object = MAGIC;
	__atomic_fetch_add(&nr_ctor, 1, __ATOMIC_RELAXED);
}

static void dtor(void *object)
{
	EXPECT_EQ(*(unsigned long *)object, MAGIC);
	*(unsigned long *)object = 0;
	__atomic_fetch_add(&nr_dtor, 1, __ATOMIC_RELAXED);
}

/* ---- Slots ---- */

static void test_near_and_far(void **state)
{
	enum { NR = NR_CLASSES + 300 };
	static struct kmem_cache *caches[NR];
	void *objects[NR];
	unsigned int i, near = 0;

	(void)state;
	for (i = 0; i < NR; i++) {
		caches[i] = make((struct cache_wish){ .size = 100, .flags = SLAB_NO_MERGE });
		near += caches[i]->index != CLASS_ASK;
		EXPECT(caches[i]->index >= NR_KMALLOC_CLASSES);
		EXPECT((caches[i]->index == CLASS_ASK) == (caches[i]->far != 0));
	}
	EXPECT_EQ(near, CLASS_ASK - NR_KMALLOC_CLASSES);
	for (i = 0; i < NR; i++) {
		objects[i] = take(caches[i]);
		EXPECT(cache_of(objects[i]) == caches[i]);
		EXPECT(cache_of((char *)objects[i] + 99) == caches[i]);
		EXPECT(slab_containing(objects[i])->cache == caches[i]);
	}
	for (i = 0; i < NR; i++)
		unit_kfree(objects[i]);
	cpu_is_valid(this_cpu);
	/* what was given last comes first, far or near */
	for (i = 0; i < NR; i++) {
		EXPECT(take(caches[i]) == objects[i]);
		EXPECT_EQ(cpus_objects(caches[i]) + 1, cache_inuse(caches[i]));
		give(caches[i], objects[i]);
		EXPECT_EQ(cpus_objects(caches[i]), cache_inuse(caches[i]));
	}
	for (i = 0; i < NR; i++)
		end(caches[i]);
	/* the numbers are free again */
	caches[0] = make((struct cache_wish){ .size = 100, .flags = SLAB_NO_MERGE });
	EXPECT_EQ(caches[0]->index, NR_KMALLOC_CLASSES);
	end(caches[0]);
	expect_nothing_left();
}

static void test_a_dead_cache_serves_nobody(void **state)
{
	struct kmem_cache *s = make((struct cache_wish){ .size = 100, .flags = SLAB_NO_MERGE });
	struct kmem_cache *next;
	void *object = take(s);

	(void)state;
	give(s, object);
	end(s);
	EXPECT_EQ(s->state, CACHE_DEAD);
	EXPECT_EQ(s->slot, SLOT_OFFSET(0));
	next = make((struct cache_wish){ .size = 100, .flags = SLAB_NO_MERGE });
	EXPECT(next != s);
	give(next, take(next));
	EXPECT(slot_pop((struct cpu_slot *)((char *)this_cpu + s->slot)) == NULL);
	EXPECT_EQ(s->state, CACHE_DEAD);
	end(next);
}

/* A descriptor is used again, but only after many others. */
static void test_descriptors_rest(void **state)
{
	struct kmem_cache *first = make((struct cache_wish){ .size = 100, .flags = SLAB_NO_MERGE });
	struct kmem_cache *s;
	unsigned int i, again = 0;

	(void)state;
	end(first);
	for (i = 0; i < 1000 && !again; i++) {
		s = make((struct cache_wish){ .size = 100, .flags = SLAB_NO_MERGE });
		if (s == first)
			again = i;
		end(s);
	}
	EXPECT(again > 200);
}

/* ---- What is constructed ---- */

static void test_mark_of_what_was_taken(void **state)
{
	struct kmem_cache *s = make((struct cache_wish){ .size = 200, .ctor = ctor, .dtor = dtor });
	void *objects[64];
	struct slab *slab;
	unsigned int i, n;

	(void)state;
	n = slab_alloc_bulk(s, NULL, objects, 5, GFP_KERNEL);
	EXPECT_EQ(n, 5);
	slab = slab_at((char *)objects[0] - FRESH_OBJECT);
	for (i = 0; i < n; i++) {
		EXPECT((uintptr_t)objects[i] & FRESH_OBJECT);
		objects[i] = construct(s, objects[i]);
		EXPECT(objects[i] == slab_object(s, slab, 4 - i));
	}
	EXPECT_EQ(nr_ctor, 5);
	EXPECT_EQ(slab->constructed, 5);
	slab_free_bulk(s, NULL, objects + 1, 3);
	EXPECT_EQ(slab->constructed, 5);
	/* new ones, above three that were */
	n = slab_alloc_bulk(s, NULL, objects + 1, 6, GFP_KERNEL);
	EXPECT_EQ(n, 6);
	for (i = 1; i < 7; i++) {
		EXPECT_EQ((uintptr_t)objects[i] & FRESH_OBJECT, i < 4);
		objects[i] = construct(s, objects[i]);
	}
	EXPECT_EQ(nr_ctor, 8);
	EXPECT_EQ(slab->constructed, 8);
	objects[7] = slab_object(s, slab, 0);
	slab_free_bulk(s, NULL, objects, 8);
	EXPECT_EQ(nr_dtor, 0);
	cache_shrink_all(s);
	EXPECT_EQ(nr_dtor, 8);
	EXPECT_EQ(s->nr_waiting, 0);
	end(s);
}

/* A destructor that frees what makes another slab go: one after the other, not one in the other. */
static struct kmem_cache *chained;
static unsigned int depth, deepest;

static void chained_ctor(void *object)
{
	*(void **)object = NULL;
}

static void chained_dtor(void *object)
{
	void *next = *(void **)object;

	if (++depth > deepest)
		deepest = depth;
	if (next)
		cache_free(chained, next, NULL);
	depth--;
}

static void test_destructors_do_not_nest(void **state)
{
	void *first = NULL, *object;
	unsigned int i;

	(void)state;
	/* one object to a slab, each slab held by that of the slab before */
	chained = make(
		(struct cache_wish){ .size = 30000, .ctor = chained_ctor, .dtor = chained_dtor });
	for (i = 0; i < 200; i++) {
		object = cache_alloc_slow(chained, GFP_KERNEL, NULL);
		*(void **)object = first;
		first = object;
	}
	cache_free(chained, first, NULL);
	do
		cache_shrink_all(chained);
	while (cache_inuse(chained) && --i);
	EXPECT_EQ(cache_inuse(chained), 0);
	EXPECT_EQ(deepest, 1);
	end(chained);
}

/* ---- Options ---- */

static void with_failslab(void *arg)
{
	struct kmem_cache *s, *other;
	unsigned int i, failed = 0, last = 0;
	void *object;

	(void)arg;
	options_parse("failslab=5,100,1000,3", &failslab_params, 1);
	EXPECT(failslab_enabled());
	s = make((struct cache_wish){ .size = 100, .flags = SLAB_FAILSLAB });
	other = make((struct cache_wish){ .size = 100, .flags = SLAB_NO_MERGE });
	for (i = 1; i <= 100; i++) {
		object = cache_alloc_slow(s, GFP_KERNEL | __GFP_NOWARN, NULL);
		if (!object) {
			EXPECT_EQ(errno, ENOMEM);
			/* 10 objects of 100 bytes, then each fifth */
			EXPECT_EQ((i - 10) % 5, 0);
			last = i;
			failed++;
		} else {
			cache_free_slow(s, object, NULL);
		}
		object = take(other);
		EXPECT(object);
		give(other, object);
	}
	EXPECT_EQ(failed, 3);
	EXPECT_EQ(last, 25);
	options_parse("failslab=1,100,0,-1", &failslab_params, 1);
	EXPECT(!cache_alloc_slow(s, GFP_KERNEL | __GFP_NOWARN, NULL));
	EXPECT(!cache_alloc_node(s, GFP_KERNEL | __GFP_NOWARN, 0, NULL));
	object = cache_alloc_slow(s, GFP_KERNEL | __GFP_NOFAIL, NULL);
	EXPECT(object);
	cache_free_slow(s, object, NULL);
	end(s);
	end(other);
}

static void test_failslab(void **state)
{
	(void)state;
	unit_passes(with_failslab, NULL);
}

static void bad_failslab(void *value)
{
	options_parse(value, &failslab_params, 1);
	EXPECT(!failslab_enabled());
	abort();
}

static void test_bad_values(void **state)
{
	static const char *const values[] = { "failslab",	   "failslab=1,100,",
					      "failslab=0,1,1,1",  "failslab=1,101,0,-1",
					      "failslab=1,1,1,",   "failslab=1,1,-1,1",
					      "failslab=1,1,1,1,1" };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(values); i++)
		unit_dies_saying(bad_failslab, (void *)values[i],
				 "kmem: bad value for option 'failslab'");
}

static void without_merging(void *arg)
{
	struct kmem_cache *a, *b;

	(void)arg;
	options_parse("slab_nomerge", &cache_params, 1);
	a = make((struct cache_wish){ .size = 1000 });
	b = make((struct cache_wish){ .size = 1000 });
	EXPECT(a != b);
	end(a);
	end(b);
	options_parse("slab_merge", &cache_params, 1);
	a = make((struct cache_wish){ .size = 1000 });
	b = make((struct cache_wish){ .size = 1000 });
	EXPECT(a == b);
	EXPECT_EQ(cache_destroy(a), 0);
	end(b);
}

static void test_nomerge(void **state)
{
	(void)state;
	unit_passes(without_merging, NULL);
}

/* ---- Refusals ---- */

static unsigned long refused_after;

static int refuse(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	if (refused_after) {
		refused_after--;
		return 0;
	}
	return ENOMEM;
}

/* The n-th call to the OS is refused, and all after it, for each n. */
static void refused_at(void *arg)
{
	const struct cache_wish wish = { .name = "refused",
					 .size = 4000,
					 .flags = SLAB_NO_MERGE,
					 .sheaf_capacity = 77,
					 .ctor = ctor };
	static struct kmem_cache *caches[3000];
	unsigned int i, nr = 0;
	int error = 0;

	refused_after = *(unsigned long *)arg;
	unit_os_hook = refuse;
	for (i = 0; i < ARRAY_SIZE(caches); i++) {
		struct kmem_cache *s = cache_create(&wish, &error);
		void *object;

		if (!s)
			break;
		caches[nr++] = s;
		object = cache_alloc_slow(s, GFP_KERNEL | __GFP_NOWARN, NULL);
		if (!object)
			EXPECT_EQ(errno, ENOMEM);
		else
			cache_free_slow(s, object, NULL);
	}
	EXPECT(i < ARRAY_SIZE(caches));
	EXPECT_EQ(error, -ENOMEM);
	while (nr > 0)
		end(caches[--nr]);
	unit_os_hook = NULL;
	caches[0] = cache_create(&wish, &error);
	EXPECT(caches[0] != NULL);
	give(caches[0], take(caches[0]));
	end(caches[0]);
}

static void test_refusals(void **state)
{
	unsigned long n;

	(void)state;
	for (n = 0; n < 12; n++)
		unit_passes(refused_at, &n);
}

/* ---- All kinds, at random, by several threads ---- */

enum { NEAR, CTOR, READERS, FAR, CHECKED, NR_KINDS };

static struct kmem_cache *kinds[NR_KINDS];
static struct kmem_cache *fillers[NR_CLASSES];
static bool readers_may_look;

static void make_kinds(void)
{
	unsigned int i;

	kinds[NEAR] = make((struct cache_wish){ .size = 72, .flags = SLAB_NO_MERGE });
	kinds[CTOR] = make((struct cache_wish){ .size = 144, .ctor = ctor, .dtor = dtor });
	kinds[READERS] = make((struct cache_wish){
		.size = 144, .ctor = ctor, .dtor = dtor, .flags = SLAB_TYPESAFE_BY_RCU });
	kinds[CHECKED] = make((struct cache_wish){
		.size = 96, .flags = SLAB_POISON | SLAB_RED_ZONE | SLAB_STORE_USER });
	for (i = 0; i < NR_CLASSES; i++)
		fillers[i] = make((struct cache_wish){ .size = 500, .flags = SLAB_NO_MERGE });
	kinds[FAR] = fillers[NR_CLASSES - 1];
	EXPECT(kinds[FAR]->far);
}

static void end_kinds(void)
{
	unsigned int i;

	for (i = 0; i < NR_KINDS; i++)
		if (i != FAR)
			end(kinds[i]);
	for (i = 0; i < NR_CLASSES; i++)
		end(fillers[i]);
}

#define HELD 300

struct held {
	unsigned int kind;
	char *object;
};

/* The first word of an object is its constructor's. */
static void fill(const struct held *h, uint64_t key)
{
	unit_fill(h->object + 8, kinds[h->kind]->object_size - 8, key);
}

static bool holds(const struct held *h, uint64_t key)
{
	return unit_holds(h->object + 8, kinds[h->kind]->object_size - 8, key);
}

static void take_one(struct held *h, uint64_t *rng)
{
	h->kind = unit_below(rng, NR_KINDS);
	h->object = take(kinds[h->kind]);
	EXPECT(h->object != NULL);
	EXPECT(cache_of(h->object) == kinds[h->kind]);
	if (h->kind == CTOR || h->kind == READERS)
		EXPECT_EQ(*(unsigned long *)h->object, MAGIC);
	fill(h, (uintptr_t)h->object);
}

static void give_one(struct held *h, uint64_t *rng)
{
	EXPECT(holds(h, (uintptr_t)h->object));
	if (unit_below(rng, 2))
		give(kinds[h->kind], h->object);
	else
		unit_kfree(h->object);
}

static void churn(void *arg, unsigned int id)
{
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, nr = 0, steps = unit_steps(20000);
	struct held held[HELD];
	bool reading = false;

	for (i = 0; i < steps; i++) {
		unsigned int what = unit_below(&rng, 100);

		if (nr < HELD && (what < 49 || !nr)) {
			take_one(&held[nr++], &rng);
		} else if (what < 97) {
			unsigned int one = unit_below(&rng, nr);

			give_one(&held[one], &rng);
			held[one] = held[--nr];
		} else if (what == 97) {
			cache_shrink_all(kinds[unit_below(&rng, NR_KINDS)]);
		} else if (readers_may_look) {
			if (reading)
				rcu_read_unlock();
			else
				rcu_read_lock();
			reading = !reading;
		}
	}
	if (reading)
		rcu_read_unlock();
	while (nr > 0)
		give_one(&held[--nr], &rng);
}

static void test_random(void **state)
{
	uint64_t seed = unit_seed(0xcac4e);

	(void)state;
	make_kinds();
	readers_may_look = true;
	churn(&seed, 0);
	synchronize_rcu();
	release_waiting();
	rcu_poll();
	end_kinds();
	EXPECT_EQ(nr_dtor, nr_ctor);
	expect_nothing_left();
}

static void test_threads(void **state)
{
	uint64_t seed = unit_seed(0x7e4d5);

	(void)state;
	make_kinds();
	unit_threads(4, churn, &seed);
	end_kinds();
	EXPECT_EQ(nr_dtor, nr_ctor);
	expect_nothing_left();
}

/* ---- Fork ---- */

static void in_a_child(void *arg)
{
	uint64_t seed = *(uint64_t *)arg;

	churn(arg, (unsigned int)seed);
	end_kinds();
}

static void fork_some(void *arg, unsigned int id)
{
	unsigned int i;

	if (id) {
		churn(arg, id);
		return;
	}
	for (i = 0; i < unit_steps(8) + 1; i++)
		unit_passes(in_a_child, arg);
}

/*
 * A child has what the other threads had in their sheaves, but not what they held in their hands.
 */
static void in_a_child_of_threads(void *arg)
{
	struct kmem_cache *s = make((struct cache_wish){ .size = 72, .flags = SLAB_NO_MERGE });

	readers_may_look = false;
	churn(arg, 99);
	give(s, take(s));
	end(s);
}

static void fork_beside(void *arg, unsigned int id)
{
	unsigned int i;

	if (id) {
		churn(arg, id);
		return;
	}
	for (i = 0; i < unit_steps(20) + 1; i++)
		unit_passes(in_a_child_of_threads, arg);
}

static void test_fork(void **state)
{
	uint64_t seed = unit_seed(0xf04c);

	(void)state;
	readers_may_look = false;
	make_kinds();
	fork_some(&seed, 0);
	/* other threads and a sanitizer's fork do not go together */
	if (!UNIT_SANITIZE)
		unit_threads(3, fork_beside, &seed);
	end_kinds();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_near_and_far, setup),
		cmocka_unit_test_setup(test_a_dead_cache_serves_nobody, setup),
		cmocka_unit_test_setup(test_descriptors_rest, setup),
		cmocka_unit_test_setup(test_mark_of_what_was_taken, setup),
		cmocka_unit_test_setup(test_destructors_do_not_nest, setup),
		cmocka_unit_test_setup(test_failslab, setup),
		cmocka_unit_test_setup(test_bad_values, setup),
		cmocka_unit_test_setup(test_nomerge, setup),
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_random, setup),
		cmocka_unit_test_setup(test_threads, setup),
		cmocka_unit_test_setup(test_fork, setup),
	};

	fork_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
