/* SPDX-License-Identifier: MIT */
/*
 * Size classes and the shape of slabs, every row and every byte recomputed.
 *
 * The sizes are generated here from what kmalloc.h says of them, not read from its table; the order
 * of a slab is ranked over all orders instead of searched for; the reciprocal is compared with the
 * division that it stands for at every offset of a slab.
 */
#include <limits.h>
#include <stdio.h>

#include "init.h"
#include "limit.h"
#include "unit_slab.h"

#define SCRATCH 255 /* a class that nobody uses */

static unsigned int sizes[NR_KMALLOC_CLASSES]; /* [0] = 0 */

/* Multiples of 16 to 128, then four to each doubling, and half a step above 1, 2 and 4 KiB. */
static void generate_sizes(void)
{
	unsigned int n = 1, size, step;

	for (size = 16; size <= 128; size += 16)
		sizes[n++] = size;
	for (step = 32; step <= 4096; step *= 2) {
		if (step >= 256 && step <= 1024)
			sizes[n++] = 9 * step / 2;
		for (size = 5 * step; size <= 8 * step; size += step)
			sizes[n++] = size;
	}
	EXPECT_EQ(n, NR_KMALLOC_CLASSES);
	EXPECT_EQ(sizes[n - 1], KMALLOC_MAX_SIZE);
}

static int setup(void **state)
{
	(void)state;
	kmem_init();
	generate_sizes();
	return 0;
}

static void test_every_size(void **state)
{
	unsigned int size, class = 1;

	(void)state;
	for (size = 0; size <= KMALLOC_MAX_SIZE; size++) {
		if (size > sizes[class])
			class ++;
		EXPECT_EQ(kmalloc_class(size), class);
		EXPECT(kmalloc_cpu_slot(this_cpu, size) == &this_cpu->slot[class]);
		EXPECT(kmalloc_caches[class].size >= size);
		if (size > 128)
			EXPECT(5 * (kmalloc_caches[class].size - size) <= size + size / 4);
	}
}

/*
 * What kmalloc_aligned() relies on: rounded up to its alignment a size has the first class that is
 * aligned.
 */
static void test_every_alignment(void **state)
{
	unsigned int size, align, class;

	(void)state;
	for (align = KMALLOC_MIN_ALIGN; align <= PAGE_SIZE; align *= 2)
		for (size = 1; size <= KMALLOC_MAX_SIZE; size++) {
			for (class = 1; sizes[class] < size || sizes[class] % align; class ++)
				;
			EXPECT_EQ(kmalloc_class(align_up(size, align)), class);
		}
}

static void test_every_class(void **state)
{
	unsigned int class, i;
	char name[24];

	(void)state;
	EXPECT(kmem_caches[0] == NULL);
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		const struct kmem_cache *s = &kmalloc_caches[class];

		snprintf(name, sizeof(name), "kmalloc-%u", sizes[class]);
		EXPECT(strcmp(s->name, name) == 0);
		EXPECT(kmem_caches[class] == s);
		EXPECT_EQ(s->index, class);
		EXPECT_EQ(s->size, sizes[class]);
		/* naturally aligned, up to a page; a power of two to itself */
		for (i = PAGE_SIZE; sizes[class] % i; i /= 2)
			;
		if (!(sizes[class] & (sizes[class] - 1)))
			i = sizes[class];
		EXPECT_EQ(s->align, i);
		EXPECT(i >= KMALLOC_MIN_ALIGN);
	}
	for (; class < SCRATCH; class ++)
		EXPECT(kmem_caches[class] == NULL);
}

/*
 * How good slabs of @order are, the less the better: few enough objects are lost with a slab that
 * lives on for one of them (which small ones always do), enough are worth a visit to the lists;
 * then at most 1/16 lost before 1/8 before 1/4. Beyond a page whole pages at the end do not count
 * as long as they are no more than 1/4, and 1/8 is as good as nothing.
 */
static unsigned int badness(unsigned int size, unsigned int order)
{
	unsigned int bytes = (unsigned int)PAGE_SIZE << order, lost = bytes % size;
	unsigned int few = size <= 1024	 ? 8 :
			   size <= 2048	 ? 4 :
			   size <= 4096	 ? 2 :
			   size <= 16384 ? 4 :
					   1;
	unsigned int enough = size <= 128 ? 128 : size <= 256 ? 64 : few;

	if (bytes / size < enough || 4 * lost > bytes)
		return ~0u;
	if (size > PAGE_SIZE)
		return 8 * (lost % PAGE_SIZE) <= bytes ? 0 : 1;
	return 16 * lost <= bytes ? 0 : 8 * lost <= bytes ? 1 : 2;
}

static void expect_shape(const struct kmem_cache *s, unsigned int most_colours)
{
	unsigned int order, bytes = (unsigned int)PAGE_SIZE << s->order, left;

	EXPECT(s->order <= SLAB_MAX_ORDER);
	for (order = 0; order <= SLAB_MAX_ORDER; order++) {
		unsigned int other = badness(s->size, order), mine = badness(s->size, s->order);

		EXPECT(order < s->order ? other > mine : other >= mine);
	}
	EXPECT_EQ(s->objects, bytes / s->size < 256 ? bytes / s->size : 256);
	EXPECT(s->objects > 0);
	left = bytes - s->objects * s->size;
	EXPECT(left <= bytes / 4);
	EXPECT_EQ(s->colours, min_ul(left / s->align + 1, most_colours));
	EXPECT((s->colours - 1u) * s->align + s->objects * s->size <= bytes);
	EXPECT(s->max_empty >= 1);
	EXPECT(s->max_empty == 1 || s->max_empty << s->order <= 4);
}

/* Beyond a page objects are runs of the units of shared slabs; at most one begins in a page. */
static void expect_runs(const struct kmem_cache *s)
{
	EXPECT(s->size > PAGE_SIZE);
	EXPECT_EQ(s->units * UNIT_BYTES, s->size);
	EXPECT_EQ(s->objects, SHARED_UNITS / s->units);
	EXPECT(s->units <= UNITS_A_PAGE << SHARED_SMALL_ORDER);
	EXPECT(s->size % s->align == 0);
	EXPECT(s->align >= min_ul(s->size & -s->size, PAGE_SIZE));
	EXPECT(s->size & (s->size - 1) || s->align == s->size);
}

static void test_shape(void **state)
{
	unsigned int class;

	(void)state;
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		if (kmalloc_caches[class].units)
			expect_runs(&kmalloc_caches[class]);
		else
			expect_shape(&kmalloc_caches[class], 1);
}

/* Where objects start the product is their number; elsewhere more than the number of any. */
static void expect_index(const struct kmem_cache *s, uint32_t offset)
{
	uint32_t index = ror32(offset * s->inverse, s->shift);

	if (offset % s->size == 0 && offset / s->size < s->objects)
		EXPECT_EQ(index, offset / s->size);
	else
		EXPECT(index >= s->objects);
}

/* Of any size that a cache may have, not only of those that kmalloc uses. */
static void test_shape_of_any_size(void **state)
{
	static struct kmem_cache s;
	unsigned int size;

	(void)state;
	for (size = 16; size <= KMALLOC_MAX_SIZE; size += 16) {
		unsigned long i;

		s = (struct kmem_cache){ .size = 0 };
		cache_init(&s, "scratch", size, 16, SCRATCH);
		expect_shape(&s, 256);
		for (i = 0; i < PAGE_SIZE << s.order; i++) {
			/* the ends of each object */
			expect_index(&s, (uint32_t)i);
			i += i % size == 0 ? size - 2 : 0;
		}
	}
	kmem_caches[SCRATCH] = NULL;
}

static void test_index_at_every_offset(void **state)
{
	unsigned int class;

	(void)state;
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		const struct kmem_cache *s = &kmalloc_caches[class];
		uint32_t offset;

		if (s->units)
			continue;
		for (offset = 0; offset < PAGE_SIZE << s->order; offset++)
			expect_index(s, offset);
		/* before the first object, in a slab with a colour */
		for (offset = 1; offset < PAGE_SIZE << s->order; offset++)
			expect_index(s, -offset);
	}
}

/* Smaller sheaves for larger objects, that waste no cache line; few of them in a barn. */
static void test_sheaves_and_barns(void **state)
{
	unsigned int class, capacity = ~0u;
	size_t bytes;

	(void)state;
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		const struct kmem_cache *s = &kmalloc_caches[class];
		const struct barn *barn = &s->node.lane[0].barn;

		EXPECT(s->sheaf_capacity >= 4 && s->sheaf_capacity <= capacity);
		capacity = s->sheaf_capacity;
		bytes = sizeof(struct sheaf) + capacity * sizeof(void *);
		EXPECT(align_up(bytes, 64) - bytes < 16);
		EXPECT(s->sheaf_pool->size >= bytes);
		EXPECT(s->size <= PAGE_SIZE ? barn->max_full >= 2 : barn->max_full == 0);
		EXPECT(barn->max_full <= 2 || barn->max_full * capacity * s->size <= 64u << 10);
		EXPECT(barn->nr_full == 0 && barn->nr_empty == 0);
	}
}

/* What is kept follows what the process may use, and nothing does where that is not limited. */
static void test_limits(void **state)
{
	const struct limits before = limits;
	unsigned int class;

	(void)state;
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		struct kmem_cache *s = &kmalloc_caches[class];
		const struct barn *barn = &s->node.lane[NR_LANES - 1].barn;
		unsigned int full = barn->max_full, bytes = s->sheaf_capacity * s->size;
		uint16_t empty = s->max_empty;

		limits = (struct limits){ .cpus = 1, .memory_bytes = 32UL << 20 };
		cache_limit_barn(s);
		cache_limit_empty(s);
		EXPECT(barn->max_full <= 2 || barn->max_full * bytes <= 8u << 10);
		EXPECT(s->max_empty == 1 || s->max_empty << s->order <= 2);
		limits = (struct limits){ .cpus = 2, .memory_bytes = 256UL << 20 };
		cache_limit_barn(s);
		cache_limit_empty(s);
		EXPECT_EQ(barn->max_full, full);
		EXPECT_EQ(s->max_empty, empty);
	}
	limits = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size),
		cmocka_unit_test(test_every_alignment),
		cmocka_unit_test(test_every_class),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_shape_of_any_size),
		cmocka_unit_test(test_index_at_every_offset),
		cmocka_unit_test(test_sheaves_and_barns),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
