/* SPDX-License-Identifier: MIT */
/*
 * Pages by flags: which zones may serve a request, and what may be done for it.
 *
 * A request names a node, or means its thread's own. Its zones are those of the type its flags ask
 * for (gfp_zone()), on that node first and then on the others in order of distance; with
 * __GFP_THISNODE on that node only. Without __GFP_DIRECT_RECLAIM no zone grows: what is free and
 * online serves, with no system call. __GFP_ZERO is obeyed here, and clears only what needs it.
 *
 * This is one attempt. What else is done about a refusal (reclaim, another attempt, a message) is
 * up to whoever holds no lock: no flag that says so is looked at here.
 */
#ifndef KMEM_PAGE_ALLOC_H
#define KMEM_PAGE_ALLOC_H

#include "numa.h"

/* @nr pages aligned to 1 << @align_order of them; NULL when refused. */
struct page *page_alloc(unsigned int nr, unsigned int align_order, int nid, gfp_t gfp);

/* Up to @n single pages, fewer when no more are free and the OS refuses. Returns how many. */
unsigned int page_alloc_bulk(struct page **pages, unsigned int n, int nid, gfp_t gfp);

/* Says on stderr that pages were refused, but not more often than anybody wants to read it. */
void page_alloc_warn(unsigned int order, gfp_t gfp) __cold;

#endif
