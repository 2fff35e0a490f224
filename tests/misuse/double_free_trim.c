/*
 * A small object is freed twice; malloc_trim empties the thread's cache.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(50));

	free(p);
	free(aim(p));
	malloc_trim(0);
	return 0;
}
