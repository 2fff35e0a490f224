/* SPDX-License-Identifier: MIT */
/* See kmalloc.h. Everything here is off the fast path. */
#include "kmalloc.h"

#include <errno.h>
#include <string.h>

#include "cache.h"
#include "cache_alloc.h"
#include "fault.h"
#include "lent.h"
#include "limit.h"
#include "numa.h"
#include "report.h"
#include "shrinker.h"
#include "slab_run.h"
#include "vma.h"

/* What malloc asks for. It tells nobody but its caller that there was no memory. */
#define MALLOC_GFP (GFP_KERNEL | __GFP_NOWARN)

#define PASS_AFTER 64u /* blocks that a thread kept, until it looks around */

/* A size of 0 has a class as well: the range of the first starts there. */
#define SLOT_RANGE(class, below, size)                                                  \
	[(below) ? (below) / KMALLOC_MIN_ALIGN + 1 : 0 ...(size) / KMALLOC_MIN_ALIGN] = \
		SLOT_OFFSET(class),
const uint16_t kmalloc_slot[] = { KMALLOC_CLASSES(SLOT_RANGE) };
_Static_assert(sizeof(kmalloc_slot) ==
		       sizeof(uint16_t) * (KMALLOC_MAX_SIZE / KMALLOC_MIN_ALIGN + 1),
	       "the table ends with the largest class");
_Static_assert(SLOT_OFFSET(NR_KMALLOC_CLASSES) <= UINT16_MAX, "an offset fits its entry");

#define CLASS_SIZE(class, below, size) [class] = (size),
static const unsigned int class_size[NR_KMALLOC_CLASSES] = { KMALLOC_CLASSES(CLASS_SIZE) };

/* Not constant, so that it is in a core. */
#define CLASS_NAME(class, below, size) [class] = "kmalloc-" #size,
static char class_name[NR_KMALLOC_CLASSES][sizeof("kmalloc-32768")] = { KMALLOC_CLASSES(
	CLASS_NAME) };

struct kmem_cache kmalloc_caches[NR_KMALLOC_CLASSES];

/* A block was left larger than its size says because there was no memory for a smaller one. */
static bool kept_larger;

void kmalloc_init(void)
{
	unsigned int class;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		unsigned int size = class_size[class];
		struct kmem_cache *s = &kmalloc_caches[class];

		/* Naturally aligned: to the largest power of two that divides the size. */
		cache_init(s, class_name[class], size,
			   (unsigned int)min_ul(size & -size, PAGE_SIZE), (uint8_t) class);
		/*
		 * So many sizes spread over the caches' sets by themselves, and colours cost each
		 * free a look.
		 */
		s->colours = 1;
		s->lends = true;
		if (size > PAGE_SIZE)
			cache_share_slabs(s);
		cache_init_sheaves(s);
		list_add_tail(&s->list, &slab_caches);
	}
	unit_cache_init();
	zone_lender = lent_take_back;
}

/* ---- From a signal handler within a slow path ---- */

bool kmalloc_may_nest(void)
{
	return !zones_are_mine() && !lock_is_mine(&section_lock) && !lock_is_mine(&meta_lock) &&
	       !lock_is_mine(&mmap_lock);
}

void kmalloc_keep_larger(void)
{
	WRITE_ONCE(kept_larger, true);
}

static void *alloc_nested(size_t size, size_t align, gfp_t gfp)
{
	if (!gfpflags_allow_blocking(gfp) || gfp_zone(gfp) != ZONE_NORMAL || !kmalloc_may_nest())
		return NULL;
	if (size <= KMALLOC_MAX_SIZE)
		kmalloc_keep_larger();
	return area_alloc(size, align);
}

bool kmem_in_slow_path(void)
{
	switch (this_cpu->kind) {
	case CPU_LIVE:
		return this_cpu->busy;
	case CPU_BOOT_AWAY:
	case CPU_EXITED_AWAY:
		return true;
	default:
		return false;
	}
}

/* ---- Allocation ---- */

static void *take_object(struct kmem_cpu *cpu, struct kmem_cache *s, gfp_t gfp)
{
	void *object = NULL;

	if (likely(cpu->kind == CPU_LIVE))
		return sheaf_alloc(cpu, s, gfp);
	slab_alloc_bulk(s, NULL, &object, 1, gfp);
	return object;
}

static void *try_object(struct kmem_cache *s, gfp_t gfp)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(gfp);
	void *object;

	if (unlikely(!cpu))
		return alloc_nested(s->size, PAGE_SIZE, gfp);
	cpu_take_over(gfp);
	do
		object = take_object(cpu, s, gfp);
	while (unlikely(!object) && cpu_take_over(gfp));
	cpu_leave(cpu);
	return object;
}

/* What the thread kept goes. */
static __noinline void drop_large(struct page *page)
{
	struct kmem_cpu *cpu = cpu_enter();

	KMEM_ASSERT(cpu && cpu->kind == CPU_LIVE);
	large_drop(cpu->pcp, page);
	cpu_leave(cpu);
}

/*
 * What the thread keeps, if it will do. It is exchanged and not looked at in its place, where a
 * signal handler may find it as well; what a handler would have to give back within a slow path it
 * does not touch.
 */
static void *take_kept(size_t size)
{
	struct kmem_cpu *cpu = this_cpu;
	struct page *page;

	if (!READ_ONCE(cpu->kept) || READ_ONCE(cpu->busy))
		return NULL;
	page = cpu_exchange_kept(cpu, NULL);
	if (unlikely(!page))
		return NULL;
	if (likely(large_take_kept(page, size)))
		return page_start(page);
	drop_large(page);
	return NULL;
}

static void *try_large(size_t size, size_t align, int nid, gfp_t gfp)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(gfp);
	void *object;

	if (unlikely(!cpu))
		return alloc_nested(size, align, gfp);
	do
		object = large_alloc(cpu_pages(cpu), size, align, nid, gfp);
	while (unlikely(!object) && cpu_take_over(gfp));
	cpu_leave(cpu);
	return object;
}

static void *try_area(size_t size, gfp_t gfp)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(gfp);
	void *object;

	if (unlikely(!cpu)) {
		object = alloc_nested(size, PAGE_SIZE, gfp);
	} else {
		object = area_alloc(size, PAGE_SIZE);
		cpu_leave(cpu);
	}
	if (object)
		WRITE_ONCE(section_of(object)->vmalloc, true);
	return object;
}

/* The end of every allocation that was no hit. */
static void *finish(void *object, size_t size, gfp_t gfp)
{
	if (likely(object)) {
		shrinkers_tick(gfp);
		return object;
	}
	kmem_alloc_failed(gfp, size);
	errno = ENOMEM;
	return NULL;
}

static void *alloc_object(struct kmem_cache *s, gfp_t gfp)
{
	void *object = try_object(s, gfp);
	unsigned int attempt = 0;

	while (unlikely(!object) && kmem_reclaim(gfp, s->size, attempt++))
		object = try_object(s, gfp);
	return finish(object, s->size, gfp);
}

static void *alloc_large(size_t size, size_t align, int nid, gfp_t gfp)
{
	unsigned int attempt = 0;
	void *object;

	/* However long it waits. */
	if (unlikely(!large_is_possible(size, align, gfp)))
		return finish(NULL, size, gfp);
	object = try_large(size, align, nid, gfp);
	while (unlikely(!object) && kmem_reclaim(gfp, size, attempt++))
		object = try_large(size, align, nid, gfp);
	return finish(object, size, gfp);
}

/* Of no particular node or alignment. */
static void *alloc_pages_for(size_t size, gfp_t gfp)
{
	/* What does not fit goes back, which may enter the OS. */
	void *object = gfpflags_allow_blocking(gfp) ? take_kept(size) : NULL;

	if (unlikely(!object))
		return alloc_large(size, PAGE_SIZE, NUMA_NO_NODE, gfp);
	return gfp & __GFP_ZERO ? memset(object, 0, align_up(size, PAGE_SIZE)) : object;
}

void *kmalloc_area(size_t size, gfp_t gfp)
{
	unsigned int attempt = 0;
	void *object;

	/* An area lies anywhere, whatever the flags. */
	if (unlikely(!size || !large_is_possible(size, PAGE_SIZE, GFP_KERNEL)))
		return finish(NULL, size, gfp);
	object = try_area(size, gfp);
	while (unlikely(!object) && kmem_reclaim(gfp, size, attempt++))
		object = try_area(size, gfp);
	return finish(object, size, gfp);
}

void *kmalloc_slow(size_t size)
{
	if (size <= KMALLOC_MAX_SIZE)
		return alloc_object(&kmalloc_caches[kmalloc_class(size)], MALLOC_GFP);
	return alloc_pages_for(size, MALLOC_GFP);
}

void *kmalloc_flags(size_t size, int nid, gfp_t gfp)
{
	struct kmem_cache *s;
	void *object;

	/* The caches' slabs lie anywhere: what must be low, or here, is whole pages. */
	if (unlikely(gfp_zone(gfp) != ZONE_NORMAL ||
		     (nid != NUMA_NO_NODE && size > KMALLOC_MAX_SIZE)))
		return alloc_large(size, PAGE_SIZE, nid, gfp);
	if (size > KMALLOC_MAX_SIZE)
		return alloc_pages_for(size, gfp);
	s = &kmalloc_caches[kmalloc_class(size)];
	if (nid != NUMA_NO_NODE)
		return cache_alloc_node(s, gfp, nid, __builtin_return_address(0));
	object = alloc_object(s, gfp);
	return object && (gfp & __GFP_ZERO) ? memset(object, 0, s->size) : object;
}

/* As malloc(), of a size that has a class. */
static __always_inline void *alloc_small(size_t size)
{
	void *object = slot_pop(kmalloc_cpu_slot(this_cpu, size));

	return likely(object) ? object : kmalloc_slow(size);
}

/*
 * The class of a size that is a multiple of the alignment has objects of such a size, too, which
 * lie at multiples of it: among the sizes of a doubling there is none that the alignment divides in
 * between.
 */
void *kmalloc_aligned(size_t size, size_t align)
{
	size_t rounded = align_up(size, align);

	if (likely(align <= PAGE_SIZE && rounded - 1 < KMALLOC_MAX_SIZE))
		return alloc_small(rounded);
	if (!size)
		return kmalloc_aligned(1, align);
	return alloc_large(size, max_ul(align, PAGE_SIZE), NUMA_NO_NODE, MALLOC_GFP);
}

void *kmalloc_zeroed(size_t size)
{
	void *object;

	if (size > KMALLOC_MAX_SIZE)
		return alloc_pages_for(size, MALLOC_GFP | __GFP_ZERO);
	object = alloc_small(size);
	return object ? memset(object, 0, size) : NULL;
}

/* ---- Free ---- */

/* What a handler allocated within a slow path it can free there, too. */
static void free_nested(void *object)
{
	struct section *section = section_of(object);

	if (!section || section->type != SECTION_AREA || !kmalloc_may_nest())
		cpu_defer_free(object);
	else if (large_free(NULL, object))
		fault_bad_pointer(object);
}

/* Where many threads wait each would keep something: then none does. */
static void look_what_to_keep(struct kmem_cpu *cpu)
{
	bool crowd = cpus_count() > CROWD * (unsigned long)limits.cpus;

	cpu->may_keep = crowd ? (struct keep_limit){ NULL, 0 } : large_keep_limit(cpu->pcp);
}

/* What is kept stays if it still may; a handler may have kept another meanwhile. */
static void keep_or_drop(struct kmem_cpu *cpu)
{
	struct page *page = cpu_exchange_kept(cpu, NULL);

	if (page && page->nr_pages <= cpu->may_keep.pages)
		page = cpu_exchange_kept(cpu, page);
	if (page)
		large_drop(cpu->pcp, page);
}

/*
 * A block that comes and goes would stop the time: nothing of it comes to the zone, nor ends a slow
 * path. Nor would the thread see that it may keep less by now.
 */
static void look_around(void)
{
	struct kmem_cpu *cpu = cpu_enter();

	KMEM_ASSERT(cpu && cpu->kind == CPU_LIVE);
	look_what_to_keep(cpu);
	keep_or_drop(cpu);
	pcp_pass_time(cpu->pcp);
	cpu_leave(cpu);
}

/* The thread keeps another block now: what it kept before goes. */
static __noinline void settle_kept(const struct kmem_cpu *cpu, struct page *before)
{
	if (before)
		drop_large(before);
	if (cpu->nr_kept % PASS_AFTER == 0)
		look_around();
}

/* The block becomes what the thread keeps: never that of one without a state. */
static __always_inline bool keep_large(struct kmem_cpu *cpu, const void *object)
{
	struct page *page = READ_ONCE(cpu->busy) ? NULL : large_keep(object, &cpu->may_keep);

	if (!page)
		return false;
	page = cpu_exchange_kept(cpu, page);
	if (unlikely(++cpu->nr_kept % PASS_AFTER == 0 || page))
		settle_kept(cpu, page);
	return true;
}

static bool may_keep_now(struct kmem_cpu *cpu)
{
	if (cpu->kind != CPU_LIVE || READ_ONCE(cpu->busy))
		return false;
	look_what_to_keep(cpu);
	return true;
}

static __noinline void free_large_slow(void *object)
{
	struct kmem_cpu *cpu = this_cpu;

	if (may_keep_now(cpu) && keep_large(cpu, object))
		return;
	cpu = cpu_enter_free();
	if (unlikely(!cpu)) {
		free_nested(object);
		return;
	}
	if (unlikely(large_free(cpu_pages(cpu), object)))
		fault_bad_pointer(object);
	cpu_leave(cpu);
}

static __noinline void free_large(void *object)
{
	if (unlikely(!keep_large(this_cpu, object)))
		free_large_slow(object);
}

void kfree_slow(void *object)
{
	struct kmem_cache *s = cache_of(object);

	if (s)
		cache_free(s, object, __builtin_return_address(0));
	else
		free_large(object);
}

/* ---- Sizes ---- */

static size_t large_usable(const void *object)
{
	size_t size = large_size(object);

	if (!size)
		fault_bad_pointer(object);
	return size;
}

size_t kmalloc_live_size(const void *object)
{
	struct kmem_cache *s = cache_of(object);

	if (!s)
		return large_usable(object);
	slab_check_object(s, object);
	return cache_usable(s);
}

size_t kmalloc_usable(const void *object)
{
	struct kmem_cache *s = cache_of(object);

	if (!s)
		return large_usable(object);
	slab_check_start(s, object);
	return cache_usable(s);
}

/* A shrunk object stays where it is unless that wastes half of it. */
static bool fits_well(size_t old_size, size_t new_size)
{
	return new_size <= old_size && new_size <= KMALLOC_MAX_SIZE &&
	       class_size[kmalloc_class(new_size)] > old_size / 2;
}

void *kmalloc_resize(void *object, size_t old_size, size_t new_size, bool may_have_room)
{
	struct kmem_cpu *cpu;

	if (cache_of(object))
		return fits_well(old_size, new_size) ? object : NULL;
	if (new_size <= KMALLOC_MAX_SIZE || new_size > PTRDIFF_MAX - PAGE_SIZE)
		return NULL;
	/* As many pages as before. */
	if (align_up(new_size, PAGE_SIZE) == old_size)
		return object;
	cpu = cpu_enter();
	if (unlikely(!cpu))
		return NULL;
	object = large_resize(object, new_size, may_have_room);
	cpu_leave(cpu);
	return object;
}

void kmalloc_copy(void *to, const void *from, size_t n)
{
	if (n > KMALLOC_MAX_SIZE)
		large_will_write(to, n);
	memcpy(to, from, n);
}

void kmalloc_check_size(const void *object, size_t size, size_t align)
{
	struct kmem_cache *s = cache_of(object);
	size_t usable = kmalloc_live_size(object);
	bool wrong = size > usable || ((uintptr_t)object & (align - 1));

	if (align <= KMALLOC_MIN_ALIGN && !READ_ONCE(kept_larger))
		wrong |= s ? !fits_well(usable, size) : size <= KMALLOC_MAX_SIZE;
	if (wrong)
		fault_wrong_size(s ? s->name : "large", object, size);
}

/* ---- Trim ---- */

static unsigned long pages_used(void)
{
	struct zone_totals sum;

	zones_total(&sum);
	return sum.nr_online - sum.nr_free;
}

static bool trim(void (*empty)(struct kmem_cpu *cpu))
{
	struct kmem_cpu *cpu = cpu_enter();
	unsigned long used = pages_used();
	unsigned long pages;

	if (!cpu)
		return false;
	while (cpu_reclaim_orphan() || cpu_drain_resting())
		;
	if (cpu->kind == CPU_LIVE)
		empty(cpu);
	caches_trim();
	pages = zones_purge();
	KMEM_ASSERT(mm_is_valid());
	cpu_leave(cpu);
	return pages || pages_used() < used;
}

bool kmem_trim(void)
{
	return trim(cpu_drain);
}

bool kmem_trim_unasked(void)
{
	return !lock_is_mine(&cpus_lock) && trim(cpu_hollow);
}
