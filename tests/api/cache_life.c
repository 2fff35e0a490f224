/* SPDX-License-Identifier: MIT */
/*
 * The end of caches: live objects, threads' sheaves, reuse of numbers, thousands of caches, fork.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <kmem/slabinfo.h>

#include "api.h"

#define NR_CACHES 3000

static struct kmem_cache *cache;

static struct kmem_cache *make(const char *name)
{
	struct kmem_cache *s = kmem_cache_create(name, 120, 0, SLAB_NO_MERGE, NULL);

	assert_non_null(s);
	return s;
}

static void live_objects_are_named_and_the_cache_lives_on(void **state)
{
	void *objects[20], *other;
	char text[8192], line[100];
	size_t i;

	(void)state;
	cache = make("alive");
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = 3; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(cache, objects[i]);
	api_listen();
	assert_int_equal(kmem_cache_destroy(cache), -EBUSY);
	api_heard(text, sizeof(text));
	assert_non_null(strstr(text, "kmem_cache_destroy(alive): 3 objects are in use"));
	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		snprintf(line, sizeof(line), "object 0x%lx\n", (unsigned long)objects[i]);
		assert_int_equal(strstr(text, line) != NULL, i < 3);
	}
	other = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_non_null(other);
	kmem_cache_free(cache, other);
	for (i = 0; i < 3; i++)
		kmem_cache_free(cache, objects[i]);
	assert_int_equal(kmem_cache_destroy(cache), 0);
}

static void many_live_objects_are_counted(void **state)
{
	void *objects[100];
	char text[8192];
	size_t i;

	(void)state;
	cache = make("crowd");
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	api_listen();
	assert_int_equal(kmem_cache_destroy(cache), -EBUSY);
	api_heard(text, sizeof(text));
	assert_non_null(strstr(text, "100 objects are in use"));
	assert_non_null(strstr(text, "and 84 more"));
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(cache, objects[i]);
	assert_int_equal(kmem_cache_destroy(cache), 0);
}

/* ---- Use after the end ---- */

static void *last_object;

static struct kmem_cache *dead(const char *name)
{
	struct kmem_cache *s = make(name);

	last_object = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free(s, last_object);
	if (kmem_cache_destroy(s))
		_exit(1);
	return s;
}

static void alloc_after(void)
{
	kmem_cache_alloc(dead("gone"), GFP_KERNEL);
}

static void zalloc_after(void)
{
	kmem_cache_zalloc(dead("gone"), GFP_KERNEL);
}

static void bulk_after(void)
{
	void *objects[3];

	kmem_cache_alloc_bulk(dead("gone"), GFP_KERNEL, 3, objects);
}

static void free_after(void)
{
	struct kmem_cache *s = dead("gone");

	kmem_cache_free(s, last_object);
}

static void destroy_twice(void)
{
	kmem_cache_destroy(dead("gone"));
}

static void shrink_after(void)
{
	kmem_cache_shrink(dead("gone"));
}

/* Another cache has its number by now, and objects in the very slot. */
static void alloc_after_another_came(void)
{
	struct kmem_cache *s = dead("gone"), *next = make("next");

	kmem_cache_free(next, kmem_cache_alloc(next, GFP_KERNEL));
	kmem_cache_alloc(s, GFP_KERNEL);
}

static void free_to_another(void)
{
	struct kmem_cache *a = make("owner"), *b = make("stranger");

	kmem_cache_free(b, kmem_cache_alloc(a, GFP_KERNEL));
}

static void bulk_free_to_another(void)
{
	struct kmem_cache *a = make("owner"), *b = make("stranger");
	void *objects[3];

	kmem_cache_alloc_bulk(b, GFP_KERNEL, 3, objects);
	kmem_cache_free(b, objects[1]);
	objects[1] = kmem_cache_alloc(a, GFP_KERNEL);
	kmem_cache_free_bulk(b, 3, objects);
}

static void misuse_is_told(void **state)
{
	(void)state;
	dies_in_child(alloc_after, "kmem: BUG gone: allocation from a destroyed cache");
	dies_in_child(zalloc_after, "kmem: BUG gone: allocation from a destroyed cache");
	dies_in_child(bulk_after, "kmem: BUG gone: allocation from a destroyed cache");
	dies_in_child(free_after, "kmem: BUG gone: free to a destroyed cache");
	dies_in_child(destroy_twice, "kmem: BUG gone: destruction of a destroyed cache");
	dies_in_child(shrink_after, "kmem: BUG gone: shrinking of a destroyed cache");
	dies_in_child(alloc_after_another_came, "kmem: BUG gone: allocation from a destroyed");
	dies_in_child(free_to_another, "stranger: free to the wrong cache (it is one of owner's)");
	dies_in_child(bulk_free_to_another, "stranger: free to the wrong cache");
}

/* ---- Other threads ---- */

static pthread_barrier_t barrier;

/* Leaves objects in its sheaves, and lives on. */
static void *use_and_wait(void *arg)
{
	struct kmem_cache **caches = arg;
	void *objects[200];
	int c, i;

	for (c = 0; c < 2; c++) {
		for (i = 0; i < 200; i++)
			objects[i] = kmem_cache_alloc(caches[c], GFP_KERNEL);
		for (i = 0; i < 200; i++)
			kmem_cache_free(caches[c], objects[i]);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	/* what was not destroyed goes on */
	for (i = 0; i < 200; i++)
		objects[i] = kmem_cache_alloc(caches[1], GFP_KERNEL);
	for (i = 0; i < 200; i++)
		kmem_cache_free(caches[1], objects[i]);
	return NULL;
}

static void other_threads_sheaves_are_flushed(void **state)
{
	struct kmem_cache *caches[] = { make("threads-0"), make("threads-1") };
	pthread_t threads[3];
	size_t i;

	(void)state;
	pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(threads) + 1);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_and_wait, caches), 0);
	pthread_barrier_wait(&barrier);
	assert_int_equal(kmem_cache_destroy(caches[0]), 0);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(kmem_cache_destroy(caches[1]), 0);
}

/* Threads come, use and go while caches are made and ended. */
static int stop;

static void *come_and_go(void *arg)
{
	struct kmem_cache *s = arg;
	int i;

	for (i = 0; i < 30; i++)
		kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
	return NULL;
}

static void *make_and_end(void *arg)
{
	int n = 0;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) || n < 50) {
		struct kmem_cache *s = kmem_cache_create("fleeting", 72, 0, SLAB_NO_MERGE, NULL);
		void *object = kmem_cache_alloc(s, GFP_KERNEL);

		free(malloc(100));
		kmem_cache_free(s, object);
		if (kmem_cache_destroy(s))
			abort();
		n++;
	}
	return NULL;
}

static void threads_and_caches_come_and_go(void **state)
{
	struct kmem_cache *s = make("steady");
	pthread_t maker, user;
	int i;

	(void)state;
	stop = 0;
	assert_int_equal(pthread_create(&maker, NULL, make_and_end, NULL), 0);
	for (i = 0; i < 200; i++) {
		assert_int_equal(pthread_create(&user, NULL, come_and_go, s), 0);
		pthread_join(user, NULL);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(maker, NULL);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

/* ---- Many ---- */

static void *use_all(void *arg)
{
	struct kmem_cache **caches = arg;
	int i;

	for (i = 0; i < NR_CACHES; i++) {
		int *object = kmem_cache_alloc(caches[i], GFP_KERNEL);

		*object = i;
		if (i % 2)
			kmem_cache_free(caches[i], object);
		else
			free(object);
	}
	return NULL;
}

static int count(struct kmem_cache *s, const char *name, bool alias, void *arg)
{
	unsigned int *nr = arg;

	(void)s;
	*nr += !alias && strncmp(name, "many-", 5) == 0;
	return 0;
}

static void thousands_of_caches(void **state)
{
	static struct kmem_cache *caches[NR_CACHES];
	unsigned int nr = 0;
	pthread_t thread;
	char name[20];
	int i, round;

	(void)state;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < NR_CACHES; i++) {
			snprintf(name, sizeof(name), "many-%d", i);
			caches[i] = make(name);
		}
		nr = 0;
		kmem_cache_for_each(count, &nr);
		assert_int_equal(nr, NR_CACHES);
		use_all(caches);
		use_all(caches);
		assert_int_equal(pthread_create(&thread, NULL, use_all, caches), 0);
		pthread_join(thread, NULL);
		for (i = NR_CACHES; i-- > 0;)
			assert_int_equal(kmem_cache_destroy(caches[i]), 0);
	}
}

/* ---- Fork ---- */

static void use_in_child(void)
{
	void *objects[100];
	int i;

	for (i = 0; i < 100; i++)
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (i = 0; i < 100; i++)
		kmem_cache_free(cache, objects[i]);
	if (kmem_cache_destroy(cache))
		_exit(1);
	kmem_cache_destroy(make("childs-own"));
}

static void *hold_and_wait(void *arg)
{
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

/* The sheaf of a thread that the child has not is no obstacle. */
static void a_child_may_end_caches(void **state)
{
	pthread_t thread;
	char text[1000];

	(void)state;
	cache = make("inherited");
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, hold_and_wait, NULL), 0);
	pthread_barrier_wait(&barrier);
	assert_int_equal(child_says(use_in_child, text, sizeof(text)), 0);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	assert_int_equal(kmem_cache_destroy(cache), 0);
}

/* ---- slabinfo.h ---- */

struct seen {
	unsigned int lists[3], inuse, colours;
	unsigned long last_colour;
};

static int see_slab(const struct kmem_slab_info *slab, void *arg)
{
	struct seen *seen = arg;

	seen->lists[slab->list]++;
	seen->inuse += slab->inuse;
	if (slab->colour != seen->last_colour)
		seen->colours++;
	seen->last_colour = slab->colour;
	assert_int_equal((uintptr_t)slab->address % slab->bytes, 0);
	assert_ptr_equal(slab->first_object, (char *)slab->address + slab->colour);
	assert_true(slab->node >= 0);
	assert_true(slab->inuse <= slab->objects);
	assert_int_equal(slab->list, slab->inuse == 0		  ? KMEM_SLAB_EMPTY :
				     slab->inuse == slab->objects ? KMEM_SLAB_FULL :
								    KMEM_SLAB_PARTIAL);
	return 0;
}

static int see_units(const struct kmem_slab_info *slab, void *arg)
{
	unsigned long *sum = arg;

	assert_int_equal(slab->bytes, 512ul * slab->objects);
	assert_int_equal((uintptr_t)slab->address % slab->bytes, 0);
	assert_ptr_equal(slab->first_object, slab->address);
	assert_true(slab->inuse <= slab->objects);
	sum[0] += slab->inuse;
	sum[1] += slab->objects;
	return 0;
}

static int walk_units(struct kmem_cache *s, const char *name, bool alias, void *arg)
{
	(void)alias;
	return strcmp(name, "kmalloc-units") ? 0 : kmem_cache_for_each_slab(s, see_units, arg) + 1;
}

/* Of objects beyond a page the slabs are another cache's. */
static void shared_slabs_can_be_walked(void **state)
{
	void *objects[100];
	unsigned long sum[2] = { 0, 0 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmalloc(i % 2 ? 5000 : 30000, GFP_KERNEL);
	assert_int_equal(kmem_cache_for_each(walk_units, sum), 1);
	assert_true(sum[0] * 512 >= 50 * 35000);
	assert_true(sum[1] >= sum[0]);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		kfree(objects[i]);
}

static void slabs_can_be_walked(void **state)
{
	struct kmem_cache *s = kmem_cache_create("walk", 472, 8, SLAB_NO_MERGE, NULL);
	struct seen seen = { .last_colour = -1ul };
	struct slabinfo info;
	void *objects[100];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
	assert_int_equal(kmem_cache_for_each_slab(s, see_slab, &seen), 0);
	get_slabinfo(s, &info);
	assert_int_equal(info.active_objs, seen.inuse);
	assert_true(seen.inuse >= 100);
	assert_int_equal(info.active_objs - info.cached_objs, 100);
	assert_int_equal(info.full_slabs, seen.lists[KMEM_SLAB_FULL]);
	assert_int_equal(info.partial_slabs, seen.lists[KMEM_SLAB_PARTIAL]);
	assert_int_equal(info.empty_slabs, seen.lists[KMEM_SLAB_EMPTY]);
	assert_int_equal(info.num_slabs, info.full_slabs + info.partial_slabs + info.empty_slabs);
	assert_int_equal(info.object_size, 472);
	assert_int_equal(info.batchcount + info.shared + info.shared_avail, 0);
	/* successive slabs begin at different offsets */
	assert_true(info.colours > 1);
	assert_true(seen.colours > 1);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(s, objects[i]);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

static void slabinfo_has_the_cache(void **state)
{
	struct kmem_cache *s = make("in-slabinfo");
	void *object = kmem_cache_alloc(s, GFP_KERNEL);
	static char text[65536];
	int fds[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(kmem_slabinfo_write(fds[1]), 0);
	close(fds[1]);
	n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "slabinfo - version: 2.1\n"));
	assert_non_null(strstr(text, "\nkmalloc-64 "));
	assert_non_null(strstr(text, "\nin-slabinfo "));
	close(fds[0]);
	assert_int_equal(kmem_slabinfo_write(-1), -EBADF);
	assert_int_equal(kmem_slabinfo_write(9999), -EBADF);
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_objects_are_named_and_the_cache_lives_on),
		cmocka_unit_test(many_live_objects_are_counted),
		cmocka_unit_test(misuse_is_told),
		cmocka_unit_test(other_threads_sheaves_are_flushed),
		cmocka_unit_test(threads_and_caches_come_and_go),
		cmocka_unit_test(thousands_of_caches),
		cmocka_unit_test(a_child_may_end_caches),
		cmocka_unit_test(slabs_can_be_walked),
		cmocka_unit_test(shared_slabs_can_be_walked),
		cmocka_unit_test(slabinfo_has_the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
