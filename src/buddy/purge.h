/* SPDX-License-Identifier: MIT */
/*
 * Giving free memory back to the OS.
 *
 * A freed page that is used again soon should not have been given back: a page fault costs more
 * than the page is worth. So freed pages stay dirty for a while (`decay_ms`), and as many of them
 * as were in use a moment ago: used and dirty pages together stay below a recent peak of the used
 * ones, or somewhat above it in a large heap. The peak sinks towards what is used now each time old
 * pages are looked for. Beyond either the pages go back, those first that were freed first, and of
 * these the largest blocks of the youngest sections. A section without a used page goes back with
 * its addresses.
 *
 * How far above the peak, that is learned: what large blocks fault in again of what went back
 * before its time counts for a while as what should have stayed. (The kernel judges its reclaim in
 * the same way, by refaults.)
 *
 * A heap that was large and empties is another matter: its pages are not wanted soon, or so it
 * seems, and perhaps nothing is freed for hours, so that no time passes. What is free then goes at
 * once. Who decides that lies above (slab/emptied.h), since pages in use may hold nothing but free
 * objects; here `heap_state` says when it is worth a look, and what is taken again of what went is
 * counted.
 *
 * Time passes when pages are freed, in purge_tick(); there is a thread in which it passes as well
 * only where a user asks for it (slab/purger.h). The blocks being purged are taken out of the free
 * areas first, so that the zone's lock is not held across system calls.
 */
#ifndef KMEM_PURGE_H
#define KMEM_PURGE_H

#include "options.h"
#include "wait_queue.h"
#include "zone.h"

/* Called after @freed pages were, with no lock held. */
void purge_tick(struct zone *zone, uint64_t now_ms, unsigned int freed);

/* Called when so many more of the pages in use are lent, with no lock of the zone's held. */
void purge_note_lent(struct zone *zone, unsigned int pages);

/* How often old pages are looked for, in milliseconds; 0: never. */
unsigned long purge_pass_ms(void);

/* Who waits here is woken when there is memory that time will give back. */
extern struct wait_queue purge_waiters;

/*
 * Called for each request of @nr pages with zone->lock held: @clean of them were not dirty, which
 * they might have been if less had been purged.
 */
void purge_note_refault(struct zone *zone, unsigned int nr, unsigned long clean);

/*
 * A zone has much less in use than lately, or so little that it is time for another look: set here,
 * the first also where objects are freed, and set back by whoever looks.
 */
enum { HEAP_STEADY, HEAP_SANK, HEAP_LOOK };
#define SUNK_USED 3UL /* of four parts of the peak: with more in use it did not sink */
extern unsigned int heap_state;
extern unsigned long heap_look_below; /* pages in use */

/* Called for each request with zone->lock held: @clean of its pages were not dirty. */
static inline void purge_note_refill(struct zone *zone, unsigned long clean)
{
	unsigned long again = min_ul(clean, zone->nr_emptied);

	if (unlikely(again)) {
		zone->nr_emptied -= again;
		WRITE_ONCE(zone->nr_refilled, zone->nr_refilled + again);
	}
}

/*
 * As purge_all(), for a heap that has emptied: what is taken again of it will be counted. Ends
 * early when @go_on, which is asked before each call of the OS that purges unless it is NULL, says
 * so.
 */
unsigned long purge_emptied(struct zone *zone, bool (*go_on)(void));

/* Gives back all there is to give. Returns the pages that went. */
unsigned long purge_all(struct zone *zone);

/*
 * Whether another thread has free blocks in its hands, for whoever found none: it waits until they
 * are back.
 */
bool purge_wait(struct zone *zone);

/* In a child of fork, with zone->lock held: what another thread was purging is free again. */
void purge_fork_child(struct zone *zone);

extern const struct boot_params purge_params;

#endif
