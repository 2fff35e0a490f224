/*
 * Where blocks may start.
 *
 * malloc, calloc and realloc owe 16 bytes for every size, small ones included: compilers assume it.
 * aligned_alloc and its elders owe whatever power of two they are asked for, here up to 128 MiB,
 * more than one section of the library. A few blocks are held at a time, each with a pattern over
 * its whole length, so that an aligned block that overlaps its neighbour is seen.
 */
#include "sizes.h"
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* keep after the headers that it needs */
#include <cmocka.h>

#define HELD 8

static void every_small_size_is_aligned(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 40 * KIB; size += size < 4200 ? 1 : 13) {
		void *p = malloc(size);
		void *q = calloc(1, size);
		void *r = realloc(NULL, size);

		assert_non_null(p);
		assert_non_null(q);
		assert_non_null(r);
		assert_true(is_aligned(p, 16));
		assert_true(is_aligned(q, 16));
		assert_true(is_aligned(r, 16));
		r = realloc(r, size + 17);
		assert_non_null(r);
		assert_true(is_aligned(r, 16));
		free(p);
		free(q);
		free(r);
	}
}

static void edges_are_aligned(void **state)
{
	size_t sizes[MAX_EDGE_SIZES];
	size_t count = edge_sizes(sizes, 16 * MIB);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		void *p = malloc(sizes[i]);

		assert_non_null(p);
		assert_true(is_aligned(p, 16));
		assert_true(malloc_usable_size(p) >= sizes[i]);
		free(p);
	}
}

enum how { ALIGNED_ALLOC, POSIX_MEMALIGN, MEMALIGN, HOWS };

static void *take(enum how how, size_t alignment, size_t size)
{
	void *p = NULL;

	switch (how) {
	case POSIX_MEMALIGN:
		return posix_memalign(&p, alignment, size) ? NULL : p;
	case MEMALIGN:
		return memalign(alignment, size);
	default:
		return aligned_alloc(alignment, size);
	}
}

static void try_alignment(enum how how, size_t alignment)
{
	size_t sizes[MAX_EDGE_SIZES];
	size_t count = edge_sizes(sizes, alignment >= MIB ? 256 * KIB : MIB);
	size_t step = alignment >= MIB ? 5 : 1;
	struct {
		unsigned char *p;
		size_t size;
	} held[HELD] = { 0 };

	for (size_t i = 0, n = 0; i < count + HELD * step; i += step, n++) {
		size_t slot = n % HELD;

		if (held[slot].p) {
			assert_int_equal(first_wrong(held[slot].p, held[slot].size, slot),
					 held[slot].size);
			free(held[slot].p);
			held[slot].p = NULL;
		}
		if (i >= count)
			continue;
		held[slot].size = sizes[i];
		held[slot].p = take(how, alignment, sizes[i]);
		if (!held[slot].p || !is_aligned(held[slot].p, alignment))
			fail_msg("size %zu at alignment %zu: got %p", sizes[i], alignment,
				 (void *)held[slot].p);
		assert_true(malloc_usable_size(held[slot].p) >= sizes[i]);
		fill(held[slot].p, sizes[i], slot);
	}
	for (size_t slot = 0; slot < HELD; slot++)
		free(held[slot].p);
}

static void every_power_of_two(void **state)
{
	(void)state;
	for (enum how how = 0; how < HOWS; how++)
		for (size_t alignment = how == POSIX_MEMALIGN ? sizeof(void *) : 1;
		     alignment <= 128 * MIB; alignment *= 2)
			try_alignment(how, alignment);
}

/* Size smaller than, equal to and no multiple of a large alignment; zero too. */
static void odd_pairs(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4095, 65537, 3 * MIB + 5 };

	(void)state;
	for (size_t alignment = 16; alignment <= 128 * MIB; alignment *= 2)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			unsigned char *p = aligned_alloc(alignment, sizes[i]);

			assert_non_null(p);
			assert_true(is_aligned(p, alignment));
			if (sizes[i]) {
				p[0] = 1;
				p[sizes[i] - 1] = 2;
			}
			free(p);
		}
}

/* An aligned block is a block like any other for realloc: contents go with it. */
static void realloc_of_aligned(void **state)
{
	(void)state;
	for (size_t alignment = 32; alignment <= 4 * MIB; alignment *= 2) {
		unsigned char *p = aligned_alloc(alignment, 3000);

		assert_non_null(p);
		fill(p, 3000, alignment);
		p = realloc(p, 70000);
		assert_non_null(p);
		assert_true(is_aligned(p, 16));
		assert_int_equal(first_wrong(p, 3000, alignment), 3000);
		p = realloc(p, 100);
		assert_non_null(p);
		assert_int_equal(first_wrong(p, 100, alignment), 100);
		free(p);
	}
}

static void page_functions(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	for (size_t size = 1; size < 5 * MIB; size = size * 3 + 1) {
		unsigned char *v = valloc(size);
		unsigned char *w = pvalloc(size);
		size_t whole = (size + page - 1) / page * page;

		assert_non_null(v);
		assert_non_null(w);
		assert_true(is_aligned(v, page));
		assert_true(is_aligned(w, page));
		assert_true(malloc_usable_size(w) >= whole);
		fill(v, size, 1);
		fill(w, whole, 2);
		assert_int_equal(first_wrong(v, size, 1), size);
		assert_int_equal(first_wrong(w, whole, 2), whole);
		free(v);
		free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_small_size_is_aligned), cmocka_unit_test(edges_are_aligned),
		cmocka_unit_test(every_power_of_two),	       cmocka_unit_test(odd_pairs),
		cmocka_unit_test(realloc_of_aligned),	       cmocka_unit_test(page_functions),
	};

	require_provider();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
