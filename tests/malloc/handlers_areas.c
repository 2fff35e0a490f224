/* SPDX-License-Identifier: MIT */
/*
 * Threads map, move and unmap large blocks, while their signal handlers allocate: these may
 * interrupt a thread that waits for a lock, was woken, and has not taken it yet. Somebody else may
 * hold what the handler needs, and sleep at the lock that is free. All go on.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 4
#define BLOCK	(70UL << 20)
#define TURNS	40000UL

static unsigned long turns[THREADS];
static int over;

static void allocate(int sig)
{
	static __thread void *kept;
	void *block = malloc(40000);

	(void)sig;
	free(kept);
	kept = block;
}

static void *map_and_unmap(void *arg)
{
	unsigned long *nr = arg;
	char *block;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		block = malloc(BLOCK);
		if (block)
			*(volatile char *)block = 1;
		free(realloc(block, BLOCK + BLOCK / 4));
		__atomic_add_fetch(nr, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static unsigned long all_turns(void)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < THREADS; i++)
		sum += __atomic_load_n(&turns[i], __ATOMIC_RELAXED);
	return sum;
}

int main(void)
{
	struct sigaction act = { .sa_handler = allocate, .sa_flags = SA_RESTART };
	pthread_t thread[THREADS];
	sigset_t set;
	int i;

	/* whoever stands still is ended by the test's time */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, map_and_unmap, &turns[i]))
			return 1;
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (all_turns() < TURNS) {
		for (i = 0; i < THREADS; i++)
			pthread_kill(thread[i], SIGUSR1);
		usleep(50);
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("%lu turns\n", all_turns());
	return 0;
}
