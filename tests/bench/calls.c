/* SPDX-License-Identifier: MIT */
/*
 * Allocators to try the benchmarks' harness on. All are the C library's but for one thing: one says
 * on standard error, at the end, how often 64 bytes were asked for; one refuses to give 1 MiB; and
 * one gives the same 64 bytes to everybody, which takes a handful of instructions.
 */
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define COUNTED 64
#define REFUSED (1ul << 20)

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *object);

static unsigned long calls;
static char shared[COUNTED];

void *malloc(size_t size);
void free(void *object);

void *malloc(size_t size)
{
	if (REFUSE && size == REFUSED)
		return NULL;
	if (CHEAP && size == COUNTED)
		return shared;
	if (!CHEAP && size == COUNTED)
		__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	return __libc_malloc(size);
}

void free(void *object)
{
	if (object != shared)
		__libc_free(object);
}

__attribute__((destructor)) static void report(void)
{
	if (!CHEAP)
		dprintf(STDERR_FILENO, "malloc(%d): %lu\n", COUNTED, calls);
}
