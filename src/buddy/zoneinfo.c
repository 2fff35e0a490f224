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

/* Written with no lock held: whoever reads may be slow. */
static void for_each_populated(struct out *out,
			       void (*print)(struct out *out, const struct zone_info *info))
{
	struct zone_info info;
	struct zone *zone;

	for (zone = first_zone(); zone; zone = next_zone(zone)) {
		zone_get_info(zone, &info);
		if (info.nr_sections)
			print(out, &info);
	}
}

void zones_print_buddyinfo(struct out *out)
{
	for_each_populated(out, zone_print_buddyinfo);
}

void zones_print_zoneinfo(struct out *out)
{
	for_each_populated(out, zone_print_zoneinfo);
}
