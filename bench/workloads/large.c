// SPDX-License-Identifier: MIT
/*
 * large - blocks of 64 KiB to 8 MiB that come and go.
 *
 * Stands for buffers: images, audio, matrices, network and file buffers, the arenas of other
 * allocators. Each is written before it is used, so a block fresh from the OS costs a page fault
 * per page, and a block kept for later costs memory. An allocator must choose how long to keep
 * what it got: returned at once, the faults dominate the time; kept for ever, the peak is that of
 * every size that was ever in use.
 *
 * A small table of live blocks, replaced at random, sizes log-uniform, so that each range is in
 * use all the time. A quarter of the blocks come from calloc and are checked to be zero. Now and
 * then the table is emptied, as when a document is closed.
 */
#include "workload.h"

enum { MAX_SLOTS = 1024, LINE = 512 };

static void *zeroed(struct wl_worker *w, size_t size)
{
	const uint64_t *p = calloc(1, size);

	if (!p)
		wl_die("calloc returned NULL", NULL);
	for (size_t at = 0; at < size / 8; at += LINE / 8)
		if (p[at])
			wl_die("calloc returned memory that is not zero", p);
	wl_stamp((void *)p, size, (uint32_t)w->rng.state);
	w->ops++;
	return (void *)p;
}

int main(int argc, char **argv)
{
	static struct wl_worker w;
	static void *table[MAX_SLOTS];
	uint32_t slots;
	uint64_t steps;

	wl_args(argc, argv);
	slots = (uint32_t)wl_arg("slots", 24, 1, MAX_SLOTS, "live blocks");
	steps = wl_scaled((uint64_t)wl_arg("steps", 12000, 1, 1L << 40, "blocks"));
	wl_args_end();

	wl.stride = LINE;
	wl_worker_init(&w, 0);
	for (uint64_t i = 0; i < steps; i++) {
		void **slot = &table[wl_below(&w.rng, slots)];
		size_t size = wl_log_size(&w.rng, 16, 23);

		wl_delete(&w, *slot);
		*slot = wl_below(&w.rng, 4) ? wl_new(&w, size) : zeroed(&w, size);
		if (wl_below(&w.rng, 500) == 0) {
			for (uint32_t k = 0; k < slots; k++) {
				wl_delete(&w, table[k]);
				table[k] = NULL;
			}
		}
	}
	for (uint32_t k = 0; k < slots; k++)
		wl_delete(&w, table[k]);
	wl_report(&w);
	return 0;
}
