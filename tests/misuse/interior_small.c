/*
 * A pointer to the second half of a small object.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(64));

	free(aim(p + 32));
	malloc_trim(0);
	return 0;
}
