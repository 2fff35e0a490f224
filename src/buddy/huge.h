/* SPDX-License-Identifier: MIT */
/*
 * Transparent huge pages, for memory that is touched for the first time.
 *
 * A page fault costs as much as several hundred objects, and a heap of hundreds of megabytes misses
 * the TLB at every turn. Both are better with huge pages, and both matter only where there is much
 * memory. But a huge page of which a part is used costs all of it, and one of which a part was
 * given back costs all of it again when the kernel's khugepaged puts it together anew. So huge
 * pages are asked for
 *
 *   - once a zone has HUGE_HEAP pages online, of which one huge page is then a small part;
 *   - if memory that is taken is used. Stacks, and buffers that are larger than what they hold, are
 *     touched here and there, and with huge pages each cost as much as if all of it had been. So
 *     the last step of small pages is looked at: half of it must be in memory. It is seen again
 *     when the zone is twice as large, or smaller, for which one step more has small pages;
 *   - for what is put online from then on, which is taken from its beginning as it is needed;
 *   - until something of the section is given back: from then on its pages come one by one;
 *   - unless the first of those that were put online took long. A virtual machine gives large free
 *     blocks back to its host, and a huge page from there may take twenty times as long as another:
 *     more than its pages one by one, which come from memory that the machine still has. So the
 *     first one is faulted in here, and timed: with the zone's lock held, for 0.2 ms, or seldom 5,
 *     which requests that may not wait do not wait for. Kernels before 5.14 cannot be asked to,
 *     nor has a step a whole huge page where OS pages are larger than 4 KiB: there is nothing to
 *     time.
 *
 * `transparent_hugepage=` has the kernel's values: `madvise`, the above; `always`, from the first
 * page on; `never`, not even where the system would by itself.
 *
 * Advice may be refused or mean nothing; nothing depends on it. What it costs is seen by `kmem
 * explain-rss` as free pages that are resident.
 */
#ifndef KMEM_HUGE_H
#define KMEM_HUGE_H

#include "options.h"
#include "zone.h"

/* Pages [first, first + nr) of @s were just put online; zone->lock is held. */
void huge_note_online(struct zone *zone, struct section *s, unsigned int first, unsigned int nr);

/* Pages of @s are about to be purged. */
void huge_note_purge(struct section *s);

extern const struct boot_params huge_params;

#endif
