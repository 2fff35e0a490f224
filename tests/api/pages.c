/* SPDX-License-Identifier: MIT */
/* Blocks of pages: taken, freed, referenced, and found again from their addresses. */
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>

#include "pages.h"

static void sizes_are_rounded_to_pages_and_orders(void **state)
{
	static const struct {
		unsigned long size;
		unsigned int order;
	} cases[] = { { 1, 0 },		{ 4096, 0 },	{ 4097, 1 },	  { 8192, 1 },
		      { 8193, 2 },	{ 16384, 2 },	{ 16385, 3 },	  { 32768, 3 },
		      { MIB, 8 },	{ MIB + 1, 9 }, { 64 * MIB, 14 }, { 64 * MIB + 1, 15 },
		      { 1UL << 47, 35 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(get_order(cases[i].size), cases[i].order);
	assert_int_equal(PAGE_SIZE, 4096);
	assert_int_equal(1UL << PAGE_SHIFT, PAGE_SIZE);
	assert_int_equal(PAGE_SIZE << MAX_ORDER, 64 * MIB);
	assert_int_equal(PAGE_ALIGN(0), 0);
	assert_int_equal(PAGE_ALIGN(1), 4096);
	assert_int_equal(PAGE_ALIGN(4096), 4096);
	assert_int_equal(PAGE_ALIGN(4097), 8192);
	assert_int_equal(PAGE_ALIGN_DOWN(8191), 4096);
	assert_int_equal(0x12345 & PAGE_MASK, 0x12000);
}

static void a_block_of_every_order(void **state)
{
	unsigned int order;

	(void)state;
	for (order = 0; order <= MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		size_t bytes = PAGE_SIZE << order;
		char *addr;

		assert_non_null(page);
		addr = page_address(page);
		assert_int_equal((uintptr_t)addr % bytes, 0);
		addr[0] = 1;
		addr[bytes - 1] = 2;
		assert_int_equal(page_count(page), 1);
		assert_int_equal(compound_order(page), 0);
		assert_int_equal(page_zonenum(page), ZONE_NORMAL);
		assert_int_equal(page_to_nid(page), 0);
		__free_pages(page, order);
	}
}

static void pages_addresses_and_frames(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	char *addr = page_address(page);
	unsigned long i;
	int local;

	(void)state;
	for (i = 0; i < 8; i++) {
		struct page *nth = nth_page(page, i);

		assert_ptr_equal(page_address(nth), addr + i * PAGE_SIZE);
		assert_ptr_equal(virt_to_page(addr + i * PAGE_SIZE), nth);
		assert_ptr_equal(virt_to_page(addr + i * PAGE_SIZE + PAGE_SIZE - 1), nth);
		assert_int_equal(page_to_pfn(nth), ((uintptr_t)addr >> PAGE_SHIFT) + i);
		assert_ptr_equal(pfn_to_page(page_to_pfn(nth)), nth);
		assert_null(pfn_to_page(page_to_pfn(nth) | 1UL << 60));
	}
	__free_pages(page, 3);
	assert_null(virt_to_page(&local));
	assert_null(virt_to_page((void *)pages_addresses_and_frames));
	assert_null(virt_to_page(NULL));
	assert_null(virt_to_page((void *)-1L));
	assert_null(pfn_to_page(0));
	assert_null(pfn_to_page(~0UL >> 12));
}

static void the_classical_calls(void **state)
{
	unsigned long addr = __get_free_pages(GFP_KERNEL, 3), other;

	(void)state;
	assert_true(addr);
	assert_int_equal(addr % (8 * PAGE_SIZE), 0);
	memset((void *)addr, 0xa5, 8 * PAGE_SIZE);
	other = __get_free_page(GFP_KERNEL);
	assert_true(other && (other < addr || other >= addr + 8 * PAGE_SIZE));
	memset((void *)other, 0xa5, PAGE_SIZE);
	free_page(other);
	free_pages(addr, 3);
	free_pages(0, 3);
	free_page(0);
	other = get_zeroed_page(GFP_KERNEL);
	assert_true(is_zero((void *)other, PAGE_SIZE));
	__free_page(virt_to_page((void *)other));
}

static void too_large_an_order(void *arg)
{
	(void)arg;
	assert_null(alloc_pages(GFP_KERNEL, MAX_ORDER + 1));
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NOFAIL, 64));
	assert_int_equal(__get_free_pages(GFP_KERNEL | __GFP_NOWARN, ~0u), 0);
	assert_null(alloc_pages_exact(64 * MIB + 1, GFP_KERNEL | __GFP_NOWARN));
	assert_null(alloc_pages_exact(~0UL, GFP_KERNEL | __GFP_NOWARN));
	assert_null(alloc_pages_exact(0, GFP_KERNEL | __GFP_NOWARN));
}

static void no_block_is_larger_than_the_largest(void **state)
{
	(void)state;
	assert_string_equal(stderr_of(too_large_an_order, NULL),
			    "kmem: page allocation failure: order:15, mode:0x1c01\n");
}

static void exact_sizes_take_no_more_than_they_need(void **state)
{
	size_t pages;

	(void)state;
	for (pages = 1; pages < 70; pages += pages / 5 + 1) {
		size_t bytes = pages * PAGE_SIZE - 100;
		unsigned long before;
		char *addr;

		/* so that the count of free pages changes by this alone */
		malloc_trim(0);
		addr = alloc_pages_exact(bytes, GFP_KERNEL);
		malloc_trim(0);
		before = nr_free_pages();
		assert_non_null(addr);
		memset(addr, 0x77, bytes);
		assert_int_equal(page_count(virt_to_page(addr + bytes - 1)), 1);
		free_pages_exact(addr, bytes);
		malloc_trim(0);
		assert_int_equal(nr_free_pages() - before, pages);
	}
	free_pages_exact(NULL, 5);
	free_pages_exact(alloc_pages_exact_nid(0, 64 * MIB, GFP_KERNEL), 64 * MIB);
}

static void the_last_reference_frees(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)state;
	get_page(page);
	get_page(page);
	assert_int_equal(page_count(page), 3);
	put_page(page);
	__free_page(page);
	assert_int_equal(page_count(page), 1);
	*(char *)page_address(page) = 1;
	put_page(page);
	assert_int_equal(page_count(page), 0);
}

static void a_compound_block_is_one(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 4);
	unsigned long i;

	(void)state;
	assert_int_equal(compound_order(page), 4);
	assert_int_equal(compound_order(nth_page(page, 1)), 0);
	for (i = 0; i < 16; i++) {
		assert_ptr_equal(compound_head(nth_page(page, i)), page);
		get_page(nth_page(page, i));
		assert_int_equal(page_count(nth_page(page, 15 - i)), (int)i + 2);
	}
	__free_pages(page, 4);
	for (i = 0; i < 15; i++)
		put_page(nth_page(page, i));
	assert_int_equal(page_count(page), 1);
	memset(page_address(page), 1, 16 * PAGE_SIZE);
	put_page(nth_page(page, 15));
	assert_int_equal(page_count(page), 0);
	assert_int_equal(page_count(nth_page(page, 9)), 0);
}

/* Without __GFP_COMP only the first page counts, and is all that a reference keeps. */
static void a_plain_block_is_cut_to_its_first_page(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	unsigned long before;

	(void)state;
	assert_int_equal(page_count(nth_page(page, 1)), 0);
	assert_ptr_equal(compound_head(nth_page(page, 1)), nth_page(page, 1));
	get_page(page);
	malloc_trim(0);
	before = nr_free_pages();
	__free_pages(page, 3);
	assert_int_equal(nr_free_pages() - before, 7);
	assert_int_equal(page_count(page), 1);
	assert_int_equal(page_count(nth_page(page, 1)), 0);
	memset(page_address(page), 1, PAGE_SIZE);
	put_page(page);
	assert_int_equal(page_count(page), 0);
}

static void exact_blocks_have_references_too(void **state)
{
	char *addr = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	struct page *page = virt_to_page(addr);

	(void)state;
	get_page(nth_page(page, 3));
	assert_int_equal(page_count(page), 2);
	free_pages_exact(addr, 5 * PAGE_SIZE);
	memset(addr, 1, 5 * PAGE_SIZE);
	assert_int_equal(page_count(page), 1);
	put_page(page);
	assert_int_equal(page_count(page), 0);
}

static void other_pages_have_a_count(void **state)
{
	void *small = malloc(100), *large = malloc(100000);

	(void)state;
	assert_int_equal(page_count(virt_to_page(small)), 1);
	assert_int_equal(page_count(virt_to_page(large)), 1);
	assert_int_equal(page_count(virt_to_page((char *)large + 50000)), 1);
	assert_int_equal(compound_order(virt_to_page(large)), 0);
	free(large);
	free(small);
}

static void bulk_fills_what_is_empty(void **state)
{
	struct page *pages[300] = { NULL }, *mine = alloc_page(GFP_KERNEL);
	unsigned int i, j;

	(void)state;
	pages[0] = pages[100] = pages[101] = pages[299] = mine;
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL | __GFP_ZERO, 300, pages), 300);
	for (i = 0; i < 300; i++) {
		assert_non_null(pages[i]);
		if (pages[i] == mine)
			continue;
		assert_true(is_zero(page_address(pages[i]), PAGE_SIZE));
		memset(page_address(pages[i]), 1, PAGE_SIZE);
		for (j = 0; j < i; j++)
			assert_ptr_not_equal(pages[i], pages[j]);
	}
	assert_ptr_equal(pages[0], mine);
	assert_ptr_equal(pages[100], mine);
	assert_ptr_equal(pages[299], mine);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 300, pages), 300);
	assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 0, pages), 0);
	for (i = 0; i < 300; i++)
		if (pages[i] != mine)
			__free_page(pages[i]);
	__free_page(mine);
}

/* Refused, it returns how many entries from the front on are there. */
static void bulk_says_how_far_it_came(void **state)
{
	static struct page *pages[100000];
	unsigned long n, i;

	(void)state;
	malloc_trim(0);
	refuse_memory(true);
	n = alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, 100000, pages);
	refuse_memory(false);
	assert_true(n < 100000);
	for (i = 0; i < 100000; i++)
		assert_true((pages[i] != NULL) == (i < n));
	for (i = 0; i < n; i++)
		__free_page(pages[i]);
}

/* Pages of 16 threads that hold references to the same blocks: each goes back once. */
static struct page *shared[64];

static void *drop_references(void *arg)
{
	unsigned int round, i;

	(void)arg;
	for (round = 0; round < 200; round++)
		for (i = 0; i < 64; i++) {
			get_page(shared[i]);
			put_page(shared[i]);
		}
	for (i = 0; i < 64; i++)
		put_page(shared[i]);
	return NULL;
}

static void references_of_many_threads(void **state)
{
	unsigned int i, j, nr = 8;
	pthread_t threads[8];

	(void)state;
	for (i = 0; i < 64; i++) {
		shared[i] = alloc_pages(GFP_KERNEL | __GFP_COMP, i % 4);
		for (j = 1; j < nr; j++)
			get_page(shared[i]);
	}
	for (i = 0; i < nr; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, drop_references, NULL), 0);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 64; i++)
		assert_int_equal(page_count(shared[i]), 0);
}

static void a_child_has_its_parents_pages(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	int status;
	pid_t pid;

	(void)state;
	strcpy(page_address(page), "kept");
	pid = fork();
	if (pid == 0) {
		struct page *own = alloc_pages(GFP_KERNEL, 2);
		int good = own && own != page && !strcmp(page_address(page), "kept");

		__free_pages(page, 2);
		__free_pages(own, 2);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(page_address(page), "kept");
	__free_pages(page, 2);
}

static void blocks_count_as_used(void **state)
{
	size_t before = mallinfo2().uordblks;
	struct page *page = alloc_pages(GFP_KERNEL, 9);

	(void)state;
	assert_int_equal(mallinfo2().uordblks - before, 2 * MIB);
	__free_pages(page, 9);
	assert_int_equal(mallinfo2().uordblks, before);
}

static void errno_is_kept(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 10);

	(void)state;
	errno = EXDEV;
	__free_pages(page, 10);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(numa_node_id(), 0);
	assert_int_equal(num_online_nodes(), 1);
	assert_int_equal(errno, EXDEV);
}

static void buddyinfo_counts_the_free_blocks(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 5);
	unsigned long sum = 0, blocks;
	unsigned int order, nid;
	char zone[16];
	const char *text;
	int used;

	(void)state;
	text = printed(buddyinfo_print);
	assert_int_equal(sscanf(text, "Node %u, zone %15s %n", &nid, zone, &used), 2);
	assert_memory_equal(text, "Node 0, zone   Normal ", 22);
	text += used;
	for (order = 0; order <= MAX_ORDER; order++) {
		assert_int_equal(sscanf(text, "%lu %n", &blocks, &used), 1);
		sum += blocks << order;
		text += used;
	}
	assert_string_equal(text, "");
	assert_int_equal(sum, nr_free_pages());
	__free_pages(page, 5);
	assert_int_equal(buddyinfo_print(-1), -EBADF);
}

static void zoneinfo_has_sizes(void **state)
{
	unsigned long nr_free, spanned, present;
	const char *text = printed(zoneinfo_print), *at;

	(void)state;
	assert_int_equal(sscanf(text, "Node 0, zone   Normal\n  pages free     %lu", &nr_free), 1);
	assert_int_equal(nr_free, nr_free_pages());
	at = strstr(text, "        spanned  ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, " spanned %lu present %lu", &spanned, &present), 2);
	assert_true(present <= spanned && nr_free <= present);
	assert_null(strstr(text, "DMA32"));
	assert_int_equal(zoneinfo_print(-1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_rounded_to_pages_and_orders),
		cmocka_unit_test(a_block_of_every_order),
		cmocka_unit_test(pages_addresses_and_frames),
		cmocka_unit_test(the_classical_calls),
		cmocka_unit_test(no_block_is_larger_than_the_largest),
		cmocka_unit_test(exact_sizes_take_no_more_than_they_need),
		cmocka_unit_test(the_last_reference_frees),
		cmocka_unit_test(a_compound_block_is_one),
		cmocka_unit_test(a_plain_block_is_cut_to_its_first_page),
		cmocka_unit_test(exact_blocks_have_references_too),
		cmocka_unit_test(other_pages_have_a_count),
		cmocka_unit_test(bulk_fills_what_is_empty),
		cmocka_unit_test(bulk_says_how_far_it_came),
		cmocka_unit_test(references_of_many_threads),
		cmocka_unit_test(a_child_has_its_parents_pages),
		cmocka_unit_test(blocks_count_as_used),
		cmocka_unit_test(errno_is_kept),
		cmocka_unit_test(buddyinfo_counts_the_free_blocks),
		cmocka_unit_test(zoneinfo_has_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
