/* SPDX-License-Identifier: MIT */
/* vmalloc and kvmalloc: mappings of their own, and what is told apart by them. */
#include "api.h"

#include <kmem/slab.h>

static const size_t sizes[] = { 1, 100, 4096, 4097, 100000, MIB, 5 * MIB, 64 * MIB, 65 * MIB };
#define NR_LARGEST 2
/* valgrind takes its time over each byte. */
#define NR_SIZES   (sizeof(sizes) / sizeof(sizes[0]) - (RUNNING_ON_VALGRIND ? NR_LARGEST : 0))

static int a_variable;

static void blocks_are_page_aligned_and_known_as_vmallocs(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		char *block = vmalloc(sizes[i]);

		assert_non_null(block);
		assert_int_equal((uintptr_t)block % 4096, 0);
		assert_true(is_vmalloc_addr(block));
		assert_true(is_vmalloc_addr(block + sizes[i] - 1));
		assert_false(is_vmalloc_addr(block + (sizes[i] + 4095) / 4096 * 4096));
		assert_true(ksize(block) >= sizes[i]);
		memset(block, 0xa5, sizes[i]);
		vfree(block);
		assert_false(is_vmalloc_addr(block));
	}
	vfree(NULL);
}

static void zeroed_blocks_are_zero(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		char *block = vzalloc(sizes[i]);

		assert_true(all_are(block, sizes[i], 0));
		memset(block, 0xa5, sizes[i]);
		vfree(block);
	}
}

static void nothing_and_too_much_are_null(void **state)
{
	(void)state;
	assert_null(vmalloc(0));
	assert_null(vzalloc(0));
	errno = 0;
	assert_null(vmalloc(1UL << 62));
	assert_int_equal(errno, ENOMEM);
	assert_null(vzalloc(SIZE_MAX));
}

static void other_addresses_are_not_vmallocs(void **state)
{
	void *large = kmalloc(100 * MIB, GFP_KERNEL), *small = kmalloc(100, GFP_KERNEL);

	(void)state;
	assert_false(is_vmalloc_addr(NULL));
	assert_false(is_vmalloc_addr(ZERO_SIZE_PTR));
	assert_false(is_vmalloc_addr((void *)-1L));
	assert_false(is_vmalloc_addr(&a_variable));
	assert_false(is_vmalloc_addr(&large));
	assert_false(is_vmalloc_addr(large));
	assert_false(is_vmalloc_addr(small));
	kfree(large);
	kfree(small);
}

static void vfree_kmalloced(void)
{
	vfree(hidden(kmalloc(100, GFP_KERNEL)));
}

static void vfree_kmalloced_area(void)
{
	vfree(hidden(kmalloc(100 * MIB, GFP_KERNEL)));
}

static void vfree_interior(void)
{
	vfree((char *)hidden(vmalloc(10000)) + 4096);
}

static void vfree_stack(void)
{
	vfree(hidden(&(char){ 0 }));
}

static void vfree_twice(void)
{
	void *block = vmalloc(10000);

	vfree(block);
	vfree(hidden(block));
}

static void vfree_of_anything_else_is_reported(void **state)
{
	static const char words[] =
		"kmem: BUG vmalloc: invalid vfree (not a block of vmalloc) of 0x";

	(void)state;
	dies_in_child(vfree_kmalloced, words);
	dies_in_child(vfree_kmalloced_area, words);
	dies_in_child(vfree_interior, words);
	dies_in_child(vfree_stack, words);
	dies_in_child(vfree_twice, words);
}

static void kvmalloc_prefers_kmalloc(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		char *block = kvmalloc(sizes[i], GFP_KERNEL);

		assert_non_null(block);
		assert_false(is_vmalloc_addr(block));
		kvfree(block);
		block = kvzalloc(sizes[i], GFP_KERNEL);
		assert_true(all_are(block, sizes[i], 0));
		memset(block, 0xa5, sizes[i]);
		kvfree(block);
		block = kvcalloc(sizes[i], 1, GFP_KERNEL);
		assert_true(all_are(block, sizes[i], 0));
		kvfree(block);
		block = kvmalloc_array(1, sizes[i], GFP_KERNEL);
		assert_non_null(block);
		kvfree(block);
		kvfree(vmalloc(sizes[i]));
	}
	assert_ptr_equal(kvmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	kvfree(NULL);
}

/* Exits with 1 when kvmalloc() had to fall back on vmalloc(), with 0 when not. */
static int fall_back(void)
{
	char *block = kvmalloc(2 * MIB, GFP_KERNEL);
	bool fell_back = is_vmalloc_addr(block);

	if (block)
		memset(block, 1, 2 * MIB);
	kvfree(block);
	return fell_back;
}

/*
 * The pages of kmalloc() are refused, and an area is not: where among the library's calls to the OS
 * a few refusals bring that about is looked for from outside.
 */
static void kvmalloc_falls_back_on_vmalloc(void **state)
{
	int turn, status, fell_back = 0;
	char options[100];

	(void)state;
	for (turn = 0; turn < 160; turn++) {
		snprintf(options, sizeof(options), "fail_os=1,100,%d,%d", turn / 4, turn % 4 + 1);
		status = run_again(options, "fall_back");
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		fell_back += WEXITSTATUS(status);
	}
	assert_true(fell_back > 0);
}

static void kvrealloc_takes_either_kind(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < NR_SIZES; i++)
		for (j = 0; j < NR_SIZES; j++) {
			const gfp_t flags = GFP_KERNEL | __GFP_ZERO;
			size_t least = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			char *a = kvmalloc(sizes[i], flags), *b = vzalloc(sizes[i]);

			memset(a, 0xa5, sizes[i]);
			memset(b, 0xa5, sizes[i]);
			a = kvrealloc(a, sizes[j], flags);
			b = kvrealloc(b, sizes[j], flags);
			assert_true(all_are(a, least, 0xa5) && all_are(b, least, 0xa5));
			assert_true(all_are(a + least, sizes[j] - least, 0));
			assert_true(all_are(b + least, sizes[j] - least, 0));
			kvfree(a);
			kvfree(b);
		}
	assert_ptr_equal(kvrealloc(vmalloc(100), 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kvrealloc(NULL, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	kvfree(kvrealloc(NULL, 100, GFP_KERNEL));
}

static void kvrealloc_refused_leaves_all_as_it_was(void **state)
{
	char *block = vmalloc(10000);

	(void)state;
	memset(block, 0xa5, 10000);
	assert_null(kvrealloc(block, 1UL << 62, GFP_KERNEL | __GFP_NOWARN));
	assert_true(all_are(block, 10000, 0xa5) && is_vmalloc_addr(block));
	vfree(block);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_page_aligned_and_known_as_vmallocs),
		cmocka_unit_test(zeroed_blocks_are_zero),
		cmocka_unit_test(nothing_and_too_much_are_null),
		cmocka_unit_test(other_addresses_are_not_vmallocs),
		cmocka_unit_test(vfree_of_anything_else_is_reported),
		cmocka_unit_test(kvmalloc_prefers_kmalloc),
		cmocka_unit_test(kvmalloc_falls_back_on_vmalloc),
		cmocka_unit_test(kvrealloc_takes_either_kind),
		cmocka_unit_test(kvrealloc_refused_leaves_all_as_it_was),
	};

	if (argc == 2 && strcmp(argv[1], "fall_back") == 0)
		return fall_back();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
