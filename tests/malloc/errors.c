/*
 * Requests that cannot be served, and requests for nothing.
 *
 * A size past PTRDIFF_MAX, or a product that overflows, is refused with NULL and ENOMEM; a bad
 * alignment with EINVAL. Whatever the caller held before is still his and unchanged. Sizes close to
 * SIZE_MAX matter most: rounding one up wraps to a small number.
 */
#include "outside.h"
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* keep after the headers that it needs */
#include <cmocka.h>

static const size_t too_large[] = {
	SIZE_MAX,
	SIZE_MAX - 1,
	SIZE_MAX - 15,
	SIZE_MAX - 16,
	SIZE_MAX - 31,
	SIZE_MAX - 4094,
	SIZE_MAX - 4095,
	SIZE_MAX - 4096,
	SIZE_MAX - 65536,
	SIZE_MAX - 64 * MIB,
	SIZE_MAX - 128 * MIB + 1,
	SIZE_MAX - 128 * MIB,
	(size_t)PTRDIFF_MAX + 1 + 64 * MIB,
	(size_t)PTRDIFF_MAX + 4097,
	(size_t)PTRDIFF_MAX + 2,
	(size_t)PTRDIFF_MAX + 1,
	(size_t)PTRDIFF_MAX,
	(size_t)PTRDIFF_MAX - 4095,
	(size_t)PTRDIFF_MAX - 64 * MIB,
	(size_t)1 << 62,
	(size_t)1 << 48,
	(size_t)1 << 47,
};

#define assert_refused(expr, code)             \
	do {                                   \
		errno = 0;                     \
		assert_null(opaque(expr));     \
		assert_int_equal(errno, code); \
	} while (0)

static void malloc_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(too_large); i++) {
		size_t n = opaque_size(too_large[i]);

		assert_refused(malloc(n), ENOMEM);
		assert_refused(calloc(1, n), ENOMEM);
		assert_refused(calloc(n, 1), ENOMEM);
		assert_refused(realloc(NULL, n), ENOMEM);
		assert_refused(valloc(n), ENOMEM);
		assert_refused(pvalloc(n), ENOMEM);
	}
}

static void products_that_overflow(void **state)
{
	static const struct {
		size_t n, size;
	} pairs[] = {
		{ SIZE_MAX, 2 },
		{ 2, SIZE_MAX },
		{ SIZE_MAX, SIZE_MAX },
		{ SIZE_MAX / 2 + 1, 2 },
		{ SIZE_MAX / 16 + 2, 16 },
		{ (size_t)1 << 32, (size_t)1 << 32 },
		{ ((size_t)1 << 32) + 1, (size_t)1 << 32 },
		{ (size_t)1 << 33, (size_t)1 << 33 },
		{ (size_t)1 << 61, 12 },
		{ SIZE_MAX / 3 + 1, 3 },
	};
	char *kept = malloc(100);

	(void)state;
	assert_non_null(kept);
	fill(kept, 100, 7);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		size_t n = opaque_size(pairs[i].n);
		size_t size = opaque_size(pairs[i].size);

		assert_refused(calloc(n, size), ENOMEM);
		assert_refused(reallocarray(NULL, n, size), ENOMEM);
		assert_refused(reallocarray(opaque(kept), n, size), ENOMEM);
		assert_int_equal(first_wrong(kept, 100, 7), 100);
	}
	free(kept);
}

static void realloc_refused_keeps_the_block(void **state)
{
	static const size_t held[] = { 1, 100, 5000, 40000, 300000, 5 * MIB };

	(void)state;
	for (size_t h = 0; h < ARRAY_SIZE(held); h++) {
		char *p = malloc(held[h]);

		assert_non_null(p);
		fill(p, held[h], h);
		for (size_t i = 0; i < ARRAY_SIZE(too_large); i++) {
			assert_refused(realloc(opaque(p), opaque_size(too_large[i])), ENOMEM);
			assert_refused(reallocarray(opaque(p), opaque_size(too_large[i]), 1),
				       ENOMEM);
		}
		assert_int_equal(first_wrong(p, held[h], h), held[h]);
		free(p);
	}
}

static void aligned_refuses_sizes(void **state)
{
	(void)state;
	for (size_t alignment = 16; alignment <= 128 * MIB; alignment *= 4)
		for (size_t i = 0; i < ARRAY_SIZE(too_large); i++) {
			size_t n = opaque_size(too_large[i]);
			void *untouched = &alignment;

			assert_refused(aligned_alloc(alignment, n), ENOMEM);
			assert_refused(memalign(alignment, n), ENOMEM);
			assert_int_equal(posix_memalign(&untouched, alignment, n), ENOMEM);
			assert_ptr_equal(untouched, &alignment);
		}
}

/* A power of two, but one that no address space has room for. */
static void alignments_without_room(void **state)
{
	void *untouched = &state;

	for (int shift = 48; shift < 64; shift++) {
		size_t alignment = opaque_size((size_t)1 << shift);

		assert_refused(aligned_alloc(alignment, 1), ENOMEM);
		assert_int_equal(posix_memalign(&untouched, alignment, 1), ENOMEM);
		assert_ptr_equal(untouched, &state);
	}
}

static size_t round_up_to_power(size_t n)
{
	size_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

static void bad_alignments(void **state)
{
	static const size_t bad[] = {
		3,
		5,
		7,
		12,
		24,
		48,
		100,
		4095,
		4097,
		6000,
		SIZE_MAX,
		PTRDIFF_MAX,
		SIZE_MAX - 15,
		((size_t)1 << 63) + 8,
	};
	void *untouched = &state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t alignment = opaque_size(bad[i]);

		assert_int_equal(posix_memalign(&untouched, alignment, 64), EINVAL);
		assert_ptr_equal(untouched, &state);
		assert_refused(aligned_alloc(alignment, 64), EINVAL);
		/* the old form rounds up, to what can be rounded up */
		if (alignment < MIB) {
			void *p = memalign(alignment, 64);

			assert_non_null(p);
			assert_true(is_aligned(p, round_up_to_power(alignment)));
			free(p);
		} else {
			assert_refused(memalign(alignment, 64), EINVAL);
		}
	}
	/* powers of two, but no multiple of a pointer's size; and zero */
	assert_int_equal(posix_memalign(&untouched, opaque_size(0), 64), EINVAL);
	assert_int_equal(posix_memalign(&untouched, opaque_size(1), 64), EINVAL);
	assert_int_equal(posix_memalign(&untouched, opaque_size(2), 64), EINVAL);
	assert_int_equal(posix_memalign(&untouched, opaque_size(4), 64), EINVAL);
	assert_ptr_equal(untouched, &state);
	assert_refused(aligned_alloc(opaque_size(0), 64), EINVAL);
}

#define ZEROES 7

static void zero_sizes(void **state)
{
	void *p[ZEROES];
	void *memptr = NULL;

	(void)state;
	p[0] = malloc(opaque_size(0));
	p[1] = malloc(opaque_size(0));
	p[2] = calloc(opaque_size(0), 10);
	p[3] = calloc(opaque_size(SIZE_MAX), 0);
	p[4] = realloc(NULL, opaque_size(0));
	p[5] = aligned_alloc(64, opaque_size(0));
	assert_int_equal(posix_memalign(&memptr, 64, opaque_size(0)), 0);
	p[6] = memptr;
	for (size_t i = 0; i < ZEROES; i++) {
		assert_non_null(p[i]);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(p[i], p[j]);
		memset(p[i], 0xee, malloc_usable_size(p[i]));
	}
	for (size_t i = 0; i < ZEROES; i++)
		free(p[i]);
	free(NULL);
	assert_int_equal(malloc_usable_size(NULL), 0);
}

static void free_keeps_errno(void **state)
{
	static const size_t sizes[] = { 0, 16, 100, 4000, 33000, 200000, 5 * MIB, 200 * MIB };
	void *many[2000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *p = malloc(sizes[i]);

		assert_non_null(p);
		memset(p, 1, sizes[i]);
		errno = 4711;
		free(p);
		assert_int_equal(errno, 4711);
	}
	/* enough of them to leave the fast path */
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		assert_non_null(many[i] = malloc(3000));
	errno = 4712;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		free(many[i]);
	free(NULL);
	assert_int_equal(errno, 4712);
}

/* After all refusals above, ordinary requests are served. */
static void still_serves(void **state)
{
	(void)state;
	for (size_t size = 1; size < 64 * MIB; size = size * 2 + 1) {
		char *p = malloc(size);

		assert_non_null(p);
		p[0] = p[size - 1] = 1;
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malloc_refuses),
		cmocka_unit_test(products_that_overflow),
		cmocka_unit_test(realloc_refused_keeps_the_block),
		cmocka_unit_test(aligned_refuses_sizes),
		cmocka_unit_test(alignments_without_room),
		cmocka_unit_test(bad_alignments),
		cmocka_unit_test(zero_sizes),
		cmocka_unit_test(free_keeps_errno),
		cmocka_unit_test(still_serves),
	};

	require_provider();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
