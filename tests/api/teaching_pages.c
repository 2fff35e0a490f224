/* SPDX-License-Identifier: MIT */
/*
 * Pages as textbooks and lectures write them, compiled and run as written: addresses and struct
 * page, orders, zeroed pages, and whole pages as a driver's buffers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <kmem/mm.h>
#include <kmem/slab.h>

/* ---- By address: eight pages, and back ---- */

static void eight_pages_by_address(void **state)
{
	unsigned long page;

	(void)state;
	page = __get_free_pages(GFP_KERNEL, 3);
	if (!page)
		fail_msg("insufficient memory");
	assert_int_equal(page % (8 * PAGE_SIZE), 0);
	memset((void *)page, 0xaa, 8 * PAGE_SIZE);
	free_pages(page, 3);
}

static void one_page_by_address(void **state)
{
	unsigned long addr = __get_free_page(GFP_KERNEL);
	unsigned long zeroed = get_zeroed_page(GFP_KERNEL);
	unsigned long i;

	(void)state;
	assert_int_not_equal(addr, 0);
	assert_int_equal(addr & ~(PAGE_SIZE - 1), addr);
	for (i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((char *)zeroed)[i], 0);
	free_page(addr);
	free_page(zeroed);
}

/* ---- By struct page ---- */

static void four_pages_by_struct(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	char *vaddr;

	(void)state;
	if (page == NULL)
		fail_msg("-ENOMEM");
	vaddr = page_address(page);
	strcpy(vaddr + 3 * PAGE_SIZE, "the last of four");
	assert_ptr_equal(virt_to_page(vaddr), page);
	assert_ptr_equal(pfn_to_page(page_to_pfn(page) + 3), virt_to_page(vaddr + 3 * PAGE_SIZE));
	assert_int_equal(page_to_pfn(page), (unsigned long)vaddr >> PAGE_SHIFT);
	assert_int_equal(page_count(page), 1);
	__free_pages(page, 2);
}

static void a_reference_is_a_promise(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	(void)state;
	assert_non_null(page);
	get_page(page);
	assert_int_equal(page_count(page), 2);
	put_page(page);
	assert_int_equal(*(char *)page_address(page), 0);
	__free_page(page);
}

static void the_order_of_a_size(void **state)
{
	(void)state;
	assert_int_equal(get_order(1), 0);
	assert_int_equal(get_order(PAGE_SIZE), 0);
	assert_int_equal(get_order(PAGE_SIZE + 1), 1);
	assert_int_equal(get_order(8 * PAGE_SIZE), 3);
	assert_int_equal(get_order(9 * PAGE_SIZE), 4);
}

/* ---- A driver whose buffers are whole pages ---- */

#define ORDER 2

struct scullp_like {
	void *data[8];
	int used;
};

static int scullp_like_grow(struct scullp_like *dev)
{
	if (dev->used == 8)
		return -ENOSPC;
	dev->data[dev->used] = (void *)__get_free_pages(GFP_KERNEL, ORDER);
	if (!dev->data[dev->used])
		return -ENOMEM;
	memset(dev->data[dev->used], 0, PAGE_SIZE << ORDER);
	dev->used++;
	return 0;
}

static void scullp_like_trim(struct scullp_like *dev)
{
	while (dev->used--)
		free_pages((unsigned long)dev->data[dev->used], ORDER);
}

static void a_driver_with_pages(void **state)
{
	struct scullp_like *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	(void)state;
	assert_non_null(dev);
	while (!scullp_like_grow(dev))
		;
	assert_int_equal(dev->used, 8);
	scullp_like_trim(dev);
	kfree(dev);
}

/* ---- Exactly as much as is needed ---- */

static void five_pages_exactly(void **state)
{
	char *buf = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);

	(void)state;
	assert_non_null(buf);
	memset(buf, 1, 5 * PAGE_SIZE);
	free_pages_exact(buf, 5 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_pages_by_address),
		cmocka_unit_test(one_page_by_address),
		cmocka_unit_test(four_pages_by_struct),
		cmocka_unit_test(a_reference_is_a_promise),
		cmocka_unit_test(the_order_of_a_size),
		cmocka_unit_test(a_driver_with_pages),
		cmocka_unit_test(five_pages_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
