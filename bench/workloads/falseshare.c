// SPDX-License-Identifier: MIT
/*
 * falseshare - does the allocator place objects of two threads in one cache line?
 *
 * If it does, every write of one thread takes the line away from the other, and a program whose
 * threads share nothing runs many times slower. Two ways to cause it:
 *
 *   mode=active   The threads allocate small objects at the same time. An allocator that serves
 *                 all threads from one run of memory gives neighbours to different threads.
 *   mode=passive  One thread allocates neighbours and hands one to each of the others, which
 *                 free them and go on allocating. An allocator that keeps a freed object at the
 *                 thread that freed it hands out the shared line again; the program had shared
 *                 it only once, the allocator shares it ever after.
 *
 * Each thread then does as a program would: obtain a small object, write it many times, free it.
 * With no false sharing the time is that of the writes alone; on a single core it cannot be seen.
 */
#include "workload.h"

enum { WRITES = 2000, OBJECT = 8 };

static bool passive;
static uint64_t rounds;
static pthread_barrier_t barrier;
static void *handed[WL_MAX_THREADS];

static void *run(void *arg)
{
	struct wl_worker *w = arg;

	pthread_barrier_wait(&barrier);
	if (passive)
		wl_delete(w, handed[w->id]);
	for (uint64_t i = 0; i < rounds; i++) {
		volatile uint64_t *counter = malloc(OBJECT);

		if (!counter)
			wl_die("malloc returned NULL", NULL);
		w->ops++;
		*counter = i;
		for (unsigned int k = 0; k < WRITES; k++)
			*counter = *counter + 1;
		if (*counter != i + WRITES)
			wl_die("an object is damaged", (const void *)counter);
		w->sum += *counter;
		free((void *)counter);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[WL_MAX_THREADS], main_worker;
	unsigned int threads;
	const char *mode;

	wl_args(argc, argv);
	mode = wl_arg_text("mode", "active", "active or passive");
	passive = !strcmp(mode, "passive");
	if (!passive && strcmp(mode, "active")) {
		fprintf(stderr, "workload: mode=%s: want active or passive\n", mode);
		return 2;
	}
	threads = (unsigned int)wl_arg("threads", 2, 1, WL_MAX_THREADS, "threads");
	rounds = wl_scaled((uint64_t)wl_arg("rounds", 400000, 1, 1L << 40, "objects in all"));
	rounds = rounds / threads + 1;
	wl_args_end();

	pthread_barrier_init(&barrier, NULL, threads);
	wl_worker_init(&main_worker, WL_MAX_THREADS);
	for (unsigned int i = 0; i < threads; i++) {
		wl_worker_init(&workers[i], i);
		if (passive)
			handed[i] = wl_new(&main_worker, OBJECT);
	}
	wl_run(workers, threads, run);
	workers[0].ops += main_worker.ops;
	wl_report(&workers[0]);
	return 0;
}
