/*
 * A pointer into the middle of a block with a mapping of its own: seen at once.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(200 * MIB));

	free(aim(p + 100 * MIB));
	return 0;
}
