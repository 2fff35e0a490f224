/* SPDX-License-Identifier: MIT */
/*
 * kmem_cache_*: object caches by the kernel's names. See kmem/slab.h for what each does.
 *
 * The paths that nearly every call takes are here in full and as straight as malloc's: the cache
 * says where its slot is, and a cache that cannot be served from there (destroyed, debugging, one
 * too many) says slot 0, which never serves.
 */
#include <errno.h>
#include <kmem/slab.h>
#include <string.h>

#include "cache.h"
#include "cache_alloc.h"
#include "cpu.h"
#include "fault.h"
#include "report.h"

#define CALLER __builtin_return_address(0)

/* ---- Caches ---- */

/* What cannot be made is told; a program that said it cannot do without ends. */
static struct kmem_cache *create(const char *function, const struct cache_wish *wish)
{
	const char *name = wish->name ? wish->name : "(null)";
	struct kmem_cache *s;
	int error;

	s = cache_create(wish, &error);
	if (s)
		return s;
	if (wish->flags & SLAB_PANIC)
		kmem_bug("%s: %s() failed with error %d, and SLAB_PANIC is set", name, function,
			 -error);
	kmem_report("%s(%s) failed with error %d", function, name, -error);
	errno = -error;
	return NULL;
}

struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size,
					    const struct kmem_cache_args *args, slab_flags_t flags)
{
	static const struct kmem_cache_args none;
	const struct kmem_cache_args *a = args ? args : &none;
	const struct cache_wish wish = {
		.name = name,
		.size = size,
		.align = a->align,
		.flags = flags,
		.sheaf_capacity = a->sheaf_capacity,
		.useroffset = a->useroffset,
		.usersize = a->usersize,
		.use_freeptr_offset = a->use_freeptr_offset,
		.freeptr_offset = a->freeptr_offset,
		.ctor = a->ctor,
		.dtor = a->dtor,
	};

	return create("kmem_cache_create", &wish);
}

struct kmem_cache *kmem_cache_create_ctor(const char *name, size_t size, size_t align,
					  slab_flags_t flags, void (*ctor)(void *))
{
	const struct cache_wish wish = {
		.name = name, .size = size, .align = align, .flags = flags, .ctor = ctor
	};

	return create("kmem_cache_create", &wish);
}

struct kmem_cache *
kmem_cache_create_dtor(const char *name, size_t size, size_t align, slab_flags_t flags,
		       void (*ctor)(void *object, kmem_cache_t *cache, unsigned long flags),
		       void (*dtor)(void *object, kmem_cache_t *cache, unsigned long flags))
{
	const struct cache_wish wish = {
		.name = name,
		.size = size,
		.align = align,
		.flags = flags,
		.old_ctor = ctor,
		.old_dtor = dtor,
	};

	return create("kmem_cache_create", &wish);
}

struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
					      unsigned int align, slab_flags_t flags,
					      unsigned int useroffset, unsigned int usersize,
					      void (*ctor)(void *))
{
	const struct cache_wish wish = {
		.name = name,
		.size = size,
		.align = align,
		.flags = flags,
		.useroffset = useroffset,
		.usersize = usersize,
		.ctor = ctor,
	};

	return create("kmem_cache_create_usercopy", &wish);
}

static void check_alive(const struct kmem_cache *s, const char *what)
{
	if (unlikely(READ_ONCE(s->state) != CACHE_ALIVE))
		fault_destroyed(what, s, s);
}

int kmem_cache_destroy(struct kmem_cache *s)
{
	return s ? cache_destroy(s) : 0;
}

int kmem_cache_shrink(struct kmem_cache *s)
{
	check_alive(s, "shrinking of");
	return cache_shrink_all(s);
}

unsigned int kmem_cache_size(struct kmem_cache *s)
{
	check_alive(s, "use of");
	return s->object_size;
}

const char *kmem_cache_name(struct kmem_cache *s)
{
	check_alive(s, "use of");
	return s->name;
}

/* ---- Objects ---- */

static __always_inline struct cpu_slot *my_slot(const struct kmem_cache *s)
{
	return (struct cpu_slot *)((char *)this_cpu + s->slot);
}

void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags)
{
	void *object;

	if (unlikely(flags & __GFP_ZERO))
		return kmem_cache_zalloc(s, flags);
	object = slot_pop(my_slot(s));
	return likely(object) ? object : cache_alloc_slow(s, flags, CALLER);
}

void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t flags)
{
	void *object = NULL;

	if (likely(!s->tracks))
		object = slot_pop(my_slot(s));
	return likely(object) ? memset(object, 0, s->object_size) :
				cache_alloc_slow(s, flags | __GFP_ZERO, CALLER);
}

void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t flags, int node)
{
	if (node == NUMA_NO_NODE)
		return kmem_cache_alloc(s, flags);
	return cache_alloc_node(s, flags, node, CALLER);
}

/* Whether the object lies in a page of the cache's own class. */
static __always_inline bool is_of_class(const struct kmem_cache *s, const void *object)
{
	const struct section *section = section_of(object);

	return likely(section) && section->page_class[section_page_index(object)] == s->index;
}

void kmem_cache_free(struct kmem_cache *s, void *object)
{
	if (likely(is_of_class(s, object)) && likely(slot_push(my_slot(s), object)))
		return;
	if (object)
		cache_free_slow(s, object, CALLER);
}

int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t flags, size_t nr, void **objects)
{
	if (!nr)
		return 0;
	return cache_alloc_bulk(s, flags, objects, nr, CALLER) ? (int)nr : 0;
}

/* How many of the objects, from the first on, belong to @s. */
static size_t run_of(const struct kmem_cache *s, size_t nr, void **objects)
{
	uintptr_t page = ~0UL;
	size_t n;

	if (unlikely(s->index == CLASS_ASK)) {
		for (n = 0; n < nr && cache_of(objects[n]) == s; n++)
			;
		return n;
	}
	/* Neighbours share a page, which need be looked at once. */
	for (n = 0; n < nr; n++) {
		if ((uintptr_t)objects[n] >> PAGE_SHIFT == page)
			continue;
		if (!is_of_class(s, objects[n]))
			break;
		page = (uintptr_t)objects[n] >> PAGE_SHIFT;
	}
	return n;
}

static void free_bulk_of_any(size_t nr, void **objects, const void *caller)
{
	struct kmem_cache *s;
	size_t run;

	for (; nr; nr -= run, objects += run) {
		s = cache_of(objects[0]);
		run = s ? run_of(s, nr, objects) : 1;
		if (s)
			cache_free_bulk(s, objects, run, caller);
		else
			kfree(objects[0]);
	}
}

void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **objects)
{
	size_t run;

	if (!s) {
		free_bulk_of_any(nr, objects, CALLER);
		return;
	}
	run = run_of(s, nr, objects);
	if (unlikely(run < nr) && objects[run])
		cache_free_slow(s, objects[run], CALLER);
	if (run)
		cache_free_bulk(s, objects, run, CALLER);
	if (unlikely(run + 1 < nr))
		kmem_cache_free_bulk(s, nr - run - 1, objects + run + 1);
}

/* ---- What is this? ---- */

bool kmem_valid_obj(const void *object)
{
	return slab_containing(object) != NULL;
}

bool kmem_dump_obj(const void *object)
{
	return cache_dump_object(object);
}
