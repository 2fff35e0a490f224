/* SPDX-License-Identifier: MIT */
/*
 * kmem/slab.h - object caches and kmalloc, as the kernel has them.
 *
 * Objects of every kind come from the same caches and pages that serve malloc in this process:
 * there is no second allocator. Any object may be given to kfree(), and to free().
 *
 * Unless said otherwise a function may be called from any thread, also from a thread's exit
 * handlers and in a child of fork. Sizes are in bytes. Of a cache, and of whatever names an object,
 * only kmem_valid_obj() and kmem_dump_obj() take a wrong pointer: elsewhere it ends the program
 * with a report.
 *
 *	static kmem_cache_t *cache;
 *
 *	cache = kmem_cache_create("task", sizeof(struct task), 0, SLAB_HWCACHE_ALIGN, NULL);
 *	task = kmem_cache_alloc(cache, GFP_KERNEL);
 *	kmem_cache_free(cache, task);
 *	kmem_cache_destroy(cache);
 */
#ifndef KMEM_PUBLIC_SLAB_H
#define KMEM_PUBLIC_SLAB_H

#include <kmem/gfp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Object caches: what they are made of ---- */

struct kmem_cache;
typedef struct kmem_cache kmem_cache_t; /* the name of Linux 2.6 and before */
typedef unsigned int slab_flags_t;

/* ---- Flags of kmem_cache_create() ---- */

/* Objects start on cache lines; small ones share a line evenly (2, 4 or 8 to each). */
#define SLAB_HWCACHE_ALIGN	0x00000001u
/* abort() with a report when the cache cannot be made. Never set: NULL. */
#define SLAB_PANIC		0x00000002u
/* Slabs below 4 GiB. */
#define SLAB_CACHE_DMA32	0x00000004u
/* As SLAB_CACHE_DMA32, which is the lowest zone of a process. */
#define SLAB_CACHE_DMA		0x00000008u
/*
 * A freed object's memory stays an object of this cache, free or in use again, until every reader
 * that was in kmem_rcu_read_lock() at the time has left it: only whole slabs wait for that before
 * their pages serve something else. Never merged.
 */
#define SLAB_TYPESAFE_BY_RCU	0x00000010u
#define SLAB_DESTROY_BY_RCU	SLAB_TYPESAFE_BY_RCU /* its older name */
/* The objects can be reclaimed, by a shrinker. Counted so in the cache's attributes; merged only
 * with its like. */
#define SLAB_RECLAIM_ACCOUNT	0x00000020u
/* Never shares its slabs with another cache. */
#define SLAB_NO_MERGE		0x00000040u
/*
 * Accepted: the kernel charges every page of a process to its cgroup anyway. Merged with its like.
 */
#define SLAB_ACCOUNT		0x00000080u

/*
 * Debugging. A cache with one of the next five is never merged and has no sheaves: each object is
 * looked at as it comes and goes, so that what is wrong is found at the call that did it.
 */
/* Double and invalid frees are found at once. */
#define SLAB_CONSISTENCY_CHECKS 0x00000100u
/* A word behind each object, checked as it is freed: writes past the end. */
#define SLAB_RED_ZONE		0x00000200u
/*
 * Free objects are filled with a pattern, checked as they are handed out: writes after the free.
 * Not for caches with a constructor or SLAB_TYPESAFE_BY_RCU, whose free objects mean something.
 */
#define SLAB_POISON		0x00000400u
/* Remembers for each object who took it and who gave it back. */
#define SLAB_STORE_USER		0x00000800u
/* Says on stderr what is taken and given back. */
#define SLAB_TRACE		0x00001000u

/*
 * Allocations from this cache fail as the option failslab=interval,probability,space,times says.
 * Not merged, and without sheaves while that option is set.
 */
#define SLAB_FAILSLAB		0x00002000u
/* Accepted, and prevents merging: objects are not scanned for leaks, and not sampled by KFENCE. */
#define SLAB_NOLEAKTRACE	0x00004000u
#define SLAB_SKIP_KFENCE	0x00008000u

/* ---- Making a cache ---- */

/* What the third argument of a constructor of the 2.6 form says. */
#define SLAB_CTOR_CONSTRUCTOR	0x001ul /* it is the constructor, not the destructor */
#define SLAB_CTOR_ATOMIC	0x002ul /* never set: a constructor may always sleep and allocate */
#define SLAB_CTOR_VERIFY	0x004ul /* never set: constructed objects are not verified */

/* The less common wishes; all zero asks for what most caches want. */
struct kmem_cache_args {
	/* A power of two up to PAGE_SIZE; 0: that of a pointer. */
	unsigned int align;
	/*
	 * Runs once for each object in the life of its slab, when the object is first taken; what
	 * it made survives free and alloc. It may allocate, from this cache as well. Objects of a
	 * cache with a constructor cannot be asked for with __GFP_ZERO.
	 */
	void (*ctor)(void *object);
	/*
	 * Runs for each constructed object when its slab is released, by whichever thread releases
	 * it; may allocate and free. Not in today's kernel; as in Linux 2.6.
	 */
	void (*dtor)(void *object);
	/* Bytes that may be copied to user space. Checked to lie in the object, and without meaning
	 * in a process. */
	unsigned int useroffset, usersize;
	/* Where a free pointer may lie (SLAB_TYPESAFE_BY_RCU only). Checked to lie in the object;
	 * objects here never hold one. */
	unsigned int freeptr_offset;
	bool use_freeptr_offset;
	/* Objects in a sheaf, up to 1024; 0: by their size. Not merged if given. */
	unsigned int sheaf_capacity;
};

/*
 * kmem_cache_create() in its three forms, told apart by the number of arguments:
 *
 *	kmem_cache_create(name, size, &args, flags)               struct kmem_cache_args or NULL
 *	kmem_cache_create(name, size, align, flags, ctor)         void ctor(void *)
 *	kmem_cache_create(name, size, align, flags, ctor, dtor)   void ctor(void *, kmem_cache_t *,
 *	                                                          unsigned long flags): Linux 2.6
 *
 * A cache of objects of @size bytes (1 to 4 MiB). @name is copied: up to 128 bytes, none of them a
 * blank or a control character. NULL, and a line on stderr, for an argument that makes no sense or
 * when the OS refuses; with SLAB_PANIC abort() instead. The cache may be an older one that serves
 * objects of just this kind (the option slab_nomerge and SLAB_NO_MERGE prevent it): @name is then
 * its alias. A constructor of the third form is called with SLAB_CTOR_CONSTRUCTOR, a destructor
 * with 0. May enter the OS.
 *
 * An initializer with commas, (struct kmem_cache_args){ .align = 8, .ctor = f }, wants parentheses
 * of its own around it. C++ has no such initializers: use a variable.
 */
#define kmem_cache_create(...)                                                      \
	KMEM_SEVENTH(__VA_ARGS__, kmem_cache_create_dtor, kmem_cache_create_ctor,   \
		     __kmem_cache_create_args, KMEM_NOT_SO_FEW, KMEM_NOT_SO_FEW, ~) \
	(__VA_ARGS__)
#define KMEM_SEVENTH(a, b, c, d, e, f, seventh, ...) seventh

struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size,
					    const struct kmem_cache_args *args, slab_flags_t flags)
	KMEM_SYMBOL(__kmem_cache_create_args);
struct kmem_cache *kmem_cache_create_ctor(const char *name, size_t size, size_t align,
					  slab_flags_t flags, void (*ctor)(void *))
	KMEM_SYMBOL(kmem_cache_create_ctor);
struct kmem_cache *
kmem_cache_create_dtor(const char *name, size_t size, size_t align, slab_flags_t flags,
		       void (*ctor)(void *object, kmem_cache_t *cache, unsigned long flags),
		       void (*dtor)(void *object, kmem_cache_t *cache, unsigned long flags))
	KMEM_SYMBOL(kmem_cache_create_dtor);

/* With the part of an object that may be copied to user space; see struct kmem_cache_args. */
struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
					      unsigned int align, slab_flags_t flags,
					      unsigned int useroffset, unsigned int usersize,
					      void (*ctor)(void *))
	KMEM_SYMBOL(kmem_cache_create_usercopy);

/* A cache of struct @type objects, named and aligned after it. */
#ifdef __cplusplus
#define KMEM_ALIGNOF(type) alignof(type)
#else
#define KMEM_ALIGNOF(type) _Alignof(type)
#endif
#define KMEM_CACHE(type, flags) \
	kmem_cache_create_ctor(#type, sizeof(struct type), KMEM_ALIGNOF(struct type), flags, NULL)
#define KMEM_CACHE_USERCOPY(type, flags, field)                                                  \
	kmem_cache_create_usercopy(#type, sizeof(struct type), KMEM_ALIGNOF(struct type), flags, \
				   offsetof(struct type, field),                                 \
				   sizeof(((struct type *)0)->field), NULL)

/*
 * Ends a cache none of whose objects is in use; of a shared one, only this name. NULL is no cache,
 * and fine. Returns 0; or -EBUSY with the objects in use named on stderr, and the cache is as
 * usable as before.
 *
 * Nobody may use the cache meanwhile or afterwards: what other threads keep of it in their sheaves
 * is taken from them on the strength of that promise (other caches, and threads that end, are no
 * concern). A later use ends the program with a report. With SLAB_TYPESAFE_BY_RCU it waits for the
 * readers; so neither within kmem_rcu_read_lock(), nor in a constructor or destructor. The kernel's
 * returns void today.
 */
int kmem_cache_destroy(struct kmem_cache *s) KMEM_SYMBOL(kmem_cache_destroy);

/*
 * Gives unused memory of the cache back: this thread's sheaves, the barn, and all empty slabs.
 * Other threads' sheaves stay, since they are in use. Returns 0 if no slab is left, else 1.
 * Destructors run before it returns; slabs of SLAB_TYPESAFE_BY_RCU go when their readers have left.
 */
int kmem_cache_shrink(struct kmem_cache *s) KMEM_SYMBOL(kmem_cache_shrink);

/* Bytes of an object that may be used: at least those that were asked for. */
unsigned int kmem_cache_size(struct kmem_cache *s) KMEM_SYMBOL(kmem_cache_size);

/* The name that the cache was first created with; valid until it is destroyed. */
const char *kmem_cache_name(struct kmem_cache *s) KMEM_SYMBOL(kmem_cache_name);

/* ---- Objects ---- */

/*
 * An object, constructed if the cache has a constructor, else with undefined contents. NULL when
 * the OS refuses (never with __GFP_NOFAIL, which waits); without __GFP_DIRECT_RECLAIM (GFP_ATOMIC,
 * GFP_NOWAIT) it comes from memory that the library holds already, or is NULL. Not for signal
 * handlers: one that interrupted the library gets NULL.
 */
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t flags) KMEM_SYMBOL(kmem_cache_alloc);

/* The same, zeroed. A cache with a constructor refuses: NULL, and a line on stderr. */
void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t flags) KMEM_SYMBOL(kmem_cache_zalloc);

/* From a slab on @node if there is memory on it, with __GFP_THISNODE from there or not at all;
 * NUMA_NO_NODE: as kmem_cache_alloc(). NULL also for a node that does not exist. */
void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t flags, int node)
	KMEM_SYMBOL(kmem_cache_alloc_node);

/*
 * Gives an object back to its cache. NULL is nothing to give; another cache's object ends the
 * program with a report that names both. Keeps errno.
 */
void kmem_cache_free(struct kmem_cache *s, void *object) KMEM_SYMBOL(kmem_cache_free);

/*
 * @nr objects into @objects: all of them, or none. Returns @nr or 0. Cheaper than as many single
 * calls.
 */
int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t flags, size_t nr, void **objects)
	KMEM_SYMBOL(kmem_cache_alloc_bulk);

/* Gives @nr objects back. @s may be NULL: each then goes to its own cache, as with kfree_bulk(). */
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **objects)
	KMEM_SYMBOL(kmem_cache_free_bulk);

/*
 * Whether @object points into a slab. Any pointer may be asked about. Answers for memory, not for
 * its state: a free object is one as well.
 */
bool kmem_valid_obj(const void *object) KMEM_SYMBOL(kmem_valid_obj);

/* Says on stderr which object of which cache @object points into; false, with nothing said, when it
 * points into no slab. */
bool kmem_dump_obj(const void *object) KMEM_SYMBOL(kmem_dump_obj);

/* ---- Prefilled sheaves: objects that are promised, then taken without failing ---- */

struct slab_sheaf;

/*
 * A sheaf that holds @size objects of @s at least; NULL when they, or its own memory, cannot be had
 * as @flags allow, or when they are more than 16384. It belongs to the caller, and one thread at a
 * time may use it.
 */
struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *s, gfp_t flags, unsigned int size)
	KMEM_SYMBOL(kmem_cache_prefill_sheaf);

/* Fills the sheaf up to @size objects; it may be replaced by a larger one. 0, or -ENOMEM and the
 * sheaf holds what it held, perhaps more. */
int kmem_cache_refill_sheaf(struct kmem_cache *s, gfp_t flags, struct slab_sheaf **sheaf,
			    unsigned int size) KMEM_SYMBOL(kmem_cache_refill_sheaf);

/* An object of the sheaf, whatever the OS says; NULL only when the sheaf is empty. Of @flags only
 * __GFP_ZERO matters, which a cache with a constructor refuses: NULL, and a line on stderr. */
void *kmem_cache_alloc_from_sheaf(struct kmem_cache *s, gfp_t flags, struct slab_sheaf *sheaf)
	KMEM_SYMBOL(kmem_cache_alloc_from_sheaf);

/* Gives the sheaf back with what it holds. */
void kmem_cache_return_sheaf(struct kmem_cache *s, gfp_t flags, struct slab_sheaf *sheaf)
	KMEM_SYMBOL(kmem_cache_return_sheaf);

/* Objects that can be taken from the sheaf now. */
unsigned int kmem_cache_sheaf_size(const struct slab_sheaf *sheaf)
	KMEM_SYMBOL(kmem_cache_sheaf_size);

/* ---- Grace periods, for SLAB_TYPESAFE_BY_RCU ---- */

/*
 * The built-in scheme counts epochs: a critical section notes the epoch it begins in, and whoever
 * waits begins a new one and looks whether an older note is left. Sections nest, are short, and end
 * in the thread that began them. kmem_synchronize_rcu() returns when every section that had begun
 * before has ended; within one it ends the program with a report. Kernel: rcu_read_lock() and so
 * on.
 */
void kmem_rcu_read_lock(void) KMEM_SYMBOL(kmem_rcu_read_lock);
void kmem_rcu_read_unlock(void) KMEM_SYMBOL(kmem_rcu_read_unlock);
void kmem_synchronize_rcu(void) KMEM_SYMBOL(kmem_synchronize_rcu);

/* Where a scheme keeps its record of one call; larger than liburcu's struct rcu_head. */
struct kmem_rcu_head {
	void *scheme[4];
};

/*
 * Another scheme: its readers are then the ones that count. liburcu's fits as it is, with casts for
 * its struct rcu_head: call_rcu(), rcu_barrier(), rcu_read_lock(), rcu_read_unlock(),
 * synchronize_rcu().
 */
struct kmem_rcu_ops {
	/*
	 * Runs func(head) once every reader of now has left, in any thread; not before it returns.
	 */
	void (*call)(struct kmem_rcu_head *head, void (*func)(struct kmem_rcu_head *head));
	/* Returns when all functions that were called for have run. */
	void (*barrier)(void);
	void (*read_lock)(void);
	void (*read_unlock)(void);
	void (*synchronize)(void);
};

/*
 * Chooses the scheme, before the first cache with SLAB_TYPESAFE_BY_RCU is made: 0; afterwards
 * -EBUSY; -EINVAL if a function is missing. @ops is not copied.
 */
int kmem_rcu_register(const struct kmem_rcu_ops *ops) KMEM_SYMBOL(kmem_rcu_register);

/* ---- kmalloc ---- */

/* What kmalloc(0) returns: not NULL, not to be read or written, accepted by kfree(). */
#define ZERO_SIZE_PTR	       ((void *)16)
#define ZERO_OR_NULL_PTR(addr) ((unsigned long)(addr) <= (unsigned long)ZERO_SIZE_PTR)

/*
 * All of these allocate as malloc does, and what they give may be grown, measured and freed by any
 * of them. Where they fail they return NULL, and errno is ENOMEM.
 *
 * @flags (kmem/gfp.h) say what may be done: without __GFP_DIRECT_RECLAIM (GFP_ATOMIC, GFP_NOWAIT)
 * the OS is not asked, so that only memory which the library holds already can be had, and a signal
 * handler may be told NULL; with it, caches and shrinkers are asked for memory before the call
 * fails (not with __GFP_NORETRY). With __GFP_NOFAIL the call waits until there is memory; a size
 * that no process can have is NULL even so. Failing without __GFP_NOWARN is reported on standard
 * error, at most ten times in five seconds. __GFP_ZERO zeroes the whole object, to the end of its
 * ksize(). With __GFP_DMA32 or __GFP_DMA the object is whole pages below 4 GiB.
 *
 * Sizes that are a power of two are aligned to themselves, up to 64 MiB; all others to 16.
 */

/* @size bytes; ZERO_SIZE_PTR for 0. Kernel: kmalloc(). */
void *kmalloc(size_t size, gfp_t flags) KMEM_SYMBOL(kmalloc);

/* The same, reading as zero. Kernel: kzalloc(). */
void *kzalloc(size_t size, gfp_t flags) KMEM_SYMBOL(kzalloc);

/*
 * @n elements of @size bytes; NULL when the product is more than a size_t can hold. kcalloc()'s
 * read as zero. Kernel: kmalloc_array(), kcalloc().
 */
void *kmalloc_array(size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(kmalloc_array);
void *kcalloc(size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(kcalloc);

/*
 * Memory of NUMA node @node, or of another if that has none; with __GFP_THISNODE of that node or
 * not at all. NUMA_NO_NODE: any. A node that is not there is NULL and EINVAL. Kernel:
 * kmalloc_node(), kzalloc_node().
 */
void *kmalloc_node(size_t size, gfp_t flags, int node) KMEM_SYMBOL(kmalloc_node);
void *kzalloc_node(size_t size, gfp_t flags, int node) KMEM_SYMBOL(kzalloc_node);

/*
 * Makes @object @size bytes long and returns where it is now, its contents kept up to the lesser of
 * both sizes. NULL and ZERO_SIZE_PTR are allocated anew; a @size of 0 frees and returns
 * ZERO_SIZE_PTR. When NULL is returned, @object is as it was. With __GFP_ZERO what the object grows
 * by reads as zero, if it had __GFP_ZERO whenever it was allocated or resized before. Without
 * __GFP_DIRECT_RECLAIM whole pages are not made less: ksize() says the same. Kernel: krealloc().
 */
void *krealloc(const void *object, size_t size, gfp_t flags) KMEM_SYMBOL(krealloc);

/* The same for @n elements of @size bytes; NULL, and nothing done, when the product overflows.
 * Kernel: krealloc_array(). */
void *krealloc_array(void *object, size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(krealloc_array);

/*
 * Gives back an object of kmalloc(), of malloc(), or of any cache; NULL and ZERO_SIZE_PTR are
 * nothing to give. A pointer that is neither ends the program with a report. Keeps errno. Kernel:
 * kfree().
 */
void kfree(const void *object) KMEM_SYMBOL(kfree);

/* The same, after zeroing the object to the end of its ksize(). Kernel: kfree_sensitive(). */
void kfree_sensitive(const void *object) KMEM_SYMBOL(kfree_sensitive);

/* kfree() for each of @n objects, of whatever sizes; NULLs among them are skipped. Kernel:
 * kfree_bulk(). */
void kfree_bulk(size_t n, void **objects) KMEM_SYMBOL(kfree_bulk);

/*
 * Bytes that may be used of @object: what was asked for, rounded up to its cache's size or to whole
 * pages. 0 for NULL and ZERO_SIZE_PTR. Kernel: ksize().
 */
size_t ksize(const void *object) KMEM_SYMBOL(ksize);

/*
 * The ksize() of an object that kmalloc(@size) would return; 0 for 0; @size itself where that
 * cannot be had. Kernel: kmalloc_size_roundup().
 */
size_t kmalloc_size_roundup(size_t size) KMEM_SYMBOL(kmalloc_size_roundup);

/* ---- Copies and strings, by kmalloc() ---- */

/* A copy of the string @s, or of at most @max bytes of it and a NUL; NULL for NULL. Kernel:
 * kstrdup(), kstrndup(). */
char *kstrdup(const char *s, gfp_t flags) KMEM_SYMBOL(kstrdup);
char *kstrndup(const char *s, size_t max, gfp_t flags) KMEM_SYMBOL(kstrndup);

/* A copy of the @len bytes at @from; kmemdup_nul() adds a NUL, and gives NULL for NULL. Kernel:
 * kmemdup(), kmemdup_nul(). */
void *kmemdup(const void *from, size_t len, gfp_t flags) KMEM_SYMBOL(kmemdup);
char *kmemdup_nul(const char *from, size_t len, gfp_t flags) KMEM_SYMBOL(kmemdup_nul);

/*
 * A formatted string. The format is that of printf(3): the kernel's own conversions (%pS and the
 * like) are not known. Kernel: kasprintf(), kvasprintf().
 */
char *kasprintf(gfp_t flags, const char *fmt, ...) KMEM_SYMBOL(kasprintf)
	__attribute__((format(printf, 2, 3)));
char *kvasprintf(gfp_t flags, const char *fmt, va_list ap) KMEM_SYMBOL(kvasprintf)
	__attribute__((format(printf, 2, 0)));

/* ---- vmalloc: blocks with a mapping of their own ---- */

/*
 * @size bytes, page aligned, in a mapping of their own that goes back to the OS as soon as they are
 * freed. NULL for 0, and when the OS refuses. vmalloc()'s may be assumed to hold anything,
 * vzalloc()'s read as zero. As with GFP_KERNEL, shrinkers are asked before these fail. Kernel:
 * vmalloc(), vzalloc().
 */
void *vmalloc(size_t size) KMEM_SYMBOL(vmalloc);
void *vzalloc(size_t size) KMEM_SYMBOL(vzalloc);

/*
 * Gives back what vmalloc() gave; NULL is nothing to give. Any other address ends the program with
 * a report, also one that kfree() would take. (kfree() and free() take vmalloc()'s blocks as well.)
 * Kernel: vfree().
 */
void vfree(const void *addr) KMEM_SYMBOL(vfree);

/* Whether @addr lies in a block of vmalloc(). Any address may be asked about. Kernel:
 * is_vmalloc_addr(). */
bool is_vmalloc_addr(const void *addr) KMEM_SYMBOL(is_vmalloc_addr);

/*
 * @size bytes from kmalloc() if they can be had without effort, or else from vmalloc(): for sizes
 * above a page, where contiguous pages may not be there while memory is. Without
 * __GFP_DIRECT_RECLAIM only kmalloc() is tried. Kernel: kvmalloc() and so on.
 */
void *kvmalloc(size_t size, gfp_t flags) KMEM_SYMBOL(kvmalloc);
void *kvzalloc(size_t size, gfp_t flags) KMEM_SYMBOL(kvzalloc);
void *kvmalloc_array(size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(kvmalloc_array);
void *kvcalloc(size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(kvcalloc);

/*
 * As krealloc(), for what any of kmalloc(), vmalloc(), kvmalloc() gave; with __GFP_ZERO what it
 * grows by reads as zero under the same condition. This is the form of Linux 6.12, without the old
 * size. Kernel: kvrealloc().
 */
void *kvrealloc(const void *addr, size_t size, gfp_t flags) KMEM_SYMBOL(kvrealloc);

/* Gives back what any of these gave. Kernel: kvfree(). */
void kvfree(const void *addr) KMEM_SYMBOL(kvfree);

#ifdef __cplusplus
}
#endif

#endif
