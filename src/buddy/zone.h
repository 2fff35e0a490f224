/* SPDX-License-Identifier: MIT */
/*
 * The zone: a buddy allocator over sections.
 *
 * A free block has 1 << order pages, starts at a multiple of its length within its section, and
 * hangs on its section's free_area[order]. Its buddy, found by flipping one bit of its index, is
 * the only block it ever merges with.
 *
 * A large request is met from the run that fits best, blocks or not: see fit.h.
 *
 * Every free page is dirty (it may hold old data, and costs memory) or clean (never touched, or
 * given back to the OS: reads as zero). A request takes a dirty block if any is large enough, so
 * that memory grows only when it must; among these, and else among the clean ones, the smallest of
 * the oldest section, so that young sections drain and can be given back. What stays dirty for
 * long, or is too much, is purged; see purge.c.
 *
 * What a caller was given is a range of pages: it may return it whole, or its tail first, in any
 * cut, since zone_free_range() splits every range into aligned blocks.
 *
 * Every zone belongs to a node (numa.h), and is either for addresses below 4 GiB or for all others.
 * A section belongs to one zone for all its life, and its pages are freed there: see page_zone().
 * Nobody holds the locks of two zones, but fork.
 *
 * Invariants (zone_is_valid()): no two free buddies of one order; a bit for each free page;
 * nr_free, nr_dirty and nr_online are the sums over the sections; no section older than
 * oldest_with[n] has a block of order n or more, and oldest_with[] ascends.
 */
#ifndef KMEM_ZONE_H
#define KMEM_ZONE_H

#include <kmem/gfp.h>

#include "pcp.h"
#include "section.h"

#define PURGE_BATCH 32 /* blocks out of the free areas at a time */

/*
 * Free blocks on their way: out of the free areas, with nobody else knowing of them. Filled and
 * emptied under the zone's lock, used by the one thread that purges the zone; here, so that a child
 * of fork can put back what its parent's thread was at.
 */
struct purge_batch {
	unsigned int nr;
	struct page *block[PURGE_BATCH];
	bool purged[PURGE_BATCH];
};

struct zone {
	struct lock lock; /* RANK_ZONE; guards everything below and the sections' free areas */
	struct list_head sections;		/* oldest first */
	struct section *oldest_with[NR_ORDERS]; /* where to start looking; NULL: nowhere */
	unsigned long nr_sections;		/* ever created */

	unsigned long nr_online;		  /* pages that can be used */
	unsigned long nr_free;			  /* of these, in free areas */
	unsigned long nr_dirty;			  /* of these, that hold memory */
	unsigned long nr_dirty_blocks[NR_ORDERS]; /* free blocks with dirty pages */
	unsigned long dirty_orders;		  /* bit n: nr_dirty_blocks[n] is not 0 */
	unsigned int online_step;		  /* pages to put online next time, doubles */

	/* huge.c */
	unsigned int huge_pause; /* steps without huge pages since one took long: more each time, */
	unsigned int huge_skip;	 /* of which so many are left */
	/* pages online for which they were seen to be used; more, or fewer, and it is seen again */
	unsigned long huge_from, huge_until;
	const void *small;  /* the last step, if it is one of small pages, */
	size_t small_bytes; /* else 0 */

	/* purge.c */
	unsigned long peak_used;   /* most pages in use lately */
	unsigned long nr_purged;   /* pages purged lately that no request took since */
	unsigned long nr_refault;  /* of those, what large blocks have taken lately */
	unsigned long nr_emptied;  /* pages that purge_emptied() gave back, not taken since */
	unsigned long nr_refilled; /* pages that requests did take again, ever */
	struct lock purge_lock; /* RANK_PURGE; whose holder has blocks in its hands, see purge.c */
	uint64_t last_purge_ms;
	uint64_t last_short_ms; /* when a purge found less than it should, since all was young */
	struct purge_batch batch;

	uint8_t nid; /* constant, as the type */
	enum zone_type type;

	struct per_cpu_pages pcp[NR_LANES]; /* each its own lock; what they have is in use above */
};

#define FIRST_ONLINE_STEP 256u /* pages: 1 MiB */

#define ZONE_INIT(zone, t)                                                                     \
	{                                                                                      \
		.lock = LOCK_INIT(RANK_ZONE), .purge_lock = LOCK_INIT(RANK_PURGE),             \
		.sections = LIST_HEAD_INIT((zone).sections), .online_step = FIRST_ONLINE_STEP, \
		.type = (t), .pcp = { PCP_INIT(0), PCP_INIT(1), PCP_INIT(2), PCP_INIT(3) },    \
	}

/*
 * Gives back what is lent of the pages in use, with no lock of a zone held and without a call of
 * the OS. Whoever lends has set it before. See slab/lent.h.
 */
extern void (*zone_lender)(void);

/* An empty zone of node @nid. */
void zone_init(struct zone *zone, unsigned int nid, enum zone_type type);

/* The zone and the node of a page. */
static inline struct zone *page_zone(const struct page *page)
{
	return page_section(page)->zone;
}

static inline int page_nid(const struct page *page)
{
	return page_section(page)->nid;
}

/* A range of @nr pages (1 to 1 << MAX_ORDER) aligned to 1 << @align_order pages within its section;
 * NULL when the OS refuses. */
struct page *zone_alloc(struct zone *zone, unsigned int nr, unsigned int align_order);

/* As zone_alloc(), of what is free now: makes no system call, and waits for nobody for long. */
struct page *zone_alloc_online(struct zone *zone, unsigned int nr, unsigned int align_order);

/*
 * As zone_alloc(), of up to @n blocks of 1 << @order pages, and up to @more that cost nothing more:
 * dirty ones, and what lies beside them. Returns how many. Never asks the OS for more than the
 * first of them.
 */
unsigned int zone_alloc_bulk(struct zone *zone, unsigned int order, struct page **pages,
			     unsigned int n, unsigned int more);

/* Returns @nr pages from @page on, which the caller may have written to. */
void zone_free(struct zone *zone, struct page *page, unsigned int nr);

/* Returns @nr pages from @page on, which read as zero and cost nothing: their memory moved away. */
void zone_free_clean(struct zone *zone, struct page *page, unsigned int nr);

/* As zone_free(), but no time passes, so that the OS is not called. */
void zone_free_quietly(struct zone *zone, struct page *page, unsigned int nr);

/* As zone_free(), for @n ranges. */
void zone_free_ranges(struct zone *zone, const struct page_range *ranges, unsigned int n);

/*
 * Makes @nr pages just taken read as zero. Only those that may not do so already are written to.
 */
void zone_zero(struct page *page, unsigned int nr);

/* Takes the @nr pages from @page on, if all are free or can be put online. */
bool zone_claim(struct zone *zone, struct page *page, unsigned int nr);

#define COPIES_A_FAULT 4u /* pages that are copied in the time of a page fault */

/*
 * For the block of @old pages from @block on that is to have @nr: so many pages elsewhere, if it
 * costs less to copy it to memory that is there than to fault in what is behind it. NULL if not.
 */
struct page *zone_alloc_copy(struct zone *zone, const struct page *block, unsigned int old,
			     unsigned int nr);

/* Whether the page lies in a free block, or one that was used before (zone->lock is taken). */
bool zone_page_is_free(struct zone *zone, const struct page *page);
bool zone_page_was_freed(struct zone *zone, const struct page *page);

/* As zone_free(), with zone->lock held: no time passes. */
void zone_put(struct zone *zone, struct page *page, unsigned int nr, uint64_t now_ms);

/*
 * For pcp.c and purge.c, with zone->lock held: a block leaves its free area, or comes back, merging
 * with its buddies; any range comes back, cut into aligned blocks, its dirty bits as they should
 * be; a section leaves the zone.
 */
void zone_remove_free(struct zone *zone, struct page *page);

/* The free block of @order that [index, index + (1 << order)) would merge with, or NULL. */
struct page *zone_free_buddy(struct section *s, unsigned int index, unsigned int order);
void zone_insert_free(struct zone *zone, struct page *page, unsigned int order, uint64_t freed_ms);
void zone_free_range(struct zone *zone, struct section *s, unsigned int index, unsigned int nr,
		     uint64_t freed_ms);
void zone_forget_section(struct zone *zone, struct section *s);

bool zone_is_valid(struct zone *zone);

#endif
