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
#include "pcp.h"

/*
 * @bytes (not 0) aligned to @align, a power of two; NULL when refused. Zones and flags are those of
 * page_alloc(); areas serve what may enter the OS and may lie anywhere, on whatever node.
 */
void *large_alloc(struct per_cpu_pages *pcp, size_t bytes, size_t align, int nid, gfp_t gfp);

/* 0, or -EINVAL when no large block starts at @addr: see large_fault(). */
int large_free(struct per_cpu_pages *pcp, const void *addr) __must_check;

/*
 * A block that a thread frees may stay with it (PAGE_KEPT), and be the next that it asks for if
 * that has as many pages: a buffer that comes and goes then costs no lock. NULL, and nothing is
 * done: it is too large for that, lies where such a request would not be met from, or is none.
 */
struct page *large_keep(struct per_cpu_pages *pcp, const void *addr);

/* What was kept becomes a block of @bytes, as it was left; false: it has not as many pages. */
bool large_take_kept(struct per_cpu_pages *pcp, struct page *page, size_t bytes);

/* Or goes where it would have gone at once. */
void large_drop(struct per_cpu_pages *pcp, struct page *page);

/* Whether a block in pages starts at @addr, of as many as @bytes need. Of any address. */
bool large_fits(const void *addr, size_t bytes);

/* Usable bytes of the large block that starts at @addr; 0 when there is none. */
size_t large_size(const void *addr);

/*
 * Resizes the block at @addr, copying only where that is cheaper than page faults; where it is now,
 * or NULL with nothing changed.
 */
void *large_resize(void *addr, size_t bytes);

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

/* Bytes in large blocks, areas included, and how many of them there are. */
size_t large_bytes(void);
size_t large_count(void);

#endif
