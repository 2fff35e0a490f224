/* SPDX-License-Identifier: MIT */
/*
 * The list of all caches: how a program's own are made, shared and ended.
 *
 * A cache is a descriptor, an index, and slots in the threads' states. While numbers last the index
 * is a page_class of its own (from NR_KMALLOC_CLASSES to CLASS_ASK - 1), and the cache's fast paths
 * are those of malloc. Later caches share CLASS_ASK and have a number for the threads' chunks.
 * Caches that debug have neither: every object comes and goes by itself.
 *
 * Caches whose objects are of one size, alignment and kind share one descriptor; each further name
 * is an alias, and counts.
 *
 * kmem_cache_destroy() is a promise that nobody uses the cache any more. So whatever lies in other
 * threads' sheaves lies still, and is flushed from here, under cpus_lock (see cpu.h). If then an
 * object is in use, nothing more is done. States:
 *
 *	CACHE_ALIVE   on slab_caches
 *	CACHE_ENDING  on ending_caches; its slabs are going, and may wait for readers or destructors
 *	CACHE_DEAD    on the list of the dead; its index is free for others
 *
 * A dead descriptor stays as it is, so that a use of it is told by name, until many more have died
 * after it. Its slot is slot 0, where every pop and push fails: so the fast paths need not ask.
 *
 * slab_mutex is outside of all other locks but those of start-up and of the shrinkers. Nothing that
 * is the program's runs under it.
 */
#ifndef KMEM_CACHE_H
#define KMEM_CACHE_H

#include "options.h"
#include "slab.h"

#define CACHE_NAME_MAX 128
#define CACHE_SIZE_MAX (4u << 20)

extern struct lock slab_mutex;
extern struct list_head slab_caches;   /* oldest first; slab_mutex */
extern struct list_head ending_caches; /* those on their way; slab_mutex */

/* By kmem_cache->far; NULL: none. For those that are in use, and under slab_mutex for others. */
struct kmem_cache *far_cache(unsigned int nr);

#define for_each_cache(s) list_for_each_entry(s, &slab_caches, list)

/*
 * Calls @fn for each cache in the order of the list, which need not be locked: for a program's own
 * ones it is.
 */
void caches_for_each(void (*fn)(struct kmem_cache *s, void *arg), void *arg);

/* For kmalloc's caches, and the units that they share: needs no lock. */
void kmalloc_caches_for_each(void (*fn)(struct kmem_cache *s, void *arg), void *arg);

/*
 * For those of the program that were made after number @serial, until @fn says that it is enough.
 */
void caches_after(unsigned long serial, bool (*fn)(struct kmem_cache *s, void *arg), void *arg);

struct cache_name {
	struct list_head list;
	char text[CACHE_NAME_MAX + 1];
};

/* What kmem_cache_create() was asked for, in any of its forms. */
struct cache_wish {
	const char *name;
	size_t size, align;
	slab_flags_t flags;
	unsigned int sheaf_capacity;
	size_t useroffset, usersize;
	bool use_freeptr_offset;
	size_t freeptr_offset;
	void (*ctor)(void *object);
	void (*dtor)(void *object);
	void (*old_ctor)(void *object, struct kmem_cache *s, unsigned long flags);
	void (*old_dtor)(void *object, struct kmem_cache *s, unsigned long flags);
};

/* A cache of that kind, new or shared; NULL, and a negative errno, when there can be none. */
struct kmem_cache *cache_create(const struct cache_wish *wish, int *error);

/* Ends the cache, or one name of it: 0, or -EBUSY with the objects in use reported. */
int cache_destroy(struct kmem_cache *s);

/* The calling thread's sheaves, the barn and all empty slabs go. Whether slabs are left. */
bool cache_shrink_all(struct kmem_cache *s);

/* Says on stderr which object of which cache @addr points into; false when it is none. */
bool cache_dump_object(const void *addr);

/* Once, when the nodes are known. */
void caches_init_nodes(void);

/* Barns and empty slabs of all caches go. */
void caches_trim(void);

/* slab_nomerge, slab_merge */
extern const struct boot_params cache_params;

#endif
