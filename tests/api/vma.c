/* SPDX-License-Identifier: MIT */
/*
 * Looking at the address space through kmem/vma.h: what the library says of its own mappings,
 * finding and walking areas, totals; with threads, children and signal handlers that change it
 * meanwhile.
 */
#include "address_space.h"

#include <valgrind/valgrind.h>

/* ---- The allocator's own ---- */

/* Under valgrind, which takes a hundred times as long, everything is done less often. */
#define SLOWNESS (RUNNING_ON_VALGRIND ? 20 : 1)

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

/*
 * With the lock held nothing changes; an allocation that would change it is refused, and no more.
 */
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

	for (i = 0; i < 3000 / SLOWNESS; i++) {
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
	for (i = 0; i < 500 / SLOWNESS; i++) {
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
	for (i = 0; i < 40 / SLOWNESS; i++) {
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

/* The next signal comes a while after the handler of the last has ended, however long that took. */
static void signal_soon(void)
{
	const struct itimerval soon = { { 0, 0 }, { 0, 300 } };

	setitimer(ITIMER_REAL, &soon, NULL);
}

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
	} else {
		nr_mapped++;
		*(char *)addr = 1;
		assert(do_munmap(current_mm(), addr, PAGE) == 0);
	}
	signal_soon();
}

static void handlers_map_and_allocate(void **state)
{
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	unsigned long addr = 0;
	unsigned int i;

	(void)state;
	signal(SIGALRM, on_alarm);
	signal_soon();
	for (i = 0; nr_signals < 500 / SLOWNESS && i < 3000000; i++) {
		char *p = i % 64 ? NULL : malloc(65 << 20);

		free(p);
		if (addr)
			unmap(addr, 4);
		addr = map(4);
		*(char *)addr = 1;
	}
	/*
	 * Ignored first, as the last handler to run may have set the timer again; and from here on,
	 * as a signal that came while it was blocked (valgrind blocks all) is pending whatever
	 * becomes of it now, and would kill by default.
	 */
	signal(SIGALRM, SIG_IGN);
	setitimer(ITIMER_REAL, &never, NULL);
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
