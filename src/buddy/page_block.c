/* SPDX-License-Identifier: MIT */
/* See page_block.h. */
#include "page_block.h"

static unsigned long nr_pages; /* in blocks; relaxed atomic */

static void account(long pages)
{
	__atomic_fetch_add(&nr_pages, (unsigned long)pages, __ATOMIC_RELAXED);
}

unsigned long page_block_pages(void)
{
	return READ_ONCE(nr_pages);
}

void page_block_init(struct page *page, enum page_block_kind kind, unsigned int order,
		     unsigned int nr)
{
	WRITE_ONCE(page->nr_pages, nr);
	WRITE_ONCE(page->order, (uint8_t)order);
	page->kind = (uint8_t)kind;
	WRITE_ONCE(page->refcount, 1);
	smp_store_release(&page->type, PAGE_KERNEL);
	account(nr);
}

struct page *page_block_head(const struct page *page)
{
	struct section *s = page_section(page);
	unsigned int index = page_index(page), order;

	for (order = 0; order < NR_ORDERS; order++) {
		unsigned int first = (unsigned int)align_down(index, 1u << order);
		struct page *head = &s->mem_map[first];

		if (smp_load_acquire(&head->type) == PAGE_KERNEL &&
		    index - first < READ_ONCE(head->nr_pages))
			return head;
	}
	return NULL;
}

struct page *page_block_counter(const struct page *page)
{
	struct page *head = page_block_head(page);

	return head && (head == page || head->kind != BLOCK_PLAIN) ? head : NULL;
}

/* From 0 no count moves: the block is gone, or going. */
static long add_reference(struct page *head, long change)
{
	uint32_t old = READ_ONCE(head->refcount);

	do {
		if (!old)
			return -1;
	} while (!__atomic_compare_exchange_n(&head->refcount, &old, (uint32_t)(old + change), true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return (long)old + change;
}

long page_block_get(struct page *head)
{
	return add_reference(head, 1);
}

long page_block_put(struct page *head)
{
	return add_reference(head, -1);
}

void page_block_cut(struct page *head)
{
	account(1 - (long)head->nr_pages);
	WRITE_ONCE(head->nr_pages, 1);
	WRITE_ONCE(head->order, 0);
}

unsigned int page_block_fini(struct page *head)
{
	unsigned int nr = head->nr_pages;

	page_set_type(head, PAGE_NONE);
	account(-(long)nr);
	return nr;
}
