/* SPDX-License-Identifier: MIT */
/* See zoneinfo.h. */
#include "zoneinfo.h"

void zone_get_info(struct zone *zone, struct zone_info *info)
{
	const struct section *s;

	*info = (struct zone_info){ .nid = zone->nid, .name = zone_name(zone->type) };
	lock_acquire(&zone->lock);
	list_for_each_entry(s, &zone->sections, list)
		zone_info_add_section(info, s);
	info->nr_online = zone->nr_online;
	info->nr_free = zone->nr_free;
	info->nr_dirty = zone->nr_dirty;
	info->peak_used = zone->peak_used;
	lock_release(&zone->lock);
}
