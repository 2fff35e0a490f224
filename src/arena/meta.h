/* SPDX-License-Identifier: MIT */
/*
 * Memory for the library's own structures.
 *
 * Sheaves, thread states and section descriptors never share a mapping with the program's objects:
 * they come from chunks of their own between guard pages, where no overflow of an object reaches.
 * Objects of one kind form a pool. A freed one serves the next request of its pool; chunks are
 * never returned, so a pool holds as much as its peak, and its memory can be read safely at any
 * time.
 */
#ifndef KMEM_META_H
#define KMEM_META_H

#include "lock.h"

#define META_GUARD (64UL << 10) /* no access; a multiple of every OS page size */

struct meta_pool {
	const char *name;
	size_t size;	 /* bytes of one object, constant */
	void *free;	 /* freed objects, linked through their first word; meta_lock */
	size_t nr_total; /* objects ever carved; meta_lock */
	size_t nr_free;	 /* of these, on the free list; meta_lock */
};

#define META_POOL_INIT(n, s)             \
	{                                \
		.name = (n), .size = (s) \
	}

extern struct lock meta_lock;

/*
 * An object aligned to a cache line, or to a page if it is as large; NULL when the OS refuses. One
 * that was never used reads as zero, another as its last user left it but for the first word.
 */
void *meta_alloc(struct meta_pool *pool);

/* The same without asking the OS: NULL when no chunk at hand has room. */
void *meta_alloc_atomic(struct meta_pool *pool);
void meta_free(struct meta_pool *pool, void *object);

/* Bytes of address space held for metadata chunks. */
extern size_t meta_chunk_bytes; /* meta_lock */
size_t meta_bytes(void);

#endif
