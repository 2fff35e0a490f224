/* SPDX-License-Identifier: MIT */
/*
 * From an object back to its slab.
 *
 * Objects come in batches, from a sheaf as a rule: neighbours in time, but of many slabs. The slab
 * of each is found by its address alone. A lane's lock is taken, that of the first; every object
 * whose slab is of this lane sets its bit; and so on with the lanes of those that are left, of
 * which there are none where each thread frees its own.
 *
 * An object that was freed before is seen by its bit, or, if its slab went since, by a descriptor
 * that names no cache, or another one.
 */
#include "fault.h"
#include "huge.h"
#include "os.h"
#include "purge.h"
#include "release.h"
#include "report.h"
#include "slab_lists.h"

#define FREE_BATCH   64u  /* objects that are given back at a time */
#define MANY_SLABS   256u /* of a lane, whose descriptors fill half of a first-level cache */

#define HOLLOW_SHARE 3UL  /* part of a lane's objects that is in use: less is few, */
#define HOLLOW_PAGES 32UL /* if its slabs have so many */

/* The constants that an object's place is found by, held in registers over a batch of them. */
struct shape {
	unsigned long head_mask; /* of a slab's pages, the first */
	uint32_t slab_mask, inverse, objects;
	unsigned int shift, align, class;
	bool coloured; /* else the line of a slab need not be read for it */
	const struct kmem_cache *cache;
};

static __always_inline struct shape shape_of(const struct kmem_cache *s)
{
	return (struct shape){
		.head_mask = ~((1UL << s->order) - 1),
		.slab_mask = ((uint32_t)PAGE_SIZE << s->order) - 1,
		.inverse = s->inverse,
		.shift = s->shift,
		.align = s->align,
		.objects = s->objects,
		.class = s->index,
		.coloured = s->colours > 1,
		.cache = s,
	};
}

/*
 * The index of @object in @slab, or a fault. Slabs are aligned to their length. Of a multiple of
 * the size the product, turned, is the quotient; of all else it is more than any quotient.
 */
static __always_inline unsigned long object_index(struct shape shape, const struct slab *slab,
						  const void *object)
{
	uint32_t offset = (uint32_t)(uintptr_t)object & shape.slab_mask, index;

	if (shape.coloured)
		offset -= slab->colour * shape.align;
	index = ror32(offset * shape.inverse, shape.shift);
	if (unlikely(index >= shape.objects))
		fault_interior(shape.cache, object);
	return index;
}

/*
 * The slab of an object that was of this class when it was freed. If its page no longer is, the
 * slab was released since: all of its objects had been freed.
 */
static __always_inline struct slab *slab_of(struct shape shape, const void *object)
{
	struct section *section = section_of(object);
	unsigned int index = section_page_index(object);

	if (unlikely(!section || section->page_class[index] != shape.class))
		fault_double_free(shape.cache, object);
	return (struct slab *)&section->mem_map[index & shape.head_mask];
}

static unsigned int slab_lane_number(const struct kmem_cache *s, const void *object)
{
	if (unlikely(s->units))
		return run_lane_number(s, object);
	return READ_ONCE(slab_of(shape_of(s), object)->lane);
}

unsigned int slab_lane(const struct kmem_cache *s, const void *object)
{
	return slab_lane_number(s, object) % NR_LANES;
}

static __always_inline void give_object(struct shape shape, struct slab *slab, const void *object)
{
	unsigned long index = object_index(shape, slab, object);
	unsigned long map = slab->free_map[index / BITS_PER_LONG];

	if (unlikely(set_bit_of(&map, index)))
		fault_double_free(shape.cache, object);
	WRITE_ONCE(slab->free_map[index / BITS_PER_LONG], map);
	slab->inuse--;
}

/* Without colours nothing is read but what a free has just read: the slab's line may be cold. */
static __always_inline void check_start(struct shape shape, const void *object)
{
	object_index(shape, slab_of(shape, object), object);
}

void slab_check_start(const struct kmem_cache *s, const void *object)
{
	if (unlikely(s->units))
		run_check_start(s, object);
	else
		check_start(shape_of(s), object);
}

static __always_inline void check_object(struct shape shape, const void *object)
{
	const struct slab *slab = slab_of(shape, object);

	if (unlikely(bitmap_has(slab->free_map, object_index(shape, slab, object))))
		fault_double_free(shape.cache, object);
}

void slab_check_object(const struct kmem_cache *s, const void *object)
{
	if (unlikely(s->units))
		run_check_object(s, object);
	else
		check_object(shape_of(s), object);
}

/* Pages behind the head have no type: the first head on the way down is the slab's. */
struct slab *slab_containing(const void *object)
{
	struct section *section = section_of(object);
	unsigned int index = section_page_index(object), order;

	if (!section || !section->page_class[index])
		return NULL;
	for (order = 0; order <= MAX_ORDER; order++) {
		struct page *head = &section->mem_map[align_down(index, 1UL << order)];

		if (READ_ONCE(head->type) == PAGE_SLAB)
			return (struct slab *)head;
	}
	return NULL;
}

/* The section that the last object was in, where the next one is as a rule. */
struct place {
	uintptr_t start;
	size_t bytes;
	struct page *mem_map;
	const uint8_t *page_class;
};

static __noinline struct place find_place(const struct kmem_cache *s, const void *object)
{
	struct section *section = section_of(object);

	if (!section || section->type != SECTION_PAGES ||
	    (uintptr_t)object - section->start >= section->bytes)
		fault_double_free(s, object);
	return (struct place){ section->start, section->bytes, section->mem_map,
			       section->page_class };
}

static __always_inline struct slab *find_slab(struct shape shape, struct place *in,
					      const void *object)
{
	uintptr_t offset = (uintptr_t)object - in->start;

	if (unlikely(offset >= in->bytes)) {
		*in = find_place(shape.cache, object);
		offset = (uintptr_t)object - in->start;
	}
	return (struct slab *)&in->mem_map[offset >> PAGE_SHIFT & shape.head_mask];
}

void slab_check_starts(const struct kmem_cache *s, void *const *objects, unsigned int n)
{
	const struct shape shape = shape_of(s);
	struct place in = { .bytes = 0 };
	unsigned int i;

	/* That is for sheaves on their way to a barn. */
	KMEM_ASSERT(!s->units);
	for (i = 0; i < n; i++) {
		const struct slab *slab = find_slab(shape, &in, objects[i]);
		uintptr_t offset = (uintptr_t)objects[i] - in.start;

		/* As slab_of() has it. */
		if (unlikely(in.page_class[offset >> PAGE_SHIFT] != shape.class))
			fault_double_free(s, objects[i]);
		object_index(shape, slab, objects[i]);
	}
}

/* In a lane of many slabs nearly every descriptor is a miss. Nothing is read from them yet. */
static void fetch_slabs(const struct kmem_cache *s, void *const *objects, unsigned int n)
{
	const struct shape shape = shape_of(s);
	struct place in = { .bytes = 0 };
	unsigned int i;

	for (i = 0; i < n; i++)
		__builtin_prefetch(find_slab(shape, &in, objects[i]), 1);
}

static bool has_many(const struct slab_lane *lane)
{
	return READ_ONCE(lane->nr_full) + READ_ONCE(lane->nr_partial) >= MANY_SLABS;
}

/* The object changes its slab's list: from full to partial, or from partial to empty. */
static __noinline void free_and_relink(struct kmem_cache *s, struct slab_lane *lane,
				       struct slab *slab, const void *object,
				       struct list_head *released)
{
	/*
	 * Released, it may wait for readers or be a part of anything by now: its line says no more.
	 */
	if (unlikely(slab->inuse == 0)) {
		object_index(shape_of(s), slab, object);
		fault_double_free(s, object);
	}
	unlink_slab(lane, slab);
	give_object(shape_of(s), slab, object);
	if (slab->inuse || may_stay(lane, slab))
		link_slab(lane, slab);
	else
		list_add(&slab->list, released);
}

/* Objects on their way back to the slabs of one lane, whose lock is held. */
struct giving {
	struct kmem_cache *s;
	struct slab_lane *lane;
	unsigned int number; /* the lane's */
	void **left;	     /* what is not of its slabs, */
	unsigned int nr_left;
	struct list_head *released; /* and slabs of which nothing is in use any more */
};

static __always_inline void give_each(struct giving *to, const struct shape shape,
				      void *const *objects, unsigned int n)
{
	const uint32_t between = shape.objects > 2 ? shape.objects - 2 : 0;
	void *const *end = objects + n;
	struct place in = { .bytes = 0 };

	for (; objects < end; objects++) {
		const void *object = *objects;
		struct slab *slab = find_slab(shape, &in, object);

		if (unlikely(slab->cache != shape.cache))
			fault_double_free(shape.cache, object);
		if (unlikely(READ_ONCE(slab->lane) != to->number))
			to->left[to->nr_left++] = *objects;
		/* All but the first and the last of a slab to come back. */
		else if (likely(slab->inuse - 2u < between))
			give_object(shape, slab, object);
		else
			free_and_relink(to->s, to->lane, slab, object, to->released);
	}
}

/*
 * Where few of a lane's objects are left, and each of its slabs still has some, no pages are freed
 * that would tell that the heap has less in use than it had: see emptied.h.
 */
static void note_hollow(const struct kmem_cache *s, const struct slab_lane *lane)
{
	unsigned long slabs = READ_ONCE(lane->nr_partial) + READ_ONCE(lane->nr_full);

	if (unlikely(HOLLOW_SHARE * READ_ONCE(lane->nr_inuse) < slabs * s->objects) &&
	    slabs << s->order >= HOLLOW_PAGES && READ_ONCE(heap_state) == HEAP_STEADY &&
	    purge_pass_ms())
		WRITE_ONCE(heap_state, HEAP_SANK);
}

/*
 * All objects of the lane's slabs go; the others are collected in @left, which may be @objects.
 * Returns how many they are. What is a slab of this cache under the lock is one for as long.
 */
static unsigned int free_to_lane(struct kmem_cache *s, unsigned int number, void *const *objects,
				 unsigned int n, void **left, struct list_head *released)
{
	struct slab_lane *lane = lane_of(s, number);
	struct giving to = { s, lane, number, left, 0, released };
	struct shape shape = shape_of(s);

	if (has_many(lane))
		fetch_slabs(s, objects, n);
	lock_acquire(&lane->lock);
	/* A loop for each, so that without colours nothing of them is left in it. */
	if (shape.coloured) {
		give_each(&to, shape, objects, n);
	} else {
		shape.coloured = false;
		give_each(&to, shape, objects, n);
	}
	count(&lane->nr_inuse, -(unsigned long)(n - to.nr_left));
	count(&lane->counters.gives, to.nr_left < n);
	lock_release(&lane->lock);
	note_hollow(s, lane);
	return to.nr_left;
}

static void free_batch(struct kmem_cache *s, void *const *objects, unsigned int n,
		       struct list_head *released)
{
	void *left[FREE_BATCH];

	while (n) {
		unsigned int number = slab_lane_number(s, objects[0]);

		n = unlikely(s->units) ? run_free_to_lane(s, number, objects, n, left, released) :
					 free_to_lane(s, number, objects, n, left, released);
		objects = left;
	}
}

static void release_slabs(struct kmem_cache *s, struct per_cpu_pages *pcp,
			  struct list_head *released)
{
	struct page *pages[PCP_BATCH];
	struct slab *slab, *next;
	unsigned int n = 0;

	if (unlikely(s->waits)) {
		release_later(s, released);
		return;
	}
	list_for_each_entry_safe(slab, next, released, list) {
		/* Shared ones differ in size. */
		if (unlikely(s->units)) {
			slab_release(pcp, slab);
			continue;
		}
		pages[n++] = slab_retire(slab);
		if (n == PCP_BATCH) {
			pcp_free_bulk(pcp, s->order, pages, n);
			n = 0;
		}
	}
	pcp_free_bulk(pcp, s->order, pages, n);
}

void slab_free_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects, unsigned int n)
{
	struct list_head released;
	unsigned int done, some;

	list_init(&released);
	for (done = 0; done < n; done += some) {
		some = (unsigned int)min_ul(n - done, FREE_BATCH);
		free_batch(s, objects + done, some, &released);
	}
	if (unlikely(!list_empty(&released)))
		release_slabs(s, pcp, &released);
}

/*
 * Under its lane's lock nobody can take another object of the slab, whose memory is not in use
 * then. It is the one place where that lock is held across a call of the OS: a slab that was on no
 * list meanwhile would be lost in a fork.
 */
bool slab_forget_contents(struct kmem_cache *s, const void *object)
{
	size_t bytes = PAGE_SIZE << s->order;
	struct slab_lane *lane;
	unsigned int number;
	struct slab *slab;
	bool gone = false;
	void *start;

	if (s->units)
		return run_forget_contents(s, object);
	if (s->tracks || s->waits || bytes % os_page_size())
		return false;
	slab = slab_of(shape_of(s), object);
	number = READ_ONCE(slab->lane);
	lane = lane_of(s, number);
	start = page_start((struct page *)slab);
	/* Freed twice, it would leave somebody else's as the only one. */
	slab_check_object(s, object);
	huge_note_purge(page_section((struct page *)slab));
	lock_acquire(&lane->lock);
	if (READ_ONCE(slab->lane) == number && slab->inuse == 1)
		gone = os_purge(start, bytes) == 0;
	lock_release(&lane->lock);
	return gone;
}

/*
 * Up to PCP_BATCH empty slabs of the lane go to @taken: how many. No more, since what a thread has
 * in hand is lost in the child of another's fork.
 */
static unsigned int take_empty(struct slab_lane *lane, struct list_head *taken)
{
	struct slab *slab;
	unsigned int nr;

	if (!READ_ONCE(lane->nr_empty))
		return 0;
	lock_acquire(&lane->lock);
	for (nr = 0; nr < PCP_BATCH && (slab = pop_empty(lane)); nr++)
		list_add(&slab->list, taken);
	lock_release(&lane->lock);
	return nr;
}

unsigned long cache_release_empty(struct kmem_cache *s, slab_releaser *release)
{
	struct kmem_cache_node *node;
	struct slab_lane *lane;
	struct list_head taken;
	unsigned long nr = 0;
	unsigned int some;

	for_each_lane(lane, node, s)
		do {
			list_init(&taken);
			some = take_empty(lane, &taken);
			release(s, &taken);
			nr += some;
		} while (some == PCP_BATCH);
	return nr;
}

static void release_all(struct kmem_cache *s, struct list_head *slabs)
{
	if (!list_empty(slabs))
		release_slabs(s, NULL, slabs);
}

unsigned long cache_shrink(struct kmem_cache *s)
{
	return cache_release_empty(s->units ? &unit_cache : s, release_all);
}
