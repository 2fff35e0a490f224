/* SPDX-License-Identifier: MIT */
/* What resident memory of the library's own mappings holds; see explain.h. */
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include "slab_run.h"
#include "tool.h"

#define MAX_SHEAF 1024u /* objects; more than any sheaf holds */

/* ---- Collecting ---- */

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static int compare_cached(const void *left, const void *right)
{
	const struct cached_object *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

static struct claim *add_claim(struct explanation *e, uintptr_t start, uintptr_t end,
			       enum explain_category category)
{
	if (e->nr_claims == e->claims_room) {
		e->claims_room = e->claims_room ? 2 * e->claims_room : 64;
		e->claims = xrealloc(e->claims, e->claims_room, sizeof(*e->claims));
	}
	e->claims[e->nr_claims] = (struct claim){ start, end, category, NULL, 0 };
	return &e->claims[e->nr_claims++];
}

static void collect_section(void *context, const struct section_view *view)
{
	const struct section *s = view->section;
	struct explanation *e = context;
	struct claim *claim;
	size_t bytes;

	if (s->type == SECTION_AREA) {
		add_claim(e, s->start, s->start + s->bytes, EXPLAIN_AREAS);
		return;
	}
	claim = add_claim(e, s->start, s->start + s->bytes, EXPLAIN_MOVING);
	bytes = sizeof(*s) + view->nr_pages * sizeof(struct page);
	claim->nr_pages = view->nr_pages;
	claim->section = xrealloc(NULL, 1, bytes);
	memcpy(claim->section, s, bytes);
}

/* The @nr objects that a sheaf at @sheaf holds. */
static void add_cached(struct explanation *e, struct target *t, const struct sheaf *sheaf,
		       unsigned int nr, enum explain_category category)
{
	uintptr_t from = (uintptr_t)sheaf + offsetof(struct sheaf, objects);
	void *objects[MAX_SHEAF];
	unsigned int i;

	/* More than that is no sheaf: it has changed hands, and its objects with it. */
	if (nr > MAX_SHEAF || !target_read(t, from, objects, nr * sizeof(objects[0])))
		return;
	if (e->nr_cached + nr > e->cached_room) {
		e->cached_room = 2 * e->cached_room + nr;
		e->cached = xrealloc(e->cached, e->cached_room, sizeof(*e->cached));
	}
	for (i = 0; i < nr; i++)
		if (objects[i])
			e->cached[e->nr_cached++] =
				(struct cached_object){ (uintptr_t)objects[i], category };
}

static void add_sheaf(struct explanation *e, struct target *t, const struct sheaf *address,
		      struct sheaf *sheaf, enum explain_category category)
{
	if (target_read_struct(t, address, sheaf))
		add_cached(e, t, address, sheaf->size, category);
}

/* A main sheaf ends where `top` points, and may begin with empty places. */
static void collect_slot(struct explanation *e, struct target *t, const struct cpu_slot *slot)
{
	uintptr_t first = (uintptr_t)slot->main + offsetof(struct sheaf, objects);
	uintptr_t top = (uintptr_t)slot->top;
	struct sheaf spare;

	if (slot->main && top >= first && top - first <= MAX_SHEAF * sizeof(void *))
		add_cached(e, t, slot->main, (unsigned int)((top - first) / sizeof(void *)),
			   EXPLAIN_SHEAVES);
	if (slot->main && slot->spare)
		add_sheaf(e, t, slot->spare, &spare, EXPLAIN_SHEAVES);
}

static void collect_thread(void *context, struct target *t, const struct kmem_cpu *cpu)
{
	struct explanation *e = context;
	struct cpu_slot slot;
	size_t i;

	for (i = 0; i < e->caches.nr; i++)
		if (thread_slot(t, cpu, &e->caches.cache[i].cache, &slot))
			collect_slot(e, t, &slot);
}

static void collect_barn(struct explanation *e, struct target *t, const struct barn *barn)
{
	struct sheaf sheaf = { .next = barn->full };
	unsigned int nr;

	for (nr = 0; nr < barn->nr_full && sheaf.next; nr++)
		add_sheaf(e, t, sheaf.next, &sheaf, EXPLAIN_BARNS);
}

static void collect_cached(struct target *t, struct explanation *e)
{
	size_t i, node, lane;

	for (i = 0; i < e->caches.nr; i++)
		for (node = 0; node < e->caches.cache[i].nr_nodes; node++)
			for (lane = 0; lane < NR_LANES; lane++)
				collect_barn(e, t, &e->caches.cache[i].node[node].lane[lane].barn);
	if (!threads_for_each(t, collect_thread, e))
		target_note_change(t, "objects in threads' sheaves");
	qsort(e->cached, e->nr_cached, sizeof(*e->cached), compare_cached);
}

/*
 * The sections and areas were seen at their table, which is what serves the program. What else the
 * library has mapped is its own, but for what the program had from do_mmap(): that is in no block.
 */
static void collect_vmas(struct target *t, struct explanation *e)
{
	struct vmas vmas;
	size_t i;

	vmas_read(t, &vmas);
	for (i = 0; i < vmas.nr; i++) {
		const struct vma_view *view = &vmas.vma[i];

		const char *name = view->vma.vm_name ? view->vma.vm_name : "";

		if (!strcmp(name, "kmem section") || !strcmp(name, "kmem area"))
			continue;
		add_claim(e, view->vma.vm_start, view->vma.vm_end,
			  view->vma.vm_block ? EXPLAIN_METADATA : EXPLAIN_MAPPED);
	}
	vmas_free(&vmas);
}

/* Of two claims that overlap, from different moments, the second begins where the first ends. */
static void part_claims(struct explanation *e)
{
	size_t i;

	qsort(e->claims, e->nr_claims, sizeof(*e->claims), compare_claims);
	for (i = 1; i < e->nr_claims; i++) {
		struct claim *before = &e->claims[i - 1], *claim = &e->claims[i];

		if (claim->start < before->end)
			claim->start = before->end;
		if (claim->end < claim->start)
			claim->end = claim->start;
	}
}

void explain_collect(struct target *t, struct explanation *e)
{
	uintptr_t table = (uintptr_t)t->root.sections;

	caches_read(t, &e->caches);
	collect_cached(t, e);
	sections_for_each(t, true, collect_section, e);
	add_claim(e, table, table + NR_SECTIONS * sizeof(struct section *), EXPLAIN_METADATA);
	collect_vmas(t, e);
	part_claims(e);
}

void explain_free(struct explanation *e)
{
	size_t i;

	for (i = 0; i < e->nr_claims; i++)
		free(e->claims[i].section);
	free(e->claims);
	free(e->cached);
	caches_free(&e->caches);
	*e = (struct explanation){ 0 };
}

/* ---- Counting ---- */

size_t resident_bytes(const struct residency *r, uintptr_t start, uintptr_t end)
{
	size_t sum = 0;

	if (start < r->start)
		start = r->start;
	if (end > r->end)
		end = r->end;
	while (start < end) {
		size_t page = (start - r->start) / r->page_size;
		uintptr_t next = r->start + (page + 1) * r->page_size;

		if (next > end)
			next = end;
		if (r->page[page])
			sum += next - start;
		start = next;
	}
	return sum;
}

static const struct kmem_cache *find_cache(const struct explanation *e, const void *address)
{
	size_t i;

	for (i = 0; i < e->caches.nr; i++)
		if (e->caches.cache[i].address == (uintptr_t)address)
			return &e->caches.cache[i].cache;
	return NULL;
}

/* The first object in a sheaf that does not lie below @address. */
static const struct cached_object *cached_from(const struct explanation *e, uintptr_t address)
{
	size_t low = 0, high = e->nr_cached;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (e->cached[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return &e->cached[low];
}

/* An object in use may lie in a sheaf: @cached, which goes up to it as the objects of a slab do. */
static enum explain_category object_category(const struct explanation *e, const struct slab *slab,
					     unsigned int index, uintptr_t address,
					     const struct cached_object **cached)
{
	const struct cached_object *end = e->cached + e->nr_cached;

	if (bitmap_has(slab->free_map, index))
		return slab->inuse ? EXPLAIN_PARTIAL : EXPLAIN_EMPTY;
	while (*cached < end && (*cached)->address < address)
		(*cached)++;
	return *cached < end && (*cached)->address == address ? (*cached)->category : EXPLAIN_LIVE;
}

static void explain_slab(struct explanation *e, const struct slab *slab, const struct residency *r,
			 uintptr_t start, uintptr_t end)
{
	const struct kmem_cache *s = find_cache(e, slab->cache);
	const struct cached_object *cached = cached_from(e, start);
	size_t whole = resident_bytes(r, start, end), objects = 0;
	uintptr_t object;
	unsigned int i;

	if (!whole)
		return;
	if (!s) {
		e->bytes[EXPLAIN_MOVING] += whole;
		return;
	}
	object = start + slab->colour * s->align;
	for (i = 0; i < s->objects && object + s->size <= end; i++, object += s->size) {
		enum explain_category category = object_category(e, slab, i, object, &cached);
		/* What its cache has behind an object, to align the next, is nobody's. */
		unsigned int size = category == EXPLAIN_LIVE ? s->object_size : s->size;
		size_t bytes = resident_bytes(r, object, object + size);

		e->bytes[category] += bytes;
		e->live_objects += category == EXPLAIN_LIVE;
		objects += bytes;
	}
	e->bytes[EXPLAIN_PADDING] += whole - objects;
}

/* How many units the object has that begins with @unit: its page has its class. */
static unsigned int units_of(const struct explanation *e, const struct claim *claim,
			     unsigned int page, unsigned int unit)
{
	uint8_t class = claim->section->page_class[page + unit / UNITS_A_PAGE];
	size_t i;

	for (i = 0; i < e->caches.nr; i++)
		if (e->caches.cache[i].cache.index == class && e->caches.cache[i].cache.units)
			return e->caches.cache[i].cache.units;
	return 1;
}

/* A slab whose objects are runs of units, of several classes. */
static void explain_shared(struct explanation *e, const struct claim *claim, unsigned int page,
			   const struct residency *r, uintptr_t start)
{
	struct slab *slab = (struct slab *)&claim->section->mem_map[page];
	const struct cached_object *cached = cached_from(e, start);
	unsigned int unit, nr;

	for (unit = 0; unit < run_units(slab); unit += nr) {
		uintptr_t object = start + unit * UNIT_BYTES;
		enum explain_category category = object_category(e, slab, unit, object, &cached);
		bool begins = bitmap_has(run_starts(slab), unit);

		nr = begins ? units_of(e, claim, page, unit) : 1;
		e->bytes[category] += resident_bytes(r, object, object + nr * UNIT_BYTES);
		e->live_objects += begins && category == EXPLAIN_LIVE;
	}
}

static bool is_shared(const struct explanation *e, const struct claim *claim, unsigned int index)
{
	const struct slab *slab = (const struct slab *)&claim->section->mem_map[index];
	const struct kmem_cache *s = find_cache(e, slab->cache);

	return s && s->shared && slab->order >= SHARED_SMALL_ORDER && slab->order <= SHARED_ORDER &&
	       claim->nr_pages - index >= 1u << slab->order;
}

static const enum explain_category category_of[] = {
	[PAGE_NONE] = EXPLAIN_MOVING,	  [PAGE_FREE] = EXPLAIN_FREE,
	[PAGE_PCP] = EXPLAIN_PAGE_LISTS,  [PAGE_HOT] = EXPLAIN_PAGE_LISTS,
	[PAGE_KEPT] = EXPLAIN_PAGE_LISTS, [PAGE_SLAB] = EXPLAIN_LIVE,
	[PAGE_LARGE] = EXPLAIN_LARGE,	  [PAGE_KERNEL] = EXPLAIN_PAGES,
};

/* How many pages the block at @index has, and what they are. */
static unsigned int block_at(const struct claim *claim, unsigned int index,
			     enum explain_category *category)
{
	const struct page *page = &claim->section->mem_map[index];
	unsigned int nr = 1;

	*category = EXPLAIN_MOVING;
	switch (page->type) {
	case PAGE_FREE:
	case PAGE_PCP:
	case PAGE_SLAB:
		nr = page->order < NR_ORDERS ? 1u << page->order : 1;
		break;
	case PAGE_HOT:
	case PAGE_KEPT:
	case PAGE_LARGE:
	case PAGE_KERNEL:
		nr = page->nr_pages ? page->nr_pages : 1;
		break;
	}
	if (page->type < ARRAY_SIZE(category_of))
		*category = category_of[page->type];
	/* What reaches beyond the end is from two moments. */
	return nr <= claim->nr_pages - index ? nr : claim->nr_pages - index;
}

/*
 * Blocks are told by their first page: the walk begins at the section's first, whatever @start is.
 */
static void explain_section(struct explanation *e, const struct claim *claim,
			    const struct residency *r, uintptr_t start, uintptr_t end)
{
	unsigned int index = 0, nr;

	for (; index < claim->nr_pages; index += nr) {
		const struct page *page = &claim->section->mem_map[index];
		uintptr_t at = claim->section->start + index * PAGE_SIZE;
		enum explain_category category;

		nr = block_at(claim, index, &category);
		if (at + nr * PAGE_SIZE <= start || at >= end)
			continue;
		if (page->type == PAGE_SLAB && is_shared(e, claim, index))
			explain_shared(e, claim, index, r, at);
		else if (page->type == PAGE_SLAB)
			explain_slab(e, (const struct slab *)page, r, at, at + nr * PAGE_SIZE);
		else
			e->bytes[category] += resident_bytes(r, at, at + nr * PAGE_SIZE);
	}
	e->bytes[EXPLAIN_MOVING] +=
		resident_bytes(r, claim->section->start + claim->nr_pages * PAGE_SIZE, end);
}

void explain_claim(struct explanation *e, const struct claim *claim, const struct residency *r,
		   uintptr_t start, uintptr_t end)
{
	if (claim->section)
		explain_section(e, claim, r, start, end);
	else
		e->bytes[claim->category] += resident_bytes(r, start, end);
}
