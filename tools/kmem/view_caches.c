/* SPDX-License-Identifier: MIT */
/* See view.h: threads and caches. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define MAX_THREADS (1u << 22) /* the most that Linux has */

/* ---- Threads ---- */

/* Objects that lie in a slot, as the library's own slot_objects() counts them. */
static unsigned long slot_count(struct target *t, const struct cpu_slot *slot,
				const struct kmem_cache *cache)
{
	uintptr_t top = (uintptr_t)slot->top;
	uintptr_t objects = (uintptr_t)slot->main + offsetof(struct sheaf, objects);
	unsigned long nr = 0;
	struct sheaf spare;

	if (!slot->main)
		return 0;
	/* A slot in the middle of a change points elsewhere. */
	if (top >= objects && top <= objects + cache->sheaf_capacity * sizeof(void *))
		nr = (top - objects) / sizeof(void *);
	if (slot->spare && target_read_struct(t, slot->spare, &spare) &&
	    spare.size <= cache->sheaf_capacity)
		nr += spare.size;
	return nr;
}

static void count_thread(void *context, struct target *t, const struct kmem_cpu *cpu)
{
	struct caches *caches = context;
	size_t i;

	caches->nr_threads++;
	for (i = 0; i < PCP_ORDERS; i++)
		if (cpu->pcp.nr[i] <= PCP_PAGES)
			caches->pcp_pages += (unsigned long)cpu->pcp.nr[i] << i;
	for (i = 0; i < caches->nr; i++) {
		struct cache_view *view = &caches->cache[i];

		view->objects_in_slots +=
			slot_count(t, &cpu->slot[view->cache.index], &view->cache);
	}
}

/*
 * Every state on a list, whose links must agree in both directions; false when they did not, and what
 * was seen so far may be counted twice or not at all.
 */
static bool walk_threads(struct target *t, uintptr_t head, thread_visitor *each, void *context)
{
	struct kmem_cpu *cpu = xrealloc(NULL, 1, sizeof(*cpu));
	uintptr_t from = head, at;
	unsigned int nr = 0;
	struct list_head link;
	bool good;

	good = target_read_struct(t, head, &link);
	for (at = (uintptr_t)link.next; good && at != head; at = (uintptr_t)cpu->list.next) {
		good = nr++ < MAX_THREADS &&
		       target_read_struct(t, at - offsetof(struct kmem_cpu, list), cpu) &&
		       (uintptr_t)cpu->list.prev == from;
		if (good)
			each(context, t, cpu);
		from = at;
	}
	free(cpu);
	return good;
}

bool threads_for_each(struct target *t, thread_visitor *each, void *context)
{
	const struct list_head *list[NR_CPU_LISTS];
	size_t i;

	target_need_struct(t, t->root.cpu_lists, &list, "the lists of threads");
	for (i = 0; i < NR_CPU_LISTS; i++)
		if (!walk_threads(t, (uintptr_t)list[i], each, context))
			return false;
	return true;
}

static void read_threads(struct target *t, struct caches *caches)
{
	unsigned int try;
	size_t i;

	for (try = 0; try < VIEW_TRIES; try++) {
		caches->nr_threads = 0;
		caches->pcp_pages = 0;
		for (i = 0; i < caches->nr; i++)
			caches->cache[i].objects_in_slots = 0;
		if (threads_for_each(t, count_thread, caches))
			return;
	}
	target_note_change(t, "the list of threads: %lu states seen", caches->nr_threads);
}

/* ---- Caches ---- */

/* Full sheaves of a barn and their objects; false when the list does not fit its length. */
static bool walk_barn(struct target *t, struct cache_view *view, const struct barn *barn)
{
	const struct sheaf *at = barn->full;
	unsigned int nr = 0;
	struct sheaf sheaf;

	while (at) {
		if (nr++ == barn->nr_full || !target_read_struct(t, at, &sheaf) ||
		    sheaf.size > view->cache.sheaf_capacity)
			return false;
		view->objects_in_barns += sheaf.size;
		at = sheaf.next;
	}
	return nr == barn->nr_full;
}

/* Whether the numbers of a node can all be true at one moment. */
static bool node_makes_sense(const struct kmem_cache *cache, const struct kmem_cache_node *node)
{
	unsigned long least = node->nr_partial + node->nr_full * cache->objects;
	unsigned long most = (node->nr_partial + node->nr_full) * cache->objects;

	return node->nr_inuse >= least && node->nr_inuse <= most;
}

static bool cache_makes_sense(const struct kmem_cache *cache)
{
	return cache->size && cache->objects && cache->objects <= SLAB_MAX_OBJECTS &&
	       cache->order <= MAX_ORDER && cache->index && cache->sheaf_capacity;
}

static void add_node(struct cache_view *view, const struct kmem_cache_node *node)
{
	view->partial_slabs += node->nr_partial;
	view->full_slabs += node->nr_full;
	view->empty_slabs += node->nr_empty;
	view->info.active_objs += node->nr_inuse;
}

/* A string of at most @size - 1 bytes, which may end just before something unreadable. */
static bool read_name(struct target *t, uintptr_t address, char *name, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1; i++) {
		if (!target_read(t, address + i, &name[i], 1))
			return false;
		if (!name[i])
			return true;
	}
	name[i] = '\0';
	return true;
}

static bool read_cache(struct target *t, struct cache_view *view)
{
	struct kmem_cache *cache = &view->cache;
	uintptr_t address = view->address;

	*view = (struct cache_view){ .address = address };
	if (!target_read_struct(t, address, cache) || !cache_makes_sense(cache))
		return false;
	if (!read_name(t, (uintptr_t)cache->name, view->name, sizeof(view->name)))
		return false;
	view->full_sheaves = cache->node.barn.nr_full;
	view->empty_sheaves = cache->node.barn.nr_empty;
	add_node(view, &cache->node);
	return node_makes_sense(cache, &cache->node) && walk_barn(t, view, &cache->node.barn);
}

static void read_cache_patiently(struct target *t, struct cache_view *view)
{
	unsigned int try;

	for (try = 0; try < VIEW_TRIES; try++)
		if (read_cache(t, view))
			return;
	if (!cache_makes_sense(&view->cache))
		die(KMEM_DAMAGED, "%s: there is no cache at 0x%lx", t->name,
		    (unsigned long)view->address);
	target_note_change(t, "%s", view->name);
}

/* The columns of slabinfo, and what part of the objects the program does not have. */
static void fill_info(struct cache_view *view)
{
	struct cache_info *info = &view->info;
	unsigned long cached = view->objects_in_slots + view->objects_in_barns;

	info->name = view->name;
	info->objsize = view->cache.size;
	info->objperslab = view->cache.objects;
	info->pagesperslab = 1u << view->cache.order;
	info->sheaf_capacity = view->cache.sheaf_capacity;
	info->active_slabs = view->partial_slabs + view->full_slabs;
	info->num_slabs = info->active_slabs + view->empty_slabs;
	info->num_objs = info->num_slabs * info->objperslab;
	info->cached_objs = min_ul(cached, info->active_objs);
}

void caches_read(struct target *t, struct caches *caches)
{
	struct kmem_cache *address[NR_CLASSES];
	size_t i;

	*caches = (struct caches){ .cache = xrealloc(NULL, NR_CLASSES, sizeof(*caches->cache)) };
	target_need(t, (uintptr_t)t->root.caches, address, sizeof(address), "the table of caches");
	for (i = 0; i < NR_CLASSES; i++)
		if (address[i])
			caches->cache[caches->nr++].address = (uintptr_t)address[i];
	for (i = 0; i < caches->nr; i++)
		read_cache_patiently(t, &caches->cache[i]);
	read_threads(t, caches);
	for (i = 0; i < caches->nr; i++)
		fill_info(&caches->cache[i]);
}

void caches_free(struct caches *caches)
{
	free(caches->cache);
	*caches = (struct caches){ 0 };
}
