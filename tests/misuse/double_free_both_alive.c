/*
 * Two threads free the same small object while both live; the object is in two caches at once.
 */
#include "misuse.h"

static pthread_barrier_t step;

static void *thread(void *p)
{
	free(p);
	pthread_barrier_wait(&step);
	return NULL;
}

int main(void)
{
	void *p = must(malloc(50));
	pthread_t t;

	pthread_barrier_init(&step, NULL, 2);
	aim(p);
	CHECK(!pthread_create(&t, NULL, thread, p), "thread");
	free(p);
	pthread_barrier_wait(&step);
	CHECK(!pthread_join(t, NULL), "join");
	malloc_trim(0);
	return 0;
}
