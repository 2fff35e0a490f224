/* SPDX-License-Identifier: MIT */
/*
 * Shared slabs, in which objects of more than a page lie side by side whatever their class.
 *
 * Most of it asks the slabs directly, as sheaves do. Every test ends with nothing in use, and with
 * a walk over all lists.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cache_alloc.h"
#include "slab_lists.h"
#include "unit_run.h"

#define FIRST_CLASS kmalloc_class(PAGE_SIZE + 1)
#define NR_SHARING  (NR_KMALLOC_CLASSES - FIRST_CLASS)
#define SLAB_BYTES  (PAGE_SIZE << SHARED_ORDER)

/* ---- Where objects lie ---- */

/* Each behind the one before, of whatever class, as near as its alignment lets it. */
static void test_side_by_side(void **state)
{
	char *object[NR_SHARING], *end = NULL;
	unsigned int i;

	(void)state;
	nr_lanes = 2;
	for (i = 0; i < NR_SHARING; i++) {
		const struct kmem_cache *s = &kmalloc_caches[FIRST_CLASS + i];

		object[i] = take(0, s->size);
		EXPECT((uintptr_t)object[i] % s->align == 0);
		EXPECT(cache_of(object[i]) == s);
		EXPECT_EQ(cache_inuse(&kmalloc_caches[FIRST_CLASS + i]), 1);
		if (i && slab_of(object[i]) == slab_of(object[i - 1]))
			EXPECT(object[i] >= end && object[i] < end + s->align);
		end = object[i] + s->size;
	}
	EXPECT(slab_of(object[0]) == slab_of(object[1]));
	EXPECT_EQ(slab_of(object[0])->order, SHARED_ORDER);
	expect_caches_sound();
	for (i = 0; i < NR_SHARING; i++)
		give(0, object[i]);
}

/* What one class gave back the next one has. */
static void test_room_for_others(void **state)
{
	char *object[64];
	unsigned int i, k, n;

	(void)state;
	for (i = 0; i < NR_SHARING; i++) {
		const struct kmem_cache *s = &kmalloc_caches[FIRST_CLASS + i];

		n = SHARED_UNITS / s->units;
		for (k = 0; k < n; k++)
			object[k] = take(0, s->size);
		/* one slab is enough for as many as fit */
		EXPECT_EQ(units(0)->nr_pages, 1u << SHARED_ORDER);
		for (k = 0; k < n; k++)
			give(0, object[(k * 11) % n]);
		EXPECT_EQ(units(0)->nr_empty, 1);
	}
}

/* A slab is full when no object has room, with free units or without, and not when one has. */
static void test_full(void **state)
{
	static const size_t sizes[] = { 4608, 8192, 32768, 28672 };
	char *object[64];
	unsigned int i, k, n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct slab *slab;

		n = SHARED_UNITS / class_of(sizes[i])->units;
		for (k = 0; k < n; k++)
			object[k] = take(0, sizes[i]);
		slab = slab_of(object[0]);
		EXPECT(slab == slab_of(object[n - 1]));
		/* of 28 KiB each there is some left, for smaller ones */
		while (SHARED_UNITS - slab->inuse >= LEAST_RUN)
			object[n++] = take(0, 4608);
		/* who finds nothing any more sees it */
		object[n++] = take(0, 4608);
		EXPECT(slab != slab_of(object[n - 1]));
		EXPECT_EQ(units(0)->nr_full, 1);
		expect_caches_sound();
		give(0, object[2]);
		EXPECT_EQ(units(0)->nr_full, 0);
		expect_caches_sound();
		object[2] = take(0, 4608);
		for (k = 0; k < n; k++)
			give(0, object[k]);
		expect_caches_sound();
	}
}

/* Free units that no object fits into are no room either, once somebody has looked. */
static void test_fragments(void **state)
{
	char *object[26], *hole[26];
	unsigned int i, n = SHARED_UNITS / class_of(5120)->units;
	struct slab *slab;

	(void)state;
	for (i = 0; i < n; i++)
		object[i] = take(0, 5120);
	slab = slab_of(object[0]);
	for (i = 0; i < n; i += 2) {
		give(0, object[i]);
		/* one unit shorter */
		hole[i] = take(0, 4608);
		EXPECT(hole[i] == object[i]);
	}
	EXPECT(SHARED_UNITS - slab->inuse >= LEAST_RUN);
	object[n] = take(0, 4608);
	EXPECT(slab_of(object[n]) != slab);
	EXPECT_EQ(units(0)->nr_full, 1);
	expect_caches_sound();
	for (i = 0; i <= n; i++)
		give(0, i % 2 || i == n ? object[i] : hole[i]);
}

/* Many objects come and go in no order: none overlaps another, and all counts agree. */
static void trace(uint64_t seed, unsigned int most, unsigned int lanes)
{
	static void *object[600];
	uint64_t rng = unit_seed(seed);
	unsigned int i, k, step, steps = unit_steps(8000);

	memset(object, 0, sizeof(object));
	for (step = 0; step < steps; step++) {
		struct kmem_cache *s = &kmalloc_caches[FIRST_CLASS + unit_below(&rng, NR_SHARING)];
		void *some[8];

		k = unit_below(&rng, most);
		if (object[k]) {
			EXPECT(unit_holds(object[k], cache_of(object[k])->size, k));
			give(unit_below(&rng, lanes), object[k]);
			object[k] = NULL;
			continue;
		}
		i = slab_alloc_bulk(s, lane(unit_below(&rng, lanes)), some,
				    1 + unit_below(&rng, ARRAY_SIZE(some)), GFP_KERNEL);
		EXPECT(i);
		while (i--) {
			EXPECT((uintptr_t)some[i] % s->align == 0);
			while (object[k] && k + 1 < most)
				k++;
			if (object[k]) {
				give(0, some[i]);
				continue;
			}
			object[k] = some[i];
			unit_fill(object[k], s->size, k);
		}
		if (step % 64 == 0)
			cache_is_valid(&unit_cache);
	}
	for (k = 0; k < most; k++)
		if (object[k])
			give(k % lanes, object[k]);
}

static void test_few_come_and_go(void **state)
{
	(void)state;
	trace(1, 20, 1);
}

static void test_many_come_and_go(void **state)
{
	(void)state;
	trace(2, 600, 1);
	trace(3, 600, 2);
}

/* ---- Slabs ---- */

/* With many slabs in use new ones are small, and larger ones again when these are gone. */
static void test_many_are_small(void **state)
{
	static char *object[(MANY_SHARED + 8) * 4];
	unsigned int i, large = MANY_SHARED * 4;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(object); i++) {
		object[i] = take(0, 32768);
		unit_fill(object[i], 32768, i);
		EXPECT_EQ(slab_of(object[i])->order, i < large ? SHARED_ORDER : SHARED_SMALL_ORDER);
	}
	EXPECT_EQ(units(0)->nr_pages, 8 * ARRAY_SIZE(object));
	EXPECT_EQ(cache_slabs(&unit_cache), ARRAY_SIZE(object));
	expect_caches_sound();
	for (i = 0; i < ARRAY_SIZE(object); i++) {
		EXPECT(unit_holds(object[i], 32768, i));
		give(0, object[i]);
	}
	/* the small ones are not kept, the others are lent */
	EXPECT_EQ(units(0)->nr_empty, MANY_SHARED);
	EXPECT_EQ(units(0)->nr_pages, MANY_SHARED << SHARED_ORDER);
	object[0] = take(0, 32768);
	EXPECT_EQ(slab_of(object[0])->order, SHARED_ORDER);
	give(0, object[0]);
}

/* Before a slab is made an empty one of another lane comes; never one in use. */
static void test_empty_slab_changes_lane(void **state)
{
	char *object = take(0, 5000), *other = take(1, 5000), *more[4];
	struct slab *slab = slab_of(object);
	unsigned int i;

	(void)state;
	nr_lanes = 2;
	EXPECT(slab_of(other) != slab);
	/* who frees it does not matter */
	give(1, object);
	EXPECT_EQ(units(0)->nr_empty, 1);
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		more[i] = take(1, 32768);
		EXPECT((slab_of(more[i]) == slab) == (i == 3));
	}
	EXPECT_EQ(slab->lane, 1);
	EXPECT_EQ(units(0)->nr_pages, 0);
	EXPECT_EQ(units(1)->nr_pages, 2u << SHARED_ORDER);
	expect_caches_sound();
	object = take(0, 32768);
	EXPECT(slab_of(object) != slab);
	give(0, object);
	give(0, other);
	for (i = 0; i < ARRAY_SIZE(more); i++)
		give(0, more[i]);
	expect_caches_sound();
}

/* ---- Sheaves ---- */

static unsigned int idle(void)
{
	return slot_objects(cache_slot(this_cpu, class_of(4608)));
}

/* Sheaves that hold what they may, and some of it. */
static void make_idle(void)
{
	static void *object[60];
	unsigned int i, round;

	for (round = 0; round < 2000; round++) {
		for (i = 0; i < ARRAY_SIZE(object); i++)
			object[i] = unit_kmalloc(4608);
		for (i = 0; i < ARRAY_SIZE(object); i++)
			unit_kfree(object[i]);
	}
	EXPECT(idle() > 0);
}

/* What lies idle in another class's sheaf goes before a slab is begun, and before the next. */
static void test_idle_gives_way(void **state)
{
	static void *large[40], *few[4];
	unsigned int n = 0, round, i;

	(void)state;
	make_idle();
	for (round = 0; round < 3; round++) {
		while (idle()) {
			EXPECT(n < ARRAY_SIZE(large));
			large[n++] = unit_kmalloc(32768);
		}
		/* from a slab that has room, back to the sheaf */
		for (i = 0; i < ARRAY_SIZE(few); i++)
			few[i] = unit_kmalloc(4608);
		for (i = 0; i < ARRAY_SIZE(few); i++)
			unit_kfree(few[i]);
		EXPECT(idle() > 0);
	}
	for (i = 0; i < n; i++)
		unit_kfree(large[i]);
}

/* Not for who may not wait: to give it back may enter the OS. */
static void test_no_waiting(void **state)
{
	static void *large[16];
	unsigned int n, nr;

	(void)state;
	/* there is memory enough that needs no call of the OS, and a sheaf */
	unit_kfree(unit_kmalloc(3UL << 20));
	unit_kfree(unit_kmalloc(32768));
	make_idle();
	nr = idle();
	for (n = 0; n < ARRAY_SIZE(large); n++) {
		large[n] = kmalloc_flags(32768, NUMA_NO_NODE, GFP_NOWAIT);
		if (!large[n])
			break;
	}
	EXPECT_EQ(n, ARRAY_SIZE(large));
	EXPECT_EQ(idle(), nr);
	while (n--)
		unit_kfree(large[n]);
}

/* What a thread is handed before it has a sheaf of that class lies among another's. */
static void test_first_of_another_lane(void **state)
{
	char *object;

	(void)state;
	nr_lanes = 2;
	object = take(1, 5000);
	EXPECT_EQ(this_cpu->pcp->lane, 0);
	EXPECT(!cache_slot(this_cpu, class_of(5000))->main);
	unit_kfree(object);
	EXPECT_EQ(slot_objects(cache_slot(this_cpu, class_of(5000))), 0);
	EXPECT_EQ(cache_inuse(class_of(5000)), 0);
}

/* Classes that take turns do not take it from each other each time. */
static void test_turns(void **state)
{
	static void *a[300], *b[300];
	unsigned int i, round;
	unsigned long takes;

	(void)state;
	for (round = 0; round < 400; round++) {
		for (i = 0; i < 50; i++) {
			a[i] = unit_kmalloc(5000);
			b[i] = unit_kmalloc(6000);
		}
		for (i = 0; i < 50; i++) {
			unit_kfree(a[i]);
			unit_kfree(b[i]);
		}
	}
	takes = node_sum(&unit_cache.node).counters.takes;
	for (i = 0; i < 300; i++) {
		a[i] = unit_kmalloc(5000);
		b[i] = unit_kmalloc(6000);
	}
	takes = node_sum(&unit_cache.node).counters.takes - takes;
	/* what a sheaf may hold, or a slab has */
	EXPECT(takes < 600 / 4);
	for (i = 0; i < 300; i++) {
		unit_kfree(a[i]);
		unit_kfree(b[i]);
	}
}

/* ---- Figures ---- */

/* A class counts its own objects and visits; units are counted once more, slabs by 32 KiB. */
static void test_counters(void **state)
{
	const struct kmem_cache *s = class_of(5000);
	struct slab_counters before = node_sum(&s->node).counters, after;
	unsigned long made = node_sum(&unit_cache.node).counters.made;
	void *object[40];
	unsigned int n = 0, visits = 0;
	struct node_sum sum;

	(void)state;
	while (n < ARRAY_SIZE(object)) {
		n += slab_alloc_bulk(class_of(5000), lane(0), object + n,
				     (unsigned int)min_ul(10, ARRAY_SIZE(object) - n), GFP_KERNEL);
		visits++;
	}
	after = node_sum(&s->node).counters;
	EXPECT_EQ(after.taken - before.taken, n);
	EXPECT(after.takes - before.takes >= visits);
	sum = node_sum(&unit_cache.node);
	EXPECT_EQ(sum.nr_inuse, n * s->units);
	EXPECT_EQ(sum.nr_slabs, 8);
	EXPECT_EQ(sum.counters.made - made, 8);
	EXPECT_EQ(node_capacity(&unit_cache, &sum), 8 * 64);
	sum = node_sum(&s->node);
	EXPECT_EQ(node_capacity(s, &sum), n);
	slab_free_bulk(class_of(5000), lane(0), object, n);
	EXPECT_EQ(node_sum(&s->node).counters.gives - before.gives, 1);
	EXPECT_EQ(node_sum(&s->node).nr_inuse, 0);
}

/* ---- Contents ---- */

/* The pages around the only object left go, and its own, but none that another one lies in. */
static void test_forget(void **state)
{
	char *first = take(0, 4608), *object = take(0, 16384), *last = take(0, 4608);

	(void)state;
	EXPECT(slab_of(first) == slab_of(last));
	unit_fill(first, 4608, 1);
	unit_fill(object, 16384, 2);
	unit_fill(last, 4608, 3);
	EXPECT(slab_forget_contents(class_of(16384), object));
	EXPECT(unit_is_zero(object, 16384));
	EXPECT(unit_holds(first, 4608, 1));
	EXPECT(unit_holds(last, 4608, 3));
	give(0, first);
	give(0, object);
	give(0, last);
}

/* ---- Misuse ---- */

static void give_and_trim(void *object)
{
	unit_kfree(object);
	kmem_trim();
}

/* The page belongs to another class by now: what is there is not what was freed. */
static void test_freed_before_its_page_changed(void **state)
{
	char *object = take(0, 5000), *other;

	(void)state;
	give(0, object);
	other = take(0, 7000);
	EXPECT(other == object);
	unit_dies_saying(
		give_and_trim, object + UNIT_BYTES,
		"kmem: BUG kmalloc-7168: invalid free (not the start of an object) of 0x%lx",
		(unsigned long)object + UNIT_BYTES);
	give(0, other);
	unit_dies_saying(give_and_trim, object, "kmem: BUG kmalloc-7168: double free of 0x%lx",
			 (unsigned long)object);
}

/* Each page of an object tells whose it is, whatever was there before. */
static void test_inside(void **state)
{
	char *small = take(0, 4608), *object;
	unsigned int at;

	(void)state;
	object = take(0, 24576);
	for (at = 1; at < 24576; at += 1 + at / 3)
		unit_dies_saying(
			give_and_trim, object + at,
			"kmem: BUG kmalloc-24576: invalid free (not the start of an object) of "
			"0x%lx",
			(unsigned long)object + at);
	give(0, small);
	give(0, object);
}

static void usable(void *object)
{
	kmalloc_usable(object);
}

/* Where no object ever began there is none to be freed twice. */
static void test_nothing_there(void **state)
{
	char *object = take(0, 5000), *nothing = object + SLAB_BYTES / 2;

	(void)state;
	EXPECT(slab_of(object) == slab_of(nothing));
	unit_dies_saying(usable, nothing,
			 "kmem: BUG kmalloc-units: invalid free (not the start of an object) of "
			 "0x%lx",
			 (unsigned long)nothing);
	unit_dies_saying(give_and_trim, nothing,
			 "kmem: BUG kmalloc-units: invalid free (not the start of an object) of "
			 "0x%lx",
			 (unsigned long)nothing);
	/* where one was, whose size is asked, it may have been */
	give(0, object);
	EXPECT_EQ(kmalloc_usable(object), 5120);
}

static void expect_dump(void *object)
{
	EXPECT(cache_dump_object((char *)object + 5000));
	abort();
}

static void test_dump(void **state)
{
	char *object = take(0, 7000);

	(void)state;
	unit_dies_saying(
		expect_dump, object,
		"kmem: 0x%lx: kmalloc-7168 object of the slab at 0x%lx, taken, from 0x%lx on, "
		"7168 bytes, offset 5000",
		(unsigned long)object + 5000, (unsigned long)object & -SLAB_BYTES,
		(unsigned long)object);
	give(0, object);
	unit_dies_saying(expect_dump, object,
			 "kmem: 0x%lx: in a slab of kmalloc-units, in no object",
			 (unsigned long)object + 5000);
}

static void destroy_units(void *arg)
{
	(void)arg;
	cache_destroy(&unit_cache);
}

/* A program that walks all caches finds this one as well. */
static void test_not_for_callers(void **state)
{
	void *object[3];

	(void)state;
	errno = 0;
	EXPECT(!cache_alloc_slow(&unit_cache, GFP_KERNEL | __GFP_NOWARN, NULL));
	EXPECT_EQ(errno, ENOMEM);
	EXPECT(!cache_alloc_bulk(&unit_cache, GFP_KERNEL | __GFP_NOWARN, object, 3, NULL));
	unit_dies_saying(destroy_units, NULL,
			 "kmem: BUG kmalloc-units: destruction of a cache that serves kmalloc of "
			 "0x%lx",
			 (unsigned long)&unit_cache);
}

/* ---- No memory ---- */

static unsigned int refused;

static int refuse_commit(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	refused++;
	return ENOMEM;
}

/* Without memory for a slab, what any lane has left serves. */
static void test_no_memory(void **state)
{
	void *object[2000], *more;
	unsigned int n = 0, i;

	(void)state;
	nr_lanes = 2;
	more = take(1, 5000);
	unit_os_hook = refuse_commit;
	while (n < ARRAY_SIZE(object) && (object[n] = take(0, 16384)))
		n++;
	EXPECT(refused && n < ARRAY_SIZE(object));
	/* the other lane's slab as well */
	for (i = 0; i < n && slab_of(object[i]) != slab_of(more); i++)
		;
	EXPECT(i < n);
	EXPECT_EQ(slab_of(more)->lane, 1);
	unit_os_hook = NULL;
	expect_caches_sound();
	for (i = 0; i < n; i++)
		give(0, object[i]);
	give(0, more);
}

/* Where there is no block for a large slab, one for a small slab will do. */
static void test_no_long_block(void **state)
{
	static struct page *taken[4000];
	unsigned int n = 0, i;
	char *object;

	(void)state;
	unit_os_hook = refuse_commit;
	while ((taken[n] = zone_alloc(&zone_normal, 1u << SHARED_SMALL_ORDER, SHARED_SMALL_ORDER)))
		EXPECT(++n < ARRAY_SIZE(taken));
	EXPECT(!take(0, 5000));
	EXPECT(n > 0);
	zone_free(&zone_normal, taken[--n], 1u << SHARED_SMALL_ORDER);
	object = take(0, 5000);
	EXPECT(object != NULL);
	EXPECT_EQ(slab_of(object)->order, SHARED_SMALL_ORDER);
	expect_caches_sound();
	unit_os_hook = NULL;
	give(0, object);
	for (i = 0; i < n; i++)
		zone_free(&zone_normal, taken[i], 1u << SHARED_SMALL_ORDER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_side_by_side, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room_for_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_few_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_are_small, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_slab_changes_lane, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_gives_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_before_its_page_changed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_for_callers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_long_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_of_another_lane, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup_library, NULL);
}
