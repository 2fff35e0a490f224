/* SPDX-License-Identifier: MIT */
/* What each flag of a request for pages does, and does not. */
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <kmem/slab.h>
#include <valgrind/valgrind.h>

#include "pages.h"

/* ---- No system call ---- */

/*
 * In a child that may read, write, and exit: any other call is its death. What @fn returns is the
 * child's exit code.
 */
static int in_strict_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (!RUNNING_ON_VALGRIND && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
			_exit(77);
		syscall(SYS_exit, fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* All there is, one page at a time, and then nothing. */
static int take_all_atomic(void)
{
	struct page *page;
	int n = 0;

	while ((page = alloc_page(GFP_ATOMIC | __GFP_NOWARN))) {
		*(char *)page_address(page) = 1;
		n++;
	}
	return n == 0 ? 1 : alloc_pages(GFP_NOWAIT, 0) != NULL ? 2 : 0;
}

static int take_what_is_not_there(void)
{
	if (alloc_pages(GFP_ATOMIC | __GFP_NOWARN, MAX_ORDER))
		return 1;
	if (alloc_page(GFP_NOWAIT | GFP_DMA32))
		return 2;
	if (alloc_pages_exact(60 * MIB, GFP_NOWAIT))
		return 3;
	/* __GFP_NOFAIL needs __GFP_DIRECT_RECLAIM */
	return alloc_pages(GFP_NOWAIT | __GFP_NOFAIL, MAX_ORDER) ? 4 : 0;
}

static void atomic_requests_do_not_enter_the_system(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 4);
	unsigned long calls;

	(void)state;
	__free_pages(page, 4);
	calls = nr_syscalls;
	assert_int_equal(take_what_is_not_there(), 0);
	page = alloc_pages(GFP_ATOMIC, 2);
	assert_non_null(page);
	assert_int_equal(nr_syscalls, calls);
	__free_pages(page, 2);
	assert_int_equal(in_strict_child(take_all_atomic), 0);
	assert_int_equal(in_strict_child(take_what_is_not_there), 0);
}

/* A thread's first request of all. */
static void *first_call(void *arg)
{
	struct page *page = alloc_pages(GFP_ATOMIC, 0);

	(void)arg;
	assert_non_null(page);
	__free_page(page);
	return NULL;
}

static void atomic_is_a_thread_s_first_request(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 4);
	pthread_t thread;

	(void)state;
	__free_pages(page, 4);
	assert_int_equal(pthread_create(&thread, NULL, first_call, NULL), 0);
	pthread_join(thread, NULL);
}

/* ---- Failing, and what is done about it ---- */

/* Takes all pages that are to be had, largest blocks first, to no list in particular. */
struct hoard {
	struct page *page[20000];
	unsigned char order[20000];
	unsigned int nr;
};

static void take_all(struct hoard *hoard, gfp_t flags)
{
	int order;

	for (order = MAX_ORDER; order >= 0; order--) {
		struct page *page;

		while (hoard->nr < 20000 &&
		       (page = alloc_pages(flags | __GFP_NOWARN, (unsigned int)order))) {
			hoard->order[hoard->nr] = (unsigned char)order;
			hoard->page[hoard->nr++] = page;
		}
	}
	assert_true(hoard->nr < 20000);
}

static void give_all(struct hoard *hoard)
{
	while (hoard->nr) {
		hoard->nr--;
		__free_pages(hoard->page[hoard->nr], hoard->order[hoard->nr]);
	}
}

static struct hoard hoard;

static void ask_in_vain(void *arg)
{
	assert_null(alloc_page(*(gfp_t *)arg));
	assert_null(alloc_pages(*(gfp_t *)arg, 3));
}

static void a_failure_is_reported_unless_nowarn(void **state)
{
	gfp_t loud = GFP_ATOMIC, quiet = GFP_KERNEL | __GFP_NOWARN;
	const char *text;

	(void)state;
	refuse_memory(true);
	take_all(&hoard, GFP_KERNEL);
	text = stderr_of(ask_in_vain, &quiet);
	assert_string_equal(text, "");
	text = stderr_of(ask_in_vain, &loud);
	assert_string_equal(text, "kmem: page allocation failure: order:0, mode:0x1200\n"
				  "kmem: page allocation failure: order:3, mode:0x1200\n");
	refuse_memory(false);
	give_all(&hoard);
}

static void fail_often(void *arg)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		ask_in_vain(arg);
}

/* Some lines in some seconds, not thousands. */
static void reports_are_rate_limited(void **state)
{
	gfp_t flags = GFP_KERNEL;
	unsigned int lines = 0;
	const char *text;

	(void)state;
	refuse_memory(true);
	take_all(&hoard, GFP_KERNEL);
	text = stderr_of(fail_often, &flags);
	refuse_memory(false);
	give_all(&hoard);
	for (; (text = strchr(text, '\n')); text++)
		lines++;
	assert_in_range(lines, 0, 20);
}

/* Memory lies in this thread's caches, where the page allocator does not see it. */
static void hide_pages_in_caches(void)
{
	static void *objects[400];
	unsigned int i;

	for (i = 0; i < 400; i++)
		objects[i] = kmalloc(16384, GFP_KERNEL);
	for (i = 0; i < 400; i++)
		kfree(objects[i]);
}

static void reclaim_is_what_noretry_does_without(void **state)
{
	struct page *page;

	(void)state;
	hide_pages_in_caches();
	refuse_memory(true);
	take_all(&hoard, GFP_KERNEL | __GFP_NORETRY);
	assert_null(alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	assert_null(alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	assert_non_null(page);
	__free_page(page);
	take_all(&hoard, GFP_KERNEL);
	assert_null(alloc_page(GFP_KERNEL | __GFP_NOWARN));
	refuse_memory(false);
	give_all(&hoard);
}

static void *give_back_later(void *arg)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	nanosleep(&pause, NULL);
	__free_pages(arg, 4);
	return NULL;
}

static void nofail_waits_for_memory(void **state)
{
	struct page *last, *page;
	pthread_t thread;

	(void)state;
	last = alloc_pages(GFP_KERNEL, 4);
	assert_int_equal(pthread_create(&thread, NULL, give_back_later, last), 0);
	refuse_memory(true);
	take_all(&hoard, GFP_KERNEL);
	page = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 4);
	assert_non_null(page);
	refuse_memory(false);
	pthread_join(thread, NULL);
	__free_pages(page, 4);
	give_all(&hoard);
}

/* ---- What the memory is like ---- */

static void zero_is_zero_dirty_or_clean(void **state)
{
	unsigned int order, round;

	(void)state;
	for (order = 0; order <= 8; order++)
		for (round = 0; round < 6; round++) {
			struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);

			assert_true(is_zero(page_address(page), PAGE_SIZE << order));
			memset(page_address(page), 0xff, PAGE_SIZE << order);
			__free_pages(page, order);
			page = alloc_pages_exact(PAGE_SIZE << order, GFP_KERNEL | __GFP_ZERO);
			assert_true(is_zero(page, PAGE_SIZE << order));
			memset(page, 0xff, PAGE_SIZE << order);
			free_pages_exact(page, PAGE_SIZE << order);
		}
}

/* A page that was never used costs nothing until it is. */
static void clean_pages_are_not_cleared(void **state)
{
	unsigned char resident[1024];
	struct page *page;
	unsigned int i, sum = 0;

	(void)state;
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 10);
	memset(page_address(page), 1, 4 * MIB);
	__free_pages(page, 10);
	malloc_trim(0);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 10);
	assert_int_equal(mincore(page_address(page), 4 * MIB, resident), 0);
	for (i = 0; i < 1024; i++)
		sum += resident[i] & 1;
	assert_int_equal(sum, 0);
	__free_pages(page, 10);
}

static int mapped_below_4g(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char perms[5], line[512], name[256];
	int found = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		name[0] = '\0';
		assert_true(sscanf(line, "%lx-%lx %4s %*s %*s %*s %255[^\n]", &start, &end, perms,
				   name) >= 3);
		found += start < 4UL << 30 && end - start >= 32 * MIB && perms[3] == 'p' &&
			 !strstr(name, "heap");
	}
	fclose(maps);
	return found;
}

static void dma32_is_below_4_gib(void **state)
{
	static const gfp_t flags[] = { GFP_DMA32, GFP_DMA, __GFP_DMA32 | __GFP_COMP };
	int before = mapped_below_4g();
	struct page *page, *normal;
	unsigned int order, i;

	(void)state;
	assert_null(strstr(printed(buddyinfo_print), "DMA32"));
	for (i = 0; i < 3; i++)
		for (order = 0; order < 12; order++) {
			unsigned long addr;

			page = alloc_pages(GFP_KERNEL | flags[i], order);
			assert_non_null(page);
			addr = (unsigned long)page_address(page);
			assert_true(addr + (PAGE_SIZE << order) <= 1UL << 32);
			assert_int_equal(page_zonenum(page), ZONE_DMA32);
			assert_int_equal(page_zonenum(virt_to_page((void *)addr)), ZONE_DMA32);
			memset((void *)addr, 1, PAGE_SIZE << order);
			normal = alloc_pages(GFP_KERNEL, order);
			assert_int_equal(page_zonenum(normal), ZONE_NORMAL);
			__free_pages(page, order);
			__free_pages(normal, order);
			/* nor do lists of pages mix them up */
			normal = alloc_pages(GFP_KERNEL, order);
			assert_int_equal(page_zonenum(normal), ZONE_NORMAL);
			__free_pages(normal, order);
		}
	assert_non_null(strstr(printed(buddyinfo_print), "Node 0, zone    DMA32 "));
	assert_non_null(strstr(printed(zoneinfo_print), "Node 0, zone    DMA32\n"));
	if (!RUNNING_ON_VALGRIND)
		assert_true(mapped_below_4g() > before);
	/* zeroed */
	page = alloc_pages(GFP_KERNEL | __GFP_DMA32 | __GFP_ZERO, 1);
	assert_true(is_zero(page_address(page), 2 * PAGE_SIZE));
	__free_pages(page, 1);
}

/* Far more than there are addresses: refused, not a crash, and all of it comes back. */
static void dma32_comes_to_an_end(void **state)
{
	struct page *pages[80];
	unsigned int n = 0;

	(void)state;
	while (n < 80 && (pages[n] = alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_DMA32, 14)))
		n++;
	assert_in_range(n, 1, 63);
	while (n)
		__free_pages(pages[--n], 14);
	pages[0] = alloc_page(GFP_KERNEL | __GFP_DMA32);
	assert_non_null(pages[0]);
	__free_page(pages[0]);
}

/* Flags that steer nothing in a process are taken all the same. */
static void all_other_flags_are_accepted(void **state)
{
	static const gfp_t flags[] = {
		GFP_NOIO,
		GFP_NOFS,
		GFP_USER,
		GFP_HIGHUSER,
		GFP_KERNEL_ACCOUNT,
		GFP_KERNEL | __GFP_HIGH | __GFP_IO | __GFP_FS | __GFP_KSWAPD_RECLAIM,
		GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE | __GFP_ACCOUNT | __GFP_HIGHMEM,
		GFP_KERNEL | __GFP_HARDWALL | __GFP_RETRY_MAYFAIL,
		__GFP_RECLAIM,
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct page *page = alloc_pages(flags[i], 1);

		assert_non_null(page);
		__free_pages(page, 1);
	}
}

static void nodes_that_are_none_have_nothing(void **state)
{
	const gfp_t here = GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN;

	(void)state;
	assert_null(alloc_pages_node(-2, here, 0));
	assert_null(alloc_pages_node(1000, here, 2));
	assert_null(alloc_pages_exact_nid(-2, 4 * PAGE_SIZE, here));
	assert_null(alloc_pages_exact_nid(-2, 5 * PAGE_SIZE, here));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_that_are_none_have_nothing),
		cmocka_unit_test(atomic_requests_do_not_enter_the_system),
		cmocka_unit_test(atomic_is_a_thread_s_first_request),
		cmocka_unit_test(a_failure_is_reported_unless_nowarn),
		cmocka_unit_test(reports_are_rate_limited),
		cmocka_unit_test(reclaim_is_what_noretry_does_without),
		cmocka_unit_test(nofail_waits_for_memory),
		cmocka_unit_test(zero_is_zero_dirty_or_clean),
		cmocka_unit_test(clean_pages_are_not_cleared),
		cmocka_unit_test(dma32_is_below_4_gib),
		cmocka_unit_test(dma32_comes_to_an_end),
		cmocka_unit_test(all_other_flags_are_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
