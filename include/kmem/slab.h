/* SPDX-License-Identifier: MIT */
/*
 * kmem/slab.h - object caches and kmalloc, as the kernel has them.
 *
 * Objects of every kind come from the same caches and pages that serve malloc in this process: there
 * is no second allocator. Any object may be given to kfree(), and to free().
 *
 * Unless said otherwise a function may be called from any thread, also from a thread's exit handlers
 * and in a child of fork. Sizes are in bytes.
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

/* ---- kmalloc ---- */

/* What kmalloc(0) returns: not NULL, not to be read or written, accepted by kfree(). */
#define ZERO_SIZE_PTR	       ((void *)16)
#define ZERO_OR_NULL_PTR(addr) ((unsigned long)(addr) <= (unsigned long)ZERO_SIZE_PTR)

/* "Any node", where a function asks for one. */
#define NUMA_NO_NODE	       (-1)

/*
 * All of these allocate as malloc does, and what they give may be grown, measured and freed by any
 * of them. Where they fail they return NULL, and errno is ENOMEM.
 *
 * @flags (kmem/gfp.h) say what may be done: without __GFP_DIRECT_RECLAIM (GFP_ATOMIC, GFP_NOWAIT) the
 * OS is not asked, so that only memory which the library holds already can be had, and a signal
 * handler may be told NULL; with it, caches and shrinkers are asked for memory before the call fails
 * (not with __GFP_NORETRY). With __GFP_NOFAIL the call waits until there is memory; a size that no
 * process can have is NULL even so. Failing without __GFP_NOWARN is reported on standard error, at
 * most ten times in five seconds. __GFP_ZERO zeroes the whole object, to the end of its ksize().
 *
 * Sizes that are a power of two are aligned to themselves, up to 64 MiB; all others to 16.
 */

/* @size bytes; ZERO_SIZE_PTR for 0. Kernel: kmalloc(). */
void *kmalloc(size_t size, gfp_t flags) KMEM_SYMBOL(kmalloc);

/* The same, reading as zero. Kernel: kzalloc(). */
void *kzalloc(size_t size, gfp_t flags) KMEM_SYMBOL(kzalloc);

/*
 * @n elements of @size bytes; NULL when the product is more than a size_t can hold. kcalloc()'s read
 * as zero. Kernel: kmalloc_array(), kcalloc().
 */
void *kmalloc_array(size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(kmalloc_array);
void *kcalloc(size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(kcalloc);

/*
 * Memory of NUMA node @node, or of another if that has none; with __GFP_THISNODE of that node or not
 * at all. NUMA_NO_NODE: any. A node that is not there is NULL and EINVAL. Kernel: kmalloc_node(),
 * kzalloc_node().
 */
void *kmalloc_node(size_t size, gfp_t flags, int node) KMEM_SYMBOL(kmalloc_node);
void *kzalloc_node(size_t size, gfp_t flags, int node) KMEM_SYMBOL(kzalloc_node);

/*
 * Makes @object @size bytes long and returns where it is now, its contents kept up to the lesser of
 * both sizes. NULL and ZERO_SIZE_PTR are allocated anew; a @size of 0 frees and returns
 * ZERO_SIZE_PTR. When NULL is returned, @object is as it was. With __GFP_ZERO what the object grows by
 * reads as zero, if it had __GFP_ZERO whenever it was allocated or resized before. Kernel: krealloc().
 */
void *krealloc(const void *object, size_t size, gfp_t flags) KMEM_SYMBOL(krealloc);

/* The same for @n elements of @size bytes; NULL, and nothing done, when the product overflows.
 * Kernel: krealloc_array(). */
void *krealloc_array(void *object, size_t n, size_t size, gfp_t flags) KMEM_SYMBOL(krealloc_array);

/*
 * Gives back an object of kmalloc(), of malloc(), or of any cache; NULL and ZERO_SIZE_PTR are nothing
 * to give. A pointer that is neither ends the program with a report. Keeps errno. Kernel: kfree().
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

/* The ksize() of an object that kmalloc(@size) would return; 0 for 0; @size itself where that cannot be
 * had. Kernel: kmalloc_size_roundup(). */
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
 * freed. NULL for 0, and when the OS refuses. vmalloc()'s may be assumed to hold anything, vzalloc()'s
 * read as zero. As with GFP_KERNEL, shrinkers are asked before these fail. Kernel: vmalloc(),
 * vzalloc().
 */
void *vmalloc(size_t size) KMEM_SYMBOL(vmalloc);
void *vzalloc(size_t size) KMEM_SYMBOL(vzalloc);

/*
 * Gives back what vmalloc() gave; NULL is nothing to give. Any other address ends the program with a
 * report, also one that kfree() would take. (kfree() and free() take vmalloc()'s blocks as well.)
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
 * As krealloc(), for what any of kmalloc(), vmalloc(), kvmalloc() gave; with __GFP_ZERO what it grows
 * by reads as zero under the same condition. This is the form of Linux 6.12, without the old size.
 * Kernel: kvrealloc().
 */
void *kvrealloc(const void *addr, size_t size, gfp_t flags) KMEM_SYMBOL(kvrealloc);

/* Gives back what any of these gave. Kernel: kvfree(). */
void kvfree(const void *addr) KMEM_SYMBOL(kvfree);

#ifdef __cplusplus
}
#endif

#endif
