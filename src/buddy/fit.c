/* SPDX-License-Identifier: MIT */
/* See fit.h. */
#include "fit.h"

#include "list.h"

#define MOST_SECTIONS 8u /* that are looked through */
#define DIRTY_SHARE   4u /* more than this part of what is taken is dirty */

/* The best so far. */
struct fit {
	struct section *s; /* NULL: none yet */
	unsigned int first;
	unsigned int length; /* of the run, which may begin before */
};

struct wanted {
	unsigned int nr, align;
	unsigned int dirty; /* of them, at least */
};

/* Where in a run the request might lie, and how many of these pages are dirty. */
struct place {
	unsigned int first, dirty;
};

/* True when all is dirty there: nothing can be better. */
static bool look_at(struct place *best, const struct section *s, unsigned int at, unsigned int nr)
{
	unsigned int dirty = bitmap_weight(s->dirty, at, nr);

	if (dirty > best->dirty)
		*best = (struct place){ at, dirty };
	return dirty == nr;
}

/*
 * Where the most is dirty in a run from page @first to before @end, each page else being faulted
 * in: at its beginning, at its end, or from its first dirty page on, where a block of that size
 * may have been a moment ago. There is room.
 */
static struct place find_place(const struct section *s, struct wanted wanted, unsigned int first,
			       unsigned int end)
{
	unsigned int lowest = (unsigned int)align_up(first, wanted.align);
	unsigned int highest = (unsigned int)align_down(end - wanted.nr, wanted.align);
	struct place best = { lowest, 0 };
	unsigned int at;

	if (look_at(&best, s, lowest, wanted.nr) || look_at(&best, s, highest, wanted.nr))
		return best;
	at = (unsigned int)align_down(bitmap_next(s->dirty, true, first, end), wanted.align);
	if (at > lowest && at < highest)
		look_at(&best, s, at, wanted.nr);
	return best;
}

/* The run of the pages [@first, @end). */
static void consider(struct fit *best, struct wanted wanted, struct section *s, unsigned int first,
		     unsigned int end)
{
	struct place place;

	if (end - first >= best->length || align_up(first, wanted.align) + wanted.nr > end)
		return;
	/* Where much was purged most have none. */
	if (wanted.dirty && bitmap_next(s->dirty, true, first, end) == end)
		return;
	place = find_place(s, wanted, first, end);
	if (place.dirty >= wanted.dirty)
		*best = (struct fit){ s, place.first, end - first };
}

/* The bits that are followed by seven more set ones: 0 if the word has no run of eight. */
static unsigned long eight_in_a_row(unsigned long word)
{
	_Static_assert(FIT_LEAST >= 8, "nothing that is wanted fits in less");
	word &= word >> 1;
	word &= word >> 2;
	return word & word >> 4;
}

/* The runs that begin and end within @word, the @w-th: of no interest if none has eight pages. */
static void look_within(struct fit *best, struct wanted wanted, struct section *s, unsigned int w,
			unsigned long word)
{
	unsigned int first, length, base = w * BITS_PER_LONG;

	while (word) {
		first = __ffs(word);
		word >>= first;
		base += first;
		length = __ffs(~word);
		consider(best, wanted, s, base, base + length);
		word >>= length;
		base += length;
	}
}

/*
 * Word by word, with @first the page at which the run begins that goes on from the word before.
 * Most words have no run that is long enough, and are seen to have none by a few instructions.
 */
static void look_through(struct fit *best, struct wanted wanted, struct section *s)
{
	unsigned int words = (s->nr_online + BITS_PER_LONG - 1) / BITS_PER_LONG, w, first = 0;
	bool goes_on = false;

	for (w = 0; w < words && best->length != wanted.nr; w++) {
		unsigned long word = s->free[w], inner = word;
		unsigned int base = w * BITS_PER_LONG, lower, upper;

		if (!word && !goes_on)
			continue;
		if (word == ~0UL) {
			first = goes_on ? first : base;
			goes_on = true;
			continue;
		}
		lower = __ffs(~word);
		if (goes_on) {
			consider(best, wanted, s, first, base + lower);
			inner &= ~0UL << lower;
		}
		upper = BITS_PER_LONG - 1 - __fls(~word);
		goes_on = upper;
		first = base + BITS_PER_LONG - upper;
		if (goes_on)
			inner &= ~0UL >> upper;
		if (unlikely(eight_in_a_row(inner)) && (!wanted.dirty || s->dirty[w] & inner))
			look_within(best, wanted, s, w, inner);
	}
	if (goes_on)
		consider(best, wanted, s, first, words * BITS_PER_LONG);
}

/* Such a run has a block of a quarter as many at least, a power of two. */
static bool may_have(const struct section *s, struct wanted wanted)
{
	return s->free_orders >> (__fls(wanted.nr) - 1);
}

static struct page *place_of(const struct fit *fit)
{
	return fit->s ? &fit->s->mem_map[fit->first] : NULL;
}

struct page *fit_exact(const struct zone *zone, unsigned int order)
{
	struct section *s;
	struct page *page;

	if (!zone->nr_dirty_blocks[order])
		return NULL;
	list_for_each_entry(s, &zone->sections, list) {
		if (!(s->dirty_orders >> order & 1))
			continue;
		page = list_first_entry(&s->free_area[order].free_list, struct page, lru);
		return page->nr_dirty == 1u << order ? page : NULL;
	}
	return NULL;
}

struct page *fit_find(const struct zone *zone, unsigned int nr, unsigned int align)
{
	const struct wanted wanted = { nr, align, nr / DIRTY_SHARE + 1 };
	struct fit best = { NULL, 0, ~0u };
	unsigned int looked_at = 0;
	struct section *s;

	if (zone->nr_dirty < wanted.dirty)
		return NULL;
	list_for_each_entry(s, &zone->sections, list) {
		if (!s->dirty_orders || !may_have(s, wanted))
			continue;
		look_through(&best, wanted, s);
		if (best.length == nr || ++looked_at == MOST_SECTIONS)
			break;
	}
	return place_of(&best);
}

struct page *fit_find_huge(const struct zone *zone, unsigned int nr, unsigned int align)
{
	const struct wanted wanted = { nr, align, 0 };
	const struct list_head *node = zone->sections.prev;
	struct fit best = { NULL, 0, ~0u };
	unsigned int looked_at = 0;
	struct section *s;

	for (; node != &zone->sections && looked_at < MOST_SECTIONS; node = node->prev) {
		s = list_entry(node, struct section, list);
		if (!READ_ONCE(s->huge))
			break;
		if (may_have(s, wanted))
			look_through(&best, wanted, s);
		if (best.length == nr)
			break;
		looked_at++;
	}
	return place_of(&best);
}
