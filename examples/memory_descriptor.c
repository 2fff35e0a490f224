/* SPDX-License-Identifier: MIT */
/*
 * memory_descriptor - the areas of a process before and after malloc, by size.
 *
 * The kernel has a memory descriptor for each process (mm_struct), which holds an area
 * (vm_area_struct) for each range of addresses that is alike: from, to, rights, file. This library
 * has one as well, by the same names, for what it mapped itself; /proc/self/maps shows the
 * kernel's.
 *
 *      mm_struct
 *        mmap  ---->  vm_area_struct  ---->  vm_area_struct  ---->  ...    a list, by address
 *        mm_rb        section, rw-p          section, ---p                 and a tree, to search
 *        map_count    64 KiB in use ...      ... the rest, reserved
 *
 * A small object lies in a page, a page in a section, and the section is an area already: malloc
 * has nothing to ask the kernel. What is large gets an area of its own, and free removes it.
 */
#include <kmem/mm.h>
#include "lecture.h"

#define KIB 1024ul
#define MIB (1024 * KIB)

static struct mm_struct *mm;

static const char *rights(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_WRITE ? "rw-p" : vma->vm_flags & VM_READ ? "r--p" : "---p";
}

static void show(const char *when)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	printf("\n%s: %d areas, %lu KiB of addresses, %lu KiB in memory\n", when, mm->map_count,
	       mm->total_vm * PAGE / KIB, get_mm_rss(mm) * PAGE / KIB);
	for_each_vma(vmi, vma)
		printf("  %012lx-%012lx %s %8lu KiB  %s\n", vma->vm_start, vma->vm_end, rights(vma),
		       (vma->vm_end - vma->vm_start) / KIB, vma->vm_name ? vma->vm_name : "");
}

static struct vm_area_struct *area_with(const void *address)
{
	struct vm_area_struct *vma = find_vma(mm, (unsigned long)address);

	MUST(vma && vma->vm_start <= (unsigned long)address); /* it only ends above the address */
	return vma;
}

/* The library's record against what the kernel says. */
static void compare(void)
{
	size_t count, same = 0, all = 0;
	const struct area *areas = read_areas(getpid(), &count), *area;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma)
	{
		area = /* neighbours that are alike to the kernel are one area */
			area_of(areas, count, (void *)vma->vm_start);
		same += area && vma->vm_end <= area->end && !strncmp(area->perms, rights(vma), 4);
		all++;
	}
	CLAIM(same == all, "all %zu areas are in /proc/self/maps, with the same rights", all);
}

static void small(void)
{
	unsigned long total = mm->total_vm;
	int areas = mm->map_count;
	char *object = malloc(100);
	struct vm_area_struct *vma = area_with(object);

	show("malloc(100)");
	CLAIM(mm->map_count == areas && mm->total_vm == total, "no new area, not one address more");
	CLAIM(vma->vm_end - vma->vm_start > 100, "the object lies in an area of %lu KiB",
	      (vma->vm_end - vma->vm_start) / KIB);
	free(object);
}

static void many(void)
{
	static char *object[20000];
	unsigned long total = mm->total_vm, writable = mm->data_vm;
	int areas = mm->map_count;

	for (int i = 0; i < 20000; i++)
		MUST((object[i] = malloc(1000)) && memset(object[i], 1, 1000));
	show("20000 times malloc(1000)");
	CLAIM(mm->map_count <= areas + 2, "no area of their own for any of them");
	CLAIM(mm->data_vm > writable, "but the writable area grew by %lu KiB",
	      (mm->data_vm - writable) * PAGE / KIB);
	CLAIM(mm->total_vm - total < 1000, "nearly all of it where addresses were reserved");
	for (int i = 0; i < 20000; i++)
		free(object[i]);
}

static void large(void)
{
	unsigned long total = mm->total_vm;
	int areas = mm->map_count;
	char *block = malloc(100 * MIB);
	struct vm_area_struct *vma = area_with(block);

	show("malloc(100 MiB)");
	CLAIM(mm->map_count > areas, "a new area");
	CLAIM(vma->vm_start == (unsigned long)block / PAGE * PAGE,
	      "it starts where the block does");
	CLAIM(mm->total_vm >= total + 100 * MIB / PAGE, "and adds all of its addresses");
	CLAIM(resident(block, 100 * MIB / PAGE) < 16, "but hardly a page: none is touched");
	compare();
	free(block);
	show("free");
	CLAIM(mm->map_count == areas, "the area has gone");
	CLAIM(!vma_lookup(mm, (unsigned long)block), "no area has the address any more");
}

/* The kernel's own names for what the allocator does: the record is the same. */
static void by_hand(void)
{
	unsigned long flags = MAP_PRIVATE | MAP_ANONYMOUS;
	unsigned long start = do_mmap(NULL, 0, 8 * PAGE, PROT_READ | PROT_WRITE, flags, 0);
	int areas = mm->map_count;

	MUST(!IS_ERR_VALUE(start));
	show("do_mmap of 8 pages");
	MUST(!do_munmap(mm, start + 3 * PAGE, 2 * PAGE));
	show("do_munmap of 2 in the middle");
	CLAIM(mm->map_count == areas + 1, "a hole makes two areas of one");
	CLAIM(find_vma(mm, start + 3 * PAGE)->vm_start == start + 5 * PAGE,
	      "find_vma of an address in the hole finds the area above");
	MUST(!do_munmap(mm, start, 8 * PAGE));
}

int main(void)
{
	lecture("The memory descriptor before and after malloc");
	mm = current_mm();
	show("at first");
	compare();
	small();
	many();
	large();
	by_hand();
	compare();
	return 0;
}
