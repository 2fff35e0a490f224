/* SPDX-License-Identifier: MIT */
/*
 * Pools and shrinkers as textbooks and lectures write them, compiled and run as written: a reserve
 * of objects for I/O that must go on, of buffers, of pages; and a driver's cache that gives objects
 * back when memory is wanted.
 */
#include "api.h"
#include <kmem/mempool.h>
#include <kmem/mm.h>
#include <kmem/shrinker.h>
#include <kmem/slab.h>

/* ---- A pool on a cache, by the functions that are made for it ---- */

struct io_request {
	struct io_request *next;
	int sector;
};

#define MY_POOL_MINIMUM 4

static void a_pool_on_a_cache(void **state)
{
	struct io_request *request[2 * MY_POOL_MINIMUM];
	kmem_cache_t *cache;
	mempool_t *pool;
	int i;

	(void)state;
	cache = kmem_cache_create("io_request", sizeof(struct io_request), 0, SLAB_HWCACHE_ALIGN,
				  NULL, NULL);
	pool = mempool_create(MY_POOL_MINIMUM, mempool_alloc_slab, mempool_free_slab, cache);
	assert_non_null(pool);
	for (i = 0; i < 2 * MY_POOL_MINIMUM; i++) {
		request[i] = mempool_alloc(pool, GFP_NOIO);
		assert_non_null(request[i]);
		request[i]->sector = i;
	}
	assert_int_equal(mempool_resize(pool, 2 * MY_POOL_MINIMUM), 0);
	for (i = 0; i < 2 * MY_POOL_MINIMUM; i++) {
		assert_int_equal(request[i]->sector, i);
		mempool_free(request[i], pool);
	}
	mempool_destroy(pool);
	assert_int_equal(kmem_cache_destroy(cache), 0); /* every object has come back to it */
}

/* ---- A pool of buffers, and one of blocks of pages ---- */

static void a_pool_of_buffers(void **state)
{
	mempool_t *pool = mempool_create(2, mempool_kmalloc, mempool_kfree, (void *)(size_t)300);
	char *buffer = mempool_alloc(pool, GFP_KERNEL);

	(void)state;
	assert_non_null(buffer);
	assert_true(ksize(buffer) >= 300);
	memset(buffer, 1, 300);
	mempool_free(buffer, pool);
	mempool_destroy(pool);
}

static void a_pool_of_pages(void **state)
{
	mempool_t *pool =
		mempool_create(2, mempool_alloc_pages, mempool_free_pages, (void *)(size_t)1);
	struct page *page = mempool_alloc(pool, GFP_KERNEL);

	(void)state;
	assert_non_null(page);
	assert_int_equal(page_to_pfn(page) % 2, 0);
	memset(page_address(page), 1, 2 * PAGE_SIZE);
	mempool_free(page, pool);
	mempool_destroy(pool);
}

/* ---- A driver that keeps what it may need again, until memory is wanted ---- */

static struct kept {
	struct kept *next;
	char data[1000];
} * kept_list;

static unsigned long nr_kept;

static unsigned long kept_count(struct shrinker *shrink, struct shrink_control *sc)
{
	(void)shrink;
	(void)sc;
	return nr_kept;
}

static unsigned long kept_scan(struct shrinker *shrink, struct shrink_control *sc)
{
	unsigned long freed = 0;

	(void)shrink;
	while (kept_list && freed < sc->nr_to_scan) {
		struct kept *victim = kept_list;

		kept_list = victim->next;
		kfree(victim);
		nr_kept--;
		freed++;
	}
	return freed ? freed : SHRINK_STOP;
}

static struct shrinker kept_shrinker = {
	.count_objects = kept_count,
	.scan_objects = kept_scan,
	.seeks = DEFAULT_SEEKS,
};

static void a_driver_with_a_shrinker(void **state)
{
	(void)state;
	assert_int_equal(register_shrinker(&kept_shrinker), 0);
	while (nr_kept < 1000) {
		struct kept *new = kmalloc(sizeof(*new), GFP_KERNEL);

		assert_non_null(new);
		new->next = kept_list;
		kept_list = new;
		nr_kept++;
	}
	assert_int_equal(kmem_shrink_all(), 1000);
	assert_null(kept_list);
	unregister_shrinker(&kept_shrinker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_on_a_cache),
		cmocka_unit_test(a_pool_of_buffers),
		cmocka_unit_test(a_pool_of_pages),
		cmocka_unit_test(a_driver_with_a_shrinker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
