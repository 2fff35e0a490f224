/* SPDX-License-Identifier: MIT */
/*
 * The record alone: addresses that are written down and never mapped. Each way to split, trim,
 * merge and remove; then at random, against an array with an entry for each page.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "meta.h"
#include "unit_arena.h"

#define BASE  (1UL << 44)  /* the kernel maps nothing there by itself */
#define STEP  (64UL << 10) /* of every OS, some pages */
#define AT(n) (BASE + (unsigned long)(n)*STEP)
#define ALL   AT(0), AT(4000)

static const char name_a[] = "a", name_b[] = "b";

static const struct vm_area_struct plain = { .vm_flags = VM_DATA, .vm_name = name_a },
				   other_flags = { .vm_flags = VM_READ, .vm_name = name_a },
				   other_name = { .vm_flags = VM_DATA, .vm_name = name_b },
				   other_block = { .vm_flags = VM_DATA,
						   .vm_name = name_a,
						   .vm_block = AT(0) },
				   of_a_file = { .vm_flags = VM_DATA,
						 .vm_name = name_a,
						 .vm_pgoff = 100,
						 .vm_file = (struct file *)4 };

static void map(const struct vm_area_struct *like, unsigned int from, unsigned int to)
{
	EXPECT(vma_prepare(1));
	vma_map(like, AT(from), AT(to));
	expect_record_sound();
}

static void unmap(unsigned int from, unsigned int to)
{
	unsigned int needed = vma_unmap_splits(AT(from), AT(to));

	EXPECT(vma_prepare(needed));
	vma_unmap(AT(from), AT(to));
	expect_record_sound();
}

static void set_flags(unsigned int from, unsigned int to, unsigned long flags)
{
	EXPECT(vma_prepare(2));
	vma_set_flags(AT(from), AT(to), flags);
	expect_record_sound();
}

/* The areas from AT(0) on, as pairs of borders, ended by a pair of zeros. */
static void expect_areas(const unsigned int *borders)
{
	struct vm_area_struct *vma = vma_above(BASE);

	for (; borders[1]; borders += 2) {
		EXPECT(vma != NULL);
		EXPECT_EQ(vma->vm_start, AT(borders[0]));
		EXPECT_EQ(vma->vm_end, AT(borders[1]));
		vma = vma->vm_next;
	}
	EXPECT(!vma || vma->vm_start >= AT(4000));
}

#define EXPECT_AREAS(...) expect_areas((const unsigned int[]){ __VA_ARGS__, 0, 0 })

static int teardown(void **state)
{
	(void)state;
	EXPECT(vma_prepare(1));
	vma_unmap(ALL);
	expect_record_sound();
	return 0;
}

static void test_find(void **state)
{
	struct vm_area_struct *low, *high;

	(void)state;
	map(&plain, 10, 20);
	map(&plain, 30, 40);
	low = vma_above(AT(0));
	high = vma_above(AT(20));
	EXPECT(low->vm_start == AT(10) && high->vm_start == AT(30));
	EXPECT(vma_above(AT(10)) == low && vma_above(AT(20) - 1) == low);
	EXPECT(vma_above(AT(29)) == high && vma_above(AT(40) - 1) == high);
	EXPECT(vma_above(AT(40)) == high->vm_next);
	EXPECT(vma_below(AT(40)) == high && vma_below(AT(30) + 1) == high);
	EXPECT(vma_below(AT(30)) == low && vma_below(AT(10) + 1) == low);
	EXPECT(vma_below(AT(10)) == low->vm_prev);
	EXPECT(vma_within(AT(0), AT(10)) == NULL && vma_within(AT(0), AT(10) + 1) == low);
	EXPECT(vma_within(AT(20), AT(30)) == NULL && vma_within(AT(20) - 1, AT(30)) == low);
	EXPECT(vma_within(AT(20), AT(30) + 1) == high && vma_within(AT(39), AT(50)) == high);
	EXPECT(vma_within(AT(40), AT(50)) == NULL);
}

static void test_merge(void **state)
{
	(void)state;
	/* behind, before, between */
	map(&plain, 10, 20);
	map(&plain, 20, 30);
	EXPECT_AREAS(10, 30);
	map(&plain, 5, 10);
	EXPECT_AREAS(5, 30);
	map(&plain, 40, 50);
	map(&plain, 30, 40);
	EXPECT_AREAS(5, 50);
	/* not with what is not adjacent */
	map(&plain, 51, 52);
	EXPECT_AREAS(5, 50, 51, 52);
}

static void test_no_merge(void **state)
{
	static const struct vm_area_struct *const others[] = { &other_flags, &other_name,
							       &other_block };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		map(&plain, 10, 20);
		map(&plain, 30, 40);
		map(others[i], 20, 30);
		EXPECT_AREAS(10, 20, 20, 30, 30, 40);
		unmap(0, 100);
	}
	/* of files not even with their own kind */
	map(&of_a_file, 10, 20);
	map(&of_a_file, 20, 30);
	EXPECT_AREAS(10, 20, 20, 30);
}

static void test_unmap(void **state)
{
	(void)state;
	/* all of it, and more */
	map(&plain, 10, 20);
	unmap(10, 20);
	expect_areas((const unsigned int[]){ 0, 0 });
	map(&plain, 10, 20);
	unmap(5, 25);
	expect_areas((const unsigned int[]){ 0, 0 });
	/* the start, the end, the middle */
	map(&plain, 10, 20);
	unmap(5, 12);
	EXPECT_AREAS(12, 20);
	unmap(18, 25);
	EXPECT_AREAS(12, 18);
	EXPECT(vma_unmap_splits(AT(14), AT(16)) && !vma_unmap_splits(AT(12), AT(16)) &&
	       !vma_unmap_splits(AT(14), AT(18)) && !vma_unmap_splits(AT(0), AT(10)));
	unmap(14, 16);
	EXPECT_AREAS(12, 14, 16, 18);
	/* nothing there */
	unmap(14, 16);
	unmap(0, 12);
	unmap(18, 100);
	EXPECT_AREAS(12, 14, 16, 18);
	/* several, cut at both ends */
	map(&plain, 20, 22);
	map(&other_name, 22, 30);
	unmap(13, 25);
	EXPECT_AREAS(12, 13, 25, 30);
}

static void test_set_flags(void **state)
{
	(void)state;
	map(&other_flags, 10, 20);
	/* the start, then more: the border moves */
	set_flags(10, 12, VM_DATA);
	EXPECT_AREAS(10, 12, 12, 20);
	set_flags(12, 15, VM_DATA);
	EXPECT_AREAS(10, 15, 15, 20);
	set_flags(15, 20, VM_DATA);
	EXPECT_AREAS(10, 20);
	/* the middle, and back */
	set_flags(13, 14, VM_NONE);
	EXPECT_AREAS(10, 13, 13, 14, 14, 20);
	EXPECT_EQ(vma_above(AT(13))->vm_flags, VM_NONE);
	set_flags(13, 14, VM_DATA);
	EXPECT_AREAS(10, 20);
	/* over several and holes */
	map(&other_name, 30, 40);
	map(&plain, 20, 21);
	set_flags(18, 35, VM_READ);
	EXPECT_AREAS(10, 18, 18, 21, 30, 35, 35, 40);
	set_flags(0, 100, VM_NONE);
	EXPECT_AREAS(10, 21, 30, 40);
	/* nothing there */
	set_flags(21, 30, VM_DATA);
	EXPECT_AREAS(10, 21, 30, 40);
}

static void test_set_name(void **state)
{
	(void)state;
	map(&plain, 10, 20);
	EXPECT(vma_prepare(2));
	vma_set_name(AT(12), AT(14), name_b);
	EXPECT_AREAS(10, 12, 12, 14, 14, 20);
	EXPECT(vma_above(AT(12))->vm_name == name_b);
	vma_set_name(AT(14), AT(20), name_b);
	EXPECT_AREAS(10, 12, 12, 20);
	vma_set_name(AT(0), AT(100), name_b);
	EXPECT_AREAS(10, 20);
	expect_record_sound();
}

/* What is left of a file's mapping starts further on in the file. */
static void test_file_offsets(void **state)
{
	unsigned long pages = STEP / 4096;

	(void)state;
	map(&of_a_file, 10, 20);
	unmap(10, 12);
	EXPECT_EQ(vma_above(AT(12))->vm_pgoff, 100 + 2 * pages);
	unmap(15, 16);
	EXPECT_AREAS(12, 15, 16, 20);
	EXPECT_EQ(vma_above(AT(12))->vm_pgoff, 100 + 2 * pages);
	EXPECT_EQ(vma_above(AT(16))->vm_pgoff, 100 + 6 * pages);
	unmap(19, 20);
	EXPECT_EQ(vma_above(AT(16))->vm_pgoff, 100 + 6 * pages);
	unmap(10, 20);
	/* anonymous memory has none */
	map(&plain, 10, 20);
	unmap(10, 12);
	unmap(14, 15);
	EXPECT_EQ(vma_above(AT(12))->vm_pgoff, 0);
	EXPECT_EQ(vma_above(AT(15))->vm_pgoff, 0);
}

static void test_totals(void **state)
{
	static const struct vm_area_struct shared = { .vm_flags = VM_DATA | VM_SHARED },
					   locked = { .vm_flags = VM_DATA | VM_LOCKED },
					   none = { .vm_flags = VM_NORESERVE };
	const struct mm_struct before = kmem_mm;
	unsigned long pages = STEP / 4096;

	(void)state;
	map(&plain, 0, 1);
	map(&shared, 10, 12);
	map(&locked, 20, 24);
	map(&none, 30, 38);
	EXPECT_EQ(kmem_mm.total_vm, before.total_vm + 15 * pages);
	EXPECT_EQ(kmem_mm.data_vm, before.data_vm + 5 * pages);
	EXPECT_EQ(kmem_mm.locked_vm, before.locked_vm + 4 * pages);
	EXPECT_EQ(kmem_mm.reserved_vm, before.reserved_vm + 8 * pages);
	EXPECT_EQ(kmem_mm.map_count, before.map_count + 4);
	unmap(0, 50);
	EXPECT_EQ(kmem_mm.total_vm, before.total_vm);
	EXPECT(kmem_mm.hiwater_vm >= before.total_vm + 15 * pages);
}

/* ---- At random ---- */

#define PAGES 96

static const struct vm_area_struct *const kinds[] = { &plain, &other_flags, &other_name,
						      &other_block, &of_a_file };

static struct {
	const struct vm_area_struct *like; /* NULL: not mapped */
	unsigned long flags;
	const char *name;
	unsigned long pgoff;
	unsigned int file_id; /* of a file: which mapping it is of */
} shadow[PAGES];

static void compare(void)
{
	struct vm_area_struct *vma = vma_above(BASE);
	unsigned int i, areas = 0, runs = 0;

	for (i = 0; i < PAGES; i++) {
		vma = vma_within(AT(i), AT(i + 1));
		EXPECT(!vma == !shadow[i].like);
		if (!vma)
			continue;
		EXPECT(vma->vm_start <= AT(i) && vma->vm_end >= AT(i + 1));
		EXPECT_EQ(vma->vm_flags, shadow[i].flags);
		EXPECT(vma->vm_name == shadow[i].name);
		EXPECT(vma->vm_block == shadow[i].like->vm_block);
		EXPECT(vma->vm_file == shadow[i].like->vm_file);
		if (vma->vm_file)
			EXPECT_EQ(vma->vm_pgoff + ((AT(i) - vma->vm_start) >> 12), shadow[i].pgoff);
		areas += vma->vm_start == AT(i);
		runs += i == 0 || !shadow[i - 1].like || shadow[i - 1].flags != shadow[i].flags ||
			shadow[i - 1].name != shadow[i].name ||
			shadow[i - 1].file_id != shadow[i].file_id ||
			shadow[i - 1].like->vm_block != shadow[i].like->vm_block;
	}
	/* a file's area that was split by a change of flags stays split */
	EXPECT(areas >= runs);
	for (i = 0; i < PAGES && !shadow[i].file_id; i++)
		;
	EXPECT(i < PAGES || areas == runs);
}

static void random_map(uint64_t *rng, unsigned int from, unsigned int to)
{
	static unsigned int file_id;
	const struct vm_area_struct *like = kinds[unit_below(rng, ARRAY_SIZE(kinds))];
	unsigned int i;

	unmap(from, to);
	map(like, from, to);
	file_id++;
	for (i = from; i < to; i++) {
		shadow[i].like = like;
		shadow[i].flags = like->vm_flags;
		shadow[i].name = like->vm_name;
		shadow[i].file_id = like->vm_file ? file_id : 0;
		shadow[i].pgoff = like->vm_pgoff + (AT(i) - AT(from)) / 4096;
	}
}

static void test_trace(void **state)
{
	static const unsigned long flags[] = { VM_NONE, VM_READ, VM_DATA, VM_DATA | VM_LOCKED };
	uint64_t rng = unit_seed(0x3a3a);
	unsigned int step, steps = unit_steps(20000), i;

	(void)state;
	for (step = 0; step < steps; step++) {
		unsigned int from = unit_below(&rng, PAGES);
		unsigned int to =
			from + 1 + unit_below(&rng, PAGES - from < 12 ? PAGES - from : 12);
		unsigned long new_flags = flags[unit_below(&rng, ARRAY_SIZE(flags))];

		switch (unit_below(&rng, 4)) {
		case 0:
			random_map(&rng, from, to);
			break;
		case 1:
			unmap(from, to);
			for (i = from; i < to; i++)
				shadow[i].like = NULL, shadow[i].file_id = 0;
			break;
		case 2:
			set_flags(from, to, new_flags);
			for (i = from; i < to; i++)
				shadow[i].flags = new_flags;
			break;
		default:
			EXPECT(vma_prepare(2));
			vma_set_name(AT(from), AT(to), name_b);
			for (i = from; i < to; i++)
				shadow[i].name = name_b;
			break;
		}
		compare();
	}
}

/* ---- Descriptors ---- */

static int refuse(long nr, unsigned long args[6])
{
	(void)args;
	return nr == SYS_mmap || nr == SYS_mprotect ? ENOMEM : 0;
}

static void touch(void *arg)
{
	*(volatile char *)arg = 1;
}

/* More than there are: from chunks, which are in the record as well, and between guards. */
static void test_chunks(void **state)
{
	unsigned long size = vma_pool_size(), per_chunk;
	unsigned int i, n = 0;
	struct vm_area_struct *vma, *data = NULL;

	(void)state;
	while (vma_pool_size() == size) {
		map(&plain, 2 * n, 2 * n + 1);
		n++;
	}
	per_chunk = vma_pool_size() - size;
	EXPECT(per_chunk >= 256);
	for (vma = kmem_mm.mmap; vma; vma = vma->vm_next)
		if (vma->vm_name && strcmp(vma->vm_name, "kmem vma") == 0 &&
		    vma->vm_flags & VM_WRITE)
			data = vma;
	EXPECT(data != NULL);
	EXPECT(data->vm_prev->vm_block == data->vm_block &&
	       data->vm_next->vm_block == data->vm_block);
	EXPECT_EQ(data->vm_prev->vm_end - data->vm_prev->vm_start, META_GUARD);
	EXPECT_EQ(data->vm_next->vm_end - data->vm_next->vm_start, META_GUARD);
	unit_dies_by(touch, (char *)data->vm_start - 1, SIGSEGV);
	unit_dies_by(touch, (char *)data->vm_end, SIGSEGV);
	/* what is freed serves again: no further chunk */
	for (i = 0; i < 3 * per_chunk; i++) {
		unmap(2 * (i % n), 2 * (i % n) + 1);
		map(&plain, 2 * (i % n), 2 * (i % n) + 1);
	}
	EXPECT_EQ(vma_pool_size(), size + per_chunk);
	vma_unmap(ALL);
}

/* Each call of those that a new chunk takes is refused once; and all of them. */
static void test_chunk_refused(void **state)
{
	unsigned long size, hash;
	unsigned int n = 0;

	(void)state;
	unit_os_hook = refuse;
	size = vma_pool_size();
	while (vma_prepare(1)) {
		vma_map(&plain, AT(2 * n), AT(2 * n + 1));
		n++;
	}
	EXPECT_EQ(vma_pool_size(), size);
	EXPECT(n < size);
	hash = record_hash(0, ~0UL);
	EXPECT(!vma_prepare(1));
	EXPECT(vma_prepare(0));
	EXPECT_EQ(record_hash(0, ~0UL), hash);
	expect_record_sound();
	unit_os_hook = NULL;
	EXPECT(vma_prepare(1));
	expect_record_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_find, teardown),
		cmocka_unit_test_teardown(test_merge, teardown),
		cmocka_unit_test_teardown(test_no_merge, teardown),
		cmocka_unit_test_teardown(test_unmap, teardown),
		cmocka_unit_test_teardown(test_set_flags, teardown),
		cmocka_unit_test_teardown(test_set_name, teardown),
		cmocka_unit_test_teardown(test_file_offsets, teardown),
		cmocka_unit_test_teardown(test_totals, teardown),
		cmocka_unit_test_teardown(test_trace, teardown),
		cmocka_unit_test_teardown(test_chunks, teardown),
		cmocka_unit_test_teardown(test_chunk_refused, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
