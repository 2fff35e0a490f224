/* SPDX-License-Identifier: MIT */
/*
 * The slabinfo format, version 2.1, and nothing of the library's state: whoever reads a process
 * from outside prints the same text with it.
 */
#include "slabinfo.h"

void slabinfo_print_header(struct out *out)
{
	out_printf(out, "slabinfo - version: 2.1\n");
	out_printf(out, "# name            <active_objs> <num_objs> <objsize> <objperslab> "
			"<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
			"<active_slabs> <num_slabs> <sharedavail>\n");
}

void slabinfo_print_row(struct out *out, const struct cache_info *info)
{
	out_printf(out, "%-17s %6lu %6lu %6u %4u %4d", info->name, info->active_objs,
		   info->num_objs, info->objsize, info->objperslab, (int)info->pagesperslab);
	out_printf(out, " : tunables %4u %4u %4u", info->sheaf_capacity, 0u, 0u);
	out_printf(out, " : slabdata %6lu %6lu %6lu\n", info->active_slabs, info->num_slabs, 0ul);
}
