/* SPDX-License-Identifier: MIT */
/* See slab.h for the states, the lock order and the invariants. */
#include "slab.h"

#include <sched.h>
#include <string.h>

#include "limit.h"
#include "report.h"
#include "slab_lists.h"

#define MAX_COLOURS  256u /* different offsets of the first object: what a byte tells apart */
#define NEARLY_EMPTY 8u	  /* a slab with one in so many objects in use may change its lane */
#define MADE_PAGES   8u	  /* of slabs that one visit makes, but one slab at least */
#define EMPTY_PAGES  4u	  /* pages of empty slabs that a lane keeps at least, or one slab */
#define BYTES_A_PAGE \
	(16UL << 20) /* or fewer: one for so much of the memory that the process may use */

struct kmem_cache *kmem_caches[NR_CLASSES];

/* ---- Shape ---- */

/*
 * A slab goes back when its last object does, and one that lives on keeps all its pages. So slabs
 * hold few objects: enough to be worth a visit to the lists, which weighs less the larger they are.
 * Small objects are so many in a page that one of them nearly always lives: there a slab of more
 * pages keeps no more, and neighbours in time lie side by side. Objects of more than a page, which
 * no sheaves lie in wait for (sheaf.h), come and go through the slabs: those hold as many as a
 * burst is worth, up to 64 KiB.
 */
static unsigned int least_objects(unsigned int size)
{
	if (size <= 128)
		return 128;
	if (size <= 256)
		return 64;
	if (size <= 1024)
		return 8;
	if (size <= PAGE_SIZE)
		return size <= 2048 ? 4 : 2;
	return size <= 4 * PAGE_SIZE ? 4 : 1;
}

/* What @objects leave of @bytes. Beyond a page, a tail of whole pages is never touched, and costs
 * addresses only. */
static unsigned int lost_bytes(unsigned int size, unsigned int bytes, unsigned int objects)
{
	return (size > PAGE_SIZE ? (unsigned int)align_up(objects * size, PAGE_SIZE) : bytes) -
	       objects * size;
}

/*
 * The smallest order with that many objects that wastes at most 1/16; else 1/8, else 1/4. Beyond a
 * page 1/8 at once, and of the addresses at most 1/4. An object larger than any such slab has one
 * to itself.
 */
static unsigned int calculate_order(unsigned int size)
{
	unsigned int share, order;

	for (share = size > PAGE_SIZE ? 8 : 16; share >= 4; share /= 2) {
		for (order = 0; order <= SLAB_MAX_ORDER; order++) {
			unsigned int bytes = (unsigned int)PAGE_SIZE << order;
			unsigned int objects = bytes / size;

			if (objects >= least_objects(size) && bytes - objects * size <= bytes / 4 &&
			    lost_bytes(size, bytes, objects) <= bytes / share)
				return order;
		}
	}
	return (unsigned int)max_ul(SLAB_MAX_ORDER, __fls(max_ul(size - 1, 1)) + 1 - PAGE_SHIFT);
}

void cache_limit_empty(struct kmem_cache *s)
{
	unsigned long slabs = limits_share(EMPTY_PAGES, BYTES_A_PAGE) >> s->order;

	/* One of the larger shared slabs as well, as most of a burst needs no more. */
	if (s->shared || s->order <= SLAB_MAX_ORDER)
		slabs = max_ul(1, slabs);
	WRITE_ONCE(s->max_empty, (uint16_t)slabs);
}

void cache_init(struct kmem_cache *s, const char *name, unsigned int size, unsigned int align,
		uint8_t index)
{
	unsigned int bytes, left;

	s->name = name;
	s->size = size;
	if (!s->object_size)
		s->object_size = size;
	s->align = align;
	s->index = index;
	s->order = (uint8_t)calculate_order(size);
	bytes = (unsigned int)PAGE_SIZE << s->order;
	/* The count of those ever taken is a byte. */
	s->objects = (uint16_t)min_ul(bytes / size, SLAB_MAX_OBJECTS - s->tracks);
	s->shift = (uint8_t)__ffs(size);
	s->inverse = inverse_of_odd(size >> s->shift);
	left = bytes - s->objects * size;
	s->colours = (uint16_t)min_ul(left / align + 1, MAX_COLOURS);
	cache_limit_empty(s);
	s->refcount = 1;
	list_init(&s->list);
	list_init(&s->aliases);
	cache_init_node(&s->node);
	if (index != CLASS_ASK)
		kmem_caches[index] = s;
}

/* ---- One slab ---- */

char *slab_base(const struct kmem_cache *s, const struct slab *slab)
{
	return (char *)page_start((const struct page *)slab) + slab->colour * s->align;
}

/* The class of a slab's pages; of a few without a call. */
static void set_class(const struct slab *slab, unsigned int order, uint8_t class)
{
	const struct page *page = (const struct page *)slab;
	uint8_t *first = &page_section(page)->page_class[page_index(page)];
	uint64_t eight = class * (~0UL / 255);

	switch (order) {
	case 0:
		*first = class;
		break;
	case 1:
		memcpy(first, &eight, 2);
		break;
	case 2:
		memcpy(first, &eight, 4);
		break;
	case 3:
		memcpy(first, &eight, 8);
		break;
	default:
		memset(first, class, 1UL << order);
	}
}

/*
 * None of the slab's objects is taken, nor free: that is for whoever comes first. Their memory is
 * untouched.
 */
static void init_slab(struct kmem_cache *s, struct slab *slab, unsigned int order,
		      unsigned int lane, unsigned int colour)
{
	WRITE_ONCE(slab->order, (uint8_t)order);
	slab->constructed = 0;
	slab->colour = (uint8_t)colour;
	slab->cache = s;
	slab->inuse = 0;
	WRITE_ONCE(slab->lane, (uint16_t)lane);
	memset(slab->free_map, 0, sizeof(slab->free_map));
	page_set_type((struct page *)slab, PAGE_SLAB);
	set_class(slab, order, s->index);
}

/* The pages of a new slab may be another node's than was asked for. */
void slab_make(struct kmem_cache *s, struct page *page, unsigned int order, unsigned int lane)
{
	unsigned int got = (unsigned int)page_nid(page), colour = 0;
	struct kmem_cache_node *node = cache_node(s, got);

	if (s->colours > 1)
		colour = __atomic_fetch_add(&node->next_colour, 1, __ATOMIC_RELAXED) % s->colours;
	/* What is node 0's for want of a node of its own is so for ever. */
	if (node == &s->node)
		got = 0;
	init_slab(s, (struct slab *)page, order, lane_number(got, lane), colour);
}

/* Up to @n, MADE_PAGES at most; returns how many. */
static unsigned int new_slabs(struct kmem_cache *s, struct per_cpu_pages *pcp, unsigned int lane,
			      int nid, gfp_t gfp, struct slab **slabs, unsigned int n)
{
	struct page **pages = (struct page **)slabs;
	unsigned int i;

	n = pcp_alloc_bulk(pcp, s->order, nid, (gfp & ~__GFP_ZERO) | cache_gfp(s), pages, n);
	for (i = 0; i < n; i++)
		slab_make(s, pages[i], s->order, lane);
	return n;
}

struct page *slab_retire(struct slab *slab)
{
	KMEM_ASSERT(slab->inuse == 0);
	set_class(slab, slab->order, 0);
	page_set_type((struct page *)slab, PAGE_NONE);
	WRITE_ONCE(slab->cache, NULL);
	return (struct page *)slab;
}

void slab_release(struct per_cpu_pages *pcp, struct slab *slab)
{
	unsigned int order = slab->order;

	pcp_free(pcp, slab_retire(slab), order);
}

/*
 * Takes up to @n of the objects, at least one, whose bits are set in @map, and which lie from @base
 * on. They are written downwards from @end, see slab_alloc_bulk(). Returns how many.
 */
static __always_inline unsigned int take_bits(unsigned long *map, char *base, unsigned int size,
					      void **end, unsigned int n)
{
	unsigned int first = __ffs(*map), last = __fls(*map) + 1, got = 0;
	unsigned long left = *map;

	if (left == bitmap_word_mask(0, first, last)) {
		/* All side by side, as in a slab that is new. */
		char *object = base + first * size;

		n = (unsigned int)min_ul(n, last - first);
		for (; got < n; got++, object += size)
			*--end = object;
		*map = left & ~bitmap_word_mask(0, first, first + n);
		return n;
	}
	for (; left && got < n; left &= left - 1, got++)
		*--end = base + __ffs(left) * size;
	*map = left;
	return got;
}

/* The whole of a slab that is new, or empty. */
static unsigned int take_all(struct kmem_cache *s, struct slab *slab, void **end)
{
	char *object = slab_base(s, slab);
	unsigned int i;

	for (i = 0; i < s->objects; i++, object += s->size)
		*--end = object;
	for (i = 0; i * BITS_PER_LONG < s->objects; i++)
		WRITE_ONCE(slab->free_map[i], 0);
	slab->inuse = s->objects;
	return s->objects;
}

/* Takes up to @n objects, lowest addresses first, which come to lie downwards from @end. */
static unsigned int take_some(struct kmem_cache *s, struct slab *slab, void **end, unsigned int n)
{
	char *base = slab_base(s, slab);
	unsigned int word, got = 0;

	for (word = 0; word < ARRAY_SIZE(slab->free_map) && got < n; word++) {
		unsigned long map = slab->free_map[word];

		if (!map)
			continue;
		got += take_bits(&map, base + word * BITS_PER_LONG * s->size, s->size, end - got,
				 n - got);
		WRITE_ONCE(slab->free_map[word], map);
	}
	slab->inuse = (uint16_t)(slab->inuse + got);
	return got;
}

/*
 * Of @got objects just taken, those that never were before. The lowest free ones are always taken
 * first, so that what was ever taken is the slab's beginning up to a mark.
 */
static void mark_fresh(const struct kmem_cache *s, struct slab *slab, void **objects,
		       unsigned int got)
{
	const char *fresh = slab_base(s, slab) + slab->constructed * s->size;

	for (; got && (char *)*objects >= fresh; got--, objects++) {
		*objects = (char *)*objects + FRESH_OBJECT;
		slab->constructed++;
	}
}

/* ---- Lists: with the lane's lock held ---- */

/* The slab is on no list yet, or no more. */
static unsigned int take_and_link(struct kmem_cache *s, struct slab_lane *lane, struct slab *slab,
				  void **end, unsigned int n)
{
	unsigned int got = !slab->inuse && n >= s->objects ? take_all(s, slab, end) :
							     take_some(s, slab, end, n);

	if (unlikely(s->tracks))
		mark_fresh(s, slab, end - got, got);
	link_taken(lane, slab);
	count(&lane->nr_inuse, got);
	count(&lane->counters.taken, got);
	return got;
}

static unsigned int take_from(struct kmem_cache *s, struct slab_lane *lane, struct slab *slab,
			      void **end, unsigned int n)
{
	unlink_slab(lane, slab);
	return take_and_link(s, lane, slab, end, n);
}

static struct slab *next_slab(struct slab_lane *lane)
{
	if (!list_empty(&lane->partial))
		return list_first_entry(&lane->partial, struct slab, list);
	return list_empty(&lane->empty) ? NULL : list_first_entry(&lane->empty, struct slab, list);
}

/* What partial and empty slabs of the lane have. */
static unsigned int take_from_lists(struct kmem_cache *s, struct slab_lane *lane, void **end,
				    unsigned int n)
{
	unsigned int got = 0;
	struct slab *slab;

	while (got < n && (slab = next_slab(lane)))
		got += take_from(s, lane, slab, end - got, n - got);
	count(&lane->counters.takes, got != 0);
	return got;
}

/*
 * Whether it has an empty slab, or more partial ones than that: without the lock, who comes too
 * early makes one more.
 */
static bool lane_has(const struct slab_lane *lane, unsigned int partial)
{
	return READ_ONCE(lane->nr_empty) || READ_ONCE(lane->nr_partial) > partial;
}

static unsigned int take_from_lane(struct kmem_cache *s, struct slab_lane *lane, void **end,
				   unsigned int n)
{
	unsigned int got;

	if (!lane_has(lane, 0))
		return 0;
	lock_acquire(&lane->lock);
	got = take_from_lists(s, lane, end, n);
	lock_release(&lane->lock);
	return got;
}

/* ---- Slabs of other lanes ---- */

/*
 * An empty slab of the lane, or one of which at most one in @share is in use; or NULL. Not its
 * first, which serves that lane now, unless any will do: two threads that have just begun would
 * come to share it.
 */
static struct slab *spare_slab(struct slab_lane *lane, unsigned int share)
{
	struct list_head *link = lane->partial.next;
	struct slab *slab;

	if (!list_empty(&lane->empty))
		return list_first_entry(&lane->empty, struct slab, list);
	if (share > 1 && link != &lane->partial)
		link = link->next;
	slab = list_entry(link, struct slab, list);
	return link != &lane->partial && slab->inuse * share <= slab->cache->objects ? slab : NULL;
}

static void change_lane(struct slab_lane *from, struct slab *slab, struct slab_lane *to)
{
	unlink_slab(from, slab);
	count(&from->nr_inuse, -(unsigned long)slab->inuse);
	WRITE_ONCE(slab->lane, (uint16_t)(slab->lane + (to - from)));
	count(&to->nr_inuse, slab->inuse);
	link_slab(to, slab);
}

/* Takes both lanes' locks, or neither: who waits for one gives back the other. */
static bool lock_both(struct slab_lane *lane, struct slab_lane *other)
{
	lock_acquire(&lane->lock);
	if (lock_try_next(&other->lock))
		return true;
	lock_release(&lane->lock);
	return false;
}

/*
 * Takes from a slab of @other's that becomes @lane's, unless that has something of its own by now.
 */
static __noinline unsigned int take_over(struct kmem_cache *s, struct slab_lane *lane,
					 struct slab_lane *other, void **end, unsigned int n,
					 unsigned int share)
{
	struct slab *slab = NULL;
	unsigned int got;

	while (!lock_both(lane, other)) {
		/* A new slab will do as well. */
		if (share > 1)
			return 0;
		sched_yield();
	}
	/* A neighbour in the lane may have given something back by now. */
	if (!next_slab(lane))
		slab = spare_slab(other, share);
	if (slab)
		change_lane(other, slab, lane);
	lock_release(&other->lock);
	got = take_from_lists(s, lane, end, n);
	lock_release(&lane->lock);
	return got;
}

static unsigned int take_from_others(struct kmem_cache *s, struct kmem_cache_node *node,
				     unsigned int lane, void **end, unsigned int n,
				     unsigned int share)
{
	unsigned int i, lanes = READ_ONCE(nr_lanes), other = lane, got = 0;

	for (i = 1; !got && i < lanes; i++) {
		other = other + 1 < lanes ? other + 1 : 0;
		if (lane_has(&node->lane[other], share > 1))
			got = take_over(s, &node->lane[lane], &node->lane[other], end, n, share);
	}
	return got;
}

/*
 * Where there is no memory for a slab, something may have been given back by now, and others may
 * have what is left of theirs: lanes, then nodes.
 */
static __noinline unsigned int take_any(struct kmem_cache *s, struct kmem_cache_node *own,
					unsigned int lane, void **end, unsigned int n, gfp_t gfp)
{
	unsigned int got = take_from_lane(s, &own->lane[lane], end, n);
	struct kmem_cache_node *node;

	if (!got)
		got = take_from_others(s, own, lane, end, n, 1);
	if (got || !s->nodes || (gfp & __GFP_THISNODE))
		return got;
	for_each_node(node, s) {
		if (!got)
			got = take_from_lane(s, &node->lane[lane], end, n);
		if (!got)
			got = take_from_others(s, node, lane, end, n, 1);
	}
	return got;
}

/* ---- Taking objects ---- */

/* New slabs, @nr of them, of which each has something to give. */
static unsigned int take_from_new(struct kmem_cache *s, struct slab **slabs, unsigned int nr,
				  void **end, unsigned int n)
{
	unsigned int number, i = 0, got = 0;
	struct slab_lane *lane;

	while (i < nr) {
		number = slabs[i]->lane;
		lane = lane_of(s, number);
		lock_acquire(&lane->lock);
		for (; i < nr && slabs[i]->lane == number; i++) {
			if (n - got < s->objects)
				bitmap_set(slabs[i]->free_map, 0, s->objects);
			got += take_and_link(s, lane, slabs[i], end - got, n - got);
			count(&lane->counters.made, 1);
		}
		count(&lane->counters.takes, 1);
		lock_release(&lane->lock);
	}
	return got;
}

/* A visit makes what it can use, up to MADE_PAGES of slabs: of large objects some have but one. */
static unsigned int take_from_some_new(struct kmem_cache *s, struct per_cpu_pages *pcp,
				       unsigned int lane, void **end, unsigned int n, int nid,
				       gfp_t gfp)
{
	unsigned int nr = n / s->objects + (n % s->objects != 0);
	struct slab *slabs[MADE_PAGES];

	nr = (unsigned int)min_ul(nr, max_ul(MADE_PAGES >> s->order, 1));
	nr = new_slabs(s, pcp, lane, nid, gfp, slabs, nr);
	return take_from_new(s, slabs, nr, end, n);
}

unsigned int slab_alloc_node(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n, int nid, gfp_t gfp)
{
	struct kmem_cache_node *node = nid == NUMA_NO_NODE ? cache_own_node(s) :
							     cache_node(s, (unsigned int)nid);
	void **end = objects + n;
	unsigned int lane = pcp ? pcp->lane : 0;
	unsigned int got;

	if (unlikely(s->units))
		return run_alloc(s, pcp, objects, n, nid, gfp);
	got = take_from_lane(s, &node->lane[lane], end, n);
	if (!got)
		got = take_from_others(s, node, lane, end, n, NEARLY_EMPTY);
	if (!got)
		got = take_from_some_new(s, pcp, lane, end, n, nid, gfp);
	if (!got)
		got = take_any(s, node, lane, end, n, gfp);
	if (unlikely(got < n))
		memmove(objects, end - got, got * sizeof(*objects));
	return got;
}

unsigned int slab_alloc_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n, gfp_t gfp)
{
	return slab_alloc_node(s, pcp, objects, n, NUMA_NO_NODE, gfp);
}
