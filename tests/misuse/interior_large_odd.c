/*
 * A pointer 16 bytes into a large block: seen at once.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(MIB));

	free(aim(p + 16));
	return 0;
}
