/* SPDX-License-Identifier: MIT */
/*
 * Blocks of pages that are handed out as pages: what alloc_pages() and its family return.
 *
 * A slab and a large block belong to whoever asked; a block of pages may have several owners, each
 * with a reference, and goes back with the last of them. The count is in the first struct page,
 * whose type says PAGE_KERNEL. The kinds differ in what their other pages are:
 *
 *	plain     1 << order pages; the others have no count of their own and are nobody's page
 *	compound  1 << order pages that are one: a reference to any is a reference to the block
 *	exact     any number of pages, and otherwise as compound
 *
 * A block starts at a multiple of its length, rounded up to a power of two, so that the block of
 * any page is found by looking at one possible first page for each order.
 *
 * The count is changed atomically, without a lock. Whoever takes the last reference owns the block.
 */
#ifndef KMEM_PAGE_BLOCK_H
#define KMEM_PAGE_BLOCK_H

#include "section.h"

enum page_block_kind { BLOCK_PLAIN, BLOCK_COMPOUND, BLOCK_EXACT };

/* @nr pages just taken become a block of @order with one reference. */
void page_block_init(struct page *page, enum page_block_kind kind, unsigned int order,
		     unsigned int nr);

/* The first page of the block that @page lies in, or NULL. */
struct page *page_block_head(const struct page *page);

/* The page that counts the references to @page: its block's first one; NULL when it has none. */
struct page *page_block_counter(const struct page *page);

/* One reference more, or less: how many there are now, or -1 when there was none. */
long page_block_get(struct page *head);
long page_block_put(struct page *head);

/* The tail of a plain block is given up while its first page is still referenced. */
void page_block_cut(struct page *head);

/* The pages of a block without references are no block any more. How many there are. */
unsigned int page_block_fini(struct page *head);

/* Pages in all blocks. */
unsigned long page_block_pages(void);

#endif
