/*
 * A large block is freed, then resized: seen at once.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(MIB));

	free(p);
	must(realloc(aim(p), 2 * MIB));
	return 0;
}
