/*
 * Which pages count in Rss: both ways of asking the kernel, held against pages whose state is
 * known.
 */
#include "proc_pagemap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool.h"

#define NR_PAGES 600u

void *xrealloc(void *p, size_t count, size_t size)
{
	p = realloc(p, count * size);
	if (!p)
		abort();
	return p;
}

char *xstrdup(const char *s)
{
	return strcpy(xrealloc(NULL, strlen(s) + 1, 1), s);
}

char *xasprintf(const char *fmt, ...)
{
	char *text = xrealloc(NULL, 200, 1);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, 200, fmt, ap);
	va_end(ap);
	return text;
}

static size_t page_size;

/* A mapping with its neighbours kept away, so that it is one in smaps. */
static char *map_pages(int kind)
{
	char *p = mmap(NULL, (NR_PAGES + 2) * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	assert_ptr_not_equal(p, MAP_FAILED);
	p = mmap(p + page_size, NR_PAGES * page_size, PROT_READ | PROT_WRITE,
		 kind | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	madvise(p, NR_PAGES * page_size, MADV_NOHUGEPAGE);
	return p;
}

static void read_page(const char *p)
{
	assert_int_equal(*(const volatile char *)p, 0);
}

/* What is resident of the mapping at @p, asked in one of the two ways, and its entry in smaps. */
static uint8_t *resident(const char *p, bool scan, struct proc_vma *found)
{
	struct proc_smaps smaps;
	struct pagemap map;
	uint8_t *page = NULL;
	size_t i;

	assert_int_equal(proc_smaps_read(getpid(), &smaps), 0);
	assert_int_equal(pagemap_open(&map, getpid()), 0);
	map.scan = scan;
	for (i = 0; i < smaps.nr; i++)
		if (smaps.vma[i].start == (uintptr_t)p) {
			*found = smaps.vma[i];
			page = pagemap_read(&map, found);
		}
	assert_non_null(page);
	assert_int_equal(found->end - found->start, NR_PAGES * page_size);
	found->name = NULL;
	pagemap_close(&map);
	proc_smaps_free(&smaps);
	return page;
}

static void knows_what_was_written(void **state)
{
	bool scan = *(bool *)*state;
	char *p = map_pages(MAP_PRIVATE);
	struct proc_vma vma;
	uint8_t *page;
	size_t i;

	for (i = 0; i < NR_PAGES; i += 3) {
		p[i * page_size] = 1;
		read_page(p + (i + 1) * page_size);
	}
	page = resident(p, scan, &vma);
	assert_int_equal(vma.rss, NR_PAGES / 3 * page_size);
	assert_false(vma.shared || vma.file || vma.hugetlb);
	for (i = 0; i < NR_PAGES; i++)
		assert_int_equal(page[i], i % 3 == 0);
	free(page);
}

static void knows_shared_memory(void **state)
{
	bool scan = *(bool *)*state;
	char *p = map_pages(MAP_SHARED);
	struct proc_vma vma;
	uint8_t *page;
	size_t i;

	for (i = 0; i < NR_PAGES; i += 2)
		read_page(p + i * page_size);
	page = resident(p, scan, &vma);
	assert_int_equal(vma.rss, NR_PAGES / 2 * page_size);
	assert_true(vma.shared);
	for (i = 0; i < NR_PAGES; i++)
		assert_int_equal(page[i], i % 2 == 0);
	free(page);
}

/* A child shares all pages: not exclusive any more, and still no pages of zeros. */
static void counts_what_a_child_shares(void **state)
{
	bool scan = *(bool *)*state;
	char *p = map_pages(MAP_PRIVATE);
	size_t i, sum = 0, low = 0;
	struct proc_vma vma;
	uint8_t *page;
	int end[2];
	pid_t child;

	for (i = 0; i < NR_PAGES; i++)
		if (i % 4 == 3)
			read_page(p + i * page_size);
		else
			p[i * page_size] = 1;
	assert_int_equal(pipe(end), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char c;

		close(end[1]);
		_exit(read(end[0], &c, 1) != 0);
	}
	page = resident(p, scan, &vma);
	close(end[0]);
	close(end[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(vma.rss, NR_PAGES / 4 * 3 * page_size);
	for (i = 0; i < NR_PAGES; i++) {
		if (scan)
			assert_int_equal(page[i], i % 4 != 3);
		sum += page[i];
		low += i < NR_PAGES / 2 && page[i];
	}
	/*
	 * Without a scan which is which is a guess; their number is not, nor that they are spread.
	 */
	assert_int_equal(sum, NR_PAGES / 4 * 3);
	assert_true(low + 1 >= sum / 2 && low <= sum / 2 + 1);
	free(page);
}

static void reads_all_of_smaps(void **state)
{
	struct proc_smaps smaps;
	bool stack = false, self = false;
	size_t i, sum = 0;

	(void)state;
	assert_int_equal(proc_smaps_read(getpid(), &smaps), 0);
	for (i = 0; i < smaps.nr; i++) {
		const struct proc_vma *vma = &smaps.vma[i];

		assert_true(vma->start < vma->end);
		assert_true(i == 0 || smaps.vma[i - 1].end <= vma->start);
		assert_true(vma->rss <= vma->end - vma->start);
		stack |= !strcmp(vma->name, "[stack]") && vma->rss && !vma->file;
		self |= vma->file && strstr(vma->name, "/tools_pagemap") != NULL;
		sum += vma->rss;
	}
	assert_true(stack && self);
	assert_int_equal(sum, smaps.rss);
	proc_smaps_free(&smaps);
	assert_int_equal(proc_smaps_read(1 << 30, &smaps), 3 /* ESRCH */);
}

int main(void)
{
	static bool by_scan = true, by_entry = false;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(knows_what_was_written, &by_scan),
		cmocka_unit_test_prestate(knows_what_was_written, &by_entry),
		cmocka_unit_test_prestate(knows_shared_memory, &by_scan),
		cmocka_unit_test_prestate(knows_shared_memory, &by_entry),
		cmocka_unit_test_prestate(counts_what_a_child_shares, &by_scan),
		cmocka_unit_test_prestate(counts_what_a_child_shares, &by_entry),
		cmocka_unit_test(reads_all_of_smaps),
	};

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
