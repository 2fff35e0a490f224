/*
 * A thread allocates and ends; the object is freed twice by another.
 */
#include "misuse.h"

static void *thread(void *arg)
{
	*(void **)arg = must(malloc(50));
	return NULL;
}

int main(void)
{
	void *p = NULL;

	in_thread(thread, &p);
	free(p);
	free(aim(p));
	malloc_trim(0);
	return 0;
}
