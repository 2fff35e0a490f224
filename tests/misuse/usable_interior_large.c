/*
 * malloc_usable_size of a pointer into a large block.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(MIB));

	opaque_size(malloc_usable_size(aim(p + 4096)));
	return 0;
}
