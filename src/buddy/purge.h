/* SPDX-License-Identifier: MIT */
/*
 * Giving free memory back to the OS.
 *
 * A freed page that is used again soon should not have been given back: a page fault costs more than
 * the page is worth. So freed pages stay dirty for a while (`decay_ms`), and as many of them as were
 * in use a moment ago: used and dirty pages together stay below a recent peak of the used ones, or
 * somewhat above it in a large heap. The peak sinks towards what is used now each time old pages are
 * looked for. Beyond either the pages go back, those first that were freed first, and of these the
 * largest blocks of the youngest sections. A section without a used page goes back with its addresses.
 *
 * How far above the peak, that is learned: what large blocks fault in again of what went back before
 * its time counts for a while as what should have stayed. (The kernel judges its reclaim in the same
 * way, by refaults.)
 *
 * There is no thread: time passes when pages are freed, in purge_tick(). The blocks being purged are
 * taken out of the free areas first, so that the zone's lock is not held across system calls.
 */
#ifndef KMEM_PURGE_H
#define KMEM_PURGE_H

#include "options.h"
#include "zone.h"

/* Called after @freed pages were, with no lock held. */
void purge_tick(struct zone *zone, uint64_t now_ms, unsigned int freed);

/*
 * Called for each request of @nr pages with zone->lock held: @clean of them were not dirty, which
 * they might have been if less had been purged.
 */
void purge_note_refault(struct zone *zone, unsigned int nr, unsigned long clean);

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
