/* SPDX-License-Identifier: MIT */
/*
 * Two allocators to try the benchmarks' harness on. Both are the C library's; one says on standard
 * error, at the end, how often 64 bytes were asked for, the other refuses to give 1 MiB.
 */
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define COUNTED 64
#define REFUSED (1ul << 20)

extern void *__libc_malloc(size_t size);

static unsigned long calls;

void *malloc(size_t size);

void *malloc(size_t size)
{
	if (REFUSE && size == REFUSED)
		return NULL;
	if (size == COUNTED)
		__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	return __libc_malloc(size);
}

__attribute__((destructor)) static void report(void)
{
	dprintf(STDERR_FILENO, "malloc(%d): %lu\n", COUNTED, calls);
}
