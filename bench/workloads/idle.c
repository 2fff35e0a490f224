// SPDX-License-Identifier: MIT
/*
 * idle - many threads that wait, having once used many sizes.
 *
 * Stands for large servers and desktop programs: hundreds of threads exist, a few run. Each one
 * has at some time used some twenty size classes, and what the allocator keeps for it (caches,
 * partly used pages, arenas) stays as long as the thread does. That figure times the number of
 * threads is memory that serves nobody.
 *
 * Each thread allocates a batch of every size, frees the batch, keeps one object, and waits. Then
 * the main thread alone goes on with the program's work, using the same sizes; memory that the
 * idle threads hold cannot help it. RSS after the work is read while all threads still wait.
 */
#include "workload.h"

enum { CLASSES = 20, BATCH = 24, LIVE = 2000 };

static const uint16_t sizes[CLASSES] = {
	16,  24,  32,  48,  64,	 80,  96,  112,	 128,  160,
	192, 256, 320, 384, 512, 640, 768, 1024, 1536, 2048,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int waiting;
static bool released;

static void *use_and_wait(void *arg)
{
	struct wl_worker *w = arg;
	void *batch[BATCH], *kept;

	for (int class = 0; class < CLASSES; class ++) {
		for (int i = 0; i < BATCH; i++)
			batch[i] = wl_new(w, sizes[class]);
		for (int i = 0; i < BATCH; i++)
			wl_delete(w, batch[i]);
	}
	kept = wl_new(w, 100);

	pthread_mutex_lock(&lock);
	waiting++;
	pthread_cond_broadcast(&changed);
	while (!released)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);

	wl_delete(w, kept);
	return NULL;
}

static void work(struct wl_worker *w, uint64_t steps)
{
	static void *table[LIVE];

	for (uint64_t i = 0; i < steps; i++) {
		void **slot = &table[wl_below(&w->rng, LIVE)];

		wl_delete(w, *slot);
		*slot = wl_new(w, sizes[wl_below(&w->rng, CLASSES)]);
	}
	for (int i = 0; i < LIVE; i++)
		wl_delete(w, table[i]);
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[WL_MAX_THREADS], total;
	pthread_attr_t attr;
	unsigned int threads;
	uint64_t steps;

	wl_args(argc, argv);
	threads = (unsigned int)wl_arg("threads", 400, 1, WL_MAX_THREADS, "idle threads");
	steps = wl_scaled(
		(uint64_t)wl_arg("steps", 16000000, 1, 1L << 40, "work of the main thread"));
	wl_args_end();

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (unsigned int i = 0; i < threads; i++) {
		wl_worker_init(&workers[i], i);
		if (pthread_create(&workers[i].thread, &attr, use_and_wait, &workers[i]))
			wl_die("pthread_create", NULL);
	}
	pthread_mutex_lock(&lock);
	while (waiting < threads)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);

	wl_worker_init(&total, WL_MAX_THREADS);
	work(&total, steps);
	for (unsigned int i = 0; i < threads; i++) {
		total.ops += workers[i].ops;
		total.sum += workers[i].sum;
	}
	wl_report(&total);

	pthread_mutex_lock(&lock);
	released = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	return 0;
}
