/* SPDX-License-Identifier: MIT */
/*
 * The kernel says no: to every call in turn, to all calls from some moment on, and to some of them.
 *
 * A scenario goes through everything that makes the library ask for memory or give some back:
 * objects of every class, blocks that are resized in place and by moving, areas, threads, trims. It
 * runs in a child of its own for each call that is to fail, from the library's very first call on.
 * Whatever is asked for is there, with the right contents, or is NULL with ENOMEM, and then nothing
 * has changed. When the kernel is kind again, the same scenario must succeed, and must leave
 * nothing behind: not an object, not a page, nor addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"
#include "init.h"
#include "large.h"
#include "os.h"
#include "purge.h"
#include "slabinfo.h"
#include "unit_slab.h"

#define MIB	  (1UL << 20)
#define MAX_NR	  (24 * NR_KMALLOC_CLASSES + 40)
#define EDGE	  4096UL /* bytes at either end of a block that are looked at */
#define SLACK_MIB 136	 /* addresses that a run with one failure may lose: two slots and some */

struct block {
	char *start;
	size_t size;
};

struct player {
	struct block block[MAX_NR];
	unsigned int nr;
	bool refused; /* something was */
	bool kind;    /* nothing may be */
};

/* ---- What is asked for ---- */

static void fill(struct block *block)
{
	if (block->size < 2 * EDGE) {
		unit_fill(block->start, block->size, (uintptr_t)block);
		return;
	}
	unit_fill(block->start, EDGE, (uintptr_t)block);
	unit_fill(block->start + block->size - EDGE, EDGE, (uintptr_t)block + 1);
}

/* The first @bytes of it, all of which are there. */
static bool holds(const struct block *block, size_t bytes)
{
	if (block->size < 2 * EDGE)
		return unit_holds(block->start, bytes == block->size ? bytes : bytes & ~7UL,
				  (uintptr_t)block);
	return unit_holds(block->start, bytes < EDGE ? bytes & ~7UL : EDGE, (uintptr_t)block) &&
	       (bytes < block->size ||
		unit_holds(block->start + block->size - EDGE, EDGE, (uintptr_t)block + 1));
}

static struct block *add(struct player *p, char *start, size_t size)
{
	struct block *block = &p->block[p->nr];

	if (!start) {
		EXPECT_EQ(errno, ENOMEM);
		EXPECT(!p->kind);
		p->refused = true;
		return NULL;
	}
	EXPECT(kmalloc_usable(start) >= size);
	EXPECT(p->nr < MAX_NR);
	p->nr++;
	*block = (struct block){ start, size };
	fill(block);
	return block;
}

static struct block *take(struct player *p, size_t size)
{
	errno = 0;
	return add(p, unit_kmalloc(size), size);
}

static void take_zeroed(struct player *p, size_t size)
{
	char *start;

	errno = 0;
	start = kmalloc_zeroed(size);
	if (start) {
		size_t edge = size < EDGE ? size : EDGE;

		EXPECT(unit_is_zero(start, edge));
		EXPECT(unit_is_zero(start + size - edge, edge));
	}
	add(p, start, size);
}

static void take_aligned(struct player *p, size_t size, size_t align)
{
	char *start;

	errno = 0;
	start = kmalloc_aligned(size, align);
	EXPECT((uintptr_t)start % align == 0);
	add(p, start, size);
}

/* As realloc(). */
static void resize(struct player *p, struct block *block, size_t size)
{
	size_t old, kept;
	char *to;

	if (!block)
		return;
	old = block->size;
	kept = size < old ? size : old;
	to = kmalloc_resize(block->start, kmalloc_usable(block->start), size, true);
	if (!to) {
		EXPECT(holds(block, old));
		errno = 0;
		to = unit_kmalloc(size);
		if (!to) {
			EXPECT_EQ(errno, ENOMEM);
			EXPECT(!p->kind);
			p->refused = true;
			EXPECT(kmalloc_usable(block->start) >= old);
			EXPECT(holds(block, old));
			return;
		}
		memcpy(to, block->start, kept);
		unit_kfree(block->start);
	}
	block->start = to;
	EXPECT(holds(block, kept));
	block->size = size;
	EXPECT(kmalloc_usable(to) >= size);
	fill(block);
}

static void drop_all(struct player *p)
{
	while (p->nr) {
		struct block *block = &p->block[--p->nr];

		EXPECT(holds(block, block->size));
		errno = EXDEV;
		unit_kfree(block->start);
		EXPECT_EQ(errno, EXDEV);
	}
}

/* ---- The scenario ---- */

static void all_classes(struct player *p)
{
	unsigned int class, i;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		for (i = 0; i < 12; i++)
			take(p, kmalloc_caches[class].size);
}

static void blocks_and_areas(struct player *p)
{
	struct block *low, *high, *area;

	take(p, 100000);
	take_zeroed(p, 200000);
	low = take(p, 3 * MIB);
	high = take(p, 3 * MIB);
	take_aligned(p, 5000, 1 << 16);
	take_aligned(p, 2 * MIB, 128 * MIB);
	resize(p, high, 4 * MIB);
	resize(p, high, 2 * MIB);
	/* no room behind it: to an area, and on from there */
	resize(p, low, 6 * MIB);
	resize(p, low, 66 * MIB);
	area = take(p, 70 * MIB);
	take_zeroed(p, 65 * MIB);
	resize(p, area, 140 * MIB);
	resize(p, area, 80 * MIB);
	resize(p, area, 20000);
	resize(p, low, 100);
}

static void short_life(void *arg, unsigned int id)
{
	struct player *p = (struct player *)arg + id;

	all_classes(p);
	take(p, 300000);
	drop_all(p);
}

static void scenario(bool kind)
{
	struct player *p = calloc(3, sizeof(*p));
	unsigned int i;

	EXPECT(p != NULL);
	for (i = 0; i < 3; i++)
		p[i].kind = kind;
	all_classes(p);
	blocks_and_areas(p);
	/* some of it goes, and back to the kernel, while the rest is used */
	for (i = 0; i < p->nr; i += 2) {
		struct block block = p->block[i];

		EXPECT(holds(&p->block[i], block.size));
		unit_kfree(block.start);
		p->block[i].start = unit_kmalloc(16);
		if (!p->block[i].start) {
			p->block[i] = p->block[--p->nr];
			fill(&p->block[i]);
			continue;
		}
		p->block[i].size = 16;
		fill(&p->block[i]);
	}
	kmem_trim();
	unit_threads(2, short_life, p + 1);
	all_classes(p);
	drop_all(p);
	kmem_trim();
	free(p);
}

static void set_fail_os(long interval, long probability, long space, long times)
{
	char option[100];

	snprintf(option, sizeof(option), "fail_os=%ld,%ld,%ld,%ld", interval, probability, space,
		 times);
	options_parse(option, &os_params, 1);
}

/* ---- What is left ---- */

static void expect_clean_end(void)
{
	struct kmem_totals totals;
	unsigned int i;

	/* areas that could not be unmapped are tried again when there is another */
	for (i = 0; i < 20; i++)
		unit_kfree(unit_kmalloc(70 * MIB));
	expect_nothing_left();
	kmem_get_totals(&totals);
	EXPECT_EQ(totals.nr_objects + totals.nr_large + totals.nr_areas, 0);
	EXPECT_EQ(totals.slab_used + totals.slab_cached + totals.slab_free, 0);
	EXPECT_EQ(totals.large + totals.areas, 0);
	EXPECT_EQ(totals.free_pages, totals.online);
	EXPECT_EQ(totals.dirty, 0);
}

static unsigned long address_space_mib(void)
{
	char text[100];
	unsigned long pages;
	int fd = open("/proc/self/statm", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	EXPECT(n > 0);
	text[n] = '\0';
	EXPECT_EQ(sscanf(text, "%lu", &pages), 1);
	return pages >> 8;
}

/* ---- Runs, each in a child ---- */

struct run {
	long interval, probability, space, times;
};

/* Told by a child to its parent. */
static struct told {
	unsigned long calls, mib;
} * told;

static void clean_run(void *arg)
{
	unsigned long before = unit_os_calls;

	(void)arg;
	scenario(true);
	told->calls = unit_os_calls - before;
	scenario(true);
	expect_clean_end();
	told->mib = address_space_mib();
}

static void run_with_failures(void *arg)
{
	const struct run *run = arg;

	set_fail_os(run->interval, run->probability, run->space, run->times);
	scenario(false);
	set_fail_os(1, 0, 0, 0);
	scenario(true);
	expect_clean_end();
	/* a sanitizer's or valgrind's own memory is no measure */
	if (run->times == 1 && !UNIT_SANITIZE && !unit_on_valgrind())
		EXPECT(address_space_mib() <= told->mib + SLACK_MIB);
}

static void run_child(struct run run)
{
	char text[2000];
	int status = unit_child(run_with_failures, &run, text, sizeof(text));

	if (status)
		print_error("fail_os=%ld,%ld,%ld,%ld: status %#x: %s\n", run.interval,
			    run.probability, run.space, run.times, (unsigned int)status, text);
	EXPECT_EQ(status, 0);
}

static int setup(void **state)
{
	(void)state;
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(told != MAP_FAILED);
	unit_passes(clean_run, NULL);
	print_message("             %lu calls, %lu MiB of addresses\n", told->calls, told->mib);
	EXPECT(told->calls > 30);
	return 0;
}

/* Steps that are fewer where each takes long. */
static unsigned int stride(void)
{
	return unit_on_valgrind() ? 37 : UNIT_SANITIZE ? 5 : 1;
}

static void test_each_call_once(void **state)
{
	unsigned long n;

	(void)state;
	for (n = 0; n <= told->calls; n += stride())
		run_child((struct run){ 1, 100, (long)n, 1 });
}

static void test_all_calls_from_one_on(void **state)
{
	unsigned long n;

	(void)state;
	for (n = 0; n <= told->calls; n += stride())
		run_child((struct run){ 1, 100, (long)n, -1 });
}

static void test_some_calls(void **state)
{
	static const struct run runs[] = {
		{ 2, 100, 0, -1 }, { 2, 100, 1, -1 }, { 3, 100, 5, -1 }, { 7, 100, 20, -1 },
		{ 1, 50, 0, -1 },  { 1, 20, 10, -1 }, { 1, 5, 20, -1 },	 { 1, 1, 0, -1 },
	};
	/*
	 * Valgrind maps elsewhere what it cannot map in its place, so that each unmapping that is
	 * refused costs addresses, of which it has few: there the runs with few failures will do.
	 */
	unsigned int i = unit_on_valgrind() ? 5 : 0;

	(void)state;
	for (; i < ARRAY_SIZE(runs); i++)
		run_child(runs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call_once),
		cmocka_unit_test(test_all_calls_from_one_on),
		cmocka_unit_test(test_some_calls),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
