/* SPDX-License-Identifier: MIT */
/*
 * buddy - blocks of pages that split and merge, shown order by order.
 *
 * The buddy knows free blocks of 1, 2, 4 ... pages: orders 0, 1, 2 ... A request takes a block of
 * its order, or splits a larger one: half of it is free again, and its other half is split on. Each
 * block has one buddy, the other half of what it was split from: their page numbers differ in one
 * bit. When both are free they are one block again.
 *
 *      order 9  |                                                       |      one free block
 *      order 8  |                           |            free           |      split
 *      order 7  |             |     free    |                           |      split again
 *      order 6  |  A   | free |                                         |      A is taken
 *                  pfn   pfn ^ 64
 *
 * /proc/buddyinfo has a count of free blocks for each order; the library prints its own in that
 * format. (Orders 0 and 1 are left out here: what is free of these stays with its thread a while.)
 */
#include <kmem/mm.h>
#include "lecture.h"

#define ORDERS 15
#define ORDER  6
#define BLOCKS 16

struct counts {
	long free[ORDERS];
};

static struct counts count(void)
{
	static char text[4096];
	int fd = memfd_create("buddyinfo", 0);
	struct counts now;
	char *row;

	MUST(fd >= 0 && buddyinfo_print(fd) == 0 && pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	row = strstr(text, " Normal ");
	MUST(row != NULL);
	row += strlen(" Normal ");
	for (int order = 0; order < ORDERS; order++)
		now.free[order] = strtol(row, &row, 10);
	return now;
}

static void show(const char *when, const struct counts *now, const struct counts *before)
{
	printf("  %-24s", when);
	for (int order = 2; order < ORDERS; order++) {
		long more = now->free[order] - before->free[order];

		printf("%4ld%s", now->free[order], more > 0 ? "+" : more < 0 ? "-" : " ");
	}
	printf("\n");
}

static long pages(const struct counts *counts)
{
	long sum = 0;

	for (int order = 2; order < ORDERS; order++)
		sum += counts->free[order] << order;
	return sum;
}

static void split_and_merge(void)
{
	struct counts before = count(), after;
	struct page *page[BLOCKS];
	int n = 0;

	show("before", &before, &before);
	do { /* until there is no block of just that size any more */
		before = count();
		page[n] = alloc_pages(GFP_KERNEL, ORDER);
		MUST(page[n] && page_to_pfn(page[n]) % (1 << ORDER) == 0);
		after = count();
		show("alloc_pages(6)", &after, &before);
	} while (before.free[ORDER] && ++n < BLOCKS);
	CLAIM(after.free[ORDER] == 1, "a larger one was split: its other half is free now");
	CLAIM(pages(&before) - pages(&after) == 1 << ORDER,
	      "64 pages fewer are free, in all orders");
	__free_pages(page[n], ORDER);
	after = count();
	show("__free_pages", &after, &before);
	CLAIM(!memcmp(&before.free[ORDER], &after.free[ORDER], (ORDERS - ORDER) * sizeof(long)),
	      "freed, it merges up again: each order has what it had");
	while (n--)
		__free_pages(page[n], ORDER);
}

static int by_address(const void *a, const void *b)
{
	return page_to_pfn(*(struct page *const *)a) < page_to_pfn(*(struct page *const *)b) ? -1 :
											       1;
}

/* Four blocks that follow each other, A B C D, and were one of order 8. */
static void only_buddies_merge(void)
{
	struct page *taken[BLOCKS], **block = taken;
	struct counts before, after;

	for (int i = 0; i < BLOCKS; i++)
		MUST((taken[i] = alloc_pages(GFP_KERNEL, ORDER)) != NULL);
	qsort(taken, BLOCKS, sizeof(taken[0]), by_address);
	while (page_to_pfn(block[0]) % 256 || page_to_pfn(block[3]) != page_to_pfn(block[0]) + 192)
		MUST(++block < taken + BLOCKS - 3);
	printf("\n");
	for (int i = 0; i < 4; i++)
		printf("  %c: pages from %lu on, those of its buddy from %lu on\n", 'A' + i,
		       page_to_pfn(block[i]), page_to_pfn(block[i]) ^ (1 << ORDER));

	before = count();
	__free_pages(block[1], ORDER);
	__free_pages(block[2], ORDER);
	after = count();
	show("B and C freed", &after, &before);
	CLAIM(after.free[ORDER] == before.free[ORDER] + 2,
	      "neighbours, but two blocks: they stay apart");
	before = after;
	__free_pages(block[0], ORDER);
	after = count();
	show("A freed", &after, &before);
	CLAIM(after.free[ORDER] == before.free[ORDER] - 1 &&
		      after.free[ORDER + 1] == before.free[ORDER + 1] + 1,
	      "A and B are one block of order 7 now");
	before = after;
	__free_pages(block[3], ORDER);
	after = count();
	show("D freed", &after, &before);
	CLAIM(after.free[ORDER + 1] == before.free[ORDER + 1] - 1,
	      "C and D as well, and both of these are one of order 8, or more");
}

int main(void)
{
	lecture("The buddy: blocks that split and merge");
	printf("  free blocks of order    ");
	for (int order = 2; order < ORDERS; order++)
		printf("%4d ", order);
	printf("\n");
	split_and_merge();
	only_buddies_merge();
	return 0;
}
