/* SPDX-License-Identifier: MIT */
/* See slab.h for the states, the lock order and the invariants. */
#include "slab.h"

#include <string.h>

#include "fault.h"
#include "limit.h"
#include "report.h"

#define FREE_BATCH  64u /* objects that are given back at a time */
#define EMPTY_PAGES 4u	/* pages that a cache keeps in empty slabs, but one slab at least */
#define BYTES_A_PAGE \
	(16UL << 20) /* or fewer: one for so much of the memory that the process may use */

struct kmem_cache *kmem_caches[NR_CLASSES];

/* ---- Shape ---- */

/*
 * A slab goes back when its last object does, and one that lives on keeps all its pages. So slabs
 * hold few objects: enough to be worth a visit to the lists, which weighs less the larger they are.
 */
static unsigned int least_objects(unsigned int size)
{
	if (size <= 1024)
		return 8;
	return size <= 2048 ? 4 : size <= 4096 ? 2 : 1;
}

/*
 * The smallest order with that many objects that wastes at most 1/16; else 1/8, else 1/4. Beyond a
 * page waste is a tail that is never touched, and costs addresses only: 1/4 at once.
 */
static unsigned int calculate_order(unsigned int size)
{
	unsigned int share, order;

	for (share = size > PAGE_SIZE ? 4 : 16; share >= 4; share /= 2) {
		for (order = 0; order <= SLAB_MAX_ORDER; order++) {
			unsigned int bytes = (unsigned int)PAGE_SIZE << order;
			unsigned int objects = bytes / size;

			if (objects >= least_objects(size) &&
			    bytes - objects * size <= bytes / share)
				return order;
		}
	}
	return SLAB_MAX_ORDER;
}

void cache_limit_empty(struct kmem_cache *s)
{
	unsigned long pages = limits_share(EMPTY_PAGES, BYTES_A_PAGE);

	WRITE_ONCE(s->max_empty, (uint16_t)max_ul(1, pages >> s->order));
}

void cache_init(struct kmem_cache *s, const char *name, unsigned int size, unsigned int align,
		uint8_t index)
{
	unsigned int bytes, left;

	strncpy(s->name, name, sizeof(s->name) - 1);
	s->size = size;
	s->align = align;
	s->index = index;
	s->order = (uint8_t)calculate_order(size);
	bytes = (unsigned int)PAGE_SIZE << s->order;
	s->objects = (uint16_t)min_ul(bytes / size, SLAB_MAX_OBJECTS);
	s->reciprocal = (uint32_t)(((1ULL << 32) + size - 1) / size);
	left = bytes - s->objects * size;
	s->colours = (uint16_t)(left / align + 1);
	cache_limit_empty(s);
	lock_init(&s->barn.lock, RANK_BARN);
	lock_init(&s->node.lock, RANK_NODE);
	list_init(&s->node.partial);
	list_init(&s->node.full);
	list_init(&s->node.empty);
	kmem_caches[index] = s;
}

/* ---- One slab ---- */

static char *slab_base(const struct kmem_cache *s, const struct slab *slab)
{
	return (char *)page_start((const struct page *)slab) + slab->colour * s->align;
}

/* The whole slab is free, and its objects' memory untouched. */
static void init_slab(struct kmem_cache *s, struct slab *slab, unsigned int colour)
{
	struct section *section = page_section((struct page *)slab);

	WRITE_ONCE(slab->order, s->order);
	slab->class = s->index;
	slab->colour = (uint8_t)colour;
	slab->cache = s;
	slab->inuse = 0;
	slab->objects = s->objects;
	memset(slab->free_map, 0, sizeof(slab->free_map));
	bitmap_set(slab->free_map, 0, s->objects);
	list_init(&slab->list);
	page_set_type((struct page *)slab, PAGE_SLAB);
	memset(&section->page_class[page_index((struct page *)slab)], s->index, 1UL << s->order);
}

static struct slab *new_slab(struct kmem_cache *s, struct per_cpu_pages *pcp)
{
	struct slab *slab = (struct slab *)pcp_alloc(pcp, s->order, NUMA_NO_NODE, GFP_KERNEL);
	unsigned int colour;

	if (!slab)
		return NULL;
	colour = __atomic_fetch_add(&s->node.next_colour, 1, __ATOMIC_RELAXED) %
		 min_ul(s->colours, 256);
	init_slab(s, slab, colour);
	return slab;
}

static void release_slab(struct kmem_cache *s, struct per_cpu_pages *pcp, struct slab *slab)
{
	struct section *section = page_section((struct page *)slab);

	KMEM_ASSERT(slab->inuse == 0);
	memset(&section->page_class[page_index((struct page *)slab)], 0, 1UL << s->order);
	page_set_type((struct page *)slab, PAGE_NONE);
	pcp_free(pcp, (struct page *)slab, s->order);
}

/* Takes up to @n objects, lowest addresses first. */
static unsigned int take_objects(struct kmem_cache *s, struct slab *slab, void **objects,
				 unsigned int n)
{
	char *base = slab_base(s, slab);
	unsigned int word, got = 0;

	for (word = 0; word < ARRAY_SIZE(slab->free_map) && got < n; word++) {
		unsigned long map = slab->free_map[word];

		for (; map && got < n; map &= map - 1)
			objects[got++] = base + (word * BITS_PER_LONG + __ffs(map)) * s->size;
		WRITE_ONCE(slab->free_map[word], map);
	}
	slab->inuse = (uint16_t)(slab->inuse + got);
	return got;
}

/* The constants that an object's place is found by, held in registers over a batch of them. */
struct shape {
	unsigned long slab_mask, reciprocal;
	unsigned int size, align, objects, class;
};

static __always_inline struct shape shape_of(const struct kmem_cache *s)
{
	return (struct shape){
		.slab_mask = (PAGE_SIZE << s->order) - 1,
		.reciprocal = s->reciprocal,
		.size = s->size,
		.align = s->align,
		.objects = s->objects,
		.class = s->index,
	};
}

/* The index of @object in a slab of that colour, or a fault. Slabs are aligned to their length. */
static __always_inline unsigned int object_index(struct shape shape, unsigned int colour,
						 const void *object)
{
	unsigned long offset = ((uintptr_t)object & shape.slab_mask) - colour * shape.align;
	unsigned int index = (unsigned int)((offset * shape.reciprocal) >> 32);

	if (unlikely(index >= shape.objects || index * shape.size != offset))
		fault_interior(kmem_caches[shape.class], object);
	return index;
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
		fault_double_free(kmem_caches[shape.class], object);
	return (struct slab *)&section->mem_map[index & ~(shape.slab_mask >> PAGE_SHIFT)];
}

unsigned int slab_object_hash(const struct kmem_cache *s, const void *object)
{
	struct shape shape = shape_of(s);
	const struct slab *slab = slab_of(shape, object);

	return page_index((const struct page *)slab) * 67u +
	       object_index(shape, slab->colour, object);
}

static __always_inline void give_object(struct shape shape, struct slab *slab, const void *object)
{
	unsigned int index = object_index(shape, slab->colour, object);
	unsigned long *word = &slab->free_map[index / BITS_PER_LONG];
	unsigned long bit = 1UL << (index % BITS_PER_LONG);

	if (unlikely(*word & bit))
		fault_double_free(kmem_caches[shape.class], object);
	WRITE_ONCE(*word, *word | bit);
	slab->inuse--;
}

void slab_check_start(const struct kmem_cache *s, const void *object)
{
	struct shape shape = shape_of(s);

	/* Without colours the slab's line, which may be cold, need not be read. */
	object_index(shape, s->colours > 1 ? slab_of(shape, object)->colour : 0, object);
}

void slab_check_object(const struct kmem_cache *s, const void *object)
{
	struct shape shape = shape_of(s);
	const struct slab *slab = slab_of(shape, object);
	unsigned int index = object_index(shape, slab->colour, object);

	if (READ_ONCE(slab->free_map[index / BITS_PER_LONG]) >> (index % BITS_PER_LONG) & 1)
		fault_double_free(s, object);
}

/* ---- Lists: all with the node's lock held ---- */

static void link_slab(struct kmem_cache_node *node, struct slab *slab)
{
	if (slab->inuse == slab->objects) {
		list_add(&slab->list, &node->full);
		node->nr_full++;
	} else if (slab->inuse) {
		list_add_tail(&slab->list, &node->partial);
		node->nr_partial++;
	} else {
		list_add(&slab->list, &node->empty);
		node->nr_empty++;
	}
}

static void unlink_slab(struct kmem_cache_node *node, struct slab *slab)
{
	if (slab->inuse == slab->objects)
		node->nr_full--;
	else if (slab->inuse)
		node->nr_partial--;
	else
		node->nr_empty--;
	list_del(&slab->list);
}

static unsigned int take_from(struct kmem_cache *s, struct slab *slab, void **objects,
			      unsigned int n)
{
	unsigned int got;

	unlink_slab(&s->node, slab);
	got = take_objects(s, slab, objects, n);
	if (slab->inuse < slab->objects) {
		/* Still the one to take from: it stays in front. */
		list_add(&slab->list, &s->node.partial);
		s->node.nr_partial++;
	} else {
		link_slab(&s->node, slab);
	}
	WRITE_ONCE(s->node.nr_inuse, s->node.nr_inuse + got);
	return got;
}

static unsigned int take_from_lists(struct kmem_cache *s, void **objects, unsigned int n)
{
	struct kmem_cache_node *node = &s->node;
	unsigned int got = 0;

	while (got < n && !list_empty(&node->partial))
		got += take_from(s, list_first_entry(&node->partial, struct slab, list),
				 objects + got, n - got);
	while (got < n && !list_empty(&node->empty))
		got += take_from(s, list_first_entry(&node->empty, struct slab, list),
				 objects + got, n - got);
	return got;
}

unsigned int slab_alloc_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects,
			     unsigned int n)
{
	struct slab *slab;
	unsigned int got;

	lock_acquire(&s->node.lock);
	got = take_from_lists(s, objects, n);
	lock_release(&s->node.lock);
	if (got)
		return got;
	slab = new_slab(s, pcp);
	if (!slab)
		return 0;
	lock_acquire(&s->node.lock);
	link_slab(&s->node, slab);
	got = take_from(s, slab, objects, n);
	lock_release(&s->node.lock);
	return got;
}

/* The object changes its slab's list: from full to partial, or from partial to empty. */
static __noinline void free_and_relink(struct kmem_cache *s, struct slab *slab, const void *object,
				       struct list_head *released)
{
	struct kmem_cache_node *node = &s->node;

	unlink_slab(node, slab);
	give_object(shape_of(s), slab, object);
	link_slab(node, slab);
	if (slab->inuse == 0 && node->nr_empty > READ_ONCE(s->max_empty)) {
		unlink_slab(node, slab);
		list_add(&slab->list, released);
	}
}

/*
 * The descriptors are scattered: a batch of them is looked up and fetched before the lock is taken,
 * so that nobody waits for them.
 */
static void free_batch(struct kmem_cache *s, void **objects, unsigned int n,
		       struct list_head *released)
{
	const struct shape shape = shape_of(s);
	struct slab *slabs[FREE_BATCH];
	unsigned int i;

	for (i = 0; i < n; i++) {
		slabs[i] = slab_of(shape, objects[i]);
		__builtin_prefetch(slabs[i], 1);
	}
	lock_acquire(&s->node.lock);
	for (i = 0; i < n; i++) {
		struct slab *slab = slabs[i];

		/* Since the look-up only a second free can have made another thing of it. */
		if (unlikely(slab->type != PAGE_SLAB || slab->cache != s))
			fault_double_free(s, objects[i]);
		if (likely(slab->inuse > 1 && slab->inuse != shape.objects))
			give_object(shape, slab, objects[i]);
		else
			free_and_relink(s, slab, objects[i], released);
	}
	WRITE_ONCE(s->node.nr_inuse, s->node.nr_inuse - n);
	lock_release(&s->node.lock);
}

void slab_free_bulk(struct kmem_cache *s, struct per_cpu_pages *pcp, void **objects, unsigned int n)
{
	struct list_head released;
	struct slab *slab, *next;
	unsigned int done, some;

	list_init(&released);
	for (done = 0; done < n; done += some) {
		some = (unsigned int)min_ul(n - done, FREE_BATCH);
		free_batch(s, objects + done, some, &released);
	}
	list_for_each_entry_safe(slab, next, &released, list)
		release_slab(s, pcp, slab);
}

unsigned long cache_shrink(struct kmem_cache *s)
{
	struct kmem_cache_node *node = &s->node;
	struct list_head released;
	struct slab *slab, *next;
	unsigned long nr;

	list_init(&released);
	lock_acquire(&node->lock);
	list_splice_init(&node->empty, &released);
	nr = node->nr_empty;
	node->nr_empty = 0;
	lock_release(&node->lock);
	list_for_each_entry_safe(slab, next, &released, list)
		release_slab(s, NULL, slab);
	return nr;
}
