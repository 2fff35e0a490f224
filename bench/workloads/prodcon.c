// SPDX-License-Identifier: MIT
/*
 * prodcon - strict producer and consumer.
 *
 * Stands for pipelines: a reader that hands messages to a worker, a logger thread, a video
 * decoder and its display. One thread only allocates, the other only frees; each object crosses
 * from one core to the other exactly once, through a bounded ring.
 *
 * Hard for allocators with caches per thread: the producer's cache is always empty and the
 * consumer's always full, so that every object goes the long way. What matters is how many objects
 * travel back per lock or atomic operation. Also a test of memory: the consumer's surplus must
 * return to the producer instead of growing.
 */
#include "workload.h"

enum { RING = 1024, MAX_PAIRS = 64 };

/* Single producer, single consumer; the two counters are on lines of their own. */
struct ring {
	_Alignas(128) atomic_ulong head; /* written by the producer */
	_Alignas(128) atomic_ulong tail; /* written by the consumer */
	_Alignas(128) void *slot[RING];
};

static struct ring rings[MAX_PAIRS];
static uint64_t messages;

static void produce(struct wl_worker *w, struct ring *ring)
{
	unsigned long head = 0, limit = RING;

	for (uint64_t i = 0; i < messages; i++) {
		void *message = wl_new(w, wl_log_size(&w->rng, 5, 9));

		while (head == limit) {
			limit = atomic_load_explicit(&ring->tail, memory_order_acquire) + RING;
			if (head == limit)
				sched_yield();
		}
		ring->slot[head % RING] = message;
		atomic_store_explicit(&ring->head, ++head, memory_order_release);
	}
}

static void consume(struct wl_worker *w, struct ring *ring)
{
	unsigned long tail = 0, limit = 0;

	for (uint64_t i = 0; i < messages; i++) {
		while (tail == limit) {
			limit = atomic_load_explicit(&ring->head, memory_order_acquire);
			if (tail == limit)
				sched_yield();
		}
		wl_delete(w, ring->slot[tail % RING]);
		atomic_store_explicit(&ring->tail, ++tail, memory_order_release);
	}
}

static void *run(void *arg)
{
	struct wl_worker *w = arg;

	if (w->id % 2)
		consume(w, &rings[w->id / 2]);
	else
		produce(w, &rings[w->id / 2]);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct wl_worker workers[2 * MAX_PAIRS];
	unsigned int pairs;

	wl_args(argc, argv);
	pairs = (unsigned int)wl_arg("pairs", 1, 1, MAX_PAIRS, "pairs of threads");
	messages =
		wl_scaled((uint64_t)wl_arg("messages", 20000000, 1, 1L << 40, "messages in all"));
	messages = messages / pairs + 1;
	wl_args_end();

	for (unsigned int i = 0; i < 2 * pairs; i++)
		wl_worker_init(&workers[i], i);
	wl_run(workers, 2 * pairs, run);
	wl_report(&workers[0]);
	return 0;
}
