/* SPDX-License-Identifier: MIT */
/*
 * micro: microbenchmarks of an allocator, one call pattern each.
 *
 * Two programs are made of these files. `micro` knows nothing but malloc, and runs on whatever
 * allocator is preloaded into it. `micro-static` contains libkmem.a, and has rows for the object
 * caches as well.
 *
 *	micro --list				rows, and what the driver must know of them
 *	micro --once NAME ROUNDS [THREADS]	a warm-up of as many rounds, then exactly these
 *	micro [OPTIONS OF GOOGLE-BENCHMARK]	times
 *
 * The objects of a worker live in memory of the system's, not of the allocator's: the harness
 * leaves no trace in the heap that it measures.
 */
#define _GNU_SOURCE
#include "micro.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const struct micro *row_at(size_t number)
{
	const struct micro *groups[] = { pair_rows, call_rows, thread_rows, cache_rows }, *row;
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (row = groups[i]; row && row->name; row++)
			if (number-- == 0)
				return row;
	return NULL;
}

const struct micro *find_row(const char *name)
{
	const struct micro *row;
	size_t i;

	for (i = 0; (row = row_at(i)); i++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* ---- Workers ---- */

unsigned int next_random(struct worker *w, unsigned int below)
{
	w->random = w->random * 6364136223846793005ul + 1442695040888963407ul;
	return (unsigned int)((w->random >> 32) * below >> 32);
}

void shuffle(struct worker *w, void **array, unsigned int n)
{
	unsigned int i, j;
	void *swap;

	for (i = n; i > 1; i--) {
		j = next_random(w, i);
		swap = array[i - 1];
		array[i - 1] = array[j];
		array[j] = swap;
	}
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("micro: mmap");
		exit(1);
	}
	return memory;
}

/*
 * Each doubling of the size is asked for half as often: 16 to 31 bytes by half of all, up to 2 KiB.
 */
static void choose_sizes(struct worker *w)
{
	unsigned int i, doublings;

	for (i = 0; i < 256; i++) {
		for (doublings = 0; doublings < 6 && next_random(w, 2); doublings++)
			;
		w->sizes[i] = (16u << doublings) + next_random(w, 16u << doublings);
	}
}

static void choose_order(struct worker *w)
{
	unsigned int i, j, n = w->micro->live;

	for (i = 0; i < n; i++) {
		j = next_random(w, i + 1);
		w->order[i] = w->order[j];
		w->order[j] = i;
	}
}

void worker_set_up(struct worker *w, const struct micro *micro, unsigned int index)
{
	*w = (struct worker){ .micro = micro, .index = index, .random = index + 1 };
	w->objects = map(micro->live * sizeof(w->objects[0]));
	w->order = map(micro->live * sizeof(w->order[0]));
	choose_sizes(w);
	choose_order(w);
	if (micro->set_up)
		micro->set_up(w);
}

void worker_tear_down(struct worker *w)
{
	if (w->micro->tear_down)
		w->micro->tear_down(w);
	munmap(w->objects, w->micro->live * sizeof(w->objects[0]));
	munmap(w->order, w->micro->live * sizeof(w->order[0]));
}

/* ---- The command ---- */

static int list(void)
{
	static const char *const threads[] = {
		[ONE_THREAD] = "one", [ALL_THREADS] = "all", [PAIRS_THREADS] = "pairs"
	};
	const struct micro *row;
	size_t i;

	for (i = 0; (row = row_at(i)); i++)
		printf("%s %u %u %s %s\n", row->name, row->pairs, row->bulky ? row->bulky : 1,
		       threads[row->threads], row->against ? row->against : "-");
	return 0;
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *end ? 0 : value;
}

static int once(int argc, char **argv)
{
	const struct micro *row = argc > 2 ? find_row(argv[2]) : NULL;
	unsigned long rounds = argc > 3 ? number(argv[3]) : 0;
	unsigned int threads = argc > 4 ? (unsigned int)number(argv[4]) : 1;

	if (argc > 2 && !row)
		fprintf(stderr, "micro: no row %s\n", argv[2]);
	else if (row && !fits_threads(row, threads))
		fprintf(stderr, "micro: %s does not run on that number of threads\n", row->name);
	else if (!row || !rounds || argc > 5)
		fprintf(stderr, "usage: micro --once NAME ROUNDS [THREADS]\n");
	else {
		run_once(row, rounds, threads);
		printf("%lu\n", rounds * row->pairs * threads);
		return 0;
	}
	return 2;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	if (argc > 1 && strcmp(argv[1], "--once") == 0)
		return once(argc, argv);
	return run_google(argc, argv);
}
