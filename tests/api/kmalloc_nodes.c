/* SPDX-License-Identifier: MIT */
/* kmalloc_node() with four nodes (KMEM_OPTIONS=numa=fake=4): memory is where it was asked for. */
#include "api.h"

#include <kmem/mm.h>
#include <kmem/slab.h>

#define NODES 4

static const size_t sizes[] = { 1, 16, 100, 1000, 4096, 10000, 32768, 32769, 100000, MIB, 8 * MIB };
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static int nid_of(const void *object)
{
	return page_to_nid(virt_to_page(object));
}

static void objects_are_on_their_node(void **state)
{
	size_t i;
	int node, round;

	(void)state;
	for (round = 0; round < 2; round++)
		for (node = 0; node < NODES; node++)
			for (i = 0; i < NR_SIZES; i++) {
				void *object = kmalloc_node(sizes[i], GFP_KERNEL, node);
				char *zeroed =
					kzalloc_node(sizes[i], GFP_KERNEL | __GFP_THISNODE, node);

				assert_int_equal(nid_of(object), node);
				assert_int_equal(nid_of(zeroed), node);
				assert_true(all_are(zeroed, ksize(zeroed), 0));
				memset(object, 0xa5, ksize(object));
				memset(zeroed, 0xa5, ksize(zeroed));
				kfree(object);
				kfree(zeroed);
			}
}

static void nodes_that_are_not_there_have_nothing(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		errno = 0;
		assert_null(kmalloc_node(sizes[i], GFP_KERNEL, NODES));
		assert_int_equal(errno, EINVAL);
		assert_null(kmalloc_node(sizes[i], GFP_KERNEL | __GFP_THISNODE, -2));
	}
}

/* The thread's own, whichever processor it runs on meanwhile. */
static void thisnode_without_a_node_is_the_own(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		void *object = kmalloc(sizes[i], GFP_KERNEL | __GFP_THISNODE);

		assert_in_range(nid_of(object), 0, NODES - 1);
		kfree(object);
		object = kmalloc_node(sizes[i], GFP_KERNEL, NUMA_NO_NODE);
		assert_non_null(object);
		kfree(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_on_their_node),
		cmocka_unit_test(nodes_that_are_not_there_have_nothing),
		cmocka_unit_test(thisnode_without_a_node_is_the_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
