/* SPDX-License-Identifier: MIT */
/*
 * Memory pools: that the reserve is there when the OS has no more, by a limit or by refusals on
 * purpose (fail_os); that whoever waits is woken; that elements come and go where they should.
 */
#include "api.h"

#include <kmem/mempool.h>
#include <kmem/mm.h>
#include <pthread.h>
#include <time.h>

/* An allocator that counts, and that can be made to fail. */
struct source {
	bool fails;
	gfp_t last_flags;
	int allocated, freed;
};

static void *source_alloc(gfp_t gfp_mask, void *pool_data)
{
	struct source *source = pool_data;

	source->last_flags = gfp_mask;
	if (source->fails)
		return NULL;
	__atomic_fetch_add(&source->allocated, 1, __ATOMIC_RELAXED);
	return malloc(100);
}

static void source_free(void *element, void *pool_data)
{
	struct source *source = pool_data;

	__atomic_fetch_add(&source->freed, 1, __ATOMIC_RELAXED);
	free(element);
}

static void a_new_pool_has_its_reserve(void **state)
{
	struct source source = { .fails = false };
	mempool_t *pool = mempool_create(5, source_alloc, source_free, &source);

	(void)state;
	assert_non_null(pool);
	assert_int_equal(source.allocated, 5);
	assert_int_equal(source.last_flags, GFP_KERNEL);
	assert_int_equal(mempool_curr_nr(pool), 5);
	assert_int_equal(mempool_min_nr(pool), 5);
	mempool_destroy(pool);
	assert_int_equal(source.freed, 5);
	mempool_destroy(NULL);
}

static void a_pool_whose_reserve_is_refused_is_not_made(void **state)
{
	struct source source = { .fails = true };

	(void)state;
	errno = 0;
	assert_null(mempool_create(5, source_alloc, source_free, &source));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(source.allocated, source.freed);
	errno = 0;
	assert_null(mempool_create(-1, source_alloc, source_free, &source));
	assert_int_equal(errno, EINVAL);
	assert_null(mempool_create(1, NULL, source_free, &source));
	assert_null(mempool_create(1, source_alloc, NULL, &source));
}

static void the_reserve_is_for_when_all_else_failed(void **state)
{
	struct source source = { .fails = false };
	mempool_t *pool = mempool_create(2, source_alloc, source_free, &source);
	void *fresh = mempool_alloc(pool, GFP_KERNEL), *first, *second;

	(void)state;
	assert_int_equal(mempool_curr_nr(pool), 2);
	source.fails = true;
	errno = 77;
	first = mempool_alloc(pool, GFP_KERNEL);
	second = mempool_alloc(pool, GFP_ATOMIC);
	assert_true(first && second && first != second);
	assert_int_equal(errno, 77);
	assert_int_equal(mempool_curr_nr(pool), 0);
	/* Nothing left, and no waiting. */
	assert_null(mempool_alloc(pool, GFP_NOWAIT));
	assert_null(mempool_alloc_preallocated(pool));
	/* What comes back fills the reserve up first, wherever it is from. */
	mempool_free(fresh, pool);
	mempool_free(first, pool);
	assert_int_equal(source.freed, 0);
	assert_int_equal(mempool_curr_nr(pool), 2);
	mempool_free(second, pool);
	assert_int_equal(source.freed, 1);
	first = mempool_alloc_preallocated(pool);
	assert_non_null(first);
	mempool_free(first, pool);
	mempool_free(NULL, pool);
	assert_int_equal(mempool_curr_nr(pool), 2);
	mempool_destroy(pool);
	assert_int_equal(source.freed, source.allocated);
}

static void the_source_is_asked_as_the_caller_may(void **state)
{
	struct source source = { .fails = false };
	mempool_t *pool = mempool_create_node(1, source_alloc, source_free, &source, GFP_KERNEL, 0);
	void *element;

	(void)state;
	element = mempool_alloc(pool, GFP_ATOMIC);
	assert_false(source.last_flags & __GFP_DIRECT_RECLAIM);
	assert_true(source.last_flags & __GFP_NOWARN);
	mempool_free(element, pool);
	element = mempool_alloc(pool, GFP_KERNEL | __GFP_ZERO | __GFP_NOFAIL);
	assert_true(source.last_flags & __GFP_DIRECT_RECLAIM);
	/* The pool does the waiting, and cannot zero what was used before. */
	assert_false(source.last_flags & (__GFP_ZERO | __GFP_NOFAIL));
	mempool_free(element, pool);
	mempool_destroy(pool);
}

static void a_reserve_can_be_resized(void **state)
{
	struct source source = { .fails = false };
	mempool_t *pool = mempool_create(2, source_alloc, source_free, &source);
	void *elements[20];
	int i;

	(void)state;
	assert_int_equal(mempool_resize(pool, 10), 0);
	assert_int_equal(mempool_curr_nr(pool), 10);
	assert_int_equal(mempool_min_nr(pool), 10);
	assert_int_equal(mempool_resize(pool, 3), 0);
	assert_int_equal(mempool_curr_nr(pool), 3);
	assert_int_equal(source.freed, 7);
	assert_int_equal(mempool_resize(pool, 0), -EINVAL);
	assert_int_equal(mempool_resize(pool, -1), -EINVAL);
	source.fails = true;
	errno = 77;
	assert_int_equal(mempool_resize(pool, 20), -ENOMEM);
	assert_int_equal(errno, 77);
	assert_int_equal(mempool_curr_nr(pool), 3);
	assert_int_equal(mempool_min_nr(pool), 3);
	source.fails = false;
	assert_int_equal(mempool_resize(pool, 20), 0);
	source.fails = true;
	for (i = 0; i < 20; i++)
		assert_non_null(elements[i] = mempool_alloc(pool, GFP_NOWAIT));
	assert_null(mempool_alloc(pool, GFP_NOWAIT));
	/* Smaller while all are out: what comes back beyond it is freed. */
	assert_int_equal(mempool_resize(pool, 4), 0);
	for (i = 0; i < 20; i++)
		mempool_free(elements[i], pool);
	assert_int_equal(mempool_curr_nr(pool), 4);
	mempool_destroy(pool);
	assert_int_equal(source.freed, source.allocated);
}

/* ---- Waiting ---- */

struct waiter {
	mempool_t *pool;
	void *element;
	volatile bool waits, has;
};

static void *wait_for_element(void *arg)
{
	struct waiter *waiter = arg;

	waiter->waits = true;
	waiter->element = mempool_alloc(waiter->pool, GFP_KERNEL);
	waiter->has = true;
	return NULL;
}

static void whoever_may_wait_gets_what_comes_back(void **state)
{
	struct source source = { .fails = false };
	struct waiter waiter = { .pool = mempool_create(1, source_alloc, source_free, &source) };
	pthread_t thread;
	void *element;

	(void)state;
	source.fails = true;
	element = mempool_alloc(waiter.pool, GFP_KERNEL);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_element, &waiter), 0);
	while (!waiter.waits)
		usleep(1000);
	usleep(20000);
	assert_false(waiter.has);
	mempool_free(element, waiter.pool);
	pthread_join(thread, NULL);
	assert_ptr_equal(waiter.element, element);
	mempool_free(element, waiter.pool);
	mempool_destroy(waiter.pool);
}

/* Nobody returns anything, but there is memory again. */
static void whoever_waits_tries_again(void **state)
{
	struct source source = { .fails = false };
	struct waiter waiter = { .pool = mempool_create(0, source_alloc, source_free, &source) };
	pthread_t thread;

	(void)state;
	source.fails = true;
	assert_int_equal(pthread_create(&thread, NULL, wait_for_element, &waiter), 0);
	while (!waiter.waits)
		usleep(1000);
	usleep(20000);
	assert_false(waiter.has);
	source.fails = false;
	pthread_join(thread, NULL);
	assert_non_null(waiter.element);
	mempool_free(waiter.element, waiter.pool);
	mempool_destroy(waiter.pool);
}

#define THREADS 4
#define MOST	2000 /* elements in a reserve that is resized */

static struct source failing;
static mempool_t *shared;

/* More threads than elements, each of which takes and gives: all come to their end. */
static void *take_and_give(void *arg)
{
	int i;

	for (i = 0; i < 2000; i++) {
		char *element = mempool_alloc(shared, GFP_KERNEL);

		/* Nobody else has it. */
		memset(element, (int)(intptr_t)arg, 100);
		if (i % 16 == 0)
			sched_yield();
		if (!all_are(element, 100, (unsigned char)(intptr_t)arg))
			abort();
		mempool_free(element, shared);
	}
	return NULL;
}

static void two_elements_serve_four_threads(void **state)
{
	pthread_t threads[THREADS];
	intptr_t i;

	(void)state;
	failing = (struct source){ .fails = false };
	shared = mempool_create(2, source_alloc, source_free, &failing);
	failing.fails = true;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, (void *)i), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(mempool_curr_nr(shared), 2);
	assert_int_equal(failing.freed, 0);
	mempool_destroy(shared);
}

/* Takes elements out of the reserve and puts them back, until the pool is as it shall stay. */
static volatile bool resized;

static void *empty_and_fill(void *arg)
{
	void *elements[MOST];
	int n;

	while (!resized) {
		for (n = 0; n < MOST && (elements[n] = mempool_alloc_preallocated(shared)); n++)
			;
		while (n > 0)
			mempool_free(elements[--n], shared);
	}
	return arg;
}

/* Whatever was under way when it was resized, a reserve that lacks elements takes what is freed. */
static void a_resized_reserve_knows_what_it_lacks(void **state)
{
	int rounds = RUNNING_ON_VALGRIND ? 100 : 60000, i;
	pthread_t thread;

	(void)state;
	failing = (struct source){ .fails = false };
	shared = mempool_create(MOST, source_alloc, source_free, &failing);
	resized = false;
	assert_int_equal(pthread_create(&thread, NULL, empty_and_fill, NULL), 0);
	for (i = 1; i <= rounds; i++)
		assert_int_equal(mempool_resize(shared, MOST - i % 5), 0);
	resized = true;
	pthread_join(thread, NULL);
	for (i = 0; i < MOST; i++)
		mempool_free(source_alloc(GFP_KERNEL, &failing), shared);
	assert_int_equal(mempool_curr_nr(shared), MOST);
	mempool_destroy(shared);
	assert_int_equal(failing.freed, failing.allocated);
}

static void use_in_child(void)
{
	void *element = mempool_alloc(shared, GFP_KERNEL);

	CHILD_EXPECT(element && mempool_curr_nr(shared) == 1);
	mempool_free(element, shared);
	mempool_destroy(shared);
	CHILD_EXPECT(failing.freed == 2);
}

static void a_child_has_a_pool_of_its_own(void **state)
{
	(void)state;
	failing = (struct source){ .fails = false };
	shared = mempool_create(2, source_alloc, source_free, &failing);
	failing.fails = true;
	passes_in_child(use_in_child);
	assert_int_equal(mempool_curr_nr(shared), 2);
	mempool_destroy(shared);
}

/* ---- The usual kinds, without memory ---- */

/* With the OS out of memory, @nr elements are there, again and again. */
static void expect_promise(mempool_t *pool, int nr)
{
	void *elements[10];
	int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < nr; i++) {
			elements[i] = mempool_alloc(pool, round % 2 ? GFP_NOWAIT : GFP_KERNEL);
			CHILD_EXPECT(elements[i]);
		}
		for (i = 0; i < nr; i++)
			mempool_free(elements[i], pool);
	}
}

static void exhaust(void)
{
	size_t size;

	for (size = MIB; size >= 16; size /= 2)
		while (kmalloc(size, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN))
			;
}

#define CONSTRUCTED 0x5e55

static void construct(void *object)
{
	*(int *)object = CONSTRUCTED;
}

/* The kinds by their functions, as older code writes them. */
static void kinds_are_functions_and_data(void **state)
{
	struct kmem_cache *cache =
		kmem_cache_create("functions", 300, 64, SLAB_NO_MERGE, construct);
	mempool_t *pools[] = {
		mempool_create(3, mempool_alloc_slab, mempool_free_slab, cache),
		mempool_create(3, mempool_kmalloc, mempool_kfree, (void *)500),
		mempool_create(3, mempool_alloc_pages, mempool_free_pages, (void *)1),
	};
	void *elements[3];
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_non_null(pools[i]);
		assert_non_null(elements[i] = mempool_alloc(pools[i], GFP_KERNEL));
	}
	assert_int_equal(*(int *)elements[0], CONSTRUCTED);
	assert_true(ksize(elements[1]) >= 500);
	memset(page_address(elements[2]), 1, 2 * PAGE_SIZE);
	for (i = 0; i < 3; i++) {
		mempool_free(elements[i], pools[i]);
		mempool_destroy(pools[i]);
	}
	assert_int_equal(kmem_cache_destroy(cache), 0);
}

static void keep_promises(void (*take_all)(void))
{
	mempool_t *small = mempool_create_kmalloc_pool(10, 100);
	mempool_t *large = mempool_create_kmalloc_pool(4, 200 * KIB);
	mempool_t *pages = mempool_create_page_pool(6, 2);
	struct kmem_cache *cache = kmem_cache_create("mempool", 300, 64, SLAB_NO_MERGE, construct);
	mempool_t *objects = mempool_create_slab_pool(5, cache);
	int *object;
	struct page *page;

	CHILD_EXPECT(small && large && pages && objects);
	page = mempool_alloc(pages, GFP_KERNEL);
	memset(page_address(page), 1, 4 * PAGE_SIZE);
	mempool_free(page, pages);
	take_all();
	CHILD_EXPECT(!malloc(200 * KIB));
	expect_promise(small, 10);
	expect_promise(large, 4);
	expect_promise(pages, 6);
	expect_promise(objects, 5);
	object = mempool_alloc(objects, GFP_KERNEL);
	CHILD_EXPECT(*object == CONSTRUCTED && (uintptr_t)object % 64 == 0);
	mempool_free(object, objects);
	mempool_destroy(objects);
	CHILD_EXPECT(kmem_cache_destroy(cache) == 0);
	mempool_destroy(small);
	mempool_destroy(large);
	mempool_destroy(pages);
}

static void take_all_there_is(void)
{
	limit_memory(0);
	exhaust();
}

static void without_memory(void)
{
	keep_promises(take_all_there_is);
}

static void reserves_keep_their_promise_without_memory(void **state)
{
	(void)state;
	passes_without_memory(without_memory);
}

/* The same with calls refused on purpose: this program again, with that option. */
static void reserves_keep_their_promise_when_calls_fail(void **state)
{
	(void)state;
	assert_int_equal(run_again("fail_os=1,100,60,-1", "refused"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_pool_has_its_reserve),
		cmocka_unit_test(a_pool_whose_reserve_is_refused_is_not_made),
		cmocka_unit_test(the_reserve_is_for_when_all_else_failed),
		cmocka_unit_test(the_source_is_asked_as_the_caller_may),
		cmocka_unit_test(a_reserve_can_be_resized),
		cmocka_unit_test(whoever_may_wait_gets_what_comes_back),
		cmocka_unit_test(whoever_waits_tries_again),
		cmocka_unit_test(two_elements_serve_four_threads),
		cmocka_unit_test(a_resized_reserve_knows_what_it_lacks),
		cmocka_unit_test(a_child_has_a_pool_of_its_own),
		cmocka_unit_test(kinds_are_functions_and_data),
		cmocka_unit_test(reserves_keep_their_promise_without_memory),
		cmocka_unit_test(reserves_keep_their_promise_when_calls_fail),
	};

	if (argc == 2 && strcmp(argv[1], "refused") == 0) {
		keep_promises(exhaust);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
