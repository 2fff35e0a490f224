/* SPDX-License-Identifier: MIT */
/*
 * What goes back to the OS, when, and whether it is really gone.
 *
 * Time is what purge_tick() is told: the tests give it moments of their own. The decay is so long
 * that no tick of the library itself, by the real clock, gets there. That memory is gone says the
 * kernel: mincore() of pages that nobody maps to a file is whether they cost anything.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "limit.h"
#include "unit_buddy.h"

#define FLOOR 512u  /* pages that may stay dirty while few are in use */
#define LARGE 4096u /* pages of a large heap */

static void test_all(void **state)
{
	struct page *page, *kept;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	kept = take_and_write(&zone, 100, 7);
	page = take_and_write(&zone, 500, 9);
	zone_free(&zone, page, 500);
	EXPECT_EQ(zone.nr_dirty, 500);
	EXPECT_EQ(nr_resident(page, 500), 500);
	EXPECT_EQ(purge_all(&zone), 500);
	EXPECT_EQ(zone.nr_dirty, 0);
	EXPECT_EQ(nr_resident(page, 500), 0);
	EXPECT(unit_is_zero(page_start(page), 500 * PAGE_SIZE));
	EXPECT_EQ(purge_all(&zone), 0);
	expect_zone_sound(&zone);

	/* what is used is left alone */
	EXPECT_EQ(nr_resident(kept, 100), 100);
	EXPECT_EQ(*(unsigned char *)page_start(kept + 99), 0xa5);
	zone_free(&zone, kept, 100);
	zone_fini(&zone);
}

/* A block of dirty ends and a clean middle is one free block, and goes back as one. */
static void test_partly_dirty_block(void **state)
{
	struct page *page, *other;
	struct zone zone;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 64, 6);
	zone_free(&zone, page, 64);
	purge_all(&zone);
	EXPECT(zone_alloc(&zone, 64, 6) == page);
	zone_free(&zone, page + 16, 32);
	EXPECT_EQ(purge_all(&zone), 32);
	other = page + 16;
	EXPECT(zone_claim(&zone, other, 32));
	for (i = 0; i < 32; i++)
		EXPECT(!page_is_dirty(other + i));
	zone_free(&zone, page, 64);
	EXPECT_EQ(zone.nr_dirty, 64);
	EXPECT_EQ(purge_all(&zone), 64);
	zone_fini(&zone);
}

/* As zone_free() at a moment of the test's choice, which no tick sees. */
static void free_at(struct zone *zone, struct page *page, unsigned int nr, uint64_t freed_ms)
{
	struct section *s = page_section(page);

	lock_acquire(&zone->lock);
	bitmap_set(s->dirty, page_index(page), nr);
	zone_free_range(zone, s, page_index(page), nr, freed_ms);
	lock_release(&zone->lock);
}

static void test_decay(void **state)
{
	uint64_t then = os_clock_ms();
	struct page *page, *later, *between;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	/* merged, they would both be as young as the younger */
	page = take_and_write(&zone, 200, 8);
	between = take_and_write(&zone, 256, 8);
	later = take_and_write(&zone, 200, 8);
	zone_free(&zone, page, 200);
	EXPECT_EQ(zone.nr_dirty, 200);

	/* too early */
	purge_tick(&zone, then + NEVER_MS / 2, 0);
	EXPECT_EQ(zone.nr_dirty, 200);
	/* it is time for the first block; the other was freed at this very moment */
	free_at(&zone, later, 200, then + 2 * NEVER_MS);
	EXPECT_EQ(zone.nr_dirty, 400);
	purge_tick(&zone, then + 2 * NEVER_MS, 0);
	EXPECT_EQ(zone.nr_dirty, 200);
	EXPECT_EQ(nr_resident(page, 200), 0);
	EXPECT_EQ(nr_resident(later, 200), 200);
	/* within a quarter of the decay nothing is looked for */
	free_at(&zone, between, 256, then);
	EXPECT_EQ(zone.nr_dirty, 456);
	purge_tick(&zone, then + 2 * NEVER_MS + NEVER_MS / 4, 0);
	EXPECT_EQ(zone.nr_dirty, 456);
	purge_tick(&zone, then + 3 * NEVER_MS + NEVER_MS / 2, 0);
	EXPECT_EQ(zone.nr_dirty, 0);
	EXPECT_EQ(nr_resident(later, 200), 0);
	zone_fini(&zone);
}

/* Two neighbours that merge are as young as the younger: what was freed just now is wanted soon. */
static void test_merged_is_young(void **state)
{
	uint64_t then = os_clock_ms();
	struct page *page;
	struct zone zone;
	unsigned int way;

	(void)state;
	set_decay("decay_ms=1000000");
	/* whichever of them lies lower, and whichever is freed first */
	for (way = 0; way < 4; way++) {
		const uint64_t when[] = { then, then + 2 * NEVER_MS };
		unsigned int low = way & 1, young = way >> 1;

		zone_init(&zone, 0, ZONE_NORMAL);
		page = take_and_write(&zone, 256, 8);
		free_at(&zone, page + 128 * low, 128, when[young]);
		free_at(&zone, page + 128 * !low, 128, when[!young]);
		purge_tick(&zone, then + 2 * NEVER_MS, 0);
		EXPECT_EQ(zone.nr_dirty, 256);
		purge_tick(&zone, then + 4 * NEVER_MS, 0);
		EXPECT_EQ(zone.nr_dirty, 0);
		zone_fini(&zone);
	}
}

/* Never is never. */
static void test_no_decay_wanted(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 3000, 12);
	zone_free(&zone, page, 3000);
	purge_tick(&zone, os_clock_ms() + 1000ul * NEVER_MS, 0);
	EXPECT_EQ(zone.nr_dirty, 3000);
	EXPECT_EQ(nr_resident(page, 3000), 3000);
	zone_fini(&zone);
}

/* A little may stay however little is in use, until it is old. */
static void test_floor(void **state)
{
	struct page *page;
	unsigned int i, dirty = 0;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	/* pieces apart from each other, so that none is purged for its neighbour */
	page = take_and_write(&zone, 2 * FLOOR, 10);
	for (i = 0; i < 2 * FLOOR; i += 16) {
		zone_free(&zone, page + i, 8);
		dirty += 8;
		EXPECT_EQ(zone.nr_dirty, dirty);
		EXPECT_EQ(nr_resident(page + i, 8), 8);
	}
	EXPECT_EQ(dirty, FLOOR);
	for (i = 8; i < 2 * FLOOR; i += 16)
		zone_free(&zone, page + i, 8);
	zone_fini(&zone);
}

/* Of 512 pages freed a while ago, with nothing in use lately: how many may stay. */
static unsigned long dirty_after_a_while(unsigned long memory_bytes)
{
	uint64_t now = os_clock_ms();
	unsigned long nr_dirty;
	struct page *page;
	struct zone zone;

	limits.memory_bytes = memory_bytes;
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 512, 9);
	free_at(&zone, page, 512, now);
	purge_tick(&zone, now + 1000, 0);
	nr_dirty = zone.nr_dirty;
	zone_fini(&zone);
	limits.memory_bytes = ULONG_MAX;
	return nr_dirty;
}

/* A process with little memory keeps little. */
static void test_floor_follows_the_memory(void **state)
{
	(void)state;
	set_decay("decay_ms=1000000");
	EXPECT_EQ(dirty_after_a_while(ULONG_MAX), 512);
	EXPECT_EQ(dirty_after_a_while(512 * 64 * PAGE_SIZE), 512);
	EXPECT(dirty_after_a_while(100 * 64 * PAGE_SIZE) <= 100);
	EXPECT(dirty_after_a_while(16 * 64 * PAGE_SIZE) <= 16);
}

/*
 * The more was in use lately, the more may stay. A while later, but long before anything is old, it
 * may not any more.
 */
static void test_limit_sinks(void **state)
{
	uint64_t then = os_clock_ms();
	unsigned long dirty = 7000;
	struct page *page;
	unsigned int k;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, 8000, 13);
	zone_free(&zone, page + 1000, 7000);
	EXPECT_EQ(zone.nr_dirty, dirty);
	for (k = 1; k <= 3; k++) {
		purge_tick(&zone, then + k * (NEVER_MS / 4 + 9000), 0);
		EXPECT(zone.nr_dirty <= dirty);
		dirty = expect_zone_sound(&zone).nr_dirty;
	}
	EXPECT(dirty < 7000);
	zone_free(&zone, page, 1000);
	zone_fini(&zone);
}

/*
 * Beyond the peak of @used pages @slack may stay: half of it is freed, in holes, and blocks that
 * fit none are taken.
 */
static void stay_in_holes(unsigned int used, unsigned int slack)
{
	const unsigned int nr = FLOOR / 4;
	struct page *page, *block[16];
	unsigned int i;
	struct zone zone;
	uint64_t later;

	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = take_and_write(&zone, used, 14);
	for (i = 0; i < used; i += 16)
		zone_free(&zone, page + i, 8);
	/* All of it has been free for a while then, however long that took. */
	later = os_clock_ms() + 1000;
	for (i = 0; i <= slack / nr; i++) {
		EXPECT_EQ(zone.nr_dirty, used / 2);
		block[i] = zone_alloc(&zone, nr, 8);
		EXPECT(block[i] != NULL);
		purge_tick(&zone, later, 0);
	}
	EXPECT(zone.nr_dirty < used / 2);
	while (i--)
		zone_free(&zone, block[i], nr);
	for (i = 8; i < used; i += 16)
		zone_free(&zone, page + i, 8);
	zone_fini(&zone);
}

/* A quarter of what makes a heap large, or the floor, if that is more and not more than half. */
static void test_slack(void **state)
{
	(void)state;
	stay_in_holes(LARGE + FLOOR, FLOOR / 2);
	stay_in_holes(LARGE + 3 * FLOOR, FLOOR);
	stay_in_holes(LARGE + 8 * FLOOR, 2 * FLOOR);
}

/*
 * Whatever is freed when: what is dirty never exceeds what was in use at most, what makes that a
 * large heap once more, and the slack.
 */
static void test_limit_holds(void **state)
{
	uint64_t rng = unit_seed(0x11417), now = os_clock_ms();
	unsigned int i, n, steps = unit_steps(3000);
	struct page *held[64] = { NULL };
	unsigned long used, excess, slack, peak = FLOOR;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	for (i = 0; i < steps; i++) {
		n = unit_below(&rng, ARRAY_SIZE(held));
		if (held[n]) {
			zone_free(&zone, held[n], n * 5 + 1);
			held[n] = NULL;
		} else if (unit_below(&rng, 2)) {
			held[n] = zone_alloc(&zone, n * 5 + 1, 9);
		}
		used = zone.nr_online - zone.nr_free;
		peak = used > peak ? used : peak;
		excess = peak > LARGE ? peak - LARGE : 0;
		slack = min_ul(excess / 2, max_ul(excess / 4, FLOOR));
		EXPECT(zone.nr_dirty <= peak + excess + slack);
		if (i % 100 == 0)
			purge_tick(&zone, now + i * (NEVER_MS / 100), 0);
	}
	for (n = 0; n < ARRAY_SIZE(held); n++)
		if (held[n])
			zone_free(&zone, held[n], n * 5 + 1);
	zone_fini(&zone);
}

#define MANY  12000u
#define LEAST 8u

/*
 * All of MANY pages, taken in blocks of @nr, are freed, and for a while, which ends before the
 * pages are old, nothing more is used: how many stay.
 */
static unsigned long stay_of_blocks(struct zone *zone, unsigned int nr, uint64_t *now)
{
	static struct page *block[MANY / LEAST];
	unsigned int i;

	for (i = 0; i < MANY / nr; i++) {
		block[i] = zone_alloc(zone, nr, 0);
		EXPECT(block[i] != NULL);
	}
	for (i = 0; i < MANY / nr; i++)
		free_at(zone, block[i], nr, *now);
	purge_tick(zone, *now, MANY);
	/* a few may have been taken beside what is dirty */
	EXPECT(zone->nr_dirty >= MANY && zone->nr_dirty < MANY + MANY / 50);
	for (i = 0; i < 3; i++) {
		*now += NEVER_MS / 4 + 1;
		purge_tick(zone, *now, 0);
	}
	return expect_zone_sound(zone).nr_dirty;
}

/*
 * Large blocks that have to be faulted in again after a purge show that it was too much: the next
 * time more stays. Small ones, or a few pages, show nothing. What was learned is forgotten.
 */
static void test_refaults(void **state)
{
	unsigned long first, second;
	struct page *page;
	uint64_t now = os_clock_ms();
	struct zone zone;
	unsigned int i;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	first = stay_of_blocks(&zone, LEAST, &now);
	EXPECT(first < MANY);
	EXPECT(stay_of_blocks(&zone, LEAST, &now) < MANY);
	EXPECT_EQ(zone.nr_refault, 0);
	zone_fini(&zone);

	zone_init(&zone, 0, ZONE_NORMAL);
	first = stay_of_blocks(&zone, 1000, &now);
	EXPECT(first < MANY);
	second = stay_of_blocks(&zone, 1000, &now);
	EXPECT(second > first && second < MANY + MANY / 50);
	zone.nr_refault = 1000000;
	for (i = 0; i < 100; i++) {
		now += NEVER_MS / 4 + 1;
		page = zone_alloc(&zone, 1, 0);
		EXPECT(page != NULL);
		free_at(&zone, page, 1, now);
		purge_tick(&zone, now, 1);
	}
	EXPECT(zone.nr_refault < 1000);
	EXPECT(zone.nr_purged < 1000);
	zone_fini(&zone);
}

#define NR 3

/* Unused sections go with their addresses, young and old, but the oldest stays. */
static void test_unused_sections_go(void **state)
{
	struct page *page[NR];
	void *addr[NR];
	struct section *oldest;
	unsigned int i;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=1000000");
	zone_init(&zone, 0, ZONE_NORMAL);
	for (i = 0; i < NR; i++) {
		page[i] = zone_alloc(&zone, PAGES_PER_SECTION, MAX_ORDER);
		EXPECT(page[i] != NULL);
		addr[i] = page_start(page[i]);
		EXPECT(page_at(addr[i]) == page[i]);
	}
	oldest = page_section(page[0]);
	/* one used page keeps a section */
	zone_free(&zone, page[1], PAGES_PER_SECTION - 1);
	purge_all(&zone);
	EXPECT(section_of(addr[1]) == page_section(page[1]));
	zone_free(&zone, page[1] + PAGES_PER_SECTION - 1, 1);
	purge_all(&zone);
	EXPECT(section_of(addr[1]) == NULL && page_at(addr[1]) == NULL);
	EXPECT_EQ(expect_zone_sound(&zone).nr_online, 2 * PAGES_PER_SECTION);
	zone_free(&zone, page[2], PAGES_PER_SECTION);
	zone_free(&zone, page[0], PAGES_PER_SECTION);
	/* by and by, too, when something is freed */
	zone_free(&zone, zone_alloc(&zone, 1, 0), 1);
	EXPECT(section_of(addr[2]) == page_section(page[2]));
	purge_tick(&zone, os_clock_ms() + NEVER_MS / 2, 0);
	EXPECT(section_of(addr[2]) == page_section(page[2]));
	purge_tick(&zone, os_clock_ms() + 2 * NEVER_MS, 0);
	EXPECT(section_of(addr[2]) == NULL);
	EXPECT(section_of(addr[0]) == oldest);
	EXPECT_EQ(expect_zone_sound(&zone).nr_sections, 1);

	/* the next section takes what was given back */
	page[0] = zone_alloc(&zone, PAGES_PER_SECTION, MAX_ORDER);
	page[1] = zone_alloc(&zone, 1, 0);
	EXPECT(page_start(page[1]) == addr[1] || page_start(page[1]) == addr[2]);
	EXPECT(unit_is_zero(page_start(page[1]), PAGE_SIZE));
	EXPECT(!page_is_dirty(page[1]));
	zone_free(&zone, page[0], PAGES_PER_SECTION);
	zone_free(&zone, page[1], 1);
	zone_fini(&zone);
}

static long refused_call;
static unsigned int nr_refused;

static int refuse(long nr, unsigned long args[6])
{
	(void)args;
	if (nr != refused_call)
		return 0;
	nr_refused++;
	return ENOMEM;
}

/* The OS keeps what it does not want to take: pages stay dirty, sections stay usable. */
static void test_refused(void *arg)
{
	struct page *page[NR];
	unsigned int i;
	struct zone zone;

	(void)arg;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	for (i = 0; i < NR; i++) {
		page[i] = zone_alloc(&zone, PAGES_PER_SECTION, MAX_ORDER);
		*(int *)page_start(page[i]) = 17;
	}
	for (i = 0; i < NR; i++)
		zone_free(&zone, page[i], PAGES_PER_SECTION);
	refused_call = SYS_madvise;
	unit_os_hook = refuse;
	nr_refused = 0;
	/* what is not purged goes with its section, but for the oldest's */
	EXPECT_EQ(purge_all(&zone), (NR - 1) * PAGES_PER_SECTION);
	EXPECT(nr_refused > 0);
	unit_os_hook = NULL;
	EXPECT_EQ(expect_zone_sound(&zone).nr_dirty, PAGES_PER_SECTION);
	EXPECT_EQ(*(int *)page_start(page[0]), 17);

	for (i = 0; i < NR; i++)
		page[i] = zone_alloc(&zone, PAGES_PER_SECTION, MAX_ORDER);
	for (i = 0; i < NR; i++)
		zone_free(&zone, page[i], PAGES_PER_SECTION);
	refused_call = SYS_munmap;
	unit_os_hook = refuse;
	nr_refused = 0;
	EXPECT_EQ(purge_all(&zone), NR * PAGES_PER_SECTION);
	EXPECT_EQ(nr_refused, NR - 1);
	expect_all_free(&zone);
	EXPECT_EQ(expect_zone_sound(&zone).nr_sections, NR);
	EXPECT_EQ(zone.nr_dirty, 0);
	unit_os_hook = NULL;
	for (i = 0; i < NR; i++) {
		page[i] = zone_alloc(&zone, PAGES_PER_SECTION, MAX_ORDER);
		EXPECT(page[i] != NULL && unit_is_zero(page_start(page[i]), PAGE_SIZE));
	}
	EXPECT_EQ(expect_zone_sound(&zone).nr_sections, NR);
	for (i = 0; i < NR; i++)
		zone_free(&zone, page[i], PAGES_PER_SECTION);
	zone_fini(&zone);
}

/* In a child: what loops for ever is stopped. */
static void test_refusals(void **state)
{
	(void)state;
	unit_passes(test_refused, NULL);
}

static void begin_and_vanish(void *arg, unsigned int id)
{
	struct zone *zone = arg;

	(void)id;
	lock_acquire(&zone->purge_lock);
}

/* While one thread purges, no other does; one that a fork left behind is none. */
static void test_fork_child(void **state)
{
	struct page *page;
	struct zone zone;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&zone, 0, ZONE_NORMAL);
	page = zone_alloc(&zone, 128, 7);
	zone_free(&zone, page, 128);
	unit_threads(1, begin_and_vanish, &zone);
	EXPECT_EQ(purge_all(&zone), 0);
	EXPECT_EQ(zone.nr_dirty, 128);
	lock_acquire(&zone.lock);
	purge_fork_child(&zone);
	lock_release(&zone.lock);
	EXPECT_EQ(purge_all(&zone), 128);

	/* a thread that forks amid its own purge goes on with it */
	lock_acquire(&zone.purge_lock);
	lock_acquire(&zone.lock);
	purge_fork_child(&zone);
	lock_release(&zone.lock);
	EXPECT(lock_is_mine(&zone.purge_lock));
	EXPECT(!purge_wait(&zone));
	lock_release(&zone.purge_lock);
	EXPECT(!purge_wait(&zone));
	zone_fini(&zone);
}

static struct zone shared;
static pthread_barrier_t in_the_kernel;

static int wait_or_refuse(long nr, unsigned long args[6])
{
	(void)args;
	if (nr != SYS_madvise)
		return ENOMEM;
	if (!nr_refused++) {
		pthread_barrier_wait(&in_the_kernel);
		usleep(20000);
	}
	return 0;
}

static void purge_or_want(void *arg, unsigned int id)
{
	struct page *page;

	(void)arg;
	if (id == 0) {
		EXPECT_EQ(purge_all(&shared), 256);
		return;
	}
	/* all that there is is in the other's hands now */
	pthread_barrier_wait(&in_the_kernel);
	page = zone_alloc(&shared, 256, 8);
	EXPECT(page != NULL);
	EXPECT(!page_is_dirty(page));
	zone_free(&shared, page, 256);
}

/* Who finds nothing, since another thread is purging it, waits for that. */
static void test_wait_for_the_purge(void **state)
{
	struct page *page;

	(void)state;
	set_decay("decay_ms=-1");
	zone_init(&shared, 0, ZONE_NORMAL);
	page = zone_alloc(&shared, 256, 8);
	EXPECT_EQ(shared.nr_online, 256);
	zone_free(&shared, page, 256);
	pthread_barrier_init(&in_the_kernel, NULL, 2);
	nr_refused = 0;
	unit_os_hook = wait_or_refuse;
	unit_threads(2, purge_or_want, NULL);
	unit_os_hook = NULL;
	pthread_barrier_destroy(&in_the_kernel);
	zone_fini(&shared);
}

static void bad_decay(void *option)
{
	set_decay(option);
}

static void test_bad_decay(void **state)
{
	static const char *const bad[] = { "decay_ms", "decay_ms=", "decay_ms=1s", "decay_ms=1e9" };
	char text[200];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(unit_child(bad_decay, (void *)(uintptr_t)bad[i], text, sizeof(text)), 0);
		EXPECT(strcmp(text, "kmem: bad value for option 'decay_ms'\n") == 0);
	}
}

static void churn(void *arg, unsigned int id)
{
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, n, steps = unit_steps(1500);
	struct page *held[8] = { NULL };
	unsigned int nr[8];

	for (i = 0; i < steps; i++) {
		n = unit_below(&rng, ARRAY_SIZE(held));
		if (held[n]) {
			EXPECT(unit_holds(page_start(held[n]), 64, id * 1000 + n));
			zone_free(&shared, held[n], nr[n]);
		}
		nr[n] = unit_below(&rng, 200) + 1;
		held[n] = zone_alloc(&shared, nr[n], 8);
		unit_fill(page_start(held[n]), 64, id * 1000 + n);
		if (i % 64 == 0)
			purge_all(&shared);
	}
	for (n = 0; n < ARRAY_SIZE(held); n++)
		if (held[n])
			zone_free(&shared, held[n], nr[n]);
}

/* One thread at a time purges, and the others go on. */
static void test_threads(void **state)
{
	uint64_t seed = unit_seed(0x9e9e);

	(void)state;
	set_decay("decay_ms=1");
	zone_init(&shared, 0, ZONE_NORMAL);
	unit_threads(4, churn, &seed);
	zone_fini(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_partly_dirty_block),
		cmocka_unit_test(test_decay),
		cmocka_unit_test(test_merged_is_young),
		cmocka_unit_test(test_no_decay_wanted),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_floor_follows_the_memory),
		cmocka_unit_test(test_limit_sinks),
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_limit_holds),
		cmocka_unit_test(test_refaults),
		cmocka_unit_test(test_unused_sections_go),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_fork_child),
		cmocka_unit_test(test_wait_for_the_purge),
		cmocka_unit_test(test_bad_decay),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
