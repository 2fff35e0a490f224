/* SPDX-License-Identifier: MIT */
/* kmalloc and kfree, and that they are malloc's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <kmem/slab.h>

static void zero_size_has_an_address_of_its_own(void **state)
{
	(void)state;
	assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
}

static void powers_of_two_are_naturally_aligned(void **state)
{
	size_t size;

	(void)state;
	for (size = 16; size <= 4096; size *= 2) {
		void *object = kmalloc(size, GFP_KERNEL);

		assert_non_null(object);
		assert_int_equal((uintptr_t)object % size, 0);
		kfree(object);
	}
}

static void objects_of_malloc_and_kmalloc_are_the_same(void **state)
{
	void *object = kmalloc(500, GFP_KERNEL | __GFP_ZERO);

	(void)state;
	assert_non_null(object);
	assert_memory_equal(object, (char[500]){ 0 }, 500);
	free(object);
	assert_ptr_equal(malloc(500), object);
	kfree(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_size_has_an_address_of_its_own),
		cmocka_unit_test(powers_of_two_are_naturally_aligned),
		cmocka_unit_test(objects_of_malloc_and_kmalloc_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
