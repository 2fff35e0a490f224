/* SPDX-License-Identifier: MIT */
/*
 * A program whose structures never stand still: threads come and go, and allocate and free objects
 * of all sizes meanwhile. Runs until it is killed, or for a minute.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3
#define HELD	2000
#define TURNS	100000

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 8;
}

static void *turn(void *arg)
{
	unsigned int seed = (unsigned int)(size_t)arg;
	void **held = calloc(HELD, sizeof(*held));
	int i;

	for (i = 0; held && i < TURNS; i++) {
		unsigned int slot = next_random(&seed) % HELD;
		size_t size = next_random(&seed) % (i % 100 == 0 ? 400000 : 3000);

		free(held[slot]);
		held[slot] = malloc(size);
		if (held[slot])
			memset(held[slot], 1, size < 64 ? size : 64);
	}
	for (i = 0; held && i < HELD; i++)
		free(held[i]);
	free(held);
	return NULL;
}

/* One thread after the other. */
static void *worker(void *arg)
{
	size_t seed = (size_t)arg;
	pthread_t id;

	for (;; seed += WORKERS)
		if (pthread_create(&id, NULL, turn, (void *)seed) == 0)
			pthread_join(id, NULL);
	return NULL;
}

int main(void)
{
	pthread_t id;
	size_t i;

	alarm(60);
	for (i = 1; i < WORKERS; i++)
		if (pthread_create(&id, NULL, worker, (void *)i) != 0)
			return 1;
	worker((void *)i);
	return 0;
}
