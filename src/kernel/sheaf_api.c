/* SPDX-License-Identifier: MIT */
/*
 * Prefilled sheaves: objects that a caller holds in reserve, so that taking them cannot fail.
 *
 * A struct slab_sheaf is the program's, not a thread's: it is filled by the bulk calls and emptied
 * by hand. Its memory is the library's own (meta.h), in one pool for each power of two of its
 * capacity, so that no array of pointers lies among the program's objects.
 */
#include <errno.h>
#include <kmem/slab.h>
#include <string.h>

#include "cache_alloc.h"
#include "cpu.h"
#include "meta.h"
#include "report.h"
#include "shrinker.h"

#define CALLER	    __builtin_return_address(0)
#define LEAST_SHIFT 4
#define MOST_SHIFT  14 /* 128 KiB of pointers, in a metadata chunk of 256 KiB */
#define HEAD_SIZE   (sizeof(struct slab_sheaf))
#define POOL(shift) [shift] = META_POOL_INIT("prefilled sheaf", HEAD_SIZE + (8UL << (shift)))

struct slab_sheaf {
	struct kmem_cache *cache;
	unsigned int size, shift; /* objects it holds, log2 of those it has room for */
	void *objects[];
};

static struct meta_pool pools[MOST_SHIFT + 1] = {
	POOL(4),  POOL(5),  POOL(6),  POOL(7),	POOL(8),  POOL(9),
	POOL(10), POOL(11), POOL(12), POOL(13), POOL(14),
};

static struct slab_sheaf *try_sheaf(struct meta_pool *pool, gfp_t flags)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(flags);
	struct slab_sheaf *sheaf;

	if (!cpu)
		return NULL;
	sheaf = gfpflags_allow_blocking(flags) ? meta_alloc(pool) : meta_alloc_atomic(pool);
	cpu_leave(cpu);
	return sheaf;
}

static struct slab_sheaf *new_sheaf(struct kmem_cache *s, gfp_t flags, unsigned int size)
{
	unsigned int shift = LEAST_SHIFT, attempt = 0;
	struct slab_sheaf *sheaf;

	while (shift <= MOST_SHIFT && size > 1u << shift)
		shift++;
	if (shift > MOST_SHIFT)
		return NULL;
	sheaf = try_sheaf(&pools[shift], flags);
	while (!sheaf && kmem_reclaim(flags, HEAD_SIZE + (sizeof(void *) << shift), attempt++))
		sheaf = try_sheaf(&pools[shift], flags);
	if (!sheaf)
		return NULL;
	sheaf->cache = s;
	sheaf->size = 0;
	sheaf->shift = shift;
	return sheaf;
}

static void drop_sheaf(struct slab_sheaf *sheaf, gfp_t flags)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(flags);

	/* In a handler that interrupted the library it is lost. */
	if (!cpu)
		return;
	meta_free(&pools[sheaf->shift], sheaf);
	cpu_leave(cpu);
}

static void check_cache(const struct kmem_cache *s, const struct slab_sheaf *sheaf)
{
	if (unlikely(sheaf->cache != s))
		kmem_bug("%s: use of a prefilled sheaf of another cache of 0x%lx", s->name,
			 (unsigned long)sheaf);
}

static bool fill(struct kmem_cache *s, gfp_t flags, struct slab_sheaf *sheaf, unsigned int size,
		 const void *caller)
{
	if (sheaf->size < size)
		sheaf->size += (unsigned int)cache_alloc_some(s, flags & ~__GFP_ZERO,
							      sheaf->objects + sheaf->size,
							      size - sheaf->size, caller);
	return sheaf->size >= size;
}

struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *s, gfp_t flags, unsigned int size)
{
	struct slab_sheaf *sheaf = new_sheaf(s, flags, size);

	if (sheaf && fill(s, flags, sheaf, size, CALLER))
		return sheaf;
	if (sheaf)
		kmem_cache_return_sheaf(s, flags, sheaf);
	errno = ENOMEM;
	return NULL;
}

int kmem_cache_refill_sheaf(struct kmem_cache *s, gfp_t flags, struct slab_sheaf **sheaf,
			    unsigned int size)
{
	struct slab_sheaf *larger;

	check_cache(s, *sheaf);
	if (size > 1u << (*sheaf)->shift) {
		larger = new_sheaf(s, flags, size);
		if (!larger)
			return -ENOMEM;
		larger->size = (*sheaf)->size;
		memcpy(larger->objects, (*sheaf)->objects, larger->size * sizeof(void *));
		drop_sheaf(*sheaf, flags);
		*sheaf = larger;
	}
	return fill(s, flags, *sheaf, size, CALLER) ? 0 : -ENOMEM;
}

void *kmem_cache_alloc_from_sheaf(struct kmem_cache *s, gfp_t flags, struct slab_sheaf *sheaf)
{
	void *object;

	check_cache(s, sheaf);
	if (!sheaf->size || cache_refuses_zero(s, flags))
		return NULL;
	object = sheaf->objects[--sheaf->size];
	return flags & __GFP_ZERO ? memset(object, 0, kmem_cache_size(s)) : object;
}

void kmem_cache_return_sheaf(struct kmem_cache *s, gfp_t flags, struct slab_sheaf *sheaf)
{
	check_cache(s, sheaf);
	if (sheaf->size)
		kmem_cache_free_bulk(s, sheaf->size, sheaf->objects);
	drop_sheaf(sheaf, flags);
}

unsigned int kmem_cache_sheaf_size(const struct slab_sheaf *sheaf)
{
	return sheaf->size;
}
