/* SPDX-License-Identifier: MIT */
/*
 * What each of many threads may hold in its sheaves.
 *
 * One thread that is none, a struct kmem_cpu of the test's own with a cache of the test's own,
 * among as many real ones as the test wants: these only are there.
 */
#include <pthread.h>

#include "limit.h"
#include "purge.h"
#include "unit_slab.h"

#define CLASS	200
#define SIZE	256u
#define TAKEN	3000u
#define THREADS 24u

static struct kmem_cache cache;
static struct kmem_cpu cpu;
static struct limits whole;
static pthread_barrier_t begun, ended;

static int setup(void **state)
{
	(void)state;
	options_parse("decay_ms=-1", &purge_params, 1);
	whole = limits;
	limits.cpus = 1;
	cache = (struct kmem_cache){ .size = 0 };
	cache_init(&cache, "test-256", SIZE, 16, CLASS);
	cache_init_sheaves(&cache);
	cpu = (struct kmem_cpu){ .kind = CPU_LIVE, .pcp = pcp_of_lane(0) };
	slot_init(&cpu.slot[CLASS]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sheaf_flush_slot(&cpu, &cache);
	barn_drain(&cache);
	EXPECT_EQ(cache_inuse(&cache), 0);
	cache_shrink(&cache);
	unit_return_lists();
	kmem_caches[CLASS] = NULL;
	limits = whole;
	return 0;
}

/* Takes and frees many objects, over and over. Returns how many the sheaf may hold after that. */
static unsigned int limit_reached(void)
{
	struct cpu_slot *slot = &cpu.slot[CLASS];
	void *objects[100];
	unsigned int i, n;

	for (i = 0; i < TAKEN / ARRAY_SIZE(objects); i++) {
		for (n = 0; n < ARRAY_SIZE(objects); n++) {
			objects[n] = slot_pop(slot);
			if (!objects[n])
				objects[n] = sheaf_alloc(&cpu, &cache, GFP_KERNEL);
		}
		while (n--)
			if (!slot_push(slot, objects[n]))
				sheaf_free(&cpu, &cache, objects[n]);
	}
	slot_is_valid(&cache, slot);
	return slot->main->limit;
}

static void *be_there(void *arg)
{
	unit_kfree(unit_kmalloc(16));
	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&ended);
	return arg;
}

static void begin_threads(pthread_t *threads, unsigned int n)
{
	EXPECT_EQ(pthread_barrier_init(&begun, NULL, n + 1), 0);
	EXPECT_EQ(pthread_barrier_init(&ended, NULL, n + 1), 0);
	while (n--)
		EXPECT_EQ(pthread_create(&threads[n], NULL, be_there, NULL), 0);
	pthread_barrier_wait(&begun);
}

static void end_threads(pthread_t *threads, unsigned int n)
{
	pthread_barrier_wait(&ended);
	while (n--)
		EXPECT_EQ(pthread_join(threads[n], NULL), 0);
	pthread_barrier_destroy(&begun);
	pthread_barrier_destroy(&ended);
}

static void test_alone(void **state)
{
	(void)state;
	EXPECT_EQ(limit_reached(), cache.sheaf_capacity);
	EXPECT(cpu.slot[CLASS].spare != NULL);
}

/* 16 KiB for up to four threads a CPU; of more each has its part, but 4 KiB at least. */
static void test_among_many(void **state)
{
	pthread_t threads[THREADS];
	unsigned long all;

	(void)state;
	begin_threads(threads, 7);
	all = cpus_count();
	EXPECT(all >= 7 && all <= 8);
	EXPECT_EQ(limit_reached(), (16u << 10) * 4 / 8 / SIZE);
	EXPECT(cpu.slot[CLASS].spare == NULL);
	end_threads(threads, 7);
	/* it may have more when they are gone */
	EXPECT_EQ(limit_reached(), cache.sheaf_capacity);
	sheaf_flush_slot(&cpu, &cache);
	barn_drain(&cache);
	begin_threads(threads, THREADS);
	EXPECT_EQ(limit_reached(), 4096 / SIZE);
	end_threads(threads, THREADS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_among_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
