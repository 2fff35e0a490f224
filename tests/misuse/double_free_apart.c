/*
 * A small object is freed twice, with many frees of its class between.
 */
#include "misuse.h"

int main(void)
{
	void *keep[4 * FREES_AT_MOST];
	void *p = must(malloc(50));

	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		keep[i] = must(malloc(50));
	free(p);
	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		free(keep[i]);
	free(aim(p));
	malloc_trim(0);
	return 0;
}
