/*
 * A small object is freed, then resized.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(50));

	free(p);
	must(realloc(aim(p), 5000));
	malloc_trim(0);
	return 0;
}
