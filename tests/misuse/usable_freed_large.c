/*
 * malloc_usable_size of a large block that was freed.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(MIB));

	free(p);
	opaque_size(malloc_usable_size(aim(p)));
	return 0;
}
