/* SPDX-License-Identifier: MIT */
/*
 * Objects of the program's caches, off the fast paths: the miss, constructors, many at a time.
 *
 * A fresh object is constructed here, after the slow path that found it was left (see release.h).
 * For a cache with constructors slab objects are taken by the batch, constructed one after the
 * other, and all but one given to the thread's sheaf like any object that is freed.
 */
#ifndef KMEM_CACHE_ALLOC_H
#define KMEM_CACHE_ALLOC_H

#include "slab.h"

/* Whether @gfp asks for what would undo a constructor; it is said on stderr. */
bool cache_refuses_zero(const struct kmem_cache *s, gfp_t gfp);

/* An object for @caller, zeroed if asked; NULL and ENOMEM. */
void *cache_alloc_slow(struct kmem_cache *s, gfp_t gfp, const void *caller);

/* The same from a slab of that node, as page_alloc() chooses it. */
void *cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid, const void *caller);

/* Gives back @object, which is not NULL, and must be one of @s. */
void cache_free_slow(struct kmem_cache *s, void *object, const void *caller);

/* The same, of whichever cache: the rest of kfree(). */
void cache_free(struct kmem_cache *s, void *object, const void *caller);

/* All of @n objects, or none and false. */
bool cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, void **objects, size_t n,
		      const void *caller);

/* Up to @n objects, fewer only when no memory can be had; @n is not 0. */
size_t cache_alloc_some(struct kmem_cache *s, gfp_t gfp, void **objects, size_t n,
			const void *caller);

/* @n objects of @s. */
void cache_free_bulk(struct kmem_cache *s, void **objects, size_t n, const void *caller);

#endif
