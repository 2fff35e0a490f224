/* SPDX-License-Identifier: MIT */
/* See zone.h. */
#include "zone.h"

#include <string.h>

#include "fit.h"
#include "grow.h"
#include "os.h"
#include "purge.h"
#include "report.h"

void (*zone_lender)(void);

void zone_init(struct zone *zone, unsigned int nid, enum zone_type type)
{
	*zone = (struct zone)ZONE_INIT(*zone, type);
	zone->nid = (uint8_t)nid;
}

static void count_free(struct zone *zone, struct section *s, long pages, long dirty)
{
	s->nr_free += (unsigned int)pages;
	WRITE_ONCE(zone->nr_free, zone->nr_free + (unsigned long)pages);
	WRITE_ONCE(zone->nr_dirty, zone->nr_dirty + (unsigned long)dirty);
}

/* @s has a block of @order: in zone->oldest_with[], those of lower orders are no younger. */
static void note_block(struct zone *zone, struct section *s, unsigned int order)
{
	struct section **oldest = zone->oldest_with;
	unsigned int o = order + 1;

	while (o-- && (!oldest[o] || s->age < oldest[o]->age))
		oldest[o] = s;
}

/* Of all sections @s is the first with a block of @order; NULL: none has one. */
static void note_first(struct zone *zone, struct section *s, unsigned int order)
{
	struct section **oldest = zone->oldest_with;

	for (; order < NR_ORDERS && oldest[order]; order++) {
		if (s && oldest[order]->age >= s->age)
			break;
		oldest[order] = s;
	}
}

/* Hangs a block, which is not merged, on its free area. */
static void link_free(struct zone *zone, struct section *s, unsigned int index, unsigned int order,
		      unsigned int nr_dirty, uint64_t freed_ms)
{
	struct page *page = &s->mem_map[index];
	struct free_area *area = &s->free_area[order];

	page_set_type(page, PAGE_FREE);
	WRITE_ONCE(page->order, (uint8_t)order);
	page->nr_dirty = nr_dirty;
	page->freed_ms = freed_ms;
	if (nr_dirty) {
		list_add(&page->lru, &area->free_list);
		s->dirty_orders |= 1UL << order;
		zone->dirty_orders |= 1UL << order;
		zone->nr_dirty_blocks[order]++;
	} else {
		list_add_tail(&page->lru, &area->free_list);
	}
	area->nr_free++;
	s->free_orders |= 1UL << order;
	bitmap_set(s->free, index, 1u << order);
	count_free(zone, s, 1L << order, nr_dirty);
	note_block(zone, s, order);
}

static bool first_is_dirty(const struct free_area *area)
{
	return area->nr_free && list_first_entry(&area->free_list, struct page, lru)->nr_dirty;
}

void zone_remove_free(struct zone *zone, struct page *page)
{
	struct section *s = page_section(page);
	struct free_area *area = &s->free_area[page->order];
	unsigned long bit = 1UL << page->order;

	list_del(&page->lru);
	if (--area->nr_free == 0)
		s->free_orders &= ~bit;
	if (page->nr_dirty) {
		if (--zone->nr_dirty_blocks[page->order] == 0)
			zone->dirty_orders &= ~bit;
		if (!first_is_dirty(area))
			s->dirty_orders &= ~bit;
	}
	page_set_type(page, PAGE_NONE);
	bitmap_clear(s->free, page_index(page), 1u << page->order);
	count_free(zone, s, -(1L << page->order), -(long)page->nr_dirty);
}

struct page *zone_free_buddy(struct section *s, unsigned int index, unsigned int order)
{
	unsigned int buddy = index ^ (1u << order);

	if (order == MAX_ORDER || buddy + (1u << order) > s->nr_online)
		return NULL;
	return page_is(&s->mem_map[buddy], PAGE_FREE, order) ? &s->mem_map[buddy] : NULL;
}

void zone_insert_free(struct zone *zone, struct page *page, unsigned int order, uint64_t freed_ms)
{
	struct section *s = page_section(page);
	unsigned int index = page_index(page);
	unsigned int nr_dirty = bitmap_weight(s->dirty, index, 1u << order);
	struct page *buddy;

	page_set_type(page, PAGE_NONE);
	while ((buddy = zone_free_buddy(s, index, order))) {
		zone_remove_free(zone, buddy);
		nr_dirty += buddy->nr_dirty;
		if (buddy->freed_ms > freed_ms)
			freed_ms = buddy->freed_ms;
		index &= ~(1u << order);
		order++;
	}
	link_free(zone, s, index, order, nr_dirty, freed_ms);
}

void zone_free_range(struct zone *zone, struct section *s, unsigned int index, unsigned int nr,
		     uint64_t freed_ms)
{
	while (nr) {
		unsigned int order = __fls(nr);

		if (index && __ffs(index) < order)
			order = __ffs(index);
		zone_insert_free(zone, &s->mem_map[index], order, freed_ms);
		index += 1u << order;
		nr -= 1u << order;
	}
}

static unsigned int dirty_in_half(struct section *s, unsigned int index, unsigned int order,
				  unsigned int whole)
{
	if (whole == 0 || whole == 2u << order)
		return whole / 2;
	return bitmap_weight(s->dirty, index, 1u << order);
}

/*
 * The block that serves a request for one of @order in @s, which has one as large: a dirty one, or
 * else any.
 */
static struct page *first_block(const struct section *s, unsigned int order)
{
	unsigned long dirty = s->dirty_orders >> order;
	unsigned int have = order + __ffs(dirty ? dirty : s->free_orders >> order);

	return list_first_entry(&s->free_area[have].free_list, struct page, lru);
}

/* Takes a block of @order out of @s, splitting as needed. */
static struct page *take_block(struct zone *zone, struct section *s, unsigned int order)
{
	struct page *page = first_block(s, order);
	unsigned int index = page_index(page), have = page->order, nr_dirty = page->nr_dirty;

	zone_remove_free(zone, page);
	while (have > order) {
		unsigned int upper, upper_dirty;

		have--;
		upper = index + (1u << have);
		upper_dirty = dirty_in_half(s, upper, have, nr_dirty);
		link_free(zone, s, upper, have, upper_dirty, page->freed_ms);
		nr_dirty -= upper_dirty;
	}
	return page;
}

/*
 * Takes up to @n blocks of @order that lie in one free block, from its beginning on. Returns how
 * many: of one that is dirty in part just one, since other blocks may have more.
 */
static unsigned int take_blocks(struct zone *zone, struct section *s, unsigned int order,
				struct page **pages, unsigned int n)
{
	struct page *page = first_block(s, order);
	unsigned int nr = 1u << page->order, taken, i;

	n = (unsigned int)min_ul(n, nr >> order);
	if (n == 1 || (page->nr_dirty && page->nr_dirty != nr)) {
		*pages = take_block(zone, s, order);
		return 1;
	}
	taken = n << order;
	zone_remove_free(zone, page);
	for (i = 0; i < n; i++) {
		pages[i] = page + (i << order);
		/* Not used after all, they are as old as they were. */
		pages[i]->freed_ms = page->freed_ms;
	}
	zone_free_range(zone, s, page_index(page) + taken, nr - taken, page->freed_ms);
	return n;
}

static bool has_dirty(const struct zone *zone, unsigned int order)
{
	return zone->dirty_orders >> order;
}

/* The oldest section with a dirty block, or else with any block, of @order or more. */
static struct section *find_section(struct zone *zone, unsigned int order)
{
	struct section *s = zone->oldest_with[order], *first = NULL;
	bool dirty = has_dirty(zone, order);

	if (!s)
		return NULL;
	for (; &s->list != &zone->sections; s = list_entry(s->list.next, struct section, list)) {
		if (!first && s->free_orders >> order) {
			first = s;
			note_first(zone, s, order);
		}
		if (first && (!dirty || s->dirty_orders >> order))
			return dirty ? s : first;
	}
	if (!first)
		note_first(zone, NULL, order);
	return first;
}

static struct section *find_or_grow(struct zone *zone, unsigned int order, bool may_grow)
{
	struct section *s = find_section(zone, order);

	return s || !may_grow || !grow_zone(zone, order) ? s : find_section(zone, order);
}

static struct page *alloc_block(struct zone *zone, unsigned int order, bool may_grow)
{
	struct section *s = find_or_grow(zone, order, may_grow);

	return s ? take_block(zone, s, order) : NULL;
}

/* The free block that the page lies in, which is free. */
static struct page *free_block_of(struct section *s, unsigned int index)
{
	unsigned int order = 0;
	struct page *head;

	do
		head = &s->mem_map[align_down(index, 1UL << order)];
	while (!page_is(head, PAGE_FREE, order++));
	return head;
}

/* Takes the free run [first, end); what its last block has beyond goes back. */
static void take_run(struct zone *zone, struct section *s, unsigned int first, unsigned int end)
{
	uint64_t freed_ms = 0;

	while (first < end) {
		struct page *block = &s->mem_map[first];

		zone_remove_free(zone, block);
		freed_ms = block->freed_ms;
		first += 1u << block->order;
	}
	zone_free_range(zone, s, end, first - end, freed_ms);
}

/*
 * Takes @nr free pages out of the blocks that they lie in, the first of which may begin before, and
 * leaves its time to them.
 */
static void take_out(struct zone *zone, struct section *s, unsigned int first, unsigned int nr)
{
	struct page *block = free_block_of(s, first);
	unsigned int begin = page_index(block), before = first - begin;
	uint64_t freed_ms = block->freed_ms;

	take_run(zone, s, begin, first + nr);
	if (before)
		zone_free_range(zone, s, begin, before, freed_ms);
	s->mem_map[first].freed_ms = freed_ms;
}

static unsigned int order_of(unsigned int nr)
{
	return nr > 1 ? __fls(nr - 1) + 1 : 0;
}

/* A power of two of pages lies at a multiple of it, as a block would. */
static unsigned int align_of(unsigned int nr, unsigned int align_order)
{
	unsigned int align = 1u << align_order;

	return is_power_of_2(nr) && align < nr ? nr : align;
}

static struct page *take_found(struct zone *zone, struct page *page, unsigned int nr)
{
	if (page)
		take_out(zone, page_section(page), page_index(page), nr);
	return page;
}

/* @nr pages that were used before, where they fit best. */
static struct page *take_fit(struct zone *zone, unsigned int nr, unsigned int align_order)
{
	struct page *page;

	if (nr < FIT_LEAST)
		return NULL;
	page = nr == 1u << align_order ? fit_exact(zone, align_order) : NULL;
	if (!page)
		page = fit_find(zone, nr, align_of(nr, align_order));
	return take_found(zone, page, nr);
}

/* The same that were not, where they may be huge pages. */
static struct page *take_huge(struct zone *zone, unsigned int nr, unsigned int align_order)
{
	if (nr < FIT_LEAST || has_dirty(zone, order_of(nr)))
		return NULL;
	return take_found(zone, fit_find_huge(zone, nr, align_of(nr, align_order)), nr);
}

/* The first @nr pages of a block; the tail goes back. */
static struct page *take_cut(struct zone *zone, unsigned int nr, unsigned int order, bool may_grow)
{
	struct page *page = alloc_block(zone, order, may_grow);

	if (page)
		zone_free_range(zone, page_section(page), page_index(page) + nr, (1u << order) - nr,
				page->freed_ms);
	return page;
}

/* Of @nr pages just taken, before which @nr_dirty of the zone's were dirty, some are not. */
static void note_refault(struct zone *zone, const struct page *page, unsigned int nr,
			 unsigned long nr_dirty)
{
	purge_note_refill(zone, nr - (nr_dirty - zone->nr_dirty));
	/* The time 0 is that of pages never used before. */
	if (page->freed_ms)
		purge_note_refault(zone, nr, nr - (nr_dirty - zone->nr_dirty));
}

/* Before a request for a block of @order touches memory that costs nothing yet. */
static void want_dirty(struct zone *zone, unsigned int order)
{
	if (!has_dirty(zone, order))
		pcp_return(zone, false);
}

/* If that was not enough: true when something may have come. The lock is released meanwhile. */
static bool want_lent(struct zone *zone, unsigned int order)
{
	if (has_dirty(zone, order) || !pcp_lent(zone))
		return false;
	lock_release(&zone->lock);
	zone_lender();
	lock_acquire(&zone->lock);
	want_dirty(zone, order);
	return true;
}

static struct page *take_noted(struct zone *zone, unsigned int nr, unsigned int align_order,
			       bool may_wait)
{
	unsigned int order = (unsigned int)max_ul(order_of(nr), align_order);
	unsigned long nr_dirty;
	struct page *page;

	want_dirty(zone, order);
	nr_dirty = zone->nr_dirty;
	page = take_fit(zone, nr, align_order);
	if (!page && may_wait && want_lent(zone, order)) {
		nr_dirty = zone->nr_dirty;
		page = take_fit(zone, nr, align_order);
	}
	if (!page)
		page = take_huge(zone, nr, align_order);
	if (!page)
		page = take_cut(zone, nr, order, may_wait);
	if (page)
		note_refault(zone, page, nr, nr_dirty);
	return page;
}

static struct page *try_alloc(struct zone *zone, unsigned int nr, unsigned int align_order)
{
	struct page *page;

	lock_acquire(&zone->lock);
	page = take_noted(zone, nr, align_order, true);
	lock_release(&zone->lock);
	return page;
}

struct page *zone_alloc(struct zone *zone, unsigned int nr, unsigned int align_order)
{
	struct page *page = try_alloc(zone, nr, align_order);

	return page || !purge_wait(zone) ? page : try_alloc(zone, nr, align_order);
}

static struct page *try_alloc_online(struct zone *zone, unsigned int nr, unsigned int align_order)
{
	struct page *page;

	if (!lock_spin(&zone->lock))
		return NULL;
	page = take_noted(zone, nr, align_order, false);
	lock_release(&zone->lock);
	return page;
}

struct page *zone_alloc_online(struct zone *zone, unsigned int nr, unsigned int align_order)
{
	struct page *page = try_alloc_online(zone, nr, align_order);

	if (page || !pcp_lent(zone))
		return page;
	zone_lender();
	return try_alloc_online(zone, nr, align_order);
}

unsigned int zone_alloc_bulk(struct zone *zone, unsigned int order, struct page **pages,
			     unsigned int n, unsigned int more)
{
	unsigned int got = 0, most;
	unsigned long nr_dirty;
	struct section *s;

	lock_acquire(&zone->lock);
	want_dirty(zone, order);
	want_lent(zone, order);
	nr_dirty = zone->nr_dirty;
	for (s = find_or_grow(zone, order, true); s; s = find_section(zone, order)) {
		most = has_dirty(zone, order) ? n + more : n;
		if (got >= most)
			break;
		got += take_blocks(zone, s, order, pages + got, most - got);
	}
	purge_note_refill(zone, ((unsigned long)got << order) - (nr_dirty - zone->nr_dirty));
	lock_release(&zone->lock);
	if (!got) {
		pages[0] = zone_alloc(zone, 1u << order, order);
		got = pages[0] != NULL;
	}
	return got;
}

/* The bits of pages just taken stay as they are until they are freed. */
void zone_zero(struct page *page, unsigned int nr)
{
	struct section *s = page_section(page);
	unsigned int index = page_index(page), end = index + nr;

	while ((index = bitmap_next(s->dirty, true, index, end)) < end) {
		unsigned int clean = bitmap_next(s->dirty, false, index, end);

		memset((void *)(s->start + ((uintptr_t)index << PAGE_SHIFT)), 0,
		       (size_t)(clean - index) << PAGE_SHIFT);
		index = clean;
	}
}

void zone_put(struct zone *zone, struct page *page, unsigned int nr, uint64_t now_ms)
{
	struct section *s = page_section(page);
	unsigned int index = page_index(page);

	bitmap_set(s->dirty, index, nr);
	zone_free_range(zone, s, index, nr, now_ms);
}

void zone_free(struct zone *zone, struct page *page, unsigned int nr)
{
	uint64_t now = os_clock_ms();

	lock_acquire(&zone->lock);
	zone_put(zone, page, nr, now);
	lock_release(&zone->lock);
	purge_tick(zone, now, nr);
}

void zone_free_quietly(struct zone *zone, struct page *page, unsigned int nr)
{
	uint64_t now = os_clock_ms();

	lock_acquire(&zone->lock);
	zone_put(zone, page, nr, now);
	lock_release(&zone->lock);
}

void zone_free_clean(struct zone *zone, struct page *page, unsigned int nr)
{
	struct section *s = page_section(page);
	unsigned int index = page_index(page);

	lock_acquire(&zone->lock);
	bitmap_clear(s->dirty, index, nr);
	zone_free_range(zone, s, index, nr, 0);
	lock_release(&zone->lock);
}

void zone_free_ranges(struct zone *zone, const struct page_range *ranges, unsigned int n)
{
	uint64_t now = os_clock_ms();
	unsigned int i, nr = 0;

	lock_acquire(&zone->lock);
	for (i = 0; i < n; i++) {
		zone_put(zone, ranges[i].first, ranges[i].nr, now);
		nr += ranges[i].nr;
	}
	lock_release(&zone->lock);
	purge_tick(zone, now, nr);
}

bool zone_claim(struct zone *zone, struct page *page, unsigned int nr)
{
	struct section *s = page_section(page);
	unsigned int first = page_index(page), end = first + nr, run;
	unsigned long nr_dirty;

	lock_acquire(&zone->lock);
	run = grow_free_end(s, first, end);
	if (run < end) {
		pcp_return(zone, false);
		run = grow_free_end(s, first, end);
	}
	if (run < end && run == s->nr_online && grow_online(zone, s, end))
		run = grow_free_end(s, first, end);
	if (run >= end) {
		nr_dirty = zone->nr_dirty;
		take_run(zone, s, first, end);
		note_refault(zone, page, nr, nr_dirty);
	}
	lock_release(&zone->lock);
	return run >= end;
}

/* Pages that would be faulted in if the block grew where it is. */
static unsigned int clean_behind(const struct page *block, unsigned int old, unsigned int nr)
{
	struct section *s = page_section(block);
	unsigned int first = page_index(block) + old;
	unsigned int end = (unsigned int)min_ul(first + (nr - old), s->nr_online);

	return nr - old - (end > first ? bitmap_weight(s->dirty, first, end - first) : 0);
}

/* Of @nr pages just taken at most @most may be clean: NULL, and they go back, if they are. */
static struct page *keep_dirty(struct zone *zone, struct page *page, unsigned int nr,
			       unsigned int most, unsigned long nr_dirty)
{
	if (!page)
		return NULL;
	if (nr - (nr_dirty - zone->nr_dirty) <= most) {
		note_refault(zone, page, nr, nr_dirty);
		return page;
	}
	zone_free_range(zone, page_section(page), page_index(page), nr, page->freed_ms);
	return NULL;
}

/* Takes @nr pages that are dirty, but for @most of them. zone->lock is held. */
static struct page *take_dirty(struct zone *zone, unsigned int nr, unsigned int most)
{
	unsigned long nr_dirty = zone->nr_dirty;
	struct page *page;

	if (nr_dirty + most < nr)
		return NULL;
	page = keep_dirty(zone, take_fit(zone, nr, 0), nr, most, nr_dirty);
	if (!page)
		page = keep_dirty(zone, take_cut(zone, nr, order_of(nr), false), nr, most,
				  nr_dirty);
	return page;
}

struct page *zone_alloc_copy(struct zone *zone, const struct page *block, unsigned int old,
			     unsigned int nr)
{
	struct page *page = NULL;
	unsigned int clean;

	lock_acquire(&zone->lock);
	clean = clean_behind(block, old, nr);
	if (clean > old / COPIES_A_FAULT) {
		pcp_return(zone, false);
		page = take_dirty(zone, nr, clean - old / COPIES_A_FAULT - 1);
	}
	lock_release(&zone->lock);
	return page;
}

/* Of time 0 is what was never used. */
bool zone_page_was_freed(struct zone *zone, const struct page *page)
{
	struct section *s = page_section(page);
	unsigned int index = page_index(page);
	bool freed;

	lock_acquire(&zone->lock);
	freed = bitmap_has(s->free, index) && free_block_of(s, index)->freed_ms;
	lock_release(&zone->lock);
	return freed;
}

bool zone_page_is_free(struct zone *zone, const struct page *page)
{
	bool free;

	lock_acquire(&zone->lock);
	free = bitmap_has(page_section(page)->free, page_index(page));
	lock_release(&zone->lock);
	return free;
}

void zone_forget_section(struct zone *zone, struct section *s)
{
	struct section *next = NULL;
	unsigned int order;

	if (s->list.next != &zone->sections)
		next = list_entry(s->list.next, struct section, list);
	for (order = 0; order < NR_ORDERS; order++)
		if (zone->oldest_with[order] == s)
			zone->oldest_with[order] = next;
	list_del(&s->list);
}
