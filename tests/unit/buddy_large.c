/* SPDX-License-Identifier: MIT */
/*
 * Large blocks of both kinds, and their faults.
 *
 * All of these work on zone_normal. Between the tests nothing is in use, and the zone is looked at
 * page by page. What a block holds is a pattern, so that each way to resize it shows what it kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "large.h"
#include "unit_buddy.h"

#define MIB (1UL << 20)

static int setup(void **state)
{
	(void)state;
	set_decay("decay_ms=-1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EXPECT_EQ(large_count(), 0);
	EXPECT_EQ(large_bytes(), 0);
	EXPECT_EQ(area_count(), 0);
	EXPECT_EQ(area_bytes(), 0);
	purge_all(&zone_normal);
	expect_all_free(&zone_normal);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
	return 0;
}

static size_t pages_of(size_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static void release(void *addr)
{
	EXPECT_EQ(large_free(NULL, addr), 0);
}

/* ---- Allocation ---- */

static void test_exact_sizes(void **state)
{
	size_t bytes, pages;

	(void)state;
	for (bytes = 1; bytes < 3 * MIB; bytes += bytes / 3 + 1) {
		char *block = large_alloc(NULL, bytes, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);

		pages = pages_of(bytes);
		EXPECT(block != NULL);
		EXPECT_EQ((uintptr_t)block % PAGE_SIZE, 0);
		EXPECT_EQ(large_size(block), pages * PAGE_SIZE);
		EXPECT_EQ(used_pages(), pages);
		EXPECT_EQ(large_bytes(), pages * PAGE_SIZE);
		EXPECT_EQ(large_count(), 1);
		memset(block, 0x77, large_size(block));
		EXPECT_EQ(large_size(block + 16), 0);
		EXPECT_EQ(large_size(block + PAGE_SIZE), 0);
		EXPECT(large_stays(block, bytes) && large_stays(block, pages * PAGE_SIZE));
		EXPECT(!large_stays(block, pages * PAGE_SIZE + 1));
		EXPECT(!large_stays(block, (pages - 1) * PAGE_SIZE));
		EXPECT(!large_stays(block, SIZE_MAX));
		EXPECT(!large_stays(block + 16, bytes) && !large_stays(NULL, bytes));
		release(block);
		EXPECT(!large_stays(block, bytes));
		expect_zone_sound(&zone_normal);
	}
}

static void test_alignment(void **state)
{
	static const size_t sizes[] = { 1, PAGE_SIZE, 33333, 65536, 5 * MIB, 64 * MIB, 65 * MIB };
	unsigned int shift, i;

	(void)state;
	for (shift = 12; shift <= 30; shift++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			void *block =
				large_alloc(NULL, sizes[i], 1UL << shift, NUMA_NO_NODE, GFP_KERNEL);

			EXPECT(block != NULL);
			EXPECT_EQ((uintptr_t)block % (1UL << shift), 0);
			EXPECT_EQ(large_size(block), pages_of(sizes[i]) * PAGE_SIZE);
			EXPECT_EQ(area_count(), sizes[i] > 64 * MIB || shift > 26);
			EXPECT_EQ(large_count(), 1);
			*(char *)block = 1;
			release(block);
		}
}

/* Zeroed is zeroed, of dirty pages, of clean ones, and of both. */
static void test_zeroed(void **state)
{
	static const size_t sizes[] = { 40000, MIB, 3 * MIB + 5, 70 * MIB };
	unsigned int i, round;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (round = 0; round < 3; round++) {
			char *block = large_alloc(NULL, sizes[i], PAGE_SIZE, NUMA_NO_NODE,
						  GFP_KERNEL | __GFP_ZERO);

			EXPECT(unit_is_zero(block, large_size(block)));
			memset(block, 0xee, sizes[i]);
			release(block);
			if (round == 1)
				purge_all(&zone_normal);
		}
		/* every other piece of it dirty */
		if (sizes[i] == MIB) {
			char *block = large_alloc(NULL, MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL),
			     *pieces[8];
			unsigned int n;

			memset(block, 0xee, MIB);
			release(block);
			purge_all(&zone_normal);
			for (n = 0; n < 8; n++)
				pieces[n] = large_alloc(NULL, 16 * PAGE_SIZE, PAGE_SIZE,
							NUMA_NO_NODE, GFP_KERNEL);
			for (n = 0; n < 8; n += 2) {
				memset(pieces[n], 0xee, 16 * PAGE_SIZE);
				release(pieces[n]);
			}
			block = large_alloc(NULL, 16 * PAGE_SIZE, PAGE_SIZE, NUMA_NO_NODE,
					    GFP_KERNEL | __GFP_ZERO);
			EXPECT(unit_is_zero(block, 16 * PAGE_SIZE));
			release(block);
			for (n = 1; n < 8; n += 2)
				release(pieces[n]);
			block = large_alloc(NULL, MIB, PAGE_SIZE, NUMA_NO_NODE,
					    GFP_KERNEL | __GFP_ZERO);
			EXPECT(unit_is_zero(block, MIB));
			release(block);
		}
	}
}

/* Clean pages are not written to: zeroed memory costs nothing until it is used. */
static void test_zeroed_memory_is_not_touched(void **state)
{
	unsigned char vec[4 * MIB / PAGE_SIZE];
	unsigned int i;
	char *block;

	(void)state;
	purge_all(&zone_normal);
	block = large_alloc(NULL, 4 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO);
	EXPECT_EQ(mincore(block, 4 * MIB, vec), 0);
	for (i = 0; i < sizeof(vec); i++)
		EXPECT((vec[i] & 1) == 0);
	release(block);
}

/* What will be written is faulted in at once, and nothing else. */
static void test_written_memory_is_there(void **state)
{
	unsigned char vec[4 * MIB / PAGE_SIZE];
	unsigned int i, there = 3 * MIB / PAGE_SIZE;
	char *block;

	(void)state;
	purge_all(&zone_normal);
	block = large_alloc(NULL, 4 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	errno = EDOM;
	large_will_write(block, 3 * MIB + 100);
	EXPECT_EQ(errno, EDOM);
	EXPECT_EQ(mincore(block, 4 * MIB, vec), 0);
	/* a kernel without the call has faulted in nothing */
	for (i = 0; i < sizeof(vec); i++)
		EXPECT_EQ(vec[i] & 1, i < there && (vec[0] & 1));
	EXPECT(unit_is_zero(block, 4 * MIB));
	release(block);

	/* little is not worth a call, and an area is left alone */
	purge_all(&zone_normal);
	block = large_alloc(NULL, MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	large_will_write(block, 15 * PAGE_SIZE);
	EXPECT_EQ(mincore(block, PAGE_SIZE, vec), 0);
	EXPECT_EQ(vec[0] & 1, 0);
	release(block);
	block = large_alloc(NULL, 100 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	large_will_write(block, 100 * MIB);
	EXPECT_EQ(mincore(block, PAGE_SIZE, vec), 0);
	EXPECT_EQ(vec[0] & 1, 0);
	release(block);
}

/* ---- Resizing ---- */

static void test_shrink_in_place(void **state)
{
	char *block = large_alloc(NULL, 2 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	size_t bytes;

	(void)state;
	unit_fill(block, 2 * MIB, 1);
	for (bytes = 2 * MIB; bytes > PAGE_SIZE; bytes = bytes * 2 / 3) {
		EXPECT(large_resize(block, bytes, true) == block);
		EXPECT_EQ(large_size(block), pages_of(bytes) * PAGE_SIZE);
		EXPECT_EQ(used_pages(), pages_of(bytes));
		EXPECT_EQ(large_bytes(), pages_of(bytes) * PAGE_SIZE);
		EXPECT(unit_holds(block, bytes & ~7UL, 1));
	}
	expect_zone_sound(&zone_normal);
	release(block);
}

/* The page behind a block is somebody's: the block cannot grow where it stands. */
static struct page *take_behind(const void *block)
{
	struct page *page = page_at(block) + large_size(block) / PAGE_SIZE;

	EXPECT(zone_claim(&zone_normal, page, 1));
	return page;
}

static void test_grow_in_place(void **state)
{
	char *block = large_alloc(NULL, PAGE_SIZE, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	struct page *behind;
	size_t bytes;

	(void)state;
	unit_fill(block, PAGE_SIZE, 2);
	for (bytes = 2 * PAGE_SIZE; bytes < 60 * MIB; bytes += bytes / 2) {
		EXPECT(large_resize(block, bytes, true) == block);
		EXPECT_EQ(large_size(block), pages_of(bytes) * PAGE_SIZE);
		EXPECT_EQ(used_pages(), pages_of(bytes));
		EXPECT(unit_holds(block, PAGE_SIZE, 2));
		block[bytes - 1] = 1;
	}
	/* something in the way, and too small to move */
	EXPECT(large_resize(block, MIB / 2, true) == block);
	behind = take_behind(block);
	EXPECT(large_resize(block, 3 * MIB / 4, true) == NULL);
	EXPECT_EQ(large_size(block), MIB / 2);
	EXPECT(unit_holds(block, PAGE_SIZE, 2));
	zone_free(&zone_normal, behind, 1);
	EXPECT(large_resize(block, 3 * MIB / 4, true) == block);
	release(block);
}

/*
 * Where there is memory that was freed, a block moves rather than grow into what has to be faulted
 * in.
 */
static void test_grow_by_copy(void **state)
{
	char *block, *freed, *to;

	(void)state;
	purge_all(&zone_normal);
	block = large_alloc(NULL, MIB, MIB, NUMA_NO_NODE, GFP_KERNEL);
	unit_fill(block, MIB, 7);
	freed = large_alloc(NULL, 4 * MIB, 4 * MIB, NUMA_NO_NODE, GFP_KERNEL);
	unit_fill(freed, 4 * MIB, 8);
	EXPECT_EQ(large_free(NULL, freed), 0);
	/* a little more is had for less */
	EXPECT(large_resize(block, MIB + MIB / 8, true) == block);
	EXPECT(large_resize(block, MIB, true) == block);

	to = large_resize(block, MIB + MIB / 2 + 1, true);
	EXPECT(to >= freed && to < freed + 4 * MIB);
	EXPECT(unit_holds(to, MIB, 7));
	EXPECT_EQ(large_size(to), MIB + MIB / 2 + PAGE_SIZE);
	EXPECT_EQ(large_bytes(), MIB + MIB / 2 + PAGE_SIZE);
	EXPECT_EQ(large_count(), 1);
	EXPECT_EQ(used_pages(), pages_of(large_size(to)));
	EXPECT_EQ(large_size(block), 0);
	EXPECT(zone_page_is_free(&zone_normal, page_at(block)));
	EXPECT_EQ(large_free(NULL, block), -EINVAL);
	expect_zone_sound(&zone_normal);
	release(to);
}

/* To @pages, where it is. */
static void grow_here(char *block, unsigned int pages, unsigned int got)
{
	EXPECT(large_resize(block, pages * PAGE_SIZE, true) == block);
	EXPECT_EQ(large_size(block), got * PAGE_SIZE);
	EXPECT_EQ(large_bytes(), got * PAGE_SIZE);
}

/*
 * A block that grows by little for the second time has room for more, here or elsewhere: a fifth of
 * what it asked for. When it wants to be less again, it is just that.
 */
static void test_room_to_grow(void **state)
{
	char *block = large_alloc(NULL, MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL), *to;
	struct page *behind;
	size_t bytes;

	(void)state;
	unit_fill(block, MIB, 5);
	grow_here(block, 40, 40);
	grow_here(block, 42, 42);
	grow_here(block, 44, 52);
	EXPECT_EQ(used_pages(), 52);
	for (bytes = 44 * PAGE_SIZE; bytes <= 50 * PAGE_SIZE; bytes += 1000) {
		EXPECT(large_stays(block, bytes));
		EXPECT_EQ(large_size(block), 52 * PAGE_SIZE);
	}
	/* no more than was asked for last, and then it begins anew */
	EXPECT(!large_stays(block, 48 * PAGE_SIZE));
	grow_here(block, 48, 48);
	grow_here(block, 51, 51);
	grow_here(block, 54, 64);
	/* nor by larger steps */
	grow_here(block, 80, 80);
	grow_here(block, 85, 85);
	/* not for a power of two, since these begin at a multiple of it */
	grow_here(block, 60, 60);
	grow_here(block, 62, 62);
	grow_here(block, 64, 64);
	grow_here(block, 66, 66 + 13);

	behind = take_behind(block);
	EXPECT(large_resize(block, 80 * PAGE_SIZE, false) == NULL);
	to = large_resize(block, 80 * PAGE_SIZE, true);
	EXPECT(to != NULL && to != block);
	EXPECT(unit_holds(to, 40 * PAGE_SIZE, 5));
	EXPECT_EQ(large_size(to), 96 * PAGE_SIZE);
	EXPECT_EQ(large_count(), 1);
	EXPECT_EQ(large_size(block), 0);
	EXPECT_EQ(used_pages(), 96 + 1);
	zone_free(&zone_normal, behind, 1);
	release(to);
}

/* Something in the way: the pages move to an area, the contents with them. */
static void test_grow_by_moving_pages(void **state)
{
	char *block = large_alloc(NULL, 3 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL), *to;
	struct page *page = page_at(block), *behind = take_behind(block);

	(void)state;
	unit_fill(block, 3 * MIB, 3);
	to = large_resize(block, 5 * MIB, true);
	if (unit_on_valgrind()) {
		EXPECT(to == NULL);
		EXPECT(unit_holds(block, 3 * MIB, 3));
		to = block;
	} else {
		EXPECT(to != NULL && to != block);
		EXPECT_EQ(section_of(to)->type, SECTION_AREA);
		EXPECT_EQ(large_size(to), 5 * MIB);
		EXPECT_EQ(area_count(), 1);
		EXPECT(unit_holds(to, 3 * MIB, 3));
		EXPECT(unit_is_zero(to + 3 * MIB, 2 * MIB));
		EXPECT(zone_page_is_free(&zone_normal, page));
		EXPECT_EQ(large_size(block), 0);
		/* on from there, in place or not, and down again */
		unit_fill(to, 5 * MIB, 4);
		to = large_resize(to, 100 * MIB, true);
		EXPECT(to != NULL && unit_holds(to, 5 * MIB, 4));
		EXPECT(unit_is_zero(to + 5 * MIB, MIB) && unit_is_zero(to + 99 * MIB, MIB));
		EXPECT(large_resize(to, 2 * MIB, true) == to);
		EXPECT_EQ(large_size(to), 2 * MIB);
		EXPECT(unit_holds(to, 2 * MIB, 4));
	}
	release(to);
	zone_free(&zone_normal, behind, 1);
}

/* Also where the kernel has two mappings there, since a part of the section may have huge pages. */
static void test_moving_huge_pages(void **state)
{
	char *block = large_alloc(NULL, 3 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL), *to;
	struct page *behind = take_behind(block);

	(void)state;
	unit_fill(block, 3 * MIB, 3);
	os_advise_huge(block + MIB, MIB, true);
	page_section(page_at(block))->huge = true;
	to = large_resize(block, 5 * MIB, true);
	EXPECT_EQ(to != NULL, !unit_on_valgrind());
	if (!to)
		to = block;
	EXPECT(unit_holds(to, 3 * MIB, 3));
	release(to);
	zone_free(&zone_normal, behind, 1);
}

static int refuse_mremap(long nr, unsigned long args[6])
{
	(void)args;
	return nr == SYS_mremap ? ENOMEM : 0;
}

/* Neither place nor a move: the block is as it was. */
static void test_resize_refused(void **state)
{
	char *block = large_alloc(NULL, 3 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL), *area;
	struct page *behind = take_behind(block);

	(void)state;
	unit_fill(block, 3 * MIB, 5);
	area = large_alloc(NULL, 100 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	unit_fill(area, MIB, 6);
	unit_os_hook = refuse_mremap;
	EXPECT(large_resize(block, 5 * MIB, true) == NULL);
	EXPECT(large_resize(area, 200 * MIB, true) == NULL);
	unit_os_hook = NULL;
	EXPECT_EQ(large_size(block), 3 * MIB);
	EXPECT_EQ(large_size(area), 100 * MIB);
	EXPECT_EQ(large_count(), 2);
	EXPECT(unit_holds(block, 3 * MIB, 5));
	EXPECT(unit_holds(area, MIB, 6));
	expect_zone_sound(&zone_normal);
	release(block);
	release(area);
	zone_free(&zone_normal, behind, 1);
}

/* ---- What cannot be freed ---- */

static int on_stack;

static void expect_fault(const void *addr, enum large_fault fault)
{
	EXPECT_EQ(large_free(NULL, addr), -EINVAL);
	EXPECT_EQ(large_size(addr), 0);
	EXPECT_EQ(large_fault(addr), fault);
}

static void test_faults(void **state)
{
	char *block = large_alloc(NULL, 100000, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	char *area = large_alloc(NULL, 70 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);
	void *heap = malloc(100);
	int local;

	(void)state;
	expect_fault(block + 1, FAULT_INTERIOR);
	expect_fault(block + PAGE_SIZE, FAULT_INTERIOR);
	expect_fault(block + 24 * PAGE_SIZE + 100, FAULT_INTERIOR);
	expect_fault(area + 1, FAULT_INTERIOR);
	expect_fault(area + 69 * MIB, FAULT_INTERIOR);

	expect_fault(&on_stack, FAULT_FOREIGN);
	expect_fault(&local, FAULT_FOREIGN);
	expect_fault(heap, FAULT_FOREIGN);
	expect_fault((void *)test_faults, FAULT_FOREIGN);
	expect_fault((void *)8, FAULT_FOREIGN);
	expect_fault((void *)-8L, FAULT_FOREIGN);
	expect_fault((void *)0x8000000000000000, FAULT_FOREIGN);
	expect_fault((void *)0x0000800000000000, FAULT_FOREIGN);

	/* freed, and known, also when it costs no memory any more; but an area is gone */
	release(block);
	expect_fault(block, FAULT_DOUBLE_FREE);
	expect_fault(block + 24 * PAGE_SIZE, FAULT_DOUBLE_FREE);
	purge_all(&zone_normal);
	expect_fault(block, FAULT_DOUBLE_FREE);
	release(area);
	expect_fault(area, FAULT_FOREIGN);
	free(heap);
}

static int refuse_munmap(long nr, unsigned long args[6])
{
	(void)args;
	return nr == SYS_munmap || nr == SYS_madvise ? ENOMEM : 0;
}

/* An area that the OS would not take back is remembered as freed. */
static void free_a_stuck_area(void *arg)
{
	char *area = large_alloc(NULL, 70 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL);

	(void)arg;
	unit_os_hook = refuse_munmap;
	release(area);
	expect_fault(area, FAULT_DOUBLE_FREE);
	expect_fault(area + MIB, FAULT_DOUBLE_FREE);
	EXPECT_EQ(area_count(), 0);
	unit_os_hook = NULL;
	/* tried again at the next chance */
	release(large_alloc(NULL, 70 * MIB, PAGE_SIZE, NUMA_NO_NODE, GFP_KERNEL));
	expect_fault(area, FAULT_FOREIGN);
}

static void test_stuck_area(void **state)
{
	char text[300];

	(void)state;
	EXPECT_EQ(unit_child(free_a_stuck_area, NULL, text, sizeof(text)), 0);
	EXPECT(strncmp(text, "kmem: the OS takes neither pages nor addresses of 0x", 51) == 0);
}

/* ---- Threads ---- */

static void *contended;
static unsigned int nr_freed;

static void free_it_too(void *arg, unsigned int id)
{
	(void)arg;
	(void)id;
	if (large_free(NULL, contended) == 0)
		__atomic_fetch_add(&nr_freed, 1, __ATOMIC_RELAXED);
}

/* Of many frees of one block one succeeds, and the others are told. */
static void test_free_by_many(void **state)
{
	unsigned int round, rounds = unit_steps(100);

	(void)state;
	for (round = 0; round < rounds; round++) {
		contended = large_alloc(NULL, round % 2 ? 50000 : 70 * MIB, PAGE_SIZE, NUMA_NO_NODE,
					GFP_KERNEL);
		nr_freed = 0;
		unit_threads(4, free_it_too, NULL);
		EXPECT_EQ(nr_freed, 1);
	}
}

static void churn(void *arg, unsigned int id)
{
	struct per_cpu_pages *pcp = id ? pcp_of_lane(id % 2) : NULL;
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, n, steps = unit_steps(2000);
	char *blocks[16] = { NULL };
	size_t bytes[16];

	for (i = 0; i < steps; i++) {
		size_t want = (size_t)unit_below(&rng, 200000)
			      << (unit_below(&rng, 8) == 0 ? 5 : 0);
		char *to;

		n = unit_below(&rng, ARRAY_SIZE(blocks));
		want = want / 8 * 8 + 8;
		if (!blocks[n]) {
			blocks[n] = large_alloc(pcp, want, PAGE_SIZE, NUMA_NO_NODE,
						GFP_KERNEL | (i % 2 ? __GFP_ZERO : 0));
			EXPECT(blocks[n] != NULL);
			if (i % 2)
				EXPECT(unit_is_zero(blocks[n], want));
			bytes[n] = want;
		} else if (unit_below(&rng, 2)) {
			EXPECT(unit_holds(blocks[n], 4096 < bytes[n] ? 4096 : bytes[n], n));
			EXPECT_EQ(large_free(pcp, blocks[n]), 0);
			blocks[n] = NULL;
			continue;
		} else {
			to = large_resize(blocks[n], want, true);
			if (to) {
				blocks[n] = to;
				bytes[n] = want;
			}
			want = bytes[n] < 4096 ? bytes[n] : 4096;
			EXPECT(unit_holds(blocks[n], want < 8 ? want : 8, n));
		}
		unit_fill(blocks[n], 4096 < bytes[n] ? 4096 : bytes[n], n);
	}
	for (n = 0; n < ARRAY_SIZE(blocks); n++)
		if (blocks[n])
			release(blocks[n]);
}

static void test_threads(void **state)
{
	uint64_t seed = unit_seed(0x1a26e);

	(void)state;
	set_decay("decay_ms=5");
	unit_threads(4, churn, &seed);
}

#define large_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		large_test(test_exact_sizes),
		large_test(test_alignment),
		large_test(test_zeroed),
		large_test(test_zeroed_memory_is_not_touched),
		large_test(test_written_memory_is_there),
		large_test(test_shrink_in_place),
		large_test(test_grow_in_place),
		large_test(test_grow_by_copy),
		large_test(test_room_to_grow),
		large_test(test_grow_by_moving_pages),
		large_test(test_moving_huge_pages),
		large_test(test_resize_refused),
		large_test(test_faults),
		large_test(test_stuck_area),
		large_test(test_free_by_many),
		large_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
