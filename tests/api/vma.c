/* SPDX-License-Identifier: MIT */
/*
 * The address space through kmem/vma.h: what the library says of its own mappings, against what
 * /proc/self/maps says of them; mapping, merging, splitting and unmapping; each error.
 */
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
static void read_maps(void)
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
static int is_mapped_as(unsigned long start, unsigned long end, const char *perms)
{
	unsigned int i;

	for (i = 0; i < nr_lines && start < end; i++)
		if (lines[i].start <= start && lines[i].end > start &&
		    strcmp(lines[i].perms, perms) == 0)
			start = lines[i].end;
	return start >= end;
}

static const char *perms_of(const struct vm_area_struct *vma)
{
	static char perms[5];

	perms[0] = vma->vm_flags & VM_READ ? 'r' : '-';
	perms[1] = vma->vm_flags & VM_WRITE ? 'w' : '-';
	perms[2] = vma->vm_flags & VM_EXEC ? 'x' : '-';
	perms[3] = vma->vm_flags & VM_SHARED ? 's' : 'p';
	return perms;
}

/* The whole record: in order, with the right totals, and each area is what the kernel says it is. */
static void check_record(void)
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

static unsigned long map(unsigned long pages)
{
	unsigned long addr = do_mmap(NULL, 0, pages * PAGE, RW, ANON, 0);

	assert_false(IS_ERR_VALUE(addr));
	assert_int_equal(addr % PAGE, 0);
	return addr;
}

static void unmap(unsigned long addr, unsigned long pages)
{
	assert_int_equal(do_munmap(current_mm(), addr, pages * PAGE), 0);
}

static void expect_area(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_lookup(current_mm(), start);

	assert_non_null(vma);
	assert_int_equal(vma->vm_start, start);
	assert_int_equal(vma->vm_end, end);
}

/* ---- The allocator's own ---- */

static struct vm_area_struct *area_of(const void *p)
{
	return vma_lookup(current_mm(), (unsigned long)p);
}

static void what_malloc_gave_lies_in_an_area(void **state)
{
	char *small = malloc(100), *large = malloc(1 << 20), *huge = malloc(200 << 20);

	(void)state;
	assert_string_equal(area_of(small)->vm_name, "kmem section");
	assert_int_equal(area_of(small)->vm_flags & (VM_READ | VM_WRITE | VM_EXEC),
			 VM_READ | VM_WRITE);
	assert_true(area_of(large)->vm_block);
	assert_string_equal(area_of(huge)->vm_name, "kmem area");
	assert_int_equal(area_of(huge)->vm_start, (unsigned long)huge);
	assert_int_equal(area_of(huge)->vm_end, (unsigned long)huge + (200 << 20));
	assert_null(area_of(&small));
	assert_null(area_of(&lines));
	check_record();
	huge = realloc(huge, 300 << 20);
	check_record();
	huge = realloc(huge, 100 << 20);
	assert_int_equal(vma_pages(area_of(huge)), (100 << 20) / PAGE);
	check_record();
	free(huge);
	assert_null(area_of(huge));
	check_record();
	free(large);
	free(small);
}

/* A section is the part that is online, and the rest; the border moves as the heap grows. */
static void sections_come_online(void **state)
{
	unsigned long online = 0;
	char *block[64];
	unsigned int i;

	(void)state;
	for (i = 0; i < 64; i++) {
		struct vm_area_struct *vma;

		block[i] = malloc(1 << 20);
		vma = area_of(block[i]);
		assert_true(vma->vm_flags & VM_WRITE);
		assert_true(vma->vm_end - vma->vm_start <= 64 << 20);
		online = vma_pages(vma) > online ? vma_pages(vma) : online;
		if (vma->vm_end % (64 << 20)) {
			assert_int_equal(vma->vm_next->vm_start, vma->vm_end);
			assert_int_equal(vma->vm_next->vm_block, vma->vm_block);
			assert_false(vma->vm_next->vm_flags & VM_READ);
		}
		check_record();
	}
	assert_true(online > (16 << 20) / PAGE);
	for (i = 0; i < 64; i++)
		free(block[i]);
	check_record();
}

static void the_allocators_own_cannot_be_unmapped(void **state)
{
	char *p = malloc(100);
	unsigned long page = (unsigned long)p & -PAGE, user = map(1);

	(void)state;
	assert_int_equal(do_munmap(current_mm(), page, PAGE), -EPERM);
	assert_int_equal(vm_munmap(page, 1), -EPERM);
	assert_int_equal(do_mmap(NULL, page, PAGE, RW, ANON | MAP_FIXED, 0), -EPERM);
	assert_int_equal(do_mmap(NULL, page, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, 0), -EPERM);
	/* not even together with what could be */
	if (user < page)
		assert_int_equal(do_munmap(current_mm(), user, page + PAGE - user), -EPERM);
	else
		assert_int_equal(do_munmap(current_mm(), page, user + PAGE - page), -EPERM);
	expect_area(user, user + PAGE);
	memset(p, 1, 100);
	free(p);
	unmap(user, 1);
}

/* ---- Mapping ---- */

static void mapped_memory_is_zero_and_known(void **state)
{
	unsigned long total = init_mm.total_vm, addr = map(10);
	struct vm_area_struct *vma = vma_lookup(&init_mm, addr + 9 * PAGE);

	(void)state;
	assert_int_equal(init_mm.total_vm, total + 10);
	assert_memory_equal((char *)addr, (char[PAGE]){ 0 }, PAGE);
	memset((char *)addr, 1, 10 * PAGE);
	assert_int_equal(vma->vm_flags, VM_READ | VM_WRITE);
	assert_string_equal(vma->vm_name, "kmem mmap");
	assert_int_equal(vma->vm_block, 0);
	assert_null(vma->vm_file);
	assert_non_null(vma->vm_caller);
	check_record();
	unmap(addr, 10);
	assert_int_equal(init_mm.total_vm, total);
	assert_null(vma_lookup(&init_mm, addr));
	check_record();
}

/* A length is rounded up to pages. */
static void lengths_are_rounded_up(void **state)
{
	unsigned long addr = do_mmap(NULL, 0, 1, RW, ANON, 0);

	(void)state;
	expect_area(addr, addr + PAGE);
	assert_int_equal(do_munmap(current_mm(), addr, 1), 0);
	assert_null(vma_lookup(current_mm(), addr));
}

/* A block of pages to cut up: at its two sides is nothing of ours. */
static unsigned long lone(unsigned long pages)
{
	unsigned long addr = map(pages + 2);

	unmap(addr, 1);
	unmap(addr + (pages + 1) * PAGE, 1);
	expect_area(addr + PAGE, addr + (pages + 1) * PAGE);
	return addr + PAGE;
}

static void fixed(unsigned long addr, unsigned long pages, unsigned long prot)
{
	assert_int_equal(do_mmap(NULL, addr, pages * PAGE, prot, ANON | MAP_FIXED, 0), addr);
}

static void unmapping_trims_and_splits(void **state)
{
	unsigned long addr = lone(10);
	int count = init_mm.map_count;

	(void)state;
	unmap(addr, 1);
	expect_area(addr + PAGE, addr + 10 * PAGE);
	unmap(addr + 9 * PAGE, 1);
	expect_area(addr + PAGE, addr + 9 * PAGE);
	assert_int_equal(init_mm.map_count, count);
	unmap(addr + 4 * PAGE, 2);
	expect_area(addr + PAGE, addr + 4 * PAGE);
	expect_area(addr + 6 * PAGE, addr + 9 * PAGE);
	assert_int_equal(init_mm.map_count, count + 1);
	check_record();
	/* over both, the hole, and the ends */
	unmap(addr + 3 * PAGE, 4);
	expect_area(addr + PAGE, addr + 3 * PAGE);
	expect_area(addr + 7 * PAGE, addr + 9 * PAGE);
	unmap(addr, 10);
	assert_int_equal(init_mm.map_count, count - 1);
	assert_null(find_vma_intersection(&init_mm, addr, addr + 10 * PAGE));
	/* nothing there: nothing to do */
	unmap(addr, 10);
	check_record();
}

static void neighbours_that_are_alike_merge(void **state)
{
	unsigned long addr = lone(9);
	int count = init_mm.map_count;

	(void)state;
	unmap(addr + 3 * PAGE, 3);
	fixed(addr + 3 * PAGE, 1, RW);
	expect_area(addr, addr + 4 * PAGE);
	fixed(addr + 5 * PAGE, 1, RW);
	expect_area(addr + 5 * PAGE, addr + 9 * PAGE);
	fixed(addr + 4 * PAGE, 1, RW);
	expect_area(addr, addr + 9 * PAGE);
	assert_int_equal(init_mm.map_count, count);
	/* what differs stays apart */
	fixed(addr + 4 * PAGE, 1, PROT_READ);
	expect_area(addr, addr + 4 * PAGE);
	expect_area(addr + 4 * PAGE, addr + 5 * PAGE);
	expect_area(addr + 5 * PAGE, addr + 9 * PAGE);
	assert_int_equal(vma_lookup(&init_mm, addr + 4 * PAGE)->vm_flags, VM_READ);
	check_record();
	fixed(addr + 4 * PAGE, 1, RW);
	expect_area(addr, addr + 9 * PAGE);
	unmap(addr, 9);
}

static void mapping_in_a_row_is_one_area(void **state)
{
	unsigned long addr[8], low = ~0UL, high = 0;
	unsigned int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		addr[i] = map(4);
		low = addr[i] < low ? addr[i] : low;
		high = addr[i] > high ? addr[i] : high;
	}
	assert_int_equal(high - low, 7 * 4 * PAGE);
	assert_true(vma_lookup(&init_mm, low)->vm_start <= low);
	assert_true(vma_lookup(&init_mm, low)->vm_end >= high + 4 * PAGE);
	/* a hole that fits is taken again */
	unmap(addr[3], 4);
	assert_int_equal(map(4), addr[3]);
	for (i = 0; i < 8; i++)
		unmap(addr[i], 4);
	check_record();
}

/* MAP_FIXED replaces what do_mmap() mapped, with what is between; never another's. */
static void fixed_replaces_what_is_ours(void **state)
{
	unsigned long addr = lone(10);
	char *foreign;

	(void)state;
	memset((char *)addr, 7, 10 * PAGE);
	unmap(addr + 2 * PAGE, 2);
	fixed(addr + PAGE, 4, PROT_READ);
	expect_area(addr, addr + PAGE);
	expect_area(addr + PAGE, addr + 5 * PAGE);
	expect_area(addr + 5 * PAGE, addr + 10 * PAGE);
	assert_int_equal(*(char *)addr, 7);
	assert_int_equal(*(char *)(addr + PAGE), 0);
	assert_int_equal(*(char *)(addr + 5 * PAGE), 7);
	check_record();
	unmap(addr + 3 * PAGE, 1);
	foreign = mmap((void *)(addr + 3 * PAGE), PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	assert_int_equal(foreign, addr + 3 * PAGE);
	*foreign = 9;
	assert_int_equal(do_mmap(NULL, addr, 10 * PAGE, RW, ANON | MAP_FIXED, 0), -EEXIST);
	assert_int_equal(do_mmap(NULL, addr + 3 * PAGE, PAGE, RW, ANON | MAP_FIXED, 0), -EEXIST);
	assert_int_equal(*foreign, 9);
	assert_int_equal(*(char *)addr, 7);
	check_record();
	/* unmapping goes round it, too */
	unmap(addr, 10);
	assert_int_equal(*foreign, 9);
	assert_null(find_vma_intersection(&init_mm, addr, addr + 10 * PAGE));
	munmap(foreign, PAGE);
	check_record();
}

static void noreplace_and_hints(void **state)
{
	unsigned long addr = lone(4), got;

	(void)state;
	assert_int_equal(do_mmap(NULL, addr + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, 0),
			 -EEXIST);
	got = do_mmap(NULL, addr + PAGE, PAGE, RW, ANON, 0);
	assert_false(IS_ERR_VALUE(got));
	assert_true(got + PAGE <= addr || got >= addr + 4 * PAGE);
	unmap(got, 1);
	unmap(addr + PAGE, 1);
	assert_int_equal(do_mmap(NULL, addr + PAGE, PAGE, RW, ANON, 0), addr + PAGE);
	unmap(addr + PAGE, 1);
	/* rounded up */
	assert_int_equal(do_mmap(NULL, addr + PAGE - 5, PAGE, RW, ANON, 0), addr + PAGE);
	unmap(addr + PAGE, 1);
	assert_int_equal(do_mmap(NULL, addr + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, 0),
			 addr + PAGE);
	unmap(addr, 4);
	check_record();
}

static void files_are_mapped(void **state)
{
	char path[] = "/tmp/kmem-vma-XXXXXX", text[] = "second page";
	int fd = mkstemp(path);
	unsigned long shared, private;
	struct vm_area_struct *vma;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	assert_int_equal(pwrite(fd, text, sizeof(text), PAGE), sizeof(text));
	shared = do_mmap(fget(fd), 0, 3 * PAGE, RW, MAP_SHARED, PAGE);
	assert_false(IS_ERR_VALUE(shared));
	private = vm_mmap(fget(fd), 0, 3 * PAGE, RW, MAP_PRIVATE, PAGE);
	assert_string_equal((char *)shared, text);
	assert_string_equal((char *)private, text);
	*(char *)private = 'X';
	assert_string_equal((char *)shared, text);
	*(char *)shared = 'S';
	assert_int_equal(pread(fd, text, 1, PAGE), 1);
	assert_int_equal(text[0], 'S');
	check_record();

	vma = vma_lookup(&init_mm, shared);
	assert_ptr_equal(vma->vm_file, fget(fd));
	assert_int_equal(vma->vm_pgoff, 1);
	assert_true(vma->vm_flags & VM_SHARED);
	/* what is left of it starts further on in the file */
	unmap(shared + PAGE, 1);
	assert_int_equal(vma_lookup(&init_mm, shared)->vm_pgoff, 1);
	assert_int_equal(vma_lookup(&init_mm, shared + 2 * PAGE)->vm_pgoff, 3);
	unmap(private, 1);
	assert_int_equal(vma_lookup(&init_mm, private + PAGE)->vm_pgoff, 2);
	unmap(private, 3);
	unmap(shared, 3);
	fput(fget(fd));
	/* of a closed one, of one that may not be written */
	close(fd);
	assert_int_equal(do_mmap(fget(fd), 0, PAGE, RW, MAP_SHARED, 0), -EBADF);
	fd = open("/proc/self/exe", O_RDONLY);
	assert_int_equal(do_mmap(fget(fd), 0, PAGE, RW, MAP_SHARED, 0), -EACCES);
	close(fd);
	/* a negative descriptor is no file */
	shared = do_mmap(fget(-1), 0, PAGE, RW, MAP_PRIVATE, 0);
	assert_false(IS_ERR_VALUE(shared));
	unmap(shared, 1);
	check_record();
}

static void flags_are_recorded(void **state)
{
	static const struct {
		unsigned long prot, flag, vm_flags;
	} rows[] = {
		{ PROT_NONE, MAP_PRIVATE, VM_NONE },
		{ PROT_READ, MAP_PRIVATE, VM_READ },
		{ RW, MAP_SHARED, VM_READ | VM_WRITE | VM_SHARED },
		{ PROT_READ | PROT_EXEC, MAP_PRIVATE, VM_READ | VM_EXEC },
		{ RW, MAP_PRIVATE | MAP_NORESERVE, VM_READ | VM_WRITE | VM_NORESERVE },
		{ RW, MAP_PRIVATE | MAP_LOCKED, VM_READ | VM_WRITE | VM_LOCKED },
		{ RW, MAP_PRIVATE | MAP_POPULATE | MAP_STACK, VM_READ | VM_WRITE },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned long locked = init_mm.locked_vm;
		unsigned long addr = do_mmap(NULL, 0, PAGE, rows[i].prot, rows[i].flag, 0);

		assert_false(IS_ERR_VALUE(addr));
		assert_int_equal(vma_lookup(&init_mm, addr)->vm_flags, rows[i].vm_flags);
		assert_int_equal(init_mm.locked_vm, locked + !!(rows[i].vm_flags & VM_LOCKED));
		check_record();
		unmap(addr, 1);
		assert_int_equal(init_mm.locked_vm, locked);
	}
}

static void bad_requests_are_refused(void **state)
{
	static const struct {
		unsigned long addr, len, prot, flag, offset;
		long err;
	} rows[] = {
		{ 0, 0, RW, ANON, 0, -EINVAL },
		{ 0, PAGE, 8, ANON, 0, -EINVAL },
		{ 0, PAGE, RW, MAP_ANONYMOUS, 0, -EINVAL },
		{ 0, PAGE, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, 0, -EINVAL },
		{ 0, PAGE, RW, ANON | MAP_GROWSDOWN, 0, -EINVAL },
		{ 0, PAGE, RW, ANON | MAP_HUGETLB, 0, -EINVAL },
		{ 0, PAGE, RW, ANON, 100, -EINVAL },
		{ 0, PAGE, RW, ANON, -PAGE, -EOVERFLOW },
		{ 100, PAGE, RW, ANON | MAP_FIXED, 0, -EINVAL },
		{ 100, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, 0, -EINVAL },
		{ -2 * PAGE, PAGE, RW, ANON | MAP_FIXED, 0, -ENOMEM },
		{ 0, -PAGE, RW, ANON, 0, -ENOMEM },
		{ 0, -1UL, RW, ANON, 0, -ENOMEM },
		{ 0, 1UL << 46 << 1, RW, ANON, 0, -ENOMEM },
	};
	unsigned long total = init_mm.total_vm, addr;
	unsigned int i;

	(void)state;
	errno = EXDEV;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal((long)do_mmap(NULL, rows[i].addr, rows[i].len, rows[i].prot,
					       rows[i].flag, rows[i].offset),
				 rows[i].err);
	addr = map(1);
	assert_int_equal(do_munmap(&init_mm, addr + 1, PAGE), -EINVAL);
	assert_int_equal(do_munmap(&init_mm, addr, 0), -EINVAL);
	assert_int_equal(do_munmap(&init_mm, addr, -PAGE), -EINVAL);
	assert_int_equal(do_munmap(&init_mm, addr, -1UL), -EINVAL);
	assert_int_equal(do_munmap(&init_mm, -PAGE, PAGE), -EINVAL);
	expect_area(addr, addr + PAGE);
	unmap(addr, 1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(init_mm.total_vm, total);
	assert_true(IS_ERR_VALUE(-ENOMEM) && IS_ERR_VALUE(-MAX_ERRNO));
	assert_false(IS_ERR_VALUE(0) || IS_ERR_VALUE(addr) || IS_ERR_VALUE(-MAX_ERRNO - 1));
	check_record();
}

/* ---- Looking ---- */

static void find_vma_finds_the_first_above(void **state)
{
	unsigned long addr = lone(7);
	struct vm_area_struct *low, *high, *prev, *vma;

	(void)state;
	unmap(addr + 3 * PAGE, 1);
	low = find_vma(current->mm, addr);
	high = find_vma(current->mm, addr + 4 * PAGE);
	assert_true(low && high && low != high);
	assert_ptr_equal(find_vma(current->mm, addr + 3 * PAGE - 1), low);
	assert_ptr_equal(find_vma(current->mm, addr + 3 * PAGE), high);
	assert_ptr_equal(find_vma(current->mm, addr - 1), low);
	assert_ptr_equal(vma_lookup(current->mm, addr + 3 * PAGE), NULL);
	assert_ptr_equal(find_vma(current->mm, 0), current->mm->mmap);
	assert_null(find_vma(current->mm, ~0UL));

	assert_ptr_equal(find_vma_prev(current->mm, addr + 3 * PAGE, &prev), high);
	assert_ptr_equal(prev, low);
	assert_ptr_equal(find_vma_prev(current->mm, 0, &prev), current->mm->mmap);
	assert_null(prev);
	assert_null(find_vma_prev(current->mm, ~0UL, &prev));
	for (vma = current->mm->mmap; vma->vm_next; vma = vma->vm_next)
		;
	assert_ptr_equal(prev, vma);

	assert_ptr_equal(find_vma_intersection(current->mm, addr, addr + 7 * PAGE), low);
	assert_ptr_equal(find_vma_intersection(current->mm, addr + 3 * PAGE - 1, addr + 7 * PAGE),
			 low);
	assert_null(find_vma_intersection(current->mm, addr + 3 * PAGE, addr + 4 * PAGE));
	assert_ptr_equal(find_vma_intersection(current->mm, addr + 3 * PAGE, addr + 4 * PAGE + 1),
			 high);
	unmap(addr, 7);
}

static void walks_agree(void **state)
{
	struct mm_struct *mm = current_mm();
	struct vm_area_struct *vma, *by_list;
	VMA_ITERATOR(vmi, mm, 0);
	VMA_ITERATOR(range, mm, 0);
	unsigned long addr = map(1), last = 0;
	int count = 0;

	(void)state;
	mmap_read_lock(mm);
	by_list = mm->mmap;
	for_each_vma(vmi, vma)
	{
		assert_ptr_equal(vma, by_list);
		by_list = by_list->vm_next;
		count++;
	}
	mmap_read_unlock(mm);
	assert_null(by_list);
	assert_int_equal(count, mm->map_count);
	for_each_vma_range(range, vma, addr + PAGE)
	{
		last = vma->vm_start;
		count--;
	}
	assert_ptr_equal(vma_lookup(mm, addr), find_vma(mm, last));
	assert_true(count >= 0);
	vmi.addr = 0;
	assert_ptr_equal(vma_next(&vmi), mm->mmap);
	assert_null(vma_find(&vmi, 0));
	unmap(addr, 1);
}

/* With the lock held nothing changes; an allocation that would change it is refused, and no more. */
static void the_lock_holds_the_record(void **state)
{
	unsigned long addr;
	void *p;

	(void)state;
	mmap_write_lock(current_mm());
	mmap_read_lock(current_mm());
	addr = map(2);
	mmap_read_unlock(current_mm());
	unmap(addr, 2);
	errno = 0;
	p = malloc(300 << 20);
	assert_null(p);
	assert_int_equal(errno, ENOMEM);
	free(malloc(100));
	mmap_write_unlock(current_mm());
	/* one too many does no harm */
	mmap_write_unlock(current_mm());
	p = malloc(300 << 20);
	assert_non_null(p);
	free(p);
	check_record();
}

static void rss_is_what_was_touched(void **state)
{
	unsigned long before, addr = map(1000);

	(void)state;
	before = get_mm_rss(current_mm());
	memset((char *)addr, 1, 100 * PAGE);
	assert_in_range(get_mm_rss(current_mm()), before + 100, before + 100 + 15);
	madvise((void *)addr, 1000 * PAGE, MADV_DONTNEED);
	assert_in_range(get_mm_rss(current_mm()), before, before + 15);
	unmap(addr, 1000);
}

static void vmallocinfo_has_a_line_for_each(void **state)
{
	static char text[1 << 20];
	unsigned long addr = map(5), start, end, bytes, pages;
	char path[] = "/tmp/kmem-vma-XXXXXX", caller[40], kind[20], *p;
	int fd = mkstemp(path), count = 0, mine = 0;
	ssize_t n;

	(void)state;
	unlink(path);
	assert_int_equal(vmallocinfo_print(fd), 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	close(fd);
	for (p = text; *p; p = strchr(p, '\n') + 1, count++) {
		struct vm_area_struct *vma;

		assert_int_equal(sscanf(p, "0x%16lx-0x%16lx %lu %39s pages=%lu %19s\n", &start,
					&end, &bytes, caller, &pages, kind),
				 6);
		vma = vma_lookup(current_mm(), start);
		assert_true(vma && vma->vm_start == start && vma->vm_end == end);
		assert_int_equal(bytes, end - start);
		assert_int_equal(pages, bytes / PAGE);
		assert_string_equal(kind, !(vma->vm_flags & VM_READ) ? "reserved" :
					  vma->vm_block		     ? "vmalloc" :
								       "user");
		mine += start <= addr && addr < end && strncmp(caller, "0x", 2) == 0;
	}
	assert_int_equal(count, init_mm.map_count);
	assert_int_equal(mine, 1);
	assert_int_equal(vmallocinfo_print(-1), -EBADF);
	unmap(addr, 5);
}

/* ---- Threads and children ---- */

static void *churn(void *arg)
{
	unsigned long addr[16] = { 0 };
	unsigned int i, n, seed = (unsigned int)(uintptr_t)arg;

	for (i = 0; i < 3000; i++) {
		n = (unsigned int)rand_r(&seed) % 16;
		if (addr[n]) {
			assert(*(unsigned int *)addr[n] == n);
			assert(do_munmap(current_mm(), addr[n], (n + 1) * PAGE) == 0);
			addr[n] = 0;
			free(malloc(300000u * n));
		} else {
			addr[n] = do_mmap(NULL, 0, (n + 1) * PAGE, RW, ANON, 0);
			assert(!IS_ERR_VALUE(addr[n]));
			*(unsigned int *)addr[n] = n;
		}
	}
	for (n = 0; n < 16; n++)
		if (addr[n])
			assert(do_munmap(current_mm(), addr[n], (n + 1) * PAGE) == 0);
	return NULL;
}

static void threads_map_and_allocate(void **state)
{
	pthread_t thread[4];
	unsigned long i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, churn, (void *)(i + 1)), 0);
	for (i = 0; i < 500; i++) {
		VMA_ITERATOR(vmi, current_mm(), 0);
		struct vm_area_struct *vma;
		unsigned long last = 0;

		mmap_read_lock(current_mm());
		for_each_vma(vmi, vma)
		{
			assert_true(vma->vm_start >= last);
			last = vma->vm_end;
		}
		mmap_read_unlock(current_mm());
	}
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	check_record();
}

/* Children of a process whose other threads change the record all the time. */
static void forks_meet_a_whole_record(void **state)
{
	pthread_t thread[2];
	unsigned long i;

	(void)state;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, churn, (void *)(i + 1)), 0);
	for (i = 0; i < 40; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			unsigned long addr = map(3);

			free(malloc(100 << 20));
			unmap(addr + PAGE, 1);
			check_record();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	check_record();
}

/* ---- Signals ---- */

static volatile sig_atomic_t nr_signals, nr_mapped;

/* Looks, maps and allocates in whatever it interrupted: refused or done, but never half. */
static void on_alarm(int sig)
{
	unsigned long addr = do_mmap(NULL, 0, PAGE, RW, ANON, 0);
	char *p = malloc(70 << 20);
	struct vm_area_struct *prev;

	(void)sig;
	nr_signals++;
	find_vma_prev(current_mm(), addr, &prev);
	if (p)
		p[0] = p[(70 << 20) - 1] = 1;
	free(p);
	if (IS_ERR_VALUE(addr)) {
		assert(addr == (unsigned long)-EAGAIN);
		return;
	}
	nr_mapped++;
	*(char *)addr = 1;
	assert(do_munmap(current_mm(), addr, PAGE) == 0);
}

static void handlers_map_and_allocate(void **state)
{
	const struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { { 0, 0 }, { 0, 0 } };
	unsigned long addr = 0;
	unsigned int i;

	(void)state;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	for (i = 0; nr_signals < 500 && i < 3000000; i++) {
		char *p = i % 64 ? NULL : malloc(65 << 20);

		free(p);
		if (addr)
			unmap(addr, 4);
		addr = map(4);
		*(char *)addr = 1;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	unmap(addr, 4);
	assert_true(nr_signals > 10 && nr_mapped > 0);
	check_record();
}

static void a_child_has_the_same_record(void **state)
{
	unsigned long addr = lone(3);
	int status;
	pid_t pid;

	(void)state;
	mmap_read_lock(current_mm());
	pid = fork();
	mmap_read_unlock(current_mm());
	if (pid == 0) {
		expect_area(addr, addr + 3 * PAGE);
		free(malloc(100 << 20));
		unmap(addr + PAGE, 1);
		addr = map(1);
		check_record();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_area(addr, addr + 3 * PAGE);
	unmap(addr, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_malloc_gave_lies_in_an_area),
		cmocka_unit_test(sections_come_online),
		cmocka_unit_test(the_allocators_own_cannot_be_unmapped),
		cmocka_unit_test(mapped_memory_is_zero_and_known),
		cmocka_unit_test(lengths_are_rounded_up),
		cmocka_unit_test(unmapping_trims_and_splits),
		cmocka_unit_test(neighbours_that_are_alike_merge),
		cmocka_unit_test(mapping_in_a_row_is_one_area),
		cmocka_unit_test(fixed_replaces_what_is_ours),
		cmocka_unit_test(noreplace_and_hints),
		cmocka_unit_test(files_are_mapped),
		cmocka_unit_test(flags_are_recorded),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(find_vma_finds_the_first_above),
		cmocka_unit_test(walks_agree),
		cmocka_unit_test(the_lock_holds_the_record),
		cmocka_unit_test(rss_is_what_was_touched),
		cmocka_unit_test(vmallocinfo_has_a_line_for_each),
		cmocka_unit_test(threads_map_and_allocate),
		cmocka_unit_test(forks_meet_a_whole_record),
		cmocka_unit_test(handlers_map_and_allocate),
		cmocka_unit_test(a_child_has_the_same_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
