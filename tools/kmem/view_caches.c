/* SPDX-License-Identifier: MIT */
/* See view.h: threads and caches. */
#include "view.h"

#include <stdlib.h>

#include "tool.h"

#define MAX_THREADS (1u << 22) /* the most that Linux has */
#define MAX_CACHES  (1u << 16) /* more than the library can number */
#define MAX_FULL    4096u      /* sheaves in a barn; a few are what it holds */

/* ---- Threads ---- */

/*
 * Every state on a list, whose links must agree in both directions; false when they did not, and
 * what was seen so far may be counted twice or not at all.
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

bool thread_slot(struct target *t, const struct kmem_cpu *cpu, const struct kmem_cache *cache,
		 struct cpu_slot *slot)
{
	const struct cpu_slot *chunk;

	if (cache->index != CLASS_ASK) {
		*slot = cpu->slot[cache->index];
		return true;
	}
	if (!cache->far || cache->far >= NR_FAR_CACHES)
		return false;
	chunk = cpu->chunk[cache->far / CHUNK_SLOTS];
	return chunk && target_read_struct(t, chunk + cache->far % CHUNK_SLOTS, slot);
}

/* Objects that lie in a slot, as the library's own slot_objects() counts them. */
static unsigned long slot_count(struct target *t, const struct cpu_slot *slot,
				const struct kmem_cache *cache)
{
	uintptr_t top = (uintptr_t)slot->top;
	uintptr_t objects = (uintptr_t)slot->main + offsetof(struct sheaf, objects);
	unsigned long nr = 0;
	struct sheaf sheaf, spare;

	if (!slot->main || !target_read_struct(t, slot->main, &sheaf))
		return 0;
	/* A slot in the middle of a change points elsewhere. */
	if (top >= objects && top <= objects + cache->sheaf_capacity * sizeof(void *))
		nr = (top - objects) / sizeof(void *);
	nr -= sheaf.size < nr ? sheaf.size : nr;
	if (slot->spare && target_read_struct(t, slot->spare, &spare) &&
	    spare.size <= cache->sheaf_capacity)
		nr += spare.size;
	return nr;
}

static void count_thread(void *context, struct target *t, const struct kmem_cpu *cpu)
{
	struct caches *caches = context;
	struct cpu_slot slot;
	size_t i;

	caches->nr_threads++;
	for (i = 0; i < caches->nr; i++) {
		struct cache_view *view = &caches->cache[i];

		if (thread_slot(t, cpu, &view->cache, &slot))
			view->objects_in_slots += slot_count(t, &slot, &view->cache);
	}
}

static void count_threads(struct target *t, struct caches *caches)
{
	unsigned int try;
	size_t i;

	for (try = 0; try < VIEW_TRIES; try++) {
		caches->nr_threads = 0;
		for (i = 0; i < caches->nr; i++)
			caches->cache[i].objects_in_slots = 0;
		if (threads_for_each(t, count_thread, caches))
			return;
	}
	target_note_change(t, "the list of threads: %lu states seen", caches->nr_threads);
}

/* ---- The nodes of a cache ---- */

/* Full sheaves of a barn and their objects; false when the list does not fit its length. */
static bool walk_barn(struct target *t, struct cache_view *view, const struct barn *barn)
{
	const struct sheaf *at = barn->full;
	unsigned int nr = 0;
	struct sheaf sheaf;

	while (at) {
		if (nr == MAX_FULL || nr++ == barn->nr_full || !target_read_struct(t, at, &sheaf) ||
		    sheaf.size > view->cache.sheaf_capacity)
			return false;
		view->objects_in_barns += sheaf.size;
		at = sheaf.next;
	}
	return nr == barn->nr_full;
}

/* Whether the numbers of a node can all be true at one moment. */
static bool node_makes_sense(const struct kmem_cache *cache, const struct node_sum *sum)
{
	unsigned long least = sum->nr_partial + sum->nr_full * cache->objects;
	unsigned long most = (sum->nr_partial + sum->nr_full) * cache->objects;

	if (cache->units)
		return sum->nr_inuse <= node_capacity(cache, sum);
	return sum->nr_inuse >= least && sum->nr_inuse <= most;
}

/* The copy behind the last one, of which something is to be said. */
static struct kmem_cache_node *new_node(struct cache_view *view)
{
	view->node = xrealloc_aligned(view->node, view->nr_nodes, view->nr_nodes + 1,
				      sizeof(*view->node), _Alignof(struct kmem_cache_node));
	return &view->node[view->nr_nodes];
}

static bool count_node(struct target *t, struct cache_view *view)
{
	const struct kmem_cache_node *node = &view->node[view->nr_nodes++];
	struct node_sum sum = node_sum(node);
	bool good = node_makes_sense(&view->cache, &sum);
	unsigned int lane;

	view->partial_slabs += sum.nr_partial;
	view->full_slabs += sum.nr_full;
	view->empty_slabs += sum.nr_empty;
	view->full_sheaves += sum.full_sheaves;
	view->empty_sheaves += sum.empty_sheaves;
	view->info.active_objs += sum.nr_inuse;
	view->info.num_objs += node_capacity(&view->cache, &sum);
	for (lane = 0; lane < NR_LANES; lane++)
		good &= walk_barn(t, view, &node->lane[lane].barn);
	return good;
}

/* The first node's is in the cache itself; others exist where the machine has them. */
static bool read_nodes(struct target *t, struct cache_view *view)
{
	uintptr_t first = view->address + offsetof(struct kmem_cache, node);
	struct kmem_cache_node *table[MAX_NUMNODES] = { NULL };
	bool good;
	size_t i;

	*new_node(view) = view->cache.node;
	good = count_node(t, view);
	if (!view->cache.nodes)
		return good;
	if (!target_read_struct(t, view->cache.nodes, &table))
		return false;
	for (i = 0; i < MAX_NUMNODES; i++) {
		if (!table[i] || (uintptr_t)table[i] == first)
			continue;
		if (!target_read_struct(t, table[i], new_node(view)))
			return false;
		good &= count_node(t, view);
	}
	return good;
}

/* ---- Caches ---- */

static bool cache_makes_sense(const struct kmem_cache *cache)
{
	return cache->size && cache->objects && cache->objects <= SLAB_MAX_OBJECTS &&
	       cache->order <= MAX_ORDER && cache->index;
}

static void forget_cache(struct cache_view *view)
{
	free(view->node);
	*view = (struct cache_view){ .address = view->address };
}

static bool read_cache(struct target *t, struct cache_view *view)
{
	forget_cache(view);
	return target_read_struct(t, view->address, &view->cache) &&
	       cache_makes_sense(&view->cache) &&
	       target_read_string(t, (uintptr_t)view->cache.name, view->name, sizeof(view->name)) &&
	       read_nodes(t, view);
}

/* Tries until it makes sense; false when it is no cache, or none any more. */
static bool read_cache_patiently(struct target *t, struct cache_view *view)
{
	unsigned int try;

	for (try = 0; try < VIEW_TRIES; try++)
		if (read_cache(t, view))
			return true;
	if (!cache_makes_sense(&view->cache) || !view->name[0])
		return false;
	target_note_change(t, "%s", view->name);
	return true;
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
	info->full_slabs = view->full_slabs;
	info->active_slabs = view->partial_slabs + view->full_slabs;
	info->num_slabs = info->active_slabs + view->empty_slabs;
	/* What did not add up after all tries is told as approximate, but not as impossible. */
	info->active_objs = min_ul(info->active_objs, info->num_objs);
	info->cached_objs = min_ul(cached, info->active_objs);
}

/* Addresses of all caches; false when the list changed on the way, and the rest is not there. */
static bool list_caches(struct target *t, struct caches *caches)
{
	uintptr_t head = (uintptr_t)t->root.caches, from = head, at;
	struct list_head link;

	caches->nr = 0;
	target_need(t, head, &link, sizeof(link), "the list of caches");
	for (at = (uintptr_t)link.next; at != head; at = (uintptr_t)link.next) {
		if (caches->nr == MAX_CACHES || !target_read_struct(t, at, &link) ||
		    (uintptr_t)link.prev != from)
			return false;
		if (caches->nr % 256 == 0)
			caches->cache = xrealloc_aligned(caches->cache, caches->nr,
							 caches->nr + 256, sizeof(*caches->cache),
							 _Alignof(struct cache_view));
		caches->cache[caches->nr++] =
			(struct cache_view){ .address = at - offsetof(struct kmem_cache, list) };
		from = at;
	}
	return true;
}

void caches_read(struct target *t, struct caches *caches)
{
	unsigned int try;
	size_t i, nr = 0;

	*caches = (struct caches){ .cache = NULL };
	for (try = 0; try < VIEW_TRIES && !list_caches(t, caches); try++)
		;
	if (try == VIEW_TRIES)
		target_note_change(t, "the list of caches: %zu seen", caches->nr);
	for (i = 0; i < caches->nr; i++) {
		struct cache_view view = caches->cache[i];

		if (read_cache_patiently(t, &view))
			caches->cache[nr++] = view;
		else if (!t->pid)
			die(KMEM_BAD_CORE, "%s: the cache at 0x%lx, or its name, is not in it",
			    t->name, (unsigned long)view.address);
		else
			target_note_change(t, "the cache at 0x%lx", (unsigned long)view.address);
	}
	caches->nr = nr;
	count_threads(t, caches);
	for (i = 0; i < caches->nr; i++)
		fill_info(&caches->cache[i]);
}

void caches_free(struct caches *caches)
{
	size_t i;

	for (i = 0; i < caches->nr; i++)
		free(caches->cache[i].node);
	free(caches->cache);
	*caches = (struct caches){ .cache = NULL };
}
