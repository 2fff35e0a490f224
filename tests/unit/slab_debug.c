/* SPDX-License-Identifier: MIT */
/* Caches that look at every object: what they find, at which call, and whom they name. */
#include <string.h>

#include "cache.h"
#include "cache_alloc.h"
#include "slab_debug.h"
#include "unit_slab.h"

#define SIZE 100u

static struct kmem_cache *cache;
static char *object;

static void make(slab_flags_t flags)
{
	const struct cache_wish wish = { .name = "debug", .size = SIZE, .flags = flags };
	int error;

	cache = cache_create(&wish, &error);
	EXPECT(cache != NULL);
}

static void *take(void)
{
	return cache_alloc_slow(cache, GFP_KERNEL, (void *)0x1234);
}

static void give(void *p)
{
	cache_free_slow(cache, p, (void *)0x5678);
}

static void give_it(void *arg)
{
	(void)arg;
	give(object);
}

static void take_it(void *arg)
{
	(void)arg;
	EXPECT(take() == object);
}

static void end(void)
{
	expect_cache_sound(cache);
	EXPECT_EQ(cache_destroy(cache), 0);
}

/* Found at the call, whatever the flag, since no sheaf is between. */
static void test_double_and_interior(void **state)
{
	static const slab_flags_t flags[] = { SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE, SLAB_POISON };
	unsigned int i;
	char *keep;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		make(flags[i]);
		keep = take();
		object = take();
		give(object);
		unit_dies_saying(give_it, NULL, "kmem: BUG debug: double free of 0x%lx",
				 (unsigned long)object);
		object = keep + 8;
		unit_dies_saying(
			give_it, NULL,
			"kmem: BUG debug: invalid free (not the start of an object) of 0x%lx",
			(unsigned long)object);
		object = keep;
		give(object);
		end();
	}
}

/* The bytes from the last one's end to the next word and one more. */
static void test_red_zone(void **state)
{
	unsigned int i, nr = 0;

	(void)state;
	make(SLAB_RED_ZONE);
	for (i = 0; i < 12; i++) {
		char was;

		object = take();
		memset(object, 0xcc, SIZE);
		was = object[SIZE + i];
		object[SIZE + i] = 7;
		unit_dies_saying(give_it, NULL, "kmem: BUG debug: write past the end of 0x%lx",
				 (unsigned long)object);
		object[SIZE + i] = was;
		give(object);
		/* or while it is free */
		was = object[SIZE + i];
		object[SIZE + i] = 0;
		unit_dies_saying(take_it, NULL, "kmem: BUG debug: write past the end of 0x%lx",
				 (unsigned long)object);
		object[SIZE + i] = was;
		nr++;
	}
	EXPECT_EQ(nr, 12);
	end();
}

static void test_poison(void **state)
{
	static const unsigned int places[] = { 0, 1, 50, SIZE - 2, SIZE - 1 };
	unsigned int i;

	(void)state;
	make(SLAB_POISON);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		object = take();
		EXPECT(object[0] == 0x5a && object[SIZE - 1] == 0x5a);
		give(object);
		EXPECT((unsigned char)object[0] == 0x6b);
		EXPECT((unsigned char)object[SIZE - 1] == 0xa5);
		object[places[i]] ^= 1;
		unit_dies_saying(take_it, NULL, "kmem: BUG debug: write after the free of 0x%lx",
				 (unsigned long)object);
		object[places[i]] ^= 1;
	}
	end();
}

/* Readers may still look at it. */
static void test_no_poison_for_readers(void **state)
{
	(void)state;
	make(SLAB_POISON | SLAB_TYPESAFE_BY_RCU);
	object = take();
	memset(object, 0x11, SIZE);
	give(object);
	EXPECT(object[0] == 0x11 && object[SIZE - 1] == 0x11);
	EXPECT(take() == object);
	give(object);
	end();
}

static void dump_it(void *arg)
{
	(void)arg;
	cache_dump_object(object);
}

static void test_users(void **state)
{
	char text[2000];

	(void)state;
	make(SLAB_STORE_USER);
	object = take();
	unit_child(dump_it, NULL, text, sizeof(text));
	EXPECT(strstr(text, "was taken by 0x1234 in thread "));
	EXPECT(!strstr(text, "given back"));
	give(object);
	unit_child(dump_it, NULL, text, sizeof(text));
	EXPECT(strstr(text, "was taken by 0x1234 in thread "));
	EXPECT(strstr(text, "was given back by 0x5678 in thread "));
	end();
}

static void take_and_give(void *arg)
{
	(void)arg;
	give(take());
}

static void test_trace(void **state)
{
	char text[2000];

	(void)state;
	make(SLAB_TRACE);
	unit_child(take_and_give, NULL, text, sizeof(text));
	EXPECT(strstr(text, "kmem: TRACE debug: alloc 0x"));
	EXPECT(strstr(text, "kmem: TRACE debug: free 0x"));
	end();
}

/* As when a signal handler frees within a slow path: looked at and noted once, when that ends. */
static void give_within(void *arg)
{
	struct kmem_cpu *cpu = cpu_enter();

	(void)arg;
	give(object);
	EXPECT((unsigned char)object[SIZE - 1] == 0x5a);
	cpu_leave(cpu);
	EXPECT((unsigned char)object[SIZE - 1] == 0xa5);
}

static void test_given_by_a_handler(void **state)
{
	char text[2000], *first;

	(void)state;
	make(SLAB_RED_ZONE | SLAB_POISON | SLAB_TRACE);
	object = take();
	EXPECT_EQ(unit_child(give_within, NULL, text, sizeof(text)), 0);
	first = strstr(text, "TRACE debug: free 0x");
	EXPECT(first && !strstr(first + 1, "TRACE debug: free 0x"));
	give_within(NULL);
	end();
}

/* Everything together, for many objects: nothing is said, and all sizes are right. */
static void test_all_at_once(void **state)
{
	unsigned char *objects[300];
	unsigned int i, round;

	(void)state;
	make(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER);
	EXPECT_EQ(cache->object_size, SIZE);
	for (round = 0; round < 3; round++) {
		EXPECT(cache_alloc_bulk(cache, GFP_KERNEL | (round ? __GFP_ZERO : 0),
					(void **)objects, 100, NULL));
		for (i = 0; i < 100; i++)
			EXPECT_EQ(objects[i][0], round ? 0 : 0x5a);
		for (; i < 300; i++)
			objects[i] = take();
		for (i = 0; i < 300; i++) {
			EXPECT_EQ(kmalloc_usable(objects[i]), SIZE);
			memset(objects[i], (int)i, SIZE);
		}
		cache_free_bulk(cache, (void **)objects, 100, NULL);
		for (i = 100; i < 300; i++)
			unit_kfree(objects[i]);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_double_and_interior, setup_library),
		cmocka_unit_test_setup(test_red_zone, setup_library),
		cmocka_unit_test_setup(test_poison, setup_library),
		cmocka_unit_test_setup(test_no_poison_for_readers, setup_library),
		cmocka_unit_test_setup(test_users, setup_library),
		cmocka_unit_test_setup(test_trace, setup_library),
		cmocka_unit_test_setup(test_given_by_a_handler, setup_library),
		cmocka_unit_test_setup(test_all_at_once, setup_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
