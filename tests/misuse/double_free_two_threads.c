/*
 * Two threads free the same small object, and both end.
 */
#include "misuse.h"

static void *first(void *p)
{
	free(p);
	return NULL;
}

static void *second(void *p)
{
	free(aim(p));
	return NULL;
}

int main(void)
{
	void *p = must(malloc(50));

	in_thread(first, p);
	in_thread(second, p);
	return 0;
}
