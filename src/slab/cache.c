/* SPDX-License-Identifier: MIT */
/* See cache.h for the states and the promise. */
#include "cache.h"

#include <errno.h>
#include <string.h>

#include "cpu.h"
#include "fault.h"
#include "kmalloc.h"
#include "rcu.h"
#include "release.h"
#include "report.h"
#include "slab_debug.h"
#include "slab_run.h"

#define LEAST_ALIGN ((unsigned int)sizeof(void *))
#define LEAST_SIZE  ((unsigned int)KMALLOC_MIN_ALIGN) /* a page of them is SLAB_MAX_OBJECTS */
#define KEPT_DEAD   256u /* descriptors of dead caches that are not used again */
#define NAMED_LIVE  16u	 /* objects in use that a report names */

#define SLAB_FLAGS_KNOWN                                                              \
	(SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_CACHE_DMA32 | SLAB_CACHE_DMA |        \
	 SLAB_TYPESAFE_BY_RCU | SLAB_RECLAIM_ACCOUNT | SLAB_NO_MERGE | SLAB_ACCOUNT | \
	 SLAB_DEBUG_FLAGS | SLAB_FAILSLAB | SLAB_NOLEAKTRACE | SLAB_SKIP_KFENCE)
#define SLAB_NEVER_MERGE                                                           \
	(SLAB_DEBUG_FLAGS | SLAB_TYPESAFE_BY_RCU | SLAB_NO_MERGE | SLAB_FAILSLAB | \
	 SLAB_NOLEAKTRACE | SLAB_SKIP_KFENCE)
#define SLAB_MERGE_SAME (SLAB_CACHE_DMA32 | SLAB_CACHE_DMA | SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT)

struct lock slab_mutex = LOCK_INIT(RANK_CACHES);
struct list_head slab_caches = LIST_HEAD_INIT(slab_caches);
static unsigned long nr_made; /* caches of the program, ever; slab_mutex */
struct list_head ending_caches = LIST_HEAD_INIT(ending_caches);

/* All under slab_mutex. */
static struct list_head dead = LIST_HEAD_INIT(dead);
static unsigned int nr_dead;

static struct meta_pool cache_pool = META_POOL_INIT("kmem_cache", sizeof(struct kmem_cache));
static struct meta_pool name_pool = META_POOL_INIT("cache name", sizeof(struct cache_name));

/* The far caches, in pieces that are made when they are needed, and stay. */
static struct kmem_cache **far_caches[NR_CHUNKS];
static struct meta_pool far_pool =
	META_POOL_INIT("far caches", CHUNK_SLOTS * sizeof(struct kmem_cache *));

static bool no_merge;

static int set_nomerge(const char *value, size_t len)
{
	(void)value;
	no_merge = true;
	return len ? -EINVAL : 0;
}

static int set_merge(const char *value, size_t len)
{
	(void)value;
	no_merge = false;
	return len ? -EINVAL : 0;
}

static const struct boot_param params[] = {
	{ "slab_nomerge", set_nomerge },
	{ "slab_merge", set_merge },
};

const struct boot_params cache_params = { params, ARRAY_SIZE(params) };

/* ---- What is asked for ---- */

/* A word: it is printed as it is, in a row of words. */
static bool name_is_good(const char *name)
{
	size_t i;

	for (i = 0; i <= CACHE_NAME_MAX && name[i]; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == '\x7f')
			return false;
	return i > 0 && i <= CACHE_NAME_MAX;
}

static int check_wish(const struct cache_wish *wish)
{
	if (!wish->name || !name_is_good(wish->name))
		return -EINVAL;
	if (wish->size == 0 || wish->size > CACHE_SIZE_MAX)
		return -EINVAL;
	if (wish->align > PAGE_SIZE || (wish->align && !is_power_of_2(wish->align)))
		return -EINVAL;
	if (wish->flags & ~SLAB_FLAGS_KNOWN)
		return -EINVAL;
	if (wish->usersize > wish->size || wish->useroffset > wish->size - wish->usersize)
		return -EINVAL;
	if (wish->use_freeptr_offset &&
	    (wish->size < sizeof(void *) || wish->freeptr_offset > wish->size - sizeof(void *) ||
	     wish->freeptr_offset % sizeof(void *) || !(wish->flags & SLAB_TYPESAFE_BY_RCU)))
		return -EINVAL;
	if (wish->sheaf_capacity > MAX_SHEAF_CAPACITY)
		return -EINVAL;
	return 0;
}

/* Small objects that want to be cache aligned share a line with as many as go evenly. */
static unsigned int calculate_align(const struct cache_wish *wish)
{
	unsigned int align = (unsigned int)max_ul(wish->align, LEAST_ALIGN), line = CACHE_LINE;

	if (!(wish->flags & SLAB_HWCACHE_ALIGN))
		return align;
	while (wish->size <= line / 2)
		line /= 2;
	return (unsigned int)max_ul(align, line);
}

static bool has_functions(const struct cache_wish *wish)
{
	return wish->ctor || wish->dtor || wish->old_ctor || wish->old_dtor;
}

/* ---- Sharing ---- */

static bool may_share(const struct cache_wish *wish)
{
	return !no_merge && !has_functions(wish) && !wish->usersize && !wish->sheaf_capacity &&
	       !(wish->flags & SLAB_NEVER_MERGE);
}

/* The youngest cache whose objects are as good; the waste of a word is none. */
static struct kmem_cache *find_mergeable(const struct cache_wish *wish)
{
	unsigned int align = calculate_align(wish);
	unsigned int size = (unsigned int)align_up(max_ul(wish->size, LEAST_SIZE), align);
	struct list_head *node;

	if (!may_share(wish))
		return NULL;
	for (node = slab_caches.prev; node != &slab_caches; node = node->prev) {
		struct kmem_cache *s = list_entry(node, struct kmem_cache, list);

		if (s->unmergeable || s->flags & SLAB_NEVER_MERGE)
			continue;
		if ((s->flags ^ wish->flags) & SLAB_MERGE_SAME)
			continue;
		if (s->align >= align && s->size >= size && s->size - size < sizeof(void *))
			return s;
	}
	return NULL;
}

static struct cache_name *new_name(const char *text)
{
	struct cache_name *name = meta_alloc(&name_pool);

	if (name) {
		list_init(&name->list);
		memcpy(name->text, text, strlen(text) + 1);
	}
	return name;
}

static struct kmem_cache *add_alias(struct kmem_cache *s, const struct cache_wish *wish)
{
	struct cache_name *name = new_name(wish->name);

	if (!name)
		return NULL;
	list_add_tail(&name->list, &s->aliases);
	s->refcount++;
	if (s->object_size < wish->size)
		s->object_size = (unsigned int)wish->size;
	return s;
}

/* Which of the names is given up does not show: the youngest. */
static void drop_alias(struct kmem_cache *s)
{
	struct cache_name *name = list_last_entry(&s->aliases, struct cache_name, list);

	list_del(&name->list);
	meta_free(&name_pool, name);
	s->refcount--;
}

/* ---- Making one ---- */

static struct kmem_cache *new_descriptor(void)
{
	struct kmem_cache *s;

	if (nr_dead > KEPT_DEAD) {
		s = list_first_entry(&dead, struct kmem_cache, list);
		list_del(&s->list);
		nr_dead--;
		meta_free(&name_pool, container_of(s->name, struct cache_name, text));
	} else {
		s = meta_alloc(&cache_pool);
	}
	if (s)
		memset(s, 0, sizeof(*s));
	return s;
}

struct kmem_cache *far_cache(unsigned int nr)
{
	struct kmem_cache **piece = READ_ONCE(far_caches[nr / CHUNK_SLOTS]);

	return piece ? READ_ONCE(piece[nr % CHUNK_SLOTS]) : NULL;
}

static bool set_far_cache(unsigned int nr, struct kmem_cache *s)
{
	struct kmem_cache ***piece = &far_caches[nr / CHUNK_SLOTS];
	struct kmem_cache **new;

	if (!*piece) {
		new = meta_alloc(&far_pool);
		if (!new)
			return false;
		memset(new, 0, far_pool.size);
		smp_store_release(piece, new);
	}
	WRITE_ONCE((*piece)[nr % CHUNK_SLOTS], s);
	return true;
}

static void choose_index(struct kmem_cache *s)
{
	unsigned int i;

	s->index = CLASS_ASK;
	if (s->single)
		return;
	for (i = NR_KMALLOC_CLASSES; i < CLASS_ASK && kmem_caches[i]; i++)
		;
	s->index = (uint8_t)i;
	if (i < CLASS_ASK)
		return;
	/* Should there be no number left either, there are no sheaves. */
	for (i = 1; i < NR_FAR_CACHES && far_cache(i); i++)
		;
	if (i < NR_FAR_CACHES && set_far_cache(i, s))
		s->far = (uint16_t)i;
}

static void free_index(struct kmem_cache *s)
{
	if (s->index != CLASS_ASK)
		kmem_caches[s->index] = NULL;
	else if (s->far)
		set_far_cache(s->far, NULL);
	s->index = CLASS_ASK;
	s->far = 0;
}

static struct kmem_cache *new_cache(const struct cache_wish *wish)
{
	struct kmem_cache *s = new_descriptor();
	struct cache_name *name = s ? new_name(wish->name) : NULL;
	unsigned int align = calculate_align(wish);

	if (!name) {
		if (s)
			meta_free(&cache_pool, s);
		return NULL;
	}
	s->flags = wish->flags;
	s->object_size = (unsigned int)wish->size;
	s->old_form = wish->old_ctor || wish->old_dtor;
	if (s->old_form) {
		s->old_ctor = wish->old_ctor;
		s->old_dtor = wish->old_dtor;
	} else {
		s->ctor = wish->ctor;
		s->dtor = wish->dtor;
	}
	s->sheaf_capacity = (uint16_t)wish->sheaf_capacity;
	s->unmergeable = !may_share(wish);
	s->tracks = has_functions(wish) || (wish->flags & SLAB_DEBUG_FLAGS);
	s->waits = wish->dtor || wish->old_dtor || (wish->flags & SLAB_TYPESAFE_BY_RCU);
	s->single = (wish->flags & SLAB_DEBUG_FLAGS) ||
		    ((wish->flags & SLAB_FAILSLAB) && failslab_enabled());
	choose_index(s);
	cache_init(s, name->text, (unsigned int)align_up(max_ul(debug_size(s), LEAST_SIZE), align),
		   align, s->index);
	cache_init_sheaves(s);
	cache_init_nodes(s);
	cpus_make_slots(s);
	if (wish->flags & SLAB_TYPESAFE_BY_RCU)
		rcu_commit();
	s->serial = ++nr_made;
	list_add_tail(&s->list, &slab_caches);
	return s;
}

struct kmem_cache *cache_create(const struct cache_wish *wish, int *error)
{
	struct kmem_cache *s;
	struct kmem_cpu *cpu;

	*error = check_wish(wish);
	if (*error)
		return NULL;
	cpu = cpu_enter();
	if (!cpu) {
		*error = -EBUSY;
		return NULL;
	}
	lock_acquire(&slab_mutex);
	s = find_mergeable(wish);
	s = s ? add_alias(s, wish) : new_cache(wish);
	lock_release(&slab_mutex);
	cpu_leave(cpu);
	*error = s ? 0 : -ENOMEM;
	return s;
}

/* ---- Ending one ---- */

struct live_objects {
	const void *object[NAMED_LIVE];
	unsigned long nr;
};

static void note_live(struct kmem_cache *s, const struct list_head *slabs,
		      struct live_objects *live)
{
	const struct slab *slab;
	unsigned int i;

	list_for_each_entry(slab, slabs, list) {
		for (i = 0; i < s->objects; i++) {
			if (bitmap_has(slab->free_map, i))
				continue;
			if (live->nr < NAMED_LIVE)
				live->object[live->nr] = slab_base(s, slab) + i * s->size;
			live->nr++;
		}
	}
}

static void find_live(struct kmem_cache *s, struct live_objects *live)
{
	struct kmem_cache_node *node;
	struct slab_lane *lane;

	for_each_lane(lane, node, s) {
		lock_acquire(&lane->lock);
		note_live(s, &lane->full, live);
		note_live(s, &lane->partial, live);
		lock_release(&lane->lock);
	}
}

/* With no lock held: whoever reads may be slow. */
static void report_live(const struct kmem_cache *s, const struct live_objects *live)
{
	unsigned long i;

	kmem_report("kmem_cache_destroy(%s): %lu objects are in use", s->name, live->nr);
	for (i = 0; i < live->nr && i < NAMED_LIVE; i++)
		kmem_report("kmem_cache_destroy(%s): object 0x%lx", s->name,
			    (unsigned long)live->object[i]);
	if (live->nr > NAMED_LIVE)
		kmem_report("kmem_cache_destroy(%s): and %lu more", s->name, live->nr - NAMED_LIVE);
}

/* 1: it is ending, and the caller finishes it; 0: one name less; -EBUSY: it is in use. */
static int begin_end(struct kmem_cpu *cpu, struct kmem_cache *s, struct live_objects *live)
{
	if (s->state != CACHE_ALIVE)
		fault_destroyed("destruction of", s, s);
	if (s->refcount > 1) {
		drop_alias(s);
		return 0;
	}
	if (s->index < NR_KMALLOC_CLASSES || s->shared)
		kmem_bug("%s: destruction of a cache that serves kmalloc of 0x%lx", s->name,
			 (unsigned long)s);
	cpus_flush_slots(cpu, s);
	barn_drain(s);
	if (cache_inuse(s)) {
		find_live(s, live);
		return -EBUSY;
	}
	WRITE_ONCE(s->state, CACHE_ENDING);
	WRITE_ONCE(s->slot, (uint16_t)SLOT_OFFSET(0));
	cache_shrink(s);
	list_move_tail(&s->list, &ending_caches);
	return 1;
}

static void finish_end(struct kmem_cache *s)
{
	KMEM_ASSERT(cache_slabs(s) == 0);
	free_index(s);
	cache_free_nodes(s);
	WRITE_ONCE(s->state, CACHE_DEAD);
	list_move_tail(&s->list, &dead);
	nr_dead++;
}

int cache_destroy(struct kmem_cache *s)
{
	struct live_objects live = { .nr = 0 };
	struct kmem_cpu *cpu = cpu_enter();
	int ret;

	if (!cpu)
		return -EBUSY;
	lock_acquire(&slab_mutex);
	ret = begin_end(cpu, s, &live);
	lock_release(&slab_mutex);
	cpu_leave(cpu);
	if (ret == -EBUSY)
		report_live(s, &live);
	if (ret <= 0)
		return ret;
	if (s->waits)
		release_wait(s);
	cpu = cpu_enter();
	lock_acquire(&slab_mutex);
	finish_end(s);
	lock_release(&slab_mutex);
	cpu_leave(cpu);
	return 0;
}

/* ---- What is this? ---- */

static void dump_run(const struct kmem_cache *units, struct slab *slab, const void *addr)
{
	const struct kmem_cache *s;
	const char *start;

	s = run_object_at(slab, addr, &start);
	if (s)
		kmem_report(
			"0x%lx: %s object of the slab at 0x%lx, taken, from 0x%lx on, %u bytes, "
			"offset %lu",
			(unsigned long)addr, s->name,
			(unsigned long)page_start((const struct page *)slab), (unsigned long)start,
			s->object_size, (unsigned long)((const char *)addr - start));
	else
		kmem_report("0x%lx: in a slab of %s, in no object", (unsigned long)addr,
			    units->name);
}

bool cache_dump_object(const void *addr)
{
	struct slab *slab = slab_containing(addr);
	const struct kmem_cache *s = slab ? READ_ONCE(slab->cache) : NULL;
	unsigned long offset, index;

	if (!s)
		return false;
	if (s->shared) {
		dump_run(s, slab, addr);
		return true;
	}
	offset = (unsigned long)((const char *)addr - slab_base(s, slab));
	index = offset / s->size;
	if ((const char *)addr < slab_base(s, slab) || index >= s->objects) {
		kmem_report("0x%lx: in a slab of %s, in no object", (unsigned long)addr, s->name);
		return true;
	}
	kmem_report("0x%lx: %s object %lu of the slab at 0x%lx, %s, from 0x%lx on, %u bytes, "
		    "offset %lu",
		    (unsigned long)addr, s->name, index,
		    (unsigned long)page_start((const struct page *)slab),
		    bitmap_has(slab->free_map, (unsigned int)index) ? "free" : "taken",
		    (unsigned long)addr - offset % s->size, s->object_size, offset % s->size);
	debug_report_users(s, (const char *)addr - offset % s->size);
	return true;
}

/* ---- Memory back ---- */

bool cache_shrink_all(struct kmem_cache *s)
{
	struct kmem_cpu *cpu = cpu_enter();
	bool left;

	if (!cpu)
		return true;
	if (cpu->kind == CPU_LIVE)
		sheaf_flush_slot(cpu, s);
	barn_drain(s);
	cache_shrink(s);
	left = cache_slabs(s) != 0;
	cpu_leave(cpu);
	release_waiting();
	return left;
}

void caches_init_nodes(void)
{
	struct kmem_cache *s;

	lock_acquire(&slab_mutex);
	for_each_cache(s)
		cache_init_nodes(s);
	lock_release(&slab_mutex);
}

static void trim(struct kmem_cache *s, void *arg)
{
	(void)arg;
	barn_drain(s);
	cache_shrink(s);
	KMEM_ASSERT(barn_is_valid(s));
	KMEM_ASSERT(cache_is_valid(s));
}

/* They stay for ever, so they need no lock. There are none before the first allocation. */
void kmalloc_caches_for_each(void (*fn)(struct kmem_cache *s, void *arg), void *arg)
{
	unsigned int class;

	for (class = 1; class < NR_KMALLOC_CLASSES && kmem_caches[class]; class ++)
		fn(kmem_caches[class], arg);
	if (unit_cache.name)
		fn(&unit_cache, arg);
}

static bool is_program_s(const struct kmem_cache *s)
{
	return s->index >= NR_KMALLOC_CLASSES && !s->shared;
}

void caches_after(unsigned long serial, bool (*fn)(struct kmem_cache *s, void *arg), void *arg)
{
	struct kmem_cache *s;

	lock_acquire(&slab_mutex);
	for_each_cache(s)
		if (is_program_s(s) && s->serial > serial && !fn(s, arg))
			break;
	lock_release(&slab_mutex);
}

/*
 * The lock is not taken for kmalloc's: a fork by a handler that interrupted whoever holds one of a
 * lane or a zone would wait for the holder of the list, who waits for that.
 */
void caches_for_each(void (*fn)(struct kmem_cache *s, void *arg), void *arg)
{
	struct kmem_cache *s;

	kmalloc_caches_for_each(fn, arg);
	if (!READ_ONCE(cpu_extras_used))
		return;
	lock_acquire(&slab_mutex);
	for_each_cache(s)
		if (is_program_s(s))
			fn(s, arg);
	lock_release(&slab_mutex);
}

void caches_trim(void)
{
	caches_for_each(trim, NULL);
}
