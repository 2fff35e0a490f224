/* SPDX-License-Identifier: MIT */
/*
 * What the program must not do, and what it is told: each in a child that dies of it, by the one
 * line that it writes. And what looks as if it were too much, but is only refused.
 *
 * The program also sets the library's default options, as a static one would, and so shows in which
 * order options are read.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "large.h"
#include "unit_slab.h"

#define MIB (1UL << 20)

const char *const kmem_options = "decay_ms=-1 from_the_program";

/* ---- Pointers that are no object ---- */

static void free_it(void *object)
{
	kfree_slow(object);
}

static void usable(void *object)
{
	kmalloc_usable(object);
}

static void live_size(void *object)
{
	kmalloc_live_size(object);
}

/* Freed as free() does it, and found at the latest when nothing of it may stay. */
static void free_and_trim(void *object)
{
	unit_kfree(object);
	kmem_trim();
}

#define FOREIGN	 "kmem: BUG -: invalid free (not libkmem's memory) of 0x%lx"
#define INTERIOR "kmem: BUG %s: invalid free (not the start of an object) of 0x%lx"
#define DOUBLE	 "kmem: BUG %s: double free of 0x%lx"

static void expect_foreign(const void *address)
{
	void *p = (void *)(uintptr_t)address;

	unit_dies_saying(free_it, p, FOREIGN, (unsigned long)p);
	unit_dies_saying(free_and_trim, p, FOREIGN, (unsigned long)p);
	unit_dies_saying(usable, p, FOREIGN, (unsigned long)p);
	unit_dies_saying(live_size, p, FOREIGN, (unsigned long)p);
}

static void expect_interior(const char *cache, char *p)
{
	unit_dies_saying(free_and_trim, p, INTERIOR, cache, (unsigned long)p);
	unit_dies_saying(usable, p, INTERIOR, cache, (unsigned long)p);
}

static void expect_double(const char *cache, char *p)
{
	unit_dies_saying(free_and_trim, p, DOUBLE, cache, (unsigned long)p);
	unit_dies_saying(usable, p, DOUBLE, cache, (unsigned long)p);
}

static int in_data;

static void test_foreign(void **state)
{
	char *object = unit_kmalloc(100), *heap = malloc(10);
	int local;

	(void)state;
	expect_foreign(&local);
	expect_foreign(&in_data);
	expect_foreign(heap);
	expect_foreign((void *)(uintptr_t)test_foreign);
	expect_foreign((void *)1);
	expect_foreign((void *)0x00007fffffffffff);
	expect_foreign((void *)0x0000800000000000);
	expect_foreign((void *)0xffffffff80000000);
	expect_foreign((void *)-1L);
	/* the library's own structures are not the program's either */
	expect_foreign(this_cpu);
	expect_foreign(slab_at(object));
	expect_foreign(&kmalloc_caches[3]);
	/* in a section of ours, but never handed out */
	expect_foreign((char *)page_section((struct page *)slab_at(object))->start + 63 * MIB);
	unit_kfree(object);
	free(heap);
}

static void test_interior_of_small(void **state)
{
	static const unsigned int sizes[] = { 16, 96, 160, 1000, 3000, 32768 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *object = unit_kmalloc(sizes[i]);
		const struct kmem_cache *s = &kmalloc_caches[kmalloc_class(sizes[i])];

		expect_interior(s->name, object + 1);
		expect_interior(s->name, object + 8);
		expect_interior(s->name, object + s->size - 1);
		EXPECT_EQ(kmalloc_usable(object), s->size);
		unit_kfree(object);
	}
}

static void test_interior_of_large(void **state)
{
	char *block = unit_kmalloc(100000), *area = unit_kmalloc(70 * MIB);

	(void)state;
	expect_interior("large", block + 16);
	expect_interior("large", block + PAGE_SIZE);
	expect_interior("large", block + 102399);
	expect_interior("large", area + 16);
	expect_interior("large", area + PAGE_SIZE);
	expect_interior("large", area + 69 * MIB);
	unit_kfree(block);
	unit_kfree(area);
}

/* ---- Freed twice ---- */

static void free_twice_and_trim(void *object)
{
	unit_kfree(object);
	unit_kfree(object);
	kmem_trim();
}

static void check_size_of_one(void *object)
{
	kmalloc_check_size(object, 1, 1);
}

static void test_double_free_of_small(void **state)
{
	static const unsigned int sizes[] = { 1, 64, 500, 3000, 30000 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *s = &kmalloc_caches[kmalloc_class(sizes[i])];
		char *object = unit_kmalloc(sizes[i]), *other = unit_kmalloc(sizes[i]);

		unit_dies_saying(free_twice_and_trim, object, DOUBLE, s->name,
				 (unsigned long)object);
		/* when it is back in its slab */
		unit_kfree(object);
		cpu_drain(this_cpu);
		barn_drain(&kmalloc_caches[s->index]);
		EXPECT(cache_inuse(s) > 0);
		unit_dies_saying(free_and_trim, object, DOUBLE, s->name, (unsigned long)object);
		unit_dies_saying(check_size_of_one, object, DOUBLE, s->name, (unsigned long)object);
		unit_dies_saying(live_size, object, DOUBLE, s->name, (unsigned long)object);
		/* the cheaper question is where it starts */
		EXPECT_EQ(kmalloc_usable(object), s->size);
		EXPECT_EQ(kmalloc_live_size(other), s->size);
		unit_kfree(other);
	}
}

/* The slab it was in is none any more: nobody knows which cache it was. */
static void test_double_free_without_slab(void **state)
{
	struct kmem_cache *s = &kmalloc_caches[kmalloc_class(2560)];
	char *objects[200], *inner = NULL;
	unsigned int i;

	(void)state;
	EXPECT(s->order > 0);
	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		char *object = objects[i] = unit_kmalloc(2560);
		struct page *page = page_at(object);

		/* not in its slab's first page, and not where a page starts */
		if ((uintptr_t)object % PAGE_SIZE && page != (struct page *)slab_at(object))
			inner = object;
	}
	EXPECT(inner != NULL);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		unit_kfree(objects[i]);
	sheaf_flush_slot(this_cpu, s);
	barn_drain(s);
	cache_shrink(s);
	EXPECT_EQ(cache_inuse(s), 0);
	expect_double("-", inner);
	cpu_drain(this_cpu);
	expect_double("-", inner);
	/* gone to the kernel, it is remembered */
	kmem_trim();
	expect_double("-", inner);
}

static void test_double_free_of_large(void **state)
{
	char *block = unit_kmalloc(100000), *area = unit_kmalloc(70 * MIB);

	(void)state;
	unit_dies_saying(free_twice_and_trim, block, DOUBLE, "large", (unsigned long)block);
	unit_kfree(block);
	expect_double("large", block);
	expect_double("large", block + PAGE_SIZE);
	unit_kfree(area);
	expect_foreign(area);
}

/* ---- Freed by size ---- */

struct sized {
	void *object;
	size_t size, align;
};

static void check_size(void *arg)
{
	const struct sized *sized = arg;

	kmalloc_check_size(sized->object, sized->size, sized->align);
}

static void expect_wrong(const char *cache, void *object, size_t size, size_t align)
{
	struct sized sized = { object, size, align };

	unit_dies_saying(check_size, &sized, "kmem: BUG %s: free with the wrong size %zu of 0x%lx",
			 cache, size, (unsigned long)object);
}

static void test_size_of_small(void **state)
{
	unsigned int class, stride = unit_on_valgrind() ? 13 : 3;

	(void)state;
	for (class = 1; class < NR_KMALLOC_CLASSES; class += stride) {
		const struct kmem_cache *s = &kmalloc_caches[class];
		void *object = unit_kmalloc(s->size);
		size_t size, below = kmalloc_caches[class - 1].size;

		for (size = below + 1; size <= s->size; size++)
			kmalloc_check_size(object, size, 1);
		kmalloc_check_size(object, s->size, s->align);
		expect_wrong(s->name, object, s->size + 1, 1);
		expect_wrong(s->name, object, ~0UL, 1);
		expect_wrong(s->name, object, 100000, 16);
		/* so small that not even a shrunk object would have stayed here */
		if (s->size > 64)
			expect_wrong(s->name, object, s->size / 4, 1);
		unit_kfree(object);
	}
}

static void test_size_of_large(void **state)
{
	void *block = unit_kmalloc(100000), *aligned = kmalloc_aligned(100, 8192);

	(void)state;
	kmalloc_check_size(block, 100000, 1);
	kmalloc_check_size(block, 102400, 16);
	/* it may have been larger, and shrunk */
	kmalloc_check_size(block, 40000, 1);
	expect_wrong("large", block, 102401, 1);
	expect_wrong("large", block, 100, 1);
	/* a small one may be large for its alignment */
	kmalloc_check_size(aligned, 100, 8192);
	expect_wrong("large", aligned, 100, 1);
	expect_wrong("large", aligned, 100, 1UL << 40);
	unit_kfree(block);
	unit_kfree(aligned);
}

/* A pointer that is no object is called by its own name. */
static void test_size_of_nothing(void **state)
{
	char *object = unit_kmalloc(64);
	struct sized sized = { object + 8, 64, 1 };

	(void)state;
	unit_dies_saying(check_size, &sized, INTERIOR, "kmalloc-64", (unsigned long)object + 8);
	sized.object = &in_data;
	unit_dies_saying(check_size, &sized, FOREIGN, (unsigned long)&in_data);
	unit_kfree(object);
}

static void keep_larger(void *object)
{
	kmalloc_keep_larger();
	kmalloc_check_size(object, 1, 1);
}

/* Once a refusal has left something too large for its size, that is no sign of a fault any more. */
static void test_kept_larger(void **state)
{
	void *object = unit_kmalloc(10000), *block = unit_kmalloc(100000);

	(void)state;
	unit_passes(keep_larger, object);
	unit_passes(keep_larger, block);
	expect_wrong("kmalloc-10240", object, 1, 1);
	unit_kfree(object);
	unit_kfree(block);
}

/* ---- Too much ---- */

static void test_too_much(void **state)
{
	static const size_t sizes[] = { PTRDIFF_MAX,	 (size_t)PTRDIFF_MAX + 1, SIZE_MAX,
					SIZE_MAX - 4095, PTRDIFF_MAX - 4096,	  1UL << 47 };
	void *block = unit_kmalloc(100000), *object = unit_kmalloc(100);
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		errno = 0;
		EXPECT(kmalloc_slow(sizes[i]) == NULL);
		EXPECT_EQ(errno, ENOMEM);
		errno = 0;
		EXPECT(kmalloc_zeroed(sizes[i]) == NULL);
		EXPECT_EQ(errno, ENOMEM);
		errno = 0;
		EXPECT(kmalloc_aligned(sizes[i], 4096) == NULL);
		EXPECT_EQ(errno, ENOMEM);
		EXPECT(kmalloc_resize(block, 102400, sizes[i], true) == NULL);
		EXPECT(kmalloc_resize(object, 112, sizes[i], true) == NULL);
	}
	for (i = 47; i < 64; i++) {
		errno = 0;
		EXPECT(kmalloc_aligned(100, 1UL << i) == NULL);
		EXPECT_EQ(errno, ENOMEM);
	}
	EXPECT_EQ(large_count(), 1);
	unit_kfree(block);
	unit_kfree(object);
}

/* ---- Options ---- */

static char environment[200];

static void init_late(void *arg)
{
	char *envp[] = { "PATH=/bin", "KMEM_OPTION=no", "KMEM_OPTIONSX=no", environment, NULL };

	snprintf(environment, sizeof(environment), "%s", (const char *)arg);
	kmem_init_late(envp);
	kmem_exit();
	unit_kfree(unit_kmalloc(10));
}

static void test_options_from_everywhere(void **state)
{
	static const char program[] = "kmem: unknown option 'from_the_program'\n";
	char text[500], wanted[500];

	(void)state;
	EXPECT_EQ(unit_child(init_late, "KMEM_OPTIONS=from_outside decay_ms=x", text, sizeof(text)),
		  0);
	snprintf(wanted, sizeof(wanted), "%s%s%s", program, "kmem: unknown option 'from_outside'\n",
		 "kmem: bad value for option 'decay_ms'\n");
	EXPECT(strcmp(text, wanted) == 0);
	EXPECT_EQ(unit_child(init_late, "KMEM_OPTIONS=fail_os=1,0 decay_ms=7", text, sizeof(text)),
		  0);
	EXPECT(strcmp(text, program) == 0);
	EXPECT_EQ(unit_child(init_late, "NOTHING=1", text, sizeof(text)), 0);
	EXPECT(strcmp(text, program) == 0);
	EXPECT_EQ(unit_child(init_late, "KMEM_OPTIONS=stats=1", text, sizeof(text)), 0);
	EXPECT(strncmp(text, program, strlen(program)) == 0);
	EXPECT(strncmp(text + strlen(program), "kmem: peak RSS ", 15) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_interior_of_small),
		cmocka_unit_test(test_interior_of_large),
		cmocka_unit_test(test_double_free_of_small),
		cmocka_unit_test(test_double_free_without_slab),
		cmocka_unit_test(test_double_free_of_large),
		cmocka_unit_test(test_size_of_small),
		cmocka_unit_test(test_size_of_large),
		cmocka_unit_test(test_size_of_nothing),
		cmocka_unit_test(test_kept_larger),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_options_from_everywhere),
	};

	return cmocka_run_group_tests(tests, setup_library, NULL);
}
