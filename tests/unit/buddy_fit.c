/* SPDX-License-Identifier: MIT */
/* Where large requests are met from: the shortest run that is long enough, and dirty. */
#include <string.h>

#include "fit.h"
#include "unit_buddy.h"

/* The first page of a section that is all in use, the one of its zone. */
static struct page *taken_section(struct zone *zone)
{
	struct page *page;

	set_decay("decay_ms=-1");
	whole_section(zone);
	page = zone_alloc(zone, SECTION_PAGES_NR, 0);
	EXPECT_EQ(page_index(page), 0);
	return page;
}

/* What is not aligned may begin anywhere in free blocks that lie side by side. */
static void test_runs(void **state)
{
	struct page *page, *other;
	struct zone zone;

	(void)state;
	page = taken_section(&zone);
	zone_free(&zone, page + 12, 32);
	EXPECT(zone_alloc(&zone, 25, 0) == page + 12);
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, 7);
	zone_free(&zone, page + 12, 25);
	EXPECT(zone_alloc(&zone, 31, 0) == page + 12);
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, 1);
	zone_free(&zone, page + 12, 31);
	/* a power of two in the middle; what is before it and behind goes back */
	EXPECT(zone_alloc(&zone, 16, 0) == page + 16);
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, 16);
	EXPECT(zone_page_is_free(&zone, page + 12) && zone_page_is_free(&zone, page + 32));
	zone_free(&zone, page + 16, 16);
	/* aligned more than that, it may not */
	other = zone_alloc(&zone, 25, 5);
	EXPECT(page_section(other) != page_section(page));
	zone_free(&zone, other, 25);
	zone_free(&zone, page, 12);
	zone_free(&zone, page + 44, SECTION_PAGES_NR - 44);
	zone_fini(&zone);
}

/*
 * Of the runs that are long enough the shortest, whatever their blocks and whichever was freed
 * last.
 */
static void test_best_fit(void **state)
{
	static const struct {
		unsigned int first, nr;
	} runs[] = { { 5, 40 }, { 100, 21 }, { 177, 14 }, { 250, 70 }, { 400, 17 }, { 460, 200 } };
	static const struct {
		unsigned int nr, first;
	} requests[] = { { 15, 400 },
			 { 13, 177 },
			 { 15, 100 },
			 { 65, 250 },
			 /* at a multiple of itself it fits in the last alone */
			 { 32, 480 },
			 { 130, 512 },
			 { 38, 5 } };
	unsigned int i, end = 0;
	struct page *page;
	struct zone zone;

	(void)state;
	page = taken_section(&zone);
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		zone_free(&zone, page + runs[i].first, runs[i].nr);
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT(zone_alloc(&zone, requests[i].nr, 0) == page + requests[i].first);
	expect_zone_sound(&zone);
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		zone_free(&zone, page + requests[i].first, requests[i].nr);
	for (i = 0; i < ARRAY_SIZE(runs); end = runs[i].first + runs[i].nr, i++)
		zone_free(&zone, page + end, runs[i].first - end);
	zone_free(&zone, page + end, SECTION_PAGES_NR - end);
	zone_fini(&zone);
}

/* A slab takes the place of one: a dirty block of its size, if there is one, in whatever run. */
static void test_exact_block(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	page = taken_section(&zone);
	zone_free(&zone, page + 512, 33);
	zone_free(&zone, page + 64, 36);
	zone_free(&zone, page + 1024, 64);
	EXPECT(zone_alloc(&zone, 32, 5) == page + 64);
	EXPECT(zone_alloc(&zone, 32, 5) == page + 512);
	/* there is none any more; nor is one that is clean for the most part */
	EXPECT(zone_alloc(&zone, 32, 5) == page + 1024);
	zone_free(&zone, page + 512, 32);
	EXPECT_EQ(purge_all(&zone), 32 + 33 + 4);
	zone_free(&zone, page + 1024, 32);
	EXPECT(zone_alloc(&zone, 32, 5) == page + 1024);
	zone_free(&zone, page + 1024, 32);
	zone_free(&zone, page + 64, 32);
	zone_free(&zone, page, 64);
	zone_free(&zone, page + 100, 412);
	zone_free(&zone, page + 545, 1024 - 545);
	zone_free(&zone, page + 1088, SECTION_PAGES_NR - 1088);
	expect_zone_sound(&zone);
	zone_fini(&zone);
}

/* What is clean for the most part is for what fits nowhere else. */
static void test_dirty_first(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	page = taken_section(&zone);
	zone_free(&zone, page + 400, 20);
	zone_free(&zone, page + 100, 20);
	EXPECT_EQ(purge_all(&zone), 40);
	zone_free(&zone, page + 420, 2);
	zone_free(&zone, page + 120, 30);
	/* not [400, 418), nor [404, 422), of which 2 are dirty; of [100, 150) the end */
	EXPECT(zone_alloc(&zone, 18, 0) == page + 132);
	EXPECT(zone_alloc(&zone, 18, 0) == page + 114);
	/* now there is nothing else: the block of 16 is clean, and begins at a multiple of it */
	EXPECT(zone_alloc(&zone, 16, 0) == page + 400);
	zone_free(&zone, page + 132, 18);
	zone_free(&zone, page + 114, 18);
	zone_free(&zone, page + 400, 16);
	zone_free(&zone, page, 100);
	zone_free(&zone, page + 150, 250);
	zone_free(&zone, page + 422, SECTION_PAGES_NR - 422);
	expect_zone_sound(&zone);
	zone_fini(&zone);
}

/* A block comes back to where it was, in the middle of a run. */
static void test_dirty_within(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	page = taken_section(&zone);
	zone_free(&zone, page + 1000, 300);
	zone_free(&zone, page + 1700, 300);
	EXPECT_EQ(purge_all(&zone), 600);
	zone_free(&zone, page + 1300, 400);
	EXPECT(zone_alloc(&zone, 400, 0) == page + 1300);
	zone_free(&zone, page + 1300, 400);
	/* more of it is dirty there than at the end */
	EXPECT(zone_alloc(&zone, 450, 0) == page + 1300);
	zone_free(&zone, page + 1300, 450);
	EXPECT(zone_alloc(&zone, 700, 0) == page + 1300);
	zone_free(&zone, page + 1300, 700);
	zone_free(&zone, page, 1000);
	zone_free(&zone, page + 2000, SECTION_PAGES_NR - 2000);
	expect_zone_sound(&zone);
	zone_fini(&zone);
}

/* Of clean runs as well the one that fits best, be it within a word of the bitmap. */
static void test_clean_within_a_word(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	page = taken_section(&zone);
	page_section(page)->huge = true;
	zone_free_clean(&zone, page + 300, 100);
	zone_free_clean(&zone, page + 130, 11);
	EXPECT(zone_alloc(&zone, 10, 0) == page + 130);
	zone_free(&zone, page, 140);
	zone_free(&zone, page + 141, 159);
	zone_free(&zone, page + 400, SECTION_PAGES_NR - 400);
	zone_fini(&zone);
}

/* Blocks lie close together where what is between them has huge pages, else at powers of two. */
static void test_huge_pages(void **state)
{
	struct page *first, *second;
	struct zone zone;
	unsigned int huge;

	(void)state;
	for (huge = 0; huge < 2; huge++) {
		set_decay("decay_ms=-1");
		whole_section(&zone);
		purge_all(&zone);
		first = zone_alloc(&zone, 17, 0);
		page_section(first)->huge = huge;
		second = zone_alloc(&zone, 17, 0);
		EXPECT_EQ(page_index(second) - page_index(first), huge ? 17 : 32);
		zone_free(&zone, first, 17);
		zone_free(&zone, second, 17);
		expect_zone_sound(&zone);
		zone_fini(&zone);
	}
}

/* A run of the model: what the zone takes must be none but the shortest. */
static unsigned int shortest(const bool *free, unsigned int pages, unsigned int nr)
{
	unsigned int i, first, best = ~0u;

	for (i = 0; i < pages; i++) {
		for (first = i; i < pages && free[i]; i++)
			;
		if (i - first >= nr && i - first < best)
			best = i - first;
	}
	return best;
}

static unsigned int run_around(const bool *free, unsigned int pages, unsigned int at)
{
	unsigned int first = at, end = at;

	while (first && free[first - 1])
		first--;
	while (end < pages && free[end])
		end++;
	return end - first;
}

/* Against a model, where all is dirty: requests of all sizes, until none fits any more. */
static void test_model(void **state)
{
	enum { PAGES = 4096, BLOCKS = 200 };
	static bool free[PAGES];
	struct page *block[BLOCKS] = { NULL }, *base;
	unsigned int nr[BLOCKS], i, k, at, steps = unit_steps(20000);
	uint64_t rng = unit_seed(1);
	struct zone zone;

	(void)state;
	base = taken_section(&zone);
	zone_free(&zone, base, PAGES);
	memset(free, true, sizeof(free));
	for (i = 0; i < steps; i++) {
		k = unit_below(&rng, BLOCKS);
		if (block[k]) {
			zone_free(&zone, block[k], nr[k]);
			memset(free + page_index(block[k]), true, nr[k]);
			block[k] = NULL;
			continue;
		}
		nr[k] = FIT_LEAST + 2 * unit_below(&rng, 40);
		if (shortest(free, PAGES, nr[k]) == ~0u)
			continue;
		block[k] = zone_alloc(&zone, nr[k], 0);
		at = page_index(block[k]);
		EXPECT(page_section(block[k]) == page_section(base));
		EXPECT_EQ(run_around(free, PAGES, at), shortest(free, PAGES, nr[k]));
		memset(free + at, false, nr[k]);
	}
	expect_zone_sound(&zone);
	for (k = 0; k < BLOCKS; k++)
		if (block[k])
			zone_free(&zone, block[k], nr[k]);
	zone_free(&zone, base + PAGES, SECTION_PAGES_NR - PAGES);
	zone_fini(&zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),	     cmocka_unit_test(test_best_fit),
		cmocka_unit_test(test_exact_block),  cmocka_unit_test(test_dirty_first),
		cmocka_unit_test(test_dirty_within), cmocka_unit_test(test_clean_within_a_word),
		cmocka_unit_test(test_huge_pages),   cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
