/* SPDX-License-Identifier: MIT */
/*
 * Hot pages: large blocks that a lane's threads freed a moment ago, and want again.
 *
 * They lie in a few ranges, a part of the lane's page lists (pcp.h). A request takes the first
 * pages of the smallest range that has as many, and starts where it may; a range that is freed
 * merges with those it touches. When there are too many ranges or pages, those go back to the zone
 * that were freed first, and of a last one that is too long its end.
 *
 * The ranges are for what is wanted again at once. What lies there serves nothing else, so 128 KiB
 * are enough for most; a block that is larger passes them by. When such a block was what the next
 * request that found nothing wanted, a few times in a row, there is room for it from then on, for
 * as long as hot_forget() lets it. Until then the room doubles, too, up to HOT_MET, each time that
 * a thread on its way to the zone meets another there: to wait costs more than some pages.
 *
 * Invariants (hot_check()): ranges do not touch each other, each begins with a page of type
 * PAGE_HOT that knows its length, and nr_pages is the sum.
 */
#ifndef KMEM_HOT_H
#define KMEM_HOT_H

#include "limit.h"

#define HOT_SHARE   (1UL << 20) /* or a page for so much of the memory that the process may use */
#define HOT_LARGEST 256u	/* pages of a block that may be kept: 1 MiB */
#define HOT_FIRST   32u	 /* pages that a lane keeps: 128 KiB, or as many more as its blocks have; */
#define HOT_MET	    256u /* 1 MiB at most when threads meet */
#define HOT_RANGES  32u	 /* in which they lie, at most */

struct page;

struct page_range {
	struct page *first;
	unsigned int nr;
};

/* Under the lock of the lists that it is a part of. */
struct hot_pages {
	unsigned int nr_pages, nr_ranges;
	unsigned int most;	/* pages that it may keep now: see hot_room() */
	unsigned int passed_by; /* the last block that was too large, */
	unsigned int nr_missed; /* and how many of them were wanted at once, in a row */
	struct page_range range[HOT_RANGES + 1]; /* oldest first; one more than stay */
};

/* @nr pages, a power of two aligned to it, or NULL. What was written to them is there still. */
struct page *hot_take(struct hot_pages *hot, unsigned int nr);

/* Pages that it may keep now; also without the lock. */
static inline unsigned int hot_room(const struct hot_pages *hot)
{
	return (unsigned int)limits_share(READ_ONCE(hot->most), HOT_SHARE);
}

/* Puts @nr pages there: false when they are too many. */
bool hot_put(struct hot_pages *hot, struct page *first, unsigned int nr);

/* Takes out what is too much: up to HOT_RANGES + 1 ranges, whose number is returned. */
unsigned int hot_take_excess(struct hot_pages *hot, struct page_range *out);

/* Takes out all of them, as many at most. */
unsigned int hot_take_all(struct hot_pages *hot, struct page_range *out);

/* Another thread was met on the way to the zone. */
void hot_note_meeting(struct hot_pages *hot);

/* Forgets what was learned; nothing is there. */
void hot_forget(struct hot_pages *hot);

bool hot_has(const struct hot_pages *hot, const struct page *page);

void hot_check(const struct hot_pages *hot);

#endif
