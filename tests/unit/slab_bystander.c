/* SPDX-License-Identifier: MIT */
/*
 * Which thread runs a destructor: the one whose call let go of the slab, and no bystander, who may
 * hold just the lock that the destructor wants.
 */
#include <pthread.h>

#include "cache.h"
#include "cache_alloc.h"
#include "init.h"
#include "release.h"
#include "unit_slab.h"

static pthread_t releaser;
static unsigned long nr_ctor, nr_dtor;

static void ctor(void *object)
{
	(void)object;
	nr_ctor++;
}

static void dtor(void *object)
{
	(void)object;
	EXPECT(pthread_equal(pthread_self(), releaser));
	nr_dtor++;
}

static void *bystander(void *arg)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		kfree_slow(kmalloc_slow(100));
	return arg;
}

static void test_destructors_run_where_the_slab_was_let_go(void **state)
{
	const struct cache_wish wish = { .name = "unit", .size = 2000, .ctor = ctor, .dtor = dtor };
	struct kmem_cache *s;
	void *object[64];
	pthread_t thread;
	unsigned int i;
	int error;

	(void)state;
	kmem_init();
	releaser = pthread_self();
	s = cache_create(&wish, &error);
	EXPECT(s != NULL);
	for (i = 0; i < ARRAY_SIZE(object); i++) {
		object[i] = cache_alloc_slow(s, GFP_KERNEL, NULL);
		EXPECT(object[i] != NULL);
	}
	for (i = 0; i < ARRAY_SIZE(object); i++)
		cache_free_slow(s, object[i], NULL);

	/* Within one long slow path of this thread: the slabs wait for its end. */
	EXPECT(cpu_enter() == this_cpu);
	sheaf_flush_slot(this_cpu, s);
	barn_drain(s);
	cache_shrink(s);
	EXPECT(s->nr_waiting > 0);
	EXPECT_EQ(pthread_create(&thread, NULL, bystander, NULL), 0);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT(s->nr_waiting > 0);
	cpu_leave(this_cpu);
	EXPECT_EQ(s->nr_waiting, 0);
	EXPECT_EQ(cache_destroy(s), 0);
	EXPECT_EQ(nr_dtor, nr_ctor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_destructors_run_where_the_slab_was_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
