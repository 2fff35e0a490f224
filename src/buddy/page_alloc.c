/* SPDX-License-Identifier: MIT */
/* See page_alloc.h. */
#include "page_alloc.h"

#include "os.h"
#include "report.h"

static struct page *alloc_from(struct zone *zone, unsigned int nr, unsigned int align_order,
			       gfp_t gfp)
{
	if (likely(gfpflags_allow_blocking(gfp)))
		return zone_alloc(zone, nr, align_order);
	return zone_alloc_online(zone, nr, align_order);
}

struct page *page_alloc(unsigned int nr, unsigned int align_order, int nid, gfp_t gfp)
{
	const struct pglist_data *node = numa_node(nid);
	struct page *page = NULL;
	unsigned int i, nr_near;

	if (!node) {
		if (gfp & __GFP_THISNODE)
			return NULL;
		node = numa_node(NUMA_NO_NODE);
	}
	nr_near = gfp & __GFP_THISNODE ? 1 : node->nr_near;
	for (i = 0; i < nr_near && !page; i++)
		page = alloc_from(&NODE_DATA(node->near[i])->node_zones[gfp_zone(gfp)], nr,
				  align_order, gfp);
	if (page && (gfp & __GFP_ZERO))
		zone_zero(page, nr);
	return page;
}

unsigned int page_alloc_bulk(struct page **pages, unsigned int n, int nid, gfp_t gfp)
{
	struct pglist_data *node = numa_node(nid);
	unsigned int got = 0, some, i;

	while (got < n) {
		some = 0;
		if (node && gfp_zone(gfp) == ZONE_NORMAL && gfpflags_allow_blocking(gfp))
			some = zone_alloc_bulk(&node->node_zones[ZONE_NORMAL], 0, pages + got,
					       n - got, 0);
		for (i = 0; i < some && (gfp & __GFP_ZERO); i++)
			zone_zero(pages[got + i], 1);
		if (!some) {
			pages[got] = page_alloc(1, 0, nid, gfp);
			some = pages[got] != NULL;
		}
		if (!some)
			break;
		got += some;
	}
	return got;
}

void page_alloc_warn(unsigned int order, gfp_t gfp)
{
	static struct report_limit limit;

	if (report_allowed(&limit, os_clock_ms()))
		kmem_report("page allocation failure: order:%u, mode:0x%x", order, gfp);
}
