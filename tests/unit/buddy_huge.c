/* SPDX-License-Identifier: MIT */
/*
 * When huge pages are asked for, for what, and when no longer: the advice as the kernel gets it.
 *
 * The first test sees a zone that never had a page; the others one that is large already, since the
 * oldest section stays.
 */
#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "huge.h"
#include "unit_buddy.h"

#define BLOCK	   2048u /* pages: 8 MiB, so that steps are of their own size */
#define NR_BLOCKS  16u
#define HUGE_ASKED 10240u /* pages online from which on huge ones are wanted */
#define NR_STEPS   44u
#define MAX_PAUSE  64u
#define SHORT_US   900u /* for a huge page */
#define LONG_US	   1100u

/* What was seen since the last look. */
static struct {
	unsigned long online, huge, no_huge; /* pages */
	unsigned int calls;
} seen;

static bool sparse; /* nothing that was taken is in memory, or else all of it */
static int advice_error;
static uint64_t fault_us, thread_us; /* how long a huge page takes; the thread's clock */

static int look(long nr, unsigned long args[6])
{
	if (nr == SYS_clock_gettime) {
		*(struct timespec *)args[1] =
			(struct timespec){ .tv_nsec = (long)thread_us * 1000 };
		return UNIT_OS_DONE;
	}
	if (nr == SYS_mincore) {
		memset((void *)args[2], !sparse, (args[1] + PAGE_SIZE - 1) / PAGE_SIZE);
		unit_os_result = 0;
		return UNIT_OS_DONE;
	}
	if (nr == SYS_madvise && args[2] == MADV_POPULATE_WRITE) {
		thread_us += fault_us;
		return UNIT_OS_DONE;
	}
	if (nr == SYS_mprotect)
		seen.online += args[1] >> PAGE_SHIFT;
	if (nr != SYS_madvise || (args[2] != MADV_HUGEPAGE && args[2] != MADV_NOHUGEPAGE))
		return 0;
	*(args[2] == MADV_HUGEPAGE ? &seen.huge : &seen.no_huge) += args[1] >> PAGE_SHIFT;
	seen.calls++;
	return advice_error;
}

static void use(const char *option)
{
	options_parse(option, &huge_params, 1);
	memset(&seen, 0, sizeof(seen));
}

static int setup(void **state)
{
	(void)state;
	set_decay("decay_ms=-1");
	unit_os_hook = look;
	fault_us = SHORT_US;
	thread_us = 0;
	sparse = false;
	/* as if it had been seen just now that memory is used; but of a zone that is yet small */
	zone_normal.huge_from = 0;
	zone_normal.huge_until = zone_normal.nr_online ? ULONG_MAX : 0;
	use("transparent_hugepage=madvise");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_os_hook = NULL;
	advice_error = 0;
	purge_all(&zone_normal);
	expect_all_free(&zone_normal);
	return 0;
}

static struct page *take(void)
{
	struct page *page = zone_alloc(&zone_normal, BLOCK, 0);

	EXPECT(page != NULL);
	return page;
}

static void take_all(struct page *blocks[NR_BLOCKS])
{
	unsigned int i;

	for (i = 0; i < NR_BLOCKS; i++)
		blocks[i] = take();
}

static void give_all(struct page *blocks[NR_BLOCKS])
{
	unsigned int i;

	for (i = 0; i < NR_BLOCKS; i++)
		zone_free(&zone_normal, blocks[i], BLOCK);
}

/* Not before the heap is large, and then for each page that is put online. */
static void test_large_heap(void **state)
{
	struct page *blocks[NR_BLOCKS];
	unsigned long small = 0;
	unsigned int i;

	(void)state;
	EXPECT_EQ(zone_normal.nr_online, 0);
	for (i = 0; i < NR_BLOCKS; i++) {
		unsigned long before = zone_normal.nr_online, asked = seen.huge;

		blocks[i] = take();
		if (before < HUGE_ASKED)
			small = zone_normal.nr_online;
		EXPECT_EQ(seen.huge - asked,
			  before < HUGE_ASKED ? 0 : zone_normal.nr_online - before);
		if (seen.huge)
			zone_normal.huge_until = ULONG_MAX; /* see test_sparse() */
	}
	EXPECT(small >= HUGE_ASKED && small < zone_normal.nr_online);
	EXPECT_EQ(seen.huge, zone_normal.nr_online - small);
	EXPECT_EQ(seen.no_huge, 0);
	give_all(blocks);
}

/* Takes blocks until pages were put online once more; whether as huge ones. */
static bool step(struct page **blocks, unsigned int *nr)
{
	unsigned long before = zone_normal.nr_online, huge = seen.huge, no_huge = seen.no_huge;

	while (zone_normal.nr_online == before)
		blocks[(*nr)++] = take();
	return seen.huge - huge > seen.no_huge - no_huge;
}

/* Where pages are taken and not used huge ones are not wanted; and when they are, sometimes not. */
static void test_sparse(void **state)
{
	static struct page *blocks[8 * NR_BLOCKS];
	unsigned long online;
	unsigned int nr = 0;

	(void)state;
	while (zone_normal.nr_online < HUGE_ASKED)
		blocks[nr++] = take();
	zone_normal.huge_until = 0;
	zone_normal.small_bytes = 0;
	sparse = true;
	EXPECT(!step(blocks, &nr));
	EXPECT(!step(blocks, &nr));
	EXPECT_EQ(seen.calls, 0);
	/* what was put online last is used: it goes on until there is twice as much */
	sparse = false;
	online = zone_normal.nr_online;
	EXPECT(step(blocks, &nr));
	sparse = true;
	while (zone_normal.nr_online < 2 * online)
		EXPECT(step(blocks, &nr));
	/* that a huge page is all there says nothing */
	sparse = false;
	EXPECT(!step(blocks, &nr));
	EXPECT(step(blocks, &nr));
	EXPECT(zone_normal.huge_until > 4 * online);
	/* of a smaller heap nothing is known */
	sparse = true;
	zone_normal.huge_from = 2 * zone_normal.nr_online;
	zone_normal.huge_until = 4 * zone_normal.nr_online;
	EXPECT(!step(blocks, &nr));
	while (nr)
		zone_free(&zone_normal, blocks[--nr], BLOCK);
}

/* A section of which something was given back has no more huge pages: once is enough to say so. */
static void test_withdrawn_by_purge(void **state)
{
	struct page *blocks[NR_BLOCKS], *kept, *given;
	struct section *s;

	(void)state;
	take_all(blocks);
	EXPECT(seen.huge > 0);
	kept = blocks[NR_BLOCKS - 1];
	given = blocks[NR_BLOCKS - 2];
	s = page_section(kept);
	EXPECT(s == page_section(given) && s->huge);
	zone_free(&zone_normal, given, BLOCK);
	EXPECT_EQ(seen.no_huge, 0);
	EXPECT_EQ(purge_all(&zone_normal), BLOCK);
	EXPECT_EQ(seen.no_huge, s->nr_online);
	EXPECT(!s->huge);
	blocks[NR_BLOCKS - 2] = take();
	zone_free(&zone_normal, blocks[NR_BLOCKS - 2], BLOCK);
	EXPECT_EQ(purge_all(&zone_normal), BLOCK);
	EXPECT_EQ(seen.no_huge, s->nr_online);
	blocks[NR_BLOCKS - 2] = take();
	give_all(blocks);
}

static void test_never(void **state)
{
	struct page *blocks[NR_BLOCKS];

	(void)state;
	use("transparent_hugepage=never");
	take_all(blocks);
	EXPECT(seen.online > 0);
	EXPECT_EQ(seen.no_huge, seen.online);
	EXPECT_EQ(seen.huge, 0);
	give_all(blocks);
}

/* What is always wanted is so after a purge, too. */
static void test_always(void **state)
{
	struct page *blocks[NR_BLOCKS];

	(void)state;
	use("transparent_hugepage=always");
	take_all(blocks);
	EXPECT_EQ(seen.huge, seen.online);
	give_all(blocks);
	EXPECT(purge_all(&zone_normal) > 0);
	EXPECT_EQ(seen.no_huge, 0);
}

/* A value that is none changes nothing. */
static void test_bad_value(void **state)
{
	struct page *blocks[NR_BLOCKS];

	(void)state;
	use("transparent_hugepage=neverever transparent_hugepage=al");
	take_all(blocks);
	EXPECT(seen.huge > 0 && seen.huge <= seen.online);
	EXPECT_EQ(seen.no_huge, 0);
	give_all(blocks);
}

/* Kernels without huge pages say so each time; nobody hears of it. */
static void test_refused(void **state)
{
	struct page *blocks[NR_BLOCKS];

	(void)state;
	advice_error = EINVAL;
	errno = 77;
	take_all(blocks);
	EXPECT(seen.calls > 0);
	give_all(blocks);
	EXPECT(purge_all(&zone_normal) > 0);
	EXPECT_EQ(errno, 77);
}

/* Where one takes long, the next steps are without, and the more often, the more of them. */
static void test_slow(void **state)
{
	static struct page *blocks[(NR_STEPS + 4) * NR_BLOCKS];
	unsigned long tried = 0, asked, told;
	unsigned int i, nr = 0;

	(void)state;
	while (zone_normal.nr_online < HUGE_ASKED)
		blocks[nr++] = take();
	EXPECT(step(blocks, &nr));
	fault_us = LONG_US;
	for (i = 1; i <= 20; i++) {
		asked = seen.huge;
		told = seen.no_huge;
		EXPECT(!step(blocks, &nr));
		EXPECT(seen.no_huge > told);
		if (seen.huge > asked)
			tried |= 1UL << i;
	}
	EXPECT_EQ(tried, 1UL << 1 | 1UL << 3 | 1UL << 6 | 1UL << 11 | 1UL << 20);
	fault_us = SHORT_US;
	for (; i <= NR_STEPS; i++)
		EXPECT_EQ(step(blocks, &nr), i > 36);
	/* and from the beginning */
	EXPECT_EQ(zone_normal.huge_pause, 0);
	fault_us = LONG_US;
	EXPECT(!step(blocks, &nr));
	EXPECT_EQ(zone_normal.huge_pause, 1);
	/* however often */
	zone_normal.huge_pause = MAX_PAUSE;
	zone_normal.huge_skip = 0;
	EXPECT(!step(blocks, &nr));
	EXPECT_EQ(zone_normal.huge_pause, MAX_PAUSE);
	EXPECT_EQ(zone_normal.huge_skip, MAX_PAUSE);
	zone_normal.huge_pause = zone_normal.huge_skip = 0;
	while (nr)
		zone_free(&zone_normal, blocks[--nr], BLOCK);
}

/* What is too short to have a whole one says nothing, and is as the last step that was not. */
static void test_short_step(void **state)
{
	static struct page *blocks[NR_BLOCKS];
	struct section *s;
	unsigned int nr = 0;

	(void)state;
	do
		blocks[nr++] = take();
	while (zone_normal.nr_online < HUGE_ASKED);
	s = page_section(blocks[0]);
	memset(&seen, 0, sizeof(seen));
	thread_us = 0;
	s->huge = false;
	zone_normal.huge_pause = 4;
	zone_normal.huge_skip = 2;
	huge_note_online(&zone_normal, s, 256, 700);
	EXPECT_EQ(zone_normal.huge_pause, 4);
	EXPECT_EQ(zone_normal.huge_skip, 2);
	EXPECT_EQ(seen.no_huge, 700);
	EXPECT(!s->huge);
	zone_normal.huge_pause = zone_normal.huge_skip = 0;
	huge_note_online(&zone_normal, s, 256, 700);
	EXPECT_EQ(seen.huge, 700);
	EXPECT(s->huge);
	EXPECT_EQ(thread_us, 0);
	/* nor is a section that has none said to have some */
	s->huge = false;
	fault_us = LONG_US;
	huge_note_online(&zone_normal, s, 256, 2000);
	EXPECT(!s->huge);
	zone_normal.huge_pause = zone_normal.huge_skip = 0;
	while (nr)
		zone_free(&zone_normal, blocks[--nr], BLOCK);
}

/* A section that has huge pages from before loses them to a purge as well. */
static void test_slow_later(void **state)
{
	struct page *blocks[2 * NR_BLOCKS];
	unsigned int nr = 0;
	struct section *s;

	(void)state;
	while (zone_normal.nr_online < HUGE_ASKED || !step(blocks, &nr))
		blocks[nr++] = take();
	s = page_section(blocks[nr - 1]);
	EXPECT(s->huge && s->nr_online < s->nr_pages);
	fault_us = LONG_US;
	EXPECT(!step(blocks, &nr));
	fault_us = SHORT_US;
	EXPECT(s == page_section(blocks[nr - 1]) && s->huge);
	zone_free(&zone_normal, blocks[--nr], BLOCK);
	seen.no_huge = 0;
	EXPECT_EQ(purge_all(&zone_normal), BLOCK);
	EXPECT_EQ(seen.no_huge, s->nr_online);
	while (nr)
		zone_free(&zone_normal, blocks[--nr], BLOCK);
}

#define huge_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		huge_test(test_large_heap),
		huge_test(test_sparse),
		huge_test(test_withdrawn_by_purge),
		huge_test(test_never),
		huge_test(test_always),
		huge_test(test_bad_value),
		huge_test(test_refused),
		huge_test(test_slow),
		huge_test(test_short_step),
		huge_test(test_slow_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
