/* SPDX-License-Identifier: MIT */
/*
 * What callers of do_mmap() map: see kmem/vma.h for what it promises them.
 *
 * These areas have vm_block 0 and share the record with the allocator's own, which they cannot
 * touch. Places come from the record: the highest hole below mmap_base that is long enough, so that
 * what is mapped in a row lies in a row, and merges. Others' mappings are not in the record: the OS
 * is asked for the exact place, and when somebody is there, for the one below. After some tries the
 * OS is asked where it has room, and the search begins there from then on; at last the OS chooses.
 */
#ifndef KMEM_MMAP_H
#define KMEM_MMAP_H

#include "vma.h"

struct map_request {
	struct file *file;
	unsigned long addr, len;
	unsigned long prot, flag; /* as for mmap(2) */
	unsigned long offset;
	void *caller;
};

/* The address, or a negative errno as such. */
unsigned long mmap_user(const struct map_request *r);

/* 0 or a negative errno. */
int munmap_user(unsigned long start, size_t len);

#endif
