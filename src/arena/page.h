/* SPDX-License-Identifier: MIT */
/*
 * struct page: one cache line of truth about one 4 KiB page.
 *
 * "Page" is the library's unit of bookkeeping on every kernel; the OS page may be larger. Only the
 * first page of anything has a type: the pages behind it stay PAGE_NONE, so that a wild pointer
 * into the middle of a block is told from its start, and so that a block costs one line whatever
 * its size.
 *
 * Who may write: the type says it. A free page belongs to its zone's lock, a page on a lane's list
 * to the list's lock, a slab page to its lane's lock, a large block to whoever allocated it, or
 * keeps it. Type and order may be looked at by anyone, and say what the page is if it is the
 * looker's own or if its lock is held; so they are written and read in one piece.
 */
#ifndef KMEM_PAGE_H
#define KMEM_PAGE_H

#include "bits.h"
#include "list.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)

enum page_type {
	PAGE_NONE,   /* not the first page of anything */
	PAGE_FREE,   /* first of a free block of 1 << order pages, in a free area */
	PAGE_PCP,    /* first of a free block on a lane's page list */
	PAGE_HOT,    /* first of nr_pages in a lane's ranges: see hot.h */
	PAGE_KEPT,   /* first of nr_pages that a thread keeps: see large_keep() */
	PAGE_SLAB,   /* first of a slab */
	PAGE_LARGE,  /* first of nr_pages handed out as they are */
	PAGE_KERNEL, /* first of nr_pages handed out as pages, with a count: see page_block.h */
};

struct page {
	/* what it is linked into: a free area, a lane's slab list */
	struct list_head lru;
	union {
		struct {
			uint32_t nr_pages; /* of PAGE_LARGE, _KERNEL, _HOT, _KEPT: its length */
			uint32_t nr_dirty; /* PAGE_FREE: pages of it that hold memory; PAGE_PCP: */
					   /* not 0 when the dirty bits say too little */
			uint64_t freed_ms; /* PAGE_FREE: when its youngest part was freed */
			uint32_t refcount; /* PAGE_KERNEL, as the kind of the block */
			uint32_t nr_asked; /* PAGE_LARGE: without room to grow */
			uint8_t kind;
			bool grew; /* PAGE_LARGE: when it was last resized, by little */
		};
		unsigned long free_map[4]; /* PAGE_SLAB: see struct slab */
	};
	uint16_t inuse;	     /* PAGE_SLAB */
	uint16_t lane;	     /* PAGE_SLAB: see struct slab */
	uint8_t type;	     /* enum page_type */
	uint8_t order;	     /* PAGE_FREE, PAGE_PCP, PAGE_SLAB, PAGE_KERNEL: log2 of its pages */
	uint8_t constructed; /* PAGE_SLAB: see struct slab */
	uint8_t colour;	     /* PAGE_SLAB */
	void *owner;	     /* PAGE_SLAB: its cache */
};

static inline void page_set_type(struct page *page, enum page_type type)
{
	WRITE_ONCE(page->type, (uint8_t)type);
}

/* Whether the page is the first of a block of @type and @order. */
static inline bool page_is(const struct page *page, enum page_type type, unsigned int order)
{
	return READ_ONCE(page->type) == type && READ_ONCE(page->order) == order;
}

_Static_assert(sizeof(struct page) == 64, "a page is described by one cache line");

#endif
