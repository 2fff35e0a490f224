/* SPDX-License-Identifier: MIT */
/*
 * Best fit, for requests of many pages.
 *
 * A buddy allocator finds a block of a power of two at once, but what is free is more than its
 * blocks: those that are no buddies lie side by side. So a large request first looks for the
 * shortest run of free pages that it fits in, wherever blocks begin in there, if a quarter of what
 * it takes is dirty. What is left over is little, or useful; neighbours that are freed become
 * one run; and memory that costs nothing yet is taken only when nothing else fits. (Best fit with
 * coalescing: D. Knuth, The Art of Computer Programming, 2.5.)
 *
 * The runs are not kept anywhere. A section has a bit for each page that is free: of 64 pages one
 * word, of all 2 KiB.
 */
#ifndef KMEM_FIT_H
#define KMEM_FIT_H

#include "zone.h"

#define FIT_LEAST 9u /* pages: what is less is slabs', and not worth the walk */

/*
 * The first of @nr pages (FIT_LEAST at least) in the shortest such run, at a multiple of @align, a
 * power of two; NULL: there is none. Nothing is taken. zone->lock is held.
 */
struct page *fit_find(const struct zone *zone, unsigned int nr, unsigned int align);

/*
 * The same in the youngest sections, as far as these have huge pages, whatever is dirty: what lies
 * between blocks costs memory there as well.
 */
struct page *fit_find_huge(const struct zone *zone, unsigned int nr, unsigned int align);

/*
 * A block of @order and no more, all dirty, in whatever run: for slabs, which are such blocks.
 * Where they come and go it is there as a rule, and what its run has beyond it is no buddy of its.
 */
struct page *fit_exact(const struct zone *zone, unsigned int order);

#endif
