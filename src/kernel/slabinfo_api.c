/* SPDX-License-Identifier: MIT */
/* kmem/slabinfo.h: figures and walks, from copies that are made under the locks. */
#include <errno.h>
#include <kmem/slabinfo.h>

#include "cache.h"
#include "cpu.h"
#include "kmalloc.h"
#include "slab_run.h"
#include "slabinfo.h"

void get_slabinfo(struct kmem_cache *s, struct slabinfo *info)
{
	struct cache_info figures;

	cache_get_info(s, &figures);
	*info = (struct slabinfo){
		.active_objs = figures.active_objs,
		.cached_objs = figures.cached_objs,
		.num_objs = figures.num_objs,
		.active_slabs = figures.active_slabs,
		.num_slabs = figures.num_slabs,
		.full_slabs = figures.full_slabs,
		.partial_slabs = figures.active_slabs - figures.full_slabs,
		.empty_slabs = figures.num_slabs - figures.active_slabs,
		.objects_per_slab = figures.objperslab,
		.cache_order = s->order,
		.limit = figures.sheaf_capacity,
		.object_size = s->object_size,
		.size = s->size,
		.align = s->align,
		.colours = s->colours,
		.aliases = READ_ONCE(s->refcount) - 1,
		.flags = s->flags,
	};
}

/* ---- Slabs ---- */

struct slab_list_copy {
	struct kmem_slab_info *slabs;
	unsigned long nr, room;
};

static void copy_list(struct kmem_cache *s, const struct list_head *head, enum kmem_slab_list list,
		      struct slab_list_copy *copy)
{
	const struct slab *slab;

	list_for_each_entry(slab, head, list) {
		char *start = page_start((const struct page *)slab);

		if (copy->nr++ >= copy->room)
			continue;
		copy->slabs[copy->nr - 1] = (struct kmem_slab_info){
			.address = start,
			.bytes = PAGE_SIZE << slab->order,
			.first_object = slab_base(s, slab),
			.inuse = slab->inuse,
			.objects = s->shared ? run_units(slab) : s->objects,
			.colour = (unsigned int)(slab_base(s, slab) - start),
			.node = page_nid((const struct page *)slab),
			.list = list,
		};
	}
}

/* Shared slabs have a list for each room. */
static void copy_partial(struct kmem_cache *s, const struct slab_lane *lane,
			 struct slab_list_copy *copy)
{
	unsigned int i;

	if (!s->shared)
		copy_list(s, &lane->partial, KMEM_SLAB_PARTIAL, copy);
	for (i = 0; s->shared && i < NR_ROOMS; i++)
		copy_list(s, &lane->by_room[i], KMEM_SLAB_PARTIAL, copy);
}

/*
 * All slabs of the moment; those that there is no room for are counted. False: no lock may be
 * taken.
 */
static bool copy_slabs(struct kmem_cache *s, struct slab_list_copy *copy)
{
	struct kmem_cpu *cpu = cpu_enter();
	struct kmem_cache_node *node;
	unsigned int i;

	if (!cpu)
		return false;
	copy->nr = 0;
	for_each_node(node, s) {
		node_lock_lanes(node);
		for (i = 0; i < NR_LANES; i++)
			copy_partial(s, &node->lane[i], copy);
		for (i = 0; i < NR_LANES; i++)
			copy_list(s, &node->lane[i].full, KMEM_SLAB_FULL, copy);
		for (i = 0; i < NR_LANES; i++)
			copy_list(s, &node->lane[i].empty, KMEM_SLAB_EMPTY, copy);
		node_unlock_lanes(node);
	}
	cpu_leave(cpu);
	return true;
}

int kmem_cache_for_each_slab(struct kmem_cache *s,
			     int (*fn)(const struct kmem_slab_info *slab, void *arg), void *arg)
{
	struct slab_list_copy copy = { .room = 0 };
	unsigned long i;
	int ret = 0;

	if (!copy_slabs(s, &copy))
		return -EBUSY;
	/* The memory for the copy may be a slab of this cache. */
	while (copy.nr > copy.room) {
		kfree(copy.slabs);
		copy.room = copy.nr + 8;
		copy.slabs = kmalloc(copy.room * sizeof(*copy.slabs), GFP_KERNEL);
		if (!copy.slabs)
			return -ENOMEM;
		if (!copy_slabs(s, &copy))
			copy.nr = 0;
	}
	for (i = 0; i < copy.nr && !ret; i++)
		ret = fn(&copy.slabs[i], arg);
	kfree(copy.slabs);
	return ret;
}

/* ---- Caches ---- */

struct named {
	struct kmem_cache *s;
	const char *name;
	bool alias;
};

/* How many there are; 0: no lock may be taken. */
static unsigned long copy_names(struct named *names, unsigned long room)
{
	struct kmem_cpu *cpu = cpu_enter();
	const struct cache_name *alias;
	struct kmem_cache *s;
	unsigned long nr = 0;

	if (!cpu)
		return 0;
	lock_acquire(&slab_mutex);
	for_each_cache(s) {
		if (nr++ < room)
			names[nr - 1] = (struct named){ s, s->name, false };
		list_for_each_entry(alias, &s->aliases, list)
			if (nr++ < room)
				names[nr - 1] = (struct named){ s, alias->text, true };
	}
	lock_release(&slab_mutex);
	cpu_leave(cpu);
	return nr;
}

int kmem_cache_for_each(int (*fn)(struct kmem_cache *s, const char *name, bool alias, void *arg),
			void *arg)
{
	unsigned long nr = copy_names(NULL, 0), room = 0, i;
	struct named *names = NULL;
	int ret = nr ? 0 : -EBUSY;

	while (nr > room) {
		kfree(names);
		room = nr + 8;
		names = kmalloc(room * sizeof(*names), GFP_KERNEL);
		if (!names)
			return -ENOMEM;
		nr = copy_names(names, room);
	}
	for (i = 0; i < nr && !ret; i++)
		ret = fn(names[i].s, names[i].name, names[i].alias, arg);
	kfree(names);
	return ret;
}

int kmem_slabinfo_write(int fd)
{
	char buf[4096];
	struct out out;

	/* To the printer it means nowhere. */
	if (fd < 0)
		return -EBADF;
	out_init(&out, fd, buf, sizeof(buf));
	return slabinfo_print(&out);
}
