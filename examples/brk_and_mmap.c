/* SPDX-License-Identifier: MIT */
/*
 * brk_and_mmap - the two ways to get memory from the system, by hand and by malloc.
 *
 * The heap of the textbooks is one area that ends at the break; brk moves the break. What is in the
 * middle cannot go back to the system before everything above it has gone. mmap makes areas
 * anywhere, and each goes back when it likes.
 *
 *      brk    |  text  |  data  |  heap ->            .   <- areas  |  stack  |
 *                               ^       ^ the break
 *      mmap   |  text  |  data  |        section  area   section    |  stack  |
 *
 * glibc's malloc grows the heap for small sizes, and maps what is 128 KiB or more. This library
 * never moves the break: sections of 64 MiB, and areas for what is large, all from mmap. Both are
 * loaded in this process; glibc's is asked for by name, so the two can be seen side by side.
 */
#include "lecture.h"
#include <dlfcn.h>

static char *heap_start;
static void *(*libc_malloc)(size_t);
static void (*libc_free)(void *);

/* The heap is what lies between where the break was at first and where it is. */
static bool in_heap(const void *address)
{
	return heap_start <= (char *)address && (char *)address < (char *)sbrk(0);
}

static void print_heap(void)
{
	size_t count;
	const struct area *areas = read_areas(getpid(), &count);
	const struct area *heap = area_of(areas, count, (char *)sbrk(0) - 1);

	if (!in_heap((char *)sbrk(0) - 1)) {
		printf("  (the heap is empty)\n");
		return;
	}
	MUST(heap != NULL);
	print_area(heap);
	CLAIM(!strcmp(heap->name, "[heap]") || under_valgrind(), "the kernel calls it [heap]");
}

/* Whether the break has moved up since @before; says by how much. */
static bool moved(const char *before)
{
	long by = (char *)sbrk(0) - before;

	printf("  the break moved by %ld KiB\n", by / 1024);
	return by > 0;
}

static void by_hand(void)
{
	char *before = sbrk(0), *a, *b;

	printf("sbrk by hand: two blocks of four pages\n");
	print_heap();
	a = sbrk(4 * PAGE);
	b = sbrk(4 * PAGE);
	MUST(a != (void *)-1 && b != (void *)-1);
	memset(a, 1, 8 * PAGE);
	print_heap();
	CLAIM(a == before && b == a + 4 * PAGE, "each block starts where the break was");
	CLAIM(in_heap(a) && in_heap(b), "both are in the heap");
	CLAIM((char *)sbrk(0) == b + 4 * PAGE, "and the break is behind the last");
	printf("  the first is no longer needed, but sbrk takes from the end: that is the second\n");
	MUST(sbrk(-8 * (long)PAGE) != (void *)-1);
	CLAIM(sbrk(0) == before, "only both together bring the break back");

	printf("\nmmap by hand: two blocks of four pages\n");
	a = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(a != MAP_FAILED && b != MAP_FAILED);
	CLAIM(sbrk(0) == before && !in_heap(a), "neither of them moves the break");
	b[0] = 'b';
	MUST(!munmap(a, 4 * PAGE));
	CLAIM(b[0] == 'b', "the first can go, and the second stays");
	MUST(!munmap(b, 4 * PAGE));
}

static void by_glibc(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), *small, *large;
	char *before = sbrk(0);

	MUST(libc != NULL);
	*(void **)&libc_malloc = dlsym(libc, "malloc");
	*(void **)&libc_free = dlsym(libc, "free");
	MUST(libc_malloc != NULL && libc_free != NULL);
	printf("\nglibc: 100 bytes, then 1 MiB\n");
	if (under_valgrind()) {
		printf("  (not to be seen: valgrind has put its own in place of glibc's)\n");
		return;
	}
	small = libc_malloc(100);
	CLAIM(moved(before), "the first small block moved the break");
	CLAIM(in_heap(small), "and lies in the heap");
	before = sbrk(0);
	large = libc_malloc(1 << 20);
	CLAIM(!moved(before), "the large block did not");
	CLAIM(!in_heap(large), "and lies in an area of mmap");
	libc_free(large);
	libc_free(small);
}

static void by_this_library(void)
{
	char *before = sbrk(0);
	void *block;

	CLAIM((void *)malloc != (void *)libc_malloc, "malloc by its plain name is this library's");
	for (size_t size = 100; size <= 100 << 20; size *= 100) {
		printf("\nthis library: %zu bytes\n", size);
		block = malloc(size);
		MUST(block != NULL);
		CLAIM(!moved(before), "the break stays where it was");
		CLAIM(!in_heap(block), "the block at %p is not in the heap", block);
		free(block);
	}
}

int main(void)
{
	lecture("Heap by brk, areas by mmap");
	heap_start = sbrk(0);
	by_hand();
	by_glibc();
	by_this_library();
	return 0;
}
