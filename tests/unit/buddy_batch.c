/* SPDX-License-Identifier: MIT */
/* Many blocks purged by one call of a kernel that has it: see purge_together(). */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit_buddy.h"

#define TOGETHER 20u

static struct {
	unsigned int nr_many, nr_single;
} calls;

/* A kernel that takes TOGETHER ranges by one call. */
static int purge_together(long nr, unsigned long args[6])
{
	const struct iovec *range = (const struct iovec *)args[1];
	unsigned int i;

	calls.nr_single += nr == SYS_madvise && args[2] == MADV_DONTNEED;
	if (nr != SYS_process_madvise)
		return 0;
	calls.nr_many++;
	for (i = 0; i < args[2]; i++)
		EXPECT(range[i].iov_len <= 256 * PAGE_SIZE);
	return unit_os_purge_many(args, TOGETHER);
}

/*
 * Small blocks go by one call, in a process that has had threads; what is left, and large ones, by
 * themselves.
 */
static void test_together(void *arg)
{
	struct page *page, *large;
	unsigned int i;
	struct zone zone;

	(void)arg;
	set_decay("decay_ms=1000000");
	options_parse("batch_purge=1", &os_params, 1);
	unit_have_threads();
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 512, 9);
	large = take_and_write(&zone, 512, 9);
	for (i = 0; i < 16 * (TOGETHER + 5); i += 16)
		zone_free(&zone, page + i, 8);
	zone_free(&zone, large, 512);
	unit_os_hook = purge_together;
	EXPECT_EQ(purge_all(&zone), 8 * (TOGETHER + 5) + 512);
	unit_os_hook = NULL;
	EXPECT_EQ(calls.nr_many, 1);
	EXPECT_EQ(calls.nr_single, 5 + 1);
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, 0);
	EXPECT_EQ(nr_resident(large, 512), 0);
	for (i = 0; i < 16 * (TOGETHER + 5); i++)
		EXPECT_EQ(nr_resident(page + i, 1), i % 16 < 8 ? 0 : 1);
	zone_free(&zone, page + 16 * (TOGETHER + 5), 512 - 16 * (TOGETHER + 5));
	for (i = 8; i < 16 * (TOGETHER + 5); i += 16)
		zone_free(&zone, page + i, 8);
	zone_fini(&zone);
}

static void test_many_by_one_call(void **state)
{
	(void)state;
	unit_passes(test_together, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_by_one_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
