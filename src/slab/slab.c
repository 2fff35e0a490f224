/* SPDX-License-Identifier: MIT */
/* See slab.h for the states, the lock order and the invariants. */
#include "slab.h"

#include <string.h>

#include "fault.h"
#include "huge.h"
#include "limit.h"
#include "os.h"
#include "release.h"
#include "report.h"

#define MAX_COLOURS  256u /* different offsets of the first object: what a byte tells apart */
#define FREE_BATCH   64u  /* objects that are given back at a time */
#define MANY_SLABS   256u /* whose descriptors are more than the processor has at hand */
#define NEARLY_EMPTY 8u	  /* a slab with one in so many objects in use may change its lane */
#define EMPTY_PAGES  4u	  /* pages that a cache keeps in empty slabs, but one slab at least */
#define BYTES_A_PAGE \
	(16UL << 20) /* or fewer: one for so much of the memory that the process may use */

struct kmem_cache *kmem_caches[NR_CLASSES];

/* ---- Shape ---- */

/*
 * A slab goes back when its last object does, and one that lives on keeps all its pages. So slabs
 * hold few objects: enough to be worth a visit to the lists, which weighs less the larger they are.
 * Small objects are so many in a page that one of them nearly always lives: there a slab of more
 * pages keeps no more, and neighbours in time lie side by side.
 */
static unsigned int least_objects(unsigned int size)
{
	if (size <= 128)
		return 128;
	if (size <= 256)
		return 64;
	if (size <= 1024)
		return 8;
	return size <= 2048 ? 4 : size <= 4096 ? 2 : 1;
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
	unsigned long pages = limits_share(EMPTY_PAGES, BYTES_A_PAGE);

	pages >>= s->order;
	WRITE_ONCE(s->max_empty,
		   s->order <= SLAB_MAX_ORDER ? (uint16_t)max_ul(1, pages) : (uint16_t)pages);
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
	s->reciprocal = (uint32_t)(((1ULL << 32) + size - 1) / size);
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

static struct kmem_cache_node *node_of(struct kmem_cache *s, const struct slab *slab)
{
	return likely(!s->nodes) ? &s->node :
				   cache_node(s, (unsigned int)page_nid((const struct page *)slab));
}

/* ---- One slab ---- */

char *slab_base(const struct kmem_cache *s, const struct slab *slab)
{
	return (char *)page_start((const struct page *)slab) + slab->colour * s->align;
}

/* The whole slab is free, and its objects' memory untouched. */
static void init_slab(struct kmem_cache *s, struct slab *slab, unsigned int colour)
{
	struct section *section = page_section((struct page *)slab);

	WRITE_ONCE(slab->order, s->order);
	slab->constructed = 0;
	slab->colour = (uint8_t)colour;
	slab->cache = s;
	slab->inuse = 0;
	WRITE_ONCE(slab->lane, 0);
	memset(slab->free_map, 0, sizeof(slab->free_map));
	bitmap_set(slab->free_map, 0, s->objects);
	list_init(&slab->list);
	page_set_type((struct page *)slab, PAGE_SLAB);
	memset(&section->page_class[page_index((struct page *)slab)], s->index, 1UL << s->order);
}

static struct slab *new_slab(struct kmem_cache *s, struct per_cpu_pages *pcp, int nid, gfp_t gfp)
{
	struct slab *slab = (struct slab *)pcp_alloc(pcp, s->order, nid, gfp | cache_gfp(s));
	unsigned int colour;

	if (!slab)
		return NULL;
	colour = __atomic_fetch_add(&node_of(s, slab)->next_colour, 1, __ATOMIC_RELAXED) %
		 s->colours;
	init_slab(s, slab, colour);
	return slab;
}

void slab_release(struct kmem_cache *s, struct per_cpu_pages *pcp, struct slab *slab)
{
	struct section *section = page_section((struct page *)slab);

	KMEM_ASSERT(slab->inuse == 0);
	memset(&section->page_class[page_index((struct page *)slab)], 0, 1UL << s->order);
	page_set_type((struct page *)slab, PAGE_NONE);
	pcp_free(pcp, (struct page *)slab, s->order);
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

/* Takes up to @n objects, lowest addresses first, which come to lie downwards from @end. */
static unsigned int take_objects(struct kmem_cache *s, struct slab *slab, void **end,
				 unsigned int n)
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

/* The constants that an object's place is found by, held in registers over a batch of them. */
struct shape {
	unsigned long slab_mask, reciprocal, objects;
	unsigned int align, class;
	const struct kmem_cache *cache;
};

static __always_inline struct shape shape_of(const struct kmem_cache *s)
{
	return (struct shape){
		.slab_mask = (PAGE_SIZE << s->order) - 1,
		.reciprocal = s->reciprocal,
		.align = s->align,
		.objects = s->objects,
		.class = s->index,
		.cache = s,
	};
}

/*
 * The index of @object in a slab of that colour, or a fault. Slabs are aligned to their length. Of the
 * product the upper half is the quotient; the lower one is less than the factor only if nothing is
 * left over.
 */
static __always_inline unsigned long object_index(struct shape shape, unsigned int colour,
						  const void *object)
{
	unsigned long offset = ((uintptr_t)object & shape.slab_mask) - colour * shape.align;
	unsigned long product = offset * shape.reciprocal;

	if (unlikely((uint32_t)product >= shape.reciprocal || product >> 32 >= shape.objects))
		fault_interior(shape.cache, object);
	return product >> 32;
}

/*
 * The slab of an object that was of this class when it was freed. If its page no longer is, the slab
 * was released since: all of its objects had been freed.
 */
static __always_inline struct slab *slab_of(struct shape shape, const void *object)
{
	struct section *section = section_of(object);
	unsigned int index = section_page_index(object);

	if (unlikely(!section || section->page_class[index] != shape.class))
		fault_double_free(shape.cache, object);
	return (struct slab *)&section->mem_map[index & ~(shape.slab_mask >> PAGE_SHIFT)];
}

unsigned int slab_lane(const struct kmem_cache *s, const void *object)
{
	return READ_ONCE(slab_of(shape_of(s), object)->lane);
}

static __always_inline void give_object(struct shape shape, struct slab *slab, const void *object)
{
	unsigned long index = object_index(shape, slab->colour, object);
	unsigned long map = slab->free_map[index / BITS_PER_LONG];

	if (unlikely(map >> (index % BITS_PER_LONG) & 1))
		fault_double_free(shape.cache, object);
	WRITE_ONCE(slab->free_map[index / BITS_PER_LONG], map | 1UL << (index % BITS_PER_LONG));
	slab->inuse--;
}

/* Without colours the slab's line, which may be cold, need not be read. */
static __always_inline void check_start(struct shape shape, bool coloured, const void *object)
{
	object_index(shape, coloured ? slab_of(shape, object)->colour : 0, object);
}

void slab_check_start(const struct kmem_cache *s, const void *object)
{
	check_start(shape_of(s), s->colours > 1, object);
}

void slab_check_starts(const struct kmem_cache *s, void *const *objects, unsigned int n)
{
	struct shape shape = shape_of(s);
	bool coloured = s->colours > 1;
	unsigned int i;

	for (i = 0; i < n; i++)
		check_start(shape, coloured, objects[i]);
}

void slab_check_object(const struct kmem_cache *s, const void *object)
{
	struct shape shape = shape_of(s);
	const struct slab *slab = slab_of(shape, object);
	unsigned long index = object_index(shape, slab->colour, object);

	if (READ_ONCE(slab->free_map[index / BITS_PER_LONG]) >> (index % BITS_PER_LONG) & 1)
		fault_double_free(s, object);
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

/* ---- Lists: all with the node's lock held ---- */

/* Readers from outside look at counters at any time. */
static __always_inline void count(unsigned long *counter, unsigned long n)
{
	WRITE_ONCE(*counter, *counter + n);
}

static bool is_full(const struct slab *slab)
{
	return slab->inuse == slab->cache->objects;
}

static void link_slab(struct kmem_cache_node *node, struct slab *slab)
{
	if (is_full(slab)) {
		list_add(&slab->list, &node->full);
		node->nr_full++;
	} else if (slab->inuse) {
		list_add_tail(&slab->list, &node->partial[slab->lane]);
		node->nr_partial++;
	} else {
		list_add(&slab->list, &node->empty);
		node->nr_empty++;
	}
}

static void unlink_slab(struct kmem_cache_node *node, struct slab *slab)
{
	if (is_full(slab))
		node->nr_full--;
	else if (slab->inuse)
		node->nr_partial--;
	else
		node->nr_empty--;
	list_del(&slab->list);
}

static unsigned int take_from(struct kmem_cache *s, struct kmem_cache_node *node, struct slab *slab,
			      void **end, unsigned int n)
{
	unsigned int got;

	unlink_slab(node, slab);
	got = take_objects(s, slab, end, n);
	if (unlikely(s->tracks))
		mark_fresh(s, slab, end - got, got);
	if (!is_full(slab)) {
		/* Still the one to take from: it stays in front. */
		list_add(&slab->list, &node->partial[slab->lane]);
		node->nr_partial++;
	} else {
		link_slab(node, slab);
	}
	WRITE_ONCE(node->nr_inuse, node->nr_inuse + got);
	count(&node->counters.taken, got);
	return got;
}

/*
 * Another lane's slab of which at most one in @share is in use; or NULL. Not its first, which serves that
 * lane now, unless any will do: two threads that have just begun would come to share it.
 */
static struct slab *others_slab(struct kmem_cache_node *node, unsigned int lane, unsigned int share)
{
	unsigned int i;

	for (i = 1; node->nr_partial && i < NR_LANES; i++) {
		struct list_head *partial = &node->partial[(lane + i) % NR_LANES];
		struct list_head *link = share > 1 ? partial->next->next : partial->next;
		struct slab *slab = list_entry(link, struct slab, list);

		if (partial->next != partial && link != partial &&
		    slab->inuse * share <= slab->cache->objects)
			return slab;
	}
	return NULL;
}

/* The next slab to serve @lane: its own, an empty one, another lane's; or NULL. */
static struct slab *next_slab(struct kmem_cache_node *node, unsigned int lane, unsigned int share)
{
	if (!list_empty(&node->partial[lane]))
		return list_first_entry(&node->partial[lane], struct slab, list);
	if (!list_empty(&node->empty))
		return list_first_entry(&node->empty, struct slab, list);
	return others_slab(node, lane, share);
}

static void change_lane(struct kmem_cache_node *node, struct slab *slab, unsigned int lane)
{
	unlink_slab(node, slab);
	WRITE_ONCE(slab->lane, (uint16_t)lane);
	link_slab(node, slab);
}

static unsigned int take_from_lists(struct kmem_cache *s, struct kmem_cache_node *node, void **end,
				    unsigned int n, unsigned int lane, unsigned int share)
{
	unsigned int got = 0;
	struct slab *slab;

	while (got < n && (slab = next_slab(node, lane, share))) {
		if (slab->lane != lane)
			change_lane(node, slab, lane);
		got += take_from(s, node, slab, end - got, n - got);
	}
	return got;
}

unsigned int slab_alloc_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n, gfp_t gfp)
{
	return slab_alloc_node(s, pcp, objects, n, NUMA_NO_NODE, gfp);
}

static unsigned int take_from_node(struct kmem_cache *s, struct kmem_cache_node *node, void **end,
				   unsigned int n, unsigned int lane, unsigned int share)
{
	unsigned int got;

	lock_acquire(&node->lock);
	got = take_from_lists(s, node, end, n, lane, share);
	count(&node->counters.takes, got != 0);
	lock_release(&node->lock);
	return got;
}

/* The pages of a new slab may be another node's than was asked for. */
static unsigned int take_from_new(struct kmem_cache *s, struct slab *slab, void **end,
				  unsigned int n, unsigned int lane)
{
	struct kmem_cache_node *node = node_of(s, slab);
	unsigned int got;

	lock_acquire(&node->lock);
	WRITE_ONCE(slab->lane, (uint16_t)lane);
	link_slab(node, slab);
	got = take_from(s, node, slab, end, n);
	count(&node->counters.takes, 1);
	count(&node->counters.made, 1);
	lock_release(&node->lock);
	return got;
}

/* Where there is no memory for a slab, others may have what is left of theirs: lanes, then nodes. */
static __noinline unsigned int take_from_others(struct kmem_cache *s, struct kmem_cache_node *own,
						void **end, unsigned int n, unsigned int lane,
						gfp_t gfp)
{
	unsigned int got = take_from_node(s, own, end, n, lane, 1);
	struct kmem_cache_node *node;

	if (got || !s->nodes || (gfp & __GFP_THISNODE))
		return got;
	for_each_node(node, s)
		if (!got)
			got = take_from_node(s, node, end, n, lane, 1);
	return got;
}

unsigned int slab_alloc_node(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n, int nid, gfp_t gfp)
{
	struct kmem_cache_node *node = nid == NUMA_NO_NODE ? cache_own_node(s) :
							     cache_node(s, (unsigned int)nid);
	void **end = objects + n;
	unsigned int lane = pcp ? pcp->lane : 0;
	unsigned int got = take_from_node(s, node, end, n, lane, NEARLY_EMPTY);
	struct slab *slab;

	if (!got) {
		slab = new_slab(s, pcp, nid, gfp);
		if (slab)
			got = take_from_new(s, slab, end, n, lane);
		else
			got = take_from_others(s, node, end, n, lane, gfp);
	}
	if (unlikely(got < n))
		memmove(objects, end - got, got * sizeof(*objects));
	return got;
}

/* The object changes its slab's list: from full to partial, or from partial to empty. */
static __noinline void free_and_relink(struct kmem_cache *s, struct kmem_cache_node *node,
				       struct slab *slab, const void *object,
				       struct list_head *released)
{
	/* Released, it may wait for readers or be a part of anything by now: its line says no more. */
	if (unlikely(slab->inuse == 0)) {
		object_index(shape_of(s), slab->colour, object);
		fault_double_free(s, object);
	}
	unlink_slab(node, slab);
	give_object(shape_of(s), slab, object);
	link_slab(node, slab);
	if (slab->inuse == 0 && node->nr_empty > READ_ONCE(s->max_empty)) {
		unlink_slab(node, slab);
		list_add(&slab->list, released);
	}
}

/*
 * Each object's slab is looked up under the lock: a page that is of the class then is so for as long. In a
 * cache of many slabs nearly every slab's line is a miss, so all of them are asked for beforehand.
 * With class 255, that of many caches, only the slab knows its own.
 */
static void free_batch(struct kmem_cache *s, struct kmem_cache_node *node, void **objects,
		       unsigned int n, struct list_head *released)
{
	const struct shape shape = shape_of(s);
	const unsigned long between = shape.objects > 2 ? shape.objects - 2 : 0;
	unsigned int i;

	if (READ_ONCE(node->nr_inuse) > MANY_SLABS * shape.objects)
		for (i = 0; i < n; i++)
			__builtin_prefetch(slab_of(shape, objects[i]), 1);
	lock_acquire(&node->lock);
	for (i = 0; i < n; i++) {
		struct slab *slab = slab_of(shape, objects[i]);

		if (unlikely(shape.class == CLASS_ASK && slab->cache != s))
			fault_double_free(s, objects[i]);
		/* All but the first and the last of a slab to come back. */
		if (likely(slab->inuse - 2ul < between))
			give_object(shape, slab, objects[i]);
		else
			free_and_relink(s, node, slab, objects[i], released);
	}
	WRITE_ONCE(node->nr_inuse, node->nr_inuse - n);
	count(&node->counters.gives, 1);
	lock_release(&node->lock);
}

/*
 * Objects of several nodes: each node's in turn. Whose they are is looked up before the first is freed:
 * a slab whose objects all came back may be another's at once.
 */
static __noinline void free_batch_by_node(struct kmem_cache *s, void **objects, unsigned int n,
					  struct list_head *released)
{
	const struct shape shape = shape_of(s);
	struct kmem_cache_node *node, *node_of_object[FREE_BATCH];
	void *of_node[FREE_BATCH];
	unsigned int i, nr;

	for (i = 0; i < n; i++)
		node_of_object[i] = node_of(s, slab_of(shape, objects[i]));
	for_each_node(node, s) {
		for (i = 0, nr = 0; i < n; i++)
			if (node_of_object[i] == node)
				of_node[nr++] = objects[i];
		if (nr)
			free_batch(s, node, of_node, nr, released);
	}
}

static void release_slabs(struct kmem_cache *s, struct per_cpu_pages *pcp,
			  struct list_head *released)
{
	struct slab *slab, *next;

	if (unlikely(s->waits)) {
		release_later(s, released);
		return;
	}
	list_for_each_entry_safe(slab, next, released, list)
		slab_release(s, pcp, slab);
}

void slab_free_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects, unsigned int n)
{
	struct list_head released;
	unsigned int done, some;

	list_init(&released);
	for (done = 0; done < n; done += some) {
		some = (unsigned int)min_ul(n - done, FREE_BATCH);
		if (likely(!s->nodes))
			free_batch(s, &s->node, objects + done, some, &released);
		else
			free_batch_by_node(s, objects + done, some, &released);
	}
	if (unlikely(!list_empty(&released)))
		release_slabs(s, pcp, &released);
}

/*
 * Under the node's lock nobody can take another object of the slab, whose memory is not in use then. It is the
 * one place where that lock is held across a call of the OS: a slab that was on no list meanwhile would be lost
 * in a fork.
 */
bool slab_forget_contents(struct kmem_cache *s, const void *object)
{
	struct slab *slab = slab_of(shape_of(s), object);
	struct kmem_cache_node *node = node_of(s, slab);
	void *start = page_start((struct page *)slab);
	size_t bytes = PAGE_SIZE << s->order;
	bool gone = false;

	if (s->tracks || s->waits || bytes % os_page_size())
		return false;
	/* Freed twice, it would leave somebody else's as the only one. */
	slab_check_object(s, object);
	huge_note_purge(page_section((struct page *)slab));
	lock_acquire(&node->lock);
	if (slab->inuse == 1)
		gone = os_purge(start, bytes) == 0;
	lock_release(&node->lock);
	return gone;
}

unsigned long cache_shrink(struct kmem_cache *s)
{
	struct kmem_cache_node *node;
	struct list_head released;
	unsigned long nr = 0;

	list_init(&released);
	for_each_node(node, s) {
		lock_acquire(&node->lock);
		list_splice_init(&node->empty, &released);
		nr += node->nr_empty;
		node->nr_empty = 0;
		lock_release(&node->lock);
	}
	if (nr)
		release_slabs(s, NULL, &released);
	return nr;
}
