/*
 * A block of 200 MiB, with a mapping of its own, is freed twice: seen at once.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(200 * MIB));

	free(p);
	free(aim(p));
	return 0;
}
