/* SPDX-License-Identifier: MIT */
/* Caches at the edges of what may be asked for: sizes whose products no longer fit 32 bits. */
#include "api.h"

#include <kmem/slab.h>

#define LARGEST (4u << 20)

static void use(struct kmem_cache *s, size_t size)
{
	char *object;

	assert_non_null(s);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	assert_non_null(object);
	object[0] = 1;
	object[size - 1] = 1;
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

/* What is left of the slab behind these has a multiple of 65536 different offsets. */
static void offsets_that_do_not_fit(void **state)
{
	(void)state;
	use(kmem_cache_create("odd", 1572872, 0, SLAB_NO_MERGE, NULL), 1572872);
	use(kmem_cache_create("red", LARGEST, 0, SLAB_RED_ZONE, NULL), LARGEST);
}

/* A full sheaf of these is 4 GiB. */
static void sheaves_of_the_largest_objects(void **state)
{
	struct kmem_cache_args args = { .sheaf_capacity = 1024 };

	(void)state;
	use(kmem_cache_create("full", LARGEST, &args, 0), LARGEST);
}

/* A name is one word of a row; whatever else is not for others to print. */
static void names_that_are_no_word(void **state)
{
	static const char *const names[] = { "",     "a b",  "a\tb",	 "a\nb", "a\vb",
					     "a\fb", "a\rb", "a\033[2J", "a\x7f" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		errno = 0;
		assert_null(kmem_cache_create(names[i], 100, 0, 0, NULL));
		assert_int_equal(errno, EINVAL);
	}
	use(kmem_cache_create("a/b:c\xc3\xa9", 100, 0, SLAB_NO_MERGE, NULL), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_that_do_not_fit),
		cmocka_unit_test(sheaves_of_the_largest_objects),
		cmocka_unit_test(names_that_are_no_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
