/* SPDX-License-Identifier: MIT */
/*
 * The zones as figures, and in the formats of the kernel's /proc/buddyinfo and /proc/zoneinfo.
 *
 * As there, only zones that have memory are shown. What a process's zones do not have (watermarks,
 * reserves) is 0. "spanned" is what is reserved, "present" and "managed" what is online.
 */
#ifndef KMEM_ZONEINFO_H
#define KMEM_ZONEINFO_H

#include "format.h"
#include "numa.h"

struct zone_info {
	unsigned int nid;
	const char *name;
	unsigned long blocks[NR_ORDERS]; /* free ones, by order */
	unsigned long nr_sections;	 /* what there is now */
	unsigned long nr_spanned, nr_online, nr_free, nr_dirty, peak_used;
	unsigned long start_pfn; /* of the lowest section; 0 when there is none */
};

const char *zone_name(enum zone_type type);

/* Counts under the zone's lock, so that all figures are of one moment. */
void zone_get_info(struct zone *zone, struct zone_info *info);

/* What a section adds to its zone's figures. */
void zone_info_add_section(struct zone_info *info, const struct section *s);

/* The text of one zone. */
void zone_print_buddyinfo(struct out *out, const struct zone_info *info);
void zone_print_zoneinfo(struct out *out, const struct zone_info *info);

#endif
