/*
 * A block of 1 MiB is freed twice: seen at once.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(MIB));

	free(p);
	free(aim(p));
	return 0;
}
