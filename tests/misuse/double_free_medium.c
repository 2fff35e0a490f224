/*
 * An object of the largest class is freed twice.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(32768));

	free(p);
	free(aim(p));
	malloc_trim(0);
	return 0;
}
