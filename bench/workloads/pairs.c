// SPDX-License-Identifier: MIT
/*
 * pairs - malloc and free as fast as they go, in small batches.
 *
 * Stands for the inner loop of nearly every program: temporary strings, iterator objects, one
 * node in and one node out. Nothing here leaves the caches, so the path itself is measured:
 *
 *   order=pair    one block at a time;
 *   order=lifo    a batch, freed last in first out (scopes, recursion);
 *   order=fifo    a batch, freed first in first out (queues);
 *   order=random  a batch, freed in random order (maps);
 *   order=size    a batch of mixed sizes, freed smallest first (classes come one after another);
 *   order=all     each in turn, a fifth of the work each (the default).
 *
 * size=0 draws mixed sizes from 8 to 512; another value uses that size alone.
 */
#include "workload.h"

enum { MAX_BATCH = 128 };

struct item {
	void *object;
	uint32_t size;
};

static uint32_t fixed_size;

static void allocate(struct wl_worker *w, struct item *item, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		item[i].size = fixed_size ? fixed_size : (uint32_t)wl_log_size(&w->rng, 3, 9);
		item[i].object = wl_new(w, item[i].size);
	}
}

static void pair(struct wl_worker *w, struct item *item, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		allocate(w, item, 1);
		wl_delete(w, item->object);
	}
}

static void lifo(struct wl_worker *w, struct item *item, uint32_t count)
{
	allocate(w, item, count);
	while (count--)
		wl_delete(w, item[count].object);
}

static void fifo(struct wl_worker *w, struct item *item, uint32_t count)
{
	allocate(w, item, count);
	for (uint32_t i = 0; i < count; i++)
		wl_delete(w, item[i].object);
}

static void shuffled(struct wl_worker *w, struct item *item, uint32_t count)
{
	allocate(w, item, count);
	while (count) {
		uint32_t at = wl_below(&w->rng, count);

		wl_delete(w, item[at].object);
		item[at] = item[--count];
	}
}

static void by_size(struct wl_worker *w, struct item *item, uint32_t count)
{
	allocate(w, item, count);
	/* Four passes over the octaves from small to large: a radix order, cheap and stable. */
	for (uint32_t limit = 32, low = 0; low < 1u << 20; low = limit, limit *= 4)
		for (uint32_t i = 0; i < count; i++)
			if (item[i].size >= low && item[i].size < limit)
				wl_delete(w, item[i].object);
}

static const struct {
	const char *name;
	void (*batch)(struct wl_worker *w, struct item *item, uint32_t count);
} orders[] = {
	{ "pair", pair },	{ "lifo", lifo },    { "fifo", fifo },
	{ "random", shuffled }, { "size", by_size },
};

enum { ORDERS = sizeof(orders) / sizeof(orders[0]) };

int main(int argc, char **argv)
{
	static struct wl_worker w;
	static struct item item[MAX_BATCH];
	const char *order;
	uint64_t steps;
	bool known = false;

	wl_args(argc, argv);
	order = wl_arg_text("order", "all", "pair, lifo, fifo, random, size or all");
	fixed_size = (uint32_t)wl_arg("size", 0, 0, 1 << 19, "bytes of each block, 0 for mixed");
	steps = wl_scaled((uint64_t)wl_arg("steps", 30000000, 1, 1L << 40, "blocks"));
	wl_args_end();
	if (fixed_size && fixed_size < 8)
		fixed_size = 8;

	wl_worker_init(&w, 0);
	for (int i = 0; i < ORDERS; i++) {
		bool all = !strcmp(order, "all");
		uint64_t goal = w.ops + (all ? steps / ORDERS : steps);

		if (!all && strcmp(order, orders[i].name))
			continue;
		known = true;
		while (w.ops < goal)
			orders[i].batch(&w, item, 1 + wl_below(&w.rng, MAX_BATCH));
	}
	if (!known) {
		fprintf(stderr, "workload: order=%s: unknown\n", order);
		return 2;
	}
	wl_report(&w);
	return 0;
}
