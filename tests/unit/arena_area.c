/* SPDX-License-Identifier: MIT */
/*
 * Areas: their alignment, what they keep when they grow, shrink and move, adopted pages, and what
 * happens when the kernel does not take them back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "area.h"
#include "os.h"
#include "unit.h"

#define MIB (1UL << 20)

static int teardown(void **state)
{
	(void)state;
	unit_os_hook = NULL;
	EXPECT_EQ(area_count(), 0);
	EXPECT_EQ(area_bytes(), 0);
	return 0;
}

static void touch(void *arg)
{
	*(volatile char *)arg = 1;
}

static struct section *section_at(char *start)
{
	struct section *s = section_of(start);

	EXPECT(s != NULL);
	EXPECT_EQ(s->type, SECTION_AREA);
	EXPECT_EQ(s->start, (uintptr_t)start);
	return s;
}

/* Every slot of it, and no other, is its section's. */
static void expect_entered(char *start, size_t bytes)
{
	struct section *s = section_at(start);
	size_t slots = (bytes + SECTION_SIZE - 1) / SECTION_SIZE, i;

	EXPECT_EQ(s->bytes, bytes);
	for (i = 0; i < slots; i++)
		EXPECT(section_of(start + i * SECTION_SIZE) == s);
	EXPECT(section_of(start + bytes - 1) == s);
	EXPECT(section_of(start + slots * SECTION_SIZE) != s);
	EXPECT(section_of(start - 1) != s);
	EXPECT(page_at(start) == NULL);
	EXPECT(!area_is_stuck(s));
}

static char *alloc(size_t bytes)
{
	char *start = area_alloc(bytes, 4096);

	EXPECT(start != NULL);
	expect_entered(start, bytes);
	return start;
}

static void release(char *start)
{
	EXPECT_EQ(area_free(section_at(start), start), 0);
	EXPECT(section_of(start) == NULL);
}

static void test_alloc(void **state)
{
	static const size_t sizes[] = { 1, 4096, 100000, MIB, 64 * MIB, 65 * MIB, 200 * MIB };
	unsigned int i, shift;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (shift = 4; shift <= 34; shift += unit_on_valgrind() ? 10 : 3) {
			size_t bytes = (sizes[i] + 4095) & ~4095UL;
			char *start = area_alloc(sizes[i], 1UL << shift);

			EXPECT(start != NULL);
			EXPECT_EQ((uintptr_t)start % (1UL << shift), 0);
			expect_entered(start, bytes);
			EXPECT_EQ(area_count(), 1);
			EXPECT_EQ(area_bytes(), bytes);
			EXPECT(unit_is_zero(start, bytes < MIB ? bytes : MIB));
			start[0] = start[bytes - 1] = 1;
			release(start);
		}
}

static void test_many(void **state)
{
	uint64_t rng = unit_seed(0xa2ea);
	char *area[20] = { NULL };
	size_t bytes[20];
	unsigned int i, n, steps = unit_steps(400);

	(void)state;
	for (i = 0; i < steps; i++) {
		n = unit_below(&rng, ARRAY_SIZE(area));
		if (area[n]) {
			EXPECT(unit_holds(area[n], 64, n));
			EXPECT(unit_holds(area[n] + bytes[n] - 64, 64, n));
			release(area[n]);
			area[n] = NULL;
			continue;
		}
		bytes[n] = (unit_below(&rng, 50000) + 1) * 4096ul;
		area[n] = alloc(bytes[n]);
		EXPECT(unit_is_zero(area[n], 4096));
		unit_fill(area[n], 64, n);
		unit_fill(area[n] + bytes[n] - 64, 64, n);
	}
	for (n = 0; n < ARRAY_SIZE(area); n++)
		if (area[n])
			release(area[n]);
}

/* Of two frees one is told. Descriptors stay readable for ever, so it may come late. */
static void test_double_free(void **state)
{
	char *start = alloc(MIB), *other;
	struct section *s = section_at(start);

	(void)state;
	release(start);
	EXPECT_EQ(area_free(s, start), -EINVAL);
	EXPECT_EQ(area_count(), 0);
	EXPECT(!unit_is_mapped(start));
	/* even when the descriptor is another's by then */
	other = area_alloc(200 * MIB, 1UL << 32);
	EXPECT(section_at(other) == s && other != start);
	EXPECT_EQ(area_free(s, start), -EINVAL);
	EXPECT(!area_is_stuck(s));
	release(other);
}

static void test_shrink(void **state)
{
	char *start = alloc(300 * MIB);
	size_t bytes;

	(void)state;
	unit_fill(start, MIB, 1);
	for (bytes = 280 * MIB; bytes >= MIB; bytes = bytes / 2 / 4096 * 4096) {
		EXPECT(area_resize(section_at(start), bytes) == start);
		expect_entered(start, bytes);
		EXPECT_EQ(area_bytes(), bytes);
		EXPECT(unit_holds(start, MIB, 1));
		touch(start + bytes - 1);
		EXPECT(!unit_is_mapped(start + bytes));
	}
	EXPECT_EQ(area_count(), 1);
	release(start);
}

/* To the next page: what is between costs nothing to keep. */
static void test_resize_to_odd_sizes(void **state)
{
	char *start = alloc(2 * MIB);

	(void)state;
	EXPECT(area_resize(section_at(start), MIB + 1) == start);
	expect_entered(start, MIB + 4096);
	EXPECT(area_resize(section_at(start), MIB + 4095) == start);
	expect_entered(start, MIB + 4096);
	release(start);
}

static void test_grow_in_place(void **state)
{
	char *start = alloc(MIB);
	size_t bytes;

	(void)state;
	/* a slot of its own has room, whatever lies behind it */
	for (bytes = MIB; bytes <= SECTION_SIZE; bytes *= 2) {
		unit_fill(start + bytes - MIB, MIB, bytes);
		EXPECT(area_resize(section_at(start), bytes * 2) == start || bytes == SECTION_SIZE);
		if (bytes == SECTION_SIZE)
			break;
		expect_entered(start, bytes * 2);
		EXPECT(unit_holds(start + bytes - MIB, MIB, bytes));
		EXPECT(unit_is_zero(start + bytes, MIB));
	}
	release(start);
}

/* With something in the way. */
static void test_grow_by_moving(void **state)
{
	char *start = alloc(SECTION_SIZE), *to;
	void *wall = mmap(start + SECTION_SIZE, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	unit_fill(start, MIB, 7);
	unit_fill(start + SECTION_SIZE - MIB, MIB, 8);
	to = area_resize(section_at(start), 3 * SECTION_SIZE);
	EXPECT(to != NULL && to != start);
	EXPECT(section_of(start) == NULL);
	expect_entered(to, 3 * SECTION_SIZE);
	EXPECT(unit_holds(to, MIB, 7));
	EXPECT(unit_holds(to + SECTION_SIZE - MIB, MIB, 8));
	EXPECT(unit_is_zero(to + SECTION_SIZE, MIB));
	EXPECT(unit_is_zero(to + 3 * SECTION_SIZE - MIB, MIB));
	EXPECT_EQ(area_count(), 1);
	EXPECT_EQ(area_bytes(), 3 * SECTION_SIZE);
	EXPECT(!unit_is_mapped(start));
	munmap(wall, 4096);
	release(to);
}

static long refused_call, refused_skip;

static int refuse(long nr, unsigned long args[6])
{
	(void)args;
	if (nr != refused_call)
		return 0;
	return refused_skip-- > 0 ? 0 : EPERM;
}

static void start_refusing(long call, long skip)
{
	refused_call = call;
	refused_skip = skip;
	unit_os_hook = refuse;
}

static void test_resize_refused(void **state)
{
	char *start = alloc(80 * MIB), *to;

	(void)state;
	unit_fill(start, MIB, 9);
	start_refusing(SYS_mremap, 0);
	EXPECT(area_resize(section_at(start), 300 * MIB) == NULL);
	expect_entered(start, 80 * MIB);
	/* in place: no, and nowhere to move to */
	start_refusing(SYS_mmap, 0);
	to = area_resize(section_at(start), 81 * MIB);
	EXPECT(to == NULL || to == start);
	unit_os_hook = NULL;
	EXPECT(area_resize(section_at(start), 80 * MIB) == start);
	/* a tail that is not taken back stays usable */
	start_refusing(SYS_munmap, 0);
	EXPECT(area_resize(section_at(start), MIB) == start);
	expect_entered(start, 80 * MIB);
	touch(start + 80 * MIB - 1);
	unit_os_hook = NULL;
	EXPECT(unit_holds(start, MIB, 9));
	EXPECT_EQ(area_count(), 1);
	EXPECT_EQ(area_bytes(), 80 * MIB);
	release(start);
}

static void test_alloc_refused(void **state)
{
	(void)state;
	errno = EXDEV;
	start_refusing(SYS_mmap, 0);
	EXPECT(area_alloc(MIB, 4096) == NULL);
	start_refusing(SYS_mprotect, 0);
	EXPECT(area_alloc(MIB, 4096) == NULL);
	unit_os_hook = NULL;
	EXPECT(area_alloc(1UL << 62, 4096) == NULL);
	EXPECT(area_alloc(MIB, 1UL << 62) == NULL);
	EXPECT_EQ(errno, EXDEV);
}

/* ---- Adopted pages ---- */

static char *some_pages(size_t bytes)
{
	char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(pages != MAP_FAILED);
	unit_fill(pages, bytes, 10);
	return pages;
}

static void test_adopt(void **state)
{
	static const size_t sizes[][2] = {
		{ MIB, MIB + 1 },
		{ MIB, 2 * MIB },
		{ 4096, 70 * MIB },
		{ 66 * MIB, 130 * MIB },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t old = sizes[i][0], bytes = (sizes[i][1] + 4095) & ~4095UL;
		char *pages = some_pages(old), *to = area_adopt(pages, old, sizes[i][1]);

		if (unit_on_valgrind()) {
			EXPECT(to == NULL);
			EXPECT(unit_holds(pages, old, 10));
			munmap(pages, old);
			continue;
		}
		EXPECT(to != NULL);
		expect_entered(to, bytes);
		EXPECT(unit_holds(to, old, 10));
		EXPECT(unit_is_zero(to + old, bytes - old < MIB ? bytes - old : MIB));
		/* the source is ours still, and empty */
		EXPECT(unit_is_zero(pages, old));
		memset(pages, 0xff, old);
		EXPECT(unit_holds(to, old, 10));
		EXPECT_EQ(area_count(), 1);
		munmap(pages, old);
		release(to);
	}
}

/* Not to be had, or not growing: everything is as it was. */
static void test_adopt_refused(void **state)
{
	static const struct {
		long call, skip;
	} refusals[] = {
		{ SYS_mmap, 0 },
		{ SYS_munmap, 0 },
		{ SYS_mremap, 0 },
		{ SYS_mremap, 1 },
	};
	char *pages = some_pages(2 * MIB);
	unsigned int i;

	(void)state;
	EXPECT(area_adopt(pages, 2 * MIB, MIB) == NULL);
	EXPECT(area_adopt(pages, 2 * MIB, 2 * MIB) == NULL);
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		start_refusing(refusals[i].call, refusals[i].skip);
		EXPECT(area_adopt(pages, 2 * MIB, 5 * MIB) == NULL);
		unit_os_hook = NULL;
		EXPECT(unit_holds(pages, 2 * MIB, 10));
		EXPECT_EQ(area_count(), 0);
	}
	munmap(pages, 2 * MIB);
	/* whatever was stuck goes with the next one */
	for (i = 0; i < 8; i++)
		release(alloc(MIB));
}

/* ---- Stuck ---- */

/* The addresses stay known as freed, without their memory, until the kernel takes them. */
static void test_stuck(void **state)
{
	char *start[3];
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		start[i] = alloc(70 * MIB);
		memset(start[i], 1, MIB);
	}
	start_refusing(SYS_munmap, 0);
	for (i = 0; i < 3; i++) {
		struct section *s = section_at(start[i]);

		EXPECT_EQ(area_free(s, start[i]), 0);
		EXPECT(section_of(start[i]) == s);
		EXPECT(section_of(start[i] + 69 * MIB) == s);
		EXPECT(area_is_stuck(s));
		EXPECT_EQ(area_free(s, start[i]), -EINVAL);
		EXPECT(unit_is_zero(start[i], MIB));
	}
	EXPECT_EQ(area_count(), 0);
	EXPECT_EQ(area_bytes(), 0);
	unit_os_hook = NULL;
	/* one at each chance */
	for (i = 0; i < 3; i++)
		release(alloc(MIB));
	for (i = 0; i < 3; i++) {
		EXPECT(section_of(start[i]) == NULL);
		EXPECT(!unit_is_mapped(start[i]));
	}
}

static int refuse_both(long nr, unsigned long args[6])
{
	(void)args;
	return nr == SYS_munmap || nr == SYS_madvise ? ENOMEM : 0;
}

static char *stuck;

static void be_stuck(void *arg)
{
	(void)arg;
	unit_os_hook = refuse_both;
	EXPECT_EQ(area_free(section_at(stuck), stuck), 0);
}

static void test_stuck_with_its_memory(void **state)
{
	char text[300], wanted[300];

	(void)state;
	stuck = alloc(MIB);
	EXPECT_EQ(unit_child(be_stuck, NULL, text, sizeof(text)), 0);
	snprintf(wanted, sizeof(wanted),
		 "kmem: the OS takes neither pages nor addresses of 0x%lx back\n",
		 (unsigned long)stuck);
	EXPECT(strcmp(text, wanted) == 0);
	release(stuck);
}

/* ---- Threads ---- */

static void churn(void *arg, unsigned int id)
{
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, n, steps = unit_steps(500);
	char *area[6] = { NULL };

	for (i = 0; i < steps; i++) {
		size_t bytes = (unit_below(&rng, 40000) + 1) * 4096ul;

		n = unit_below(&rng, ARRAY_SIZE(area));
		if (!area[n]) {
			area[n] = area_alloc(bytes, 4096);
			EXPECT(area[n] != NULL);
			EXPECT(unit_is_zero(area[n], 4096));
		} else if (unit_below(&rng, 3)) {
			char *to = area_resize(section_at(area[n]), bytes);

			EXPECT(to != NULL);
			EXPECT(unit_holds(to, 4096, id * 100 + n));
			area[n] = to;
		} else {
			EXPECT(unit_holds(area[n], 4096, id * 100 + n));
			EXPECT_EQ(area_free(section_at(area[n]), area[n]), 0);
			area[n] = NULL;
			continue;
		}
		EXPECT_EQ(section_at(area[n])->bytes, bytes);
		EXPECT(section_of(area[n] + bytes - 1) == section_of(area[n]));
		unit_fill(area[n], 4096, id * 100 + n);
	}
	for (n = 0; n < ARRAY_SIZE(area); n++)
		if (area[n])
			EXPECT_EQ(area_free(section_at(area[n]), area[n]), 0);
}

/* Slots change hands between threads: no one's entries are taken out by another. */
static void test_threads(void **state)
{
	uint64_t seed = unit_seed(0xa2ea7);

	(void)state;
	unit_threads(4, churn, &seed);
}

#define area_test(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		area_test(test_alloc),
		area_test(test_many),
		area_test(test_double_free),
		area_test(test_shrink),
		area_test(test_resize_to_odd_sizes),
		area_test(test_grow_in_place),
		area_test(test_grow_by_moving),
		area_test(test_resize_refused),
		area_test(test_alloc_refused),
		area_test(test_adopt),
		area_test(test_adopt_refused),
		area_test(test_stuck),
		area_test(test_stuck_with_its_memory),
		area_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
