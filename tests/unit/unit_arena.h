/* SPDX-License-Identifier: MIT */
/*
 * The record of mappings, against a look at it that trusts none of its counts, and against the
 * kernel.
 *
 * mm_is_valid() asserts in checked builds only, and is the library's own. expect_record_sound()
 * holds in every build; expect_record_mapped() also asks /proc/self/maps about every area.
 */
#ifndef UNIT_ARENA_H
#define UNIT_ARENA_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os.h"
#include "unit.h"
#include "vma.h"

static inline bool alike(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	return a->vm_end == b->vm_start && a->vm_flags == b->vm_flags && a->vm_name == b->vm_name &&
	       a->vm_block == b->vm_block && !a->vm_file && !b->vm_file;
}

static inline void expect_record_sound(void)
{
	unsigned long total = 0, data = 0, reserved = 0, locked = 0;
	struct vm_area_struct *vma, *prev = NULL;
	int count = 0;

	EXPECT(mm_is_valid());
	for (vma = kmem_mm.mmap; vma; prev = vma, vma = vma->vm_next, count++) {
		unsigned long pages = (vma->vm_end - vma->vm_start) / 4096;

		EXPECT(vma->vm_prev == prev && vma->vm_mm == &kmem_mm);
		EXPECT(vma->vm_start < vma->vm_end);
		EXPECT(!prev || (prev->vm_end <= vma->vm_start && !alike(prev, vma)));
		EXPECT(vma_above(vma->vm_start) == vma && vma_above(vma->vm_end - 1) == vma);
		EXPECT(vma_below(vma->vm_end) == vma && vma_below(vma->vm_start) == prev);
		total += pages;
		data += (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE ? pages : 0;
		reserved += vma->vm_flags & VM_ACCESS ? 0 : pages;
		locked += vma->vm_flags & VM_LOCKED ? pages : 0;
	}
	EXPECT_EQ(kmem_mm.map_count, count);
	EXPECT_EQ(kmem_mm.total_vm, total);
	EXPECT_EQ(kmem_mm.data_vm, data);
	EXPECT_EQ(kmem_mm.reserved_vm, reserved);
	EXPECT_EQ(kmem_mm.locked_vm, locked);
	EXPECT(kmem_mm.hiwater_vm >= total);
}

static inline size_t read_maps(char *text, size_t size)
{
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t len = 0;
	ssize_t n;

	EXPECT(fd >= 0);
	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return len;
}

/* How much from @start on is mapped with @perms: the lines of maps are in order. */
static inline unsigned long mapped_until(const char *maps, unsigned long start, const char *perms)
{
	const char *p;

	for (p = maps; *p; p = strchr(p, '\n') + 1) {
		unsigned long from, to;
		char is[5];

		EXPECT(sscanf(p, "%lx-%lx %4s", &from, &to, is) == 3);
		if (from <= start && start < to && strcmp(is, perms) == 0)
			start = to;
	}
	return start;
}

static inline void expect_record_mapped(void)
{
	static char maps[1 << 20];
	struct vm_area_struct *vma;

	expect_record_sound();
	read_maps(maps, sizeof(maps));
	for (vma = kmem_mm.mmap; vma; vma = vma->vm_next) {
		char perms[5] = "---p";

		perms[0] = vma->vm_flags & VM_READ ? 'r' : '-';
		perms[1] = vma->vm_flags & VM_WRITE ? 'w' : '-';
		perms[2] = vma->vm_flags & VM_EXEC ? 'x' : '-';
		perms[3] = vma->vm_flags & VM_SHARED ? 's' : 'p';
		if (mapped_until(maps, vma->vm_start, perms) < vma->vm_end)
			print_error("0x%lx-0x%lx is not %s\n", vma->vm_start, vma->vm_end, perms);
		EXPECT(mapped_until(maps, vma->vm_start, perms) >= vma->vm_end);
	}
}

/* What the record says of [start, end), as one number: areas, bounds, flags, blocks. */
static inline unsigned long record_hash(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_above(start);
	unsigned long hash = 17;

	for (; vma && vma->vm_start < end; vma = vma->vm_next)
		hash = (((hash * 31 + vma->vm_start) * 31 + vma->vm_end) * 31 + vma->vm_flags) *
			       31 +
		       vma->vm_block + (unsigned long)vma->vm_name;
	return hash;
}

/* A hole of @bytes, aligned to 1 MiB, that nobody else is about to use. */
static inline char *find_hole(size_t bytes)
{
	uintptr_t addr = os_reserve(bytes + (64UL << 20));

	EXPECT(addr != 0);
	EXPECT_EQ(os_unmap((void *)addr, bytes + (64UL << 20)), 0);
	return (char *)((addr + (1UL << 20) - 1) & ~((1UL << 20) - 1));
}

#endif
