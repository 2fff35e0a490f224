/* SPDX-License-Identifier: MIT */
/*
 * The formats of buddyinfo and zoneinfo, and nothing of the library's state: whoever reads a
 * process from outside prints the same text with it.
 */
#include "zoneinfo.h"

const char *zone_name(enum zone_type type)
{
	return type == ZONE_DMA32 ? "DMA32" : "Normal";
}

void zone_info_add_section(struct zone_info *info, const struct section *s)
{
	unsigned long pfn = s->start >> PAGE_SHIFT;
	unsigned int order;

	for (order = 0; order < NR_ORDERS; order++)
		info->blocks[order] += s->free_area[order].nr_free;
	info->nr_spanned += s->nr_pages;
	if (!info->nr_sections++ || pfn < info->start_pfn)
		info->start_pfn = pfn;
}

void zone_print_buddyinfo(struct out *out, const struct zone_info *info)
{
	unsigned int order;

	out_printf(out, "Node %u, zone %8s ", info->nid, info->name);
	for (order = 0; order < NR_ORDERS; order++)
		out_printf(out, "%6lu ", info->blocks[order]);
	out_printf(out, "\n");
}

void zone_print_zoneinfo(struct out *out, const struct zone_info *info)
{
	unsigned long used = info->nr_online - info->nr_free;

	out_printf(out, "Node %u, zone %8s\n", info->nid, info->name);
	out_printf(out, "  pages free     %lu\n", info->nr_free);
	out_printf(out, "        boost    0\n        min      0\n        low      0\n");
	out_printf(out, "        high     0\n");
	out_printf(out, "        spanned  %lu\n", info->nr_spanned);
	out_printf(out, "        present  %lu\n", info->nr_online);
	out_printf(out, "        managed  %lu\n", info->nr_online);
	out_printf(out, "      nr_free_pages %lu\n", info->nr_free);
	out_printf(out, "      nr_dirty      %lu\n", info->nr_dirty);
	out_printf(out, "      nr_used       %lu\n", used);
	out_printf(out, "      peak_used     %lu\n", info->peak_used);
	out_printf(out, "      nr_sections   %lu\n", info->nr_sections);
	out_printf(out, "  start_pfn:           %lu\n", info->start_pfn);
}
