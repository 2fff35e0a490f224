/* SPDX-License-Identifier: MIT */
/*
 * A malloc that a user puts above the library: a header before each block, the rest by RTLD_NEXT.
 *
 * What tools that count or check allocations are like. Whatever the library calls within realloc
 * or reallocarray must be its own malloc and free: these here expect their header.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 16
#define MAGIC  0x6865616465720001u

static void *(*next_malloc)(size_t);
static void (*next_free)(void *);
static void *(*next_realloc)(void *, size_t);

static void find_next(void)
{
	if (next_malloc)
		return;
	next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

static void *behind_header(char *block)
{
	if (!block)
		return NULL;
	*(uint64_t *)block = MAGIC;
	return block + HEADER;
}

static char *with_header(void *object)
{
	char *block = (char *)object - HEADER;

	if (*(uint64_t *)block != MAGIC)
		abort();
	return block;
}

void *malloc(size_t size)
{
	find_next();
	return behind_header(next_malloc(size + HEADER));
}

void free(void *object)
{
	if (object)
		next_free(with_header(object));
}

void *calloc(size_t nmemb, size_t size)
{
	void *object = malloc(nmemb * size);

	return object ? memset(object, 0, nmemb * size) : NULL;
}

void *realloc(void *object, size_t size)
{
	return object ? behind_header(next_realloc(with_header(object), size + HEADER)) :
			malloc(size);
}
