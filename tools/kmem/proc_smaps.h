/* SPDX-License-Identifier: MIT */
/*
 * The mappings of a process with the memory that each has, from /proc/PID/smaps.
 */
#ifndef KMEM_PROC_SMAPS_H
#define KMEM_PROC_SMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_vma {
	uintptr_t start, end;
	size_t rss;   /* bytes; 0 of huge pages, which count nowhere */
	bool shared;  /* rw-s: shared memory, or a shared file */
	bool file;    /* has an inode; so has memory of shmem */
	bool hugetlb; /* its pages are no part of any Rss */
	char *name;   /* path or name in brackets; "" when there is none */
};

struct proc_smaps {
	struct proc_vma *vma; /* in order of addresses */
	size_t nr;
	size_t rss; /* of all */
};

/* 0, or the errno of the refusal; ESRCH when the process has ended. */
int proc_smaps_read(pid_t pid, struct proc_smaps *smaps);
void proc_smaps_free(struct proc_smaps *smaps);

#endif
