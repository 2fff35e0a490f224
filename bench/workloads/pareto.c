// SPDX-License-Identifier: MIT
/*
 * pareto - sizes with a heavy tail, ages at random.
 *
 * Stands for the plain long-running program without a pattern: an editor, a mail server, an
 * interpreter's heap. Measurements of real programs show sizes that follow a power law (most
 * blocks tiny, most bytes in few large ones) and lives that are independent of size.
 *
 * A table of live objects; each step replaces a random one, so that ages are geometric. The size
 * is MIN / u for a uniform u, the Pareto law of exponent 1, cut at `max`. All size classes are in
 * use all the time, small and large objects die side by side, and no batch of frees is ever near
 * another in memory: caches (of the allocator and of the machine) are of little help.
 */
#include "workload.h"

enum { MIN_SIZE = 16 };

static uint32_t live;
static uint32_t max_size;
static uint64_t steps;

static size_t pareto_size(struct wl_rng *rng)
{
	double u = ((double)(wl_next(rng) >> 40) + 1) / (double)(1 << 24);
	double size = MIN_SIZE / u;

	return size < max_size ? (size_t)size : max_size;
}

static void *run(void *arg)
{
	struct wl_worker *w = arg;
	void **table = calloc(live, sizeof(*table));

	if (!table)
		wl_die("calloc returned NULL", NULL);
	for (uint64_t i = 0; i < steps; i++) {
		void **slot = &table[wl_below(&w->rng, live)];

		wl_delete(w, *slot);
		*slot = wl_new(w, pareto_size(&w->rng));
	}
	for (uint32_t i = 0; i < live; i++)
		wl_delete(w, table[i]);
	free(table);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[WL_MAX_THREADS];
	unsigned int threads;

	wl_args(argc, argv);
	threads = (unsigned int)wl_arg("threads", 1, 1, WL_MAX_THREADS, "threads");
	live = (uint32_t)wl_arg("live", 100000, 1, 1L << 30, "live objects of each thread");
	max_size = (uint32_t)wl_arg("max", 256 << 10, 64, 1 << 30, "largest size");
	steps = wl_scaled((uint64_t)wl_arg("steps", 8000000, 1, 1L << 40, "replacements in all"));
	steps = steps / threads + 1;
	wl_args_end();

	for (unsigned int i = 0; i < threads; i++)
		wl_worker_init(&workers[i], i);
	wl_run(workers, threads, run);
	wl_report(&workers[0]);
	return 0;
}
