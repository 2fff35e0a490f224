/* SPDX-License-Identifier: MIT */
/*
 * Large blocks: page-granular memory for callers that think in bytes (alloc_pages_exact).
 *
 * A block is cut from a buddy block of the next power of two, and the tail goes straight back: 33
 * KiB cost nine pages, not sixteen. Up to MAX_ORDER it lies in a page section, behind that, or when
 * no section can be had, in an area of its own. Both kinds are resized where they stand when the
 * memory behind is free, and large ones are otherwise moved by their page tables.
 */
#ifndef KMEM_LARGE_H
#define KMEM_LARGE_H

#include <kmem/gfp.h>

#include "area.h"
#include "zone.h"

/*
 * @bytes (not 0) aligned to @align, a power of two; NULL when refused. Zones and flags are those of
 * page_alloc(); areas serve what may enter the OS and may lie anywhere, on whatever node.
 */
void *large_alloc(struct per_cpu_pages *pcp, size_t bytes, size_t align, int nid, gfp_t gfp);

/* Whether there is a process in which that request could be met. */
bool large_is_possible(size_t bytes, size_t align, gfp_t gfp);

/* 0, or -EINVAL when no large block starts at @addr: see large_fault(). */
int large_free(struct per_cpu_pages *pcp, const void *addr) __must_check;

/* The first page of the large block at @addr, any address, in a page section; or NULL. */
static inline struct page *large_head(const void *addr)
{
	struct page *page = page_at(addr);

	if (!page || ((uintptr_t)addr & (PAGE_SIZE - 1)) ||
	    smp_load_acquire(&page->type) != PAGE_LARGE)
		return NULL;
	return page;
}

/*
 * A block that a thread frees may stay with it (PAGE_KEPT), and be the next that it asks for if
 * that has as many pages: a buffer that comes and goes then costs no lock, and is counted as in use
 * all the time. So it must lie where a request of any kind would be met from, and have no more
 * pages than the thread's lane may keep.
 */
struct keep_limit {
	const struct zone *zone;
	unsigned int pages; /* 0: nothing may be kept */
};

/* For a thread of that lane, as things are now. */
struct keep_limit large_keep_limit(const struct per_cpu_pages *pcp);

/*
 * As from the zone: a power of two of pages, which a block may have become, starts at a multiple of
 * it.
 */
static inline bool large_is_natural(const void *addr, unsigned int nr)
{
	return !(section_page_index(addr) & (nr - 1)) || !is_power_of_2(nr);
}

/* Of two threads that free one block, one changes its type; the other is caught. */
static inline bool large_end(struct page *page, enum page_type type)
{
	uint8_t large = PAGE_LARGE;

	return __atomic_compare_exchange_n(&page->type, &large, (uint8_t)type, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* NULL, and nothing is done: beyond the limit, or no large block. */
static inline struct page *large_keep(const void *addr, const struct keep_limit *limit)
{
	struct page *page = large_head(addr);

	if (!page || page->nr_pages > limit->pages || page_zone(page) != limit->zone ||
	    !large_is_natural(addr, page->nr_pages) || !large_end(page, PAGE_KEPT))
		return NULL;
	return page;
}

/* What was kept becomes a block of @bytes, as it was left; false: it has not as many pages. */
static inline bool large_take_kept(struct page *page, size_t bytes)
{
	if (unlikely(page->nr_pages != align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT))
		return false;
	page->nr_asked = page->nr_pages;
	page->grew = false;
	smp_store_release(&page->type, PAGE_LARGE);
	return true;
}

/* Or goes where it would have gone at once. */
void large_drop(struct per_cpu_pages *pcp, struct page *page);

/*
 * Whether a block in pages starts at @addr, any address, that has @bytes as it is: as many as were
 * asked for last, or more and room for them.
 */
static inline bool large_stays(const void *addr, size_t bytes)
{
	size_t nr = align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT;
	struct page *page = large_head(addr);

	if (!page || nr < page->nr_asked || nr > page->nr_pages || !nr)
		return false;
	page->nr_asked = (uint32_t)nr;
	return true;
}

/* Usable bytes of the large block that starts at @addr; 0 when there is none. */
size_t large_size(const void *addr);

/*
 * Resizes the block at @addr; where it is now, or NULL with nothing changed. It copies where that
 * is cheaper than page faults, and a block that grows by little. One that does so again gets more
 * than it asked for, if @may_have_room, so that it is copied once for many such steps.
 */
void *large_resize(void *addr, size_t bytes, bool may_have_room);

/*
 * All of the first @bytes of the block at @addr, which is new, will be written to at once. A hint:
 * pages that are there already (hot.h) may be asked for once more.
 */
void large_will_write(void *addr, size_t bytes);

/* Why @addr, which no large block starts at and which lies in no slab, cannot be freed. */
enum large_fault { FAULT_DOUBLE_FREE, FAULT_INTERIOR, FAULT_FOREIGN, FAULT_PAGES };
enum large_fault large_fault(const void *addr);

/*
 * A block of pages just taken, of no type yet, becomes a large block of @nr pages: for whoever
 * cannot free it now, but knows who will.
 */
void large_adopt(struct page *page, unsigned int nr);

/* Bytes in large blocks, areas and what threads keep included, and how many of them there are. */
size_t large_bytes(void);
size_t large_count(void);

#endif
