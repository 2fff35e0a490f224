/* SPDX-License-Identifier: MIT */
/*
 * kmem/mempool.h - elements that can be had when there is no memory, as the kernel has them.
 *
 * A pool keeps a reserve of @min_nr elements, allocated when it is made. mempool_alloc() allocates
 * as usual; only when that fails does it take from the reserve, and when that is empty it waits for
 * somebody to give an element back. mempool_free() fills the reserve up first. So whoever holds no
 * more than @min_nr elements at a time, and gives each back in the end, always goes on.
 *
 * All functions may be called from any thread; mempool_destroy() and mempool_resize() by one at a
 * time for one pool, and with the first nobody else may use the pool any more. A child of fork has
 * a copy of the pool with the elements that were in it. None may be called from a signal handler.
 */
#ifndef KMEM_PUBLIC_MEMPOOL_H
#define KMEM_PUBLIC_MEMPOOL_H

#include <kmem/gfp.h>
#include <kmem/slab.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kmem_cache;

/* A pool; what is in it is the library's own. */
typedef struct mempool mempool_t;

/*
 * How a pool gets an element, NULL when it cannot be had, and gives it back; with the pool's data.
 */
typedef void *(mempool_alloc_t)(gfp_t gfp_mask, void *pool_data);
typedef void(mempool_free_t)(void *element, void *pool_data);

/*
 * A pool whose reserve of @min_nr elements (at least 0) has been allocated, each by
 * @alloc_fn(GFP_KERNEL, @pool_data); NULL, with nothing kept, when one was refused (ENOMEM) or an
 * argument makes no sense (EINVAL). mempool_create_node() may be told the flags for it, and the
 * NUMA node of the pool itself. Kernel: mempool_create(), mempool_create_node().
 */
mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			  void *pool_data) KMEM_SYMBOL(mempool_create);
mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			       void *pool_data, gfp_t gfp_mask, int node)
	KMEM_SYMBOL(mempool_create_node);

/* Pools of objects of a cache, of @size bytes by kmalloc(), of blocks of 1 << @order pages (the
 * elements are struct page pointers). Kernel: the same names. */
mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache)
	KMEM_SYMBOL(mempool_create_slab_pool);
mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
	KMEM_SYMBOL(mempool_create_kmalloc_pool);
mempool_t *mempool_create_page_pool(int min_nr, int order) KMEM_SYMBOL(mempool_create_page_pool);

/*
 * An element. It is allocated with @gfp_mask, or else taken from the reserve, or else, where
 * @gfp_mask has __GFP_DIRECT_RECLAIM, waited for: then this never returns NULL. Without that flag
 * NULL says that there was no memory and no reserve. __GFP_ZERO is not for pools, since an element
 * of the reserve was used before: it is ignored. The caller must hold nothing that whoever returns
 * an element needs. Kernel: mempool_alloc().
 */
void *mempool_alloc(mempool_t *pool, gfp_t gfp_mask) KMEM_SYMBOL(mempool_alloc);

/* An element of the reserve, or NULL; never allocates, never waits. Kernel:
 * mempool_alloc_preallocated(). */
void *mempool_alloc_preallocated(mempool_t *pool) KMEM_SYMBOL(mempool_alloc_preallocated);

/* Gives @element back, to the reserve while that is not full. NULL is nothing to give. Kernel:
 * mempool_free(). */
void mempool_free(void *element, mempool_t *pool) KMEM_SYMBOL(mempool_free);

/*
 * Makes the reserve @new_min_nr elements large (at least 1), allocating what is missing or freeing
 * what is too much. 0; -ENOMEM with the reserve as large as it was; -EINVAL. Kernel:
 * mempool_resize().
 */
int mempool_resize(mempool_t *pool, int new_min_nr) KMEM_SYMBOL(mempool_resize);

/*
 * Frees the pool and its reserve; NULL is nothing to free. Elements that are out belong to whoever
 * has them, and can only be freed by what the pool's free function calls. Kernel:
 * mempool_destroy().
 */
void mempool_destroy(mempool_t *pool) KMEM_SYMBOL(mempool_destroy);

/* Elements that the reserve holds now, and should hold: a glance while other threads use the pool.
 * Kernel: the fields curr_nr and min_nr. */
int mempool_curr_nr(const mempool_t *pool) KMEM_SYMBOL(mempool_curr_nr);
int mempool_min_nr(const mempool_t *pool) KMEM_SYMBOL(mempool_min_nr);

/* The functions of the pools above: @pool_data is the cache, the size, the order. Kernel: the same
 * names. */
void *mempool_alloc_slab(gfp_t gfp_mask, void *pool_data) KMEM_SYMBOL(mempool_alloc_slab);
void mempool_free_slab(void *element, void *pool_data) KMEM_SYMBOL(mempool_free_slab);
void *mempool_kmalloc(gfp_t gfp_mask, void *pool_data) KMEM_SYMBOL(mempool_kmalloc);
void mempool_kfree(void *element, void *pool_data) KMEM_SYMBOL(mempool_kfree);
void *mempool_alloc_pages(gfp_t gfp_mask, void *pool_data) KMEM_SYMBOL(mempool_alloc_pages);
void mempool_free_pages(void *element, void *pool_data) KMEM_SYMBOL(mempool_free_pages);

#ifdef __cplusplus
}
#endif

#endif
