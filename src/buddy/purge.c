/* SPDX-License-Identifier: MIT */
/* See purge.h. */
#include "purge.h"

#include <errno.h>

#include "huge.h"
#include "limit.h"
#include "numa.h"
#include "os.h"
#include "report.h"

#define DIRTY_FLOOR    512u  /* pages that may stay dirty however few were in use: 2 MiB */
#define LARGE_HEAP     4096u /* pages in use: 16 MiB */
#define FLOOR_SHARE    64UL /* of either at most this part of the memory that the process may use */
#define LARGE_SHARE    16UL
#define REFAULT_MIN    16u   /* pages of a block that counts as large: 64 KiB; */
#define REFAULT_MAX    1024u /* and of one that counts whole, since more may never be touched */
#define REFAULTS_FREE  2048u /* pages that may be faulted in again before it matters; */
#define REFAULT_WEIGHT 2UL   /* then for so many that should have stayed, in a large heap, */
#define REFAULT_SHARE  64UL  /* and for one in so many in any */
#define SINK_SHARE     8     /* part of the way to the present that the peak sinks in a pass */
#define PASSES_A_DECAY 4     /* how often old pages are looked for */
#define OLDEST_MS      64    /* what was freed before is purged first, */
#define YOUNGEST_MS    16    /* and what was freed since, last */
#define FOREVER	       (~0UL)
#define SUNK_MIN       64u /* pages of a peak that can sink, */
#define MUCH_FREED     4u  /* and part of it that is much to be freed at once, */
#define MUCH_AGAIN_MS  50u /* if that was not so a moment ago */
#define TOGETHER_ORDER 8u  /* blocks up to here are purged by one call for many: 1 MiB */
#define MAP_ORDER      7u  /* of blocks from here on the mem_map has a page to itself: 2 at 4 KiB */

unsigned int heap_state;
unsigned long heap_look_below;
struct wait_queue purge_waiters;

static unsigned long decay_ms = 1000;

static int set_decay_ms(const char *value, size_t len)
{
	long ms;

	if (option_number(value, len, &ms) < 0)
		return -EINVAL;
	decay_ms = ms < 0 ? FOREVER : (unsigned long)ms;
	return 0;
}

static const struct boot_param params[] = {
	{ "decay_ms", set_decay_ms },
};

const struct boot_params purge_params = { params, ARRAY_SIZE(params) };

unsigned long purge_pass_ms(void)
{
	return decay_ms == FOREVER ? 0 : max_ul(decay_ms / PASSES_A_DECAY, 1);
}

/* Takes dirty blocks freed up to @until_ms until @target are left; zone->lock is held. */
static void isolate_from(struct zone *zone, struct section *s, uint64_t until_ms,
			 unsigned long target)
{
	struct purge_batch *batch = &zone->batch;
	unsigned int order;

	for (order = NR_ORDERS; order-- > 0;) {
		struct page *page, *next;

		if (!(s->free_orders >> order & 1))
			continue;
		list_for_each_entry_safe(page, next, &s->free_area[order].free_list, lru) {
			if (!page->nr_dirty || batch->nr == PURGE_BATCH || zone->nr_dirty <= target)
				break;
			if (page->freed_ms > until_ms)
				continue;
			zone_remove_free(zone, page);
			batch->purged[batch->nr] = false;
			batch->block[batch->nr++] = page;
		}
	}
}

static void isolate(struct zone *zone, uint64_t until_ms, unsigned long target)
{
	struct list_head *node;

	for (node = zone->sections.prev; node != &zone->sections && zone->batch.nr < PURGE_BATCH;
	     node = node->prev)
		isolate_from(zone, list_entry(node, struct section, list), until_ms, target);
}

/* From the first dirty OS page of a block to the last: clean ones between cost nothing. */
static bool find_dirty(const struct page *page, struct iovec *range)
{
	struct section *s = page_section(page);
	unsigned int index = page_index(page), end = index + (1u << page->order);
	unsigned int first = bitmap_next(s->dirty, true, index, end), last = end;
	size_t os_page = os_page_size();
	uintptr_t from, to;

	while (last > first && bitmap_next(s->dirty, true, last - 1, last) == last)
		last--;
	from = align_down(s->start + ((uintptr_t)first << PAGE_SHIFT), os_page);
	to = align_up(s->start + ((uintptr_t)last << PAGE_SHIFT), os_page);
	if (from < s->start + ((uintptr_t)index << PAGE_SHIFT) ||
	    to > s->start + ((uintptr_t)end << PAGE_SHIFT))
		return false;
	*range = (struct iovec){ (void *)from, to - from };
	return true;
}

static bool purge_block(const struct page *page)
{
	struct iovec range;

	if (!find_dirty(page, &range))
		return false;
	huge_note_purge(page_section(page));
	return os_purge(range.iov_base, range.iov_len) == 0;
}

/*
 * By one call, but for large blocks: signals, and who wants to map something, wait until it is
 * over.
 */
static void purge_together(struct purge_batch *batch)
{
	struct iovec range[PURGE_BATCH];
	bool *purged[PURGE_BATCH];
	unsigned int i, n = 0;

	for (i = 0; i < batch->nr; i++) {
		const struct page *page = batch->block[i];

		if (page->order > TOGETHER_ORDER || !find_dirty(page, &range[n]))
			continue;
		huge_note_purge(page_section(page));
		purged[n++] = &batch->purged[i];
	}
	for (n = n ? os_purge_many(range, n) : 0; n--;)
		*purged[n] = true;
}

static bool may_go_on(bool (*go_on)(void))
{
	return !go_on || go_on();
}

/* All of them, as long as @go_on says so. */
static void purge_blocks(struct purge_batch *batch, bool (*go_on)(void))
{
	unsigned int i;

	if (os_can_purge_many() && may_go_on(go_on))
		purge_together(batch);
	for (i = 0; i < batch->nr; i++)
		if (!batch->purged[i])
			batch->purged[i] = may_go_on(go_on) && purge_block(batch->block[i]);
}

static unsigned long return_batch(struct zone *zone)
{
	struct purge_batch *batch = &zone->batch;
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < batch->nr; i++) {
		struct page *page = batch->block[i];

		if (batch->purged[i]) {
			bitmap_clear(page_section(page)->dirty, page_index(page),
				     1u << page->order);
			pages += page->nr_dirty;
		}
		zone_insert_free(zone, page, page->order, page->freed_ms);
	}
	batch->nr = 0;
	return pages;
}

/*
 * Purges blocks freed up to @until_ms until at most @target pages are dirty. Stops when the OS
 * refuses (locked memory): the pages stay dirty, and are tried again a decay later.
 */
static unsigned long purge_while(struct zone *zone, uint64_t until_ms, unsigned long target,
				 bool (*go_on)(void))
{
	struct purge_batch *batch = &zone->batch;
	unsigned long pages = 0, more = 1;

	while (more && READ_ONCE(zone->nr_dirty) > target) {
		lock_acquire(&zone->lock);
		isolate(zone, until_ms, target);
		lock_release(&zone->lock);
		purge_blocks(batch, go_on);
		lock_acquire(&zone->lock);
		more = return_batch(zone);
		lock_release(&zone->lock);
		pages += more;
	}
	return pages;
}

static unsigned long purge_until(struct zone *zone, uint64_t until_ms, unsigned long target)
{
	return purge_while(zone, until_ms, target, NULL);
}

/*
 * Down to @target pages, those first that have been free for long. What was freed just now may be
 * wanted again at once, and stays unless it is as much again.
 */
static void purge_oldest(struct zone *zone, uint64_t now_ms, unsigned long target)
{
	unsigned long pages = 0;
	uint64_t age;

	for (age = OLDEST_MS; age >= YOUNGEST_MS; age /= 2)
		pages += purge_until(zone, now_ms - age, target);
	pages += purge_until(zone, now_ms, 2 * target);
	lock_acquire(&zone->lock);
	zone->nr_purged += pages;
	lock_release(&zone->lock);
}

/*
 * The same, once: where all is too young, it is so until the clock moves, and not to be looked
 * through at each free.
 */
static void purge_down_to(struct zone *zone, uint64_t now_ms, unsigned long target)
{
	if (zone->last_short_ms == now_ms && READ_ONCE(zone->nr_dirty) <= 2 * target)
		return;
	purge_oldest(zone, now_ms, target);
	if (READ_ONCE(zone->nr_dirty) > target)
		zone->last_short_ms = now_ms;
}

/* What was faulted in again matters less as time goes by. */
static void age_refaults(struct zone *zone)
{
	lock_acquire(&zone->lock);
	zone->nr_purged -= zone->nr_purged / SINK_SHARE;
	WRITE_ONCE(zone->nr_refault, zone->nr_refault - zone->nr_refault / SINK_SHARE);
	lock_release(&zone->lock);
}

/* All of a section's free blocks, which are few when nothing of it is used; zone->lock is held. */
static void unlink_all(struct zone *zone, struct section *s)
{
	unsigned int order;

	for (order = 0; order < NR_ORDERS; order++)
		while (s->free_area[order].nr_free)
			zone_remove_free(zone, list_first_entry(&s->free_area[order].free_list,
								struct page, lru));
}

static bool is_unused(const struct section *s, uint64_t until_ms)
{
	const struct page *page;
	unsigned int order;

	if (s->nr_free != s->nr_online)
		return false;
	for (order = 0; order < NR_ORDERS; order++)
		list_for_each_entry(page, &s->free_area[order].free_list, lru)
			if (page->freed_ms > until_ms)
				return false;
	return true;
}

/* Refused, the section is as it was, in its place among the others. */
static void destroy_section(struct zone *zone, struct section *s)
{
	struct list_head *before = s->list.prev;
	unsigned int nr_online = s->nr_online;

	unlink_all(zone, s);
	zone_forget_section(zone, s);
	if (section_destroy(s) == 0) {
		WRITE_ONCE(zone->nr_online, zone->nr_online - nr_online);
		return;
	}
	list_add(&s->list, before);
	zone_free_range(zone, s, 0, nr_online, 0);
}

/* Unused sections go back, except the oldest: the next request would only make another. */
static void destroy_unused(struct zone *zone, uint64_t until_ms)
{
	struct section *s, *next;

	lock_acquire(&zone->lock);
	list_for_each_entry_safe(s, next, &zone->sections, list)
		if (s->list.prev != &zone->sections && is_unused(s, until_ms))
			destroy_section(zone, s);
	lock_release(&zone->lock);
}

/* What is lent is not in use. */
static unsigned long pages_used(const struct zone *zone)
{
	unsigned long online = READ_ONCE(zone->nr_online);
	unsigned long others = READ_ONCE(zone->nr_free) + pcp_lent(zone);

	/* Read without the lock, they may be of different moments. */
	return online > others ? online - others : 0;
}

void purge_note_refault(struct zone *zone, unsigned int nr, unsigned long clean)
{
	unsigned long again = min_ul(clean, zone->nr_purged);

	zone->nr_purged -= again;
	if (nr >= REFAULT_MIN)
		WRITE_ONCE(zone->nr_refault, zone->nr_refault + min_ul(again, REFAULT_MAX));
}

/*
 * Used and dirty pages may come to the recent peak. A large heap, where the blocks are large, too,
 * may go beyond by a part of what makes it large, since not every block fits where another was; and
 * by up to as much as makes it large where that turns out to be too little. Any heap may by up to
 * half of the peak, if a great deal is faulted in again.
 */
static unsigned long dirty_limit(const struct zone *zone)
{
	unsigned long used = pages_used(zone), most = READ_ONCE(zone->peak_used);
	unsigned long floor = limits_share(DIRTY_FLOOR, FLOOR_SHARE << PAGE_SHIFT);
	unsigned long large = limits_share(LARGE_HEAP, LARGE_SHARE << PAGE_SHIFT);
	unsigned long refault = READ_ONCE(zone->nr_refault);
	unsigned long excess = most - min_ul(most, large);

	refault -= min_ul(refault, REFAULTS_FREE);
	most += max_ul(min_ul(refault * REFAULT_WEIGHT, excess),
		       min_ul(refault / REFAULT_SHARE, most / 2));
	most += min_ul(excess / 2, max_ul(excess / 4, floor));
	return most > used + floor ? most - used : floor;
}

/*
 * What lanes keep for a moment is in use neither now nor, more or less, at the peak. A free of much
 * at once may be the last: there is no other to look after. Where such come often a look now and
 * then is enough.
 */
static void note_sunk(const struct zone *zone, unsigned int freed, uint64_t now_ms)
{
	static uint64_t much_ms;
	unsigned long used = pages_used(zone), peak = READ_ONCE(zone->peak_used);
	unsigned int is = HEAP_STEADY;
	unsigned long listed;

	/* It is known as far as anybody asks. */
	if (READ_ONCE(heap_state) == HEAP_LOOK)
		return;
	listed = pcp_pages(zone);
	used -= min_ul(used, listed);
	peak -= min_ul(peak, listed);
	if (peak >= SUNK_MIN && used < peak / 4 * SUNK_USED)
		is = used < READ_ONCE(heap_look_below) ? HEAP_LOOK : HEAP_SANK;
	if (is == HEAP_SANK && freed > peak / MUCH_FREED &&
	    now_ms - READ_ONCE(much_ms) >= MUCH_AGAIN_MS) {
		WRITE_ONCE(much_ms, now_ms);
		is = HEAP_LOOK;
	}
	if (is > READ_ONCE(heap_state))
		WRITE_ONCE(heap_state, is);
}

/* @freed pages were in use until just now. */
static void follow_peak(struct zone *zone, unsigned int freed, bool due)
{
	unsigned long used = pages_used(zone), peak = READ_ONCE(zone->peak_used);

	/* Blocks that are being purged look as if they were in use. */
	if (used + freed > peak && !lock_is_taken(&zone->purge_lock))
		peak = used + freed;
	else if (due && peak > used)
		peak -= (peak - used) / SINK_SHARE;
	WRITE_ONCE(zone->peak_used, peak);
}

void purge_note_lent(struct zone *zone, unsigned int pages)
{
	follow_peak(zone, pages, false);
	if (decay_ms == FOREVER)
		return;
	if (unlikely(READ_ONCE(purge_waiters.sleepers)))
		wake_up_all(&purge_waiters);
	note_sunk(zone, 0, 0);
}

/* What lanes have ages from now on like everything else. */
static void return_lists(struct zone *zone)
{
	lock_acquire(&zone->lock);
	pcp_return(zone, true);
	lock_release(&zone->lock);
}

/* A signal handler interrupted this thread's purge of some zone. */
static bool is_purging(void)
{
	struct zone *zone;

	for (zone = first_zone(); zone; zone = next_zone(zone))
		if (lock_is_mine(&zone->purge_lock))
			return true;
	return false;
}

/* True for the one thread that may purge now. */
static bool begin_purge(struct zone *zone, uint64_t now_ms)
{
	if (lock_is_taken(&zone->purge_lock) || is_purging() || !lock_try(&zone->purge_lock))
		return false;
	WRITE_ONCE(zone->last_purge_ms, now_ms);
	return true;
}

static void end_purge(struct zone *zone)
{
	lock_release(&zone->purge_lock);
}

bool purge_wait(struct zone *zone)
{
	if (!lock_is_taken(&zone->purge_lock) || lock_is_mine(&zone->purge_lock) || is_purging())
		return false;
	lock_acquire(&zone->purge_lock);
	lock_release(&zone->purge_lock);
	return true;
}

void purge_tick(struct zone *zone, uint64_t now_ms, unsigned int freed)
{
	unsigned long dirty = READ_ONCE(zone->nr_dirty), limit;
	/* Of another thread's clock the last may be later than now. */
	bool due = now_ms > READ_ONCE(zone->last_purge_ms) + decay_ms / PASSES_A_DECAY;

	follow_peak(zone, freed, due);
	limit = dirty_limit(zone);
	if (decay_ms == FOREVER)
		return;
	if (unlikely(READ_ONCE(purge_waiters.sleepers)) && dirty)
		wake_up_all(&purge_waiters);
	note_sunk(zone, freed, now_ms);
	if (dirty <= limit && !(due && (dirty || pcp_pages(zone))))
		return;
	if (!begin_purge(zone, now_ms))
		return;
	if (due)
		return_lists(zone);
	if (dirty > limit)
		purge_down_to(zone, now_ms, limit - limit / 4);
	if (due && now_ms > decay_ms) {
		purge_until(zone, now_ms - decay_ms, 0);
		destroy_unused(zone, now_ms - decay_ms);
	}
	if (due)
		age_refaults(zone);
	end_purge(zone);
	KMEM_ASSERT(zone_is_valid(zone));
}

/* What describes free pages, but for the first of a block, is of no use until they are taken. */
static void forget_free(struct zone *zone, bool (*go_on)(void))
{
	struct section *s;
	struct page *page;
	unsigned int order;

	lock_acquire(&zone->lock);
	list_for_each_entry(s, &zone->sections, list)
		for (order = MAP_ORDER; order < NR_ORDERS; order++)
			list_for_each_entry(page, &s->free_area[order].free_list, lru)
				if (may_go_on(go_on))
					section_forget(s, page_index(page) + 1, (1u << order) - 1);
	lock_release(&zone->lock);
}

static unsigned long purge_whole(struct zone *zone, bool emptied, bool (*go_on)(void))
{
	unsigned long pages;

	if (!begin_purge(zone, os_clock_ms()))
		return 0;
	return_lists(zone);
	pages = READ_ONCE(zone->nr_dirty);
	destroy_unused(zone, FOREVER);
	pages -= min_ul(pages, READ_ONCE(zone->nr_dirty));
	pages += purge_while(zone, FOREVER, 0, go_on);
	if (emptied) {
		forget_free(zone, go_on);
		lock_acquire(&zone->lock);
		zone->nr_emptied += pages;
		lock_release(&zone->lock);
	}
	end_purge(zone);
	return pages;
}

unsigned long purge_all(struct zone *zone)
{
	return purge_whole(zone, false, NULL);
}

unsigned long purge_emptied(struct zone *zone, bool (*go_on)(void))
{
	return decay_ms == FOREVER ? 0 : purge_whole(zone, true, go_on);
}

void purge_fork_child(struct zone *zone)
{
	/*
	 * Forked by a handler that interrupted a purge of this thread: it goes on when that
	 * returns.
	 */
	if (lock_is_mine(&zone->purge_lock))
		return;
	/* Nor may the free areas be touched when it interrupted a change of them. */
	if (!zone->lock.depth)
		return_batch(zone);
	lock_init(&zone->purge_lock, RANK_PURGE);
}
