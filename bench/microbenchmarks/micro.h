/* SPDX-License-Identifier: MIT */
/*
 * What a microbenchmark is: a function that runs a number of rounds, each with the same calls of
 * the allocator in it, and what it needs to be set up.
 *
 * A worker is a thread that runs one; with several, each has objects of its own. Between
 * worker_set_up() and worker_tear_down() rounds may be run any number of times: by
 * google-benchmark, until it knows the time of one (google.cc), or exactly as often as was asked
 * for (once.c), so that their instructions can be counted.
 */
#ifndef MICRO_H
#define MICRO_H

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif
#include <stddef.h>

#define MAX_THREADS 64u

/* On how many threads a row runs. */
enum micro_threads {
	ONE_THREAD,
	ALL_THREADS,  /* 1, 2, 4, ... MAX_THREADS */
	PAIRS_THREADS /* 2, 4, ... MAX_THREADS: each with a partner */
};

struct worker;

struct micro {
	const char *name;
	void (*run)(struct worker *w, unsigned long rounds);
	void (*set_up)(struct worker *w), (*tear_down)(struct worker *w); /* may be NULL */
	size_t size;	    /* of an object; 0: many sizes */
	size_t align;	    /* what is asked of its address; 0: nothing */
	unsigned int live;  /* objects held at once, at most */
	unsigned int pairs; /* of an allocation and its free in a round; of realloc, calls */
	unsigned int bulky; /* so many times fewer rounds are enough to count; 0: as 1 */
	enum micro_threads threads;
	const char *against; /* the same done by malloc; NULL: this is malloc */
};

struct worker {
	const struct micro *micro;
	unsigned int index;
	void **objects;	     /* micro->live of them */
	unsigned int *order; /* a random order of them */
	size_t sizes[256];   /* what programs ask for: most are small */
	unsigned long random;
	void *own; /* the row's */
};

/*
 * A theme's rows; the last has no name. Those of caches.c are only in the program that links
 * libkmem.
 */
extern const struct micro pair_rows[], call_rows[], thread_rows[];
extern const struct micro cache_rows[] __attribute__((weak));

/* micro.c */
const struct micro *find_row(const char *name);
const struct micro *row_at(size_t number); /* NULL behind the last */
void worker_set_up(struct worker *w, const struct micro *micro, unsigned int index);
void worker_tear_down(struct worker *w);
unsigned int next_random(struct worker *w, unsigned int below);
void shuffle(struct worker *w, void **array, unsigned int n);

/* once.c */
void run_once(const struct micro *micro, unsigned long rounds, unsigned int threads);

/* google.cc */
int run_google(int argc, char **argv);

#ifdef __cplusplus
}
#else

/* The size of a worker's i-th object. */
static inline size_t size_of(const struct worker *w, unsigned long i)
{
	return w->micro->size ? w->micro->size : w->sizes[i & 255];
}

/* Programs write to what they get; and what is written cannot be left out by the compiler. */
static inline void *touch(void *object)
{
	*(volatile long *)object = 1;
	return object;
}

static inline bool fits_threads(const struct micro *micro, unsigned int threads)
{
	if (threads < 1 || threads > MAX_THREADS)
		return false;
	if (micro->threads == PAIRS_THREADS)
		return threads % 2 == 0;
	return threads == 1 || micro->threads == ALL_THREADS;
}
#endif
#endif
