/* SPDX-License-Identifier: MIT */
/*
 * Exactly so many rounds, for a tool that counts instructions: callgrind writes down what it has
 * counted whenever measured_part() is entered, which is before the rounds that count and after
 * them. The first worker is the program's first thread: with one, the program has no other, as
 * allocators look at that.
 */
#define _GNU_SOURCE
#include "micro.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_barrier_t together;
static struct worker workers[MAX_THREADS];
static unsigned long rounds_each;

void measured_part(void);

__attribute__((noinline)) void measured_part(void)
{
	__asm__ volatile("" : : : "memory");
}

/* When all have come here, the first says so to the tool, and all go on. */
static void begin_part(const struct worker *w)
{
	pthread_barrier_wait(&together);
	if (w->index == 0)
		measured_part();
	pthread_barrier_wait(&together);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->micro->run(w, rounds_each);
	begin_part(w);
	w->micro->run(w, rounds_each);
	begin_part(w);
	return NULL;
}

void run_once(const struct micro *micro, unsigned long rounds, unsigned int threads)
{
	pthread_t thread[MAX_THREADS];
	unsigned int i;

	rounds_each = rounds;
	pthread_barrier_init(&together, NULL, threads);
	for (i = 0; i < threads; i++)
		worker_set_up(&workers[i], micro, i);
	for (i = 1; i < threads; i++)
		if (pthread_create(&thread[i], NULL, work, &workers[i])) {
			fprintf(stderr, "micro: cannot start a thread\n");
			exit(1);
		}
	work(&workers[0]);
	for (i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < threads; i++)
		worker_tear_down(&workers[i]);
	pthread_barrier_destroy(&together);
}
