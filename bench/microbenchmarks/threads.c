/* SPDX-License-Identifier: MIT */
/*
 * Objects that one thread allocates and another frees, and threads that come and go.
 *
 * In prodcon every worker of an even index allocates, and hands what it has got to the next one,
 * which frees it. They share a channel: a few batches, and how many of them were written and read
 * so far. The producer waits while the channel is full, the consumer while it is empty, by futex: a
 * worker that waits costs nothing, and none but these two counters are shared besides the
 * allocator's.
 *
 * In churn a round is the life of a thread: it allocates, frees half of it, and leaves the rest to
 * the worker that started it.
 */
#define _GNU_SOURCE
#include "micro.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH 4
#define BATCH 256
#define CHURN 64

struct channel {
	_Alignas(128) unsigned int written; /* batches, modulo 2^32 */
	_Alignas(128) unsigned int read;
	void *objects[DEPTH][BATCH];
};

static struct channel channels[MAX_THREADS / 2];

/* Until *@counter is no longer @value. */
static void wait_for(unsigned int *counter, unsigned int value)
{
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) == value)
		syscall(SYS_futex, counter, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void advance(unsigned int *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, counter, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void produce(struct worker *w, struct channel *c)
{
	void **objects = c->objects[c->written % DEPTH];
	unsigned int i;

	wait_for(&c->read, c->written - DEPTH);
	for (i = 0; i < BATCH; i++)
		objects[i] = touch(malloc(size_of(w, i)));
	advance(&c->written);
}

static void consume(struct channel *c)
{
	void **objects = c->objects[c->read % DEPTH];
	unsigned int i;

	wait_for(&c->written, c->read);
	for (i = 0; i < BATCH; i++)
		free(objects[i]);
	advance(&c->read);
}

static void run_prodcon(struct worker *w, unsigned long rounds)
{
	struct channel *c = &channels[w->index / 2];

	while (rounds-- > 0)
		if (w->index % 2 == 0)
			produce(w, c);
		else
			consume(c);
}

/* ---- Threads that come and go ---- */

static void *short_life(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	for (i = 0; i < CHURN; i++)
		w->objects[i] = touch(malloc(size_of(w, i)));
	for (i = 0; i < CHURN / 2; i++)
		free(w->objects[i]);
	return NULL;
}

static void run_churn(struct worker *w, unsigned long rounds)
{
	pthread_t thread;
	unsigned int i;

	while (rounds-- > 0) {
		if (pthread_create(&thread, NULL, short_life, w)) {
			fprintf(stderr, "micro: cannot start a thread\n");
			exit(1);
		}
		pthread_join(thread, NULL);
		for (i = CHURN / 2; i < CHURN; i++)
			free(w->objects[i]);
	}
}

/* A round of a worker is half of a round of pairs: the other half is its partner's. */
#define PRODCON(WHAT, SIZE)                                                           \
	{                                                                             \
		.name = "prodcon/" WHAT, .run = run_prodcon, .size = SIZE, .live = 1, \
		.pairs = BATCH / 2, .threads = PAIRS_THREADS                          \
	}
#define CHURN_ROW(WHAT, SIZE)                                                         \
	{                                                                             \
		.name = "churn/" WHAT, .run = run_churn, .size = SIZE, .live = CHURN, \
		.pairs = CHURN, .threads = ALL_THREADS                                \
	}

const struct micro thread_rows[] = {
	PRODCON("64", 64),     PRODCON("mixed", 0), CHURN_ROW("64", 64),
	CHURN_ROW("mixed", 0), { .name = NULL },
};
