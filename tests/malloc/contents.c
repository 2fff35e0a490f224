/*
 * What is in a block.
 *
 * realloc keeps the contents on every path: within a class, between classes, from classes to pages
 * and back, in place or moved, up to tens of MiB. calloc's memory is zero also where the same
 * memory was dirty a moment ago. Every byte that malloc_usable_size admits to may be written.
 */
#include "sizes.h"
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* keep after the headers that it needs */
#include <cmocka.h>

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One step of a walk: resize, check what must have been kept, fill the block anew. */
static void *step(unsigned char *p, size_t from, size_t to, uint64_t seed)
{
	size_t kept = smaller(from, to);
	size_t wrong;

	p = realloc(p, to);
	assert_non_null(p);
	assert_true(is_aligned(p, 16));
	assert_true(malloc_usable_size(p) >= to);
	wrong = first_wrong(p, kept, seed);
	if (wrong != kept)
		fail_msg("realloc from %zu to %zu: byte %zu is wrong", from, to, wrong);
	fill(p, to, seed + 1);
	return p;
}

static void realloc_up_and_down(void **state)
{
	uint64_t seed = 0;
	size_t size = 1;
	unsigned char *p = malloc(size);

	(void)state;
	assert_non_null(p);
	fill(p, size, seed);
	while (size < 80 * MIB) {
		size_t to = size + size / 2 + 1;

		p = step(p, size, to, seed++);
		size = to;
	}
	while (size > 1) {
		size_t to = size / 2 + size / 7;

		p = step(p, size, to, seed++);
		size = to;
	}
	free(p);
}

/* With a live block behind each size, growing in place is not possible. */
static void realloc_past_a_neighbour(void **state)
{
	uint64_t seed = 0;
	size_t size = 1;
	unsigned char *p = malloc(size);
	void *wall[64];
	size_t walls = 0;

	(void)state;
	assert_non_null(p);
	fill(p, size, seed);
	while (size < 48 * MIB) {
		size_t to = size * 2 + 1;

		assert_true(walls < ARRAY_SIZE(wall));
		wall[walls] = malloc(size);
		assert_non_null(wall[walls]);
		fill(wall[walls++], smaller(size, 4096), 99);
		p = step(p, size, to, seed++);
		size = to;
	}
	for (size_t i = 0, n = 1; i < walls; i++, n = n * 2 + 1) {
		assert_int_equal(first_wrong(wall[i], smaller(n, 4096), 99), smaller(n, 4096));
		free(wall[i]);
	}
	free(p);
}

static void realloc_between_all_edges(void **state)
{
	size_t sizes[MAX_EDGE_SIZES];
	size_t count = edge_sizes(sizes, 160 * KIB);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = i % 4; j < count; j += 4) {
			unsigned char *p = malloc(sizes[i]);

			assert_non_null(p);
			fill(p, sizes[i], i);
			free(step(p, sizes[i], sizes[j], i));
		}
}

static void realloc_large_to_large(void **state)
{
	static const size_t sizes[] = {
		33 * KIB, 256 * KIB, MIB, 3 * MIB + 1, 20 * MIB, 63 * MIB, 64 * MIB, 70 * MIB,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			unsigned char *p = malloc(sizes[i]);

			assert_non_null(p);
			fill(p, sizes[i], i);
			free(step(p, sizes[i], sizes[j], i));
		}
}

/* Growth by a little, many times: the way that a file is read into memory. */
static void realloc_by_pages(void **state)
{
	size_t size = 4096;
	unsigned char *p = malloc(size);

	(void)state;
	assert_non_null(p);
	fill(p, size, 3);
	for (; size < 12 * MIB; size += 4096) {
		p = realloc(p, size + 4096);
		assert_non_null(p);
		for (size_t i = size; i < size + 4096; i++)
			p[i] = pattern(3, i);
	}
	assert_int_equal(first_wrong(p, size, 3), size);
	for (; size > 4096; size -= 64 * 4096 < size - 4096 ? 64 * 4096 : 4096) {
		p = realloc(p, size);
		assert_non_null(p);
	}
	assert_int_equal(first_wrong(p, 4096, 3), 4096);
	free(p);
}

/* As glibc: realloc(p, 0) frees and returns NULL. If it did not free, this would take 2 GiB. */
static void realloc_to_zero_frees(void **state)
{
	static const size_t sizes[] = { 100, 20000, 200000 };
	size_t before = rss_kib();

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
		for (size_t total = 0; total < 700 * MIB; total += sizes[k]) {
			char *p = malloc(sizes[k]);

			assert_non_null(p);
			for (size_t i = 0; i < sizes[k]; i += 4096)
				p[i] = 1;
			assert_null(opaque(realloc(p, opaque_size(0))));
		}
	assert_true(rss_kib() < before + 64 * KIB);
}

static void reallocarray_is_realloc(void **state)
{
	unsigned char *p = reallocarray(NULL, 25, 40);

	(void)state;
	assert_non_null(p);
	fill(p, 1000, 5);
	p = reallocarray(p, 1000, 77);
	assert_non_null(p);
	assert_true(malloc_usable_size(p) >= 77000);
	assert_int_equal(first_wrong(p, 1000, 5), 1000);
	p = reallocarray(p, 10, 10);
	assert_non_null(p);
	assert_int_equal(first_wrong(p, 100, 5), 100);
	free(p);
}

#define DIRTY 64

static void dirty_then_calloc(size_t size)
{
	size_t n = size > MIB ? 2 : size > 64 * KIB ? 8 : DIRTY;
	unsigned char *p[DIRTY];

	for (size_t i = 0; i < n; i++) {
		p[i] = malloc(size);
		assert_non_null(p[i]);
		memset(p[i], 0xff, malloc_usable_size(p[i]));
	}
	for (size_t i = 0; i < n; i++)
		free(p[i]);
	for (size_t i = 0; i < n; i++) {
		size_t wrong;

		p[i] = size % 2 ? calloc(size, 1) : calloc(2, size / 2);
		assert_non_null(p[i]);
		wrong = first_nonzero(p[i], size);
		if (wrong != size)
			fail_msg("calloc of %zu: byte %zu is not zero", size, wrong);
		memset(p[i], 0xff, size);
	}
	for (size_t i = 0; i < n; i++)
		free(p[i]);
}

static void calloc_is_zero(void **state)
{
	size_t sizes[MAX_EDGE_SIZES];
	size_t count = edge_sizes(sizes, 32 * MIB);

	(void)state;
	for (size_t i = 0; i < count; i++)
		dirty_then_calloc(sizes[i]);
	dirty_then_calloc(70 * MIB);
}

/* Dirty memory of one size comes back as zero memory of another. */
static void calloc_of_other_sizes(void **state)
{
	static const size_t sizes[] = { 48, 700, 9000, 50000, 400000, 3 * MIB };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			size_t n = 8 * MIB / sizes[i] + 1;
			void **list = NULL;
			unsigned char *p;

			for (size_t k = 0; k < n; k++) {
				void **q = malloc(sizes[i]);

				assert_non_null(q);
				memset(q, 0xff, sizes[i]);
				*q = list;
				list = q;
			}
			while (list) {
				void **q = *list;

				free(list);
				list = q;
			}
			malloc_trim(0);
			for (size_t k = 0; k < 4; k++) {
				p = calloc(1, sizes[j]);
				assert_non_null(p);
				assert_int_equal(first_nonzero(p, sizes[j]), sizes[j]);
				memset(p, 0xff, sizes[j]);
				free(p);
			}
		}
}

static void all_usable_bytes_are_ours(void **state)
{
	(void)state;
	for (size_t size = 0; size < 300 * KIB; size += size < 3000 ? 1 : size / 37) {
		unsigned char *a = malloc(size);
		unsigned char *b = malloc(size);
		unsigned char *c = malloc(size);
		size_t na, nb, nc;

		assert_non_null(a);
		assert_non_null(b);
		assert_non_null(c);
		na = malloc_usable_size(a);
		nb = malloc_usable_size(b);
		nc = malloc_usable_size(c);
		assert_true(na >= size && nb >= size && nc >= size);
		fill(a, na, 1);
		fill(c, nc, 3);
		fill(b, nb, 2);
		assert_int_equal(first_wrong(a, na, 1), na);
		assert_int_equal(first_wrong(b, nb, 2), nb);
		assert_int_equal(first_wrong(c, nc, 3), nc);
		/* the whole of it is contents, also for realloc */
		b = realloc(b, nb + 4000);
		assert_non_null(b);
		assert_int_equal(first_wrong(b, nb, 2), nb);
		free(a);
		free(b);
		free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(realloc_up_and_down),
		cmocka_unit_test(realloc_past_a_neighbour),
		cmocka_unit_test(realloc_between_all_edges),
		cmocka_unit_test(realloc_large_to_large),
		cmocka_unit_test(realloc_by_pages),
		cmocka_unit_test(realloc_to_zero_frees),
		cmocka_unit_test(reallocarray_is_realloc),
		cmocka_unit_test(calloc_is_zero),
		cmocka_unit_test(calloc_of_other_sizes),
		cmocka_unit_test(all_usable_bytes_are_ours),
	};

	require_provider();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
