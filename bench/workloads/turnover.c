// SPDX-License-Identifier: MIT
/*
 * turnover - a cache of fixed budget whose contents change, while the sizes drift.
 *
 * Stands for the long-lived in-memory cache: memcached, Redis with maxmemory, a page or object
 * cache in a server. The program holds itself to a budget of bytes: whatever is inserted beyond
 * it evicts others. But the traffic changes with time: today's values are larger or smaller than
 * yesterday's, and memory split for the old sizes must serve the new ones, although old entries
 * die in no order. Resident memory beyond the budget is what the administrator sees as a leak.
 *
 * Each entry is a node and a value block. The mean size of values rises from 50 bytes to about
 * 2 KiB and falls again, `waves` times. Victims are taken at random. At the end three quarters
 * of the entries are dropped, as at night; RSS after the work is read with the rest alive.
 */
#include "workload.h"

struct entry {
	void *value;
	uint32_t size;
	uint32_t check; /* the low half of wl_mix(size) */
};

static struct entry **table;
static uint32_t count, room;
static size_t bytes;

static void evict(struct wl_worker *w, uint32_t at)
{
	struct entry *e = table[at];

	if (e->check != (uint32_t)wl_mix(e->size) || wl_size_of(e->value) != e->size)
		wl_die("an entry of the cache is damaged", e);
	bytes -= e->size;
	wl_delete(w, e->value);
	free(e);
	table[at] = table[--count];
}

static void insert(struct wl_worker *w, uint32_t mean)
{
	struct entry *e = malloc(sizeof(*e));

	if (!e)
		wl_die("malloc returned NULL", NULL);
	w->ops++;
	e->size = 16 + mean / 2 + wl_below(&w->rng, mean);
	e->check = (uint32_t)wl_mix(e->size);
	e->value = wl_new(w, e->size);
	bytes += e->size;
	table[count++] = e;
}

/* A triangle wave from 50 to 2050 in logarithmic steps; no floating point needed. */
static uint32_t drift(uint64_t step, uint64_t steps, uint64_t waves)
{
	uint64_t period = steps / waves + 1;
	uint64_t phase = step % period * 128 / period; /* 0..127 */
	uint32_t level = (uint32_t)(phase < 64 ? phase : 127 - phase);
	uint32_t octave = level / 12, part = level % 12;

	return (50u << octave) + (50u << octave) * part / 12;
}

int main(int argc, char **argv)
{
	static struct wl_worker w;
	size_t budget;
	uint64_t steps, waves;
	uint32_t rest;

	wl_args(argc, argv);
	budget = (size_t)wl_arg("megabytes", 64, 1, 1 << 20, "budget of the cache") << 20;
	steps = wl_scaled((uint64_t)wl_arg("steps", 3000000, 1, 1L << 40, "insertions"));
	waves = (uint64_t)wl_arg("waves", 4, 1, 1000, "rises and falls of the sizes");
	wl_args_end();

	wl_worker_init(&w, 0);
	room = (uint32_t)(budget / 32);
	table = malloc(room * sizeof(*table));
	if (!table)
		wl_die("malloc returned NULL", NULL);
	for (uint64_t i = 0; i < steps; i++) {
		insert(&w, drift(i, steps, waves));
		while (bytes > budget || count == room)
			evict(&w, wl_below(&w.rng, count));
	}
	rest = count / 4;
	while (count > rest)
		evict(&w, wl_below(&w.rng, count));
	for (uint32_t i = 0; i < count; i++)
		w.sum += wl_check(table[i]->value);
	wl_report(&w);
	while (count)
		evict(&w, count - 1);
	free(table);
	return 0;
}
