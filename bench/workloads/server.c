// SPDX-License-Identifier: MIT
/*
 * server - threads that free each other's objects.
 *
 * Stands for a server with a pool of threads and shared state: a request is parsed by one thread,
 * its session or cached answer is put where all threads find it, and whoever replaces it later
 * frees it. After a while most objects are freed by another thread than the one that allocated
 * them, in no order, and no thread is a pure producer or consumer.
 *
 * Each step of a thread makes one request: a few short-lived blocks that it frees itself, and one
 * object that is exchanged into a random shared slot; the object that comes out is checked and
 * freed. Sizes are mostly small, with a tail to some kilobytes.
 *
 * Hard for allocators: locks or atomics per remote free, memory that gathers at the wrong thread,
 * size classes whose objects end up interleaved between threads.
 */
#include "workload.h"

enum { MAX_SLOTS = 1 << 20, SCRATCH = 3 };

static void *_Atomic slots[MAX_SLOTS];
static uint32_t nr_slots;
static uint64_t steps;

static size_t session_size(struct wl_rng *rng)
{
	uint32_t kind = wl_below(rng, 100);

	if (kind < 90)
		return wl_log_size(rng, 4, 9);
	return wl_log_size(rng, 9, kind < 99 ? 12 : 14);
}

static void *serve(void *arg)
{
	struct wl_worker *w = arg;
	void *scratch[SCRATCH];
	void *session;

	for (uint64_t i = 0; i < steps; i++) {
		for (int k = 0; k < SCRATCH; k++)
			scratch[k] = wl_new(w, wl_log_size(&w->rng, 4, 8));
		session = wl_new(w, session_size(&w->rng));
		session = atomic_exchange_explicit(&slots[wl_below(&w->rng, nr_slots)], session,
						   memory_order_acq_rel);
		wl_delete(w, session);
		for (int k = SCRATCH; k-- > 0;)
			wl_delete(w, scratch[k]);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[WL_MAX_THREADS];
	unsigned int threads;

	wl_args(argc, argv);
	threads = (unsigned int)wl_arg("threads", 4, 1, WL_MAX_THREADS, "threads");
	nr_slots = (uint32_t)wl_arg("slots", 20000, 1, MAX_SLOTS, "shared slots");
	steps = wl_scaled((uint64_t)wl_arg("steps", 8000000, 1, 1L << 40, "requests, all threads"));
	steps = steps / threads + 1;
	wl_args_end();

	for (unsigned int i = 0; i < threads; i++)
		wl_worker_init(&workers[i], i);
	wl_run(workers, threads, serve);
	for (uint32_t i = 0; i < nr_slots; i++)
		wl_delete(&workers[0], slots[i]);
	wl_report(&workers[0]);
	return 0;
}
