// SPDX-License-Identifier: MIT
// The public headers of caches as C++: the forms of creation, an object's life, RAII around it.
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <csetjmp>

extern "C" {
#include <cmocka.h>
}
#include <kmem/slab.h>
#include <kmem/slabinfo.h>

struct point {
	double x, y;
};

static void init(void *object)
{
	auto *p = static_cast<point *>(object);

	p->x = 1;
	p->y = 2;
}

static void old_init(void *object, kmem_cache_t *, unsigned long flags)
{
	if (flags & SLAB_CTOR_CONSTRUCTOR)
		init(object);
}

static void check(kmem_cache *s, double x)
{
	auto *p = static_cast<point *>(kmem_cache_alloc(s, GFP_KERNEL));

	assert_non_null(p);
	if (x != 0)
		assert_true(p->x == x);
	kmem_cache_free(s, p);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

static void the_forms_of_creation(void **)
{
	kmem_cache_args args = {};

	args.ctor = init;
	check(kmem_cache_create("cc-4", sizeof(point), &args, 0), 1);
	check(kmem_cache_create("cc-5", sizeof(point), alignof(point), 0, init), 1);
	check(kmem_cache_create("cc-6", sizeof(point), 0, 0, old_init, nullptr), 1);
	check(KMEM_CACHE(point, SLAB_NO_MERGE), 0);
	check(KMEM_CACHE_USERCOPY(point, SLAB_NO_MERGE, y), 0);
}

static void figures(void **)
{
	kmem_cache *s = KMEM_CACHE(point, SLAB_NO_MERGE);
	slabinfo info;

	get_slabinfo(s, &info);
	assert_int_equal(info.object_size, sizeof(point));
	assert_int_equal(kmem_cache_destroy(s), 0);
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(the_forms_of_creation),
		cmocka_unit_test(figures),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
