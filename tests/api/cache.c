/* SPDX-License-Identifier: MIT */
/* Object caches: the three forms of creation, flags, sizes, sharing, and what is refused. */
#include <errno.h>
#include <signal.h>

#include <kmem/slabinfo.h>

#include "api.h"

struct pair {
	long first, second;
};

static void check_aligned(struct kmem_cache *s, size_t align)
{
	void *objects[40];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % align, 0);
		memset(objects[i], 0x5c, kmem_cache_size(s));
	}
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(s, objects[i]);
}

static void the_three_forms_make_caches(void **state)
{
	struct kmem_cache_args args = { .align = 64 };
	struct kmem_cache *s;
	kmem_cache_t *old;

	(void)state;
	s = kmem_cache_create("form-4", 100, &args, SLAB_NO_MERGE);
	assert_non_null(s);
	assert_int_equal(kmem_cache_size(s), 100);
	assert_string_equal(kmem_cache_name(s), "form-4");
	check_aligned(s, 64);
	assert_int_equal(kmem_cache_destroy(s), 0);
	s = kmem_cache_create("form-4-null", 100, NULL, SLAB_NO_MERGE);
	assert_non_null(s);
	check_aligned(s, sizeof(void *));
	assert_int_equal(kmem_cache_destroy(s), 0);
	s = kmem_cache_create("form-5", 100, 32, SLAB_NO_MERGE, NULL);
	assert_non_null(s);
	check_aligned(s, 32);
	assert_int_equal(kmem_cache_destroy(s), 0);
	old = kmem_cache_create("form-6", 100, 0, SLAB_NO_MERGE, NULL, NULL);
	assert_non_null(old);
	check_aligned(old, sizeof(void *));
	assert_int_equal(kmem_cache_destroy(old), 0);
	s = KMEM_CACHE(pair, SLAB_NO_MERGE);
	assert_non_null(s);
	assert_string_equal(kmem_cache_name(s), "pair");
	assert_int_equal(kmem_cache_size(s), sizeof(struct pair));
	check_aligned(s, _Alignof(struct pair));
	assert_int_equal(kmem_cache_destroy(s), 0);
	s = KMEM_CACHE_USERCOPY(pair, SLAB_NO_MERGE, second);
	assert_non_null(s);
	assert_int_equal(kmem_cache_destroy(s), 0);
	s = kmem_cache_create_usercopy("usercopy", 64, 0, 0, 60, 4, NULL);
	assert_non_null(s);
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_int_equal(kmem_cache_destroy(NULL), 0);
}

static void sizes_from_1_to_4_MiB(void **state)
{
	static const unsigned int sizes[] = { 1,    8,	   9,	   24,	   100,	    1000,   4096,
					      5000, 40000, 131072, 131073, 1 << 20, 4 << 20 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *s = kmem_cache_create("size", sizes[i], 0, SLAB_NO_MERGE, NULL);
		char *a, *b;

		assert_non_null(s);
		assert_int_equal(kmem_cache_size(s), sizes[i]);
		a = kmem_cache_alloc(s, GFP_KERNEL);
		b = kmem_cache_alloc(s, GFP_KERNEL);
		assert_non_null(a);
		assert_non_null(b);
		memset(a, 1, sizes[i]);
		memset(b, 2, sizes[i]);
		assert_int_equal(a[0], 1);
		assert_int_equal(a[sizes[i] - 1], 1);
		kmem_cache_free(s, a);
		kfree(b);
		assert_int_equal(kmem_cache_destroy(s), 0);
	}
}

static void expect_refused(struct kmem_cache *s, const char *why)
{
	if (s)
		fail_msg("made in spite of %s", why);
	assert_int_equal(errno, EINVAL);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct kmem_cache_args args;
	char name[131], text[8192];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[130] = '\0';
	api_listen();
	expect_refused(kmem_cache_create(NULL, 8, 0, 0, NULL), "no name");
	expect_refused(kmem_cache_create("", 8, 0, 0, NULL), "an empty name");
	expect_refused(kmem_cache_create("two words", 8, 0, 0, NULL), "a space in its name");
	expect_refused(kmem_cache_create(name, 8, 0, 0, NULL), "a name of 130 bytes");
	expect_refused(kmem_cache_create("zero", 0, 0, 0, NULL), "size 0");
	expect_refused(kmem_cache_create("huge", (4u << 20) + 1, 0, 0, NULL), "4 MiB and a byte");
	expect_refused(kmem_cache_create("odd", 64, 24, 0, NULL), "alignment 24");
	expect_refused(kmem_cache_create("wide", 64, 8192, 0, NULL), "alignment 8192");
	expect_refused(kmem_cache_create("flags", 64, 0, 0x80000000u, NULL), "an unknown flag");
	args = (struct kmem_cache_args){ .useroffset = 8, .usersize = 60 };
	expect_refused(kmem_cache_create("user", 64, &args, 0), "a user part past the end");
	args = (struct kmem_cache_args){ .use_freeptr_offset = true, .freeptr_offset = 8 };
	expect_refused(kmem_cache_create("freeptr", 64, &args, 0), "a free pointer without RCU");
	args.freeptr_offset = 64;
	expect_refused(kmem_cache_create("freeptr", 64, &args, SLAB_TYPESAFE_BY_RCU),
		       "a free pointer past the end");
	args = (struct kmem_cache_args){ .sheaf_capacity = 1025 };
	expect_refused(kmem_cache_create("sheaf", 64, &args, 0), "a sheaf of 1025");
	api_heard(text, sizeof(text));
	assert_non_null(strstr(text, "kmem: kmem_cache_create(two words) failed with error 22\n"));
	name[128] = '\0';
	assert_int_equal(kmem_cache_destroy(kmem_cache_create(name, 8, 0, SLAB_NO_MERGE, NULL)), 0);
	args = (struct kmem_cache_args){ .use_freeptr_offset = true, .freeptr_offset = 56 };
	assert_int_equal(
		kmem_cache_destroy(kmem_cache_create("freeptr", 64, &args, SLAB_TYPESAFE_BY_RCU)),
		0);
}

static void create_what_cannot_be(void)
{
	kmem_cache_create("must-be", 0, 0, SLAB_PANIC, NULL);
}

static void slab_panic_ends_the_program(void **state)
{
	(void)state;
	dies_in_child(create_what_cannot_be, "kmem: BUG must-be: kmem_cache_create() failed");
}

static void hwcache_align_is_a_line_or_an_even_part(void **state)
{
	static const struct {
		unsigned int size, align;
	} rows[] = { { 100, 64 }, { 64, 64 }, { 33, 64 }, { 32, 32 }, { 20, 32 }, { 16, 16 } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kmem_cache *s = kmem_cache_create("line", rows[i].size, 0,
							 SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE, NULL);
		struct slabinfo info;

		check_aligned(s, rows[i].align);
		get_slabinfo(s, &info);
		assert_int_equal(info.align, rows[i].align);
		assert_int_equal(info.flags, SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE);
		assert_int_equal(kmem_cache_destroy(s), 0);
	}
}

static void dma32_is_below_4_gib(void **state)
{
	static const slab_flags_t flags[] = { SLAB_CACHE_DMA32, SLAB_CACHE_DMA };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct kmem_cache *s = kmem_cache_create("low", 256, 0, flags[i], NULL);
		void *object = kmem_cache_alloc(s, GFP_KERNEL);

		assert_non_null(object);
		assert_true((uintptr_t)object < 1UL << 32);
		kmem_cache_free(s, object);
		assert_int_equal(kmem_cache_destroy(s), 0);
	}
}

/* ---- Sharing ---- */

static unsigned int aliases_of(struct kmem_cache *s)
{
	struct slabinfo info;

	get_slabinfo(s, &info);
	return info.aliases;
}

static int find_name(struct kmem_cache *s, const char *name, bool alias, void *arg)
{
	const char *wanted = arg;

	(void)s;
	return strcmp(name, wanted) == 0 ? (alias ? 2 : 1) : 0;
}

static int listed(const char *name)
{
	return kmem_cache_for_each(find_name, (void *)name);
}

static void like_caches_share_one(void **state)
{
	struct kmem_cache *a = kmem_cache_create("share-a", 1000, 0, 0, NULL);
	struct kmem_cache *b = kmem_cache_create("share-b", 998, 0, 0, NULL);
	void *object;

	(void)state;
	assert_non_null(a);
	assert_ptr_equal(a, b);
	assert_string_equal(kmem_cache_name(b), "share-a");
	assert_int_equal(aliases_of(a), 1);
	assert_int_equal(listed("share-a"), 1);
	assert_int_equal(listed("share-b"), 2);
	assert_int_equal(kmem_cache_destroy(b), 0);
	assert_int_equal(aliases_of(a), 0);
	assert_int_equal(listed("share-b"), 0);
	object = kmem_cache_alloc(a, GFP_KERNEL);
	kmem_cache_free(a, object);
	assert_int_equal(kmem_cache_destroy(a), 0);
	assert_int_equal(listed("share-a"), 0);
}

static void a_cache_may_share_with_kmalloc(void **state)
{
	struct kmem_cache *s = kmem_cache_create("like-kmalloc", 64, 0, 0, NULL);
	void *object;

	(void)state;
	assert_string_equal(kmem_cache_name(s), "kmalloc-64");
	object = kmem_cache_alloc(s, GFP_KERNEL);
	kfree(object);
	assert_ptr_equal(kmalloc(64, GFP_KERNEL), object);
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

static void make_ctor(void *object)
{
	memset(object, 0, 8);
}

static void unlike_caches_do_not_share(void **state)
{
	static const slab_flags_t flags[] = {
		SLAB_NO_MERGE,	  SLAB_TYPESAFE_BY_RCU,	   SLAB_RED_ZONE,    SLAB_POISON,
		SLAB_STORE_USER,  SLAB_CONSISTENCY_CHECKS, SLAB_FAILSLAB,    SLAB_NOLEAKTRACE,
		SLAB_SKIP_KFENCE, SLAB_RECLAIM_ACCOUNT,	   SLAB_CACHE_DMA32, SLAB_ACCOUNT
	};
	struct kmem_cache_args args = { .sheaf_capacity = 10 };
	struct kmem_cache *plain = kmem_cache_create("plain", 1000, 0, 0, NULL);
	struct kmem_cache *s, *same;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		s = kmem_cache_create("unlike", 1000, 0, flags[i], NULL);
		assert_non_null(s);
		assert_ptr_not_equal(s, plain);
		/* its like is another matter */
		same = kmem_cache_create("unlike-too", 1000, 0, flags[i], NULL);
		assert_int_equal(s == same, flags[i] == SLAB_RECLAIM_ACCOUNT ||
						    flags[i] == SLAB_CACHE_DMA32 ||
						    flags[i] == SLAB_ACCOUNT);
		assert_int_equal(kmem_cache_destroy(same), 0);
		assert_int_equal(kmem_cache_destroy(s), 0);
	}
	s = kmem_cache_create("ctor", 1000, 0, 0, make_ctor);
	assert_ptr_not_equal(s, plain);
	assert_int_equal(kmem_cache_destroy(s), 0);
	s = kmem_cache_create("aligned", 1000, 64, 0, NULL);
	assert_ptr_not_equal(s, plain);
	assert_int_equal(kmem_cache_destroy(s), 0);
	s = kmem_cache_create("sheaf", 1000, &args, 0);
	assert_ptr_not_equal(s, plain);
	assert_int_equal(kmem_cache_destroy(s), 0);
	s = kmem_cache_create("smaller", 984, 0, 0, NULL);
	assert_ptr_not_equal(s, plain);
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_int_equal(kmem_cache_destroy(plain), 0);
}

/* ---- Flags of allocation ---- */

static void zeroed_when_asked(void **state)
{
	static const char zero[200];
	struct kmem_cache *s = kmem_cache_create("zero", 200, 0, SLAB_NO_MERGE, NULL);
	void *objects[50];
	size_t i, round;

	(void)state;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(objects); i++) {
			objects[i] = i % 2 ? kmem_cache_zalloc(s, GFP_KERNEL) :
					     kmem_cache_alloc(s, GFP_KERNEL | __GFP_ZERO);
			assert_memory_equal(objects[i], zero, sizeof(zero));
			memset(objects[i], 0xff, sizeof(zero));
		}
		for (i = 0; i < ARRAY_SIZE(objects); i++)
			kmem_cache_free(s, objects[i]);
	}
	assert_int_equal(kmem_cache_destroy(s), 0);
}

static void nodes(void **state)
{
	struct kmem_cache *s = kmem_cache_create("node", 200, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc_node(s, GFP_KERNEL, 0);

	(void)state;
	assert_non_null(object);
	kmem_cache_free(s, object);
	object = kmem_cache_alloc_node(s, GFP_KERNEL | __GFP_THISNODE, 0);
	assert_non_null(object);
	kmem_cache_free(s, object);
	object = kmem_cache_alloc_node(s, GFP_KERNEL, NUMA_NO_NODE);
	assert_non_null(object);
	kmem_cache_free(s, object);
	assert_null(kmem_cache_alloc_node(s, GFP_KERNEL, 4711));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

/* ---- Which object ---- */

static void objects_are_known(void **state)
{
	struct kmem_cache *s = kmem_cache_create("known", 200, 0, SLAB_NO_MERGE, NULL);
	char *object = kmem_cache_alloc(s, GFP_KERNEL), text[1000];
	int local;

	(void)state;
	assert_true(kmem_valid_obj(object));
	assert_true(kmem_valid_obj(object + 100));
	assert_false(kmem_valid_obj(&local));
	assert_false(kmem_valid_obj(NULL));
	assert_false(kmem_valid_obj((void *)-1));
	api_listen();
	assert_true(kmem_dump_obj(object + 7));
	assert_false(kmem_dump_obj(&local));
	api_heard(text, sizeof(text));
	assert_non_null(strstr(text, ": known object "));
	assert_non_null(strstr(text, " 200 bytes, offset 7\n"));
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_forms_make_caches),
		cmocka_unit_test(sizes_from_1_to_4_MiB),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(slab_panic_ends_the_program),
		cmocka_unit_test(hwcache_align_is_a_line_or_an_even_part),
		cmocka_unit_test(dma32_is_below_4_gib),
		cmocka_unit_test(like_caches_share_one),
		cmocka_unit_test(a_cache_may_share_with_kmalloc),
		cmocka_unit_test(unlike_caches_do_not_share),
		cmocka_unit_test(zeroed_when_asked),
		cmocka_unit_test(nodes),
		cmocka_unit_test(objects_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
