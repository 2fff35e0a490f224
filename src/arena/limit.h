/* SPDX-License-Identifier: MIT */
/*
 * What the process may use, which is often less than the machine has.
 *
 * CPUs: those of its affinity, or its cgroup's quota rounded up, whichever is less. Memory: the
 * lowest of RLIMIT_AS, RLIMIT_DATA, RLIMIT_RSS and the limits of its cgroup and the cgroups above
 * (memory.max and memory.high of version 2, memory.limit_in_bytes of version 1). They are read
 * once, at start-up, and what the library keeps for speed follows them:
 *
 *	dirty pages that may stay however few are used	2 MiB, but at most 1/64 of the memory
 *	what counts as a large heap (see purge.c)	16 MiB, but at most 1/16
 *	bytes in a barn's full sheaves			64 KiB, but at most 1/4096, in each lane;
 *							two sheaves at least, up to a page an object
 *	pages in the empty slabs of a cache's lane	one for each 16 MiB, 1 slab to 4 pages;
 *	of all of kmalloc's caches, lent (lent.h)	one for each 512 KiB, at most 512
 *	pages on each of a lane's page lists		one for each 16 MiB, at most 16 (or 256)
 *	pages of large blocks that a lane keeps		one for each 1 MiB, at most 32, or 288;
 *							as many in one that a thread keeps
 *	states of threads that wait for the next	2 for each CPU, 1 for each 32 MiB, at most 8
 *
 * so that from 288 MiB of memory and four CPUs on nothing is less than without limits.
 *
 * The files are read by system calls of our own, into the stack: nothing is allocated. cgroups are
 * looked for where they are mounted by convention, below /sys/fs/cgroup.
 */
#ifndef KMEM_LIMIT_H
#define KMEM_LIMIT_H

#include "bits.h"

struct limits {
	unsigned int cpus;	    /* at least 1; UINT_MAX until they are read */
	unsigned long memory_bytes; /* ULONG_MAX: no limit */
};

extern struct limits limits;

/* Reads the limits. @root stands before /proc and /sys: "", but for tests. It is kept. */
void limits_init(const char *root);

/* The lesser of @most and the memory divided by @share. */
static inline unsigned long limits_share(unsigned long most, unsigned long share)
{
	return min_ul(most, limits.memory_bytes / share);
}

/*
 * Whether a cgroup of the process comes near its limit now: what it uses, without file pages that
 * the kernel can drop, exceeds 15/16 of memory.high (version 1: of memory.limit_in_bytes). Reads
 * files: not for every call. Keeps errno.
 */
bool limits_pressure(void);

#endif
