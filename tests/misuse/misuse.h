/*
 * What the programs of this directory share. Each does one thing wrong, and expect.sh sees how it
 * ends.
 *
 * aim() says on stdout which address the library must name, just before the program misuses it; and
 * hides from the compiler what the pointer is. A program that lives on returns 0 from main, which
 * expect.sh takes for what it is: the misuse went unnoticed.
 */
#ifndef KMEM_TESTS_MISUSE_H
#define KMEM_TESTS_MISUSE_H

#include "outside.h"
#include <malloc.h>
#include <pthread.h>

/* A freed small object may stay in the thread's own cache for so many frees of its class. */
#define FREES_AT_MOST 125

static inline void *aim(void *p)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "0x%lx\n", (unsigned long)(uintptr_t)p);

	if (write(1, line, (size_t)n) != n)
		_exit(99);
	return opaque(p);
}

static inline void *must(void *p)
{
	CHECK(p, "no memory");
	return opaque(p);
}

/*
 * Frees so many objects of a class that what lay in the thread's cache before is pushed out. They
 * are taken before the misuse: an allocation after it could hand the misused object out again.
 */
struct ballast {
	void *p[FREES_AT_MOST];
};

static inline void take_ballast(struct ballast *b, size_t size)
{
	for (size_t i = 0; i < FREES_AT_MOST; i++)
		b->p[i] = must(malloc(size));
}

static inline void give_ballast(struct ballast *b)
{
	for (size_t i = 0; i < FREES_AT_MOST; i++)
		free(b->p[i]);
}

static inline void in_thread(void *(*function)(void *), void *arg)
{
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, function, arg), "thread");
	CHECK(!pthread_join(t, NULL), "join");
}

#endif
