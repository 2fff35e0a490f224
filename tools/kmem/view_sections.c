/* SPDX-License-Identifier: MIT */
/* See view.h: sections, areas and zones. */
#include "view.h"

#include <stdlib.h>

#include "tool.h"

#define TABLE_STEP 4096u /* entries of sections[] that are read at a time */

/* ---- Sections and areas ---- */

struct table_walk {
	struct target *t;
	bool with_mem_map;
	void (*each)(void *context, const struct section_view *view);
	void *context;
	struct section *copy; /* with room for a whole mem_map */
};

/* What stands before mem_map, copied; false when it is not the descriptor of slot @nr. */
static bool read_section(struct table_walk *w, uintptr_t address, uintptr_t nr)
{
	struct section *s = w->copy;

	return target_read(w->t, address, s, sizeof(*s)) && s->bytes &&
	       s->start >> SECTION_SHIFT <= nr &&
	       (s->start + s->bytes - 1) >> SECTION_SHIFT >= nr &&
	       (s->type == SECTION_AREA ||
		(s->type == SECTION_PAGES && s->nr_online <= s->nr_pages &&
		 s->nr_free <= s->nr_online && s->nr_pages <= PAGES_PER_SECTION));
}

static void visit_section(struct table_walk *w, uintptr_t address, uintptr_t nr)
{
	struct section_view view = { .address = address, .section = w->copy };
	struct section *now = NULL;
	unsigned int try;

	for (try = 0; try < VIEW_TRIES; try++) {
		if (read_section(w, address, nr))
			break;
		/* It may have gone, or made room for another. */
		if (!target_read_struct(w->t, w->t->root.sections + nr, &now) || !now)
			return;
		address = view.address = (uintptr_t)now;
	}
	if (try == VIEW_TRIES) {
		target_note_change(w->t, "the section at 0x%lx",
				   (unsigned long)nr << SECTION_SHIFT);
		return;
	}
	/* An area of several slots was seen at its first. */
	if (w->copy->start >> SECTION_SHIFT != nr)
		return;
	if (w->with_mem_map && w->copy->type == SECTION_PAGES) {
		view.nr_pages = w->copy->nr_online;
		if (!target_read(w->t, address + offsetof(struct section, mem_map),
				 w->copy->mem_map, view.nr_pages * sizeof(struct page))) {
			target_note_change(w->t, "the pages of the section at 0x%lx",
					   (unsigned long)w->copy->start);
			return;
		}
	}
	w->each(w->context, &view);
}

static void visit_slots(struct table_walk *w, uintptr_t first, uintptr_t end)
{
	struct section *entry[TABLE_STEP];

	while (first < end) {
		size_t n = min_ul(TABLE_STEP, end - first), i;

		target_need(w->t, (uintptr_t)(w->t->root.sections + first), entry,
			    n * sizeof(*entry), "the table of sections");
		for (i = 0; i < n; i++)
			if (entry[i])
				visit_section(w, (uintptr_t)entry[i], first + i);
		first += n;
	}
}

/* The table is large and nearly empty: its entries are looked at where something is mapped. */
void sections_for_each(struct target *t, bool with_mem_map,
		       void (*each)(void *context, const struct section_view *view), void *context)
{
	struct table_walk w = { t, with_mem_map, each, context, NULL };
	uintptr_t seen = 0;
	size_t i;

	if (!t->ops->refresh(t))
		die(KMEM_GONE, "%s: the process ended", t->name);
	w.copy = xrealloc(NULL, 1, sizeof(*w.copy) + PAGES_PER_SECTION * sizeof(struct page));
	for (i = 0; i < t->nr_mappings; i++) {
		uintptr_t first = max_ul(seen, t->mappings[i].start >> SECTION_SHIFT);
		uintptr_t end = ((t->mappings[i].end - 1) >> SECTION_SHIFT) + 1;

		end = min_ul(end, NR_SECTIONS);
		if (first < end) {
			visit_slots(&w, first, end);
			seen = end;
		}
	}
	free(w.copy);
}

/* ---- Zones ---- */

static bool read_zone(struct target *t, struct zone_view *view, unsigned int nid)
{
	const struct zone *zone = &view->zone;

	return target_read_struct(t, view->address, &view->zone) && zone->nid == nid &&
	       zone->type == view->type && zone->nr_free <= zone->nr_online &&
	       zone->nr_dirty <= zone->nr_free;
}

static void add_zone(struct target *t, struct zones *zones, uintptr_t address, unsigned int nid,
		     enum zone_type type)
{
	struct zone_view *view;
	unsigned int try;

	zones->zone = xrealloc(zones->zone, zones->nr + 1, sizeof(*zones->zone));
	view = &zones->zone[zones->nr++];
	*view = (struct zone_view){ .address = address, .type = type };
	for (try = 0; try < VIEW_TRIES && !read_zone(t, view, nid); try++)
		;
	if (view->zone.nid != nid || view->zone.type != type)
		die(KMEM_DAMAGED, "%s: there is no zone at 0x%lx", t->name, (unsigned long)address);
	if (try == VIEW_TRIES)
		target_note_change(t, "node %u, zone %s", nid, zone_name(type));
	view->info = (struct zone_info){ .nid = nid,
					 .name = zone_name(type),
					 .nr_online = view->zone.nr_online,
					 .nr_free = view->zone.nr_free,
					 .nr_dirty = view->zone.nr_dirty,
					 .peak_used = view->zone.peak_used };
}

static void add_section(void *context, const struct section_view *view)
{
	const struct section *s = view->section;
	struct zones *zones = context;
	size_t i;

	if (s->type != SECTION_PAGES)
		return;
	for (i = 0; i < zones->nr && zones->zone[i].address != (uintptr_t)s->zone; i++)
		;
	/* One that is being made belongs to none yet, and has nothing online. */
	if (i < zones->nr)
		zone_info_add_section(&zones->zone[i].info, s);
}

/* Of a node in the target, which may be no pointer at all. */
static uintptr_t zone_address(const struct pglist_data *node, enum zone_type type)
{
	return (uintptr_t)node + offsetof(struct pglist_data, node_zones) +
	       type * sizeof(struct zone);
}

void zones_read(struct target *t, struct zones *zones)
{
	struct pglist_data *node[MAX_NUMNODES];
	unsigned int nid, type;

	*zones = (struct zones){ 0 };
	target_need(t, (uintptr_t)t->root.nodes, node, sizeof(node), "the table of nodes");
	for (nid = 0; nid < MAX_NUMNODES; nid++)
		for (type = 0; node[nid] && type < MAX_NR_ZONES; type++)
			add_zone(t, zones, zone_address(node[nid], type), nid, type);
	sections_for_each(t, false, add_section, zones);
}

void zones_free(struct zones *zones)
{
	free(zones->zone);
	*zones = (struct zones){ 0 };
}
