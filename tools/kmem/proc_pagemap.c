/* SPDX-License-Identifier: MIT */
/* See proc_pagemap.h. */
#include "proc_pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool.h"

/* ---- Asking for the pages that count ---- */

/* The kernel's interface, for headers that are older than it. */
#define SCAN_PRESENT (1UL << 3)
#define SCAN_ZERO    (1UL << 5) /* the page of zeros */

struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)

static bool scan(const struct pagemap *map, const struct proc_vma *vma, uint8_t *resident)
{
	struct scan_region regions[512] = { { 0 } };
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = vma->start,
		.end = vma->end,
		.vec = (uintptr_t)regions,
		.vec_len = sizeof(regions) / sizeof(regions[0]),
		.category_inverted = SCAN_ZERO,
		.category_mask = SCAN_PRESENT | SCAN_ZERO,
		.return_mask = SCAN_PRESENT,
	};

	while (arg.start < arg.end) {
		int nr = ioctl(map->fd, SCAN_IOCTL, &arg), i;

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0 || arg.walk_end <= arg.start)
			return false;
		for (i = 0; i < nr; i++) {
			size_t first = (regions[i].start - vma->start) / map->page_size;
			size_t end = (regions[i].end - vma->start) / map->page_size;

			memset(resident + first, 1, end - first);
		}
		arg.start = arg.walk_end;
	}
	return true;
}

/* ---- Reading an entry for each page ---- */

#define ENTRY_PRESENT	(1ULL << 63)
#define ENTRY_FILE	(1ULL << 61)
#define ENTRY_EXCLUSIVE (1ULL << 56)

enum { ABSENT, RESIDENT, PERHAPS_ZERO };

static bool read_entries(const struct pagemap *map, const struct proc_vma *vma, uint8_t *resident)
{
	size_t nr = (vma->end - vma->start) / map->page_size, done = 0, i;
	uint64_t entry[4096];

	while (done < nr) {
		size_t want = (nr - done) * sizeof(entry[0]);
		off_t at = (off_t)((vma->start / map->page_size + done) * sizeof(entry[0]));
		ssize_t got =
			pread(map->fd, entry, want < sizeof(entry) ? want : sizeof(entry), at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)sizeof(entry[0]))
			return false;
		got /= (ssize_t)sizeof(entry[0]);
		for (i = 0; i < (size_t)got; i++) {
			uint64_t kind = entry[i] & (ENTRY_PRESENT | ENTRY_FILE | ENTRY_EXCLUSIVE);

			resident[done + i] = kind == ENTRY_PRESENT ? PERHAPS_ZERO :
					     kind & ENTRY_PRESENT  ? RESIDENT :
								     ABSENT;
		}
		done += (size_t)got;
	}
	return true;
}

/* Of the pages that may be the page of zeros, as many are it as Rss does not count. */
static void settle_zeros(const struct pagemap *map, const struct proc_vma *vma, uint8_t *resident)
{
	size_t nr = (vma->end - vma->start) / map->page_size, present = 0, candidates = 0, i;
	size_t counted = vma->rss / map->page_size, zeros, share;

	for (i = 0; i < nr; i++) {
		present += resident[i] != ABSENT;
		candidates += resident[i] == PERHAPS_ZERO;
	}
	zeros = present > counted ? present - counted : 0;
	if (zeros > candidates)
		zeros = candidates;
	/*
	 * Evenly: each candidate adds its share, and each whole that comes together is a zero page.
	 */
	share = candidates / 2;
	for (i = 0; i < nr; i++) {
		if (resident[i] != PERHAPS_ZERO)
			continue;
		share += zeros;
		resident[i] = share < candidates;
		if (share >= candidates)
			share -= candidates;
	}
}

int pagemap_open(struct pagemap *map, pid_t pid)
{
	char *path = xasprintf("/proc/%d/pagemap", (int)pid);

	*map = (struct pagemap){
		.fd = open(path, O_RDONLY | O_CLOEXEC),
		.page_size = (size_t)sysconf(_SC_PAGESIZE),
		.scan = true,
	};
	free(path);
	return map->fd < 0 ? errno : 0;
}

void pagemap_close(struct pagemap *map)
{
	close(map->fd);
}

uint8_t *pagemap_read(struct pagemap *map, const struct proc_vma *vma)
{
	size_t nr = (vma->end - vma->start) / map->page_size;
	uint8_t *resident = xrealloc(NULL, nr ? nr : 1, 1);

	memset(resident, 0, nr);
	if (map->scan && scan(map, vma, resident))
		return resident;
	if (read_entries(map, vma, resident)) {
		map->scan = false;
		settle_zeros(map, vma, resident);
		return resident;
	}
	free(resident);
	return NULL;
}
