/* SPDX-License-Identifier: MIT */
/*
 * The record of what the library has mapped: one struct mm_struct of struct vm_area_structs.
 *
 * The kernel knows what is mapped and does not say, short of a file to be parsed. The library keeps
 * its own account: to answer at once what is its own, to find holes between, to unmap what it
 * mapped and nothing else, and to show it all. mm.h has the calls that ask the OS and write here
 * what it answered, both under mmap_lock; nothing else writes here.
 *
 * Areas are in a red-black tree and in a list, both by address (kmem/vma.h has the structures,
 * which are public). They are disjoint, and neighbours that say the same are one. What was reserved
 * as one block (a section, an area, a chunk of metadata) has the block's start in vm_block and
 * merges within it only, so that an area never reaches over two blocks.
 *
 * Descriptors come from a pool of their own: the first ones lie in .bss, which is all that a small
 * program uses, more in chunks of their own between guards, which are recorded like everything
 * else. Whoever changes the record asks for as many as it may need (vma_prepare()) before it asks
 * the OS: so nothing has to be undone for want of one. Pool and record never enter the allocator.
 *
 * mmap_lock is the innermost lock. vma_is_valid() and mm_is_valid() check all of the above.
 */
#ifndef KMEM_VMA_H
#define KMEM_VMA_H

#include <kmem/vma.h>

#include "format.h"
#include "lock.h"

#define VM_ACCESS (VM_READ | VM_WRITE | VM_EXEC)
#define VM_DATA	  (VM_READ | VM_WRITE)

extern struct mm_struct kmem_mm;
extern struct lock mmap_lock;
extern void *mmap_holder; /* for kernel/mmap_api.c: what its holder leaves with it; the lock's */

/* ---- All below: mmap_lock is held ---- */

/* The first area whose end is above @addr, or NULL. */
struct vm_area_struct *vma_above(unsigned long addr);

/* The last area that starts below @addr, or NULL. */
struct vm_area_struct *vma_below(unsigned long addr);

/* The first area that shares an address with [start, end), or NULL. */
struct vm_area_struct *vma_within(unsigned long start, unsigned long end);

/* @nr descriptors are at hand afterwards; false when there is no memory for them. */
bool vma_prepare(unsigned int nr) __must_check;

/*
 * Records [start, end), where nothing is recorded, with the flags, name, file, block and caller of
 * @like, and merges it. Takes a descriptor.
 */
void vma_map(const struct vm_area_struct *like, unsigned long start, unsigned long end);

/*
 * Forgets what is recorded in [start, end). Takes a descriptor when that leaves a hole in an area.
 */
void vma_unmap(unsigned long start, unsigned long end);

/* Whether vma_unmap() would take one. */
bool vma_unmap_splits(unsigned long start, unsigned long end);

/* Changes the flags, or the name, of what is recorded in [start, end). Takes two descriptors. */
void vma_set_flags(unsigned long start, unsigned long end, unsigned long flags);
void vma_set_name(unsigned long start, unsigned long end, const char *name);

/* One area and its links; the whole record and its totals. The second takes the lock itself. */
bool vma_is_valid(const struct vm_area_struct *vma);
bool mm_is_valid(void);

/* One line of vmallocinfo, with no lock held. */
void vmallocinfo_print_row(struct out *out, const struct vm_area_struct *vma);

/* Descriptors that exist, in use or not. */
unsigned long vma_pool_size(void);

#endif
