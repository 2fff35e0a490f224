/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the address space share: the record, walked by its public fields, against what
 * /proc/self/maps says; and areas to try things on.
 */
#ifndef ADDRESS_SPACE_H
#define ADDRESS_SPACE_H

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <kmem/current.h>
#include <kmem/vma.h>

#define PAGE	  4096UL
#define RW	  (PROT_READ | PROT_WRITE)
#define ANON	  (MAP_PRIVATE | MAP_ANONYMOUS)

/* ---- What the kernel says ---- */

#define MAX_LINES 4000

static struct line {
	unsigned long start, end;
	char perms[5];
} lines[MAX_LINES];
static unsigned int nr_lines;

/* By read(2) into static memory: it must not change what it looks at. */
static inline void read_maps(void)
{
	static char text[1 << 20];
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t len = 0;
	ssize_t n;
	char *p;

	assert_true(fd >= 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	nr_lines = 0;
	for (p = text; *p; p = strchr(p, '\n') + 1) {
		struct line *line = &lines[nr_lines++];

		assert_true(nr_lines < MAX_LINES);
		assert_int_equal(sscanf(p, "%lx-%lx %4s", &line->start, &line->end, line->perms),
				 3);
	}
}

/* Whether all of [start, end) is mapped with these permissions: "rw-p". */
static inline int is_mapped_as(unsigned long start, unsigned long end, const char *perms)
{
	unsigned int i;

	for (i = 0; i < nr_lines && start < end; i++)
		if (lines[i].start <= start && lines[i].end > start &&
		    strcmp(lines[i].perms, perms) == 0)
			start = lines[i].end;
	return start >= end;
}

static inline const char *perms_of(const struct vm_area_struct *vma)
{
	static char perms[5];

	perms[0] = vma->vm_flags & VM_READ ? 'r' : '-';
	perms[1] = vma->vm_flags & VM_WRITE ? 'w' : '-';
	perms[2] = vma->vm_flags & VM_EXEC ? 'x' : '-';
	perms[3] = vma->vm_flags & VM_SHARED ? 's' : 'p';
	return perms;
}

/*
 * The whole record: in order, with the right totals, and each area is what the kernel says it is.
 */
static inline void check_record(void)
{
	struct mm_struct *mm = current_mm();
	unsigned long pages = 0, data = 0, reserved = 0, last = 0;
	struct vm_area_struct *vma, *prev = NULL;
	int count = 0;

	read_maps();
	for (vma = mm->mmap; vma; prev = vma, vma = vma->vm_next) {
		assert_ptr_equal(vma->vm_prev, prev);
		assert_ptr_equal(vma->vm_mm, mm);
		assert_true(vma->vm_start >= last && vma->vm_end > vma->vm_start);
		assert_int_equal((vma->vm_start | vma->vm_end) % PAGE, 0);
		last = vma->vm_end;
		pages += vma_pages(vma);
		data += (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE ? vma_pages(vma) : 0;
		reserved += vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC) ? 0 : vma_pages(vma);
		count++;
		if (!is_mapped_as(vma->vm_start, vma->vm_end, perms_of(vma)))
			fail_msg("0x%lx-0x%lx is not %s", vma->vm_start, vma->vm_end,
				 perms_of(vma));
	}
	assert_int_equal(count, mm->map_count);
	assert_int_equal(pages, mm->total_vm);
	assert_int_equal(data, mm->data_vm);
	assert_int_equal(reserved, mm->reserved_vm);
	assert_true(mm->hiwater_vm >= mm->total_vm);
}

static inline unsigned long map(unsigned long pages)
{
	unsigned long addr = do_mmap(NULL, 0, pages * PAGE, RW, ANON, 0);

	assert_false(IS_ERR_VALUE(addr));
	assert_int_equal(addr % PAGE, 0);
	return addr;
}

static inline void unmap(unsigned long addr, unsigned long pages)
{
	assert_int_equal(do_munmap(current_mm(), addr, pages * PAGE), 0);
}

static inline void expect_area(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_lookup(current_mm(), start);

	assert_non_null(vma);
	assert_int_equal(vma->vm_start, start);
	assert_int_equal(vma->vm_end, end);
}

/* A block of pages to cut up: at its two sides is nothing of ours. */
static inline unsigned long lone(unsigned long pages)
{
	unsigned long addr = map(pages + 2);

	unmap(addr, 1);
	unmap(addr + (pages + 1) * PAGE, 1);
	expect_area(addr + PAGE, addr + (pages + 1) * PAGE);
	return addr + PAGE;
}

#endif
