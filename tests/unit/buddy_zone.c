/* SPDX-License-Identifier: MIT */
/*
 * The zone: splitting, merging, tails, claims, dirty pages, growth and refusal.
 *
 * Every test has a zone of its own. What it hands out is checked for place and alignment, and the
 * free areas are counted anew from the pages (unit_buddy.h) after each step that matters.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "unit_buddy.h"

static struct section *first_section(struct zone *zone)
{
	return list_first_entry(&zone->sections, struct section, list);
}

/* One block of any order leaves one free block of each order from its own up; freed, all merge. */
static void test_split_and_merge(void **state)
{
	unsigned int order, o;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	whole_section(&zone);
	for (order = 0; order < MAX_ORDER; order++) {
		struct page *page = zone_alloc(&zone, 1u << order, order);
		struct survey seen = expect_zone_sound(&zone);

		EXPECT(page != NULL);
		for (o = 0; o <= MAX_ORDER; o++)
			EXPECT_EQ(seen.blocks[o], o >= order && o < MAX_ORDER);
		EXPECT_EQ(seen.nr_free, SECTION_PAGES_NR - (1u << order));
		zone_free(&zone, page, 1u << order);
		EXPECT_EQ(expect_zone_sound(&zone).blocks[MAX_ORDER], 1);
	}
	zone_fini(&zone);
}

static void shuffle(struct page **pages, unsigned int n, uint64_t *rng)
{
	unsigned int i, j;

	for (i = n; i > 1; i--) {
		struct page *page = pages[i - 1];

		j = unit_below(rng, i);
		pages[i - 1] = pages[j];
		pages[j] = page;
	}
}

/* A section cut up wholly, once for each order, and freed in a random order. */
static void test_every_order_fills_the_section(void **state)
{
	struct page **pages = calloc(SECTION_PAGES_NR, sizeof(*pages));
	uint64_t rng = unit_seed(0x5ec);
	unsigned int order, n, i;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	whole_section(&zone);
	for (order = 0; order <= MAX_ORDER; order++) {
		n = SECTION_PAGES_NR >> order;
		for (i = 0; i < n; i++) {
			pages[i] = zone_alloc(&zone, 1u << order, order);
			/* from one block, lowest addresses first */
			EXPECT_EQ(page_index(pages[i]), i << order);
			EXPECT((uintptr_t)page_start(pages[i]) % (PAGE_SIZE << order) == 0);
			EXPECT(page_section(pages[i]) == first_section(&zone));
		}
		EXPECT_EQ(expect_zone_sound(&zone).nr_free, 0);
		shuffle(pages, n, &rng);
		for (i = 0; i < n; i++) {
			zone_free(&zone, pages[i], 1u << order);
			if (i == n / 2)
				EXPECT_EQ(expect_zone_sound(&zone).nr_free, (i + 1) << order);
		}
		EXPECT_EQ(expect_zone_sound(&zone).blocks[MAX_ORDER], 1);
	}
	zone_fini(&zone);
	free(pages);
}

/* The tail of the block goes back at once, and what is freed may be freed in any cut. */
static void test_exact_sizes_return_their_tail(void **state)
{
	unsigned int order, nr, cut;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	whole_section(&zone);
	for (order = 0; order <= 6; order++) {
		for (nr = 1; nr <= 1u << order; nr++) {
			struct page *page = zone_alloc(&zone, nr, order);

			EXPECT_EQ(page_index(page) % (1u << order), 0);
			EXPECT_EQ(expect_zone_sound(&zone).nr_free, SECTION_PAGES_NR - nr);
			cut = nr / 3;
			if (cut)
				zone_free(&zone, page + nr - cut, cut);
			EXPECT_EQ(expect_zone_sound(&zone).nr_free, SECTION_PAGES_NR - nr + cut);
			zone_free(&zone, page, nr - cut);
			expect_all_free(&zone);
		}
	}
	zone_fini(&zone);
}

/* Whether a page is free is asked of every page, the inner ones of blocks too. */
static void test_page_is_free(void **state)
{
	struct page *page;
	struct zone zone;
	unsigned int i;

	(void)state;
	whole_section(&zone);
	page = zone_alloc(&zone, 37, 6);
	for (i = 0; i < 200; i++)
		EXPECT_EQ(zone_page_is_free(&zone, page + i), i >= 37);
	zone_free(&zone, page + 5, 11);
	for (i = 0; i < 200; i++)
		EXPECT_EQ(zone_page_is_free(&zone, page + i), i >= 37 || (i >= 5 && i < 16));
	zone_free(&zone, page, 5);
	zone_free(&zone, page + 16, 21);
	for (i = 0; i < 200; i++)
		EXPECT(zone_page_is_free(&zone, page + i));
	zone_fini(&zone);
}

static void test_claim(void **state)
{
	struct page *page, *middle;
	struct zone zone;
	unsigned int nr;

	(void)state;
	set_decay("decay_ms=-1");
	whole_section(&zone);
	page = zone_alloc(&zone, 3, 2);

	/* every length of what follows, up to and past blocks' ends */
	for (nr = 1; nr < 300; nr++) {
		EXPECT(zone_claim(&zone, page + 3, nr));
		EXPECT_EQ(expect_zone_sound(&zone).nr_free, SECTION_PAGES_NR - 3 - nr);
		zone_free(&zone, page + 3, nr);
	}
	/* up to the section's end, and not past it */
	EXPECT(!zone_claim(&zone, page + 3, SECTION_PAGES_NR - 2));
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, SECTION_PAGES_NR - 3);
	EXPECT(zone_claim(&zone, page + 3, SECTION_PAGES_NR - 3));
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, 0);
	EXPECT(!zone_claim(&zone, page, 1));

	/* not past, into, or onto used pages */
	middle = page + 100;
	zone_free(&zone, page + 3, 97);
	zone_free(&zone, middle + 1, 99);
	EXPECT(!zone_claim(&zone, page + 3, 98));
	EXPECT(!zone_claim(&zone, page + 3, 120));
	EXPECT(!zone_claim(&zone, middle, 1));
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, 97 + 99);
	EXPECT(zone_claim(&zone, page + 3, 97));
	EXPECT(zone_claim(&zone, middle + 1, 99));
	EXPECT_EQ(zone.nr_free, 0);
	zone_free(&zone, page, SECTION_PAGES_NR);
	zone_fini(&zone);
}

/* Another place for a block that grows, if what is behind it would cost more than the copy. */
static void test_place_for_a_copy(void **state)
{
	struct page *block, *other, *to;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	block = zone_alloc(&zone, 64, 6);
	other = zone_alloc(&zone, 128, 7);
	EXPECT_EQ(page_index(other), 128);
	/* no page was ever written to */
	EXPECT(zone_alloc_copy(&zone, block, 64, 96) == NULL);
	zone_free(&zone, other, 128);

	/* 32 pages more are worth a copy of 64, up to 16 are not */
	EXPECT(zone_alloc_copy(&zone, block, 64, 80) == NULL);
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, 128);
	to = zone_alloc_copy(&zone, block, 64, 96);
	EXPECT(to == other + 32);
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, 32);
	zone_free(&zone, to, 96);

	/* nor is a place of which nearly as many would be faulted in */
	other = zone_alloc(&zone, 128, 7);
	zone_free_clean(&zone, other, 64);
	zone_free(&zone, other + 64, 64);
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, 64);
	EXPECT(zone_alloc_copy(&zone, block, 64, 96) == NULL);
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, 64);
	EXPECT(zone_page_is_free(&zone, other));

	/* what is behind it was written to itself */
	EXPECT(zone_claim(&zone, block + 64, 64));
	zone_free(&zone, block + 64, 64);
	EXPECT(zone_alloc_copy(&zone, block, 64, 128) == NULL);

	/* up to the section's end, and where nothing as large is free */
	EXPECT(zone_alloc_copy(&zone, block, 64, SECTION_PAGES_NR) == NULL);
	expect_zone_sound(&zone);
	zone_free(&zone, block, 64);
	zone_fini(&zone);
}

/* A claim puts pages online when that is what is missing, and only then. */
static void test_claim_puts_online(void **state)
{
	struct page *page;
	struct zone zone;
	unsigned int nr;

	(void)state;
	zone_init(&zone, 0, ZONE_NORMAL);
	page = zone_alloc(&zone, 256, 8);
	EXPECT_EQ(page_index(page), 0);
	EXPECT_EQ(zone.nr_online, 256);
	for (nr = 256; nr < SECTION_PAGES_NR; nr += 999) {
		unsigned int more = nr + 999 < SECTION_PAGES_NR ? 999 : SECTION_PAGES_NR - nr;

		EXPECT(zone_claim(&zone, page + nr, more));
		expect_zone_sound(&zone);
		EXPECT_EQ(zone.nr_online - zone.nr_free, nr + more);
		memset(page_start(page + nr), 1, (size_t)more << PAGE_SHIFT);
	}
	EXPECT_EQ(zone.nr_online, SECTION_PAGES_NR);
	zone_free(&zone, page, SECTION_PAGES_NR);
	zone_fini(&zone);
}

/* Clean pages read as zero; used ones are dirty when they come back; dirty ones are used first. */
static void test_dirty_pages(void **state)
{
	struct page *page, *low, *high;
	struct zone zone;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = zone_alloc(&zone, 256, 8);
	for (i = 0; i < 256; i++) {
		EXPECT(!page_is_dirty(page + i));
		EXPECT(unit_is_zero(page_start(page + i), PAGE_SIZE));
	}
	memset(page_start(page), 0xff, 256 * PAGE_SIZE);

	/* two free blocks of one order, the lower one clean: the dirty one is taken */
	low = page;
	high = page + 64;
	zone_free(&zone, low, 16);
	EXPECT_EQ(purge_all(&zone), 16);
	EXPECT(!page_is_dirty(low));
	zone_free(&zone, high, 16);
	EXPECT_EQ(zone.nr_dirty, 16);
	EXPECT(zone_alloc(&zone, 16, 4) == high);
	EXPECT(page_is_dirty(high));
	EXPECT(zone_alloc(&zone, 16, 4) == low);
	EXPECT(!page_is_dirty(low));
	EXPECT(unit_is_zero(page_start(low), 16 * PAGE_SIZE));
	expect_zone_sound(&zone);

	/* a block of both is split without mixing them up */
	zone_free(&zone, low, 8);
	purge_all(&zone);
	zone_free(&zone, low + 8, 8);
	EXPECT_EQ(zone.nr_dirty, 8);
	EXPECT(zone_alloc(&zone, 4, 2) == low);
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, 8);
	EXPECT(zone_claim(&zone, low + 4, 12));
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, 0);
	zone_free(&zone, page, 256);
	EXPECT_EQ(zone.nr_dirty, 256);
	zone_fini(&zone);
}

/* The oldest section that can serve does, with its smallest block that will do. */
static void test_oldest_section_first(void **state)
{
	struct page *old[2], *young[2], *page;
	struct zone zone;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	for (i = 0; i < 2; i++)
		old[i] = zone_alloc(&zone, SECTION_PAGES_NR / 2, MAX_ORDER - 1);
	for (i = 0; i < 2; i++)
		young[i] = zone_alloc(&zone, SECTION_PAGES_NR / 2, MAX_ORDER - 1);
	EXPECT(page_section(old[0]) == page_section(old[1]));
	EXPECT(page_section(young[0]) == page_section(young[1]));
	EXPECT(page_section(young[0])->age > page_section(old[0])->age);

	zone_free(&zone, young[0], 1);
	zone_free(&zone, old[0], 64);
	zone_free(&zone, old[1] + 8, 2);
	page = zone_alloc(&zone, 1, 0);
	EXPECT(page == old[1] + 8);
	zone_free(&zone, page, 1);
	page = zone_alloc(&zone, 2, 1);
	EXPECT(page == old[1] + 8);
	page = zone_alloc(&zone, 64, 6);
	EXPECT(page == old[0]);
	page = zone_alloc(&zone, 1, 0);
	EXPECT(page == young[0]);
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, 0);
	for (i = 0; i < 2; i++) {
		zone_free(&zone, old[i], SECTION_PAGES_NR / 2);
		zone_free(&zone, young[i], SECTION_PAGES_NR / 2);
	}
	zone_fini(&zone);
}

/* As many as there are, but only the first is worth a call to the OS. */
static void test_bulk(void **state)
{
	struct page *pages[300], *rest;
	unsigned int n, i, used = 0;
	unsigned long calls;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	n = zone_alloc_bulk(&zone, 3, pages, 10, 0);
	EXPECT_EQ(n, 10);
	EXPECT_EQ(zone.nr_online, 256);
	for (i = 0; i < n; i++)
		EXPECT_EQ(page_index(pages[i]), i * 8);
	calls = unit_os_calls;
	n += zone_alloc_bulk(&zone, 3, pages + n, 300 - n, 0);
	EXPECT_EQ(n, 32);
	EXPECT_EQ(unit_os_calls, calls);
	EXPECT_EQ(expect_zone_sound(&zone).nr_free, 0);
	for (i = 0; i < n; i++)
		EXPECT_EQ(page_index(pages[i]), i * 8);
	rest = zone_alloc(&zone, 1, 0);
	EXPECT(unit_os_calls > calls);
	for (i = 0; i < n; i += used) {
		used = i % 5 + 1 < n - i ? i % 5 + 1 : n - i;
		unit_free_blocks(&zone, 3, pages + i, used);
	}
	zone_free(&zone, rest, 1);
	zone_fini(&zone);
}

static long refused_call;

static int refuse(long nr, unsigned long args[6])
{
	(void)args;
	return refused_call == 0 || nr == refused_call ? ENOMEM : 0;
}

/* Refused, the zone is as it was, errno too; asked again, it serves. */
static void test_refusal_changes_nothing(void **state)
{
	static const long calls[] = { 0, SYS_mmap, SYS_mprotect };
	struct page *page, *more;
	struct survey before, after;
	struct zone zone;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		refused_call = calls[i];
		unit_os_hook = refuse;
		errno = EXDEV;
		EXPECT(zone_alloc(&zone, 1, 0) == NULL);
		EXPECT(zone_alloc(&zone, SECTION_PAGES_NR, MAX_ORDER) == NULL);
		EXPECT(zone_alloc_bulk(&zone, 2, &page, 1, 0) == 0);
		EXPECT_EQ(errno, EXDEV);
		unit_os_hook = NULL;
		EXPECT_EQ(expect_zone_sound(&zone).nr_online, 0);
		EXPECT(expect_zone_sound(&zone).nr_sections <= 1);
	}
	page = zone_alloc(&zone, 200, 8);
	EXPECT(page != NULL);
	before = expect_zone_sound(&zone);

	/* nothing more goes online; what is online still serves */
	refused_call = SYS_mprotect;
	unit_os_hook = refuse;
	EXPECT(zone_alloc(&zone, 1024, 10) == NULL);
	EXPECT(!zone_claim(&zone, page + 200, 57));
	more = zone_alloc(&zone, 1, 0);
	EXPECT(more == page + 200);
	zone_free(&zone, more, 1);
	unit_os_hook = NULL;
	after = expect_zone_sound(&zone);
	EXPECT_EQ(after.nr_online, before.nr_online);
	EXPECT_EQ(after.nr_free, before.nr_free);

	/* no new section; the one there is still grows */
	refused_call = SYS_mmap;
	unit_os_hook = refuse;
	EXPECT(zone_alloc(&zone, SECTION_PAGES_NR, MAX_ORDER) == NULL);
	EXPECT(zone_claim(&zone, page + 200, 57));
	unit_os_hook = NULL;
	EXPECT_EQ(expect_zone_sound(&zone).nr_sections, 1);
	zone_free(&zone, page, 257);
	zone_fini(&zone);
}

/* When the usual step is refused, what is needed right now is asked for instead. */
static unsigned long most_bytes;

static int refuse_more_than(long nr, unsigned long args[6])
{
	return nr == SYS_mprotect && args[1] > most_bytes ? ENOMEM : 0;
}

static void test_small_steps(void **state)
{
	struct page *pages[40];
	struct zone zone;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	most_bytes = 16 * PAGE_SIZE;
	pages[0] = zone_alloc(&zone, 256, 8);
	EXPECT_EQ(zone.nr_online, 256);
	unit_os_hook = refuse_more_than;
	for (i = 1; i < ARRAY_SIZE(pages); i++) {
		pages[i] = zone_alloc(&zone, 1, 0);
		EXPECT(pages[i] != NULL);
		EXPECT_EQ(page_index(pages[i]), 255 + i);
		EXPECT_EQ(zone.nr_online, 256 + 16 * ((i - 1) / 16 + 1));
	}
	EXPECT(zone_alloc(&zone, 64, 6) == NULL);
	unit_os_hook = NULL;
	expect_zone_sound(&zone);
	zone_free(&zone, pages[0], 256);
	for (i = 1; i < ARRAY_SIZE(pages); i++)
		zone_free(&zone, pages[i], 1);
	zone_fini(&zone);
}

/*
 * A block that ends where the online pages do is part of the next larger one: growth joins it, and
 * leaves nothing unused behind.
 */
static void test_growth_joins_the_frontier(void **state)
{
	struct page *page, *first;
	struct zone zone;
	unsigned int order;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	first = zone_alloc(&zone, 256, 8);
	zone_free(&zone, first, 256);
	EXPECT_EQ(zone.nr_online, 256);
	for (order = 9; order <= MAX_ORDER; order++) {
		page = zone_alloc(&zone, 1u << order, order);
		EXPECT(page == first);
		EXPECT(zone.nr_online >= 1u << order);
		zone_free(&zone, page, 1u << order);
		expect_all_free(&zone);
	}
	EXPECT_EQ(expect_zone_sound(&zone).nr_sections, 1);
	zone_fini(&zone);

	/* not when a page of it is used, be it the first or the last */
	for (order = 0; order < 2; order++) {
		zone_init(&zone, 0, ZONE_NORMAL);
		first = zone_alloc(&zone, 256, 8);
		EXPECT_EQ(page_index(first), 0);
		if (order)
			zone_free(&zone, first, 255);
		else
			zone_free(&zone, first + 1, 255);
		page = zone_alloc(&zone, 512, 9);
		EXPECT_EQ(page_index(page), 512);
		zone_free(&zone, page, 512);
		zone_free(&zone, order ? first + 255 : first, 1);
		zone_fini(&zone);
	}
}

static void take_online(struct zone *zone, unsigned int nr, bool there)
{
	unsigned long calls = unit_all_calls;
	struct page *page = zone_alloc_online(zone, nr, 0);

	EXPECT_EQ(unit_all_calls, calls);
	EXPECT_EQ(page != NULL, there);
	if (page)
		zone_free(zone, page, nr);
}

static pthread_barrier_t barrier_of_two;

static void hold_zone(void *arg, unsigned int id)
{
	struct zone *zone = arg;

	if (id == 0) {
		lock_acquire(&zone->lock);
		pthread_barrier_wait(&barrier_of_two);
		pthread_barrier_wait(&barrier_of_two);
		lock_release(&zone->lock);
		return;
	}
	pthread_barrier_wait(&barrier_of_two);
	EXPECT(zone_alloc_online(zone, 1, 0) == NULL);
	pthread_barrier_wait(&barrier_of_two);
}

/* What is free and online serves without a system call; nothing grows, and nobody is waited for. */
static void test_online_only(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	take_online(&zone, 1, false);
	page = zone_alloc(&zone, 200, 8);
	EXPECT_EQ(zone.nr_online, 256);
	take_online(&zone, 32, true);
	take_online(&zone, 5, true);
	take_online(&zone, 64, false);
	take_online(&zone, 16384, false);
	EXPECT_EQ(expect_zone_sound(&zone).nr_online, 256);
	pthread_barrier_init(&barrier_of_two, NULL, 2);
	unit_threads(2, hold_zone, &zone);
	pthread_barrier_destroy(&barrier_of_two);
	/* from a handler that interrupted a change of the zone */
	lock_acquire(&zone.lock);
	EXPECT(zone_alloc_online(&zone, 1, 0) == NULL);
	lock_release(&zone.lock);
	zone_free(&zone, page, 200);
	zone_fini(&zone);
}

/* Only what may not be zero is written to. */
static void test_zero(void **state)
{
	unsigned char resident[64];
	struct page *page;
	struct zone zone;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = zone_alloc(&zone, 64, 6);
	memset(page_start(page + 16), 0xee, 16 * PAGE_SIZE);
	zone_free(&zone, page + 16, 16);
	zone_free_clean(&zone, page, 16);
	zone_free_clean(&zone, page + 32, 32);
	EXPECT_EQ(zone.nr_dirty, 16);
	EXPECT(zone_alloc(&zone, 64, 6) == page);
	zone_zero(page, 64);
	EXPECT_EQ(mincore(page_start(page), 64 * PAGE_SIZE, resident), 0);
	for (i = 0; i < 64; i++)
		EXPECT_EQ(resident[i] & 1, i >= 16 && i < 32);
	EXPECT(unit_is_zero(page_start(page), 64 * PAGE_SIZE));
	zone_free(&zone, page, 64);
	zone_fini(&zone);
}

/* A zone for low addresses has no others, and its sections say whose they are. */
static void test_low_zone(void **state)
{
	struct page *page, *pages[4];
	struct zone zone;
	unsigned int order, i;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 3, ZONE_DMA32);
	for (order = 0; order <= MAX_ORDER; order++) {
		page = zone_alloc(&zone, 1u << order, order);
		EXPECT(page != NULL);
		EXPECT((uintptr_t)page_start(page) + (PAGE_SIZE << order) <= 1UL << 32);
		EXPECT(page_zone(page) == &zone);
		EXPECT_EQ(page_nid(page), 3);
		memset(page_start(page), 1, PAGE_SIZE);
		zone_free(&zone, page, 1u << order);
		expect_zone_sound(&zone);
	}
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = zone_alloc(&zone, SECTION_PAGES_NR / 2, MAX_ORDER - 1);
	EXPECT_EQ(expect_zone_sound(&zone).nr_sections, 2);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		zone_free(&zone, pages[i], SECTION_PAGES_NR / 2);
	zone_fini(&zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_and_merge),
		cmocka_unit_test(test_every_order_fills_the_section),
		cmocka_unit_test(test_exact_sizes_return_their_tail),
		cmocka_unit_test(test_page_is_free),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_place_for_a_copy),
		cmocka_unit_test(test_claim_puts_online),
		cmocka_unit_test(test_dirty_pages),
		cmocka_unit_test(test_oldest_section_first),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_refusal_changes_nothing),
		cmocka_unit_test(test_small_steps),
		cmocka_unit_test(test_growth_joins_the_frontier),
		cmocka_unit_test(test_online_only),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_low_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
