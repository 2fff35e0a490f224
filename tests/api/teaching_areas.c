/* SPDX-License-Identifier: MIT */
/*
 * The address space as textbooks and lectures write about it, compiled and run as written: find_vma
 * and its kin, do_mmap and do_munmap, a walk along the list of areas, all on `current->mm`.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <kmem/current.h>
#include <kmem/mm.h>

/* ---- Which area is an address in? ---- */

static int address_is_mapped(unsigned long addr)
{
	struct vm_area_struct *vma;

	vma = find_vma(current->mm, addr);
	if (!vma)
		return 0;
	if (vma->vm_start <= addr)
		return 1; /* good area */
	return 0;	  /* a hole below it */
}

static void a_fault_handler_looks_for_the_area(void **state)
{
	char *block = malloc(100);
	int local;

	(void)state;
	assert_true(address_is_mapped((unsigned long)block));
	assert_false(address_is_mapped((unsigned long)&local)); /* the stack is not the library's */
	assert_false(address_is_mapped(0));
	free(block);
}

/* ---- The list of areas, as /proc/PID/maps prints it ---- */

static int print_areas(FILE *to)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int count = 0;

	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		fprintf(to, "%08lx-%08lx %c%c%c%c\n", vma->vm_start, vma->vm_end,
			vma->vm_flags & VM_READ ? 'r' : '-', vma->vm_flags & VM_WRITE ? 'w' : '-',
			vma->vm_flags & VM_EXEC ? 'x' : '-', vma->vm_flags & VM_SHARED ? 's' : 'p');
		count++;
	}
	return count;
}

static void all_areas_in_order(void **state)
{
	struct vm_area_struct *vma, *prev;
	unsigned long total = 0;
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(null);
	setvbuf(null, NULL, _IONBF, 0);
	assert_int_equal(print_areas(null), current->mm->map_count);
	fclose(null);
	for (vma = current->mm->mmap; vma; vma = vma->vm_next) {
		assert_true(vma->vm_start < vma->vm_end);
		assert_true(!vma->vm_next || vma->vm_end <= vma->vm_next->vm_start);
		assert_ptr_equal(find_vma(current->mm, vma->vm_start), vma);
		assert_ptr_equal(find_vma(current->mm, vma->vm_end - 1), vma);
		find_vma_prev(current->mm, vma->vm_start, &prev);
		assert_true(!prev || prev->vm_next == vma);
		total += (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
	}
	assert_int_equal(total, current->mm->total_vm);
}

/* ---- Map, split, trim, remove ---- */

static void a_mapping_is_split_and_trimmed(void **state)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma, *prev;
	unsigned long addr;

	(void)state;
	addr = do_mmap(NULL, 0, 10 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       0);
	assert_false(IS_ERR_VALUE(addr));
	memset((void *)addr, 1, 10 * PAGE_SIZE);
	assert_ptr_equal(find_vma_intersection(mm, addr + PAGE_SIZE, addr + 2 * PAGE_SIZE),
			 find_vma(mm, addr));

	/* two pages out of the middle: split */
	assert_int_equal(do_munmap(mm, addr + 4 * PAGE_SIZE, 2 * PAGE_SIZE), 0);
	assert_null(find_vma_intersection(mm, addr + 4 * PAGE_SIZE, addr + 6 * PAGE_SIZE));
	vma = find_vma_prev(mm, addr + 4 * PAGE_SIZE, &prev);
	assert_int_equal(vma->vm_start, addr + 6 * PAGE_SIZE);
	assert_int_equal(prev->vm_end, addr + 4 * PAGE_SIZE);

	/* one page off the front: trim */
	assert_int_equal(do_munmap(mm, addr, PAGE_SIZE), 0);
	assert_int_equal(find_vma(mm, addr)->vm_start, addr + PAGE_SIZE);

	/* what is left, holes and all: remove */
	assert_int_equal(do_munmap(mm, addr, 10 * PAGE_SIZE), 0);
	assert_null(find_vma_intersection(mm, addr, addr + 10 * PAGE_SIZE));
}

static void neighbours_become_one(void **state)
{
	unsigned long flags = MAP_PRIVATE | MAP_ANONYMOUS, addr, hole;
	struct vm_area_struct *vma;

	(void)state;
	addr = do_mmap(NULL, 0, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, 0);
	assert_false(IS_ERR_VALUE(addr));
	hole = addr + PAGE_SIZE;
	assert_int_equal(do_munmap(current->mm, hole, PAGE_SIZE), 0);
	assert_int_equal(
		do_mmap(NULL, hole, PAGE_SIZE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, 0), hole);
	vma = find_vma(current->mm, addr);
	assert_true(vma->vm_start <= addr && vma->vm_end >= addr + 4 * PAGE_SIZE);
	assert_int_equal(do_munmap(current->mm, addr, 4 * PAGE_SIZE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_handler_looks_for_the_area),
		cmocka_unit_test(all_areas_in_order),
		cmocka_unit_test(a_mapping_is_split_and_trimmed),
		cmocka_unit_test(neighbours_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
