/* SPDX-License-Identifier: MIT */
/*
 * A program that holds objects in several threads, some of caches of its own, reports its figures
 * into the directory of its argument, and stops. Linked with the archive.
 */
#include "report.h"

#include <kmem/mm.h>
#include <kmem/slabinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 3
#define OBJECTS 1000
#define CACHES	300 /* more than have a class of pages to themselves */

static struct kmem_cache *caches[CACHES];
static pthread_barrier_t all_are_done;

static int make_caches(void)
{
	char name[32];
	int i;

	for (i = 0; i < CACHES; i++) {
		snprintf(name, sizeof(name), "held-%d", i);
		caches[i] = kmem_cache_create(name, 24 + (size_t)i, 8, SLAB_NO_MERGE, NULL);
		if (!caches[i])
			return 0;
	}
	return 1;
}

/* What no column of slabinfo has: how many objects of each cache lie in sheaves. */
static int write_cached(int fd)
{
	struct slabinfo info;
	int i;

	for (i = 0; i < CACHES; i++) {
		get_slabinfo(caches[i], &info);
		if (dprintf(fd, "held-%d %lu\n", i, info.cached_objs) < 0)
			return -1;
	}
	return 0;
}

/* Objects of 208 bytes, a few large blocks, and frees that leave something in the sheaves. */
static void hold(void)
{
	static __thread void *held[OBJECTS];
	int i;

	for (i = 0; i < OBJECTS; i++) {
		held[i] = malloc(208);
		memset(held[i], 1, 208);
		free(malloc((size_t)i * 37));
	}
	for (i = 0; i < CACHES; i++) {
		void *objects[20];

		if (kmem_cache_alloc_bulk(caches[i], GFP_KERNEL, 20, objects) == 20)
			kmem_cache_free_bulk(caches[i], 1 + (size_t)i % 20, objects);
		kmem_cache_alloc(caches[i], GFP_KERNEL);
	}
	held[0] = malloc(100000);
	memset(held[0], 1, 100000);
}

static void *thread(void *unused)
{
	hold();
	pthread_barrier_wait(&all_are_done);
	pause();
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t id;
	int i;

	if (argc != 2)
		return 2;
	if (!make_caches())
		return 1;
	pthread_barrier_init(&all_are_done, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&id, NULL, thread, NULL) != 0)
			return 1;
	hold();
	/* An area of its own. */
	memset(malloc(100u << 20), 1, 1 << 20);
	pthread_barrier_wait(&all_are_done);
#define WRITE(name, function)                        \
	if (!write_report(argv[1], #name, function)) \
		return 1;
	WRITE(cached, write_cached)
	REPORTS(WRITE)
	raise(SIGSTOP);
	return 0;
}
