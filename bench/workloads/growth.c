// SPDX-License-Identifier: MIT
/*
 * growth - arrays and strings that grow by realloc.
 *
 * Stands for the dynamic array, the string builder, the read buffer: structures whose final size
 * is not known. Three habits, all common:
 *
 *   - arrays that grow by half when full, up to megabytes;
 *   - strings that grow by a few bytes at each append, with realloc called every time;
 *   - arrays cut to size at the end (realloc to less).
 *
 * Several structures grow side by side, so that none is always the last of the heap. The question
 * is how often realloc copies: it can grow in place, or stay within the slack of the size class,
 * or, for large blocks, move pages instead of bytes. Every element is written once and verified
 * when the structure is dropped, so content that a move lost is found.
 */
#include "workload.h"

enum { ARRAYS = 24 };

struct array {
	uint64_t *item;
	size_t used, room, limit;
	uint64_t key;
	bool string; /* grows by small steps */
};

static void resize(struct wl_worker *w, struct array *a, size_t room)
{
	uint64_t *item = realloc(a->item, room * sizeof(*item));

	if (!item)
		wl_die("realloc returned NULL", a->item);
	a->item = item;
	a->room = room;
	w->ops++;
	if (a->used && (item[0] != a->key || item[a->used - 1] != a->key + a->used - 1))
		wl_die("realloc lost the content", item);
}

static void begin(struct wl_worker *w, struct array *a)
{
	*a = (struct array){ .key = wl_next(&w->rng) };
	a->string = wl_below(&w->rng, 3) == 0;
	a->limit = a->string ? wl_log_size(&w->rng, 3, 10) : wl_log_size(&w->rng, 2, 19);
	resize(w, a, 2);
}

static void drop(struct wl_worker *w, struct array *a)
{
	for (size_t i = 0; i < a->used; i++)
		if (a->item[i] != a->key + i)
			wl_die("an item of an array is damaged", &a->item[i]);
	w->sum += a->key ^ a->used;
	free(a->item);
}

static void append(struct wl_worker *w, struct array *a, size_t count)
{
	while (count--) {
		if (a->used == a->room)
			resize(w, a, a->string ? a->room + 2 : a->room + a->room / 2 + 1);
		a->item[a->used] = a->key + a->used;
		a->used++;
	}
}

int main(int argc, char **argv)
{
	static struct wl_worker w;
	static struct array arrays[ARRAYS];
	uint64_t steps;

	wl_args(argc, argv);
	steps = wl_scaled((uint64_t)wl_arg("steps", 700000, 1, 1L << 40, "appends"));
	wl_args_end();

	wl_worker_init(&w, 0);
	for (int i = 0; i < ARRAYS; i++)
		begin(&w, &arrays[i]);
	for (uint64_t i = 0; i < steps; i++) {
		struct array *a = &arrays[wl_below(&w.rng, ARRAYS)];

		append(&w, a, a->string ? 1 + wl_below(&w.rng, 8) : 1 + a->used / 4);
		if (a->used < a->limit)
			continue;
		if (wl_below(&w.rng, 2))
			resize(&w, a, a->used);
		drop(&w, a);
		begin(&w, a);
	}
	for (int i = 0; i < ARRAYS; i++)
		drop(&w, &arrays[i]);
	wl_report(&w);
	return 0;
}
