/* SPDX-License-Identifier: MIT */
/* See hot.h. */
#include "hot.h"

#include "limit.h"
#include "report.h"
#include "section.h"

#define MISSES 4u /* blocks that were wanted at once, before larger ones are kept */

static void add_range(struct hot_pages *hot, struct page *first, unsigned int nr)
{
	first->nr_pages = nr;
	page_set_type(first, PAGE_HOT);
	hot->range[hot->nr_ranges++] = (struct page_range){ first, nr };
	WRITE_ONCE(hot->nr_pages, hot->nr_pages + nr);
}

static struct page_range remove_range(struct hot_pages *hot, unsigned int i)
{
	struct page_range range = hot->range[i];

	for (hot->nr_ranges--; i < hot->nr_ranges; i++)
		hot->range[i] = hot->range[i + 1];
	WRITE_ONCE(hot->nr_pages, hot->nr_pages - range.nr);
	page_set_type(range.first, PAGE_NONE);
	return range;
}

/* As from the zone, a power of two of pages starts at a multiple of it. */
static bool may_start(const struct page_range *range, unsigned int nr)
{
	return !is_power_of_2(nr) || page_index(range->first) % nr == 0;
}

/* The smallest range with that many pages, or nr_ranges. */
static unsigned int find_range(const struct hot_pages *hot, unsigned int nr)
{
	unsigned int i, best = hot->nr_ranges, best_nr = ~0u;

	for (i = 0; i < hot->nr_ranges; i++) {
		const struct page_range *range = &hot->range[i];

		if (range->nr >= nr && range->nr < best_nr && may_start(range, nr)) {
			best = i;
			best_nr = range->nr;
		}
	}
	return best;
}

/* Nothing is there for a request: is it for what was too large just before? */
static void learn_from_miss(struct hot_pages *hot, unsigned int nr)
{
	unsigned int passed_by = hot->passed_by;

	hot->passed_by = 0;
	if (passed_by < nr || passed_by - nr > nr / 4) {
		hot->nr_missed = 0;
	} else if (++hot->nr_missed >= MISSES) {
		WRITE_ONCE(hot->most, (unsigned int)max_ul(hot->most, passed_by + HOT_FIRST));
		hot->nr_missed = 0;
	}
}

struct page *hot_take(struct hot_pages *hot, unsigned int nr)
{
	unsigned int i = find_range(hot, nr);
	struct page_range range;

	if (i == hot->nr_ranges) {
		learn_from_miss(hot, nr);
		return NULL;
	}
	range = remove_range(hot, i);
	if (range.nr > nr)
		add_range(hot, range.first + nr, range.nr - nr);
	return range.first;
}

bool hot_put(struct hot_pages *hot, struct page *first, unsigned int nr)
{
	unsigned int i = hot->nr_ranges;

	if (nr > hot_room(hot)) {
		hot->passed_by = nr;
		return false;
	}
	while (i--) {
		const struct page_range *range = &hot->range[i];

		if (range->first + range->nr == first)
			first = range->first;
		else if (first + nr != range->first)
			continue;
		nr += remove_range(hot, i).nr;
	}
	add_range(hot, first, nr);
	return true;
}

unsigned int hot_take_excess(struct hot_pages *hot, struct page_range *out)
{
	unsigned int most = hot_room(hot), n = 0;
	struct page_range range;

	while (hot->nr_ranges > HOT_RANGES || (hot->nr_ranges > 1 && hot->nr_pages > most))
		out[n++] = remove_range(hot, 0);
	if (hot->nr_pages > most) {
		range = remove_range(hot, 0);
		out[n++] = (struct page_range){ range.first + most, range.nr - most };
		if (most)
			add_range(hot, range.first, most);
	}
	return n;
}

unsigned int hot_take_all(struct hot_pages *hot, struct page_range *out)
{
	unsigned int n = 0;

	while (hot->nr_ranges)
		out[n++] = remove_range(hot, hot->nr_ranges - 1);
	return n;
}

void hot_note_meeting(struct hot_pages *hot)
{
	if (hot->most < HOT_MET)
		WRITE_ONCE(hot->most, (unsigned int)min_ul(2 * hot->most, HOT_MET));
}

void hot_forget(struct hot_pages *hot)
{
	WRITE_ONCE(hot->most, HOT_FIRST);
	hot->passed_by = 0;
	hot->nr_missed = 0;
}

bool hot_has(const struct hot_pages *hot, const struct page *page)
{
	unsigned int i, n = READ_ONCE(hot->nr_ranges);

	for (i = 0; i < n && i < HOT_RANGES; i++) {
		const struct page *first = READ_ONCE(hot->range[i].first);

		if (page >= first && page < first + READ_ONCE(hot->range[i].nr))
			return true;
	}
	return false;
}

void hot_check(const struct hot_pages *hot)
{
	unsigned int i, k, nr = 0;

	for (i = 0; i < hot->nr_ranges; i++) {
		const struct page_range *range = &hot->range[i];

		KMEM_ASSERT(range->nr && range->first->nr_pages == range->nr);
		KMEM_ASSERT(READ_ONCE(range->first->type) == PAGE_HOT);
		for (k = 0; k < hot->nr_ranges; k++)
			KMEM_ASSERT(range->first + range->nr != hot->range[k].first);
		nr += range->nr;
	}
	KMEM_ASSERT(hot->nr_ranges <= HOT_RANGES && hot->nr_pages <= hot->most);
	KMEM_ASSERT(nr == hot->nr_pages);
}
