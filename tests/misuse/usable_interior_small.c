/*
 * malloc_usable_size of a pointer into a small object.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(64));

	opaque_size(malloc_usable_size(aim(p + 32)));
	return 0;
}
