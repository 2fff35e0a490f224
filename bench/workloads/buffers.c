// SPDX-License-Identifier: MIT
/*
 * buffers - threads whose working memory is buffers: whole pages that come and go.
 *
 * Stands for servers, databases, and tools for files and images: what they work in is not small
 * objects but pages of 4 and 8 KiB, network and I/O buffers of 16 to 64 KiB, now and then some
 * hundred KiB. A request takes what it needs, fills it, passes it on and drops it all.
 *
 * Each step of a thread takes a batch of buffers of one size, up to 1 MiB of them but at least one,
 * and frees it in the order in which it was taken, backwards, or shuffled. Then a scratch buffer
 * comes and goes a few times. Small sizes are more frequent: two of three batches are of less than
 * 16 KiB a buffer, one of eleven of more than 64. A buffer is written and checked at both ends and
 * once in each page: it costs what memory in use costs, the rest of the time is the allocator's.
 *
 * The threads share nothing, so two should do the work of one in half the time. Hard for allocators
 * whose caches per thread are for small objects alone: a call for pages then ends at a lock that
 * all threads take, or at the system, where they meet at the lock of the address space and each
 * pays again for the pages that were given back.
 */
#include "workload.h"

enum {
	PAGE_BITS = 12,
	PAGE = 1 << PAGE_BITS, /* also the smallest buffer */
	BATCH_BYTES = 1 << 20,
	MAX_BATCH = BATCH_BYTES / PAGE,
	SCRATCH_BYTES = 64 << 10,
	SCRATCH_TIMES = 4,
};

enum order { FIFO, LIFO, SHUFFLED, ORDERS };

static uint32_t max_size;
static uint32_t octaves; /* from a page to max_size */
static uint64_t steps;

/* How far up is drawn first, then a size below that: each octave is rarer than the one before. */
static size_t buffer_size(struct wl_rng *rng)
{
	size_t size = wl_log_size(rng, PAGE_BITS, PAGE_BITS + 1 + wl_below(rng, octaves));

	return size < max_size ? size : max_size;
}

static uint32_t take(struct wl_worker *w, void **buffer)
{
	const size_t size = buffer_size(&w->rng);
	const uint32_t most = size < BATCH_BYTES ? (uint32_t)(BATCH_BYTES / size) : 1;
	const uint32_t count = 1 + wl_below(&w->rng, most);

	for (uint32_t i = 0; i < count; i++)
		buffer[i] = wl_new(w, size);
	return count;
}

static void shuffle(struct wl_rng *rng, void **buffer, uint32_t count)
{
	while (count) {
		uint32_t at = wl_below(rng, count--);
		void *last = buffer[count];

		buffer[count] = buffer[at];
		buffer[at] = last;
	}
}

static void drop(struct wl_worker *w, void **buffer, uint32_t count)
{
	const enum order order = (enum order)wl_below(&w->rng, ORDERS);

	if (order == SHUFFLED)
		shuffle(&w->rng, buffer, count);
	for (uint32_t i = 0; i < count; i++)
		wl_delete(w, buffer[order == LIFO ? count - 1 - i : i]);
}

static void *run(void *arg)
{
	struct wl_worker *w = arg;
	void *buffer[MAX_BATCH];

	for (uint64_t i = 0; i < steps; i++) {
		drop(w, buffer, take(w, buffer));
		for (int k = 0; k < SCRATCH_TIMES; k++)
			wl_delete(w, wl_new(w, SCRATCH_BYTES));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[WL_MAX_THREADS];
	unsigned int threads;

	wl_args(argc, argv);
	threads = (unsigned int)wl_arg("threads", 2, 1, WL_MAX_THREADS, "threads");
	max_size = (uint32_t)wl_arg("max", 256 << 10, PAGE, 1 << 30, "largest size");
	steps = wl_scaled((uint64_t)wl_arg("steps", 40000, 1, 1L << 40, "batches in all"));
	steps = steps / threads + 1;
	wl_args_end();

	/* One stamp a page, but stride=8 means each word here as well. */
	if (wl.stride != 8)
		wl.stride = PAGE;
	for (octaves = 1; (uint64_t)PAGE << octaves < max_size;)
		octaves++;
	for (unsigned int i = 0; i < threads; i++)
		wl_worker_init(&workers[i], i);
	wl_run(workers, threads, run);
	wl_report(&workers[0]);
	return 0;
}
