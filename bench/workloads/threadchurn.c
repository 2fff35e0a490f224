// SPDX-License-Identifier: MIT
/*
 * threadchurn - threads that live a short time.
 *
 * Stands for the thread per request or per task: a server without a pool, a parallel make of
 * library calls, std::async. Each thread allocates a few hundred objects of many sizes, frees
 * most of them, leaves some to whoever comes later, and ends.
 *
 * What an allocator builds up per thread (caches, arenas, its own structures) must be cheap to
 * set up, and everything must come back when the thread ends: caches of dead threads that nobody
 * empties show up as memory that grows, full lists handed to a depot at each end show up as a
 * high peak. The objects left behind are freed by threads that did not exist when they were
 * allocated, after the allocating thread is gone.
 */
#include "workload.h"

enum { MAX_WIDTH = 64, LEFT = 16, MAX_OBJECTS = 4096, LEGACY = 1024 };

static void *_Atomic legacy[LEGACY];
static uint32_t objects;

static void *live_and_die(void *arg)
{
	struct wl_worker *w = arg;
	void *mine[MAX_OBJECTS];

	for (uint32_t i = 0; i < objects; i++)
		mine[i] = wl_new(w, wl_log_size(&w->rng, 4, wl_below(&w->rng, 20) ? 9 : 13));
	for (int i = 0; i < LEFT; i++) {
		void *_Atomic *slot = &legacy[wl_below(&w->rng, LEGACY)];
		uint32_t k = wl_below(&w->rng, objects);

		mine[k] = atomic_exchange_explicit(slot, mine[k], memory_order_acq_rel);
	}
	for (uint32_t i = 0; i < objects; i++)
		wl_delete(w, mine[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[MAX_WIDTH], total;
	unsigned int width;
	uint64_t threads;

	wl_args(argc, argv);
	width = (unsigned int)wl_arg("width", 4, 1, MAX_WIDTH, "threads at the same time");
	objects = (uint32_t)wl_arg("objects", 400, 1, MAX_OBJECTS, "objects of each thread");
	threads = wl_scaled((uint64_t)wl_arg("threads", 24000, 1, 1L << 40, "threads in all"));
	wl_args_end();

	wl_worker_init(&total, 0);
	for (uint64_t t = 0; t < threads + width; t++) {
		struct wl_worker *w = &workers[t % width];

		/* Joining the oldest keeps `width` of them alive. */
		if (t >= width) {
			pthread_join(w->thread, NULL);
			total.ops += w->ops;
			total.sum += w->sum;
		}
		if (t < threads) {
			wl_worker_init(w, (unsigned int)t);
			wl_thread_start(&w->thread, live_and_die, w);
		} else if (t < width) {
			break;
		}
	}
	for (int i = 0; i < LEGACY; i++)
		wl_delete(&total, legacy[i]);
	wl_report(&total);
	return 0;
}
