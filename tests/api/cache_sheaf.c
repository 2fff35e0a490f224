/* SPDX-License-Identifier: MIT */
/* Bulk calls, prefilled sheaves, sheaf capacity; and what holds when the OS gives nothing. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <kmem/mm.h>
#include <kmem/shrinker.h>
#include <kmem/slabinfo.h>

#include "api.h"

#define MANY 1000

static struct kmem_cache *cache;

static int setup(void **state)
{
	(void)state;
	cache = kmem_cache_create("sheaf", 248, 0, SLAB_NO_MERGE, NULL);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return kmem_cache_destroy(cache);
}

static int by_address(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void bulk_objects_are_all_different(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 60, 61, 62, 500, MANY };
	void *objects[MANY];
	size_t i, k, round;

	(void)state;
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 0, objects), 0);
	kmem_cache_free_bulk(cache, 0, objects);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			size_t n = sizes[i];

			assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, n,
							       objects),
					 n);
			for (k = 0; k < n; k++) {
				assert_int_equal(*(long *)objects[k], 0);
				memset(objects[k], 0xee, 248);
			}
			qsort(objects, n, sizeof(void *), by_address);
			for (k = 1; k < n; k++)
				assert_true((char *)objects[k] - (char *)objects[k - 1] >= 248);
			kmem_cache_free_bulk(round ? cache : NULL, n, objects);
		}
	}
}

static void bulk_free_of_several_caches(void **state)
{
	struct kmem_cache *other = kmem_cache_create("other", 100, 0, SLAB_NO_MERGE, NULL);
	void *objects[40];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = i % 7 == 0 ? malloc(100000) :
			     i % 3 == 0 ? malloc(50) :
			     i % 2	? kmem_cache_alloc(cache, GFP_KERNEL) :
					  kmem_cache_alloc(other, GFP_KERNEL);
	kmem_cache_free_bulk(NULL, ARRAY_SIZE(objects), objects);
	/* NULL is nothing to give, wherever it stands */
	for (i = 0; i < 5; i++)
		objects[i] = i % 2 ? kmem_cache_alloc(other, GFP_KERNEL) : NULL;
	kmem_cache_free_bulk(other, 5, objects);
	objects[0] = NULL;
	kmem_cache_free_bulk(NULL, 1, objects);
	assert_int_equal(kmem_cache_destroy(other), 0);
}

static void prefilled_objects_can_be_taken(void **state)
{
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 20);
	void *objects[300];
	unsigned int i;

	(void)state;
	assert_non_null(sheaf);
	assert_true(kmem_cache_sheaf_size(sheaf) >= 20);
	for (i = 0; i < 5; i++) {
		objects[i] = kmem_cache_alloc_from_sheaf(cache, GFP_KERNEL | __GFP_ZERO, sheaf);
		assert_non_null(objects[i]);
		assert_int_equal(*(long *)objects[i], 0);
	}
	assert_int_equal(kmem_cache_refill_sheaf(cache, GFP_KERNEL, &sheaf, 200), 0);
	assert_true(kmem_cache_sheaf_size(sheaf) >= 200);
	/* asking for less takes nothing away */
	assert_int_equal(kmem_cache_refill_sheaf(cache, GFP_KERNEL, &sheaf, 10), 0);
	assert_true(kmem_cache_sheaf_size(sheaf) >= 200);
	for (; i < 100; i++)
		objects[i] = kmem_cache_alloc_from_sheaf(cache, GFP_NOWAIT, sheaf);
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	while (i-- > 0)
		kmem_cache_free(cache, objects[i]);
	sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 0);
	assert_non_null(sheaf);
	assert_null(kmem_cache_alloc_from_sheaf(cache, GFP_KERNEL, sheaf));
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	assert_null(kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 1 << 20));
}

static void construct(void *object)
{
	*(long *)object = 0x5eed;
}

static void constructed_objects_are_not_zeroed(void **state)
{
	struct kmem_cache *s = kmem_cache_create("ctor", 248, 0, SLAB_NO_MERGE, construct);
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(s, GFP_KERNEL, 1);
	unsigned int size = kmem_cache_sheaf_size(sheaf);
	char text[200];
	long *object;

	(void)state;
	api_listen();
	object = kmem_cache_alloc_from_sheaf(s, GFP_KERNEL | __GFP_ZERO, sheaf);
	api_heard(text, sizeof(text));
	assert_null(object);
	assert_non_null(strstr(text, "ctor: __GFP_ZERO and a constructor exclude each other"));
	assert_int_equal(kmem_cache_sheaf_size(sheaf), size);
	object = kmem_cache_alloc_from_sheaf(s, GFP_KERNEL, sheaf);
	assert_int_equal(*object, 0x5eed);
	kmem_cache_free(s, object);
	kmem_cache_return_sheaf(s, GFP_KERNEL, sheaf);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

/* ---- Nothing from the OS ---- */

#define AS_HARD_AS_CAN_BE 20000

static void *held[AS_HARD_AS_CAN_BE];

/* Takes what there is of a cache until there is no more. */
static size_t exhaust(struct kmem_cache *s, gfp_t flags)
{
	size_t n = 0;

	while (n < AS_HARD_AS_CAN_BE && (held[n] = kmem_cache_alloc(s, flags)))
		n++;
	return n;
}

/* The program once more, with an OS that refuses everything after its first calls. */
static char exhaust_word[] = "exhaust";
static char *program;

static void run_without_memory(void)
{
	char *argv[] = { program, exhaust_word, NULL };

	setenv("KMEM_OPTIONS", "fail_os=1,100,60,-1", 1);
	execv(program, argv);
	_exit(98);
}

static void prefill_and_exhaust(void)
{
	struct kmem_cache *large = kmem_cache_create("large", 60000, 0, SLAB_NO_MERGE, NULL);
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(large, GFP_KERNEL, 40);
	size_t n;
	int i;

	if (!sheaf)
		_exit(97);
	n = exhaust(large, GFP_KERNEL | __GFP_NOWARN);
	if (n == AS_HARD_AS_CAN_BE || errno != ENOMEM)
		_exit(1);
	if (kmem_cache_alloc_bulk(large, GFP_KERNEL | __GFP_NOWARN, 10, held + n) != 0)
		_exit(2);
	for (i = 0; i < 40; i++)
		if (!kmem_cache_alloc_from_sheaf(large, GFP_KERNEL, sheaf))
			_exit(3);
	if (kmem_cache_alloc_from_sheaf(large, GFP_KERNEL, sheaf))
		_exit(4);
	/* memory is back: the next is served */
	kmem_cache_free(large, held[0]);
	if (!kmem_cache_alloc(large, GFP_KERNEL))
		_exit(5);
}

static void promised_objects_are_there_when_the_os_refuses(void **state)
{
	(void)state;
	passes_in_child(run_without_memory);
}

#define HOARD 64

static void *hoard[HOARD];

static unsigned long count_hoard(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	(void)sc;
	return hoard[0] ? HOARD : 0;
}

static unsigned long drop_hoard(struct shrinker *shrinker, struct shrink_control *sc)
{
	int i;

	(void)shrinker;
	(void)sc;
	for (i = 0; i < HOARD; i++) {
		vfree(hoard[i]);
		hoard[i] = NULL;
	}
	return HOARD;
}

/* A sheaf's own memory is worth as much as its objects. */
static void prefill_from_a_hoard(void)
{
	struct kmem_cache *s = kmem_cache_create("sheaves", 8, 0, SLAB_NO_MERGE, NULL);
	struct shrinker shrinker = { .count_objects = count_hoard,
				     .scan_objects = drop_hoard,
				     .seeks = DEFAULT_SEEKS };
	int i;

	for (i = 0; i < HOARD; i++) {
		hoard[i] = vmalloc(1 << 20);
		CHILD_EXPECT(hoard[i]);
	}
	CHILD_EXPECT(register_shrinker(&shrinker) == 0);
	limit_memory(4 << 20);
	for (i = 0; hoard[0] && i < 10000; i++)
		CHILD_EXPECT(kmem_cache_prefill_sheaf(s, GFP_KERNEL | __GFP_NOWARN, 8193));
	CHILD_EXPECT(!hoard[0]);
}

static void shrinkers_are_asked_for_a_sheaf_s_memory(void **state)
{
	(void)state;
	passes_without_memory(prefill_from_a_hoard);
}

static void atomic_from_what_is_there(void)
{
	static const gfp_t flags[] = { GFP_ATOMIC, GFP_NOWAIT };
	struct kmem_cache *large = kmem_cache_create("large", 60000, 0, SLAB_NO_MERGE, NULL);
	size_t i, n;

	/* some memory is online, and free */
	n = 0;
	for (i = 0; i < 20; i++)
		held[n++] = kmem_cache_alloc(large, GFP_KERNEL);
	while (n > 0)
		kmem_cache_free(large, held[--n]);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		n = exhaust(large, flags[i]);
		if (n < 20 || n == AS_HARD_AS_CAN_BE)
			_exit(1);
		if (errno != ENOMEM)
			_exit(2);
		/* who may ask the OS gets more */
		held[n] = kmem_cache_alloc(large, GFP_KERNEL);
		if (!held[n])
			_exit(3);
		for (n++; n > 0; n--)
			kmem_cache_free(large, held[n - 1]);
	}
}

static void atomic_requests_do_not_grow_the_heap(void **state)
{
	(void)state;
	passes_in_child(atomic_from_what_is_there);
}

static volatile bool prefilled;

/*
 * Neither a state for the thread nor memory for another sheaf. Its end would take calls of libc's.
 */
static void *prefill_atomically(void *arg)
{
	struct kmem_cache *s = arg;
	size_t n = 0;

	forbid_memory_calls();
	CHILD_EXPECT(kmem_cache_prefill_sheaf(s, GFP_ATOMIC, 10));
	while (n < AS_HARD_AS_CAN_BE && kmem_cache_prefill_sheaf(s, GFP_NOWAIT, 0))
		n++;
	CHILD_EXPECT(n < AS_HARD_AS_CAN_BE && errno == ENOMEM);
	prefilled = true;
	pause();
	return NULL;
}

static void prefill_in_a_new_thread(void)
{
	struct kmem_cache *s = kmem_cache_create("atomic", 248, 0, SLAB_NO_MERGE, NULL);
	pthread_t thread;

	kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
	CHILD_EXPECT(pthread_create(&thread, NULL, prefill_atomically, s) == 0);
	while (!prefilled)
		usleep(1000);
}

static void atomic_prefills_never_enter_the_os(void **state)
{
	(void)state;
	/* valgrind's own calls would be stopped, too. */
	if (!RUNNING_ON_VALGRIND)
		passes_in_child(prefill_in_a_new_thread);
}

/* ---- Capacity ---- */

static void capacity_is_what_was_asked_for(void **state)
{
	static const unsigned int capacities[] = { 1, 2, 7, 61, 100, 1024 };
	void *objects[MANY];
	size_t i, n, round;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(capacities); i++) {
		struct kmem_cache_args args = { .sheaf_capacity = capacities[i] };
		struct kmem_cache *s = kmem_cache_create("capacity", 64, &args, 0);
		struct slabinfo info;

		for (round = 0; round < 20; round++) {
			for (n = 0; n < MANY; n++)
				objects[n] = kmem_cache_alloc(s, GFP_KERNEL);
			for (n = 0; n < MANY; n++)
				kmem_cache_free(s, objects[n]);
		}
		get_slabinfo(s, &info);
		assert_int_equal(info.limit, capacities[i]);
		assert_int_equal(info.active_objs, info.cached_objs);
		assert_int_equal(kmem_cache_destroy(s), 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bulk_objects_are_all_different, setup, teardown),
		cmocka_unit_test_setup_teardown(bulk_free_of_several_caches, setup, teardown),
		cmocka_unit_test_setup_teardown(prefilled_objects_can_be_taken, setup, teardown),
		cmocka_unit_test(constructed_objects_are_not_zeroed),
		cmocka_unit_test(promised_objects_are_there_when_the_os_refuses),
		cmocka_unit_test(shrinkers_are_asked_for_a_sheaf_s_memory),
		cmocka_unit_test(atomic_requests_do_not_grow_the_heap),
		cmocka_unit_test(atomic_prefills_never_enter_the_os),
		cmocka_unit_test(capacity_is_what_was_asked_for),
	};

	program = argv[0];
	if (argc > 1 && strcmp(argv[1], exhaust_word) == 0) {
		prefill_and_exhaust();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
