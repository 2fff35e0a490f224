/* SPDX-License-Identifier: MIT */
/* See slab_run.h. */
#include "slab_run.h"

#include <string.h>

#include "cache.h"
#include "fault.h"
#include "huge.h"
#include "os.h"
#include "report.h"
#include "sheaf.h"
#include "slab_lists.h"

#define LOOKS 8u /* at the slabs of one list */

struct kmem_cache unit_cache;

const uint8_t room_lists[] = {
	[0 ... 11] = 0,	 [12 ... 15] = 1, [16 ... 23] = 2, [24 ... 31] = 3,
	[32 ... 47] = 4, [48 ... 63] = 5, [64] = 6,
};

static struct list_head rooms[MAX_NUMNODES * NR_LANES][NR_ROOMS];

void run_init_node(struct kmem_cache_node *node, unsigned int nid)
{
	unsigned int lane, i;

	for (lane = 0; lane < NR_LANES; lane++) {
		node->lane[lane].by_room = rooms[lane_number(nid, lane)];
		for (i = 0; i < NR_ROOMS; i++)
			list_init(&node->lane[lane].by_room[i]);
	}
}

void unit_cache_init(void)
{
	unit_cache.shared = true;
	unit_cache.lends = true;
	unit_cache.unmergeable = true;
	cache_init(&unit_cache, "kmalloc-units", UNIT_BYTES, UNIT_BYTES, CLASS_ASK);
	/*
	 * So that whoever asks whether objects lie in shared slabs comes here with units as well.
	 */
	unit_cache.units = LEAST_RUN;
	unit_cache.order = SHARED_SMALL_ORDER;
	unit_cache.objects = UNITS_A_PAGE << SHARED_SMALL_ORDER;
	run_init_node(&unit_cache.node, 0);
	cache_limit_empty(&unit_cache);
	cache_init_sheaves(&unit_cache);
	list_add_tail(&unit_cache.list, &slab_caches);
}

void cache_share_slabs(struct kmem_cache *s)
{
	KMEM_ASSERT(s->size >= LEAST_RUN * UNIT_BYTES && s->size <= MOST_RUN * UNIT_BYTES);
	/* Of a power of two each starts at a multiple of it. */
	if (is_power_of_2(s->size))
		s->align = s->size;
	s->units = (uint8_t)(s->size / UNIT_BYTES);
	s->order = SHARED_ORDER;
	s->objects = (uint16_t)(SHARED_UNITS / s->units);
}

/* ---- Taking: with the lane's lock held ---- */

/* @n objects from unit @first on, side by side. Returns the unit behind them. */
static unsigned int cut_runs(const struct kmem_cache *s, struct slab *slab, unsigned int first,
			     void **end, unsigned int n)
{
	struct page *page = (struct page *)slab;
	uint8_t *classes = &page_section(page)->page_class[page_index(page)];
	char *object = (char *)page_start(page) + first * UNIT_BYTES;
	unsigned long *starts = run_starts(slab), unit, units = s->units;
	uint8_t index = s->index;

	for (unit = first; n; n--, unit += units, object += units * UNIT_BYTES) {
		unsigned long word = starts[unit / BITS_PER_LONG];

		set_bit_of(&word, unit);
		WRITE_ONCE(starts[unit / BITS_PER_LONG], word);
		WRITE_ONCE(classes[unit / UNITS_A_PAGE], index);
		*--end = object;
	}
	bitmap_clear(slab->free_map, first, (unsigned int)unit - first);
	return (unsigned int)unit;
}

static void limit_room(struct slab *slab, unsigned int units)
{
	slab->room = (uint8_t)min_ul(min_ul(slab->room, units), run_units(slab) - slab->inuse);
}

/* Of a slab of which nothing is in use, the first. */
static unsigned int take_first(const struct kmem_cache *s, struct slab *slab, void **end,
			       unsigned int n)
{
	unsigned int most = (unsigned int)s->objects >> (SHARED_ORDER - slab->order);
	unsigned int got = (unsigned int)min_ul(n, most);

	slab->inuse = (uint16_t)cut_runs(s, slab, 0, end, got);
	limit_room(slab, run_units(slab));
	return got;
}

/*
 * Up to @n objects, lowest addresses first. Who finds less than that knows how much room is left.
 */
static unsigned int take_runs(const struct kmem_cache *s, struct slab *slab, void **end,
			      unsigned int n)
{
	unsigned int all = run_units(slab), align = s->align / UNIT_BYTES, units = s->units;
	unsigned int first, last, at = 0, some, got = 0, longest = 0;

	while (got < n && (first = bitmap_next(slab->free_map, true, at, all)) < all) {
		last = bitmap_next(slab->free_map, false, first, all);
		at = (unsigned int)align_up(first, align);
		if (at + units <= last) {
			longest = (unsigned int)max_ul(longest, at - first);
			some = (unsigned int)min_ul((last - at) / units, n - got);
			at = cut_runs(s, slab, at, end - got, some);
			got += some;
			longest = (unsigned int)max_ul(longest, last - at);
		} else {
			longest = (unsigned int)max_ul(longest, last - first);
			at = last;
		}
	}
	slab->inuse = (uint16_t)(slab->inuse + got * units);
	limit_room(slab, got < n ? longest : all);
	return got;
}

/*
 * What is counted in the lane of a class with the slab's number. As long as all slabs are of one
 * node there is one such lane for each lock. Where the two caches have not the same nodes, for want
 * of memory, the lock that is held is not that lane's alone.
 */
static void count_own(unsigned long *counter, unsigned long n)
{
	if (likely(!unit_cache.nodes))
		count(counter, n);
	else
		__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void count_taken(struct kmem_cache *s, struct slab_lane *lane, unsigned int number,
			unsigned int got)
{
	struct slab_lane *own = lane_of(s, number);

	count_own(&own->nr_inuse, got);
	count_own(&own->counters.taken, got);
	count_own(&own->counters.takes, 1);
	count(&lane->nr_inuse, got * s->units);
	count(&lane->counters.taken, got * s->units);
}

/*
 * Of a partial or an empty slab. It stays the first, or becomes that, of those with as much room,
 * while it has any; unless that is not where an object may begin.
 */
static unsigned int runs_from(struct kmem_cache *s, struct slab_lane *lane, struct slab *slab,
			      void **end, unsigned int n)
{
	bool partial = slab->inuse;
	const struct list_head *list = partial ? partial_list(lane, slab) : &lane->empty;
	unsigned int got = partial ? take_runs(s, slab, end, n) : take_first(s, slab, end, n);

	if (got)
		count_taken(s, lane, slab->lane, got);
	if (likely(got && !is_full(slab) && partial_list(lane, slab) == list &&
		   list->next == &slab->list))
		return got;
	list_del(&slab->list);
	if (partial)
		count32(&lane->nr_partial, -1u);
	else
		count_empty_gone(lane, slab);
	if (got)
		link_taken(lane, slab);
	else
		link_slab(lane, slab);
	return got;
}

static unsigned int runs_from_list(struct kmem_cache *s, struct slab_lane *lane,
				   struct list_head *list, void **end, unsigned int n)
{
	unsigned int looks = LOOKS, got = 0;
	struct slab *slab, *next;

	list_for_each_entry_safe(slab, next, list, list) {
		if (slab->room >= s->units)
			got += runs_from(s, lane, slab, end - got, n - got);
		if (got == n || !--looks)
			break;
	}
	return got;
}

/* Those with the least room first. */
static unsigned int runs_from_partial(struct kmem_cache *s, struct slab_lane *lane, void **end,
				      unsigned int n)
{
	unsigned int i, got = 0;

	for (i = room_list(s->units); i < NR_ROOMS && got < n; i++)
		got += runs_from_list(s, lane, &lane->by_room[i], end - got, n - got);
	return got;
}

/* What partial slabs of the lane have, and if @all empty ones. */
static unsigned int runs_from_lane(struct kmem_cache *s, struct slab_lane *lane, bool all,
				   void **end, unsigned int n)
{
	unsigned int got;

	if (!READ_ONCE(lane->nr_partial) && !(all && READ_ONCE(lane->nr_empty)))
		return 0;
	lock_acquire(&lane->lock);
	got = runs_from_partial(s, lane, end, n);
	while (all && got < n && !list_empty(&lane->empty))
		got += runs_from(s, lane, list_first_entry(&lane->empty, struct slab, list),
				 end - got, n - got);
	count(&lane->counters.takes, got != 0);
	lock_release(&lane->lock);
	return got;
}

/* ---- Slabs come and go ---- */

/*
 * One that has nothing in use, and is on no list; @made: nor was on any. As many as node_sum()
 * makes of it.
 */
static unsigned int runs_from_new(struct kmem_cache *s, struct slab *slab, bool made, void **end,
				  unsigned int n)
{
	struct slab_lane *lane = lane_of(&unit_cache, slab->lane);
	unsigned int got;

	lock_acquire(&lane->lock);
	count32(&lane->nr_pages, 1u << slab->order);
	count(&lane->counters.made, made ? 1UL << (slab->order - SHARED_SMALL_ORDER) : 0);
	link_slab(lane, slab);
	got = runs_from(s, lane, slab, end, n);
	count(&lane->counters.takes, 1);
	lock_release(&lane->lock);
	return got;
}

static unsigned int order_for(const struct slab_lane *lane)
{
	unsigned int nr = READ_ONCE(lane->nr_partial) + READ_ONCE(lane->nr_full);

	return nr < MANY_SHARED ? SHARED_ORDER : SHARED_SMALL_ORDER;
}

static struct slab *new_slab(struct per_cpu_pages *pcp, const struct slab_lane *lane,
			     unsigned int nr_lane, int nid, gfp_t gfp)
{
	unsigned int order = order_for(lane);
	struct page *page = pcp_alloc(pcp, order, nid, gfp & ~__GFP_ZERO);
	struct slab *slab;

	if (!page && order > SHARED_SMALL_ORDER) {
		order = SHARED_SMALL_ORDER;
		page = pcp_alloc(pcp, order, nid, gfp & ~__GFP_ZERO);
	}
	if (!page)
		return NULL;
	slab = (struct slab *)page;
	slab_make(&unit_cache, page, order, nr_lane);
	bitmap_set(slab->free_map, 0, run_units(slab));
	memset(run_starts(slab), 0, sizeof(slab->free_map));
	slab->room = MOST_RUN;
	return slab;
}

/* An empty slab of another lane comes over. */
static struct slab *take_empty(struct kmem_cache_node *node, unsigned int nr_lane)
{
	unsigned int i, lanes = READ_ONCE(nr_lanes);
	struct slab *slab = NULL;

	for (i = 0; i < lanes && !slab; i++) {
		struct slab_lane *lane = &node->lane[i];

		if (i == nr_lane || !READ_ONCE(lane->nr_empty))
			continue;
		lock_acquire(&lane->lock);
		slab = pop_empty(lane);
		if (slab)
			WRITE_ONCE(slab->lane, (uint16_t)(slab->lane - i + nr_lane));
		lock_release(&lane->lock);
	}
	return slab;
}

/* Where there is no memory for a slab: whatever is left, in any lane that may serve the request. */
static __noinline unsigned int runs_from_any(struct kmem_cache *s, struct kmem_cache_node *own,
					     void **end, unsigned int n, gfp_t gfp)
{
	struct kmem_cache_node *node;
	struct slab_lane *lane;
	unsigned int got = 0;

	for_each_lane(lane, node, &unit_cache)
		if (!got && (node == own || !(gfp & __GFP_THISNODE)))
			got = runs_from_lane(s, lane, true, end, n);
	return got;
}

static unsigned int lane_number_of(const struct per_cpu_pages *pcp)
{
	return pcp ? pcp->lane : 0;
}

/* What was taken lies at the end of the array, the last first. */
static unsigned int move_down(void **objects, unsigned int n, unsigned int got)
{
	if (unlikely(got < n))
		memmove(objects, objects + n - got, got * sizeof(*objects));
	return got;
}

unsigned int run_alloc_listed(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			      unsigned int n)
{
	struct slab_lane *lane = &cache_own_node(&unit_cache)->lane[lane_number_of(pcp)];

	return move_down(objects, n, runs_from_lane(s, lane, false, objects + n, n));
}

unsigned int run_alloc(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
		       unsigned int n, int nid, gfp_t gfp)
{
	struct kmem_cache_node *node = nid == NUMA_NO_NODE ?
					       cache_own_node(&unit_cache) :
					       cache_node(&unit_cache, (unsigned int)nid);
	unsigned int nr_lane = lane_number_of(pcp);
	struct slab_lane *lane = &node->lane[nr_lane];
	void **end = objects + n;
	unsigned int got = runs_from_lane(s, lane, true, end, n);
	struct slab *slab;
	bool made;

	if (!got) {
		slab = take_empty(node, nr_lane);
		made = !slab;
		if (made)
			slab = new_slab(pcp, lane, nr_lane, nid, gfp);
		got = slab ? runs_from_new(s, slab, made, end, n) :
			     runs_from_any(s, node, end, n, gfp);
	}
	return move_down(objects, n, got);
}

/* ---- Giving back ---- */

/* A larger one says so in the page that it would begin with; else it is a smaller one. */
static struct slab *slab_at(struct section *section, unsigned int index)
{
	struct page *page = &section->mem_map[align_down(index, 1UL << SHARED_ORDER)];

	if (unlikely(!page_is(page, PAGE_SLAB, SHARED_ORDER)))
		page = &section->mem_map[align_down(index, 1UL << SHARED_SMALL_ORDER)];
	return (struct slab *)page;
}

/*
 * The slab of an object that was of this class when it was freed. If its page is no more, or
 * another class's object begins there, it was freed before.
 */
static __always_inline struct slab *run_slab_of(const struct kmem_cache *s, const void *object)
{
	struct section *section = section_of(object);
	unsigned int index = section_page_index(object);
	struct slab *slab;

	if (unlikely(!section || READ_ONCE(section->page_class[index]) != s->index))
		fault_double_free(s, object);
	slab = slab_at(section, index);
	if (unlikely(READ_ONCE(slab->cache) != &unit_cache))
		fault_double_free(s, object);
	return slab;
}

/* Where in its slab the object begins. */
static __always_inline unsigned int unit_of(const struct slab *slab, const void *object)
{
	return ((uintptr_t)object & ((PAGE_SIZE << slab->order) - 1)) / UNIT_BYTES;
}

const struct kmem_cache *run_object_at(struct slab *slab, const void *addr, const char **start)
{
	struct page *page = (struct page *)slab;
	unsigned int unit = unit_of(slab, addr);
	uint8_t class;

	if (bitmap_has(slab->free_map, unit))
		return NULL;
	while (unit && !bitmap_has(run_starts(slab), unit))
		unit--;
	*start = (char *)page_start(page) + unit * UNIT_BYTES;
	class = page_section(page)->page_class[section_page_index(*start)];
	return READ_ONCE(kmem_caches[class]);
}

/*
 * Nothing begins there. What lies there is told by its class, which the page has that it begins in.
 */
static _Noreturn __cold void fault_inside(struct slab *slab, const void *object)
{
	const char *start;
	const struct kmem_cache *s = run_object_at(slab, object, &start);

	fault_interior(s ? s : &unit_cache, object);
}

/* No object that is in use begins there. Where none ever began the page is the units' own. */
static _Noreturn __cold void fault_not_taken(const struct kmem_cache *s, struct slab *slab,
					     const void *object)
{
	if (bitmap_has(slab->free_map, unit_of(slab, object)) && !s->shared)
		fault_double_free(s, object);
	fault_inside(slab, object);
}

/* The unit of one that must be in use; or a fault. */
static __always_inline unsigned int taken_unit(const struct kmem_cache *s, struct slab *slab,
					       const void *object)
{
	unsigned int unit = unit_of(slab, object);

	if (unlikely((uintptr_t)object % UNIT_BYTES || !bitmap_has(run_starts(slab), unit)))
		fault_not_taken(s, slab, object);
	return unit;
}

void run_check_object(const struct kmem_cache *s, const void *object)
{
	taken_unit(s, run_slab_of(s, object), object);
}

/* Where none is in use any one may have begun. */
void run_check_start(const struct kmem_cache *s, const void *object)
{
	struct slab *slab = run_slab_of(s, object);
	unsigned int unit = unit_of(slab, object);

	if (unlikely((uintptr_t)object % s->align ||
		     (!bitmap_has(run_starts(slab), unit) &&
		      (s->shared || !bitmap_has(slab->free_map, unit)))))
		fault_inside(slab, object);
}

unsigned int run_lane_number(const struct kmem_cache *s, const void *object)
{
	return READ_ONCE(run_slab_of(s, object)->lane);
}

/* Those of whole pages. Whether there were any. */
static bool purge_units(const struct slab *slab, unsigned int first, unsigned int last)
{
	uintptr_t base = (uintptr_t)page_start((const struct page *)slab);
	uintptr_t start = align_up(base + first * UNIT_BYTES, os_page_size());
	uintptr_t end = align_down(base + last * UNIT_BYTES, os_page_size());

	return start < end && os_purge((void *)start, end - start) == 0;
}

/* With the lock held, as there: nobody takes a unit meanwhile. */
bool run_forget_contents(const struct kmem_cache *s, const void *object)
{
	struct slab *slab = run_slab_of(s, object);
	unsigned int unit = taken_unit(s, slab, object), first, last = 0, all = run_units(slab);
	struct slab_lane *lane = lane_of(&unit_cache, READ_ONCE(slab->lane));
	unsigned long map[ARRAY_SIZE(slab->free_map)];
	bool gone = false;

	huge_note_purge(page_section((struct page *)slab));
	lock_acquire(&lane->lock);
	memcpy(map, slab->free_map, sizeof(map));
	bitmap_set_run(map, unit, s->units);
	while ((first = bitmap_next(map, true, last, all)) < all) {
		last = bitmap_next(map, false, first, all);
		gone |= purge_units(slab, first, last);
	}
	lock_release(&lane->lock);
	return gone;
}

/* Of that many objects each that was freed has free neighbours that are no longer than others. */
static unsigned int room_with(unsigned int room, unsigned int units, unsigned int nr)
{
	for (; nr && room < MOST_RUN; nr--)
		room = 2 * room + units;
	return (unsigned int)min_ul(room, MOST_RUN);
}

/* The slab was full, or is empty now. */
static __noinline void relink(struct slab_lane *lane, struct slab *slab, unsigned int inuse,
			      unsigned int room, struct list_head *released)
{
	unlink_slab(lane, slab);
	slab->inuse = (uint16_t)inuse;
	slab->room = (uint8_t)room;
	if (inuse || (slab->order == SHARED_ORDER && may_stay(lane, slab))) {
		link_slab(lane, slab);
	} else {
		count32(&lane->nr_pages, -(1u << slab->order));
		list_add(&slab->list, released);
	}
}

/* The bits of @nr objects of @units are given. A partial slab may belong elsewhere now. */
static void given(struct slab_lane *lane, struct slab *slab, unsigned int units, unsigned int nr,
		  struct list_head *released)
{
	unsigned int inuse = slab->inuse - units * nr, room = room_with(slab->room, units, nr);
	unsigned int before;

	if (slab->room < LEAST_RUN || !inuse) {
		relink(lane, slab, inuse, room, released);
		return;
	}
	before = room_list(slab->room);
	slab->inuse = (uint16_t)inuse;
	slab->room = (uint8_t)room;
	if (room_list(room) != before)
		list_move_tail(&slab->list, partial_list(lane, slab));
}

static __always_inline void give(const struct kmem_cache *s, struct slab *slab, unsigned int units,
				 const void *object)
{
	unsigned int unit = taken_unit(s, slab, object);
	unsigned long *starts = run_starts(slab) + unit / BITS_PER_LONG;

	WRITE_ONCE(*starts, *starts & ~(1UL << (unit % BITS_PER_LONG)));
	bitmap_set_run(slab->free_map, unit, units);
}

unsigned int run_free_to_lane(struct kmem_cache *s, unsigned int number, void *const *objects,
			      unsigned int n, void **left, struct list_head *released)
{
	struct slab_lane *lane = lane_of(&unit_cache, number), *own = lane_of(s, number);
	const unsigned int units = s->units;
	unsigned int i, nr = 0, nr_left = 0;
	struct slab *last = NULL;

	lock_acquire(&lane->lock);
	for (i = 0; i < n; i++) {
		struct slab *slab = run_slab_of(s, objects[i]);

		if (unlikely(READ_ONCE(slab->lane) != number)) {
			left[nr_left++] = objects[i];
			continue;
		}
		/* Neighbours in the batch are so in a slab as often as not: counted once. */
		if (slab != last) {
			if (last)
				given(lane, last, units, nr, released);
			last = slab;
			nr = 0;
		}
		give(s, slab, units, objects[i]);
		nr++;
	}
	if (last)
		given(lane, last, units, nr, released);
	count_own(&own->nr_inuse, -(unsigned long)(n - nr_left));
	count_own(&own->counters.gives, nr_left < n);
	count(&lane->nr_inuse, -(unsigned long)(n - nr_left) * s->units);
	count(&lane->counters.gives, nr_left < n);
	lock_release(&lane->lock);
	return nr_left;
}
