// SPDX-License-Identifier: MIT
/*
 * scale-caches - what an operation costs as the number of object caches grows.
 *
 *	scale-caches COUNT [STEPS [ROUNDS]]
 *
 * COUNT caches of 64-byte objects, none merged with another, are visited in a fixed random order.
 * Each has some objects in use all the time, some more than others: so the next one of each lies at
 * another distance from a page's start, and they do not meet in a few lines of the processor's
 * caches. Two loops, whose time per visit is printed:
 *
 *	array	reads and writes LINES lines of a plain array of COUNT * LINES; each says which is
 *		next, and no two visits share one
 *	pair	takes an object from the cache, writes to it, and gives it back
 *
 * LINES is what a pair cannot do without, and finds one through the other: the cache's descriptor,
 * the thread's slot for it, the top of its sheaf, the object, and what says that the object is the
 * cache's. Loops run interleaved for some rounds; medians are printed, CPU time of the process in
 * ns:
 *
 *	count array pair
 */
#include <kmem/slab.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SIZE	   64
#define LINES	   5
#define LINE	   64
#define MOST_HELD  37
#define MAX_COUNT  8000
#define MAX_ROUNDS 31

struct line {
	_Alignas(LINE) uint64_t visits;
	struct line *next; /* of the same visit; NULL: the last */
};

static struct kmem_cache *caches[MAX_COUNT];
static char names[MAX_COUNT][16];
static struct line *first[MAX_COUNT];
static uint64_t count;

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint64_t random_below(uint64_t n)
{
	static uint64_t state = 1;
	uint64_t x = state += 0x9e3779b97f4a7c15u;

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return ((x >> 32) * n) >> 32;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	return values[n / 2];
}

/* ---- The loops ---- */

static void visit_array(uint64_t steps)
{
	struct line *line;
	uint64_t i;

	while (steps)
		for (i = 0; i < count && steps; i++, steps--)
			for (line = first[i]; line; line = line->next)
				line->visits++;
}

static void visit_caches(uint64_t steps)
{
	uint64_t i;

	while (steps) {
		for (i = 0; i < count && steps; i++, steps--) {
			uint64_t *object = kmem_cache_alloc(caches[i], GFP_KERNEL);

			if (!object)
				abort();
			*(volatile uint64_t *)object = i;
			kmem_cache_free(caches[i], object);
		}
	}
}

static double timed(void (*loop)(uint64_t), uint64_t steps)
{
	double start = nanoseconds();

	loop(steps);
	return (nanoseconds() - start) / (double)steps;
}

/* ---- The parts ---- */

static void make_caches(void)
{
	uint64_t i, held;

	for (i = 0; i < count; i++) {
		uint64_t other = random_below(i + 1);

		snprintf(names[i], sizeof(names[i]), "scale-%u", (unsigned int)i);
		caches[i] = caches[other];
		caches[other] = kmem_cache_create(names[i], SIZE, 0, SLAB_NO_MERGE, NULL);
		if (!caches[other])
			exit(1);
	}
	for (i = 0; i < count; i++)
		for (held = i % MOST_HELD; held > 0; held--)
			if (!kmem_cache_alloc(caches[i], GFP_KERNEL))
				exit(1);
}

/* Shuffled, then dealt to the visits. */
static void make_array(void)
{
	struct line *array = aligned_alloc(LINE, count * LINES * sizeof(*array));
	struct line **order = calloc(count * LINES, sizeof(*order));
	uint64_t i;

	if (!array || !order)
		exit(1);
	for (i = 0; i < count * LINES; i++) {
		uint64_t other = random_below(i + 1);

		order[i] = order[other];
		order[other] = &array[i];
	}
	for (i = 0; i < count * LINES; i++) {
		order[i]->visits = 0;
		order[i]->next = i % LINES == LINES - 1 ? NULL : order[i + 1];
		if (i % LINES == 0)
			first[i / LINES] = order[i];
	}
	free(order);
}

int main(int argc, char **argv)
{
	double pair[MAX_ROUNDS], plain[MAX_ROUNDS];
	uint64_t steps;
	int rounds, round;

	count = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	rounds = argc > 3 ? atoi(argv[3]) : 5;
	if (!count || count > MAX_COUNT || !steps || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: scale-caches COUNT [STEPS [ROUNDS]]\n");
		return 2;
	}
	make_caches();
	make_array();
	visit_caches(steps);
	visit_array(steps);
	for (round = 0; round < rounds; round++) {
		plain[round] = timed(visit_array, steps);
		pair[round] = timed(visit_caches, steps);
	}
	printf("%llu %.2f %.2f\n", (unsigned long long)count, median(plain, rounds),
	       median(pair, rounds));
	return 0;
}
