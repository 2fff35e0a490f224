/* SPDX-License-Identifier: MIT */
/*
 * kmem/slabinfo.h - what caches and slabs look like from outside.
 *
 * Figures are of one moment and, while other threads work, each of its own. As in the kernel,
 * objects that lie in sheaves count as active in struct slabinfo; `cached_objs` says how many these
 * are.
 *
 * The caches of kmalloc() beyond a page, and whatever cache shares one of them, have no slabs of
 * their own: num_slabs is 0, num_objs is active_objs, and there is no slab to call back for. Their
 * objects lie in the slabs of the cache "kmalloc-units", whose objects are units of 512 bytes. Its
 * slabs have 32 or 128 KiB; in the figures a larger one counts as four. A slab of it without room
 * for nine units in a row counts as full. No object can be had from that cache: ENOMEM.
 *
 * Every function may be called from any thread and in a child of fork. Callbacks run without any
 * lock held and may allocate.
 */
#ifndef KMEM_PUBLIC_SLABINFO_H
#define KMEM_PUBLIC_SLABINFO_H

#include <kmem/slab.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The columns of /proc/slabinfo, by the kernel's names, and what lies behind them. */
struct slabinfo {
	unsigned long active_objs;  /* in use, or in a sheaf */
	unsigned long cached_objs;  /* of these, in a sheaf: free for the program */
	unsigned long num_objs;	    /* in all slabs */
	unsigned long active_slabs; /* full and partial */
	unsigned long num_slabs;
	unsigned long full_slabs, partial_slabs, empty_slabs;
	unsigned int objects_per_slab;
	unsigned int cache_order;		       /* pages of a slab, as a power of two */
	unsigned int limit;			       /* objects of a sheaf */
	unsigned int batchcount, shared, shared_avail; /* 0: of an older design */
	unsigned int object_size;		       /* bytes of an object */
	unsigned int size;			       /* bytes from one object to the next */
	unsigned int align;
	unsigned int colours; /* different places of a slab's first object */
	unsigned int aliases; /* other caches that share it */
	slab_flags_t flags;
};

/*
 * Describes @s as it is now. With mmap_read_lock() held, or in a signal handler that interrupted
 * the library, what lies in sheaves counts as in use. Kernel: get_slabinfo().
 */
void get_slabinfo(struct kmem_cache *s, struct slabinfo *info) KMEM_SYMBOL(get_slabinfo);

/* The lists of a cache's node. A slab is on one of them by its number of objects in use. */
enum kmem_slab_list { KMEM_SLAB_PARTIAL, KMEM_SLAB_FULL, KMEM_SLAB_EMPTY };

struct kmem_slab_info {
	void *address;	      /* of its first page */
	size_t bytes;	      /* of all of its pages */
	void *first_object;   /* address + colour bytes */
	unsigned int inuse;   /* objects taken from it, those in sheaves included */
	unsigned int objects; /* that it has */
	unsigned int colour;  /* bytes before the first object */
	int node;
	enum kmem_slab_list list;
};

/*
 * Calls @fn for each slab of @s, node by node: the partial ones in the order they will serve their
 * threads, then the full and the empty ones. Stops when @fn returns something other than 0, and
 * returns that; else 0; -ENOMEM when there is no memory for the list of slabs, -EBUSY with
 * mmap_read_lock() held or in a signal handler that interrupted the library. The slabs are those of
 * the moment of the call.
 */
int kmem_cache_for_each_slab(struct kmem_cache *s,
			     int (*fn)(const struct kmem_slab_info *slab, void *arg), void *arg)
	KMEM_SYMBOL(kmem_cache_for_each_slab);

/*
 * Calls @fn for each cache, oldest first (the kmalloc caches are the oldest), and for each alias of
 * one after it with the alias' name. As above for what it returns. @s must not be destroyed
 * meanwhile.
 */
int kmem_cache_for_each(int (*fn)(struct kmem_cache *s, const char *name, bool alias, void *arg),
			void *arg) KMEM_SYMBOL(kmem_cache_for_each);

/*
 * Writes all caches to @fd, from where it stands, in the format of /proc/slabinfo, version 2.1. Who
 * reads it slowly keeps nobody waiting but the caller. 0, or the negative errno of a write that
 * failed; -EBUSY as above.
 */
int kmem_slabinfo_write(int fd) KMEM_SYMBOL(kmem_slabinfo_write);

#ifdef __cplusplus
}
#endif

#endif
