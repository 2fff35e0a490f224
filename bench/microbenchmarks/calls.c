/* SPDX-License-Identifier: MIT */
/*
 * The other calls: calloc, the aligned ones, and realloc.
 *
 * calloc's price is the zeroing, unless the allocator knows that memory is zero. An aligned call
 * may find a size that has the alignment anyway, or must look for a place. A buffer that grows
 * shows how often realloc finds that it need not move; where its figure is per pair of malloc and
 * free elsewhere, here it is per call of realloc.
 */
#define _GNU_SOURCE
#include "micro.h"
#include <stdlib.h>

static void run_calloc(struct worker *w, unsigned long rounds)
{
	size_t size = w->micro->size;

	while (rounds-- > 0)
		free(touch(calloc(1, size)));
}

static void run_aligned_alloc(struct worker *w, unsigned long rounds)
{
	size_t size = w->micro->size, align = w->micro->align;

	while (rounds-- > 0)
		free(touch(aligned_alloc(align, size)));
}

static void run_posix_memalign(struct worker *w, unsigned long rounds)
{
	size_t size = w->micro->size, align = w->micro->align;
	void *object;

	while (rounds-- > 0) {
		if (posix_memalign(&object, align, size))
			abort();
		free(touch(object));
	}
}

/*
 * ---- Growth: micro->size is where it ends ----
 *
 * Two buffers, in turn: one alone is the last block of the heap, and grows as no buffer of a
 * program does.
 */

#define FIRST_SIZE 16

static void run_doubling(struct worker *w, unsigned long rounds)
{
	size_t size, end = w->micro->size;
	void *a, *b;

	while (rounds-- > 0) {
		a = touch(malloc(FIRST_SIZE));
		b = touch(malloc(FIRST_SIZE));
		for (size = 2 * FIRST_SIZE; size <= end; size *= 2) {
			a = touch(realloc(a, size));
			b = touch(realloc(b, size));
		}
		free(a);
		free(b);
	}
}

static void run_appending(struct worker *w, unsigned long rounds)
{
	size_t size, end = w->micro->size;
	void *a, *b;

	while (rounds-- > 0) {
		a = touch(malloc(FIRST_SIZE));
		b = touch(malloc(FIRST_SIZE));
		for (size = 2 * FIRST_SIZE; size <= end; size += FIRST_SIZE) {
			a = touch(realloc(a, size));
			b = touch(realloc(b, size));
		}
		free(a);
		free(b);
	}
}

#define CALL(NAME, RUN, SIZE, ...)                                                         \
	{                                                                                  \
		.name = NAME, .run = RUN, .size = SIZE, .live = 1, .pairs = 1, __VA_ARGS__ \
	}

const struct micro call_rows[] = {
	CALL("calloc/64", run_calloc, 64),
	CALL("calloc/1024", run_calloc, 1024),
	CALL("calloc/65536", run_calloc, 65536, .bulky = 10),
	CALL("calloc/1048576", run_calloc, 1048576, .bulky = 100),
	CALL("aligned/32-96", run_aligned_alloc, 96, .align = 32),
	CALL("aligned/64-256", run_aligned_alloc, 256, .align = 64),
	CALL("aligned/64-1000", run_posix_memalign, 1000, .align = 64),
	CALL("aligned/4096-4096", run_posix_memalign, 4096, .align = 4096),
	CALL("aligned/4096-100", run_posix_memalign, 100, .align = 4096),
	{ .name = "realloc/doubling-to-64K",
	  .run = run_doubling,
	  .size = 65536,
	  .live = 1,
	  .pairs = 24 },
	{ .name = "realloc/doubling-to-4M",
	  .run = run_doubling,
	  .size = 4 << 20,
	  .live = 1,
	  .pairs = 36,
	  .bulky = 20 },
	{ .name = "realloc/appending-to-4K",
	  .run = run_appending,
	  .size = 4096,
	  .live = 1,
	  .pairs = 510 },
	{ .name = "realloc/appending-to-64K",
	  .run = run_appending,
	  .size = 65536,
	  .live = 1,
	  .pairs = 8190 },
	{ .name = NULL },
};
