/*
 * A block with a mapping of its own is freed, then resized: seen at once.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(200 * MIB));

	free(p);
	must(realloc(aim(p), 300 * MIB));
	return 0;
}
