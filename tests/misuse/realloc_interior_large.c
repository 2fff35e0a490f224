/*
 * A pointer into a large block is resized: seen at once.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(MIB));

	must(realloc(aim(p + 8192), 2 * MIB));
	return 0;
}
