/* SPDX-License-Identifier: MIT */
/*
 * Changing the address space: the calls of os.h, with what they did written down in the record.
 *
 * Question to the OS and entry in the record are one step under mmap_lock. Descriptors are seen to
 * before the OS is asked, so that a call either did both or changed nothing: 0, or a negative
 * errno. Everything in the library that maps or unmaps goes through here; os_purge() changes no
 * mapping.
 *
 * The record never claims what may be another's. A refused move may have cleared its target, where
 * somebody else's mapping may be by now (the OS maps for the whole process): what cannot be told is
 * forgotten, and unmapping what is not recorded does nothing.
 *
 * A signal handler that interrupts a thread in here is refused with -EAGAIN. What malloc does in a
 * handler does not even come here: see kmalloc_may_nest() in kmalloc.c.
 */
#ifndef KMEM_MM_H
#define KMEM_MM_H

#include "vma.h"

/* Reserves @size bytes without access at exactly @addr, as one block; -EEXIST if any is taken. */
int mm_reserve_at(void *addr, size_t size) __must_check;

/* Where the OS would put @size bytes now; 0 when it would refuse. The second within mm_enter(). */
uintptr_t mm_probe(size_t size);
uintptr_t mm_probe_locked(size_t size);

/* Makes reserved memory readable and writable; it reads as zero. */
int mm_commit(void *addr, size_t size) __must_check;

/* Gives up pages and addresses. Nothing recorded there: nothing is done. */
int mm_unmap(void *addr, size_t size) __must_check;

/*
 * os_move() and os_move_grow(). On failure the target is reserved as before, but for its contents;
 * or it is nobody's business any more and forgotten. mm_unmap() is right in both cases.
 */
int mm_move(void *from, size_t size, void *to) __must_check;
int mm_move_grow(void *from, size_t old_size, void *to, size_t new_size) __must_check;

/* Grows a mapping in place; -ENOMEM when something is in the way. */
int mm_extend(void *addr, size_t old_size, size_t new_size) __must_check;

/* The name of what is mapped there, for the record and for /proc/PID/maps: a constant string. */
void mm_name(void *addr, size_t size, const char *name);

/* Begins and ends a change of the record: false, with nothing to end, within another one. */
bool mm_enter(void) __must_check;
void mm_leave(void);

/*
 * Within mm_enter(): gives back what was mapped on the way and is not recorded. What the OS does
 * not take is ours for ever, and recorded as a block with these flags.
 */
void mm_give_back(unsigned long start, size_t size, unsigned long flags);

/* Whether the calling thread, which holds mmap_lock, has interrupted a change of its own. */
bool mm_is_changing(void);

/* The end of a mapping of @size bytes at @addr: the OS maps whole pages. */
unsigned long mm_end(const void *addr, size_t size);

#endif
