/*
 * A small object is freed twice: once into its slab, which is released when the objects around it
 * go, and once into a thread's sheaf, which goes on to the barn and would hand out what is
 * nobody's.
 */
#include "misuse.h"

enum { SIZE = 640, SLAB = 8192, OBJECTS = 600, WARM = 3000, ROUNDS = 30, FREES = 80 };

static char *object[OBJECTS], *victim;

static uintptr_t slab_of(const char *p)
{
	return (uintptr_t)p & ~(uintptr_t)(SLAB - 1);
}

/* The thread's sheaf may hold as many as one can. */
static void warm_up(void)
{
	static char *p[WARM];

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < WARM; i++)
			p[i] = must(malloc(SIZE));
		for (int i = 0; i < WARM; i++)
			free(p[i]);
	}
}

/* One of a slab of which all others are ours as well. */
static char *take_victim(void)
{
	for (int i = FREES; i < OBJECTS; i++) {
		char *p = object[i];
		int beside = 0;

		for (int k = 0; k < OBJECTS; k++)
			beside += slab_of(object[k]) == slab_of(p);
		if (beside == SLAB / SIZE) {
			object[i] = NULL;
			return p;
		}
	}
	return NULL;
}

static void *free_first(void *arg)
{
	free(victim);
	malloc_trim(0);
	return arg;
}

static void *free_others(void *arg)
{
	for (int i = 0; i < OBJECTS; i++)
		if (slab_of(object[i]) == slab_of(victim)) {
			free(object[i]);
			object[i] = NULL;
		}
	malloc_trim(0);
	return arg;
}

int main(void)
{
	warm_up();
	for (int i = 0; i < OBJECTS; i++)
		object[i] = must(malloc(SIZE));
	victim = must(take_victim());
	in_thread(free_first, NULL);
	free(aim(victim));
	in_thread(free_others, NULL);
	for (int i = 0; i < FREES; i++)
		free(object[i]);
	return 0;
}
