/* SPDX-License-Identifier: MIT */
/*
 * The GFP flags as a whole: the bits are apart, the usual combinations mean what they should, and
 * what is only accepted changes nothing. What a single flag does is tested with the functions it is
 * for; SLAB_TRACE is for none, and tested here.
 */
#include "api.h"
#include <kmem/mm.h>
#include <kmem/slab.h>

static const gfp_t meant[] = {
	__GFP_DIRECT_RECLAIM, __GFP_NOFAIL, __GFP_NORETRY,  __GFP_NOWARN, __GFP_RETRY_MAYFAIL,
	__GFP_ZERO,	      __GFP_DMA32,  __GFP_THISNODE, __GFP_COMP,	  __GFP_DMA,
};

/* What they steer is not in a process. */
static const gfp_t accepted[] = {
	__GFP_HIGH,	   __GFP_IO,	  __GFP_FS,	 __GFP_KSWAPD_RECLAIM, __GFP_MOVABLE,
	__GFP_RECLAIMABLE, __GFP_ACCOUNT, __GFP_HIGHMEM, __GFP_HARDWALL,
};

static void each_flag_is_a_bit_of_its_own(void **state)
{
	gfp_t all = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(meant) + ARRAY_SIZE(accepted); i++) {
		gfp_t flag = i < ARRAY_SIZE(meant) ? meant[i] : accepted[i - ARRAY_SIZE(meant)];

		assert_int_equal(__builtin_popcount(flag), 1);
		assert_int_equal(all & flag, 0);
		all |= flag;
	}
}

static void combinations_say_who_may_enter_the_os(void **state)
{
	static const gfp_t may[] = { GFP_KERNEL, GFP_KERNEL_ACCOUNT, GFP_USER,	   GFP_HIGHUSER,
				     GFP_NOIO,	 GFP_NOFS,	     __GFP_RECLAIM };
	static const gfp_t may_not[] = { GFP_ATOMIC, GFP_NOWAIT, GFP_DMA, GFP_DMA32 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(may); i++) {
		assert_true(gfpflags_allow_blocking(may[i]));
		assert_int_equal(may[i] & (__GFP_ZERO | __GFP_THISNODE | __GFP_COMP), 0);
	}
	for (i = 0; i < ARRAY_SIZE(may_not); i++)
		assert_false(gfpflags_allow_blocking(may_not[i]));
	assert_true(GFP_NOWAIT & __GFP_NOWARN);
}

static void combinations_say_from_which_zone(void **state)
{
	(void)state;
	assert_int_equal(gfp_zone(GFP_KERNEL), ZONE_NORMAL);
	assert_int_equal(gfp_zone(GFP_ATOMIC), ZONE_NORMAL);
	assert_int_equal(gfp_zone(GFP_HIGHUSER), ZONE_NORMAL);
	assert_int_equal(gfp_zone(GFP_KERNEL | GFP_DMA32), ZONE_DMA32);
	assert_int_equal(gfp_zone(GFP_KERNEL | GFP_DMA), ZONE_DMA32);
	assert_int_equal(gfp_zone(GFP_KERNEL | __GFP_DMA), ZONE_DMA32);
	assert_int_equal(gfp_zone(GFP_KERNEL | __GFP_DMA32), ZONE_DMA32);
}

static void what_is_accepted_changes_nothing(void **state)
{
	struct kmem_cache *s = kmem_cache_create("accepting", 200, 0, SLAB_NO_MERGE, NULL);
	size_t i;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < ARRAY_SIZE(accepted); i++) {
		gfp_t flags = GFP_KERNEL | accepted[i];
		struct page *page = alloc_pages(flags, 1);
		char *object = kmalloc(100, flags), *large = kmalloc(100000, flags);
		char *of_cache = kmem_cache_alloc(s, flags);

		assert_non_null(page);
		assert_non_null(object);
		assert_non_null(large);
		assert_non_null(of_cache);
		memset(page_address(page), 1, 2 * PAGE_SIZE);
		memset(object, 1, 100);
		memset(large, 1, 100000);
		memset(of_cache, 1, 200);
		__free_pages(page, 1);
		kfree(object);
		kfree(large);
		kmem_cache_free(s, of_cache);
	}
	assert_int_equal(kmem_cache_destroy(s), 0);
}

static void a_traced_cache_tells_of_each_object(void **state)
{
	struct kmem_cache *s = kmem_cache_create("traced", 100, 0, SLAB_TRACE, NULL);
	char text[1000], taken[60], given[60];
	void *object;

	(void)state;
	assert_non_null(s);
	api_listen();
	object = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free(s, object);
	api_heard(text, sizeof(text));
	snprintf(taken, sizeof(taken), "traced: alloc 0x%lx", (unsigned long)object);
	snprintf(given, sizeof(given), "traced: free 0x%lx", (unsigned long)object);
	assert_non_null(strstr(text, taken));
	assert_non_null(strstr(strstr(text, taken), given));
	assert_int_equal(kmem_cache_destroy(s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flag_is_a_bit_of_its_own),
		cmocka_unit_test(combinations_say_who_may_enter_the_os),
		cmocka_unit_test(combinations_say_from_which_zone),
		cmocka_unit_test(what_is_accepted_changes_nothing),
		cmocka_unit_test(a_traced_cache_tells_of_each_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
