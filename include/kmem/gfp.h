/* SPDX-License-Identifier: MIT */
/*
 * kmem/gfp.h - how an allocation may be met: the kernel's "get free pages" flags.
 *
 * A flag says what the library may do to find memory, or what the memory must be like. In a process
 * there is no disk to write to and no interrupt to run in, so what remains is one question: may the
 * call enter the operating system for memory? GFP_KERNEL may. GFP_ATOMIC and GFP_NOWAIT may
 * not: they are met from memory that the library holds already, or they fail. Flags that steer what
 * a process does not have are accepted, so that kernel code compiles, and say so below.
 *
 * Every public function has its kernel name in C and the symbol libkmem_<name> in the object file.
 * The library stands in for malloc below programs that know nothing of it; a program's own
 * get_page() or vmalloc(), in whatever library, must go on reaching its own definition.
 */
#ifndef KMEM_PUBLIC_GFP_H
#define KMEM_PUBLIC_GFP_H

/* Names a declaration's symbol, and makes it visible outside the library. */
#define KMEM_SYMBOL(name) __asm__("libkmem_" #name) __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned int gfp_t;

/* ---- What may be done ---- */

#define __GFP_DIRECT_RECLAIM 0x0001u /* may enter the OS: map, unmap, run shrinkers */
#define __GFP_NOFAIL	     0x0002u /* never NULL: try on and on; with __GFP_DIRECT_RECLAIM */
#define __GFP_NORETRY	     0x0004u /* fail at the first refusal: no shrinkers, no second try */
#define __GFP_NOWARN	     0x0008u /* no message when it fails */
#define __GFP_RETRY_MAYFAIL  0x0010u /* the default in a process: reclaim, try again, then fail */

/* ---- What the memory is like ---- */

#define __GFP_ZERO	     0x0020u /* reads as zero */
#define __GFP_DMA32	     0x0040u /* addresses below 4 GiB */
#define __GFP_THISNODE	     0x0080u /* from the named node, or not at all */
#define __GFP_COMP	     0x0100u /* one compound page: see compound_order() */

/* ---- Accepted: what they steer is not in a process ---- */

#define __GFP_HIGH	     0x0200u  /* may use emergency reserves: there are none */
#define __GFP_IO	     0x0400u  /* may start disk I/O to reclaim: no reclaim here does */
#define __GFP_FS	     0x0800u  /* may call into a file system: likewise */
#define __GFP_KSWAPD_RECLAIM 0x1000u  /* may wake the reclaiming thread: there is none */
#define __GFP_MOVABLE	     0x2000u  /* may be migrated: addresses never change in a process */
#define __GFP_RECLAIMABLE    0x4000u  /* counts as reclaimable: see SLAB_RECLAIM_ACCOUNT */
#define __GFP_ACCOUNT	     0x8000u  /* charged to the cgroup: each page is anyway */
#define __GFP_HIGHMEM	     0x10000u /* need not be mapped: a process sees only what is mapped */
#define __GFP_HARDWALL	     0x20000u /* keep to the cpuset's nodes: the kernel sees to it */
#define __GFP_DMA	     0x40000u /* below 16 MiB: met as __GFP_DMA32, the lowest zone here */

#define __GFP_RECLAIM	     (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM) /* either way of it */

/* ---- The usual combinations ---- */

/* May enter the OS and wait: what is asked for when nothing speaks against it. */
#define GFP_KERNEL	     (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT   (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_USER	     (GFP_KERNEL | __GFP_HARDWALL)
#define GFP_HIGHUSER	     (GFP_USER | __GFP_HIGHMEM)

/* As GFP_KERNEL: there is no I/O and no file system that could be entered. */
#define GFP_NOIO	     (__GFP_RECLAIM)
#define GFP_NOFS	     (__GFP_RECLAIM | __GFP_IO)

/*
 * From what the library holds, or NULL: nothing is mapped, given back, or asked of shrinkers. Locks
 * are waited for where another thread is at the same lists, as a rule for the instructions that
 * takes; while a trim hollows a slab it is one madvise().
 */
#define GFP_ATOMIC	     (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_NOWAIT	     (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)

/* To be added to one of the others: from ZONE_DMA32. Alone, they do not enter the OS. */
#define GFP_DMA		     __GFP_DMA
#define GFP_DMA32	     __GFP_DMA32

/* ---- Where it lies ---- */

/*
 * Each NUMA node has its pages in zones. ZONE_DMA32 is for addresses below 4 GiB, which only
 * requests with __GFP_DMA32 or __GFP_DMA are met from; nothing is mapped there before the first of
 * them.
 */
enum zone_type { ZONE_DMA32, ZONE_NORMAL, MAX_NR_ZONES };

#define MAX_NUMNODES 16
#define NUMA_NO_NODE (-1) /* the node of the calling thread */

/* The zone that these flags ask for. */
static inline enum zone_type gfp_zone(gfp_t flags)
{
	return flags & (__GFP_DMA | __GFP_DMA32) ? ZONE_DMA32 : ZONE_NORMAL;
}

/* Whether these flags allow to enter the operating system. */
static inline int gfpflags_allow_blocking(gfp_t flags)
{
	return (flags & __GFP_DIRECT_RECLAIM) != 0;
}

#ifdef __cplusplus
}
#endif

#endif
