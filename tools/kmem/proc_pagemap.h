/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a mapping are in memory, as Rss counts them.
 *
 * /proc/PID/pagemap says of each page whether something is mapped there. That is a little more than
 * Rss: memory that was read and never written shows the kernel's one page of zeros, which belongs
 * to nobody. Since Linux 6.7 the kernel can be asked for the pages without these (PAGEMAP_SCAN).
 * Before, they are only known by their number, the surplus over Rss in this mapping, and by what
 * they are not: neither of a file nor exclusively mapped. Where more pages look like that (memory
 * shared with a forked child does), the surplus is taken from them evenly: sums stay right, places
 * are a guess.
 */
#ifndef KMEM_PROC_PAGEMAP_H
#define KMEM_PROC_PAGEMAP_H

#include "proc_smaps.h"

struct pagemap {
	int fd;
	size_t page_size; /* the OS's */
	bool scan; /* the kernel has PAGEMAP_SCAN; cleared when it turns out that it has not */
};

/* 0, or the errno of the refusal. */
int pagemap_open(struct pagemap *map, pid_t pid);
void pagemap_close(struct pagemap *map);

/*
 * For each OS page of @vma whether it counts in Rss; to be freed. NULL when the process is gone or
 * refuses.
 */
uint8_t *pagemap_read(struct pagemap *map, const struct proc_vma *vma);

#endif
