// SPDX-License-Identifier: MIT
/*
 * phases - fragmentation: what one phase leaves behind must serve the next.
 *
 * Stands for programs that work in phases: a compiler (parse, optimise, emit), a build of an
 * index followed by queries, a game between levels. Each phase has sizes of its own. At its end
 * most objects die, but some survive, scattered over all the memory the phase had used.
 *
 * A round allocates `megabytes` of objects of its band of sizes, in which a few long-lived ones
 * are mixed at random, then frees all but those: nine of ten. The survivors of a round die two
 * rounds later. Live memory is thus at most 1.2 times `megabytes`; what the process needs beyond
 * that is fragmentation: pages that a single survivor keeps, or classes whose empty pages are not
 * given to other classes.
 */
#include "workload.h"

enum { BANDS = 6, KEPT_ROUNDS = 2 };

/* Bands of sizes: neighbours in time are far apart in size, both upwards and downwards. */
static const struct {
	uint32_t low, high;
} bands[BANDS] = {
	{ 24, 120 }, { 500, 3000 }, { 48, 48 }, { 4000, 40000 }, { 150, 400 }, { 16, 9000 },
};

struct batch {
	void **object;
	size_t count;
};

static struct batch fill(struct wl_worker *w, unsigned int band, size_t bytes)
{
	const uint32_t low = bands[band].low, span = bands[band].high - low + 1;
	struct batch batch = { .count = 0 };
	size_t room = bytes / low + 1, sum = 0;

	batch.object = malloc(room * sizeof(*batch.object));
	if (!batch.object)
		wl_die("malloc returned NULL", NULL);
	while (sum < bytes) {
		size_t size = low + wl_below(&w->rng, span);

		batch.object[batch.count++] = wl_new(w, size);
		sum += size;
	}
	return batch;
}

/* Frees nine of ten, in order of age for even rounds and backwards for odd ones. */
static void thin_out(struct wl_worker *w, struct batch *batch, bool backwards)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		size_t at = backwards ? batch->count - 1 - i : i;

		if (wl_below(&w->rng, 10)) {
			wl_delete(w, batch->object[at]);
			batch->object[at] = NULL;
		}
	}
	for (size_t i = 0; i < batch->count; i++)
		if (batch->object[i])
			batch->object[kept++] = batch->object[i];
	batch->count = kept;
	batch->object = realloc(batch->object, (kept + 1) * sizeof(*batch->object));
	if (!batch->object)
		wl_die("realloc returned NULL", NULL);
}

static void drop(struct wl_worker *w, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		wl_delete(w, batch->object[i]);
	free(batch->object);
}

int main(int argc, char **argv)
{
	static struct wl_worker w;
	struct batch kept[KEPT_ROUNDS] = { { NULL, 0 }, { NULL, 0 } };
	uint64_t rounds;
	size_t bytes;

	wl_args(argc, argv);
	bytes = (size_t)wl_arg("megabytes", 64, 1, 1 << 20, "bytes a phase allocates") << 20;
	rounds = wl_scaled((uint64_t)wl_arg("rounds", 30, 1, 1L << 30, "phases"));
	wl_args_end();

	wl_worker_init(&w, 0);
	for (uint64_t round = 0; round < rounds; round++) {
		struct batch batch = fill(&w, (unsigned int)(round % BANDS), bytes);

		thin_out(&w, &batch, round & 1);
		drop(&w, &kept[round % KEPT_ROUNDS]);
		kept[round % KEPT_ROUNDS] = batch;
	}
	/* The survivors of the last two phases stay, as they would in a program that goes on. */
	for (int i = 0; i < KEPT_ROUNDS; i++)
		for (size_t k = 0; k < kept[i].count; k++)
			w.sum += wl_check(kept[i].object[k]);
	wl_report(&w);
	for (int i = 0; i < KEPT_ROUNDS; i++)
		drop(&w, &kept[i]);
	return 0;
}
