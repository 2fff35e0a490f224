/*
 * An object of aligned_alloc is freed twice.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(aligned_alloc(64, 64));

	free(p);
	free(aim(p));
	malloc_trim(0);
	return 0;
}
