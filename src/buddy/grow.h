/* SPDX-License-Identifier: MIT */
/*
 * How a zone grows: more pages of a section are put online, in steps that double, or a section is
 * made. Whoever calls holds the zone's lock.
 */
#ifndef KMEM_GROW_H
#define KMEM_GROW_H

#include "zone.h"

/* Puts pages of @s online up to index @end at least; false when there is no room, or no memory. */
bool grow_online(struct zone *zone, struct section *s, unsigned int end);

/* Makes a block of @order available: in a section that is not all online, or in a new one. */
bool grow_zone(struct zone *zone, unsigned int order);

/*
 * The end of the free run that starts at @index, looked at no further than @end. Free blocks tile
 * the run: each starts where the last one ended.
 */
unsigned int grow_free_end(struct section *s, unsigned int index, unsigned int end);

#endif
