// SPDX-License-Identifier: MIT
/*
 * scale-live - what an operation costs as the number of live objects grows.
 *
 *	scale-live COUNT [STEPS [ROUNDS [BURST]]]
 *
 * A table names COUNT live objects of 64 bytes, by 32 bits each so that it stays small beside them.
 * The program replaces objects at random places, a burst of BURST at a time: first it looks at each
 * object of the burst and frees it, then it allocates as many and puts them into these places.
 * Objects of a burst lie anywhere, so that what the allocator looks up about them does, too. A
 * burst of 250 is more than a thread's sheaves hold, one of 1,000 more than these and the barn, so
 * that every object comes from a slab and goes to one. Three loops go to the same places; the time
 * of a step, one object's share of a burst, is what is printed:
 *
 *	array	   reads and writes one line of a plain array of COUNT lines, by its index
 *	walk	   what the program does without its allocator: the place in the table, then the
 *		   object that it names, both when the burst begins and when it ends
 *	turnover   the same with free and malloc
 *
 * So `array` is the cost of a cache miss at this size, and what `turnover` takes beyond `walk` is
 * malloc and free. No step depends on the one before: the processor may overlap misses in all
 * three.
 *
 * Then there is what it costs to get there: `build` is a malloc and a write of an object as the
 * program grows, `fault` the same write to fresh pages of a plain array, `drop` a free of each
 * object in the end, in the order of the table.
 *
 * Loops run interleaved for some rounds; medians are printed, CPU time of the process in ns:
 *
 *	count array walk turnover build fault drop peak_rss_kib
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define SIZE	   64
#define MAX_ROUNDS 31
#define UNIT	   16	/* bytes that one step of a table's entry stands for */
#define MAX_BURST  4096 /* objects */

static uint64_t count;
static uint64_t burst; /* of the table's parts: a burst takes one place of each, at random */
static uint32_t part[MAX_BURST];
static uint64_t places[MAX_BURST];

static int32_t *table; /* each object's distance from `origin` */
static char *origin;
static char *array;

/* ---- Small things ---- */

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "scale-live: %s\n", what);
	exit(1);
}

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Below @n, which fits in 32 bits. */
static uint64_t random_below(uint64_t n)
{
	static uint64_t state = 1;
	uint64_t x = state += 0x9e3779b97f4a7c15u;

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return ((x >> 32) * n) >> 32;
}

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("no memory");
	return p;
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

/* ---- Objects ---- */

static void put(uint64_t place, char *object)
{
	intptr_t distance = (object - origin) / UNIT;

	if (distance != (int32_t)distance || (object - origin) % UNIT)
		die("an object lies too far away");
	table[place] = (int32_t)distance;
}

static char *get(uint64_t place)
{
	return origin + (intptr_t)table[place] * UNIT;
}

static void touch(char *line)
{
	*(volatile uint64_t *)line += 1;
}

static char *new_object(void)
{
	char *object = malloc(SIZE);

	if (!object)
		die("malloc returned NULL");
	*(volatile uint64_t *)object = 1;
	return object;
}

/* ---- The loops: a burst each ---- */

static void choose_parts(void)
{
	uint64_t i, other;

	burst = count / 4 < burst ? (count + 3) / 4 : burst;
	for (i = 0; i < burst; i++) {
		other = random_below(i + 1);
		part[i] = part[other];
		part[other] = (uint32_t)i;
	}
}

static void choose_places(void)
{
	uint64_t length = count / burst, i;

	for (i = 0; i < burst; i++)
		places[i] = part[i] * length + random_below(length);
}

static void burst_array(void)
{
	uint64_t i;

	for (i = 0; i < burst; i++)
		touch(array + places[i] * SIZE);
}

static void burst_walk(void)
{
	uint64_t i;

	for (i = 0; i < burst; i++)
		touch(get(places[i]));
	for (i = 0; i < burst; i++) {
		char *object = get(places[i]);

		touch(object);
		put(places[i], object);
	}
}

static void burst_turnover(void)
{
	uint64_t i;

	for (i = 0; i < burst; i++) {
		char *object = get(places[i]);

		touch(object);
		free(object);
	}
	for (i = 0; i < burst; i++)
		put(places[i], new_object());
}

static double timed(void (*run)(void), uint64_t steps)
{
	uint64_t bursts = steps / burst + 1, i;
	double start = nanoseconds();

	for (i = 0; i < bursts; i++) {
		choose_places();
		run();
	}
	return (nanoseconds() - start) / (double)(bursts * burst);
}

/* ---- The parts ---- */

/* The array is gone before the objects come: the largest counts need the memory. */
static double measure_array(uint64_t steps, int rounds, double *fault)
{
	double times[MAX_ROUNDS], start = nanoseconds();
	uint64_t i;
	int round;

	array = map(count * SIZE);
	madvise(array, count * SIZE, MADV_NOHUGEPAGE);
	for (i = 0; i < count; i++)
		*(volatile uint64_t *)(array + i * SIZE) = 1;
	*fault = (nanoseconds() - start) / (double)count;
	timed(burst_array, steps);
	for (round = 0; round < rounds; round++)
		times[round] = timed(burst_array, steps);
	munmap(array, count * SIZE);
	return median(times, rounds);
}

static double build(void)
{
	double start = nanoseconds();
	uint64_t i;

	origin = new_object();
	put(0, origin);
	for (i = 1; i < count; i++)
		put(i, new_object());
	return (nanoseconds() - start) / (double)count;
}

static double drop(void)
{
	double start = nanoseconds();
	uint64_t i;

	for (i = 0; i < count; i++)
		free(get(i));
	return (nanoseconds() - start) / (double)count;
}

int main(int argc, char **argv)
{
	double walk[MAX_ROUNDS], turnover[MAX_ROUNDS], array_ns, fault_ns, build_ns, drop_ns;
	uint64_t steps;
	struct rusage use;
	int rounds, round;

	count = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	rounds = argc > 3 ? atoi(argv[3]) : 5;
	burst = argc > 4 ? strtoull(argv[4], NULL, 10) : 250;
	if (!count || count > 1u << 30 || !steps || rounds < 1 || rounds > MAX_ROUNDS || !burst ||
	    burst > MAX_BURST) {
		fprintf(stderr, "usage: scale-live COUNT [STEPS [ROUNDS [BURST]]]\n");
		return 2;
	}
	choose_parts();
	array_ns = measure_array(steps, rounds, &fault_ns);
	/* Its pages are there already: filling it is no part of `build`. */
	table = map(count * sizeof(*table));
	memset(table, 0xff, count * sizeof(*table));
	build_ns = build();
	timed(burst_turnover, 2 * steps);
	for (round = 0; round < rounds; round++) {
		walk[round] = timed(burst_walk, steps);
		turnover[round] = timed(burst_turnover, steps);
	}
	getrusage(RUSAGE_SELF, &use);
	drop_ns = drop();
	printf("%llu %.2f %.2f %.2f %.2f %.2f %.2f %ld\n", (unsigned long long)count, array_ns,
	       median(walk, rounds), median(turnover, rounds), build_ns, fault_ns, drop_ns,
	       use.ru_maxrss);
	return 0;
}
