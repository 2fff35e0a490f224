/* SPDX-License-Identifier: MIT */
/*
 * Random traces of a zone against a shadow model.
 *
 * The model knows for every page of every section which live range has it. Each step allocates,
 * frees (whole, the tail, a hole), claims or purges; what comes out must be nobody's, where the
 * request wants it, and as zero as its dirty bits promise. Each page of a live range carries its
 * range's stamp, which is looked for when the page is freed: a page handed out twice, or purged
 * while used, cannot keep it. The walkers look at the zone after every step.
 */
#include <stdlib.h>

#include "unit_buddy.h"

#define MAX_SECTIONS 8
#define MAX_RANGES   600

struct range {
	struct page *page;
	unsigned int nr;
	uint32_t stamp; /* not 0 */
};

struct model {
	struct zone zone;
	uint64_t rng;
	uint32_t stamps;
	unsigned int nr_ranges;
	unsigned long nr_used;
	struct range range[MAX_RANGES];
	struct section *section[MAX_SECTIONS];
	uint32_t owner[MAX_SECTIONS][PAGES_PER_SECTION];
};

/*
 * The shadow of @page. Sections come and go; a slot of the model is free when none of it is used.
 */
static uint32_t *owner_of(struct model *m, const struct page *page)
{
	struct section *s = page_section(page);
	unsigned int i, unused = MAX_SECTIONS;

	for (i = 0; i < MAX_SECTIONS; i++) {
		if (m->section[i] == s)
			return &m->owner[i][page_index(page)];
		if (unit_is_zero(m->owner[i], sizeof(m->owner[i])))
			unused = i;
	}
	EXPECT(unused < MAX_SECTIONS);
	m->section[unused] = s;
	return &m->owner[unused][page_index(page)];
}

/* Marks @nr pages from @page on as @stamp's. */
static void enter(struct model *m, struct page *page, unsigned int nr, uint32_t stamp)
{
	uint32_t *owner = owner_of(m, page);
	unsigned int i;

	EXPECT(page_index(page) + nr <= page_section(page)->nr_online);
	for (i = 0; i < nr; i++) {
		uint32_t *words = page_start(page + i);

		EXPECT_EQ(owner[i], 0);
		EXPECT(page_at(words) == page + i);
		if (!page_is_dirty(page + i))
			EXPECT(words[0] == 0 && words[500] == 0 && words[1023] == 0);
		owner[i] = stamp;
		words[0] = words[1023] = stamp;
	}
	m->nr_used += nr;
}

static void leave(struct model *m, struct page *page, unsigned int nr, uint32_t stamp)
{
	uint32_t *owner = owner_of(m, page);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const uint32_t *words = page_start(page + i);

		EXPECT_EQ(owner[i], stamp);
		EXPECT(words[0] == stamp && words[1023] == stamp);
		owner[i] = 0;
	}
	m->nr_used -= nr;
	zone_free(&m->zone, page, nr);
}

static void add_range(struct model *m, struct page *page, unsigned int nr)
{
	struct range *range = &m->range[m->nr_ranges++];

	*range = (struct range){ page, nr, ++m->stamps };
	enter(m, page, nr, range->stamp);
}

/* Small orders often, large ones now and then. */
static unsigned int some_order(struct model *m)
{
	unsigned int limit = unit_below(&m->rng, 16) == 0 ? MAX_ORDER - 1 : 7;

	return unit_below(&m->rng, limit + 1);
}

static void step_alloc(struct model *m)
{
	unsigned int order = some_order(m), align = unit_below(&m->rng, 2) ? order : 0, nr;
	struct page *page;

	nr = (1u << order) - unit_below(&m->rng, (1u << order) / 2 + 1);
	if (m->nr_ranges == MAX_RANGES || m->nr_used + nr > 3 * PAGES_PER_SECTION)
		return;
	page = zone_alloc(&m->zone, nr, align);
	EXPECT(page != NULL);
	EXPECT_EQ(page_index(page) % (1u << align), 0);
	add_range(m, page, nr);
}

static void step_alloc_bulk(struct model *m)
{
	unsigned int order = unit_below(&m->rng, 4), n = unit_below(&m->rng, 8) + 1, i;
	struct page *pages[8];

	if (m->nr_ranges + n > MAX_RANGES)
		return;
	n = zone_alloc_bulk(&m->zone, order, pages, n, 0);
	EXPECT(n > 0);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(page_index(pages[i]) % (1u << order), 0);
		add_range(m, pages[i], 1u << order);
	}
}

static void step_free(struct model *m)
{
	unsigned int i, nr, from;
	struct range *range;

	if (!m->nr_ranges)
		return;
	i = unit_below(&m->rng, m->nr_ranges);
	range = &m->range[i];
	switch (range->nr > 1 ? unit_below(&m->rng, 4) : 0) {
	case 1: /* the tail */
		nr = unit_below(&m->rng, range->nr - 1) + 1;
		range->nr -= nr;
		leave(m, range->page + range->nr, nr, range->stamp);
		return;
	case 2: /* the head, and so all of it in two cuts or more */
		nr = unit_below(&m->rng, range->nr - 1) + 1;
		from = 0;
		leave(m, range->page + from, nr, range->stamp);
		range->page += nr;
		range->nr -= nr;
		return;
	default:
		leave(m, range->page, range->nr, range->stamp);
		*range = m->range[--m->nr_ranges];
		return;
	}
}

/* Whether the model knows of @nr pages from @page on that they are nobody's. */
static bool could_claim(struct model *m, struct page *page, unsigned int nr)
{
	struct section *s = page_section(page);
	const uint32_t *owner = owner_of(m, page - 1) + 1;

	return page_index(page) + nr <= s->nr_pages && unit_is_zero(owner, nr * sizeof(*owner));
}

static void step_claim(struct model *m)
{
	struct range *range;
	unsigned int nr;
	struct page *page;

	if (!m->nr_ranges)
		return;
	range = &m->range[unit_below(&m->rng, m->nr_ranges)];
	page = range->page + range->nr;
	nr = unit_below(&m->rng, 1u << some_order(m)) + 1;
	if (page_index(page - 1) + 1 + nr > page_section(page - 1)->nr_pages)
		return;
	if (could_claim(m, page, nr)) {
		EXPECT(zone_claim(&m->zone, page, nr));
		enter(m, page, nr, range->stamp);
		range->nr += nr;
	} else {
		EXPECT(!zone_claim(&m->zone, page, nr));
	}
}

/* Live ranges, seen together, lie in the zone's sections and nowhere else. */
static void check_model(struct model *m)
{
	struct survey seen = expect_zone_sound(&m->zone);

	EXPECT_EQ(seen.nr_online - seen.nr_free, m->nr_used);
}

static void run_trace(struct model *m, unsigned int steps)
{
	unsigned int step;

	for (step = 0; step < steps; step++) {
		/* tides: the level rises and falls, down to nothing now and then */
		bool rising = (step / 512) % 2 == 0;
		unsigned int action = unit_below(&m->rng, 64);

		if (action < 6)
			step_claim(m);
		else if (action < 8)
			step_alloc_bulk(m);
		else if (action == 8)
			purge_tick(&m->zone, os_clock_ms() + 2 * NEVER_MS, 0);
		else if (action == 9 && step % 4 == 0)
			purge_all(&m->zone);
		else if (action % 4 == 0 ? rising : !rising)
			step_free(m);
		else
			step_alloc(m);
		zone_is_valid(&m->zone);
		if (step % 64 == 0)
			check_model(m);
	}
	while (m->nr_ranges)
		step_free(m);
	check_model(m);
}

static void trace(uint64_t seed, unsigned int steps)
{
	struct model *m = calloc(1, sizeof(*m));

	EXPECT(m != NULL);
	zone_init(&m->zone, 0, ZONE_NORMAL);
	m->rng = unit_seed(seed);
	run_trace(m, unit_steps(steps));
	zone_fini(&m->zone);
	free(m);
}

/* Freed pages stay dirty: blocks are reused with what they held. */
static void test_trace_never_purged(void **state)
{
	(void)state;
	set_decay("decay_ms=-1");
	trace(1, 8000);
}

/* Pages are purged by ticks far in the future, and by all that is over the limit. */
static void test_trace_purged(void **state)
{
	(void)state;
	set_decay("decay_ms=1000000");
	trace(2, 8000);
}

/* Every free purges. */
static void test_trace_without_decay(void **state)
{
	(void)state;
	set_decay("decay_ms=0");
	trace(3, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trace_never_purged),
		cmocka_unit_test(test_trace_purged),
		cmocka_unit_test(test_trace_without_decay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
