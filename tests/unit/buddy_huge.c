/* SPDX-License-Identifier: MIT */
/*
 * When huge pages are asked for, for what, and when no longer: the advice as the kernel gets it.
 *
 * The first test sees a zone that never had a page; the others one that is large already, since the
 * oldest section stays.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "huge.h"
#include "unit_buddy.h"

#define BLOCK	   2048u /* pages: 8 MiB, so that steps are of their own size */
#define NR_BLOCKS  16u
#define HUGE_ASKED 10240u /* pages online from which on huge ones are wanted */

/* What was seen since the last look. */
static struct {
	unsigned long online, huge, no_huge; /* pages */
	unsigned int calls;
} seen;

static int advice_error;

static int look(long nr, unsigned long args[6])
{
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
	}
	EXPECT(small >= HUGE_ASKED && small < zone_normal.nr_online);
	EXPECT_EQ(seen.huge, zone_normal.nr_online - small);
	EXPECT_EQ(seen.no_huge, 0);
	give_all(blocks);
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

#define huge_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		huge_test(test_large_heap), huge_test(test_withdrawn_by_purge),
		huge_test(test_never),	    huge_test(test_always),
		huge_test(test_bad_value),  huge_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
