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
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- kmalloc ---- */

/* What kmalloc(0) returns: not NULL, not to be read or written, accepted by kfree(). */
#define ZERO_SIZE_PTR	       ((void *)16)
#define ZERO_OR_NULL_PTR(addr) ((unsigned long)(addr) <= (unsigned long)ZERO_SIZE_PTR)

/*
 * @size bytes, aligned to 16, or to @size if that is a power of two (up to a page). ZERO_SIZE_PTR
 * for 0; NULL when the OS refuses, or always past PTRDIFF_MAX. Kernel: kmalloc().
 */
void *kmalloc(size_t size, gfp_t flags) KMEM_SYMBOL(kmalloc);

/*
 * Gives back an object of kmalloc() or of any cache; NULL and ZERO_SIZE_PTR are nothing to give. A
 * pointer that is neither ends the program with a report. Keeps errno. Kernel: kfree().
 */
void kfree(const void *object) KMEM_SYMBOL(kfree);

#ifdef __cplusplus
}
#endif

#endif
