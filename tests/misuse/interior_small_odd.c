/*
 * A pointer one byte into a small object.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(100));

	free(aim(p + 1));
	malloc_trim(0);
	return 0;
}
