/* SPDX-License-Identifier: MIT */
/* See cache_alloc.h. */
#include "cache_alloc.h"

#include <errno.h>
#include <string.h>

#include "cpu.h"
#include "fault.h"
#include "release.h"
#include "report.h"
#include "shrinker.h"
#include "slab_debug.h"

#define BATCH 32u /* objects that are constructed at a time */

/* What one attempt found: the first is the caller's, the rest are surplus of a batch. */
struct found {
	void *objects[BATCH];
	unsigned int nr;
	bool nested; /* a signal handler asked, within a slow path: there is nothing for it */
};

static void check_alive(const struct kmem_cache *s, const char *what, const void *object)
{
	if (unlikely(READ_ONCE(s->state) != CACHE_ALIVE))
		fault_destroyed(what, s, object);
}

/* ---- Caches without a class of their own: their slot is where the fast paths do not look ---- */

static __always_inline struct cpu_slot *far_slot(const struct kmem_cache *s)
{
	return s->far ? cache_slot(this_cpu, s) : NULL;
}

static __always_inline void *far_pop(const struct kmem_cache *s)
{
	struct cpu_slot *slot = far_slot(s);

	return slot ? slot_pop(slot) : NULL;
}

static __always_inline bool far_push(const struct kmem_cache *s, void *object)
{
	struct cpu_slot *slot = far_slot(s);

	return slot && slot_push(slot, object);
}

/* ---- Taking ---- */

/* With the slow path entered. */
static void find(struct kmem_cpu *cpu, struct kmem_cache *s, gfp_t gfp, struct found *found)
{
	bool live = cpu->kind == CPU_LIVE;
	struct per_cpu_pages *pcp = live ? cpu->pcp : NULL;
	unsigned int n = 1;

	if (likely(live)) {
		found->objects[0] = sheaf_alloc(cpu, s, gfp);
		found->nr = found->objects[0] != NULL;
		if (found->nr || !s->tracks)
			return;
		n = (unsigned int)min_ul(sheaf_appetite(cpu, s, gfp), BATCH);
	}
	found->nr = slab_alloc_bulk(s, pcp, found->objects, n, gfp);
}

static void attempt(struct kmem_cache *s, gfp_t gfp, struct found *found)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(gfp);

	*found = (struct found){ .nr = 0 };
	if (unlikely(!cpu)) {
		found->nested = true;
		return;
	}
	cpu_take_over(gfp);
	do
		find(cpu, s, gfp, found);
	while (unlikely(!found->nr) && cpu_take_over(gfp));
	cpu_leave(cpu);
}

/* From the last down, so that the sheaf hands them out upwards. */
static void keep_surplus(struct kmem_cache *s, struct found *found, const void *caller)
{
	unsigned int i;

	for (i = 1; i < found->nr; i++)
		found->objects[i] = construct(s, found->objects[i]);
	while (--i > 0)
		cache_free(s, found->objects[i], caller);
}

/* As found in the slabs, and made what the program expects. */
static void *make_ready(struct kmem_cache *s, void *object, gfp_t gfp, const void *caller)
{
	if (unlikely(s->single))
		object = debug_alloc(s, object, caller);
	else if (unlikely(s->tracks))
		object = construct(s, object);
	return gfp & __GFP_ZERO ? memset(object, 0, s->object_size) : object;
}

bool cache_refuses_zero(const struct kmem_cache *s, gfp_t gfp)
{
	if (likely(!(gfp & __GFP_ZERO) || !s->ctor))
		return false;
	kmem_report("%s: __GFP_ZERO and a constructor exclude each other", s->name);
	return true;
}

/* The units of shared slabs are not for callers. */
static bool is_refused(struct kmem_cache *s, gfp_t gfp)
{
	return cache_refuses_zero(s, gfp) || should_failslab(s, gfp) || s->shared;
}

static void *refuse(const struct kmem_cache *s, gfp_t gfp)
{
	kmem_alloc_failed(gfp, s->size);
	errno = ENOMEM;
	return NULL;
}

static __noinline void *alloc_slow(struct kmem_cache *s, gfp_t gfp, const void *caller)
{
	struct found found;
	unsigned int tries = 0;
	void *object;

	check_alive(s, "allocation from", s);
	if (is_refused(s, gfp))
		goto refused;
	do
		attempt(s, gfp, &found);
	while (!found.nr && !found.nested && kmem_reclaim(gfp, s->size, tries++));
	if (!found.nr)
		goto refused;
	object = make_ready(s, found.objects[0], gfp, caller);
	if (unlikely(found.nr > 1))
		keep_surplus(s, &found, caller);
	shrinkers_tick(gfp);
	return object;
refused:
	return refuse(s, gfp);
}

void *cache_alloc_slow(struct kmem_cache *s, gfp_t gfp, const void *caller)
{
	void *object = (gfp & __GFP_ZERO) && s->tracks ? NULL : far_pop(s);

	if (unlikely(!object))
		return alloc_slow(s, gfp, caller);
	return gfp & __GFP_ZERO ? memset(object, 0, s->object_size) : object;
}

void *cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid, const void *caller)
{
	struct kmem_cpu *cpu;
	unsigned int tries = 0;
	void *object = NULL;

	check_alive(s, "allocation from", s);
	if (!node_online(nid)) {
		errno = EINVAL;
		return NULL;
	}
	if (is_refused(s, gfp))
		goto refused;
	do {
		cpu = cpu_enter_gfp(gfp);
		if (!cpu)
			break;
		slab_alloc_node(s, cpu_pages(cpu), &object, 1, nid, gfp);
		cpu_leave(cpu);
	} while (!object && kmem_reclaim(gfp, s->size, tries++));
	if (object)
		return make_ready(s, object, gfp, caller);
refused:
	return refuse(s, gfp);
}

static size_t attempt_some(struct kmem_cache *s, gfp_t gfp, void **objects, size_t n)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(gfp);
	struct per_cpu_pages *pcp;
	unsigned int some;
	size_t got = 0;

	if (unlikely(!cpu))
		return 0;
	cpu_take_over(gfp);
	pcp = cpu_pages(cpu);
	if (pcp)
		got = sheaf_alloc_bulk(cpu, s, objects, n);
	while (got < n) {
		some = slab_alloc_bulk(s, pcp, objects + got, (unsigned int)min_ul(n - got, ~0u),
				       gfp);
		if (!some && !cpu_take_over(gfp))
			break;
		got += some;
	}
	cpu_leave(cpu);
	return got;
}

size_t cache_alloc_some(struct kmem_cache *s, gfp_t gfp, void **objects, size_t n,
			const void *caller)
{
	unsigned int tries = 0;
	size_t got = 0, i, some;

	check_alive(s, "allocation from", s);
	if (is_refused(s, gfp))
		return 0;
	do {
		some = attempt_some(s, gfp, objects + got, n - got);
		got += some;
	} while (got < n && kmem_reclaim(gfp, s->size, tries++));
	if (s->tracks || (gfp & __GFP_ZERO))
		for (i = 0; i < got; i++)
			objects[i] = make_ready(s, objects[i], gfp, caller);
	return got;
}

bool cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, void **objects, size_t n, const void *caller)
{
	size_t got = cache_alloc_some(s, gfp, objects, n, caller);

	if (got == n)
		return true;
	cache_free_bulk(s, objects, got, caller);
	refuse(s, gfp);
	return false;
}

/* ---- Giving back ---- */

void cache_free(struct kmem_cache *s, void *object, const void *caller)
{
	struct kmem_cpu *cpu = cpu_enter_free();

	if (unlikely(!cpu)) {
		cpu_defer_free(object);
		return;
	}
	/* Not before: what is deferred comes here again. */
	if (unlikely(s->single))
		debug_free(s, object, caller);
	if (likely(cpu->kind == CPU_LIVE))
		sheaf_free(cpu, s, object);
	else
		slab_free_bulk(s, NULL, &object, 1);
	cpu_leave(cpu);
}

static void check_owner(const struct kmem_cache *s, const void *object)
{
	const struct kmem_cache *owner = cache_of(object);

	if (likely(owner == s))
		return;
	if (!owner)
		fault_bad_pointer(object);
	fault_wrong_cache(s, owner, object);
}

void cache_free_slow(struct kmem_cache *s, void *object, const void *caller)
{
	if (s->far && cache_of(object) == s && far_push(s, object))
		return;
	check_alive(s, "free to", object);
	check_owner(s, object);
	cache_free(s, object, caller);
}

static void free_one_by_one(struct kmem_cache *s, void **objects, size_t n, const void *caller)
{
	size_t i;

	for (i = 0; i < n; i++)
		cache_free(s, objects[i], caller);
}

void cache_free_bulk(struct kmem_cache *s, void **objects, size_t n, const void *caller)
{
	struct kmem_cpu *cpu;
	size_t put = 0;

	check_alive(s, "free to", n ? objects[0] : NULL);
	cpu = s->single ? NULL : cpu_enter();
	if (unlikely(!cpu)) {
		free_one_by_one(s, objects, n, caller);
		return;
	}
	if (likely(cpu->kind == CPU_LIVE))
		put = sheaf_free_bulk(cpu, s, objects, n);
	for (; put < n; put += min_ul(n - put, ~0u))
		slab_free_bulk(s, cpu_pages(cpu), objects + put,
			       (unsigned int)min_ul(n - put, ~0u));
	cpu_leave(cpu);
}
