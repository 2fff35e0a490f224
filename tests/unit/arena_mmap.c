/* SPDX-License-Identifier: MIT */
/*
 * What do_mmap() and do_munmap() do when the OS refuses a call on the way, or somebody else is in
 * the way. What they do when all goes well is tested through the public interface, in
 * tests/api/vma.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "mm.h"
#include "mmap.h"
#include "unit_arena.h"

#define PAGE (64UL << 10) /* of every OS, some pages */
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static unsigned long map(unsigned long addr, unsigned long len, unsigned long flag)
{
	return mmap_user(
		&(struct map_request){ .addr = addr, .len = len, .prot = RW, .flag = ANON | flag });
}

static void expect_area(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_above(start);

	EXPECT(vma != NULL);
	EXPECT_EQ(vma->vm_start, start);
	EXPECT_EQ(vma->vm_end, end);
}

/* ---- The n-th call is refused ---- */

static int nth, nr_calls;

static int refuse_nth(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	return nr_calls++ == nth ? EBUSY : 0;
}

/*
 * Runs @fn with each of its calls refused in turn, until none was or it managed without. Refused,
 * it changed nothing; or, if it is not @whole, no more than the record says.
 */
static void refuse_each(long (*fn)(unsigned long addr), unsigned long addr, bool whole)
{
	for (nth = 0;; nth++) {
		unsigned long hash = record_hash(0, ~0UL);
		long got;

		nr_calls = 0;
		unit_os_hook = refuse_nth;
		got = fn(addr);
		unit_os_hook = NULL;
		expect_record_mapped();
		EXPECT(!os_is_error(got) || nr_calls > nth);
		if (!os_is_error(got))
			return;
		EXPECT(!whole || record_hash(0, ~0UL) == hash);
	}
}

static long replace_middle(unsigned long addr)
{
	return (long)map(addr + PAGE, 6 * PAGE, MAP_FIXED);
}

static long unmap_middle(unsigned long addr)
{
	return munmap_user(addr + 3 * PAGE, 2 * PAGE);
}

static long unmap_all(unsigned long addr)
{
	return munmap_user(addr, 8 * PAGE);
}

static void test_refused(void **state)
{
	unsigned long addr = map(0, 8 * PAGE, 0);

	(void)state;
	EXPECT(!os_is_error((long)addr));
	EXPECT_EQ(munmap_user(addr + 2 * PAGE, PAGE), 0);
	EXPECT_EQ(munmap_user(addr + 4 * PAGE, PAGE), 0);
	memset((char *)addr, 1, PAGE);
	refuse_each(replace_middle, addr, true);
	expect_area(addr, addr + 8 * PAGE);
	EXPECT_EQ(*(char *)addr, 1);
	EXPECT_EQ(*(char *)(addr + PAGE), 0);
	refuse_each(unmap_middle, addr, true);
	expect_area(addr, addr + 3 * PAGE);
	expect_area(addr + 5 * PAGE, addr + 8 * PAGE);
	refuse_each(unmap_all, addr, false);
	EXPECT(vma_within(addr, addr + 8 * PAGE) == NULL);
	EXPECT(!unit_is_mapped((void *)addr));
}

static int refuse_mmap(long nr, unsigned long args[6])
{
	(void)args;
	return nr == SYS_mmap ? ENOMEM : 0;
}

/* Whatever is tried, the error is what the OS said. */
static void test_no_room(void **state)
{
	(void)state;
	unit_os_hook = refuse_mmap;
	EXPECT_EQ(map(0, PAGE, 0), -ENOMEM);
	EXPECT_EQ(map(1UL << 40, PAGE, 0), -ENOMEM);
	unit_os_hook = NULL;
	expect_record_sound();
}

/* ---- A move that clears its target ---- */

static int clear_and_refuse(long nr, unsigned long args[6])
{
	if (nr != SYS_mremap)
		return 0;
	EXPECT(munmap((void *)args[4], args[2]) == 0);
	return ENOMEM;
}

static void test_replacing_clears(void **state)
{
	unsigned long addr = map(0, 8 * PAGE, 0);

	(void)state;
	EXPECT_EQ(munmap_user(addr + 4 * PAGE, PAGE), 0);
	unit_os_hook = clear_and_refuse;
	EXPECT_EQ(map(addr + PAGE, 6 * PAGE, MAP_FIXED), -ENOMEM);
	unit_os_hook = NULL;
	/* what was lost is lost in both */
	expect_area(addr, addr + PAGE);
	expect_area(addr + 7 * PAGE, addr + 8 * PAGE);
	EXPECT(!unit_is_mapped((void *)(addr + PAGE)) &&
	       !unit_is_mapped((void *)(addr + 4 * PAGE)));
	expect_record_mapped();
	EXPECT_EQ(munmap_user(addr, 8 * PAGE), 0);
}

/* ---- Not given back ---- */

static int refuse_giving(long nr, unsigned long args[6])
{
	(void)args;
	return nr == SYS_munmap || nr == SYS_mremap ? EBUSY : 0;
}

static struct vm_area_struct *lost_within(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_within(start, end);

	while (vma && vma->vm_start < end && strcmp(vma->vm_name, "kmem lost") != 0)
		vma = vma->vm_next;
	return vma && vma->vm_start < end ? vma : NULL;
}

/* What was mapped on the way and cannot be unmapped is in the record: it is there, after all. */
static void lose(void *arg)
{
	unsigned long addr;

	(void)arg;
	/* the probe for a place */
	kmem_mm.mmap_base = 0;
	unit_os_hook = refuse_giving;
	addr = map(0, PAGE, 0);
	EXPECT(!os_is_error((long)addr));
	EXPECT(lost_within(0, ~0UL) != NULL);
	expect_record_mapped();
	unit_os_hook = NULL;
	EXPECT_EQ(munmap_user(addr, PAGE), 0);
	/* what fills the hole while an area is replaced, and what was to replace it */
	addr = map(0, 5 * PAGE, 0);
	EXPECT_EQ(munmap_user(addr + 2 * PAGE, PAGE), 0);
	unit_os_hook = refuse_giving;
	EXPECT_EQ(map(addr, 5 * PAGE, MAP_FIXED), -EBUSY);
	unit_os_hook = NULL;
	EXPECT(lost_within(addr, addr + 5 * PAGE)->vm_start == addr + 2 * PAGE);
	EXPECT(lost_within(addr, addr + 5 * PAGE)->vm_end == addr + 3 * PAGE);
	expect_area(addr, addr + 2 * PAGE);
	expect_area(addr + 3 * PAGE, addr + 5 * PAGE);
	expect_record_mapped();
	EXPECT_EQ(munmap_user(addr, 5 * PAGE), -EPERM);
}

static void test_not_given_back(void **state)
{
	(void)state;
	/* which takes a place for a hint, like an old kernel, so that there is more to give back */
	if (unit_on_valgrind())
		skip();
	unit_passes(lose, NULL);
}

/* ---- Places ---- */

/* The highest hole that is long enough, round what others have in it. */
static void test_holes(void **state)
{
	unsigned long addr = map(0, 40 * PAGE, 0), got;
	void *wall;

	(void)state;
	EXPECT_EQ(munmap_user(addr + 10 * PAGE, PAGE), 0);
	EXPECT_EQ(munmap_user(addr + 20 * PAGE, 3 * PAGE), 0);
	EXPECT_EQ(munmap_user(addr + 30 * PAGE, 2 * PAGE), 0);
	EXPECT_EQ(map(0, 3 * PAGE, 0), addr + 20 * PAGE);
	EXPECT_EQ(map(0, PAGE, 0), addr + 31 * PAGE);
	EXPECT_EQ(munmap_user(addr + 20 * PAGE, 3 * PAGE), 0);
	wall = mmap((void *)(addr + 30 * PAGE), PAGE, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	EXPECT(wall == (void *)(addr + 30 * PAGE));
	EXPECT_EQ(map(0, PAGE, 0), addr + 22 * PAGE);
	got = map(0, 100 * PAGE, 0);
	EXPECT(!os_is_error((long)got));
	EXPECT(got + 100 * PAGE <= addr || got >= addr + 40 * PAGE);
	expect_record_mapped();
	munmap(wall, PAGE);
	EXPECT_EQ(munmap_user(got, 100 * PAGE), 0);
	EXPECT_EQ(munmap_user(addr, 40 * PAGE), 0);
}

/* Somebody is in every place that is tried: the OS chooses. */
static unsigned int nr_taken;

static int all_taken(long nr, unsigned long args[6])
{
	if (nr != SYS_mmap || !(args[3] & MAP_FIXED_NOREPLACE))
		return 0;
	nr_taken++;
	return EEXIST;
}

static void test_no_place_is_free(void **state)
{
	unsigned long addr;

	(void)state;
	unit_os_hook = all_taken;
	addr = map(0, PAGE, 0);
	EXPECT(!os_is_error((long)addr));
	EXPECT(nr_taken >= 1 && nr_taken <= 40);
	EXPECT_EQ(map(addr, PAGE, MAP_FIXED_NOREPLACE), -EEXIST);
	unit_os_hook = NULL;
	expect_area(addr, addr + PAGE);
	EXPECT_EQ(munmap_user(addr, PAGE), 0);
}

static void test_nested(void **state)
{
	unsigned long addr = map(0, PAGE, 0);

	(void)state;
	EXPECT(mm_enter());
	EXPECT_EQ(map(0, PAGE, 0), -EAGAIN);
	EXPECT_EQ(munmap_user(addr, PAGE), -EAGAIN);
	mm_leave();
	EXPECT_EQ(munmap_user(addr, PAGE), 0);
}

/* ---- At random ---- */

#define PIECES 40

static void test_trace(void **state)
{
	unsigned long base = (unsigned long)find_hole(PIECES * PAGE);
	unsigned char mine[PIECES] = { 0 };
	uint64_t rng = unit_seed(0x77aa);
	unsigned int step, i, steps = unit_steps(3000);

	(void)state;
	for (step = 0; step < steps; step++) {
		unsigned int from = unit_below(&rng, PIECES);
		unsigned int nr = 1 + unit_below(&rng, PIECES - from < 9 ? PIECES - from : 9);
		unsigned int taken = 0, key = 1 + unit_below(&rng, 255);
		unsigned long addr = base + from * PAGE;

		for (i = from; i < from + nr; i++)
			taken += mine[i] != 0;
		switch (unit_below(&rng, 3)) {
		case 0:
			EXPECT_EQ(munmap_user(addr, nr * PAGE), 0);
			memset(mine + from, 0, nr);
			break;
		case 1:
			EXPECT_EQ(map(addr, nr * PAGE, MAP_FIXED), addr);
			memset(mine + from, (int)key, nr);
			for (i = 0; i < nr; i++)
				*(unsigned char *)(addr + i * PAGE) = (unsigned char)key;
			break;
		default:
			if (taken) {
				EXPECT_EQ(map(addr, nr * PAGE, MAP_FIXED_NOREPLACE), -EEXIST);
				break;
			}
			EXPECT_EQ(map(addr, nr * PAGE, MAP_FIXED_NOREPLACE), addr);
			memset(mine + from, (int)key, nr);
			for (i = 0; i < nr; i++)
				*(unsigned char *)(addr + i * PAGE) = (unsigned char)key;
			break;
		}
		for (i = 0; i < PIECES; i++) {
			EXPECT(!mine[i] == !vma_within(base + i * PAGE, base + i * PAGE + PAGE));
			EXPECT(!mine[i] || *(unsigned char *)(base + i * PAGE) == mine[i]);
		}
		if (step % 16 == 0)
			expect_record_mapped();
		else
			expect_record_sound();
	}
	EXPECT_EQ(munmap_user(base, PIECES * PAGE), 0);
	EXPECT(!unit_is_mapped((void *)base));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_replacing_clears),
		cmocka_unit_test(test_not_given_back),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_no_place_is_free),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
