/* SPDX-License-Identifier: MIT */
/*
 * A program that holds objects in several threads, reports its figures into the directory of its
 * argument, and stops. Linked with the archive.
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

static pthread_barrier_t all_are_done;

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
	REPORTS(WRITE)
	raise(SIGSTOP);
	return 0;
}
