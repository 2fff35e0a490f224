/* SPDX-License-Identifier: MIT */
/*
 * Mapping and unmapping through kmem/vma.h: what is merged, split and trimmed, files, each flag and
 * each error.
 */
#include "address_space.h"
#include <valgrind/valgrind.h>

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
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long err = (long)do_mmap(NULL, rows[i].addr, rows[i].len, rows[i].prot,
					 rows[i].flag, rows[i].offset);

		/* What is too long is EINVAL to valgrind. */
		if (RUNNING_ON_VALGRIND && rows[i].err == -ENOMEM)
			assert_true(err == -ENOMEM || err == -EINVAL);
		else
			assert_int_equal(err, rows[i].err);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
