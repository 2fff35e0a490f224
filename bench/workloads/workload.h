/* SPDX-License-Identifier: MIT */
/*
 * workload.h - what all workloads share: random numbers, arguments, objects that check
 * themselves, threads, and the report at the end.
 *
 * A workload is judged on time and memory, but it is of no use if a broken allocator passes it.
 * So every object carries stamps: one word at its start that holds its size and a tag, one word
 * every `stride` bytes, and one in its last eight bytes, all functions of the first. They are
 * verified when the object is freed (by whichever thread does that). Two live objects that
 * overlap, a block too small, content lost by realloc, memory handed out twice: each damages a
 * stamp, and the program dies with a message.
 *
 * Nothing here depends on addresses, on time or on which thread is faster: the sum over all
 * objects freed is the same for each correct allocator, and bench/compare insists on that.
 *
 * The default stride of 64 writes once to each cache line, as a program that fills its objects
 * would cause, without spending the run in memset. stride=8 writes and checks each word.
 *
 * Arguments are key=value in any order; `help` lists them. work=PERCENT scales the amount of work
 * of every workload.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WL_MAX_THREADS 2048
#define WL_MAX_ARGS    64

/* ---- Failure ---- */

_Noreturn static inline void wl_die(const char *what, const void *p)
{
	fprintf(stderr, "workload: FAILED: %s (%p)\n", what, p);
	abort();
}

/* ---- Random numbers: a Weyl sequence, scrambled ---- */

struct wl_rng {
	uint64_t state;
};

static inline uint64_t wl_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ (x >> 32);
}

static inline uint64_t wl_next(struct wl_rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15u;
	return wl_mix(rng->state);
}

/* Uniform in [0, n), n below 2^32; the bias is immaterial here. */
static inline uint32_t wl_below(struct wl_rng *rng, uint32_t n)
{
	return (uint32_t)(((wl_next(rng) >> 32) * n) >> 32);
}

/* Each power of two from 2^low to 2^high equally likely, uniform in between. */
static inline size_t wl_log_size(struct wl_rng *rng, unsigned int low, unsigned int high)
{
	size_t base = (size_t)1 << (low + wl_below(rng, high - low));

	return base + wl_below(rng, (uint32_t)base);
}

/* ---- Arguments ---- */

static struct {
	int argc;
	char **argv;
	bool used[WL_MAX_ARGS];
	bool help;
	long work;
	size_t stride;
} wl;

static inline const char *wl_arg_text(const char *name, const char *fallback, const char *meaning)
{
	const size_t length = strlen(name);
	const char *value = fallback;

	if (wl.help)
		printf("  %s=%s\t%s\n", name, fallback, meaning);
	for (int i = 1; i < wl.argc; i++) {
		if (!strncmp(wl.argv[i], name, length) && wl.argv[i][length] == '=') {
			value = wl.argv[i] + length + 1;
			wl.used[i] = true;
		}
	}
	return value;
}

static inline long wl_arg(const char *name, long fallback, long low, long high, const char *meaning)
{
	char text[32];
	const char *value;
	char *end;
	long number;

	snprintf(text, sizeof(text), "%ld", fallback);
	value = wl_arg_text(name, text, meaning);
	number = strtol(value, &end, 10);
	if (*end || end == value || number < low || number > high) {
		fprintf(stderr, "workload: %s=%s: want a number from %ld to %ld\n", name, value,
			low, high);
		exit(2);
	}
	return number;
}

/* Call first, then wl_arg() for each argument, then wl_args_end(). */
static inline void wl_args(int argc, char **argv)
{
	wl.argc = argc < WL_MAX_ARGS ? argc : WL_MAX_ARGS;
	wl.argv = argv;
	wl.help = argc == 2 && !strcmp(argv[1], "help");
	if (wl.help)
		printf("usage: %s [key=value]...\n", argv[0]);
	wl.work = wl_arg("work", 100, 1, 100000, "percent of the usual amount of work");
	wl.stride = (size_t)wl_arg("stride", 64, 8, 4096, "bytes from one stamp to the next") & ~7u;
}

static inline void wl_args_end(void)
{
	if (wl.help)
		exit(0);
	for (int i = 1; i < wl.argc; i++) {
		if (!wl.used[i]) {
			fprintf(stderr, "workload: unknown argument '%s' (try help)\n", wl.argv[i]);
			exit(2);
		}
	}
}

/* `amount` scaled by work=PERCENT, at least 1. */
static inline uint64_t wl_scaled(uint64_t amount)
{
	uint64_t scaled = amount * (uint64_t)wl.work / 100;

	return scaled ? scaled : 1;
}

/* ---- Workers: one per thread ---- */

struct wl_worker {
	_Alignas(128) struct wl_rng rng; /* a cache line pair of its own: no false sharing here */
	uint64_t ops;			 /* objects obtained (malloc, calloc, realloc) */
	uint64_t sum;			 /* of the first words of all objects checked and freed */
	unsigned int id;
	void *arg;
	pthread_t thread;
};

static inline void wl_worker_init(struct wl_worker *w, unsigned int id)
{
	memset(w, 0, sizeof(*w));
	w->id = id;
	w->rng.state = wl_mix(id + 1);
}

static inline void wl_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	if (pthread_create(thread, NULL, fn, arg))
		wl_die("pthread_create", arg);
}

/* Runs fn on workers[0..count), one thread each, and waits for all; sums into workers[0]. */
static inline void wl_run(struct wl_worker *workers, unsigned int count, void *(*fn)(void *))
{
	for (unsigned int i = 0; i < count; i++)
		wl_thread_start(&workers[i].thread, fn, &workers[i]);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned int i = 1; i < count; i++) {
		workers[0].ops += workers[i].ops;
		workers[0].sum += workers[i].sum;
	}
}

/* ---- Objects that check themselves ----
 * First word: bits 0-31 the size, 32-55 a tag, 56-63 a check of both.
 */

static inline uint64_t wl_head(size_t size, uint32_t tag)
{
	uint64_t head = size | (uint64_t)(tag & 0xffffff) << 32;

	return head | (wl_mix(head) >> 56) << 56;
}

static inline size_t wl_size_of(const void *p)
{
	return *(const uint32_t *)p;
}

static inline void wl_stamp(void *p, size_t size, uint32_t tag)
{
	const uint64_t head = wl_head(size, tag), tail = ~head;
	const size_t end = size < 16 ? 0 : size - 15;
	char *c = p;

	for (size_t at = wl.stride; at < end; at += wl.stride)
		*(uint64_t *)(c + at) = head + at;
	if (size >= 16)
		memcpy(c + size - 8, &tail, 8);
	*(uint64_t *)p = head;
}

/* Verifies all stamps; what it returns goes into the checksum. */
static inline uint64_t wl_check(const void *p)
{
	const uint64_t head = *(const uint64_t *)p;
	const size_t size = (uint32_t)head;
	const size_t end = size < 16 ? 0 : size - 15;
	const char *c = p;
	uint64_t tail;

	if (head != wl_head(size, (uint32_t)(head >> 32)))
		wl_die("the first word of an object is damaged", p);
	for (size_t at = wl.stride; at < end; at += wl.stride)
		if (*(const uint64_t *)(c + at) != head + at)
			wl_die("an object is damaged", p);
	if (size >= 16) {
		memcpy(&tail, c + size - 8, 8);
		if (tail != ~head)
			wl_die("the last word of an object is damaged", p);
	}
	return head * 0x9e3779b97f4a7c15u;
}

/* `size` bytes, at least 8. */
static inline void *wl_new(struct wl_worker *w, size_t size)
{
	void *p = malloc(size);

	if (!p)
		wl_die("malloc returned NULL", NULL);
	if ((uintptr_t)p & (size < 16 ? 7 : 15))
		wl_die("malloc returned a misaligned block", p);
	wl_stamp(p, size, (uint32_t)w->rng.state);
	w->ops++;
	return p;
}

/* The first word is damaged before the free: an object handed out twice is found at the second. */
static inline void wl_delete(struct wl_worker *w, void *p)
{
	if (!p)
		return;
	w->sum += wl_check(p);
	*(volatile uint64_t *)p = ~*(uint64_t *)p;
	free(p);
}

/* ---- The end ---- */

/*
 * Prints the result; then, if WORKLOAD_LINGER_MS is set, waits, so that the memory still held
 * after the work can be read from outside. Call it where the program would become idle.
 */
static inline void wl_report(const struct wl_worker *total)
{
	const char *linger = getenv("WORKLOAD_LINGER_MS");
	struct timespec wait;
	long ms;

	printf("ops %llu checksum %016llx\n", (unsigned long long)total->ops,
	       (unsigned long long)total->sum);
	if (linger) {
		ms = strtol(linger, NULL, 10);
		wait.tv_sec = ms / 1000;
		wait.tv_nsec = ms % 1000 * 1000000;
		printf("done\n");
		fflush(stdout);
		nanosleep(&wait, NULL);
	}
	fflush(stdout);
}

#endif /* WORKLOAD_H */
