/* SPDX-License-Identifier: MIT */
/* kmalloc's family: what each function promises, and that all of them are malloc's own. */
#include "kmalloc.h"

/* ---- Sizes and alignment ---- */

static void zero_size_has_an_address_of_its_own(void **state)
{
	(void)state;
	assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kzalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc_array(0, 8, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kcalloc(8, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc_node(0, GFP_KERNEL, 0), ZERO_SIZE_PTR);
	assert_ptr_equal(kmemdup("", 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_int_equal(ksize(ZERO_SIZE_PTR), 0);
	assert_int_equal(ksize(NULL), 0);
	assert_true(ZERO_OR_NULL_PTR(ZERO_SIZE_PTR) && ZERO_OR_NULL_PTR(NULL));
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	kfree_sensitive(ZERO_SIZE_PTR);
	kfree_sensitive(NULL);
	kvfree(ZERO_SIZE_PTR);
}

static void powers_of_two_are_naturally_aligned(void **state)
{
	size_t size;
	int i;

	(void)state;
	for (size = 16; size <= 64 * MIB; size *= 2) {
		void *objects[5];

		for (i = 0; i < 5; i++) {
			objects[i] = size < MIB || i < 2 ? kmalloc(size, GFP_KERNEL) : NULL;
			assert_int_equal((uintptr_t)objects[i] % size, 0);
			assert_true(objects[i] || i >= 2);
		}
		kfree_bulk(5, objects);
	}
}

static void an_object_is_as_large_as_was_said(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		char *object = kmalloc(sizes[i], GFP_KERNEL);

		assert_non_null(object);
		assert_int_equal((uintptr_t)object % 16, 0);
		assert_true(ksize(object) >= sizes[i]);
		assert_int_equal(ksize(object), kmalloc_size_roundup(sizes[i]));
		assert_int_equal(kmalloc_size_roundup(ksize(object)), ksize(object));
		object[0] = 1;
		object[ksize(object) - 1] = 1;
		kfree(object);
	}
	assert_int_equal(kmalloc_size_roundup(0), 0);
	assert_true(kmalloc_size_roundup(SIZE_MAX) == SIZE_MAX);
}

static void too_much_is_null(void **state)
{
	(void)state;
	errno = 0;
	assert_null(kmalloc(PTRDIFF_MAX, GFP_KERNEL | __GFP_NOWARN));
	assert_int_equal(errno, ENOMEM);
	assert_null(kmalloc(SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
	/* However long it waited. */
	assert_null(kmalloc(SIZE_MAX, GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN));
	assert_null(vmalloc(SIZE_MAX));
}

static void arrays_that_overflow_are_null(void **state)
{
	const size_t half = SIZE_MAX / 2 + 1;
	char *object = kmalloc(10, GFP_KERNEL);

	(void)state;
	strcpy(object, "unchanged");
	errno = 0;
	assert_null(kmalloc_array(half, 2, GFP_KERNEL));
	assert_int_equal(errno, ENOMEM);
	assert_null(kcalloc(half, 2, GFP_KERNEL));
	assert_null(kcalloc(2, half, GFP_KERNEL));
	assert_null(kvmalloc_array(half, 2, GFP_KERNEL));
	assert_null(kvcalloc(half, 2, GFP_KERNEL));
	assert_null(krealloc_array(object, half, 2, GFP_KERNEL));
	assert_string_equal(object, "unchanged");
	object = krealloc_array(object, 100, 10, GFP_KERNEL);
	assert_string_equal(object, "unchanged");
	assert_true(ksize(object) >= 1000);
	kfree(object);
}

/* ---- Flags ---- */

static void zeroed_means_to_the_end_of_the_object(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++) {
		/* What is freed last comes first again, with old bytes. */
		char *object = kmalloc(sizes[i], GFP_KERNEL);

		assert_non_null(object);
		memset(object, 0xa5, ksize(object));
		kfree(object);
		object = kzalloc(sizes[i], GFP_KERNEL);
		assert_true(all_are(object, ksize(object), 0));
		memset(object, 0xa5, ksize(object));
		kfree(object);
		object = kcalloc(sizes[i], 1, GFP_KERNEL);
		assert_true(all_are(object, ksize(object), 0));
		kfree(object);
	}
}

/* Not only what the thread has in its hands, but what comes from slabs, too. */
static void zeroed_means_so_for_many(void **state)
{
	static char *objects[500];
	size_t i, j;

	(void)state;
	for (i = 0; sizes[i] <= 8192; i++) {
		for (j = 0; j < 500; j++) {
			objects[j] = kmalloc(sizes[i], GFP_KERNEL);
			memset(objects[j], 0xa5, ksize(objects[j]));
		}
		kfree_bulk(500, (void **)objects);
		for (j = 0; j < 500; j++) {
			objects[j] = kzalloc(sizes[i], GFP_KERNEL);
			assert_true(all_are(objects[j], ksize(objects[j]), 0));
		}
		kfree_bulk(500, (void **)objects);
	}
}

static void a_node_that_is_not_there_has_nothing(void **state)
{
	static const int bad[] = { -2, 15, 16, 1000000 };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		errno = 0;
		assert_null(kmalloc_node(100, GFP_KERNEL, bad[i]));
		assert_int_equal(errno, EINVAL);
	}
	for (i = 0; i < NR_SIZES; i++) {
		char *object = kmalloc_node(sizes[i], GFP_KERNEL, 0);

		assert_non_null(object);
		kfree(object);
		object = kzalloc_node(sizes[i], GFP_KERNEL, NUMA_NO_NODE);
		assert_true(all_are(object, ksize(object), 0));
		kfree(object);
	}
}

/* ---- krealloc ---- */

static void krealloc_keeps_the_contents(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < NR_SIZES; i++)
		for (j = 0; j < NR_SIZES; j++) {
			size_t least = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			char *object, *resized;

			if (sizes[i] > MIB && sizes[j] > MIB && i != j)
				continue;
			least = least < MIB ? least : MIB;
			object = kmalloc(sizes[i], GFP_KERNEL);
			fill(object, least);
			resized = krealloc(object, sizes[j], GFP_KERNEL);
			assert_non_null(resized);
			assert_true(ksize(resized) >= sizes[j]);
			assert_true(is_filled(resized, least));
			if ((sizes[j] & (sizes[j] - 1)) == 0)
				assert_int_equal((uintptr_t)resized % sizes[j], 0);
			kfree(resized);
		}
}

static void krealloc_to_nothing_frees(void **state)
{
	void *object = kmalloc(500, GFP_KERNEL);

	(void)state;
	assert_ptr_equal(krealloc(object, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kmalloc(500, GFP_KERNEL), object);
	kfree(object);
	assert_ptr_equal(krealloc(NULL, 0, GFP_KERNEL), ZERO_SIZE_PTR);
}

static void krealloc_of_nothing_allocates(void **state)
{
	char *object = krealloc(NULL, 500, GFP_KERNEL | __GFP_ZERO);

	(void)state;
	assert_true(all_are(object, 500, 0));
	kfree(object);
	object = krealloc(ZERO_SIZE_PTR, 500, GFP_KERNEL);
	assert_true(object && ksize(object) >= 500);
	kfree(object);
}

static void krealloc_zeroes_what_it_grows_by(void **state)
{
	size_t i, j;

	(void)state;
	/* down and up again, so that every growth meets old bytes */
	for (i = 0; i < NR_SIZES; i++)
		for (j = i; j < NR_SIZES && sizes[j] <= 5 * MIB; j++) {
			const gfp_t flags = GFP_KERNEL | __GFP_ZERO;
			char *object = kmalloc(sizes[j], flags);

			memset(object, 0xa5, sizes[j]);
			object = krealloc(object, sizes[i], flags);
			assert_true(all_are(object, sizes[i], 0xa5));
			object = krealloc(object, sizes[j], flags);
			assert_true(all_are(object, sizes[i], 0xa5));
			assert_true(all_are(object + sizes[i], sizes[j] - sizes[i], 0));
			kfree(object);
		}
}

static void krealloc_refused_leaves_all_as_it_was(void **state)
{
	static const size_t from[] = { 100, 100000, 10 * MIB };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		char *object = kmalloc(from[i], GFP_KERNEL);

		fill(object, from[i]);
		assert_null(krealloc(object, 1UL << 62, GFP_KERNEL | __GFP_NOWARN));
		assert_null(krealloc(object, SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
		assert_true(is_filled(object, from[i]));
		kfree(object);
	}
}

static void shrink_without_memory(void)
{
	char *object = kmalloc(16000, GFP_KERNEL), *same;

	fill(object, 100);
	limit_memory(0);
	while (kmalloc(100, GFP_KERNEL | __GFP_NOWARN))
		;
	same = krealloc(object, 100, GFP_KERNEL);
	CHILD_EXPECT(same && is_filled(same, 100));
}

static void shrinking_is_never_refused(void **state)
{
	(void)state;
	passes_without_memory(shrink_without_memory);
}

/* ---- Freeing ---- */

static void objects_of_malloc_and_kmalloc_are_the_same(void **state)
{
	void *object = kmalloc(500, GFP_KERNEL | __GFP_ZERO), *aligned;

	(void)state;
	assert_non_null(object);
	assert_true(all_are(object, 500, 0));
	free(object);
	assert_ptr_equal(malloc(500), object);
	kfree(object);
	object = realloc(hidden(kmalloc(100, GFP_KERNEL)), 200);
	object = krealloc(object, 300, GFP_KERNEL);
	free(object);
	assert_int_equal(posix_memalign(&aligned, 4096, 100), 0);
	kfree(aligned);
	kfree(malloc(100 * MIB));
	kfree(vmalloc(100));
	free(vmalloc(100));
}

static void errno_survives_kfree(void **state)
{
	void *objects[] = { kmalloc(10, GFP_KERNEL), kmalloc(MIB, GFP_KERNEL),
			    kmalloc(100 * MIB, GFP_KERNEL) };

	(void)state;
	errno = 77;
	kfree_bulk(3, objects);
	assert_int_equal(errno, 77);
}

/* The objects lie where they were, until somebody else gets them: they can be looked at. */
static void sensitive_objects_are_zeroed(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; sizes[i] <= 32 * KIB; i++) {
		char *object = kmalloc(sizes[i], GFP_KERNEL);
		size_t size = ksize(object);

		memset(object, 0xa5, size);
		kfree_sensitive(object);
		assert_true(all_are(hidden(object), size, 0));
	}
	kfree_sensitive(kmalloc(10 * MIB, GFP_KERNEL));
}

static void bulk_takes_objects_of_any_size(void **state)
{
	void *objects[sizeof(sizes) / sizeof(sizes[0]) + 3];
	size_t i;

	(void)state;
	for (i = 0; i < NR_SIZES; i++)
		objects[i] = kmalloc(sizes[i], GFP_KERNEL);
	objects[NR_SIZES] = NULL;
	objects[NR_SIZES + 1] = ZERO_SIZE_PTR;
	objects[NR_SIZES + 2] = malloc(10);
	kfree_bulk(NR_SIZES + 3, objects);
	kfree_bulk(0, NULL);
}

static void free_in_the_middle(void)
{
	char *object = kmalloc(100000, GFP_KERNEL);

	kfree(object + 16);
}

static void measure_what_is_free(void)
{
	char *object = kmalloc(100000, GFP_KERNEL);

	kfree(object);
	ksize(hidden(object));
}

static void misuse_is_reported(void **state)
{
	(void)state;
	dies_in_child(free_in_the_middle, "invalid free (not the start of an object)");
	dies_in_child(measure_what_is_free, "double free");
}

/* ---- Strings ---- */

static void copies_are_copies(void **state)
{
	char with_nul[] = "ab\0cd", *copy;

	(void)state;
	copy = kstrdup("words", GFP_KERNEL);
	assert_string_equal(copy, "words");
	kfree(copy);
	copy = kstrdup("", GFP_KERNEL);
	assert_string_equal(copy, "");
	kfree(copy);
	assert_null(kstrdup(NULL, GFP_KERNEL));
	copy = kstrndup("words", 3, GFP_KERNEL);
	assert_string_equal(copy, "wor");
	kfree(copy);
	copy = kstrndup("words", 30, GFP_KERNEL);
	assert_string_equal(copy, "words");
	kfree(copy);
	assert_null(kstrndup(NULL, 3, GFP_KERNEL));
	copy = kmemdup(with_nul, sizeof(with_nul), GFP_KERNEL);
	assert_memory_equal(copy, with_nul, sizeof(with_nul));
	kfree(copy);
	copy = kmemdup_nul(with_nul, 5, GFP_KERNEL);
	assert_memory_equal(copy, with_nul, 6);
	kfree(copy);
	assert_null(kmemdup_nul(NULL, 5, GFP_KERNEL));
	assert_null(kmemdup(with_nul, SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
}

static char *by_list(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = kvasprintf(GFP_KERNEL, fmt, ap);
	va_end(ap);
	return text;
}

static void formats_are_printfs(void **state)
{
	char *text = kasprintf(GFP_KERNEL, "%s-%04d", "cache", 42);

	(void)state;
	assert_string_equal(text, "cache-0042");
	kfree(text);
	text = by_list("%100000d", 7);
	assert_int_equal(strlen(text), 100000);
	assert_string_equal(text + 99998, " 7");
	kfree(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_size_has_an_address_of_its_own),
		cmocka_unit_test(powers_of_two_are_naturally_aligned),
		cmocka_unit_test(an_object_is_as_large_as_was_said),
		cmocka_unit_test(too_much_is_null),
		cmocka_unit_test(arrays_that_overflow_are_null),
		cmocka_unit_test(zeroed_means_to_the_end_of_the_object),
		cmocka_unit_test(zeroed_means_so_for_many),
		cmocka_unit_test(a_node_that_is_not_there_has_nothing),
		cmocka_unit_test(krealloc_keeps_the_contents),
		cmocka_unit_test(krealloc_to_nothing_frees),
		cmocka_unit_test(krealloc_of_nothing_allocates),
		cmocka_unit_test(krealloc_zeroes_what_it_grows_by),
		cmocka_unit_test(krealloc_refused_leaves_all_as_it_was),
		cmocka_unit_test(shrinking_is_never_refused),
		cmocka_unit_test(objects_of_malloc_and_kmalloc_are_the_same),
		cmocka_unit_test(errno_survives_kfree),
		cmocka_unit_test(sensitive_objects_are_zeroed),
		cmocka_unit_test(bulk_takes_objects_of_any_size),
		cmocka_unit_test(misuse_is_reported),
		cmocka_unit_test(copies_are_copies),
		cmocka_unit_test(formats_are_printfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
